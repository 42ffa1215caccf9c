"""The programs that run in the fleet: where they lie and what Sysmon reads from their files."""

from functools import lru_cache
from typing import NamedTuple

from tocsin.sources.simulator.text import escaped, file_hashes


class Program(NamedTuple):
    """One executable, escaped for JSON."""

    name: str  # as `program` looks it up
    image: bytes
    facts: tuple[bytes, ...]  # image, file version, description, product, company, original file name, hashes

    def command(self, text: str) -> bytes:
        """Return a command line, escaped for JSON; {image} in it is the program's quoted path."""
        return escaped(text).replace(b"{image}", b'\\"%b\\"' % self.image)


_SYSTEM32 = "C:\\Windows\\System32\\"
_WINDOWS = ("Microsoft® Windows® Operating System", "Microsoft Corporation")
_BUILD = "10.0.22621.1 (WinBuild.160101.0800)"
_OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
_OFFICE_FACTS = ("16.0.17328.20162", "Microsoft Office", "Microsoft Corporation")

# name: (path, file version, description, product, company, original file name); {user} is the profile folder's name.
_FILES = {
    "explorer": ("C:\\Windows\\explorer.exe", _BUILD, "Windows Explorer", *_WINDOWS, "EXPLORER.EXE"),
    "powershell": (
        _SYSTEM32 + "WindowsPowerShell\\v1.0\\powershell.exe",
        _BUILD,
        "Windows PowerShell",
        *_WINDOWS,
        "PowerShell.EXE",
    ),
    "wmiprvse": (_SYSTEM32 + "wbem\\WmiPrvSE.exe", _BUILD, "WMI Provider Host", *_WINDOWS, "Wmiprvse.exe"),
    "trustedinstaller": (
        "C:\\Windows\\servicing\\TrustedInstaller.exe",
        _BUILD,
        "Windows Modules Installer",
        *_WINDOWS,
        "TrustedInstaller.exe",
    ),
    "sysmon": (
        "C:\\Windows\\Sysmon64.exe",
        "15.14",
        "System activity monitor",
        "Sysinternals Sysmon",
        "Sysinternals - www.sysinternals.com",
        "-",
    ),
    "winword": (_OFFICE + "WINWORD.EXE", _OFFICE_FACTS[0], "Microsoft Word", *_OFFICE_FACTS[1:], "WinWord.exe"),
    "excel": (_OFFICE + "EXCEL.EXE", _OFFICE_FACTS[0], "Microsoft Excel", *_OFFICE_FACTS[1:], "Excel.exe"),
    "powerpnt": (
        _OFFICE + "POWERPNT.EXE",
        _OFFICE_FACTS[0],
        "Microsoft PowerPoint",
        *_OFFICE_FACTS[1:],
        "POWERPNT.EXE",
    ),
    "outlook": (_OFFICE + "OUTLOOK.EXE", _OFFICE_FACTS[0], "Microsoft Outlook", *_OFFICE_FACTS[1:], "Outlook.exe"),
    "click-to-run": (
        "C:\\Program Files\\Common Files\\Microsoft Shared\\ClickToRun\\OfficeC2RClient.exe",
        _OFFICE_FACTS[0],
        "Microsoft Office Click-to-Run Client",
        *_OFFICE_FACTS[1:],
        "OfficeC2RClient.exe",
    ),
    "chrome": (
        "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
        "131.0.6778.205",
        "Google Chrome",
        "Google Chrome",
        "Google LLC",
        "chrome.exe",
    ),
    "google-update": (
        "C:\\Program Files (x86)\\Google\\GoogleUpdater\\132.0.6833.0\\updater.exe",
        "132.0.6833.0",
        "Google Updater",
        "Google Updater",
        "Google LLC",
        "updater.exe",
    ),
    "edge": (
        "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
        "131.0.2903.112",
        "Microsoft Edge",
        "Microsoft Edge",
        "Microsoft Corporation",
        "msedge.exe",
    ),
    "edge-update": (
        "C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\MicrosoftEdgeUpdate.exe",
        "1.3.195.39",
        "Microsoft Edge Update",
        "Microsoft Edge Update",
        "Microsoft Corporation",
        "msedgeupdate.dll",
    ),
    "teams": (
        "C:\\Program Files\\WindowsApps\\MSTeams_24335.208.3315.1951_x64__8wekyb3d8bbwe\\ms-teams.exe",
        "24335.208.3315.1951",
        "Microsoft Teams",
        "Microsoft Teams",
        "Microsoft Corporation",
        "ms-teams.exe",
    ),
    "onedrive": (
        "C:\\Users\\{user}\\AppData\\Local\\Microsoft\\OneDrive\\OneDrive.exe",
        "24.226.1110.0004",
        "Microsoft OneDrive",
        "Microsoft OneDrive",
        "Microsoft Corporation",
        "OneDrive.exe",
    ),
    "acrobat": (
        "C:\\Program Files\\Adobe\\Acrobat DC\\Acrobat\\Acrobat.exe",
        "24.5.20307.0",
        "Adobe Acrobat",
        "Adobe Acrobat",
        "Adobe Systems Incorporated",
        "Acrobat.exe",
    ),
    "7zip": ("C:\\Program Files\\7-Zip\\7zFM.exe", "24.09", "7-Zip File Manager", "7-Zip", "Igor Pavlov", "7zFM.exe"),
    "code": (
        "C:\\Users\\{user}\\AppData\\Local\\Programs\\Microsoft VS Code\\Code.exe",
        "1.96.2",
        "Visual Studio Code",
        "Visual Studio Code",
        "Microsoft Corporation",
        "electron.exe",
    ),
    "git": (
        "C:\\Program Files\\Git\\cmd\\git.exe",
        "2.47.1.1",
        "Git for Windows",
        "Git",
        "The Git Development Community",
        "git.exe",
    ),
    "node": (
        "C:\\Program Files\\nodejs\\node.exe",
        "22.12.0",
        "Node.js JavaScript Runtime",
        "Node.js",
        "Node.js",
        "node.exe",
    ),
    "python": (
        "C:\\Users\\{user}\\AppData\\Local\\Programs\\Python\\Python312\\python.exe",
        "3.12.8",
        "Python",
        "Python",
        "Python Software Foundation",
        "python.exe",
    ),
    "backup-agent": (
        "C:\\Program Files\\Northgate Backup\\ngbackup.exe",
        "9.4.1.220",
        "Northgate Backup Agent",
        "Northgate Backup",
        "Northgate Software Ltd",
        "ngbackup.exe",
    ),
    "psexec": (
        "C:\\Tools\\SysinternalsSuite\\PsExec64.exe",
        "2.43",
        "Execute processes remotely",
        "Sysinternals PsExec",
        "Sysinternals - www.sysinternals.com",
        "psexec.c",
    ),
    "psexesvc": (
        "C:\\Windows\\PSEXESVC.exe",
        "2.43",
        "PsExec Service",
        "Sysinternals PsExec",
        "Sysinternals",
        "psexesvc.exe",
    ),
    "procdump": (
        "C:\\Windows\\Temp\\procdump64.exe",
        "11.0",
        "Sysinternals process dump utility",
        "ProcDump",
        "Sysinternals - www.sysinternals.com",
        "procdump",
    ),
    "adfind": (
        "C:\\ProgramData\\AdFind.exe",
        "1.56.0.1872",
        "AdFind",
        "AdFind",
        "www.joeware.net",
        "AdFind.exe",
    ),
    "rclone": (
        "C:\\ProgramData\\sync\\rclone.exe",
        "1.68.2",
        "Rsync for cloud storage",
        "Rclone",
        "https://rclone.org",
        "rclone.exe",
    ),
    "7z": ("C:\\Program Files\\7-Zip\\7z.exe", "24.09", "7-Zip Console", "7-Zip", "Igor Pavlov", "7z.exe"),
    "dropped": ("C:\\Windows\\Temp\\winupd64.exe", "-", "-", "-", "-", "-"),
    "encryptor": ("C:\\Windows\\Temp\\hbl.exe", "-", "-", "-", "-", "-"),
    "management-agent": (
        "C:\\Program Files\\Fleetdesk\\Agent\\fdagent.exe",
        "5.11.0.8",
        "Fleetdesk Management Agent",
        "Fleetdesk",
        "Fleetdesk GmbH",
        "fdagent.exe",
    ),
}

# Windows' own, in System32: name: (file, description, original file name).
_WINDOWS_TOOLS = {
    "winlogon": ("winlogon.exe", "Windows Logon Application", "WINLOGON.EXE"),
    "services": ("services.exe", "Services and Controller app", "services.exe"),
    "lsass": ("lsass.exe", "Local Security Authority Process", "lsass.exe"),
    "svchost": ("svchost.exe", "Host Process for Windows Services", "svchost.exe"),
    "userinit": ("userinit.exe", "Userinit Logon Application", "USERINIT.EXE"),
    "taskhostw": ("taskhostw.exe", "Host Process for Windows Tasks", "taskhostw.exe"),
    "runtimebroker": ("RuntimeBroker.exe", "Runtime Broker", "RuntimeBroker.exe"),
    "backgroundtaskhost": ("backgroundTaskHost.exe", "Background Task Host", "backgroundTaskHost.exe"),
    "dllhost": ("dllhost.exe", "COM Surrogate", "dllhost.exe"),
    "conhost": ("conhost.exe", "Console Window Host", "CONHOST.EXE"),
    "cmd": ("cmd.exe", "Windows Command Processor", "Cmd.Exe"),
    "notepad": ("notepad.exe", "Notepad", "NOTEPAD.EXE"),
    "calc": ("calc.exe", "Windows Calculator", "CALC.EXE"),
    "mmc": ("mmc.exe", "Microsoft Management Console", "mmc.exe"),
    "gpupdate": ("gpupdate.exe", "Microsoft® Group Policy Update Utility", "GPUpdate.exe"),
    "ipconfig": ("ipconfig.exe", "IP Configuration Utility", "ipconfig.exe"),
    "ping": ("PING.EXE", "TCP/IP Ping Command", "ping.exe"),
    "robocopy": ("Robocopy.exe", "Microsoft Robocopy", "robocopy.exe"),
    "sc": ("sc.exe", "Service Control Manager Configuration Tool", "sc.exe"),
    "net": ("net.exe", "Net Command", "net.exe"),
    "net1": ("net1.exe", "Net Command", "net1.exe"),
    "whoami": ("whoami.exe", "whoami - displays logged on user information", "whoami.exe"),
    "nltest": ("nltest.exe", "Microsoft® Logon Server Test Utility", "nltestrk.exe"),
    "reg": ("reg.exe", "Registry Console Tool", "reg.exe"),
    "rundll32": ("rundll32.exe", "Windows host process (Rundll32)", "RUNDLL32.EXE"),
    "wevtutil": ("wevtutil.exe", "Eventing Command Line Utility", "wevtutil.exe"),
    "vssadmin": ("vssadmin.exe", "Command Line Interface for Microsoft® Volume Shadow Copy Service", "VSSADMIN.EXE"),
    "bcdedit": ("bcdedit.exe", "Boot Configuration Data Editor", "bcdedit.exe"),
    "wbadmin": ("wbadmin.exe", "Command Line Interface for Microsoft® BLB Backup", "WBADMIN.EXE"),
    "sppsvc": ("sppsvc.exe", "Microsoft Software Protection Platform Service", "sppsvc.exe"),
    "defrag": ("Defrag.exe", "Disk Defragmenter Module", "Defrag.EXE"),
    "cleanmgr": ("cleanmgr.exe", "Disk Space Cleanup Manager for Windows", "CLEANMGR.DLL"),
    "mshta": ("mshta.exe", "Microsoft (R) HTML Application host", "MSHTA.EXE"),
    "regsvr32": ("regsvr32.exe", "Microsoft(C) Register Server", "REGSVR32.EXE"),
    "bitsadmin": ("bitsadmin.exe", "BITS administration utility", "bitsadmin.exe"),
    "certutil": ("certutil.exe", "CertUtil.exe", "CertUtil.exe"),
    "fodhelper": ("fodhelper.exe", "Features On Demand Helper", "FodHelper.EXE"),
    "schtasks": ("schtasks.exe", "Task Scheduler Configuration Tool", "schtasks.exe"),
    "setspn": ("setspn.exe", "Query or reset the computer's SPN attribute", "setspn.exe"),
    "ntdsutil": ("ntdsutil.exe", "NT5DS", "ntdsutil.exe"),
    "wmic": ("wbem\\WMIC.exe", "WMI Commandline Utility", "wmic.exe"),
    "systeminfo": ("systeminfo.exe", "Displays system information", "sysinfo.exe"),
    "fltmc": ("fltMC.exe", "Filter Manager Control Program", "fltMC.exe"),
    "fsutil": ("fsutil.exe", "fsutil.exe", "fsutil.exe"),
    "auditpol": ("auditpol.exe", "Audit Policy Program", "AUDITPOL.EXE"),
    "cipher": ("cipher.exe", "File Encryption Utility", "CIPHER.EXE"),
    "netsh": ("netsh.exe", "Network Command Shell", "netsh.exe"),
    "taskkill": ("taskkill.exe", "Terminates Processes", "taskkill.exe"),
    "curl": ("curl.exe", "The curl executable", "curl.exe"),
    "w3wp": ("inetsrv\\w3wp.exe", "IIS Worker Process", "w3wp.exe"),
    "compattelrunner": ("CompatTelRunner.exe", "Microsoft Compatibility Telemetry", "CompatTelRunner.exe"),
}
_FILES |= {
    name: (_SYSTEM32 + file, _BUILD, description, *_WINDOWS, original)
    for name, (file, description, original) in _WINDOWS_TOOLS.items()
}


@lru_cache(maxsize=1 << 16)
def program(name: str, user: str = "") -> Program:
    """Look a program up; `user` is the profile folder for those that are installed per user."""
    path, *facts = _FILES[name]
    path = path.replace("{user}", user)
    return Program(name, escaped(path), (*map(escaped, (path, *facts)), file_hashes("file", name, facts[0])))
