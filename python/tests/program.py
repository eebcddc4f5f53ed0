"""The command line as its users meet it: a program of its own, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

# What a shell may have set must not decide how a test ends.
_CLEAN = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "THEUS_STRICT_MODE", "POP_STRICT_MODE"}


def theus(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``theus`` with arguments."""
    return python("-m", "theus", *arguments, cwd=cwd, **env)


def python(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with arguments."""
    inherited = {name: value for name, value in os.environ.items() if name not in _CLEAN}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def said(done: subprocess.CompletedProcess[str], status: int = 0) -> str:
    """What a run printed; it must have ended with this status and nothing on the other stream."""
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def refused(done: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """What a run that failed said on stderr: a sentence, and no traceback."""
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    return done.stderr
