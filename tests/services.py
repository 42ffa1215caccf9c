"""What slow tests need beside Python: `make services` installs it. Without it they skip, or fail where it is due."""

import os
import shutil
from typing import NoReturn

import pytest


def needed(program: str) -> None:
    """Skip the test where a program is not there; fail where services are required."""
    if not shutil.which(program):
        skip_or_fail(f"needs {program}: `make services` installs it, or says how")


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test for want of a service; fail where services are required."""
    if os.environ.get("TOCSIN_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
