"""What the log quotes can neither move the cursor nor pass for a line of its own."""

import subprocess
import sys

_HOSTILE = "\x1b]0;owned\x07\n2026-01-12 06:00:00,000 INFO forged\u202e"


def test_a_line_of_the_log_stays_one_line_and_has_no_escapes() -> None:
    code = (
        "import logging, sys; from tocsin.cli import _log_to_stderr; _log_to_stderr();"
        "log = logging.getLogger('any');"
        "log.warning('refused: %s', sys.argv[1]);"
        "log.warning('failed', exc_info=ValueError(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, _HOSTILE], capture_output=True, text=True, check=True)
    first, *_ = done.stderr.splitlines()
    assert first.endswith(r"WARNING refused: \x1b]0;owned\x07\x0a2026-01-12 06:00:00,000 INFO forged\u202e")
    assert "\x1b" not in done.stderr
