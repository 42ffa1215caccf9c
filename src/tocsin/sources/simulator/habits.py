"""What people and hosts start in the course of a day, and how often."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tocsin.sources.simulator.programs import Program, program


@dataclass(frozen=True, eq=False)  # told apart by identity: a fast key
class Start:
    """A program to start: `depth` 0 under the root, deeper under the last one that is one less deep."""

    depth: int
    program: str
    commands: tuple[str, ...]  # one is chosen; {image} quoted path, {user} profile folder, {n} a number by chance


@dataclass(frozen=True)
class Habit:
    """A tree of processes, started from time to time."""

    weight: int
    root: str  # explorer; or services, scheduler, launcher as SYSTEM; or launcher for the person: "broker"
    starts: tuple[Start, ...]


_CHROME_CHILD = (
    "{image} --type=renderer --string-annotations --video-capture-use-gpu-memory-buffer --lang=en-US "
    "--device-scale-factor=1 --num-raster-threads=4 --enable-main-frame-before-activation --renderer-client-id={n} "
    "--time-ticks-at-unix-epoch=-1768190{n} --launch-time-ticks=44{n} --field-trial-handle={n},i,1147,262144 "
    "--variations-seed-version /prefetch:1",
    "{image} --type=utility --utility-sub-type=network.mojom.NetworkService --lang=en-US --service-sandbox-type=none "
    "--field-trial-handle={n},i,1147,262144 --variations-seed-version --mojo-platform-channel-handle={n} /prefetch:3",
    "{image} --type=gpu-process --gpu-preferences=UAAAAAAAAADgAAAEAAAAAAAAAAAAAAAAAABgAAEAAAA4AAAA "
    "--field-trial-handle={n},i,1147,262144 --mojo-platform-channel-handle={n} /prefetch:2",
)
_DOCUMENTS = "C:\\Users\\{user}\\Documents\\"
_CONSOLE = Start(1, "conhost", ("\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1",))

PERSON = (
    Habit(
        16,
        "explorer",
        (
            Start(0, "chrome", ("{image} ", "{image} --profile-directory=Default")),
            Start(1, "chrome", _CHROME_CHILD),
            Start(1, "chrome", _CHROME_CHILD),
        ),
    ),
    Habit(
        8,
        "explorer",
        (
            Start(
                0, "edge", ("{image} --profile-directory=Default", "{image} https://intranet.harbor.example/news/{n}")
            ),
            Start(1, "edge", _CHROME_CHILD),
        ),
    ),
    Habit(
        8,
        "explorer",
        (
            Start(0, "outlook", ("{image} ", "{image} /recycle")),
            Start(1, "winword", ('{image} /n "C:\\Users\\{user}\\Documents\\From mail\\Minutes {n}.docx" /o ""',)),
        ),
    ),
    Habit(
        9,
        "explorer",
        (
            Start(
                0,
                "winword",
                (
                    '{image} /n "' + _DOCUMENTS + 'Report {n}.docx" /o ""',
                    '{image} /n "\\\\SRV-0001\\projects\\{n}\\Minutes.docx" /o ""',
                ),
            ),
        ),
    ),
    Habit(9, "explorer", (Start(0, "excel", ('{image} "' + _DOCUMENTS + 'Budget {n}.xlsx"', "{image} /dde")),)),
    Habit(3, "explorer", (Start(0, "powerpnt", ('{image} "' + _DOCUMENTS + 'Review {n}.pptx" /ou ""',)),)),
    Habit(5, "explorer", (Start(0, "acrobat", ('{image} "C:\\Users\\{user}\\Downloads\\invoice-{n}.pdf"',)),)),
    Habit(
        3,
        "explorer",
        (Start(0, "teams", ('"ms-teams.exe" msteams:system-initiated',)), Start(1, "edge", _CHROME_CHILD)),
    ),
    Habit(
        2, "explorer", (Start(0, "notepad", ('"C:\\Windows\\system32\\NOTEPAD.EXE" ' + _DOCUMENTS + "notes-{n}.txt",)),)
    ),
    Habit(1, "explorer", (Start(0, "7zip", ('{image} "C:\\Users\\{user}\\Downloads\\archive-{n}.zip"',)),)),
    Habit(1, "explorer", (Start(0, "calc", ('"C:\\Windows\\system32\\calc.exe" ',)),)),
    Habit(14, "broker", (Start(0, "runtimebroker", ("C:\\Windows\\System32\\RuntimeBroker.exe -Embedding",)),)),
    Habit(
        10,
        "broker",
        (
            Start(
                0,
                "backgroundtaskhost",
                (
                    '"C:\\Windows\\system32\\backgroundTaskHost.exe" '
                    "-ServerName:App.AppXmtcan0h2tfbfy7k9kn8hbxb6dmzz1zh0.mca",
                    '"C:\\Windows\\system32\\backgroundTaskHost.exe" '
                    "-ServerName:CortanaUI.AppX8z9r6jm96hw4bsbneegw0kyxx296wr9t.mca",
                ),
            ),
        ),
    ),
    Habit(
        8,
        "broker",
        (
            Start(
                0, "dllhost", ("C:\\Windows\\system32\\DllHost.exe /Processid:{AB8902B4-09CA-4BB6-B78D-A8F59079A8D5}",)
            ),
        ),
    ),
)

DEVELOPER = (
    *PERSON,
    Habit(
        30,
        "explorer",
        (
            Start(0, "code", ("{image} ", "{image} C:\\src\\orders-{n}")),
            Start(1, "code", ("{image} --type=utility --utility-sub-type=node.mojom.NodeService --lang=en-US {n}",)),
            Start(1, "powershell", ("{image} -noexit -command \"try { . 'shellIntegration.ps1' } catch {}\"",)),
            Start(2, "git", ("git.exe status -z -uall", "git.exe fetch --all --prune", "git.exe rev-parse HEAD~{n}")),
        ),
    ),
    Habit(
        25,
        "explorer",
        (
            Start(0, "cmd", ('"C:\\Windows\\system32\\cmd.exe" ',)),
            _CONSOLE,
            Start(1, "node", ("node  C:\\src\\orders\\node_modules\\.bin\\webpack --mode development --port {n}",)),
            Start(1, "git", ('git  commit -m "Fix order {n}"', "git  pull --rebase", "git  log --oneline -{n}")),
            Start(1, "python", ("python  -m pytest tests\\test_{n}.py -q", "python  tools\\report.py --week {n}")),
        ),
    ),
    Habit(
        10,
        "explorer",
        (
            Start(0, "cmd", ('"C:\\Windows\\system32\\cmd.exe" ',)),
            Start(1, "ipconfig", ("ipconfig  /all",)),
            Start(1, "ping", ("ping  10.20.0.{n}", "ping  -n 4 SRV-0001")),
        ),
    ),
)

HOUSEKEEPING = (
    Habit(
        22,
        "services",
        (
            Start(
                0,
                "svchost",
                tuple(
                    f"C:\\Windows\\system32\\svchost.exe -k {group}"
                    for group in (
                        "netsvcs -p -s wlidsvc",
                        "netsvcs -p -s wuauserv",
                        "netsvcs -p -s BITS",
                        "wsappx -p -s ClipSVC",
                        "LocalService -p -s LicenseManager",
                        "netsvcs -p -s UsoSvc",
                        "LocalSystemNetworkRestricted -p -s PcaSvc",
                        "wusvcs -p -s WaaSMedicSvc",
                    )
                ),
            ),
        ),
    ),
    Habit(
        16,
        "scheduler",
        (
            Start(
                0,
                "taskhostw",
                ("taskhostw.exe", "taskhostw.exe Logon", "taskhostw.exe SYSTEM", "taskhostw.exe -RegisterDevice {n}"),
            ),
        ),
    ),
    Habit(
        20,
        "launcher",
        (
            Start(
                0,
                "wmiprvse",
                (
                    "C:\\Windows\\system32\\wbem\\wmiprvse.exe -secured -Embedding",
                    "C:\\Windows\\system32\\wbem\\wmiprvse.exe -Embedding",
                ),
            ),
        ),
    ),
    Habit(
        8,
        "launcher",
        (
            Start(
                0, "dllhost", ("C:\\Windows\\system32\\DllHost.exe /Processid:{3EB3C877-1F16-487C-9050-104DBCD66683}",)
            ),
        ),
    ),
    Habit(7, "services", (Start(0, "sppsvc", ("C:\\Windows\\system32\\sppsvc.exe",)),)),
    Habit(3, "services", (Start(0, "trustedinstaller", ("C:\\Windows\\servicing\\TrustedInstaller.exe",)),)),
    Habit(
        8,
        "scheduler",
        (
            Start(0, "google-update", ("{image} --wake --system",)),
            Start(1, "google-update", ("{image} --crash-handler --system --database=C:\\Windows\\SystemTemp\\{n}",)),
        ),
    ),
    Habit(7, "scheduler", (Start(0, "edge-update", ("{image} /ua /installsource scheduler", "{image} /c")),)),
    Habit(3, "scheduler", (Start(0, "click-to-run", ("{image} /frequentupdate SCHEDULEDTASK displaylevel=False",)),)),
    Habit(2, "scheduler", (Start(0, "compattelrunner", ("C:\\Windows\\system32\\compattelrunner.exe",)), _CONSOLE)),
    Habit(1, "scheduler", (Start(0, "defrag", ("C:\\Windows\\system32\\defrag.exe -c -h -o -$",)),)),
    Habit(2, "scheduler", (Start(0, "gpupdate", ("gpupdate.exe /target:computer",)),)),
    Habit(1, "scheduler", (Start(0, "cleanmgr", ("C:\\Windows\\system32\\cleanmgr.exe /autoclean /d C:",)),)),
)

# What runs once a person has logged on, under explorer.
AT_LOGON = (
    Start(0, "onedrive", ("{image} /background",)),
    Start(0, "teams", ('"ms-teams.exe" msteams:system-initiated',)),
    Start(0, "outlook", ("{image} ",)),
    Start(0, "chrome", ("{image} --no-startup-window /prefetch:5",)),
)

# What an administrator does on a server, in a shell.
ADMINISTRATION = (
    (Start(0, "mmc", ('"C:\\Windows\\system32\\mmc.exe" "C:\\Windows\\system32\\services.msc" ',)),),
    (Start(0, "mmc", ('"C:\\Windows\\system32\\mmc.exe" "C:\\Windows\\system32\\eventvwr.msc" /s',)),),
    (
        Start(0, "cmd", ('"C:\\Windows\\system32\\cmd.exe" ',)),
        _CONSOLE,
        Start(1, "ipconfig", ("ipconfig  /all",)),
        Start(1, "sc", ("sc  query NGBackup", "sc  queryex W32Time")),
        Start(1, "gpupdate", ("gpupdate  /force",)),
    ),
    (
        Start(0, "cmd", ('"C:\\Windows\\system32\\cmd.exe" ',)),
        _CONSOLE,
        # As an attacker would: it is for the reader of alerts to tell the two apart.
        Start(1, "net", ('net  group "Domain Admins" /domain', "net  user adm.anna.adler /domain")),
        Start(2, "net1", ('C:\\Windows\\system32\\net1  group "Domain Admins" /domain',)),
    ),
)


class Prepared(NamedTuple):
    """A start as one person's logs have it, ready to be used often."""

    depth: int
    program: Program
    commands: tuple[tuple[bytes, ...], ...]  # each cut where a number by chance belongs


@lru_cache(maxsize=1 << 16)
def prepared(starts: tuple[Start, ...], user: str) -> tuple[Prepared, ...]:
    """Fill in images and profile folder; the numbers are for each start to fill in."""
    return tuple(_prepared(start, user) for start in starts)


def _prepared(start: Start, user: str) -> Prepared:
    facts = program(start.program, user)
    commands = (facts.command(text.replace("{user}", user)) for text in start.commands)
    return Prepared(start.depth, facts, tuple(tuple(command.split(b"{n}")) for command in commands))


def by_weight(habits: tuple[Habit, ...]) -> tuple[Habit, ...]:
    """Repeat each habit as often as its weight, so that one drawn evenly is drawn by weight."""
    return tuple(habit for habit in habits for _ in range(habit.weight))
