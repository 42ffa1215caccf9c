"""Tocsin: security events in, ATT&CK verdicts out, nothing lost on the way."""

__version__ = "0.1.0"
