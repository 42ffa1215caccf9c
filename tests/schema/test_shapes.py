"""Shapes are shared, and what a sender chooses cannot fill the memory."""

import pytest

from tocsin.event import Logsource, Shape
from tocsin.schema.shapes import Shapes

SYSMON = Logsource("windows", "sysmon")


def test_events_of_one_kind_with_the_same_fields_share_a_shape() -> None:
    shapes = Shapes()
    first = shapes.of(Shape("flat-windows", SYSMON, code="1"), ["Image", "User"])
    assert shapes.of(Shape("flat-windows", SYSMON, code="1"), ["Image", "User"]) is first
    assert shapes.of(Shape("flat-windows", SYSMON, code="2"), ["Image", "User"]) is not first
    assert shapes.of(Shape("flat-windows", SYSMON, code="1"), ["Image"]) is not first


@pytest.mark.parametrize(
    ("shape", "keys"),
    [
        (Shape(), [str(number) for number in range(300)]),
        (Shape(), ["x" * 10_000]),
        (Shape(code="1" * 1_000), ["a"]),
    ],
    ids=["many keys", "a long key", "a long event id"],
)
def test_what_hardly_comes_again_is_not_kept(shape: Shape, keys: list[str]) -> None:
    shapes = Shapes()
    assert shapes.of(shape, keys) is shape
    assert shapes._known == {}
