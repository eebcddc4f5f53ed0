"""Two libraries: build.sh makes the kernel, setuptools the extension that loads it."""

import os
import subprocess
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import ExecError

GIVEN = os.environ.get("CFLAGS", "").split()
C_FLAGS = ["-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra"]
# Python's own flags ask for debug information; it is kept for those who ask for it too.
LINK_FLAGS = [] if "-g" in GIVEN else ["-Wl,--strip-debug"]
# CFLAGS replaces Python's flags, -O3 among them. Who says how to optimise is taken at their word.
if not any(flag.startswith("-O") for flag in GIVEN):
    C_FLAGS += ["-O3", "-fno-plt"]
    LINK_FLAGS += ["-O3"]
    # The hot functions call each other across files. What clang links so depends on its linker.
    if "gcc" in (os.environ.get("CC") or sysconfig.get_config_var("CC") or ""):
        C_FLAGS += ["-flto=auto"]
        LINK_FLAGS += ["-flto=auto"]


class BuildTheus(build_ext):
    """Builds the extension, and beside it libtheus.so: in the wheel or, editable, in the source."""

    def kernel(self) -> str:
        return str(Path(self.get_ext_fullpath("theus._kernel")).with_name("libtheus.so"))

    def run(self) -> None:
        # build.sh says what is missing, in one sentence; a traceback of ours would bury it.
        if subprocess.run(["sh", "build.sh", self.kernel()], check=False).returncode != 0:
            raise ExecError("theus was not built; build.sh says above what it needs")
        super().run()

    def get_outputs(self) -> list[str]:
        return [*super().get_outputs(), self.kernel()]


setup(
    cmdclass={"build_ext": BuildTheus},
    ext_modules=[
        Extension(
            "theus._kernel",
            sources=sorted(map(str, Path("python/ext").glob("*.c"))),
            include_dirs=["capi", "python/ext"],
            depends=["capi/theus.h", *sorted(map(str, Path("python/ext").glob("*.h")))],
            extra_compile_args=C_FLAGS,
            extra_link_args=LINK_FLAGS,
        )
    ],
)
