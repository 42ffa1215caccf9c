"""Which log sources events can be of at all: what the formats and channels that are known give."""

from tocsin.event import Logsource
from tocsin.schema.categories import CATEGORIES, CATEGORIES_BY_FIELD
from tocsin.schema.channels import SERVICES
from tocsin.schema.kinds import RPC_FIREWALL
from tocsin.schema.products import PRODUCTS


def routable_logsources() -> frozenset[Logsource]:
    found = {Logsource("windows", service) for service in SERVICES.values()}
    found |= {Logsource("windows", service, categories) for (service, _), categories in CATEGORIES.items()}
    found |= {
        Logsource("windows", service, categories)
        for (service, _), (_, by_value) in CATEGORIES_BY_FIELD.items()
        for categories in by_value.values()
    }
    found |= {
        Logsource("linux", service, categories)
        for (service, _), categories in CATEGORIES.items()
        if service == "sysmon"
    }
    return frozenset(found | {RPC_FIREWALL} | {one.logsource for one in PRODUCTS})
