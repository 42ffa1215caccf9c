"""Tickets whose passwords can be guessed at leisure, a service account, the directory's database."""

from tocsin.sources.simulator import directory
from tocsin.sources.simulator.actors import HIGH, REMOTE_INTERACTIVE
from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.directory import DOMAIN_ADMINS, RC4
from tocsin.sources.simulator.fleet import Host

MOVES = (
    Move("Which services run under an account", "TA0006", "T1558.003"),
    Move("PowerShell asks for a ticket of each", "TA0006", "T1558.003"),
    Move("The tickets come with a weak cipher", "TA0006", "T1558.003"),
    Move("A ticket is given without pre-authentication", "TA0006", "T1558.004"),
    Move("The service account logs on to a domain controller", "TA0004", "T1078.002", "correlation"),
    Move("The directory's database is copied by ntdsutil", "TA0006", "T1003.003"),
    Move("The copy is packed with a password", "TA0009", "T1560.001"),
    Move("An account joins the domain administrators", "TA0003", "T1098.007"),
)

_TICKETS = (
    "Add-Type -AssemblyName System.IdentityModel; $names | ForEach-Object { "
    "New-Object System.IdentityModel.Tokens.KerberosRequestorSecurityToken -ArgumentList $_ }"
)


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    victim = playing.pick(playing.fleet.workstations or playing.fleet.hosts, "victim")
    controller = playing.pick(playing.fleet.controllers, "controller")
    _ask_for_tickets(playing, victim, controller)
    _take_directory(playing, victim, controller)


def _ask_for_tickets(playing: Playing, victim: Host, controller: Host) -> None:
    fleet, recorder = playing.fleet, playing.recorder
    shell = playing.start(0, victim, playing.desktop_of(victim, 400), "powershell", "{image} ")
    playing.begin(MOVES, 1)
    playing.start(20, victim, shell, "setspn", '"C:\\Windows\\system32\\setspn.exe" -T harbor.example -Q */*')
    playing.begin(MOVES, 2)
    playing.script(95, victim, shell, _TICKETS, is_suspicious=True)
    playing.begin(MOVES, 3)
    for turn, service in enumerate(fleet.services):
        moment = playing.at(95.2 + turn * 0.3)
        directory.service_ticket_given(recorder, moment, controller, victim.owner, service, victim.address, RC4)
    playing.begin(MOVES, 4)
    careless = fleet.services[playing.number % len(fleet.services)]
    directory.ticket_granting_ticket_given(recorder, playing.at(210), controller, careless, victim.address, RC4, b"0")
    playing.pause()


def _take_directory(playing: Playing, victim: Host, controller: Host) -> None:
    recorder = playing.recorder
    account = playing.fleet.services[(playing.number + 1) % len(playing.fleet.services)]
    playing.begin(MOVES, 5)
    session = recorder.logged_on(
        playing.at(1500), controller, account, REMOTE_INTERACTIVE, address=victim.address, integrity=HIGH, terminal=3
    )
    playing.pause()
    desktop = playing.desktop(1501, controller, session)
    shell = playing.start(1530, controller, desktop, "cmd", '"C:\\Windows\\system32\\cmd.exe" ')
    playing.begin(MOVES, 6)
    copy = f"C:\\Windows\\Temp\\d{playing.number}"
    tool = playing.start(1560, controller, shell, "ntdsutil", f'ntdsutil  "ac i ntds" "ifm" "create full {copy}" q q')
    playing.create_file(1566, controller, tool, f"{copy}\\Active Directory\\ntds.dit")
    playing.begin(MOVES, 7)
    packed = f'"C:\\Program Files\\7-Zip\\7z.exe" a -t7z -mhe=on -pWinter2026! C:\\Windows\\Temp\\d.7z {copy}'
    playing.start(1700, controller, shell, "7z", packed)
    playing.begin(MOVES, 8)
    add = 'group "Domain Admins" svc_monitor /add /domain'
    net = playing.start(1900, controller, shell, "net", f"net  {add}")
    playing.start(1900.2, controller, net, "net1", f"C:\\Windows\\system32\\net1  {add}")
    member = playing.fleet.services[3]
    directory.global_member_added(recorder, playing.at(1900.4), controller, session, member, *DOMAIN_ADMINS)
    playing.pause()
    recorder.logged_off(playing.at(2000), controller, session, REMOTE_INTERACTIVE)
