"""Topics on Apache Kafka."""

from tocsin.bus.kafka.bus import KafkaBus
from tocsin.bus.kafka.installation import installation_of
from tocsin.bus.kafka.property_check import problems_of
from tocsin.bus.kafka.settings import KafkaSettings

__all__ = ["KafkaBus", "KafkaSettings", "installation_of", "problems_of"]
