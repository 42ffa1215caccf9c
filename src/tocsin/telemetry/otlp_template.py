"""Lay out the bytes of a span in OTLP, with holes where spans of one group differ.

Source: opentelemetry-proto 1.x, trace/v1/trace.proto, common/v1/common.proto.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tocsin.telemetry.protobuf_pieces import (
    MAX_INT64,
    MIN_INT64,
    Piece,
    double,
    fixed32,
    fixed64_in,
    hole,
    integer,
    integer_in,
    joined,
    message,
    text,
)
from tocsin.telemetry.spans import CONSUMER, SERVER, Value

_SPAN = 2  # in ScopeSpans
_ATTRIBUTE = 9  # in Span
_STATUS_ERROR = 2

# SpanFlags. A span that is sent was sampled: it is recorded, whatever the flags its context travelled with.
_SAMPLED, _IS_REMOTE_KNOWN, _IS_REMOTE = 0x01, 0x100, 0x200

_MAX_REMEMBERED_BYTES = 4096  # of what is constant in a span
_MAX_REMEMBERED_CHARACTERS = 512  # of an attribute's texts


class Form(NamedTuple):
    """All that spans of a group have in common, and which columns they have."""

    name: str
    kind: int
    has_parent: bool
    attributes: bytes  # fields of Span, as `attribute` makes them
    numbers: tuple[tuple[str, int], ...]  # (name, bytes of its varints)
    texts: tuple[tuple[str, int], ...]  # (name, length)
    links: int
    error: str


def template_of(form: Form) -> Piece:
    """Return a span as a field of ScopeSpans. Its holes are, in this order: trace id (16 bytes), span id (8), parent's
    span id (8, where there is one), start and end (8 each, fixed64), numbers, texts, each link's trace and span id.
    """
    is_small = len(form.name) + len(form.attributes) + len(form.error) <= _MAX_REMEMBERED_BYTES
    return _remembered_template(form) if is_small else _template(form)


def attribute(name: str, value: Value) -> bytes:
    """Return an attribute as a field of Span. Raises ValueError for an integer of more than 64 bits."""
    if isinstance(value, float):  # is not remembered: 0.0 and -0.0 are one key
        return _attribute(name, value)
    if isinstance(value, int):
        return _remembered_attribute(name, value)
    if isinstance(value, str):
        size = len(value)
    else:
        value = tuple(value)
        size = len(value) + sum(map(len, value))
    return _remembered_attribute(name, value) if size <= _MAX_REMEMBERED_CHARACTERS else _attribute(name, value)


def key_value(field: int, key: str, value: Piece) -> Piece:
    """Return a KeyValue, the value an AnyValue's only field."""
    return message(field, text(1, key), message(2, value))


def _template(form: Form) -> Piece:
    parent = [message(4, hole(8))] if form.has_parent else []
    numbers = [key_value(_ATTRIBUTE, name, integer_in(3, hole(width))) for name, width in form.numbers]
    texts = [key_value(_ATTRIBUTE, name, message(1, hole(length))) for name, length in form.texts]
    links = [message(13, message(1, hole(16)), message(2, hole(8)))] * form.links
    status = [message(15, text(2, form.error), integer(3, _STATUS_ERROR))] if form.error else []
    return message(
        _SPAN,
        message(1, hole(16)),
        message(2, hole(8)),
        *parent,
        text(5, form.name),
        integer(6, form.kind),
        fixed64_in(7, hole(8)),
        fixed64_in(8, hole(8)),
        Piece(form.attributes),
        *numbers,
        *texts,
        *links,
        *status,
        fixed32(16, _flags(form.kind, form.has_parent)),
    )


_remembered_template = lru_cache(maxsize=256)(_template)


def _flags(kind: int, has_parent: bool) -> int:
    """Say whether the parent is a span of another process: by their kinds, consumers and servers are what begins one's
    part in a trace, all other spans go on with it."""
    is_remote = has_parent and kind in (CONSUMER, SERVER)
    return _SAMPLED | _IS_REMOTE_KNOWN | (_IS_REMOTE if is_remote else 0)


def _attribute(name: str, value: Value) -> bytes:
    if isinstance(value, int) and not MIN_INT64 <= value <= MAX_INT64:
        raise ValueError(f"attribute `{name}` of a span: {value} has more than 64 bits; give it as text")
    return key_value(_ATTRIBUTE, name, _any_value(value)).content


_remembered_attribute = lru_cache(maxsize=1024, typed=True)(_attribute)  # typed: True, 1 and 1.0 are one key


def _any_value(value: Value) -> Piece:
    if isinstance(value, str):
        return text(1, value)
    if isinstance(value, bool):
        return integer(2, value)
    if isinstance(value, int):
        return integer(3, value)
    if isinstance(value, float):
        return double(4, value)
    return _array(value)


def _array(values: Sequence[str]) -> Piece:
    return message(5, joined(message(1, text(1, each)) for each in values))
