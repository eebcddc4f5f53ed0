"""What was committed, kept for a test to look at."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from theus._engine import TheusEngine
from theus.delta import Commit


class Commits(Sequence[Commit]):
    """The commits that a test saw, oldest first."""

    def __init__(self) -> None:
        self._commits: list[Commit] = []

    def __getitem__(self, at: Any) -> Any:
        return self._commits[at]

    def __len__(self) -> int:
        return len(self._commits)

    def __repr__(self) -> str:
        return "\n".join(
            f"{commit.version}  {commit.process}  {write.op} {write.path}"
            for commit in self._commits
            for write in commit.writes
        )

    def of(self, process: str) -> list[Commit]:
        """Those of one process; those of ``edit()`` are called ``"edit"``."""
        return [commit for commit in self._commits if commit.process == process]

    @property
    def paths(self) -> list[str]:
        """Every path that was written, each once, in order of the first write."""
        writes = (write.path for commit in self._commits for write in commit.writes)
        return list(dict.fromkeys(writes))

    def clear(self) -> None:
        """Forget them."""
        self._commits.clear()


@contextmanager
def record_commits(engine: TheusEngine[Any]) -> Iterator[Commits]:
    """Record what the block commits. Raises as on_commit does.

    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine
    >>> with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
    ...     with record_commits(engine) as commits, engine.edit() as ctx:
    ...         ctx.domain.stock = [1]
    ...     print(commits)
    1  edit  SET domain_ctx.stock
    """
    commits = Commits()
    recording = True

    def seen(commit: Commit) -> None:
        if recording:
            commits._commits.append(commit)

    engine.on_commit(seen)
    try:
        yield commits
    finally:
        recording = False
