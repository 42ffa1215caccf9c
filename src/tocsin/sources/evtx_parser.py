"""Ask a worker process for the records of an EVTX chunk, and outlive its death."""

import signal
import subprocess
import sys
from contextlib import suppress

import msgspec

from tocsin.child import start_module
from tocsin.errors import ConfigError
from tocsin.frames import read_frame
from tocsin.sources.evtx_worker import READY, Parsed

_OWN_FAULT = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGPROF}
_ATTEMPTS = 3
_WORKER = "tocsin.sources.evtx_worker"
_records_of = msgspec.msgpack.Decoder(list[Parsed]).decode


class EvtxParser:
    """The records of chunks, parsed by a worker that is started when first needed."""

    def __init__(self) -> None:
        self._worker: subprocess.Popen[bytes] | None = None

    def records(self, header: bytes, chunk: bytes) -> list[Parsed] | str:
        """Return the records of a chunk, or the reason why its parser died.

        A worker killed from outside proves nothing against the chunk: it is asked again.
        """
        reason = ""
        for _ in range(_ATTEMPTS):
            answer = self._answer(header + chunk)
            if answer is not None:
                return _records_of(answer)
            status = self._end()
            reason = _reason(status)
            if -status in _OWN_FAULT:
                break
        return reason

    def close(self) -> None:
        if self._worker:
            self._worker.kill()
            self._end()

    def _answer(self, request: bytes) -> bytes | None:
        if self._worker is None:
            self._worker = _started()
        requests, answers = self._worker.stdin, self._worker.stdout
        assert requests and answers
        try:
            requests.write(request)
            requests.flush()
        except BrokenPipeError:
            return None
        return read_frame(answers)

    def _end(self) -> int:
        worker, self._worker = self._worker, None
        assert worker and worker.stdin and worker.stdout
        with suppress(BrokenPipeError):
            worker.stdin.close()
        worker.stdout.close()
        return worker.wait()


def _started() -> "subprocess.Popen[bytes]":
    worker = start_module(_WORKER, stderr=subprocess.DEVNULL)
    assert worker.stdout
    if worker.stdout.read(len(READY)) != READY:
        worker.kill()
        worker.communicate()
        raise ConfigError(f"the reader of EVTX files does not start; `{sys.executable} -m {_WORKER}` says why")
    return worker


def _reason(status: int) -> str:
    if -status == signal.SIGPROF:
        return "the parser did not come to an end"
    if status < 0:
        return f"the parser died by {signal.Signals(-status).name}"
    return f"the parser ended with status {status}"
