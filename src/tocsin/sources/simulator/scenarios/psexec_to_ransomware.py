"""A stolen administrator, PsExec on one server after the other, then everything is encrypted."""

from tocsin.sources.simulator.actors import HIGH, KERBEROS
from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.fleet import Host
from tocsin.sources.simulator.shares import ADMIN_SHARE, PIPES, WRITE

MOVES = (
    Move("The program is copied to the servers", "TA0008", "T1570", "correlation"),
    Move("PsExec's service runs it as SYSTEM", "TA0002", "T1569.002"),
    Move("Virus protection is switched off", "TA0112", "T1685"),
    Move("Services that hold files open are stopped", "TA0040", "T1489"),
    Move("Shadow copies are deleted", "TA0040", "T1490"),
    Move("Recovery at boot is switched off", "TA0040", "T1490"),
    Move("Files are encrypted one after the other", "TA0040", "T1486", "correlation"),
    Move("A note asks for money", "TA0040", "T1486"),
    Move("The wallpaper says so, too", "TA0040", "T1491.001"),
)

_TARGETS = 3
_FILES = 40
_NOTE = "RESTORE-MY-FILES.txt"


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    fleet = playing.fleet
    origin = playing.pick(fleet.workstations or fleet.hosts, "origin")
    first = playing.number % len(fleet.servers)
    targets = (*fleet.servers[first:], *fleet.servers[:first])[:_TARGETS]
    for turn, target in enumerate(targets):
        _encrypt(playing, origin, target, turn * 240)
    playing.pause()


def _encrypt(playing: Playing, origin: Host, target: Host, start: float) -> None:
    recorder = playing.recorder
    admin = playing.fleet.admins[playing.number % len(playing.fleet.admins)]
    playing.begin(MOVES, 1)
    session = recorder.logged_on(playing.at(start), target, admin, KERBEROS, address=origin.address, integrity=HIGH)
    copied = playing.at(start + 1)
    recorder.share_file_checked(copied, target, session, origin.address, ADMIN_SHARE, b"Temp\\\\hbl.exe", WRITE)
    playing.begin(MOVES, 2)
    recorder.service_installed(playing.at(start + 3), target, admin, b"PSEXESVC", b"%SystemRoot%\\\\PSEXESVC.exe")
    services = playing.residents.resident_of(target).services
    service = playing.start(start + 3.4, target, services, "psexesvc", "C:\\Windows\\PSEXESVC.exe")
    piped = playing.at(start + 3.6)
    recorder.share_file_checked(piped, target, session, origin.address, PIPES, b"PSEXESVC", WRITE)
    shell = playing.start(
        start + 4, target, service, "cmd", "C:\\Windows\\system32\\cmd.exe /c C:\\Windows\\Temp\\hbl.cmd"
    )
    playing.begin(MOVES, 3)
    key = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender"
    registry = playing.start(
        start + 20, target, shell, "reg", f'reg  add "{key}" /v DisableAntiSpyware /t REG_DWORD /d 1 /f'
    )
    playing.set_value(start + 20.1, target, registry, f"{key}\\DisableAntiSpyware", "DWORD (0x00000001)")
    playing.begin(MOVES, 4)
    for turn, name in enumerate(("MSSQLSERVER", "NGBackup")):
        net = playing.start(start + 30 + turn, target, shell, "net", f"net  stop {name} /y")
        playing.start(start + 30.1 + turn, target, net, "net1", f"C:\\Windows\\system32\\net1  stop {name} /y")
    playing.start(start + 33, target, shell, "taskkill", "taskkill  /F /IM sqlservr.exe /T")
    playing.begin(MOVES, 5)
    playing.start(start + 40, target, shell, "vssadmin", "vssadmin  delete shadows /all /quiet")
    playing.start(start + 41, target, shell, "wmic", "wmic  shadowcopy delete")
    playing.begin(MOVES, 6)
    playing.start(start + 43, target, shell, "bcdedit", "bcdedit  /set {default} bootstatuspolicy ignoreallfailures")
    playing.begin(MOVES, 7)
    encryptor = playing.start(start + 50, target, shell, "encryptor", "C:\\Windows\\Temp\\hbl.exe -p D:\\ -k 4c1f")
    for number in range(_FILES):
        path = f"D:\\Data\\2026\\{number:02d}\\ledger-{number * 13 % 97:02d}.xlsx.harborlock"
        playing.create_file(start + 51 + number * 0.4, target, encryptor, path)
    playing.begin(MOVES, 8)
    for turn, folder in enumerate(("D:\\Data", "C:\\Users\\Public\\Desktop")):
        playing.create_file(start + 70 + turn, target, shell, f"{folder}\\{_NOTE}")
    playing.begin(MOVES, 9)
    wallpaper = '"HKEY_CURRENT_USER\\Control Panel\\Desktop" /v Wallpaper /t REG_SZ /d C:\\Windows\\Temp\\n.bmp /f'
    playing.start(start + 80, target, shell, "reg", f"reg  add {wallpaper}")
    playing.pause()
    recorder.logged_off(playing.at(start + 90), target, session, KERBEROS)
