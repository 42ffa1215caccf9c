"""What programs leave behind while they run: as data, how often each does what."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Visit:
    """A name is looked up, and its address connected to."""

    name: str
    address: str
    port: int = 443
    is_connected: bool = True


@dataclass(frozen=True)
class Reach:
    """A connection inside the network: to a controller or a file server."""

    role: str  # controller or server
    port: int


@dataclass(frozen=True)
class Write:
    """A file is made; {user} is the profile folder, {n} a number by chance."""

    path: str


@dataclass(frozen=True)
class Set:
    """A registry value is set; {hive} is HKU with the account's SID."""

    value_path: str
    details: str


@dataclass(frozen=True)
class Load:
    """One of these libraries is loaded, and some of those that everything loads, all at once."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Open:
    """LSASS is opened, to ask and not to read: `access` is the mask."""

    access: str


Deed = Visit | Reach | Write | Set | Load | Open

_PROFILE = "C:\\Users\\{user}\\AppData\\"
_CURRENT = "{hive}\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\"
_SITES = tuple(
    Visit(name, f"203.0.113.{number % 7}")
    for number, name in enumerate(
        (
            *("www.weather-channel.example", "news.daily-post.example", "shop.office-goods.example"),
            *("maps.city-guide.example", "www.railways.example", "cdn.static-assets.example"),
            *("fonts.web-library.example", "search.finder.example", "video.stream-box.example"),
            *("docs.partner-portal.example", "login.bank-house.example", "forum.builders.example"),
            *("www.wiki-world.example", "ads.click-counter.example", "tracking.metrics.example"),
            *("api.translate-it.example", "images.photo-shelf.example", "www.hotel-finder.example"),
        ),
        start=11,
    )
)
_INTRANET = Visit("intranet.harbor.example", "10.20.0.9")
_MAIL = Visit("outlook.office365.com", "52.97.1.18")
_OFFICE_CLOUD = (
    Visit("officeclient.microsoft.com", "52.109.8.21"),
    Visit("roaming.officeapps.live.com", "52.109.12.19"),
    Visit("nexusrules.officeapps.live.com", "52.109.16.5"),
)
_ONEDRIVE = Visit("harbor-my.sharepoint.com", "52.104.3.24")
_TEAMS = Visit("teams.microsoft.com", "52.113.194.132")
_UPDATES = (
    Visit("fe2cr.update.microsoft.com", "20.242.39.171"),
    Visit("settings-win.data.microsoft.com", "51.104.136.2"),
    Visit("ctldl.windowsupdate.com", "13.107.4.50", port=80),
    Visit("login.live.com", "40.126.31.67"),
)
_CHROME_UPDATE = Visit("update.googleapis.com", "198.51.100.30")
_EDGE_UPDATE = Visit("msedge.api.cdp.microsoft.com", "13.107.42.16")
_CODE_HOST = Visit("git.code-forge.example", "198.51.100.40", port=22)
_PACKAGES = Visit("packages.node-registry.example", "198.51.100.41")
_CONTROLLER = Visit("dc-0001.harbor.example", "10.20.0.4", is_connected=False)

# program -> deed -> how often (weights), of what is recorded of it at all
FOOTPRINTS: Mapping[str, Mapping[Deed, int]] = {
    "chrome": {
        **dict.fromkeys(_SITES, 1),
        _INTRANET: 4,
        Write("C:\\Users\\{user}\\Downloads\\document-{n}.pdf"): 5,
        Write(_PROFILE + "Local\\Google\\Chrome\\User Data\\Default\\Cache\\Cache_Data\\f_00{n}"): 5,
    },
    "edge": {
        **dict.fromkeys(_SITES[::2], 1),
        _INTRANET: 6,
        Write(_PROFILE + "Local\\Microsoft\\Edge\\User Data\\Default\\Cache\\Cache_Data\\f_00{n}"): 4,
    },
    "outlook": {
        _MAIL: 4,
        Write(_PROFILE + "Local\\Microsoft\\Windows\\INetCache\\Content.Outlook\\K3QZ81VD\\Minutes {n}.docx"): 2,
        Set("{hive}\\SOFTWARE\\Microsoft\\Office\\16.0\\Outlook\\Preferences\\LastSelected{n}", "Binary Data"): 2,
        Load(("mso.dll",)): 2,
    },
    "winword": {
        _OFFICE_CLOUD[0]: 3,
        Write("C:\\Users\\{user}\\Documents\\~$port {n}.docx"): 3,
        Write(_PROFILE + "Local\\Temp\\~WRD{n}.tmp"): 3,
        Set("{hive}\\SOFTWARE\\Microsoft\\Office\\16.0\\Word\\File MRU\\Item 1", "[F00000000]*Report {n}.docx"): 3,
        Load(("mso.dll",)): 3,
    },
    "excel": {
        _OFFICE_CLOUD[1]: 3,
        Write("C:\\Users\\{user}\\Documents\\~$Budget {n}.xlsx"): 3,
        Set("{hive}\\SOFTWARE\\Microsoft\\Office\\16.0\\Excel\\File MRU\\Item 1", "[F00000000]*Budget {n}.xlsx"): 2,
        Load(("mso.dll",)): 1,
        Reach("server", 445): 2,
    },
    "powerpnt": {
        _OFFICE_CLOUD[2]: 2,
        Load(("mso.dll",)): 2,
    },
    "acrobat": {Write(_PROFILE + "Local\\Temp\\acrobat_sbx\\A9R{n}.tmp"): 2},
    "teams": {
        _TEAMS: 4,
        Write(_PROFILE + "Local\\Packages\\MSTeams_8wekyb3d8bbwe\\LocalCache\\{n}.json"): 2,
    },
    "onedrive": {
        _ONEDRIVE: 4,
        Write(_PROFILE + "Local\\Microsoft\\OneDrive\\logs\\Personal\\SyncEngine-{n}.odl"): 3,
        Set("{hive}\\SOFTWARE\\Microsoft\\OneDrive\\Accounts\\Business1\\LastSignInTime{n}", "Binary Data"): 2,
    },
    "7zip": {Write("C:\\Users\\{user}\\Downloads\\archive-{n}\\readme.txt"): 3},
    "notepad": {Set(_CURRENT + "Explorer\\RecentDocs\\MRUListEx{n}", "Binary Data"): 2},
    "explorer": {
        Reach("server", 445): 3,
        Set(_CURRENT + "Explorer\\FeatureUsage\\AppSwitched\\{n}", "DWORD (0x0000{n})"): 3,
        Reach("controller", 389): 2,
        _CONTROLLER: 2,
    },
    "code": {
        _PACKAGES: 3,
        Write(_PROFILE + "Roaming\\Code\\logs\\2026\\window{n}\\renderer.log"): 3,
    },
    "git": {
        _CODE_HOST: 4,
        Write("C:\\src\\orders\\.git\\objects\\pack\\tmp_pack_{n}"): 3,
    },
    "node": {
        _PACKAGES: 3,
        Write("C:\\src\\orders\\dist\\bundle.{n}.js"): 4,
    },
    "python": {Write("C:\\src\\orders\\.pytest_cache\\v\\cache\\{n}"): 2},
    "powershell": {
        Load(("system.management.automation",)): 3,
        Write(_PROFILE + "Local\\Temp\\__PSScriptPolicyTest_{n}.{n}.ps1"): 3,
    },
    "svchost": {
        _UPDATES[0]: 4,
        _UPDATES[1]: 4,
        _UPDATES[2]: 3,
        _UPDATES[3]: 3,
        Set("HKLM\\System\\CurrentControlSet\\Services\\bam\\State\\UserSettings\\S-1-5-18\\{n}", "Binary Data"): 6,
        Write("C:\\Windows\\Prefetch\\SVCHOST.EXE-{n}A1F.pf"): 4,
        Load(("winhttp.dll",)): 4,
        Open("0x1000"): 3,
        Open("0x2000"): 1,
    },
    "taskhostw": {Write("C:\\Windows\\System32\\Tasks\\Microsoft\\Windows\\Work{n}"): 2},
    "wmiprvse": {Load(("wbemcomn.dll",)): 3, Open("0x1400"): 1},
    "dllhost": {Load(("crypt32.dll",)): 2},
    "runtimebroker": {
        Set("{hive}\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\SearchSettings\\Mode{n}", "DWORD (0x00000001)"): 3
    },
    "backgroundtaskhost": {
        Set(_CURRENT + "ContentDeliveryManager\\Health\\Placement{n}", "QWORD (0x00000000-0x0000{n})"): 3,
        Load(("urlmon.dll",)): 3,
    },
    "google-update": {
        _CHROME_UPDATE: 3,
        Write("C:\\Program Files (x86)\\Google\\GoogleUpdater\\prefs.json"): 2,
    },
    "edge-update": {_EDGE_UPDATE: 3},
    "click-to-run": {
        _OFFICE_CLOUD[0]: 2,
        Load(("taskschd.dll",)): 1,
    },
    "compattelrunner": {
        _UPDATES[1]: 2,
        Load(("taskschd.dll",)): 2,
    },
    "trustedinstaller": {Write("C:\\Windows\\Logs\\CBS\\CbsPersist_{n}.log"): 2},
    "sppsvc": {
        Set(
            "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\SoftwareProtectionPlatform\\SessionId",
            "Binary Data",
        ): 2
    },
    "gpupdate": {Reach("controller", 389): 2},
    "robocopy": {Reach("server", 445): 3},
    "management-agent": {Visit("fleet.harbor.example", "10.20.0.8"): 1},
}
