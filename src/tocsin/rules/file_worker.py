"""One of several processes that read rule files: a share comes in, what each file holds goes out."""

import os
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from tocsin.frames import framed
from tocsin.rules.attack import Attack
from tocsin.rules.load import RuleReader
from tocsin.rules.many_files import Share
from tocsin.rules.pack import encoded
from tocsin.rules.preparation import Preparation


def serve(request: BinaryIO, answers: BinaryIO) -> None:
    """Read the files of a share in their order; answer each at once."""
    share = msgspec.msgpack.decode(request.read(), type=Share)
    reader = RuleReader(Attack.load(), share.is_baseline, Preparation(share.variables, share.pipelines))
    for file in share.files:
        answers.write(framed(encoded(reader.pack_of(Path(file)))))
        answers.flush()


def _main() -> None:
    # What else is printed goes to standard error: standard output has the answers alone.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:  # whoever asked has gone
        os._exit(1)


if __name__ == "__main__":
    _main()
