"""Logs and rules that try to become more than text on a page, in every field that they have."""

import json
from html.parser import HTMLParser
from pathlib import Path

from tests.rules.writing import rule_text
from tests.windows_events import flat_lines

PAYLOADS = (
    "<script>alert(1)</script>",
    "</pre></style></title></textarea></script><script>alert(2)</script>",
    "<svg onload=alert(3)><svg/onload=alert(4)//",
    "<img src=x onerror=alert(5)><img src=http://127.0.0.1:9/pixel.png>",
    "<iframe src=javascript:alert(6)></iframe><iframe srcdoc='<script>alert(7)</script>'>",
    "<a href=javascript:alert(8)>look</a> javascript:alert(9)",
    "<style>@import 'http://127.0.0.1:9/x.css'; body { display: none }</style>",
    "<link rel=stylesheet href=//127.0.0.1:9/x.css><link rel=preload as=image href=//127.0.0.1:9/x.png>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'><base href=http://127.0.0.1:9/>",
    "<form action=http://127.0.0.1:9/><input autofocus onfocus=alert(10)><object data=//127.0.0.1:9/><embed src=x>",
    "\"' onmouseover=alert(11) autofocus onfocus=alert(12) style=display:none x=\"'",
    "<!-- --!> ]]> <![CDATA[ <?xml ?> &lt;script&gt;alert(13)&lt;/script&gt; &#60;b&#62; &amp;amp;",
    "{{7*7}} ${7*7} <%= 7*7 %> {% raw %} {0.__class__} %s %(name)s",
    "\u202egnp.exe\u2066 \u200bhidden\u2028line\u2029 \ufeff\U000e0041",
    "\x1b[31mred\x1b]0;title\x07 \x9b1m NUL\x00 \r\b\x7f",
    "\ud800 lone, Z\u0334\u0310\u0341algo, \u05e9\u05dc\u05d5\u05dd, " + "long" * 800,
)

_KEPT = ("EventID", "Channel", "SourceName", "@timestamp")  # else it would be no Windows event


def write_hostile(folder: Path) -> tuple[Path, Path]:
    """Write logs and rules; return the folder of the logs, which has such a name itself, and the file of the rules."""
    logs = folder / "<script>alert(14)<" / "\u202e\x1b[31m"
    logs.mkdir(parents=True)
    lines = []
    for payload in PAYLOADS:
        event = json.loads(flat_lines(1)[0])
        hostile = {key: event[key] if key in _KEPT else payload for key in event}
        lines.append(json.dumps({**hostile, "Bait": payload, payload: payload, "Nested": {payload: [payload]}}))
    (logs / "\" onerror=alert(15) '.jsonl").write_text("\n".join(lines))
    rules = folder / "rules.yml"
    rules.write_text("---\n".join(map(_rule, PAYLOADS)), "utf-8")
    return logs, rules


def _rule(payload: str) -> str:
    """Write a rule that fires on all of the events, and whose every text is hostile."""
    text = payload.encode("utf-8", "replace").decode()
    field = text.replace("|", "").replace(".", "")
    detection = {
        "selection": {"EventID": 1},
        "bait": [{"Bait|contains": text[:100]}, {field: None}],  # a field that is missing is null
        "condition": "selection and bait",
    }
    return rule_text(detection, title=text[:250], author=text, license=text, level="high", tags=["attack.t1033"])


class Tags(HTMLParser):
    """Collects the elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data
