#!/bin/sh
# Fetch Apache Kafka from Maven Central into FOLDER: the versions of pom.xml, each file checked against jars.sha256.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1

if [ -f "$folder/.ready" ] && cmp -s "$here/jars.sha256" "$folder/.ready"; then
    exit 0
fi
echo "services: fetching Apache Kafka from Maven Central (60 MB)"
rm -rf "$folder"
mkdir -p "$folder"
partial=$(mktemp -d)
trap 'rm -rf "$partial"' EXIT
mvn -B -ntp -q -Dstyle.color=never -f "$here/pom.xml" -Dmaven.repo.local="$partial/repository" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$partial/jars"
(cd "$partial/jars" && sha256sum --quiet --check "$here/jars.sha256")
mv "$partial/jars"/*.jar "$folder/"
cp "$here/jars.sha256" "$folder/.ready"
