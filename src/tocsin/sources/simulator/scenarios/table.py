"""The scenarios by name, and when each begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.scenarios import (
    archive_to_cloud,
    cleared_tracks,
    kerberoast_to_ntds,
    lure_to_keylogger,
    phish_to_credentials,
    psexec_to_ransomware,
    spray_to_rdp,
    web_shell_to_system,
    wmi_to_domain_admin,
)


@dataclass(frozen=True)
class Scenario:
    """One attack that can be played."""

    moves: tuple[Move, ...]
    play: Callable[[Playing], None]
    begins_at: int  # events of the fleet into each period


# Spread over the period, which is a day of fifty hosts: one after the other by day, the last one at night.
SCENARIOS: Mapping[str, Scenario] = {
    name: Scenario(module.MOVES, module.play, begins_at)
    for name, module, begins_at in (
        ("phish-to-credentials", phish_to_credentials, 7_000),
        ("kerberoast-to-ntds", kerberoast_to_ntds, 15_000),
        ("lure-to-keylogger", lure_to_keylogger, 22_500),
        ("web-shell-to-system", web_shell_to_system, 30_000),
        ("archive-to-cloud", archive_to_cloud, 38_000),
        ("spray-to-rdp", spray_to_rdp, 46_000),
        ("wmi-to-domain-admin", wmi_to_domain_admin, 54_000),
        ("cleared-tracks", cleared_tracks, 63_000),
        ("psexec-to-ransomware", psexec_to_ransomware, 84_000),
    )
}
