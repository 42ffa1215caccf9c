"""The attacks that can be played, each told step by step in a file of its own."""

from tocsin.sources.simulator.scenarios.table import SCENARIOS

__all__ = ["SCENARIOS"]
