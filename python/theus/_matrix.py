"""Contracts as one table: which process may read or write which path."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from theus import _kernel
from theus._binding import steps_of
from theus._grid import Grid

if TYPE_CHECKING:
    from theus._process import ProcessContract

_OURS = "table.theus-matrix.theus-matrix"  # more specific than what Jupyter says about tables
_STYLE = (
    "<style>.theus-matrix{border-collapse:collapse;font-size:13px}"
    f"{_OURS} th,{_OURS} td{{border:1px solid #8884;padding:3px 8px;text-align:center}}"
    f"{_OURS} thead th{{text-align:left;vertical-align:bottom;font-weight:600}}"
    f"{_OURS} tbody th{{text-align:left;font-weight:600}}"
    f"{_OURS} td.theus-r{{background:#4a90d933}}{_OURS} td.theus-w{{background:#e0873655}}"
    ".theus-matrix caption{caption-side:bottom;text-align:left;padding:4px 0;opacity:.75}</style>"
)
_SAID = {"r": "reads", "w": "reads and writes", "": ""}


class ContractMatrix(Mapping[str, Mapping[str, str]]):
    """Processes by name, and for each the declared paths: ``"r"`` read, ``"w"`` read and write.

    ``matrix["pay"]["domain_ctx.balance"]`` is ``"r"``, ``"w"`` or ``""``. A path that lies below
    one that a process declares is allowed too, and marked so. It prints as text, a path a line; a
    notebook shows it as a table.
    """

    def __init__(self, rows: Mapping[str, Mapping[str, str]]) -> None:
        self._rows = {name: dict(rows[name]) for name in rows}

    @property
    def paths(self) -> list[str]:
        """Every path that some process declares, as the kernel prints it, in order."""
        return list(next(iter(self._rows.values()), {}))

    def __getitem__(self, process: str) -> Mapping[str, str]:
        return self._rows[process]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        if not self._rows:
            return "no processes"
        width = max(map(len, (*self.paths, "path")))
        lines = ["  ".join(("path".ljust(width), *self._rows))]
        for path in self.paths:
            cells = ((row[path] or ".").center(len(name)) for name, row in self._rows.items())
            lines.append("  ".join((path.ljust(width), *cells)).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self._rows)
        body = ""
        for path in self.paths:
            cells = "".join(_cell(row[path]) for row in self._rows.values())
            body += f'<tr><th scope="row"><code>{escape(path)}</code></th>{cells}</tr>'
        return (
            f'{_STYLE}<table class="theus-matrix"><caption>r reads, w reads and writes</caption>'
            f'<thead><tr><th scope="col">path</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        )


def contract_matrix(contracts: Mapping[str, "ProcessContract"]) -> ContractMatrix:
    """Make the table of contracts by the names of their processes.

    >>> from theus.contracts import ProcessContract
    >>> contract_matrix({
    ...     "pay": ProcessContract(["domain.rate"], ["domain.balance"]),
    ...     "show": ProcessContract(["domain"], []),
    ... })
    path                pay  show
    domain_ctx           .    r
    domain_ctx.balance   w    r
    domain_ctx.rate      r    r
    """
    rights: dict[str, dict[str, str]] = {}
    for name, contract in contracts.items():
        rights[name] = {_kernel.canonical(path): "r" for path in contract.inputs}
        rights[name] |= {_kernel.canonical(path): "w" for path in contract.outputs}
    paths = sorted({path for row in rights.values() for path in row}, key=_order)
    return ContractMatrix(
        {name: {path: _right(row, path) for path in paths} for name, row in rights.items()}
    )


def contracts_grid(title: str, contracts: Mapping[str, "ProcessContract"]) -> Grid:
    """Each process and what it declares, a line each."""
    rows = [
        (name, *("\n".join(_words(contract, part)) for part in ("inputs", "outputs", "errors")))
        for name, contract in contracts.items()
    ]
    head = ("process", "inputs", "outputs", "errors")
    return Grid(head, rows, title, {"inputs": "dim"}, "no process is registered yet")


def difference(former: "ProcessContract", now: "ProcessContract") -> str:
    """Say what was added to a contract and taken from it.

    >>> from theus.contracts import ProcessContract
    >>> difference(ProcessContract(["domain.a"], []), ProcessContract(["domain.b"], []))
    'inputs +domain.b, -domain.a'
    """
    said = []
    for part in ("inputs", "outputs", "side_effects", "errors"):
        old, new = _words(former, part), _words(now, part)
        marked = [f"+{each}" for each in new if each not in old]
        marked += [f"-{each}" for each in old if each not in new]
        said += [f"{part} {', '.join(marked)}"] if marked else []
    return "; ".join(said) or "in another order"


def _words(contract: "ProcessContract", part: str) -> list[str]:
    """One part of a contract as text."""
    return [e if isinstance(e, str) else e.__name__ for e in getattr(contract, part)]


def _order(path: str) -> list[tuple[bool, str]]:
    """Paths sort by their segments, so that what lies below a path follows it."""
    return [
        (True, f"{step:020}") if isinstance(step, int) else (False, str(step))
        for step in steps_of(path)
    ]


def _right(row: Mapping[str, str], path: str) -> str:
    """What a process with these declared paths may do at a path."""
    found = {right for declared, right in row.items() if covers(declared, path)}
    return "w" if "w" in found else "r" if found else ""


def covers(declared: str, path: str) -> bool:
    """Whether a declared path equals another one or lies above it; ``*`` is any segment.

    >>> covers("domain_ctx.users.*", "domain_ctx.users.ada.name")
    True
    """
    above, below = steps_of(declared), steps_of(path)
    return len(above) <= len(below) and all(map(_same, above, below))


def _same(above: Any, below: Any) -> bool:
    """A name is an attribute or a text key of that name."""
    return above in ("*", below) or (isinstance(below, tuple) and above == below[0])


def _cell(right: str) -> str:
    return (
        f'<td class="theus-{right}" title="{_SAID[right]}">{right}</td>' if right else "<td></td>"
    )
