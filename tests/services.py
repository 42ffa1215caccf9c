"""Programs that some slow tests need beside Python: `make services` installs them."""

import os
import shutil

import pytest


def needed(program: str) -> None:
    """Skip the test where a program is not there; fail where services are required."""
    if shutil.which(program):
        return
    reason = f"needs {program}: `make services` installs it, or says how"
    if os.environ.get("TOCSIN_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
