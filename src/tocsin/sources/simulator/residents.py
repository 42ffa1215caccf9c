"""What outlives a block: the processes that run since a host was started, and each person's working day."""

from typing import NamedTuple

from tocsin.sources.simulator.actors import (
    MEDIUM,
    SYSTEM_INTEGRITY,
    Process,
    Resident,
    Session,
    guid_of,
    logon_guid_of,
)
from tocsin.sources.simulator.fleet import Host, Role
from tocsin.sources.simulator.programs import program
from tocsin.sources.simulator.text import escaped, number_of

DAY_US = 86_400 * 1_000_000
HOUR_US = 3_600 * 1_000_000

# The simulation is made a block at a time; whatever happens in a block is over at its end.
BLOCK_US = 600 * 1_000_000
_BLOCK_USED = 0.85  # part of a block in which things begin, so that they can end in it

SYSTEM_LOGON_ID = 0x3E7

_LONG_LIVED = {
    "services": ("services", "C:\\Windows\\system32\\services.exe"),
    "winlogon": ("winlogon", "winlogon.exe"),
    "scheduler": ("svchost", "C:\\Windows\\system32\\svchost.exe -k netsvcs -p -s Schedule"),
    "launcher": ("svchost", "C:\\Windows\\system32\\svchost.exe -k DcomLaunch -p"),
}


def is_weekend(day: int) -> bool:
    """Return whether a day, of those since 1970, is a Saturday or Sunday."""
    return day % 7 in (2, 3)  # 1970 began on a Thursday


class Shift(NamedTuple):
    """A person's working day at a workstation."""

    arrival_us: int
    departure_us: int
    session: Session
    userinit: Process
    explorer: Process


class Residents:
    """Derives long-lived processes and working days from the seed; remembers one day for each host."""

    def __init__(self, seed: int, start_us: int) -> None:
        self._seed = seed
        self._start_us = start_us
        self._resident: dict[int, Resident] = {}
        self._shifts: dict[int, tuple[int, Shift | None]] = {}

    def resident_of(self, host: Host) -> Resident:
        """The processes and session that `host` has had since it was started, some days before the simulation."""
        resident = self._resident.get(host.number)
        if resident is None:
            resident = self._resident[host.number] = self._started(host)
        return resident

    def shift_of(self, host: Host, day: int) -> Shift | None:
        """The working day (days since 1970, UTC) of a workstation's owner; None at weekends and on servers."""
        known = self._shifts.get(host.number)
        if known is not None and known[0] == day:
            return known[1]
        shift = self._working_day(host, day)
        self._shifts[host.number] = (day, shift)
        return shift

    def _number(self, host: Host, *parts: int | str) -> int:
        return number_of(self._seed, host.number, *parts)

    def _started(self, host: Host) -> Resident:
        boot_us = self._start_us - (1 + self._number(host, "boot") % (20 * 24)) * HOUR_US
        guid = logon_guid_of(host, boot_us, SYSTEM_LOGON_ID)
        system = Session.of(host.account, SYSTEM_LOGON_ID, guid, 0, SYSTEM_INTEGRITY)
        processes = {
            "lsass": self._lsass(host, boot_us, system),
        } | {
            name: self._process(host, boot_us, name, program_name, escaped(command), system)
            for name, (program_name, command) in _LONG_LIVED.items()
        }
        return Resident(
            system=system,
            services=processes["services"],
            winlogon=processes["winlogon"],
            scheduler=processes["scheduler"],
            launcher=processes["launcher"],
            lsass=processes["lsass"],
        )

    def _lsass(self, host: Host, boot_us: int, system: Session) -> Process:
        guid = guid_of(host, boot_us, self._number(host, "lsass") & 0xFFFFFFFFFFFF)
        return Process.of(guid, host.lsass_pid, program("lsass"), escaped("C:\\Windows\\system32\\lsass.exe"), system)

    def _working_day(self, host: Host, day: int) -> Shift | None:
        if host.role is not Role.WORKSTATION or is_weekend(day):
            return None
        midnight_us = day * DAY_US
        late_us = self._number(host, day, "arrival") % (HOUR_US * 5 // 4)
        overtime_us = self._number(host, day, "departure") % (2 * HOUR_US)
        arrival_us = self._early_in_block(midnight_us + HOUR_US * 15 // 2 + late_us)
        departure_us = self._early_in_block(midnight_us + HOUR_US * 33 // 2 + overtime_us)
        logon_id = 0x40000 + self._number(host, day, "logon") % 0xBFFFF
        session = Session.of(host.owner, logon_id, logon_guid_of(host, arrival_us, logon_id), 1, MEDIUM)
        started_us = arrival_us + 1_500_000
        userinit = self._process(
            host, started_us, f"userinit {day}", "userinit", escaped("C:\\Windows\\system32\\userinit.exe"), session
        )
        explorer = self._process(
            host, started_us, f"explorer {day}", "explorer", escaped("C:\\Windows\\Explorer.EXE"), session
        )
        return Shift(arrival_us, departure_us, session, userinit, explorer)

    def _early_in_block(self, time_us: int) -> int:
        block, offset = divmod(time_us - self._start_us, BLOCK_US)
        return self._start_us + block * BLOCK_US + 5_000_000 + int(offset * _BLOCK_USED)

    def _process(
        self, host: Host, started_us: int, name: str, program_name: str, command: bytes, session: Session
    ) -> Process:
        guid = guid_of(host, started_us, self._number(host, name) & 0xFFFFFFFFFFFF)
        return Process.of(guid, self._pid(host, name), program(program_name), command, session)

    def _pid(self, host: Host, name: str) -> int:
        return 4 * (120 + self._number(host, name, "pid") % 900)
