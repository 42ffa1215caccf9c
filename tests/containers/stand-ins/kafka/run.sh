#!/bin/bash
# Do what the image apache/kafka does: settings from KAFKA_ variables, a formatted data directory, the broker.
set -eu
settings=/opt/kafka/config/server.properties
read -r -a heap <<<"${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G}"
java=(java "${heap[@]}" -XX:+UseSerialGC -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties -cp '/opt/kafka/libs/*')

: >"$settings"
for variable in $(compgen -e KAFKA_); do
    case $variable in
    KAFKA_VERSION | KAFKA_OPTS | KAFKA_HEAP_* | KAFKA_LOG4J_* | KAFKA_JMX_* | KAFKA_JVM_* | KAFKA_GC_*) continue ;;
    esac
    # ___ is -, __ is _, _ is .
    name=$(sed -e 's/^KAFKA_//' -e 's/___/-/g' -e 's/__/\n/g' -e 's/_/./g' -e 's/\n/_/g' <<<"$variable")
    echo "${name,,}=${!variable}" >>"$settings"
done
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$settings"
exec "${java[@]}" kafka.Kafka "$settings"
