"""Install the sdist into every other CPython of this machine and run the tests there.

One kernel serves all Pythons, but each has its own extension. What runs is the suite without
`packaging` and `gopy`: those look at the build, which is the same for all.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "pythons"
OLDEST = (3, 11)
# Prints "3.12" for a CPython with its headers and the GIL that can make virtual environments.
PROBE = """
import ensurepip, os, sys, sysconfig
assert sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
os.stat(sysconfig.get_path("include") + "/Python.h")
print("%d.%d" % sys.version_info[:2])
"""


def others() -> dict[str, Path]:
    """The first usable interpreter of each minor version but this one, by version."""
    candidates = [
        Path(folder) / f"python3.{minor}"
        for folder in os.get_exec_path()
        for minor in range(OLDEST[1], 30)
    ]
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True).stdout
        candidates += sorted(Path(root.strip()).glob("versions/*/bin/python3.[0-9]*[0-9]"))
    found: dict[str, Path] = {}
    for python in filter(Path.is_file, candidates):
        probe = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=False)
        version = probe.stdout.strip()
        if probe.returncode == 0 and tuple(map(int, version.split("."))) >= OLDEST:
            found.setdefault(version, python)
    found.pop(f"{sys.version_info.major}.{sys.version_info.minor}", None)
    return dict(sorted(found.items()))


def check(version: str, python: Path, sdist: Path) -> bool:
    """Whether the suite passes in a fresh environment of this interpreter."""
    home = WORK / version
    shutil.rmtree(home, ignore_errors=True)
    print(f"== Python {version}", flush=True)
    subprocess.run([python, "-m", "venv", home], check=True)
    own = home / "bin" / "python"
    subprocess.run([own, "-m", "pip", "install", "--quiet", f"{sdist}[test]"], check=True)
    selection = ["-m", "not packaging and not gopy", "-p", "no:cacheprovider"]
    tests = subprocess.run([own, "-m", "pytest", *selection], cwd=ROOT, check=False)
    return tests.returncode == 0


def main() -> int:
    """Test them all; 0 if every one passes."""
    shutil.rmtree(WORK, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "build", "--sdist", "--outdir", WORK, ROOT], check=True)
    (sdist,) = WORK.glob("theus-*.tar.gz")
    results = {version: check(version, python, sdist) for version, python in others().items()}
    print(
        "Other Pythons:",
        ", ".join(f"{v} {'ok' if ok else 'FAILED'}" for v, ok in results.items()) or "none",
    )
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
