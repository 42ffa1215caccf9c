"""PowerShell that runs in the fleet for good reasons; some of it looks like what attackers run."""

import base64

from tocsin.sources.simulator.text import escaped


def encoded_command(script: str) -> str:
    """Return a script as `-EncodedCommand` takes it: base64 of UTF-16 little-endian."""
    return base64.b64encode(script.encode("utf-16-le")).decode()


INVENTORY = (
    "$ErrorActionPreference = 'Stop'\r\n$os = Get-CimInstance -ClassName Win32_OperatingSystem\r\n"
    "$disk = Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType=3'\r\n"
    "$free = ($disk | Measure-Object -Property FreeSpace -Sum).Sum\r\n"
    "[pscustomobject]@{ Host = $env:COMPUTERNAME; Build = $os.BuildNumber; Free = $free } |\r\n"
    "    ConvertTo-Json -Compress"
)

_MONITORING = (
    "param([string]$Share = '\\\\SRV-0001\\reports')\r\n"
    "$counters = '\\Processor(_Total)\\% Processor Time', '\\Memory\\Available MBytes'\r\n"
    "$path = Join-Path $Share ('{0}-{1:yyyyMMdd}.csv' -f $env:COMPUTERNAME, (Get-Date))\r\n"
    "Get-Counter $counters -SampleInterval 5 -MaxSamples {n} |\r\n"
    "    Select-Object -ExpandProperty CounterSamples |\r\n"
    "    Export-Csv -Path $path -NoTypeInformation -Append"
)
_ROTATION = (
    "$limit = (Get-Date).AddDays(-14) # run {n}\r\nGet-ChildItem -Path 'D:\\Backups' -Recurse -Filter *.bak |\r\n"
    "    Where-Object { $_.LastWriteTime -lt $limit } |\r\n    Remove-Item -Force -ErrorAction SilentlyContinue"
)
_SERVICES = "Get-Service -Name NGBackup, W32Time, Spooler | Where-Object Status -ne 'Running' | Start-Service -PassThru"
_CERTIFICATES = (
    "Get-ChildItem Cert:\\LocalMachine\\My | Where-Object NotAfter -lt (Get-Date).AddDays({n}) |\r\n"
    "    Select-Object Subject, NotAfter, Thumbprint | Format-Table -AutoSize"
)

# (script, path of its file), escaped for JSON; the script is cut where a number by chance belongs.
JOBS = tuple(
    (tuple(escaped(script).split(b"{n}")), escaped(path))
    for script, path in (
        (_MONITORING, "C:\\ProgramData\\Monitoring\\collect.ps1"),
        (_ROTATION, "D:\\Scripts\\rotate-backups.ps1"),
        (_SERVICES, "D:\\Scripts\\watch-services.ps1"),
        (_CERTIFICATES, "D:\\Scripts\\certificates.ps1"),
    )
)

TYPED = tuple(
    tuple(escaped(script).split(b"{n}"))
    for script in (
        "prompt",
        "Get-ChildItem -Path .\\build-{n}",
        "git show HEAD~{n}",
        "cd C:\\src\\orders-{n}",
        "npm run build -- --port {n}",
        "Get-Process | Sort-Object WorkingSet -Descending | Select-Object -First {n}",
        "Test-NetConnection SRV-0001 -Port {n}",
        "Get-ADUser -Filter * -Properties LastLogonDate | Where-Object { -not $_.Enabled } | Select-Object Name",
        "Import-Module .\\build\\Tools.psm1 -Force",
        "{ Set-StrictMode -Version 1; $_.PSMessageDetails }",
        "Get-WinEvent -LogName System -MaxEvents {n} | Format-Table TimeCreated, Id, Message -AutoSize",
    )
)
