"""What a listener hears of a commit."""

import gc
from typing import Any

import pytest
from harness import Declared, World
from model import Plain

from theus.delta import DeltaEntry, Transaction


@pytest.fixture
def world() -> World:
    """Some state of every kind."""
    return World(n=1, items=[3, 1, 2], d={"k": 1}, obj=Plain(a=1), heavy_x=1)


def heard(world: World, body: Any, **contract: Any) -> list[tuple[Any, ...]]:
    """Run body and give what a listener heard of its writes."""
    commits: list[Any] = []
    world.engine.on_commit(commits.append)
    world.run(body, **contract)
    return [(w.path, w.op, w.value, w.old_value, w.key) for c in commits for w in c.writes]


def test_a_commit_says_what_happened(world: World) -> None:
    """Version, process, and the writes in the order of the program."""
    commits: list[Any] = []
    assert world.engine.on_commit(commits.append) == commits.append

    def change(ctx: Any) -> None:
        ctx.domain.n = 2
        ctx.domain.d["new"] = 5
        ctx.domain.n = 3
        del ctx.domain.obj.a

    world.run(change)
    (commit,) = commits
    assert commit.version == world.engine.version == 1
    assert commit.process.startswith("change")
    assert [(w.path, w.op, w.value, w.old_value) for w in commit.writes] == [
        ("domain_ctx.n", "SET", 2, 1),
        ('domain_ctx.d["new"]', "SET_ITEM", 5, None),
        ("domain_ctx.n", "SET", 3, 2),
        ("domain_ctx.obj.a", "DELETE", None, 1),
    ]
    assert all(isinstance(write, DeltaEntry) for write in commit.writes)
    assert commit.writes[1].target is world.domain.d
    assert commit.writes[1].key == "new"
    with pytest.raises(AttributeError):
        commit.version = 2


OPERATIONS: dict[str, tuple[Any, str, str]] = {
    "set": (lambda d: setattr(d, "n", 5), "domain_ctx.n", "SET"),
    "delete": (lambda d: delattr(d, "n"), "domain_ctx.n", "DELETE"),
    "key": (lambda d: d.d.__setitem__("k", 5), 'domain_ctx.d["k"]', "SET_ITEM"),
    "element": (lambda d: d.items.__setitem__(1, 5), "domain_ctx.items[1]", "SET_ITEM"),
    "append": (lambda d: d.items.append(5), "domain_ctx.items", "APPEND"),
    "insert": (lambda d: d.items.insert(0, 5), "domain_ctx.items", "INSERT"),
    "extend": (lambda d: d.items.extend([5]), "domain_ctx.items", "EXTEND"),
    "pop": (lambda d: d.items.pop(), "domain_ctx.items", "POP"),
    "remove": (lambda d: d.items.remove(1), "domain_ctx.items", "REMOVE"),
    "clear": (lambda d: d.items.clear(), "domain_ctx.items", "CLEAR"),
    "sort": (lambda d: d.items.sort(), "domain_ctx.items", "SORT"),
    "reverse": (lambda d: d.items.reverse(), "domain_ctx.items", "REVERSE"),
    "popitem": (lambda d: d.d.popitem(), "domain_ctx.d", "POPITEM"),
    "clear dict": (lambda d: d.d.clear(), "domain_ctx.d", "CLEAR"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_word_for_each_operation(world: World, name: str) -> None:
    """One operation is one entry, with its path and its word."""
    body, path, word = OPERATIONS[name]
    entries = heard(world, lambda ctx: body(ctx.domain))
    assert len(entries) == 1
    assert entries[0][0].startswith(path)
    assert entries[0][1] == word


@pytest.mark.parametrize(
    ("size", "body"),
    [(size, body) for size in (10, 10_000) for body in ("append", "pop", "sort")],
)
def test_an_operation_is_logged_and_not_the_container(size: int, body: str) -> None:
    """M7: the log of an operation does not grow with what it is applied to."""
    world = World(items=list(range(size)))
    arguments = (1,) if body == "append" else ()
    entries = heard(world, lambda ctx: getattr(ctx.domain.items, body)(*arguments))
    assert len(entries) == 1


def test_listeners_hear_visible_commits_only(world: World) -> None:
    """A failed run, a run that wrote nothing and a savepoint are no commits."""
    commits: list[Any] = []
    world.engine.on_commit(
        lambda commit: commits.append((commit.version, world.engine.version, world.domain.n))
    )
    with pytest.raises(Declared):
        world.run(lambda ctx: (setattr(ctx.domain, "n", 9), fail()))
    world.run(lambda ctx: ctx.domain.n)

    def outer(ctx: Any) -> None:
        world.run(lambda inner: setattr(inner.domain, "n", 5))
        assert commits == []
        ctx.domain.n += 1

    world.run(outer)
    with world.engine.edit() as ctx:
        ctx.domain.n += 1
    assert commits == [(1, 1, 6), (2, 2, 7)]


def fail() -> None:
    """Raise the declared error."""
    raise Declared


def test_a_failing_listener_stops_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit stands; the error goes to sys.unraisablehook; other listeners hear it."""
    reported, heard_of = [], []
    monkeypatch.setattr("sys.unraisablehook", lambda args: reported.append(args.exc_type))
    world.engine.on_commit(lambda _: fail())
    world.engine.on_commit(lambda commit: heard_of.append(commit.version))
    assert world.run(lambda ctx: setattr(ctx.domain, "n", 2)) is None
    assert (world.domain.n, reported, heard_of) == (2, [Declared], [1])


def test_a_listener_may_run_a_process(world: World) -> None:
    """A listener runs outside any transaction: what it starts is a commit of its own."""
    versions: list[int] = []

    def follow(commit: Any) -> None:
        versions.append(commit.version)
        if commit.version < 3:
            world.run(lambda ctx: setattr(ctx.domain, "n", ctx.domain.n + 1))

    world.engine.on_commit(follow)
    world.run(lambda ctx: setattr(ctx.domain, "n", 10))
    assert (world.domain.n, sorted(versions)) == (12, [1, 2, 3])


def test_listeners_of_two_engines(world: World) -> None:
    """C16: a listener hears its own engine."""
    other, versions = World(n=1), []
    other.engine.on_commit(lambda commit: versions.append(commit.version))
    world.run(lambda ctx: setattr(ctx.domain, "n", 2))
    assert versions == []


def test_a_transaction_is_not_constructed() -> None:
    """Transaction and DeltaEntry are names for isinstance; only the engine makes a transaction."""
    with pytest.raises(TypeError, match="engine"):
        Transaction()
    assert gc.is_tracked(World())
