"""One password for many accounts, a remote desktop, no way back for the owner."""

from tocsin.sources.simulator import directory
from tocsin.sources.simulator.actors import HIGH, NTLM, REMOTE_INTERACTIVE, Process
from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.fleet import Account
from tocsin.sources.simulator.text import escaped

MOVES = (
    Move("One address tries a password on many accounts", "TA0006", "T1110.003", "correlation"),
    Move("An administrator logs on by remote desktop from outside", "TA0001", "T1078.002"),
    Move("Which accounts has the domain", "TA0007", "T1087.002"),
    Move("Who are the local administrators", "TA0007", "T1069.001"),
    Move("A local account is made", "TA0003", "T1136.001"),
    Move("It becomes an administrator", "TA0003", "T1098.007"),
    Move("Virus protection is switched off", "TA0112", "T1685"),
    Move("A service is installed that starts with the host", "TA0003", "T1543.003"),
    Move("Shadow copies are deleted", "TA0040", "T1490"),
    Move("Recovery at boot is switched off", "TA0040", "T1490"),
)

_ACCOUNTS = 30  # tried in turn
_SECONDS_BETWEEN = 9


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    fleet, recorder, number = playing.fleet, playing.recorder, playing.number
    target = playing.pick(fleet.servers, "target")
    attacker = f"198.51.100.{30 + number % 200}".encode()
    admin = fleet.admins[(number + 1) % len(fleet.admins)]
    names = [person.name for person in fleet.people[: _ACCOUNTS - 1]] + [admin.name]
    playing.begin(MOVES, 1)
    for turn, name in enumerate(names):
        moment = playing.at(turn * _SECONDS_BETWEEN)
        recorder.logon_failed(moment, target, name, NTLM, address=attacker, workstation=b"KALI")
    playing.begin(MOVES, 2)
    session = recorder.logged_on(
        playing.at(660), target, admin, REMOTE_INTERACTIVE, address=attacker, integrity=HIGH, terminal=3
    )
    playing.pause()
    desktop = playing.desktop(661, target, session)
    shell = playing.start(700, target, desktop, "cmd", '"C:\\Windows\\system32\\cmd.exe" ')

    def run_net(seconds: float, arguments: str) -> Process:
        net = playing.start(seconds, target, shell, "net", f"net  {arguments}")
        return playing.start(seconds + 0.2, target, net, "net1", f"C:\\Windows\\system32\\net1  {arguments}")

    playing.begin(MOVES, 3)
    run_net(740, "user /domain")
    playing.begin(MOVES, 4)
    run_net(790, "localgroup administrators")
    playing.begin(MOVES, 5)
    run_net(1010, "user helpdesk$ Winter2026! /add")
    account = _local_account(playing, target.name)
    directory.account_created(recorder, playing.at(1010.4), target, session, account)
    playing.begin(MOVES, 6)
    run_net(1025, "localgroup administrators helpdesk$ /add")
    directory.local_administrator_added(recorder, playing.at(1025.4), target, session, account)
    playing.begin(MOVES, 7)
    script = "Set-MpPreference -DisableRealtimeMonitoring $true -DisableIOAVProtection $true"
    powershell = playing.start(
        1220, target, shell, "powershell", f"powershell  -ExecutionPolicy Bypass -Command {script}"
    )
    playing.script(1222, target, powershell, script)
    playing.begin(MOVES, 8)
    path = "C:\\Users\\Public\\winhlp64.exe"
    playing.create_file(1490, target, desktop, path)
    playing.start(1500, target, shell, "sc", f'sc  create WinHelpSvc binPath= "{path}" start= auto')
    recorder.service_installed(playing.at(1500.4), target, admin, b"WinHelpSvc", escaped(path), start=b"auto start")
    playing.begin(MOVES, 9)
    playing.start(1980, target, shell, "vssadmin", "vssadmin  delete shadows /all /quiet")
    playing.begin(MOVES, 10)
    playing.start(1992, target, shell, "bcdedit", "bcdedit  /set {default} recoveryenabled no")
    playing.start(1995, target, shell, "wbadmin", "wbadmin  delete catalog -quiet")
    playing.pause()
    recorder.logged_off(playing.at(2050), target, session, REMOTE_INTERACTIVE)


def _local_account(playing: Playing, host: str) -> Account:
    sid = f"S-1-5-21-{1_000_000_000 + playing.number}-2048-4096-1001".encode()
    return Account(sid, b"helpdesk$", host.encode(), escaped(f"{host}\\helpdesk$"), "helpdesk$")
