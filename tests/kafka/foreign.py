"""Write a record with header names of any bytes, as clients in other languages can: by librdkafka's own interface."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import confluent_kafka

_END, _TOPIC, _VALUE, _HEADERS = 0, 1, 4, 10  # rd_kafka_vtype_t
_PRODUCER = 0
_SECONDS = 20.0


def write(servers: str, topic: str, value: bytes, header_names: Sequence[bytes]) -> None:
    """Write one record, whose headers are all empty, and wait until it is there."""
    library = _library()
    problem = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(conf, b"bootstrap.servers", servers.encode(), problem, len(problem))
    producer = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, conf, problem, len(problem)))
    headers = ctypes.c_void_p(library.rd_kafka_headers_new(len(header_names)))
    for name in header_names:
        library.rd_kafka_header_add(headers, name, ctypes.c_ssize_t(len(name)), b"", ctypes.c_ssize_t(0))
    said = [ctypes.c_int(_TOPIC), topic.encode(), ctypes.c_int(_VALUE), value, ctypes.c_size_t(len(value))]
    refused = library.rd_kafka_producev(producer, *said, ctypes.c_int(_HEADERS), headers, ctypes.c_int(_END))
    left = library.rd_kafka_flush(producer, int(_SECONDS * 1000))
    library.rd_kafka_destroy(producer)
    assert (refused, left) == (0, 0), problem.value


def _library() -> ctypes.CDLL:
    """Load what the wheel of confluent-kafka carries."""
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(library, name).restype = ctypes.c_void_p
    return library
