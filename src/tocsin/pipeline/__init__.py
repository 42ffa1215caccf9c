"""Put the parts together: which source, step and sink each stage is made of."""
