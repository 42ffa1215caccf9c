"""Add the names that Sigma's rules use where an event gives a field another name, or none; nothing is renamed."""

from collections.abc import Callable
from typing import Any


def aliases_of(service: str) -> Callable[[dict[str, Any]], None] | None:
    """Return what adds such names to the fields of this service's events, or None."""
    return _ALIASES.get(service)


def _without_blanks(fields: dict[str, Any]) -> None:
    """Defender writes `Threat Name`; Sigma has `ThreatName`."""
    for name in [name for name in fields if " " in name]:
        fields.setdefault(name.replace(" ", ""), fields[name])


def _unnamed_values(fields: dict[str, Any]) -> None:
    """Windows PowerShell's values have no name: `Data` in XML, param1.. in Winlogbeat, only the text elsewhere."""
    if "Data" in fields:
        return
    values = [fields[name] for name in ("param1", "param2", "param3") if name in fields]
    if values:
        fields["Data"] = values
    elif "Message" in fields:
        fields["Data"] = fields["Message"]


_ALIASES: dict[str, Callable[[dict[str, Any]], None]] = {
    "powershell-classic": _unnamed_values,
    "windefend": _without_blanks,
}
