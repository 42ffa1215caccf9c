"""How native values become those that Sigma's rules are written for."""

from typing import Any

import pytest

from tocsin.schema.views import overlay_of


def overlay(service: str, code: str, fields: dict[str, Any]) -> dict[str, Any]:
    function = overlay_of(service, code)
    assert function is not None
    return function(fields)


@pytest.mark.parametrize(
    ("native", "decimal"),
    [("0x10", "16"), ("0XFF", "255"), ("16", "16"), (16, 16), ("0x", "0x"), ("-", "-"), ("0x" + "f" * 5000,) * 2],
)
def test_process_ids_of_4688_are_decimal(native: Any, decimal: Any) -> None:
    assert overlay("security", "4688", {"NewProcessId": native}) == {"ProcessId": decimal}


@pytest.mark.parametrize(
    ("sid", "level"),
    [
        ("S-1-16-4096", "Low"),
        ("S-1-16-8192", "Medium"),
        ("S-1-16-12288", "High"),
        ("S-1-16-16384", "System"),
        ("S-1-16-1", "S-1-16-1"),
        ([], []),
    ],
)
def test_integrity_levels_have_the_words_of_sysmon(sid: Any, level: Any) -> None:
    assert overlay("security", "4688", {"MandatoryLabel": sid}) == {"IntegrityLevel": level}


@pytest.mark.parametrize(
    ("key", "value_name", "target"),
    [
        ("\\REGISTRY\\MACHINE\\SOFTWARE\\Run", "x", "HKLM\\SOFTWARE\\Run\\x"),
        ("\\Registry\\User\\S-1-5-21\\Software", "x", "HKU\\S-1-5-21\\Software\\x"),
        (
            "\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\Fax",
            "",
            "HKLM\\System\\CurrentControlSet\\Services\\Fax\\(Default)",
        ),
        ("\\REGISTRY\\MACHINE\\SOFTWARE\\Run", None, "HKLM\\SOFTWARE\\Run"),
        ("\\REGISTRY\\A\\{361c}\\x", "y", "\\REGISTRY\\A\\{361c}\\x\\y"),
    ],
)
def test_registry_keys_of_4657_are_written_as_sysmon_does(key: str, value_name: Any, target: str) -> None:
    fields = {"ObjectName": key} | ({} if value_name is None else {"ObjectValueName": value_name})
    assert overlay("security", "4657", fields) == {"TargetObject": target}


@pytest.mark.parametrize(
    ("value_type", "value", "details"),
    [
        ("%%1876", "1", "DWORD (0x00000001)"),
        ("%%1876", "0x10", "DWORD (0x00000010)"),
        ("REG_DWORD", "4", "DWORD (0x00000004)"),
        ("%%1883", "0x2000000000000001", "QWORD (0x20000000-0x00000001)"),
        ("%%1873", "1", "1"),
        ("%%1876", "calc.exe", "calc.exe"),
        (None, "x", "x"),
    ],
)
def test_numbers_in_the_registry_are_written_as_sysmon_does(value_type: Any, value: str, details: str) -> None:
    assert overlay("security", "4657", {"NewValueType": value_type, "NewValue": value}) == {"Details": details}


def test_hashes_that_are_not_named_are_left_alone() -> None:
    assert overlay("sysmon", "7", {"Hashes": "D41D8CD9"}) == {}
    assert overlay("sysmon", "15", {"Hash": "MD5=D41D,Unknown=1"}) == {"md5": "D41D"}
    assert overlay("sysmon", "7", {}) == {}
