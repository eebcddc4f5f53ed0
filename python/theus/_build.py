"""How this Theus was built: for bug reports, inventories and ``theus --version``."""

from dataclasses import dataclass

from theus import _kernel


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What the kernel library says of itself; ``str()`` of it is for people.

    Attributes:
        version: of Theus.
        abi: version of the C interface between the extension and the kernel.
        go_version: the Go that built the kernel.
        platform: what for, such as ``"linux/amd64"``.
        modules: the Go modules inside the kernel and their versions.
        settings: what Go was told when it built the kernel.
    """

    version: str
    abi: int
    go_version: str
    platform: str
    modules: dict[str, str]
    settings: dict[str, str]

    def __str__(self) -> str:
        width = max(map(len, self.modules), default=0)
        modules = [f"{name:{width}}  {version}" for name, version in self.modules.items()]
        settings = [f"{name}={value}" for name, value in self.settings.items()]
        return "\n".join(
            (
                f"theus {self.version}",
                f"  kernel:    {self.go_version}, {self.platform}, ABI {self.abi}",
                f"  modules:   {f'{chr(10)}             '.join(modules) or 'none'}",
                f"  built as:  {' '.join(settings)}",
            )
        )


def build_info() -> BuildInfo:
    """Ask the kernel how it was built; loads it.

    Raises ImportError where the library is missing, and ForkedKernelError in a forked child of a
    process in which a kernel ran.

    >>> info = build_info()
    >>> info.version, sorted(info.modules)[-1]
    ('0.1.0', 'gopkg.in/yaml.v3')
    >>> print(info)
    theus 0.1.0
      kernel:    go..., ABI ...
      modules:   ...
      built as:  -buildmode=c-shared ...
    """
    said = _kernel.describe()
    return BuildInfo(
        said["version"],
        _kernel.ABI_VERSION,
        said["go_version"],
        said["platform"],
        dict(line.split(" ", 1) for line in said["modules"].splitlines()),
        dict(line.split("=", 1) for line in said["settings"].splitlines()),
    )
