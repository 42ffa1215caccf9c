"""Do what a program's footprints say: each is made ready once for an account, then written down often."""

from collections.abc import Callable
from functools import lru_cache

from tocsin.sources.simulator import deeds
from tocsin.sources.simulator.actors import Process
from tocsin.sources.simulator.deeds import Endpoint
from tocsin.sources.simulator.fleet import Account, Fleet, Host
from tocsin.sources.simulator.footprints import FOOTPRINTS, Deed, Load, Open, Reach, Set, Visit, Write
from tocsin.sources.simulator.libraries import COMMON, Library, library
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.residents import DAY_US
from tocsin.sources.simulator.text import escaped

Pieces = tuple[bytes, ...]  # text cut where a number by chance belongs

_STACK = (
    b"C:\\\\Windows\\\\SYSTEM32\\\\ntdll.dll+9d4c4|C:\\\\Windows\\\\System32\\\\KERNELBASE.dll+2726e|"
    b"C:\\\\Windows\\\\System32\\\\RPCRT4.dll+76953"
)
_WRITTEN_AGAIN = 0.45  # of the files: those that were there before keep the time of their creation
_LOADED_AT_ONCE = 5
_SET_AT_ONCE = 3
_OPENED_AT_ONCE = 6

Do = Callable[[Recorder, Fleet, int, Host, Process], None]  # at a time (microseconds since 1970) on a host


@lru_cache(maxsize=1 << 16)
def footprints_of(program: str, account: Account) -> tuple[Do, ...]:
    """Return what the program may do as that account, ready to be done; one drawn evenly is drawn by weight."""
    deeds_of_program = FOOTPRINTS.get(program, {})
    return tuple(
        do for deed, weight in deeds_of_program.items() for do in (_ready(deed, account),) for _ in range(weight)
    )


def _ready(deed: Deed, account: Account) -> Do:
    match deed:
        case Visit():
            return _visit(deed.name.encode(), Endpoint(deed.address.encode(), deed.port), deed.is_connected)
        case Reach():
            return _reach(deed.role, deed.port)
        case Write():
            return _write(_pieces(deed.path, account))
        case Set():
            return _set(_pieces(deed.value_path, account), _pieces(deed.details, account))
        case Load():
            return _load(tuple(map(library, deed.names)))
        case Open():
            return _open(deed.access.encode())


def _visit(name: bytes, endpoint: Endpoint, is_connected: bool) -> Do:
    def do(recorder: Recorder, _: Fleet, time_us: int, host: Host, process: Process) -> None:
        deeds.looked_up(recorder, time_us, host, process, name, endpoint.address)
        if is_connected:
            deeds.connected(recorder, time_us + 40_000, host, process, endpoint)

    return do


def _reach(role: str, port: int) -> Do:
    def do(recorder: Recorder, fleet: Fleet, time_us: int, host: Host, process: Process) -> None:
        places = fleet.controllers if role == "controller" else fleet.servers
        place = places[host.number % len(places)]
        deeds.connected(recorder, time_us, host, process, Endpoint(place.address, port))

    return do


def _write(path: Pieces) -> Do:
    def do(recorder: Recorder, _: Fleet, time_us: int, host: Host, process: Process) -> None:
        again = recorder.random() < _WRITTEN_AGAIN
        created_us = time_us - time_us % DAY_US - DAY_US if again else time_us
        deeds.file_created(recorder, time_us, host, process, _numbered(recorder, path), created_us)

    return do


def _set(value_path: Pieces, details: Pieces) -> Do:
    def do(recorder: Recorder, _: Fleet, time_us: int, host: Host, process: Process) -> None:
        for _number in range(1 + int(recorder.random() * _SET_AT_ONCE)):
            path = _numbered(recorder, value_path)
            deeds.value_set(recorder, time_us, host, process, path, _numbered(recorder, details))

    return do


def _load(libraries: tuple[Library, ...]) -> Do:
    common = tuple(map(library, COMMON))

    def do(recorder: Recorder, _: Fleet, time_us: int, host: Host, process: Process) -> None:
        first = int(recorder.random() * (len(common) - _LOADED_AT_ONCE))
        for loaded in (*common[first : first + 1 + int(recorder.random() * _LOADED_AT_ONCE)], *libraries):
            deeds.image_loaded(recorder, time_us, host, process, loaded)

    return do


def _open(access: bytes) -> Do:
    def do(recorder: Recorder, _: Fleet, time_us: int, host: Host, process: Process) -> None:
        for _number in range(1 + int(recorder.random() * _OPENED_AT_ONCE)):
            deeds.process_accessed(recorder, time_us, host, process, recorder.resident_of(host).lsass, access, _STACK)

    return do


def _numbered(recorder: Recorder, pieces: Pieces) -> bytes:
    """Join pieces of text with a number by chance."""
    return (b"%04d" % int(recorder.random() * 10_000)).join(pieces) if len(pieces) > 1 else pieces[0]


def _pieces(text: str, account: Account) -> Pieces:
    hive = "HKU\\" + (account.sid.decode() if account.folder else ".DEFAULT")
    user = account.folder or "Default"
    return tuple(escaped(text.replace("{user}", user).replace("{hive}", hive)).split(b"{n}"))
