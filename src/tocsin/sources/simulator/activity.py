"""Ordinary life on one host for one block of time: Windows keeps house, people work, servers serve."""

from tocsin.sources.simulator.actors import SERVICE, SYSTEM_INTEGRITY
from tocsin.sources.simulator.chance import Chance
from tocsin.sources.simulator.fleet import Account, Fleet, Host, Role
from tocsin.sources.simulator.habits import HOUSEKEEPING, by_weight
from tocsin.sources.simulator.look_alikes import LookAlikes
from tocsin.sources.simulator.network_logons import NetworkLogons
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.residents import DAY_US, HOUR_US, Residents, is_weekend
from tocsin.sources.simulator.server_life import ServerLife
from tocsin.sources.simulator.text import escaped
from tocsin.sources.simulator.trees import Trees
from tocsin.sources.simulator.working_day import WorkingDay

# Times in a block of ten minutes, on average.
_HOUSEKEEPING = 1.4
_RESIDENT_WORK = 0.7
_SERVICE_LOGONS = 0.3
_UPDATES = 0.002

_LOAD_AT_NIGHT = 0.35

_HOUSEKEEPING_HABITS = by_weight(HOUSEKEEPING)
_UPDATED_SERVICES = (
    ("Google Chrome Elevation Service", "C:\\Program Files\\Google\\Chrome\\Application\\{n}\\elevation_service.exe"),
    ("Microsoft Update Health Service", "C:\\Program Files\\Microsoft Update Health Tools\\uhssvc.exe"),
    ("MpKslDrv{n}", "C:\\ProgramData\\Microsoft\\Windows Defender\\Definition Updates\\{n}\\MpKslDrv.sys"),
    ("Northgate Backup Agent", '"C:\\Program Files\\Northgate Backup\\ngbackup.exe" --service'),
)


class Activity:
    """Writes one block of ordinary life to a recorder."""

    def __init__(self, fleet: Fleet, residents: Residents, recorder: Recorder, block_start_us: int) -> None:
        self._residents = residents
        self._recorder = recorder
        self._chance = chance = Chance(recorder.random, block_start_us)
        self._trees = trees = Trees(fleet, recorder, chance)
        self._network_logons = NetworkLogons(fleet, recorder, chance)
        self._look_alikes = LookAlikes(fleet, residents, recorder, chance)
        self._working_day = WorkingDay(fleet, residents, recorder, chance, trees, block_start_us)
        self._server_life = ServerLife(fleet, residents, recorder, chance, trees)
        self._hour = block_start_us % DAY_US // HOUR_US
        self._is_day = not is_weekend(block_start_us // DAY_US) and 8 <= self._hour < 18

    def write(self, host: Host) -> None:
        """Write the block of one host."""
        load = 1.0 if self._is_day else _LOAD_AT_NIGHT
        for _ in range(self._chance.times(_HOUSEKEEPING)):
            self._housekeeping(host)
        for _ in range(self._chance.times(_RESIDENT_WORK * load)):
            self._resident_work(host)
        for _ in range(self._chance.times(_SERVICE_LOGONS)):
            self._service_logon(host)
        self._network_logons.write(host, load)
        for _ in range(self._chance.times(_UPDATES)):
            self._updated(host)
        self._look_alikes.write(host, hour=self._hour)
        if host.role is Role.WORKSTATION:
            self._working_day.write(host)
        else:
            self._server_life.write(host, is_day=self._is_day)

    def _housekeeping(self, host: Host) -> None:
        habit = self._chance.one(_HOUSEKEEPING_HABITS)
        resident = self._residents.resident_of(host)
        roots = {"services": resident.services, "scheduler": resident.scheduler, "launcher": resident.launcher}
        self._trees.start(self._chance.moment(), host, roots[habit.root], habit.starts, "", None)

    def _resident_work(self, host: Host) -> None:
        resident = self._residents.resident_of(host)
        process = self._chance.one((resident.launcher, resident.scheduler))
        self._trees.leave_footprints(self._chance.moment(), host, process)

    def _service_logon(self, host: Host) -> None:
        """Services that start log SYSTEM on once more: same logon id, no end."""
        self._recorder.logged_on(
            self._chance.moment(), host, _system(host), SERVICE, integrity=SYSTEM_INTEGRITY, logon_id=0x3E7
        )

    def _updated(self, host: Host) -> None:
        name, path = self._chance.one(_UPDATED_SERVICES)
        number = str(int(self._chance.random() * 10_000))
        self._recorder.service_installed(
            self._chance.moment(),
            host,
            host.account,
            escaped(name.replace("{n}", number)),
            escaped(path.replace("{n}", number)),
            start=b"auto start" if "Northgate" in name else b"demand start",
            type_=b"kernel mode driver" if path.endswith(".sys") else b"user mode service",
        )


def _system(host: Host) -> Account:
    return Account(b"S-1-5-18", b"SYSTEM", b"NT AUTHORITY", host.account.user, "")
