"""Choose who acted in an event: `DOMAIN\\user`, or the bare name where no domain is known."""

from collections.abc import Mapping
from typing import Any

from tocsin.schema.memory import Remembered

NameFields = tuple[str, str]  # the field of the domain ("" for none), the field of the name

SUBJECT: NameFields = ("SubjectDomainName", "SubjectUserName")
TARGET: NameFields = ("TargetDomainName", "TargetUserName")

_DEFAULT: tuple[NameFields, ...] = (("", "User"), SUBJECT, ("", "SourceUser"), TARGET, ("", "UserName"))
_TARGET_FIRST: tuple[NameFields, ...] = (TARGET, SUBJECT)

# In these Security events the subject is the computer that asks, the target the one who logs on, off or authenticates;
# a process (4688) runs as the target where there is one.
_TARGET_ACTS = ("4624", "4625", "4634", "4647", "4688", "4768", "4769", "4770", "4771", "4776", "4778", "4779")

_NOBODY = ("", "-")


def acting_fields(service: str, code: str) -> tuple[NameFields, ...]:
    """Return the fields that may name who acted in such an event, best first."""
    return _TARGET_FIRST if service == "security" and code in _TARGET_ACTS else _DEFAULT


def acting_user(fields: Mapping[str, Any], candidates: tuple[NameFields, ...]) -> str:
    """Return the first user that the candidate fields name, "" when they name nobody."""
    for domain_field, name_field in candidates:
        name = fields.get(name_field)
        if type(name) is not str or name in _NOBODY:
            continue
        if not domain_field:
            return name
        domain = fields.get(domain_field)
        return _ACCOUNTS[domain, name] if type(domain) is str else name
    return ""


def account(domain: object, name: object) -> str:
    """Join a domain and a name, either of which may be missing or `-`."""
    if type(name) is not str or name in _NOBODY:
        return ""
    return _ACCOUNTS[domain, name] if type(domain) is str else name


def _joined(account: tuple[str, str]) -> str:
    domain, name = account
    return name if domain in _NOBODY else f"{domain}\\{name}"


_ACCOUNTS: Remembered[tuple[str, str], str] = Remembered(_joined, entries=10_000, max_chars=200)
