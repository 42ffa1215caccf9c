"""The tables agree with SigmaHQ's rules, with pySigma, and with the reference page."""

import json
import re
import tarfile
from pathlib import Path

import yaml
from sigma.pipelines.common import windows_logsource_mapping

from tocsin.schema.categories import CATEGORIES, CATEGORIES_BY_FIELD
from tocsin.schema.channels import SERVICES
from tocsin.schema.detect import FORMATS
from tocsin.schema.ecs import ECS_NAMES
from tocsin.schema.views import HASH_NAMES, HASHED_SYSMON_CODES, PROCESS_4688

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "fields.md"

OTHER_NAMES = {"servicebus-client": "microsoft-servicebus-client", "ldap_debug": "ldap"}  # SigmaHQ uses the second

NO_CHANNEL = {"file_access", "file_rename"}  # from the kernel's trace provider, which writes to no channel


def test_every_channel_that_pysigma_knows_is_the_same_service_here() -> None:
    for service, channels in windows_logsource_mapping.items():
        for channel in [channels] if isinstance(channels, str) else channels:
            assert SERVICES[channel] == OTHER_NAMES.get(service, service)


def test_channels_differ_in_more_than_case() -> None:
    assert len({channel.lower() for channel in SERVICES}) == len(SERVICES)


def test_every_log_source_of_sigmahqs_windows_rules_is_here(shared_data: Path) -> None:
    categories = {name for names in CATEGORIES.values() for name in names} | NO_CHANNEL
    (archive,) = (shared_data / "sigma").glob("*.tar.gz")
    unknown = set()
    with tarfile.open(archive) as rules:
        for member in rules:
            if not member.name.endswith(".yml") or "/windows/" not in member.name:
                continue
            file = rules.extractfile(member)
            assert file is not None
            found = re.search(r"^logsource:\n(?:[ \t]+.*\n)+", file.read().decode(), re.MULTILINE)
            logsource = yaml.safe_load(found[0])["logsource"] if found else {}
            if logsource.get("product") != "windows":
                continue
            if logsource.get("category", "process_creation") not in categories:
                unknown.add(logsource["category"])
            if logsource.get("service", "system") not in SERVICES.values():
                unknown.add(logsource["service"])
    assert unknown == set()


def test_categories_are_those_by_which_the_expected_matches_were_made(shared_data: Path) -> None:
    mapping = json.loads((shared_data / "expected" / "rules-evaluated.json").read_text())["logsource_map"]
    for name, alternatives in mapping.items():
        category, _, form = name.rpartition(" ")
        if category.startswith("service:"):
            for channels, _ in alternatives:
                assert {SERVICES[channel] for channel in channels} == {category.removeprefix("service:")}
            continue
        for channels, codes in alternatives:
            for code in codes:
                for channel in channels:
                    key = SERVICES[channel], str(code)
                    _, by_value = CATEGORIES_BY_FIELD.get(key, ("", {}))
                    assert category in CATEGORIES[key] or any(category in names for names in by_value.values()), form


def test_categories_and_ecs_names_are_of_known_services() -> None:
    assert {service for service, _ in (*CATEGORIES, *ECS_NAMES)} <= set(SERVICES.values())


def test_the_page_lists_every_format_channel_category_and_view() -> None:
    page = PAGE.read_text()
    for form in FORMATS:
        assert f"`{form.name}`" in page
    for channel, service in SERVICES.items():
        assert f"| {channel} | {service} |" in page
    for (service, code), names in CATEGORIES.items():
        assert f"| {service} | {code} | {', '.join(names)} |" in page
    for name, (native, _) in PROCESS_4688.items():
        assert f"| {name} | {native} |" in page
    assert ", ".join(HASHED_SYSMON_CODES) in page
    assert ", ".join(HASH_NAMES.values()) in page
