"""Drive a real Chromium over its DevTools protocol, by a pair of pipes: no driver, no port.

Protocol: https://chromedevtools.github.io/devtools-protocol/ ; each message ends with a NUL, `--remote-debugging-pipe`
reads from file descriptor 3 and writes to 4.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import skip_or_fail

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_SECONDS = 60.0  # for one answer; a busy machine takes its time


def chromium_or_skip() -> str:
    """Return where Chromium is; the test skips without it, unless it is required."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return found
    return skip_or_fail("needs Chromium: `make services` installs it, or says how")


@contextmanager
def chromium() -> Iterator["Chromium"]:
    """Give a browser that ends with the block; the test skips where there is none."""
    browser = Chromium(chromium_or_skip())
    try:
        browser.attach()
        yield browser
    finally:
        browser.close()


class Chromium:
    """One browser with one page, and all that it said of that page."""

    def __init__(self, program: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._profile = tempfile.TemporaryDirectory(prefix="tocsin-chromium-", ignore_cleanup_errors=True)
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        options = ["--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # it has none for root
        command = [program, *options, f"--user-data-dir={self._profile.name}", "--remote-debugging-pipe", "about:blank"]
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._unread = b""
        self._number = 0
        self._session = ""

    def attach(self) -> None:
        """Make a page, and ask to be told of all that happens on it."""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM", "Audits"):
            self._ask(f"{domain}.enable")

    def open(self, page: Path) -> None:
        """Open a file, and wait until it is loaded and nothing moves any more."""
        self._ask("Page.navigate", url=page.as_uri())
        self._wait_for("Page.loadEventFired")
        # What a page starts when it is loaded has begun two frames later.
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, asked from outside the page."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def set_view(self, width: int, height: int, scheme: str = "light") -> None:
        """Show the page at that size, in a light or dark scheme."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a person does."""
        where = "const box = document.querySelector(s).getBoundingClientRect(); [box.x + 9, box.y + box.height / 2]"
        scroll = "document.querySelector(s).scrollIntoView({block: 'center'})"
        x, y = self.evaluate(f"{{ const s = {json.dumps(selector)}; {scroll}; {where} }}")
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def said(self, *methods: str) -> list[dict[str, Any]]:
        """Return what it told of these events since it was started."""
        return [event for event in self.events if event.get("method") in methods]

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                result: dict[str, Any] = answer["result"]
                return result

    def _wait_for(self, method: str) -> None:
        while not self.said(method):
            self._next()

    def _next(self) -> dict[str, Any]:
        """Read one message; an event is kept, too, and a dialog is closed, so that all goes on."""
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"Chromium was silent for {_SECONDS:.0f} s"
            piece = os.read(self._from, 1 << 20)
            assert piece, "Chromium has ended"
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append(message)
        if message.get("method") == "Page.javascriptDialogOpening":
            self._number += 1
            closing = {"id": self._number, "sessionId": self._session, "method": "Page.handleJavaScriptDialog"}
            os.write(self._to, json.dumps(closing | {"params": {"accept": True}}).encode() + b"\0")
        return message
