"""Package data: Sigma rules beside the events that test them, and the ATT&CK table."""
