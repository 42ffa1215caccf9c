"""Speak Kafka's protocol by hand, for states that no client makes by itself (kafka.apache.org/protocol)."""

import socket
import struct
import time

_SECONDS = 20.0
_INIT_PRODUCER_ID, _TXN_OFFSET_COMMIT = (22, 1), (28, 2)  # key and version
_CONCURRENT_TRANSACTIONS = 51


def leave_offset_hanging(servers: str, transactional_id: str, group: str, topic: str, partition: int) -> None:
    """Leave an offset of a transaction behind of which the transaction's own coordinator knows nothing.

    That is what is left where a broker dies in the middle. The broker must not verify partitions of transactions.
    """
    host, _, port = servers.partition(":")
    with socket.create_connection((host, int(port)), _SECONDS) as broker:
        error = _CONCURRENT_TRANSACTIONS  # until the markers of the one before are written
        while error == _CONCURRENT_TRANSACTIONS:
            time.sleep(0.1)
            answer = _ask(broker, *_INIT_PRODUCER_ID, _text(transactional_id) + struct.pack(">i", 10_000))
            _, error, producer_id, epoch = struct.unpack_from(">ihqh", answer)
        assert error == 0, error
        place = _text(topic) + struct.pack(">iiqi", 1, partition, 1, -1) + _text("")
        request = _text(transactional_id) + _text(group) + struct.pack(">qhi", producer_id, epoch, 1) + place
        (error,) = struct.unpack(">h", _ask(broker, *_TXN_OFFSET_COMMIT, request)[-2:])
        assert error == 0, error


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
