"""What pip makes of theus: from the checkout, the sdist and the wheel, and without a toolchain.

Everything happens in temporary folders and fresh virtual environments, from a copy of the checkout.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import theus
from theus import _kernel

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
VERSION = "0.1.0"
MADE = shutil.ignore_patterns("build", "dist", ".*", "*.so", "*.egg-info", "__pycache__")
# Runs a process for real, and says where theus was found.
SMOKE = """
from dataclasses import dataclass
from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process, __file__

@dataclass
class Account(BaseDomainContext):
    balance: int = 100

@process(inputs=[], outputs=["domain.balance"])
def deposit(ctx, amount):
    ctx.domain.balance += amount

with TheusEngine(BaseSystemContext(None, Account())) as engine:
    engine.register_process("deposit", deposit)
    engine.run_process("deposit", amount=11)
    print(engine.ctx.domain.balance, engine.version, __file__)
"""


class Environment:
    """A fresh virtual environment, driven from outside by the pip that runs these tests."""

    def __init__(self, home: Path) -> None:
        venv.create(home, with_pip=False)
        self.python = home / "bin" / "python"
        self.empty = home.parent

    def pip(self, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        """Run pip for this environment."""
        command = [sys.executable, "-m", "pip", "--python", self.python, *map(str, arguments)]
        return run(command, self.empty, **env)

    def smoke(self, **env: str) -> Path:
        """Use theus, from a folder that has no checkout; where it was imported from."""
        done = run([self.python, "-I", "-c", SMOKE], self.empty, **env)
        assert done.returncode == 0, done.stdout
        balance, commits, where = done.stdout.split()
        assert (balance, commits) == ("111", "1")
        return Path(where).parent


def run(command: list[object], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command; its stdout has stderr in it, as a person would see them."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Environment:
    """An environment that has nothing, not even pip."""
    return Environment(tmp_path / "venv")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, without anything that was made in it."""
    return Path(shutil.copytree(ROOT, tmp_path / "checkout", ignore=MADE))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and beside it the wheel that make wheels makes from it under isolation."""
    folder = tmp_path_factory.mktemp("dist")
    source = shutil.copytree(ROOT, folder / "checkout", ignore=MADE)
    done = run([sys.executable, source / "python/wheels.py", folder, sys.executable], folder)
    assert done.returncode == 0, done.stdout
    return folder / f"theus-{VERSION}.tar.gz"


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel of this Python."""
    (found,) = sdist.parent.glob(f"theus-{VERSION}-*.whl")
    return found


def toolbox(folder: Path, *without: str) -> Path:
    """A folder with all commands of this machine but some."""
    folder.mkdir()
    for place in map(Path, os.get_exec_path()):
        for tool in place.iterdir() if place.is_dir() else ():
            if tool.name not in without and not (folder / tool.name).is_symlink():
                (folder / tool.name).symlink_to(tool)
    return folder


def failure(checkout: Path, path: Path) -> str:
    """What a person reads when theus does not build with this PATH."""
    done = run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", checkout],
        checkout.parent,
        PATH=str(path),
    )
    assert done.returncode != 0, done.stdout
    return done.stdout


def needs(output: str) -> list[str]:
    """The sentences that say what theus needs."""
    return re.findall(r"Theus needs [^\n]*", output)


def test_install_from_the_checkout(fresh: Environment, checkout: Path) -> None:
    """Law: pip install . is enough, under build isolation."""
    done = fresh.pip("install", checkout)
    assert done.returncode == 0, done.stdout
    assert fresh.python.parents[1] in fresh.smoke().parents


def test_install_from_the_sdist(fresh: Environment, sdist: Path) -> None:
    """Law: the sdist holds all that a build needs."""
    done = fresh.pip("install", sdist)
    assert done.returncode == 0, done.stdout
    assert fresh.python.parents[1] in fresh.smoke().parents


def test_editable_install(fresh: Environment, checkout: Path) -> None:
    """Law: pip install -e puts both libraries beside the source, and the source is what runs."""
    done = fresh.pip("install", "--editable", checkout)
    assert done.returncode == 0, done.stdout
    assert fresh.smoke() == checkout / "python" / "theus"
    made = {path.name.split(".")[0] for path in (checkout / "python" / "theus").glob("*.so")}
    assert made == {"_kernel", "libtheus"}


def test_a_wheel_needs_neither_go_nor_a_compiler(
    fresh: Environment, wheel: Path, tmp_path: Path
) -> None:
    """Law: who installs a wheel needs Python and nothing else, not even a registry."""
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert shutil.which("go", path=nothing) is shutil.which("gcc", path=nothing) is None
    done = fresh.pip("install", "--no-index", wheel, PATH=str(nothing))
    assert done.returncode == 0, done.stdout
    assert fresh.python.parents[1] in fresh.smoke(PATH=str(nothing)).parents


def test_without_go_one_sentence(checkout: Path, tmp_path: Path) -> None:
    """Law: a missing Go is named in one sentence, and no traceback stands around it."""
    output = failure(checkout, toolbox(tmp_path / "bin", "go"))
    (sentence,) = needs(output)
    assert "Go 1.26 or newer" in sentence
    assert "no go on PATH" in sentence
    assert "Traceback" not in output


def test_with_an_old_go_one_sentence(checkout: Path, tmp_path: Path) -> None:
    """Law: a Go that is too old is named with its version, and no traceback stands around it."""
    tools = toolbox(tmp_path / "bin", "go")
    (tools / "go").write_text("#!/bin/sh\necho go version go1.22.1 linux/amd64\n")
    (tools / "go").chmod(0o755)
    output = failure(checkout, tools)
    (sentence,) = needs(output)
    assert "Go 1.26 or newer" in sentence
    assert "found Go 1.22" in sentence
    assert "Traceback" not in output


def test_without_a_compiler_one_sentence(checkout: Path, tmp_path: Path) -> None:
    """Law: a missing C compiler is named in one sentence, and no traceback stands around it."""
    output = failure(checkout, toolbox(tmp_path / "bin", "gcc", "cc", "clang"))
    (sentence,) = needs(output)
    assert "a C compiler" in sentence
    assert "Traceback" not in output


def test_the_wheel_holds_exactly_what_runs(wheel: Path) -> None:
    """Law: no source in C or Go, no test and no leftover is shipped; nothing is missing."""
    package = ROOT / "python" / "theus"
    sources = {f"theus/{path.relative_to(package)}" for path in package.rglob("*.py")}
    sources |= {f"theus/{path.relative_to(package)}" for path in package.rglob("*.txt")}
    typed = {"theus/_kernel.pyi", "theus/_typing.pyi", "theus/py.typed"}
    about = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}
    about |= {"sboms/libtheus.cdx.json"}
    inside = ("go.starlark.net", "golang.org/x/sys", "gopkg.in/yaml.v3", "std")
    about |= {f"licenses/go/{module}/LICENSE" for module in inside}
    about |= {"licenses/go/gopkg.in/yaml.v3/NOTICE"}
    names = zipfile.ZipFile(wheel).namelist()
    libraries = {name for name in names if name.endswith(".so")}
    assert {re.sub(r"\..*", "", name) for name in libraries} == {"theus/_kernel", "theus/libtheus"}
    assert len(libraries) == 2
    info = {f"theus-{VERSION}.dist-info/{name}" for name in about}
    assert sorted(sources | typed | libraries | info) == sorted(names)


def test_the_wheel_runs_on_every_linux_of_its_age(wheel: Path) -> None:
    """Law: auditwheel finds nothing but an old enough libc in it, and it is small."""
    done = run([sys.executable, "-m", "auditwheel", "show", wheel], wheel.parent)
    assert done.returncode == 0, done.stdout
    told = " ".join(done.stdout.split())
    tag = re.search(r"manylinux_2_\d+_x86_64", wheel.name)
    assert tag, wheel.name
    assert f'following platform tag: "{tag[0]}"' in told
    libraries = re.search(r"shared libraries: (.*?)\.? This constrains", told)
    assert libraries, told
    assert re.findall(r"\blib\w+\.so", libraries[1]) == ["libc.so"]
    assert wheel.stat().st_size <= 8 * 1024 * 1024


def test_the_wheel_lists_what_is_inside_the_kernel(wheel: Path) -> None:
    """Law: the inventory names the modules that the kernel itself names, and their licences."""
    with zipfile.ZipFile(wheel) as archive:
        bom = json.loads(archive.read(f"theus-{VERSION}.dist-info/sboms/libtheus.cdx.json"))
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    schema = pytest.importorskip("cyclonedx.schema").SchemaVersion.V1_6
    validator = pytest.importorskip("cyclonedx.validation.json").JsonStrictValidator(schema)
    assert validator.validate_str(json.dumps(bom)) is None
    listed = {part["name"]: part["version"] for part in bom["components"]}
    built = theus.build_info()
    assert listed.pop("std") == built.go_version.removeprefix("go")
    assert listed == built.modules
    assert all(part["licenses"] for part in bom["components"])


def test_the_sdist_holds_no_leftovers(sdist: Path) -> None:
    """Law: nothing that was built is in the sdist."""
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert [n for n in names if n.endswith((".so", ".pyc", ".o")) or "/build/" in n] == []


def dynamic(library: Path) -> tuple[set[str], set[str]]:
    """Names that a library defines for others, and libraries that it needs."""
    symbols = run(["nm", "-D", "--defined-only", library], ROOT).stdout.splitlines()
    needed = run(["readelf", "-d", library], ROOT).stdout
    return (
        {line.split()[-1].split("@")[0] for line in symbols},
        set(re.findall(r"\(NEEDED\).*\[(.*)\]", needed)),
    )


@pytest.mark.parametrize(
    ("library", "door"), [("libtheus", "theus_get_api"), ("_kernel", "PyInit__kernel")]
)
def test_each_library_has_one_door(wheel: Path, tmp_path: Path, library: str, door: str) -> None:
    """Law: one exported name each, so nothing of ours meets another Go library; libc is enough."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if re.match(rf"theus/{library}\..*so$", n)]
        exported, needed = dynamic(Path(archive.extract(name, tmp_path)))
    assert {door} == exported
    of_libc = re.compile(r"(libc|libpthread|libdl|libresolv|ld-linux-[a-z0-9-]+)\.so\.\d+")
    assert [name for name in needed if not of_libc.fullmatch(name)] == []


def test_one_version_everywhere() -> None:
    """Law: the package, its metadata and the kernel tell the same version."""
    assert theus.__version__ == VERSION
    assert version("theus") == VERSION
    assert _kernel.describe()["version"] == VERSION
