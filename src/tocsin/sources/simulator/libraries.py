"""The libraries whose loading is recorded: where they lie, what Sysmon reads from their files, who signed them."""

from functools import lru_cache

from tocsin.sources.simulator.text import escaped, file_hashes

# What Sysmon 7 says of an image, escaped for JSON: ImageLoaded, version, description, product, company, original file
# name, hashes, signed, signature, status of the signature.
Library = tuple[bytes, ...]

_SYSTEM32 = "C:\\Windows\\System32\\"
_WINDOWS = ("Microsoft® Windows® Operating System", "Microsoft Corporation")
_BUILD = "10.0.22621.1 (WinBuild.160101.0800)"
_OFFICE = "C:\\Program Files\\Microsoft Office\\root\\"

# name: (path, version, description, product, company, original file name, signer)
_FILES = {
    name: (f"{_SYSTEM32}{name}", _BUILD, description, *_WINDOWS, original, "Microsoft Windows")
    for name, description, original in (
        ("ntdll.dll", "NT Layer DLL", "ntdll.dll"),
        ("kernel32.dll", "Windows NT BASE API Client DLL", "kernel32"),
        ("kernelbase.dll", "Windows NT BASE API Client DLL", "Kernelbase.dll"),
        ("user32.dll", "Multi-User Windows USER API Client DLL", "user32"),
        ("gdi32.dll", "GDI Client DLL", "gdi32"),
        ("gdi32full.dll", "GDI Client DLL", "gdi32"),
        ("win32u.dll", "Win32u", "Win32u.DLL"),
        ("msvcrt.dll", "Windows NT CRT DLL", "msvcrt.dll"),
        ("msvcp_win.dll", "Microsoft® C Runtime Library", "msvcp_win.dll"),
        ("ucrtbase.dll", "Microsoft® C Runtime Library", "ucrtbase.dll"),
        ("combase.dll", "Microsoft COM for Windows", "COMBASE.DLL"),
        ("rpcrt4.dll", "Remote Procedure Call Runtime", "rpcrt4.dll"),
        ("sechost.dll", "Host for SCM/SDDL/LSA Lookup APIs", "sechost.dll"),
        ("advapi32.dll", "Advanced Windows 32 Base API", "advapi32.dll"),
        ("shell32.dll", "Windows Shell Common Dll", "SHELL32.DLL"),
        ("shlwapi.dll", "Shell Light-weight Utility Library", "SHLWAPI.DLL"),
        ("shcore.dll", "SHCORE", "SHCORE.dll"),
        ("ole32.dll", "Microsoft OLE for Windows", "OLE32.DLL"),
        ("oleaut32.dll", "OLEAUT32.DLL", "OLEAUT32.DLL"),
        ("bcrypt.dll", "Windows Cryptographic Primitives Library", "bcrypt.dll"),
        ("bcryptprimitives.dll", "Windows Cryptographic Primitives Library", "bcryptprimitives.dll"),
        ("cryptbase.dll", "Base cryptographic API DLL", "cryptbase.dll"),
        ("cryptsp.dll", "Cryptographic Service Provider API", "cryptsp.dll"),
        ("crypt32.dll", "Crypto API32", "CRYPT32.DLL"),
        ("wintrust.dll", "Microsoft Trust Verification APIs", "WINTRUST.DLL"),
        ("winhttp.dll", "Windows HTTP Services", "winhttp.dll"),
        ("wininet.dll", "Internet Extensions for Win32", "wininet.dll"),
        ("urlmon.dll", "OLE32 Extensions for Win32", "UrlMon.dll"),
        ("iertutil.dll", "Run time utility for Internet Explorer", "IeRtUtil.dll"),
        ("ws2_32.dll", "Windows Socket 2.0 32-Bit DLL", "ws2_32.dll"),
        ("mswsock.dll", "Microsoft Windows Sockets 2.0 Service Provider", "mswsock.dll"),
        ("dnsapi.dll", "DNS Client API DLL", "dnsapi"),
        ("iphlpapi.dll", "IP Helper API", "iphlpapi.dll"),
        ("nsi.dll", "NSI User-mode interface DLL", "nsi.dll"),
        ("userenv.dll", "Userenv", "userenv.dll"),
        ("profapi.dll", "User Profile Basic API", "PROFAPI.DLL"),
        ("powrprof.dll", "Power Profile Helper DLL", "POWRPROF.DLL"),
        ("umpdc.dll", "User Mode Power Dependency Coordinator", "UMPDC.dll"),
        ("wldp.dll", "Windows Lockdown Policy", "WLDP.DLL"),
        ("imm32.dll", "Multi-User Windows IMM32 API Client DLL", "imm32"),
        ("uxtheme.dll", "Microsoft UxTheme Library", "UxTheme.dll"),
        ("dwmapi.dll", "Microsoft Desktop Window Manager API", "dwmapi.dll"),
        ("propsys.dll", "Microsoft Property System", "propsys.dll"),
        ("version.dll", "Version Checking and File Installation Libraries", "VERSION.DLL"),
        ("taskschd.dll", "Task Scheduler COM API", "taskschd.dll"),
        ("wbemcomn.dll", "WMI", "wbemcomn.dll"),
        ("amsi.dll", "Anti-Malware Scan Interface", "amsi.dll"),
        ("kernel.appcore.dll", "AppModel API Host", "kernel.appcore.dll"),
        ("windows.storage.dll", "Microsoft WinRT Storage API", "Windows.Storage.dll"),
        ("clbcatq.dll", "COM+ Configuration Catalog", "CLBCATQ.DLL"),
        ("sspicli.dll", "Security Support Provider Interface", "security.dll"),
        ("netapi32.dll", "Net Win32 API DLL", "NetApi32.DLL"),
        ("samcli.dll", "Security Accounts Manager Client DLL", "SAMCLI.DLL"),
        ("srvcli.dll", "Server Service Client DLL", "SRVCLI.DLL"),
        ("wkscli.dll", "Workstation Service Client DLL", "WKSCLI.DLL"),
        ("xmllite.dll", "Microsoft XmlLite Library", "XmlLite.dll"),
        ("coremessaging.dll", "Microsoft CoreMessaging Dll", "CoreMessaging.dll"),
        ("twinapi.appcore.dll", "twinapi.appcore", "twinapi.appcore.dll"),
    )
} | {
    "mso.dll": (
        *(_OFFICE + "VFS\\ProgramFilesCommonX64\\Microsoft Shared\\OFFICE16\\MSO.DLL", "16.0.17328.20162"),
        *("Microsoft Office component", "Microsoft Office", "Microsoft Corporation", "MSO.dll"),
        "Microsoft Corporation",
    ),
    "vbe7.dll": (
        *(_OFFICE + "VFS\\ProgramFilesCommonX64\\Microsoft Shared\\VBA\\VBA7.1\\VBE7.DLL", "7.1.11.46"),
        *("Visual Basic Design Time Environment", "Visual Basic Environment", "Microsoft Corporation", "VBE7.DLL"),
        "Microsoft Corporation",
    ),
    "system.management.automation": (
        "C:\\Windows\\assembly\\NativeImages_v4.0.30319_64\\System.Manaa57fc8cc#\\"
        "5e1a4e1c8a1d4a1c0c3bb4a7a5d0a6c1\\System.Management.Automation.ni.dll",
        *("10.0.22621.1", "System.Management.Automation", "Microsoft (R) Windows (R) Operating System"),
        *("Microsoft Corporation", "System.Management.Automation.dll", ""),
    ),
}


COMMON = tuple(_FILES)[:-3]  # Windows' own, loaded by everything


@lru_cache(maxsize=256)
def library(name: str) -> Library:
    """Look a library up."""
    *facts, signer = _FILES[name]
    return _described(name, facts, signer)


def _described(name: str, facts: list[str], signer: str) -> Library:
    signed = (b"true", escaped(signer), b"Valid") if signer else (b"false", b"-", b"Unavailable")
    return (*map(escaped, facts), file_hashes("library", name, facts[1]), *signed)
