"""The scenario spray-to-rdp: one password for many accounts, a remote desktop, no way back for the owner."""

from tocsin.sources.simulator.attack import Move, Stage
from tocsin.sources.simulator.programs import program
from tocsin.sources.simulator.recorder import (
    HIGH,
    NTLM,
    REMOTE_INTERACTIVE,
    Process,
)
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
    places = [host for host in fleet.servers if host.has_sysmon and host.has_process_audit] or list(fleet.servers)
    target = places[number % len(places)]
    attacker = f"198.51.100.{30 + number % 200}".encode()
    admin = fleet.admins[(number + 1) % len(fleet.admins)]
    names = [person.name for person in fleet.people[: _ACCOUNTS - 1]] + [admin.name]
    stage.begin(MOVES, 1)
    for turn, name in enumerate(names):
        recorder.logon_failed(
            stage.at(turn * _SECONDS_BETWEEN), target, name, NTLM, address=attacker, workstation=b"KALI"
        )
    stage.begin(MOVES, 2)
    session = recorder.logged_on(
        stage.at(660), target, admin, REMOTE_INTERACTIVE, address=attacker, integrity=HIGH, terminal=3
    )
    stage.pause()
    winlogon = stage.residents.resident_of(target).winlogon
    userinit = recorder.process_started(
        stage.at(661), target, winlogon, program("userinit"), escaped("C:\\Windows\\system32\\userinit.exe"), session
    )
    explorer = recorder.process_started(
        stage.at(661.4), target, userinit, program("explorer"), escaped("C:\\Windows\\Explorer.EXE")
    )
    home = escaped(f"C:\\Users\\{admin.folder}\\")

    def run(seconds: float, parent: Process, name: str, command: str) -> Process:
        return recorder.process_started(stage.at(seconds), target, parent, program(name), escaped(command), None, home)

    def run_net(seconds: float, shell: Process, arguments: str) -> None:
        net = run(seconds, shell, "net", f"net  {arguments}")
        run(seconds + 0.2, net, "net1", f"C:\\Windows\\system32\\net1  {arguments}")

    shell = run(700, explorer, "cmd", '"C:\\Windows\\system32\\cmd.exe" ')
    stage.begin(MOVES, 3)
    run_net(740, shell, "user /domain")
    stage.begin(MOVES, 4)
    run_net(790, shell, "localgroup administrators")
    stage.begin(MOVES, 5)
    run_net(1010, shell, "user helpdesk$ Winter2026! /add")
    stage.begin(MOVES, 6)
    run_net(1025, shell, "localgroup administrators helpdesk$ /add")
    stage.begin(MOVES, 7)
    script = "Set-MpPreference -DisableRealtimeMonitoring $true -DisableIOAVProtection $true"
    powershell = run(1220, shell, "powershell", f"powershell  -ExecutionPolicy Bypass -Command {script}")
    recorder.script_ran(stage.at(1222), target, powershell, escaped(script))
    stage.begin(MOVES, 8)
    path = "C:\\Users\\Public\\winhlp64.exe"
    run(1500, shell, "sc", f'sc  create WinHelpSvc binPath= "{path}" start= auto')
    recorder.service_installed(stage.at(1500.4), target, admin, b"WinHelpSvc", escaped(path), start=b"auto start")
    stage.begin(MOVES, 9)
    run(1980, shell, "vssadmin", "vssadmin  delete shadows /all /quiet")
    stage.begin(MOVES, 10)
    run(1992, shell, "bcdedit", "bcdedit  /set {default} recoveryenabled no")
    run(1995, shell, "wbadmin", "wbadmin  delete catalog -quiet")
    stage.pause()
    recorder.logged_off(stage.at(2050), target, session, REMOTE_INTERACTIVE)
