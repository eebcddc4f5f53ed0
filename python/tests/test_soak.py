"""A short soak: the long one is `make soak`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.bare,
    pytest.mark.skipif("THEUS_DEEP" not in os.environ, reason="ten seconds: make test-deep"),
    pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc, as on Linux"),
]


def test_ten_seconds() -> None:
    """M4, C13: with interrupts, failures and conflicts all the time no commit is lost, nobody hangs
    and memory is flat."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("soak.py")],
        env={**os.environ, "SOAK_SECONDS": "10"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "0 handles" in done.stdout
