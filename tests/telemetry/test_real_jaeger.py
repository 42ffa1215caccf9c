"""A trace sent to a real Jaeger by OpenTelemetry's own classes, and read back."""

from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.jaeger.server import Jaeger
from tests.telemetry.official_otlp import official_request
from tests.telemetry.traced import EVENT_ID, trace_spans
from tocsin.errors import ConfigError
from tocsin.telemetry.jaeger import JaegerClient
from tocsin.telemetry.spans import Value

pytestmark = pytest.mark.slow


def test_a_trace_is_read_from_a_real_jaeger_as_it_was_sent(tmp_path: Path) -> None:
    spans = trace_spans()
    links = ((b"\x01" * 16, b"\x02" * 8),)
    spans[0] = replace(spans[0], error="no leader", links=links)
    values: dict[str, Value] = {"text": "ü\x1b[31m", "empty": "", "number": -5, "large": 2**62, "list": ("a", "b")}
    spans[1] = replace(spans[1], attributes={**values, "ratio": 1.5, "infinite": float("inf"), "hit": False})
    with Jaeger(tmp_path) as jaeger:
        client = JaegerClient(jaeger.query)
        with pytest.raises(ConfigError, match="has no trace"):
            client.trace(EVENT_ID)
        for _ in range(2):  # as a sender does that repeats a batch
            sent = requests.post(
                f"{jaeger.otlp}/v1/traces",
                data=official_request(spans).SerializeToString(),
                headers={"Content-Type": "application/x-protobuf"},
                timeout=10,
            )
            assert sent.status_code == 200
        assert sorted(client.trace(EVENT_ID), key=_key) == sorted(spans, key=_key)
        assert sorted(client.trace(EVENT_ID), key=_key) == sorted(spans, key=_key)  # reading changes nothing
        with pytest.raises(ConfigError, match="not as Jaeger does"):
            JaegerClient(jaeger.otlp).trace(EVENT_ID)


def _key(span: object) -> str:
    return repr(span)
