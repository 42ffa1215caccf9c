"""Start a module of ours as a process of the same Python."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO


def start_module(
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start `python -m MODULE ARGUMENTS`; the end of its stdin is how it learns that we are gone. Raises OSError.

    `environment`: variables beside those of this process. A Ctrl-C at the terminal is for us, not for the child.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],  # -P: no module is taken from the folder we were started in
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        pass_fds=pass_fds,
        start_new_session=True,
    )
