"""Who may know whom, and when the kernel starts: the part of the dependency rule that is not Go.

core/layers_test.go holds the Go half. Each rule has its reason beside it, to be read when it fails.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = sorted((ROOT / "python" / "theus").rglob("*.py"))
EXTENSION = sorted((ROOT / "python" / "ext").glob("*.[ch]"))
C_STANDARD = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "stdalign.h",
    "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
    "stdnoreturn.h", "string.h", "time.h",
}  # fmt: skip
# What else deals with the system: opening libtheus and watching for fork(), waiting for a turn, and
# pages of memory.
BEYOND = {
    "loader.c": {"dlfcn.h", "pthread.h"},
    "memory.c": {"errno.h", "sys/mman.h", "sys/stat.h", "unistd.h"},
    "turn.c": {"pthread.h"},
}


def run(script: str) -> dict[str, str]:
    """Run a script in an interpreter of its own; the `name value` lines it printed."""
    command = [sys.executable, "-I", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def test_import_loads_only_theus_and_the_standard_library() -> None:
    """Law: theus has no dependencies; numpy, yaml and pydantic are loaded by whoever uses them."""
    script = (
        "import sys; before = set(sys.modules); import theus;"
        "print('loaded', *{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = set(run(script)["loaded"].split())
    assert loaded - sys.stdlib_module_names == {"theus"}


def test_import_leaves_alone_what_only_some_programs_use() -> None:
    """Law: ``import theus`` is cheap; what is dear is loaded by the calls that need it."""
    loaded = set(run("import sys, theus; print('loaded', *sys.modules)")["loaded"].split())
    dear = {"asyncio", "datetime", "html", "json", "logging", "pathlib", "socket", "traceback"}
    ours = {"_audit", "_flux", "_matrix", "_recipe", "_report", "_scan", "guards", "heavy"}
    assert set() == loaded & (dear | {f"theus.{name}" for name in ours})


def test_processes_and_edits_import_nothing() -> None:
    """Law: an import that an exception cuts short, from a signal or another thread, may leave the
    interpreter's lock of that module shut for ever. So nothing is imported while work is going on;
    whether an event loop runs here is asked without importing one."""
    script = """
import sys, theus
@theus.process([], ["domain"])
def write(ctx): ctx.domain.n = 1
engine = theus.TheusEngine(theus.BaseSystemContext(None, theus.BaseDomainContext()))
engine.register_process("write", write)
engine.run_process("write")
before = set(sys.modules)
engine.run_process("write")
with engine.edit() as ctx:
    ctx.domain_ctx.n = 2
print("imported", sorted(set(sys.modules) - before))
"""
    assert run(script)["imported"] == "[]"


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="reads /proc, as on Linux")
def test_the_first_engine_starts_the_kernel_and_import_does_not() -> None:
    """Law: importing theus starts no Go runtime, so a process may still fork; an engine does."""
    script = """
import os
def state(when):
    with open("/proc/self/maps") as maps:
        print(f"{when}-mapped", "libtheus" in maps.read())
    print(f"{when}-threads", len(os.listdir("/proc/self/task")))
state("before")
import theus
from theus import _kernel
print("imported-started", _kernel.started())
state("imported")
engine = theus.TheusEngine(theus.BaseSystemContext(None, theus.BaseDomainContext()))
print("running-started", _kernel.started())
state("running")
engine.close()
"""
    seen = run(script)
    assert seen.pop("running-threads") > "1"
    assert seen == {
        "before-mapped": "False",
        "before-threads": "1",
        "imported-started": "False",
        "imported-mapped": "False",
        "imported-threads": "1",
        "running-started": "True",
        "running-mapped": "True",
    }


@pytest.mark.parametrize("source", EXTENSION, ids=lambda path: path.name)
def test_the_extension_has_one_door_into_the_kernel(source: Path) -> None:
    """Law: the extension knows Python and theus.h; policy that it cannot include it cannot copy."""
    included = re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', source.read_text(), re.MULTILINE)
    own = {header.name for header in EXTENSION if header.suffix == ".h"}
    allowed = {"Python.h", "structmember.h", "theus.h"} | own | C_STANDARD
    assert set(included) <= allowed | BEYOND.get(source.name, set())


def test_the_extension_is_not_empty() -> None:
    """Law: the tests of this file look at something."""
    assert EXTENSION
    assert PACKAGE


# What a file imports besides theus and the standard library: the plugin of pytest is loaded by
# pytest and by nothing else, and the commands by whoever starts the command line.
BESIDES = {"cli/_commands.py": {"click", "rich"}, "testing/plugin.py": {"pytest"}}
# Nothing needs the command line but the ways to start it.
STARTS = {"__main__.py"}


@pytest.mark.parametrize("source", PACKAGE, ids=lambda path: path.name)
def test_the_package_is_thin(source: Path) -> None:
    """Law: python/theus imports itself and the standard library, at any depth of any function.

    Nothing but the command line itself imports the command line.
    """
    imported = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("theus" if node.level else node.module or "")
    tops = {name.split(".")[0] for name in imported}
    besides = BESIDES.get(f"{source.parent.name}/{source.name}", set())
    assert tops - sys.stdlib_module_names <= {"theus"} | besides
    if source.parent.name != "cli" and source.name not in STARTS:
        assert not [name for name in imported if name.startswith("theus.cli")]


def test_the_kernel_knows_no_c() -> None:
    """Law: core/ is pure Go, so that it runs in a browser and is tested without a C compiler."""
    files = [path for path in (ROOT / "core").rglob("*") if path.is_file()]
    files = [path for path in files if "testdata" not in path.parts]  # what tests read is not built
    assert [path for path in files if path.suffix in {".c", ".h", ".s", ".py"}] == []
    imports = re.compile(r'^\s*(import\s+)?"C"', re.MULTILINE)
    assert [p for p in files if p.suffix == ".go" and imports.search(p.read_text())] == []


def test_the_abi_knows_no_python() -> None:
    """Law: capi/ serves any host, so it never sees Python.h."""
    sources = [path for path in (ROOT / "capi").rglob("*") if path.suffix in {".c", ".h", ".go"}]
    assert sources
    assert [path for path in sources if "Python.h" in path.read_text()] == []
