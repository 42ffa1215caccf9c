"""Write down what a process does, as Sysmon sees it: connections, names, files, registry values, images, handles."""

from typing import NamedTuple

from tocsin.sources.simulator import sysmon_kinds
from tocsin.sources.simulator.actors import Process
from tocsin.sources.simulator.fleet import Host
from tocsin.sources.simulator.kinds import kind_number
from tocsin.sources.simulator.libraries import Library
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.text import utc_of

_CONNECTION = kind_number(sysmon_kinds.CONNECTION)
_IMAGE_LOADED = kind_number(sysmon_kinds.IMAGE_LOADED)
_PROCESS_ACCESSED = kind_number(sysmon_kinds.PROCESS_ACCESSED)
_FILE_CREATED = kind_number(sysmon_kinds.FILE_CREATED)
_REGISTRY_VALUE_SET = kind_number(sysmon_kinds.REGISTRY_VALUE_SET)
_DNS_QUERY = kind_number(sysmon_kinds.DNS_QUERY)

_MAIN_THREAD = 12  # its id, counted from that of the process
_DELAY_US = 700  # Sysmon is a little behind


class Endpoint(NamedTuple):
    """The other side of a connection."""

    address: bytes
    port: int
    protocol: bytes = b"tcp"


def connected(recorder: Recorder, time_us: int, host: Host, process: Process, to: Endpoint) -> None:
    """Sysmon 3, of a connection that the process opened."""
    actor = (utc_of(time_us), process.guid, process.pid, process.program.image, process.session.account.user)
    values = (*actor, to.protocol, b"true", host.address, recorder.client_port(), to.address, to.port)
    _write(recorder, time_us, _CONNECTION, host, values)


def looked_up(
    recorder: Recorder, time_us: int, host: Host, process: Process, name: bytes, address: bytes | None
) -> None:
    """Sysmon 22; without an address there is no such name."""
    status, results = (b"0", b"::ffff:%b;" % address) if address else (b"9003", b"-")
    actor = (utc_of(time_us), process.guid, process.pid)
    who = (process.program.image, process.session.account.user)
    _write(recorder, time_us, _DNS_QUERY, host, (*actor, name, status, results, *who))


def file_created(
    recorder: Recorder, time_us: int, host: Host, process: Process, path: bytes, created_us: int | None = None
) -> None:
    """Sysmon 11; a file that is written again keeps the time when it was first made."""
    utc = utc_of(time_us)
    actor = (utc, process.guid, process.pid, process.program.image)
    created = utc if created_us is None else utc_of(created_us)
    _write(recorder, time_us, _FILE_CREATED, host, (*actor, path, created, process.session.account.user))


def value_set(
    recorder: Recorder, time_us: int, host: Host, process: Process, value_path: bytes, details: bytes
) -> None:
    """Sysmon 13; `value_path` begins with HKLM or HKU."""
    actor = (utc_of(time_us), process.guid, process.pid, process.program.image)
    values = (*actor, value_path, details, process.session.account.user)
    _write(recorder, time_us, _REGISTRY_VALUE_SET, host, values)


def image_loaded(recorder: Recorder, time_us: int, host: Host, process: Process, library: Library) -> None:
    """Sysmon 7."""
    actor = (utc_of(time_us), process.guid, process.pid, process.program.image)
    _write(recorder, time_us, _IMAGE_LOADED, host, (*actor, *library, process.session.account.user))


def process_accessed(
    recorder: Recorder, time_us: int, host: Host, process: Process, target: Process, access: bytes, trace: bytes
) -> None:
    """Sysmon 10; `access` is the mask (`0x1410`), `trace` the call stack."""
    source = (process.guid, process.pid, process.pid + _MAIN_THREAD, process.program.image)
    aim = (target.guid, target.pid, target.program.image)
    users = (process.session.account.user, target.session.account.user)
    values = (utc_of(time_us), *source, *aim, access, trace, *users)
    _write(recorder, time_us, _PROCESS_ACCESSED, host, values)


def _write(recorder: Recorder, time_us: int, kind: int, host: Host, values: tuple[object, ...]) -> None:
    if host.has_sysmon:
        recorder.write(time_us + _DELAY_US, kind, host, host.sysmon_pid, values)
