"""Read records of the Linux audit system: `type=EXECVE msg=audit(1604994496.155:92733): argc=2 a0="arp" a1="-a"`."""

import re
from typing import Any

# auditd(8): a value is quoted, or hexadecimal where it holds what would break the line, or bare.
_PAIR = re.compile(r"""([A-Za-z_][\w-]*)=(?:"([^"]*)"|'([^']*)'|([^\s"']*))""")
_STAMP = re.compile(r"audit\((\d{1,12}\.\d{1,6}):(\d{1,20})\)")
_MAX_CHARACTERS = 1 << 20
_ENCODED = re.compile(r"(?:[0-9A-F]{2})+")
_MAY_BE_ENCODED = re.compile(r"a\d+|name|comm|exe|cwd|proctitle|key|acct|cmd|dir|path|data")


def read_auditd(record: dict[str, Any]) -> dict[str, Any]:
    """Add the fields of the line under `record` (or `message`) to those that are there already."""
    line = record.get("record") or record.get("message")
    fields = dict(record)
    if type(line) is not str or len(line) > _MAX_CHARACTERS:
        return fields
    stamp = _STAMP.search(line)
    if stamp:
        fields.setdefault("time", float(stamp[1]))
        fields.setdefault("serial", stamp[2])
    _add_pairs(line, fields)
    return fields


def _add_pairs(line: str, fields: dict[str, Any], is_nested: bool = False) -> None:
    for name, quoted, nested, bare in _PAIR.findall(line):
        if nested and not is_nested:
            _add_pairs(nested, fields, is_nested=True)
        elif name == "msg" and bare.startswith("audit("):
            continue
        else:
            fields.setdefault(name, quoted or nested or _decoded(name, bare))


def _decoded(name: str, bare: str) -> str:
    """Decode a hexadecimal value; the arguments in a proctitle are apart by NUL."""
    if not (_MAY_BE_ENCODED.fullmatch(name) and _ENCODED.fullmatch(bare)):
        return bare
    return bytes.fromhex(bare).decode("utf-8", "replace").replace("\0", " ").rstrip(" ")
