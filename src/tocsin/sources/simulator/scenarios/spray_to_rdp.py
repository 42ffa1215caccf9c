"""One password for many accounts, a remote desktop, no way back for the owner."""

from tocsin.sources.simulator import directory
from tocsin.sources.simulator.actors import HIGH, NTLM, REMOTE_INTERACTIVE, Process
from tocsin.sources.simulator.attack import Move, Stage
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


def play(stage: Stage) -> None:
    """Write the whole scenario."""
    fleet, recorder, number = stage.fleet, stage.recorder, stage.number
    target = stage.pick(fleet.servers, "target")
    attacker = f"198.51.100.{30 + number % 200}".encode()
    admin = fleet.admins[(number + 1) % len(fleet.admins)]
    names = [person.name for person in fleet.people[: _ACCOUNTS - 1]] + [admin.name]
    stage.begin(MOVES, 1)
    for turn, name in enumerate(names):
        moment = stage.at(turn * _SECONDS_BETWEEN)
        recorder.logon_failed(moment, target, name, NTLM, address=attacker, workstation=b"KALI")
    stage.begin(MOVES, 2)
    session = recorder.logged_on(
        stage.at(660), target, admin, REMOTE_INTERACTIVE, address=attacker, integrity=HIGH, terminal=3
    )
    stage.pause()
    desktop = stage.desktop(661, target, session)
    shell = stage.start(700, target, desktop, "cmd", '"C:\\Windows\\system32\\cmd.exe" ')

    def run_net(seconds: float, arguments: str) -> Process:
        net = stage.start(seconds, target, shell, "net", f"net  {arguments}")
        return stage.start(seconds + 0.2, target, net, "net1", f"C:\\Windows\\system32\\net1  {arguments}")

    stage.begin(MOVES, 3)
    run_net(740, "user /domain")
    stage.begin(MOVES, 4)
    run_net(790, "localgroup administrators")
    stage.begin(MOVES, 5)
    run_net(1010, "user helpdesk$ Winter2026! /add")
    account = _local_account(stage, target.name)
    directory.account_created(recorder, stage.at(1010.4), target, session, account)
    stage.begin(MOVES, 6)
    run_net(1025, "localgroup administrators helpdesk$ /add")
    directory.local_administrator_added(recorder, stage.at(1025.4), target, session, account)
    stage.begin(MOVES, 7)
    script = "Set-MpPreference -DisableRealtimeMonitoring $true -DisableIOAVProtection $true"
    powershell = stage.start(
        1220, target, shell, "powershell", f"powershell  -ExecutionPolicy Bypass -Command {script}"
    )
    stage.script(1222, target, powershell, script)
    stage.begin(MOVES, 8)
    path = "C:\\Users\\Public\\winhlp64.exe"
    stage.create_file(1490, target, desktop, path)
    stage.start(1500, target, shell, "sc", f'sc  create WinHelpSvc binPath= "{path}" start= auto')
    recorder.service_installed(stage.at(1500.4), target, admin, b"WinHelpSvc", escaped(path), start=b"auto start")
    stage.begin(MOVES, 9)
    stage.start(1980, target, shell, "vssadmin", "vssadmin  delete shadows /all /quiet")
    stage.begin(MOVES, 10)
    stage.start(1992, target, shell, "bcdedit", "bcdedit  /set {default} recoveryenabled no")
    stage.start(1995, target, shell, "wbadmin", "wbadmin  delete catalog -quiet")
    stage.pause()
    recorder.logged_off(stage.at(2050), target, session, REMOTE_INTERACTIVE)


def _local_account(stage: Stage, host: str) -> Account:
    sid = f"S-1-5-21-{1_000_000_000 + stage.number}-2048-4096-1001".encode()
    return Account(sid, b"helpdesk$", host.encode(), escaped(f"{host}\\helpdesk$"), "helpdesk$")
