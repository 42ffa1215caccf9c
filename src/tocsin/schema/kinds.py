"""What follows from an event's channel and id alone: its log source, its views, and whose action it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.event import Logsource
from tocsin.schema.aliases import aliases_of
from tocsin.schema.categories import CATEGORIES, CATEGORIES_BY_FIELD
from tocsin.schema.channels import SERVICES, canonical_channel
from tocsin.schema.memory import Remembered
from tocsin.schema.sysmon_linux import CHANNEL as LINUX_SYSMON
from tocsin.schema.users import NameFields, acting_fields
from tocsin.schema.views import Overlay, overlay_of


@dataclass(frozen=True, slots=True)
class Kind:
    """All Windows events of one channel and id."""

    channel: str  # in Windows' own case
    logsource: Logsource
    logsource_field: str  # "" unless a field's value says more
    logsource_by_value: Mapping[str, Logsource]
    add_aliases: Callable[[dict[str, Any]], None] | None
    overlay: Callable[[Mapping[str, Any]], Overlay] | None
    acting: tuple[NameFields, ...]
    is_account_acting: bool  # whether the account an event was logged under says who acted

    def logsource_of(self, fields: Mapping[str, Any]) -> Logsource:
        """Return the log source of an event of this kind."""
        value = fields.get(self.logsource_field)
        return self.logsource_by_value.get(value, self.logsource) if type(value) is str else self.logsource


def _kind_of(channel_and_code: tuple[str, str]) -> Kind:
    channel, code = channel_and_code
    channel = canonical_channel(channel)
    service = SERVICES.get(channel, "")
    field, by_value = CATEGORIES_BY_FIELD.get((service, code), ("", {}))
    if channel == LINUX_SYSMON:
        product, service = "linux", "sysmon"
    else:
        product = "windows"
    logsource = Logsource(product, service, CATEGORIES.get((service, code), ()))
    return Kind(
        channel=channel,
        logsource=RPC_FIREWALL if channel == "RPCFW" else logsource,
        logsource_field=field,
        logsource_by_value={value: Logsource("windows", service, names) for value, names in by_value.items()},
        add_aliases=aliases_of(service),
        overlay=overlay_of(service, code),
        acting=acting_fields(service, code),
        is_account_acting=service != "sysmon",  # Sysmon logs everything as SYSTEM
    )


# RPC Firewall writes to a channel of its own.
RPC_FIREWALL = Logsource("rpc_firewall", "", ("application",))

KINDS: Remembered[tuple[str, str], Kind] = Remembered(_kind_of, entries=4096, max_chars=200)
