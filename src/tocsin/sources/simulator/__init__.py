"""A simulated fleet of Windows hosts, with attacks in it that are labelled apart."""

from tocsin.sources.simulator.settings import FORMATS, SCENARIOS, SimulatorSettings
from tocsin.sources.simulator.source import SimulatorSource

__all__ = ["FORMATS", "SCENARIOS", "SimulatorSettings", "SimulatorSource"]
