"""Sigma rules and ATT&CK: load, compile, match, one way and pure."""
