"""Make flat Windows events as JSON lines: ordinary ones, a few with something to detect. Needs no other data."""

import json
import random


def flat_lines(count: int, seed: int = 1) -> list[bytes]:
    """Return `count` distinct process starts (Sysmon 1) as NXLog writes them, without line ends."""
    rng = random.Random(seed)
    return [json.dumps(_process_start(number, rng), separators=(",", ":")).encode() for number in range(count)]


def _process_start(number: int, rng: random.Random) -> dict[str, object]:
    program = rng.choice(("notepad.exe", "svchost.exe", "chrome.exe", "whoami.exe"))
    return {
        "RuleName": "-",
        "EventID": 1,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "SourceName": "Microsoft-Windows-Sysmon",
        "Hostname": f"WS{rng.randrange(20):03d}.corp.example",
        "@timestamp": f"2026-01-12T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "RecordNumber": number,
        "Image": f"C:\\Windows\\System32\\{program}",
        "CommandLine": f"{program} {rng.randrange(10**9)}",
        "ParentImage": "C:\\Windows\\explorer.exe",
        "User": "CORP\\ann",
        "ProcessId": str(rng.randrange(4, 60_000)),
    }
