"""An intruder on a server leaves as little behind as can be."""

from tocsin.sources.simulator.actors import HIGH, REMOTE_INTERACTIVE
from tocsin.sources.simulator.attack import Move, Playing

MOVES = (
    Move("Auditing is switched off", "TA0112", "T1685.001"),
    Move("Sysmon's driver is unloaded", "TA0112", "T1685"),
    Move("The history of PowerShell is deleted", "TA0005", "T1070.003"),
    Move("A file is given an old date", "TA0005", "T1070.006"),
    Move("The journal of the volume is deleted", "TA0005", "T1070"),
    Move("The logs are cleared one by one", "TA0112", "T1685.005"),
)

_LOGS = ("System", "Application", '"Windows PowerShell"', "Security")


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    recorder, fleet = playing.recorder, playing.fleet
    target = playing.pick(fleet.servers, "target")
    admin = fleet.admins[playing.number % len(fleet.admins)]
    desk = fleet.hosts[-1]
    session = recorder.logged_on(
        playing.at(0), target, admin, REMOTE_INTERACTIVE, address=desk.address, integrity=HIGH, terminal=4
    )
    desktop = playing.desktop(1, target, session)
    shell = playing.start(30, target, desktop, "powershell", "{image} ")
    playing.begin(MOVES, 1)
    policy = '"C:\\Windows\\system32\\auditpol.exe" /set /category:* /success:disable /failure:disable'
    playing.start(60, target, shell, "auditpol", policy)
    playing.begin(MOVES, 2)
    playing.start(100, target, shell, "fltmc", '"C:\\Windows\\system32\\fltMC.exe" unload SysmonDrv')
    playing.begin(MOVES, 3)
    playing.script(240, target, shell, "Remove-Item (Get-PSReadlineOption).HistorySavePath -Force")
    playing.begin(MOVES, 4)
    dated = "$f = Get-Item C:\\Windows\\Temp\\svc.dll; $f.CreationTime = $f.LastWriteTime = '2019-03-19 04:44:00'"
    playing.script(300, target, shell, dated)
    playing.begin(MOVES, 5)
    playing.start(420, target, shell, "fsutil", '"C:\\Windows\\system32\\fsutil.exe" usn deletejournal /D C:')
    playing.begin(MOVES, 6)
    for turn, log in enumerate(_LOGS):
        playing.start(500 + turn, target, shell, "wevtutil", f'"C:\\Windows\\system32\\wevtutil.exe" cl {log}')
    recorder.log_cleared(playing.at(503.6), target, session)
    playing.pause()
    recorder.logged_off(playing.at(560), target, session, REMOTE_INTERACTIVE)
