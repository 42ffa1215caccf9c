"""What may hold containers is never said to hold none."""

import msgspec
import orjson
import pytest

from tocsin.schema.containers import may_hold_containers


@pytest.mark.parametrize("decode", [orjson.loads, msgspec.json.decode])
@pytest.mark.parametrize("text", ['{"a":1,"b":[]}', '{"a":{}}', '{"a":null,"b":"x","c":[1]}', '{"a":[{}],"b":1}'])
def test_what_holds_a_container_may_hold_one(decode: object, text: str) -> None:
    assert may_hold_containers(decode(text))  # type: ignore[operator]


def test_what_gets_a_container_later_may_hold_one() -> None:
    flat = orjson.loads('{"a":1}')
    flat["b"] = []
    assert may_hold_containers(flat)
