"""Fields are found as Sigma names them: exactly, without case and blanks, nested, in lists."""

from collections.abc import Mapping
from typing import Any

import pytest

from tocsin.rules.view import Spellings, View


def view(*layers: Mapping[str, Any]) -> View:
    return View(layers, Spellings())


@pytest.mark.parametrize(
    ("fields", "name", "texts"),
    [
        ({"Image": "A"}, "Image", ("a",)),
        ({"image": "A"}, "Image", ("a",)),
        ({"Threat Name": "A"}, "ThreatName", ("a",)),
        ({"Image": "A", "image": "B"}, "image", ("b",)),
        ({"Image": "A", "IMAGE": "B"}, "image", ("a",)),
        ({"a.b": "flat", "a": {"b": "nested"}}, "a.b", ("flat",)),
        ({"a": {"b": {"c": "X"}}}, "a.b.c", ("x",)),
        ({"a": {"b.c": "X"}}, "a.b.c", ("x",)),
        ({"A": {"B": "X"}}, "a.b", ("x",)),
        ({"a": [{"b": "X"}, {"b": ["Y", "Z"]}, {"c": "no"}, 5]}, "a.b", ("x", "y", "z")),
        ({"a": ["X", ["Y", [None, 5]]]}, "a", ("x", "y", "5")),
        ({"a": {"b": "X"}}, "a", ()),
        ({"a": None}, "a", ()),
        ({}, "a", ()),
        ({"a": True}, "a", ("true",)),
    ],
)
def test_the_folded_texts_of_a_field(fields: dict[str, Any], name: str, texts: tuple[str, ...]) -> None:
    assert view(fields)[name] == texts
    assert view(fields)[name] == texts


def test_a_missing_field_is_not_an_empty_list_nor_null() -> None:
    assert view({}).raws("a") is None
    assert view({"a": []}).raws("a") == ()
    assert view({"a": None}).raws("a") == (None,)


def test_the_first_layer_wins_and_the_exact_name_wins_over_layers() -> None:
    assert view({"ProcessId": "1"}, {"ProcessId": "2", "Image": "x"})["ProcessId"] == ("1",)
    assert view({"ProcessId": "1"}, {"ProcessId": "2", "Image": "x"})["Image"] == ("x",)
    assert view({"processid": "1"}, {"ProcessId": "2"})["ProcessId"] == ("2",)


def test_events_with_the_same_keys_share_spellings_but_not_values() -> None:
    spellings = Spellings()
    assert View(({"image": "a"},), spellings)["Image"] == ("a",)
    assert View(({"image": "b"},), spellings)["Image"] == ("b",)
    assert View(({"IMAGE": "c"},), spellings)["Image"] == ("c",)


def test_all_values_are_found_nested_ones_too_but_no_names() -> None:
    found = view({"name": "A", "list": ["B", {"inner": 5}], "null": None, "deep": {"x": {"y": "C"}}})
    assert sorted(found.all_texts()) == ["5", "A", "B", "C"]
    assert "name" not in found.joined_texts()


def test_lists_nested_ten_thousand_deep_are_read() -> None:
    deep: Any = "X"
    for _ in range(10_000):
        deep = [deep]
    assert view({"a": deep})["a"] == ("x",)
    assert view({"a": deep}).all_texts() == ("X",)
