"""The soak: a real Kafka, every stage a process of its own, fault upon fault, and a ledger that judges each round."""
