"""Speak Kafka's protocol by hand, for states that no client makes by itself (kafka.apache.org/protocol)."""

import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

_SECONDS = 20.0
_PRODUCE, _INIT_PRODUCER_ID, _TXN_OFFSET_COMMIT, _DESCRIBE_TRANSACTIONS = (0, 7), (22, 1), (28, 2), (65, 0)
_CONCURRENT_TRANSACTIONS = 51
_IS_TRANSACTIONAL = 0x10
_CASTAGNOLI = 0x82F63B78


@dataclass(frozen=True)
class Place:
    topic: str
    partition: int
    offset: int


def leave_hanging(
    servers: str,
    transactional_id: str,
    records: Sequence[tuple[str, int, bytes, bytes]] = (),
    group: str = "",
    offset: Place | None = None,
    is_alive: bool = False,
) -> None:
    """Leave records and an offset of a transaction behind of which the transaction's own coordinator knows nothing.

    That is what is left where a transaction is over and its markers are not written: a coordinator takes partitions
    that have no leader at the moment for deleted. `records`: topic, partition, key, value. `is_alive`: the writer is
    not shut out; it has written one record to each of these partitions, and its next one there will be taken for a
    repetition of this. The broker must not verify partitions of transactions.
    """
    host, _, port = servers.partition(":")
    with socket.create_connection((host, int(port)), _SECONDS) as broker:
        producer_id, epoch = _producer_of(broker, transactional_id) if is_alive else _begun(broker, transactional_id)
        for topic, partition, key, value in records:
            batch = _batch(producer_id, epoch, int(is_alive), key, value)
            place = _text(topic) + struct.pack(">iii", 1, partition, len(batch)) + batch
            request = _text(transactional_id) + struct.pack(">hii", -1, 20_000, 1) + place
            answer = _ask(broker, *_PRODUCE, request)
            (error,) = struct.unpack_from(">h", answer, 4 + len(_text(topic)) + 8)
            assert error == 0, error
        if offset is not None:
            place = _text(offset.topic) + struct.pack(">iiqi", 1, offset.partition, offset.offset, -1) + _text("")
            request = _text(transactional_id) + _text(group) + struct.pack(">qhi", producer_id, epoch, 1) + place
            (error,) = struct.unpack(">h", _ask(broker, *_TXN_OFFSET_COMMIT, request)[-2:])
            assert error == 0, error


def _begun(broker: socket.socket, transactional_id: str) -> tuple[int, int]:
    """Take the place of a writer; return its producer id and epoch."""
    error = _CONCURRENT_TRANSACTIONS  # until the markers of the one before are written
    while error == _CONCURRENT_TRANSACTIONS:
        time.sleep(0.1)
        answer = _ask(broker, *_INIT_PRODUCER_ID, _text(transactional_id) + struct.pack(">i", 10_000))
        _, error, producer_id, epoch = struct.unpack_from(">ihqh", answer)
    assert error == 0, error
    return producer_id, epoch


def _producer_of(broker: socket.socket, transactional_id: str) -> tuple[int, int]:
    """Return the producer id and epoch that a writer has."""
    body = b"\0" + b"\2" + bytes([len(transactional_id) + 1]) + transactional_id.encode() + b"\0"
    answer = _ask(broker, *_DESCRIBE_TRANSACTIONS, body)[1 + 4 + 1 :]
    (error,) = struct.unpack_from(">h", answer)
    assert error == 0, error
    at = 2
    for _ in range(2):  # its id and state: lengths below 127
        at += answer[at]
    producer_id, epoch = struct.unpack_from(">qh", answer, at + 4 + 8)
    return producer_id, epoch


def _batch(producer_id: int, epoch: int, sequence: int, key: bytes, value: bytes) -> bytes:
    """Return a batch (version 2) of one record. `sequence`: how many of its producer are in its partition."""
    record = b"\0\0\0" + _varint(len(key)) + key + _varint(len(value)) + value + b"\0"
    now_ms = int(time.time() * 1000)
    checked = struct.pack(">hiqqqhii", _IS_TRANSACTIONAL, 0, now_ms, now_ms, producer_id, epoch, sequence, 1)
    checked += _varint(len(record)) + record
    behind_length = struct.pack(">ibI", -1, 2, _crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(behind_length)) + behind_length


def _varint(number: int) -> bytes:
    """Return a number of 0 or more as a zigzag varint."""
    left, found = number << 1, b""
    while left > 0x7F:
        found += bytes([left & 0x7F | 0x80])
        left >>= 7
    return found + bytes([left])


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _ask(broker: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """Return the body of the answer."""
    request = struct.pack(">hhi", key, version, 1) + _text("test") + body
    broker.sendall(struct.pack(">i", len(request)) + request)
    (length,) = struct.unpack(">i", _read(broker, 4))
    return _read(broker, length)[4:]


def _read(broker: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        piece = broker.recv(length - len(found))
        assert piece, "the broker has closed the connection"
        found += piece
    return found


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
