"""The fleet: hosts, people, accounts, addresses.

Names and addresses are those of every fleet of that size; the seed settles ids, and what each host records.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from tocsin.sources.simulator.text import escaped, number_of

DOMAIN = "HARBOR"
DNS_DOMAIN = "harbor.example"

# fmt: off
_FIRST_NAMES = (
    "anna", "ben", "carla", "david", "elena", "felix", "grace", "henrik", "irene", "jonas", "katja", "lukas",
    "maria", "nils", "olga", "paul", "rosa", "stefan", "tanja", "ulrich", "vera", "walter", "yara", "zoe", "adam",
    "bianca", "chris", "diana", "emil", "fiona", "georg", "hanna", "igor", "julia", "karl", "lena", "martin",
    "nora", "oskar", "petra", "rafael", "sofia", "thomas", "ursula", "viktor", "wanda", "ali", "mei", "ravi",
    "aisha", "kenji", "amara", "diego", "lucia", "omar", "priya", "sven", "ines",
)
_LAST_NAMES = (
    "adler", "bauer", "castro", "dietz", "engel", "fischer", "gruber", "hansen", "ibanez", "jensen", "keller",
    "lang", "moreau", "novak", "olsen", "peters", "quast", "richter", "sommer", "thiel", "unger", "vogel", "weber",
    "yilmaz", "zeller", "abbott", "brooks", "carter", "dalton", "ellis", "foster", "graham", "hughes", "irwin",
    "jordan", "kaur", "lopez", "mendes", "nakamura", "okafor", "patel", "rossi", "silva", "tanaka", "umar", "varga",
    "wright", "xu", "young", "zhang",
)
# fmt: on
_SERVICE_NAMES = ("svc_backup", "svc_sql", "svc_web", "svc_monitor", "svc_deploy")
_ADMIN_COUNT = 4


class Role(Enum):
    WORKSTATION = "workstation"
    SERVER = "server"
    DOMAIN_CONTROLLER = "domain controller"


class Account(NamedTuple):
    """Who acts, as the logs name them: Security by SID, name and domain, Sysmon by `domain\\name`. Escaped for JSON."""

    sid: bytes
    name: bytes
    domain: bytes
    user: bytes
    folder: str  # name of the profile folder, as text


class Host(NamedTuple):
    """One computer and what it records."""

    number: int  # from 0
    role: Role
    name: str
    computer: bytes  # full name
    short_name: bytes
    address: bytes
    in_headers: tuple[bytes, bytes, bytes]  # computer, short name and agent id together, as every event has them
    machine: bytes  # first part of its ProcessGuids, with the dash
    lsass_pid: int
    event_log_pid: int
    sysmon_pid: int
    account: Account  # SYSTEM, as its own logs name it
    network: Account  # the same, as other hosts see it
    owner: Account  # who works at it: a person at a workstation, an administrator at a server
    is_developer: bool
    has_sysmon: bool
    has_process_audit: bool


@dataclass(frozen=True)
class Fleet:
    """All hosts, and the accounts that belong to no host."""

    hosts: tuple[Host, ...]
    people: tuple[Account, ...]
    admins: tuple[Account, ...]
    services: tuple[Account, ...]

    @cached_property
    def workstations(self) -> tuple[Host, ...]:
        return self._of(Role.WORKSTATION)

    @cached_property
    def servers(self) -> tuple[Host, ...]:
        """Servers other than domain controllers; every host where there are none."""
        return self._of(Role.SERVER) or self.hosts

    @cached_property
    def controllers(self) -> tuple[Host, ...]:
        """Domain controllers; every host where there are none."""
        return self._of(Role.DOMAIN_CONTROLLER) or self.hosts

    def _of(self, role: Role) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.role is role)


def fleet_of(seed: int, hosts: int) -> Fleet:
    """Derive the fleet: about one host in eight is a server, one in fifty a domain controller."""
    domain_sid = "S-1-5-21-" + "-".join(str(number_of(seed, "domain", part) % 4_000_000_000) for part in range(3))
    people = tuple(_account(domain_sid, 1100 + index, _person(index)) for index in range(hosts))
    admins = tuple(_account(domain_sid, 60_000 + index, f"adm.{_person(index)}") for index in range(_ADMIN_COUNT))
    services = tuple(_account(domain_sid, 61_000 + index, name) for index, name in enumerate(_SERVICE_NAMES))
    controllers = 0 if hosts < 2 else 1 + hosts // 50
    servers = hosts // 8
    roles = [Role.DOMAIN_CONTROLLER] * controllers + [Role.SERVER] * servers
    roles += [Role.WORKSTATION] * (hosts - len(roles))
    numbers: dict[Role, int] = dict.fromkeys(Role, 0)
    made = []
    for index, role in enumerate(roles):
        numbers[role] += 1
        owner = people[index] if role is Role.WORKSTATION else admins[index % len(admins)]
        made.append(_host(seed, index, role, numbers[role], owner, f"{domain_sid}-{40_000 + index}"))
    return Fleet(tuple(made), people, admins, services)


def _host(seed: int, index: int, role: Role, number: int, owner: Account, sid: str) -> Host:
    prefix = {Role.WORKSTATION: "WS", Role.SERVER: "SRV", Role.DOMAIN_CONTROLLER: "DC"}[role]
    name = f"{prefix}-{number:04d}"
    chance = number_of(seed, "sources", index) % 100
    computer = f"{name}.{DNS_DOMAIN}".encode()
    agent = f"{number_of(seed, 'agent', index):016x}{number_of(seed, 'agent id', index):016x}"
    agent_id = f"{agent[:8]}-{agent[8:12]}-{agent[12:16]}-{agent[16:20]}-{agent[20:]}"
    return Host(
        number=index,
        role=role,
        name=name,
        computer=computer,
        short_name=name.encode(),
        address=f"10.20.{index // 250}.{index % 250 + 4}".encode(),
        in_headers=(computer, name.encode(), agent_id.encode()),
        machine=b"%08X-" % (number_of(seed, "machine", index) & 0xFFFFFFFF),
        lsass_pid=600 + 4 * (number_of(seed, "lsass", index) % 80),
        event_log_pid=1000 + 4 * (number_of(seed, "event log", index) % 200),
        sysmon_pid=2000 + 4 * (number_of(seed, "sysmon", index) % 400),
        account=Account(b"S-1-5-18", f"{name}$".encode(), DOMAIN.encode(), escaped("NT AUTHORITY\\SYSTEM"), ""),
        network=Account(sid.encode(), f"{name}$".encode(), DOMAIN.encode(), f"{DOMAIN}\\\\{name}$".encode(), ""),
        owner=owner,
        is_developer=role is Role.WORKSTATION and number_of(seed, "work", index) % 5 == 0,
        has_sysmon=chance < 85,
        has_process_audit=chance < 70 or chance >= 85,
    )


def _account(domain_sid: str, number: int, name: str) -> Account:
    return Account(
        f"{domain_sid}-{number}".encode(),
        escaped(name),
        DOMAIN.encode(),
        escaped(f"{DOMAIN}\\{name}"),
        name,
    )


def _person(index: int) -> str:
    first = _FIRST_NAMES[index % len(_FIRST_NAMES)]
    last = _LAST_NAMES[(index * 7 + index // len(_FIRST_NAMES)) % len(_LAST_NAMES)]
    cycle = index // (len(_FIRST_NAMES) * len(_LAST_NAMES))
    return f"{first}.{last}" + (str(cycle + 1) if cycle else "")
