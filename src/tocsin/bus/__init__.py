"""Topics: a durable log embedded in this machine, or Apache Kafka."""
