"""What a contract lets a process reach, and what each denial says."""

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
from harness import World
from model import Plain

from theus import (
    AccessDeniedError,
    ContractViolationError,
    FrozenInputError,
    StaleViewError,
    TheusEngine,
    UnsupportedValueError,
    ZoneViolationError,
    _kernel,
    process,
)


@pytest.fixture
def world() -> World:
    """Fields of every shape, five levels deep."""
    deep = {"b": [Plain(c={"d": [1, [2]]})]}
    return World(
        given={"limit": 3, "names": ["ann"]},
        balance=100,
        owner=Plain(name="ann", age=7, tags=["x"]),
        a=deep,
        history=[1, 2, 3],
        _secret=1,
        sig_go=False,
        meta_note="n",
        cmd_stop=False,
    )


def denied(world: World, body: Callable[[Any], Any], **contract: Any) -> AccessDeniedError:
    """Run body, which must be denied and change nothing; the denial."""
    before = world.picture()
    with pytest.raises(AccessDeniedError) as caught:
        world.run(body, **contract)
    assert before == world.picture()
    return caught.value


# ---- reading -------------------------------------------------------------------------------------

READABLE: dict[str, Callable[[Any], Any]] = {
    "domain.balance": lambda ctx: ctx.domain.balance,
    "domain_ctx.balance": lambda ctx: ctx.domain_ctx.balance,
    "domain.owner": lambda ctx: ctx.domain.owner.name,
    "domain.owner.name": lambda ctx: ctx.domain.owner.name,
    "domain": lambda ctx: ctx.domain.a["b"][0].c["d"][1][0],
    "domain.a": lambda ctx: ctx.domain.a["b"][0].c["d"][1][0],
    "domain.a.b": lambda ctx: ctx.domain.a["b"][0].c["d"][1][0],
    "global": lambda ctx: ctx.global_ctx.given["limit"],
    "global.given.limit": lambda ctx: ctx.global_ctx.given["limit"],
    "global.given.*": lambda ctx: ctx.global_ctx.given["limit"],
}


@pytest.mark.parametrize("role", ["inputs", "outputs"])
@pytest.mark.parametrize("path", READABLE)
def test_declared_is_readable(world: World, role: str, path: str) -> None:
    """What equals or lies below an input or an output can be read, in either spelling."""
    contract: dict[str, Any] = {"inputs": [], "outputs": [], role: [path]}
    raw = Plain(domain=world.domain, domain_ctx=world.domain, global_ctx=world.ctx.global_ctx)
    assert READABLE[path](raw) == world.run(READABLE[path], **contract)


@pytest.mark.parametrize(
    "path", ["domain.balance", "domain.owner.age", "domain.a.c", "global.given.names"]
)
@pytest.mark.parametrize("read", list(READABLE.values())[3:7:3])
def test_undeclared_is_not(world: World, path: str, read: Callable[[Any], Any]) -> None:
    """L14: a denied read raises at its line; it never gives None or a default."""
    error = denied(world, read, inputs=[path], outputs=[])
    assert "Illegal Read" in str(error)
    assert error.hint


@pytest.mark.parametrize(
    "probe",
    [
        lambda d: hasattr(d, "owner"),
        lambda d: getattr(d, "owner", None),
        lambda d: d.owner,
    ],
)
def test_probing_does_not_hide_a_denial(world: World, probe: Callable[[Any], Any]) -> None:
    """L14: hasattr and a default of getattr are no way to learn about an undeclared field."""
    error = denied(world, lambda ctx: probe(ctx.domain), inputs=["domain.balance"], outputs=[])
    assert str(error).startswith("Illegal Read: 'domain_ctx.owner'")


def test_missing_fields_are_missing(world: World) -> None:
    """Below a declared path, what is not there is Python's own error or default."""

    def body(ctx: Any) -> Any:
        with pytest.raises(AttributeError):
            _ = ctx.domain.nothing
        with pytest.raises(KeyError):
            _ = ctx.domain.a["nothing"]
        return hasattr(ctx.domain, "nothing"), getattr(ctx.domain, "nothing", 5)

    assert world.run(body) == (False, 5)


WALKED: dict[str, Callable[[Any], Any]] = {
    "iterate": list,
    "length": len,
    "keys": lambda at: at.keys(),
    "values": lambda at: at.values(),
    "items": lambda at: at.items(),
    "sibling": lambda at: at["c"],
    "get sibling": lambda at: at.get("c"),
    "contains sibling": lambda at: "c" in at,
    "equal": lambda at: at == {},
    "copy": lambda at: at.copy(),
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "dict": dict,
    "spread": lambda at: {**at},
    "or": lambda at: at | {},
    "reversed": lambda at: list(reversed(at)),
    "plain": _kernel.plain,
    "truth": bool,
}


@pytest.mark.parametrize("operation", WALKED)
def test_an_ancestor_is_only_a_way(operation: str) -> None:
    """L11: an ancestor of a declared path offers the declared way on and nothing else."""
    world = World(a={"b": 1, "c": 2})
    attempt = WALKED[operation]
    error = denied(world, lambda ctx: attempt(ctx.domain.a), inputs=["domain.a.b"], outputs=[])
    assert "Illegal Read" in str(error)
    assert world.run(lambda ctx: ctx.domain.a["b"], inputs=["domain.a.b"], outputs=[]) == 1


# ---- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda d: setattr(d, "a", {}),
        lambda d: delattr(d, "a"),
        lambda d: d.a.update(b=[]),
        lambda d: d.a.clear(),
        lambda d: d.a.pop("b"),
        lambda d: d.a.popitem(),
        lambda d: d.a.setdefault("z", 1),
        lambda d: d.a.__setitem__("b", []),
        lambda d: d.a.__delitem__("b"),
        lambda d: d.a["b"].append(1),
        lambda d: d.a["b"].clear(),
        lambda d: setattr(d.a["b"][0], "c", {}),
        lambda d: setattr(d.a["b"][0], "other", {}),
        lambda d: setattr(d, "balance", 1),
        lambda d: setattr(d, "new", 1),
        lambda d: d.a.__ior__({}),
    ],
)
def test_a_leaf_output_grants_no_ancestor_and_no_sibling(
    world: World, write: Callable[[Any], Any]
) -> None:
    """L11, L12: only what equals or lies below the output is writable."""
    contract = {"inputs": [], "outputs": ["domain.a.b[0].c.d"]}
    error = denied(world, lambda ctx: write(ctx.domain), **contract)
    assert "Illegal" in str(error)

    def allowed(ctx: Any) -> None:
        ctx.domain.a["b"][0].c["d"] = [0]

    world.run(allowed, **contract)
    assert world.domain.a["b"][0].c["d"] == [0]


DEPTHS: list[tuple[str, Callable[[Any], Any]]] = [
    ("domain_ctx.balance", lambda d: setattr(d, "balance", 1)),
    ("domain_ctx.balance", lambda d: delattr(d, "balance")),
    ('domain_ctx.a["b"]', lambda d: d.a.__setitem__("b", 1)),
    ('domain_ctx.a["b"]', lambda d: d.a["b"].append(1)),
    ('domain_ctx.a["b"][0].c', lambda d: setattr(d.a["b"][0], "c", 1)),
    ('domain_ctx.a["b"][0].c', lambda d: d.a["b"][0].c.pop("d")),
    ('domain_ctx.a["b"][0].c["d"]', lambda d: d.a["b"][0].c["d"].sort()),
    ('domain_ctx.a["b"][0].c["d"][1]', lambda d: d.a["b"][0].c["d"][1].insert(0, 1)),
]


@pytest.mark.parametrize(("path", "write"), DEPTHS)
def test_inputs_are_frozen_at_every_depth(
    world: World, path: str, write: Callable[[Any], Any]
) -> None:
    """L2, L19: read-only is deep; the refusal is a FrozenInputError with both fragments."""
    error = denied(world, lambda ctx: write(ctx.domain), inputs=["domain"], outputs=[])
    assert isinstance(error, FrozenInputError)
    assert isinstance(error, TypeError)
    assert "Immutable Violation" in str(error)
    assert "Illegal Write" in str(error)
    assert path in str(error)


def test_a_leaf_of_an_input_can_be_an_output(world: World) -> None:
    """Input domain.owner, output domain.owner.age: the leaf is writable, the rest is not."""
    contract = {"inputs": ["domain.owner"], "outputs": ["domain.owner.age"]}

    def grow(ctx: Any) -> None:
        ctx.domain.owner.age += 1

    world.run(grow, **contract)
    assert world.domain.owner.age == 8
    denied(world, lambda ctx: setattr(ctx.domain.owner, "name", "bob"), **contract)
    denied(world, lambda ctx: ctx.domain.owner.tags.append(1), **contract)


def test_a_new_field_through_an_output(world: World) -> None:
    """D3: a write lands on exactly its path, also where there was nothing."""

    def create(ctx: Any) -> None:
        ctx.domain.fresh = {"x": []}
        ctx.domain.fresh["x"].append(1)

    world.run(create, outputs=["domain.fresh"])
    assert world.domain.fresh == {"x": [1]}


@pytest.mark.parametrize("before", ["missing", None, "", [], {}])
def test_a_leaf_lands_on_its_path(before: Any) -> None:
    """D3: a declared leaf is created, whatever its parent or the leaf held."""
    world = World(order=Plain() if before == "missing" else Plain(lines=before))
    world.run(lambda ctx: setattr(ctx.domain.order, "lines", [1]), outputs=["domain.order.lines"])
    assert vars(world.domain.order) == {"lines": [1]}


def test_one_legal_write_of_each_kind(world: World) -> None:
    """D9: what the contract allows is done: attribute, item, element, method."""

    def body(ctx: Any) -> None:
        d = ctx.domain
        d.balance -= 1
        d.a["k"] = 1
        d.history[0] = 9
        d.history.append(4)
        d.owner.tags += ["y"]
        del d.owner.age

    world.run(body)
    d = world.domain
    assert (d.balance, d.a["k"], d.history, d.owner.tags) == (99, 1, [9, 2, 3, 4], ["x", "y"])
    assert not hasattr(d.owner, "age")


# ---- private names and zones ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        lambda d: d._secret,
        lambda d: setattr(d, "_secret", 2),
        lambda d: delattr(d, "_secret"),
        lambda d: getattr(d, "_missing", None),
        lambda d: hasattr(d, "_secret"),
        lambda d: setattr(d, "_new", 1),
    ],
)
def test_private_names(world: World, attempt: Callable[[Any], Any]) -> None:
    """Names that start with an underscore are refused to process code, whatever is declared."""
    error = denied(world, lambda ctx: attempt(ctx.domain))
    assert "private" in str(error)


def test_missing_dunder_names_are_attribute_errors(world: World) -> None:
    """P4: libraries that probe for optional protocols get the answer they expect."""

    def body(ctx: Any) -> list[bool]:
        views = [ctx.domain, ctx.domain.owner, ctx.domain.a, ctx.domain.history]
        names = ["__array__", "__array_interface__", "__html__", "__pydantic_x__", "__length_hint_"]
        return [hasattr(view, name) for view in views for name in names[:4]]

    assert not any(world.run(body))


@pytest.mark.parametrize("path", ["domain.sig_go", "domain_ctx.cmd_stop", "domain.meta_note",
                                  "domain.owner.sig_x.y", "sig_root"])  # fmt: skip
def test_signals_and_observations_are_no_inputs(world: World, path: str) -> None:
    """L13: a SIGNAL or META segment anywhere in an input is refused when it is registered."""
    with pytest.raises(ZoneViolationError) as caught:
        world.run(lambda ctx: None, inputs=[path], outputs=[])
    assert "SECURITY VIOLATION" in str(caught.value)
    assert "Zone Policy Violation" in str(caught.value)
    assert path in str(caught.value)


@pytest.mark.parametrize("name", ["sig_go", "cmd_stop", "meta_note"])
def test_a_wide_input_shows_no_signal(world: World, name: str) -> None:
    """L13: that an input lies above does not make a signal readable; an output does."""
    error = denied(world, lambda ctx: getattr(ctx.domain, name), inputs=["domain"], outputs=[])
    assert isinstance(error, ZoneViolationError)
    world.run(lambda ctx: setattr(ctx.domain, name, getattr(ctx.domain, name)))


# ---- what a denial is ----------------------------------------------------------------------------


def test_the_text_of_a_denial() -> None:
    """It names process, operation, path, what is allowed, the nearest name and the fix."""
    world = World(balance=1, owner=2)

    @process(inputs=["domain.balance"], outputs=[])
    def audit(ctx: Any) -> Any:
        return ctx.domain.balanse

    world.engine.register_process("audit", audit)
    with pytest.raises(AccessDeniedError) as caught:
        world.engine.run_process("audit")
    error = caught.value
    for part in ["Illegal Read", "'domain_ctx.balanse'", "'audit'", "domain_ctx.balance",
                 "did you mean", "fix:"]:  # fmt: skip
        assert part in str(error)
    assert (error.process, error.path) == ("audit", "domain_ctx.balanse")


def test_a_denial_is_two_errors(world: World) -> None:
    """except PermissionError and except ContractViolationError both catch it."""
    for kind in PermissionError, ContractViolationError:
        with pytest.raises(kind):
            world.run(lambda ctx: ctx.domain.balance, outputs=[])


def test_a_denial_is_raised_at_the_line_that_tried(world: World) -> None:
    """The traceback ends in the process, at the access; catching it there is possible."""

    def body(ctx: Any) -> str:
        try:
            ctx.domain.owner.name = "bob"
        except AccessDeniedError as error:
            return str(error)
        return "not denied"

    text = world.run(body, outputs=["domain.balance"])
    assert text.startswith("Illegal")
    assert world.domain.owner.name == "ann"


def test_a_denial_that_was_caught_spoils_nothing(world: World) -> None:
    """A process may go on after a denial; what it may write is committed."""

    def body(ctx: Any) -> None:
        with pytest.raises(AccessDeniedError):
            ctx.domain.owner = None
        ctx.domain.balance = 7

    world.run(body, outputs=["domain.balance"])
    assert world.domain.balance == 7


# ---- views of one object, and their end ----------------------------------------------------------


def test_same_path_same_view(world: World) -> None:
    """L8: reading a path twice gives one view."""

    def body(ctx: Any) -> bool:
        d = ctx.domain
        return (
            d.a is d.a
            and d.a["b"] is d.a["b"]
            and d.a["b"][0] is d.a["b"][-1]
            and d is ctx.domain_ctx
        )

    assert world.run(body)


STALE: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda v: v["object"].name,
    "set attribute": lambda v: setattr(v["object"], "name", 1),
    "delete attribute": lambda v: delattr(v["object"], "name"),
    "layer": lambda v: v["domain"].balance,
    "ctx": lambda v: v["ctx"].domain,
    "ctx.local": lambda v: v["ctx"].local,
    "ctx.log": lambda v: v["ctx"].log,
    "item": lambda v: v["list"][0],
    "set item": lambda v: v["list"].__setitem__(0, 1),
    "append": lambda v: v["list"].append(1),
    "length": lambda v: len(v["list"]),
    "iterate": lambda v: list(v["list"]),
    "go on iterating": lambda v: next(v["iterator"]),
    "go on over items": lambda v: next(v["items"]),
    "contains": lambda v: 1 in v["list"],
    "equal": lambda v: v["list"] == [1],
    "add": lambda v: v["list"] + [1],
    "key": lambda v: v["dict"]["b"],
    "get": lambda v: v["dict"].get("b"),
    "set key": lambda v: v["dict"].__setitem__("b", 1),
    "keys": lambda v: list(v["dict"].keys()),
    "old keys": lambda v: list(v["keys"]),
    "bound method": lambda v: v["append"](1),
    "slice element": lambda v: v["slice"][0].c,
    "copy": lambda v: copy.copy(v["dict"]),
    "deepcopy": lambda v: copy.deepcopy(v["object"]),
    "plain": lambda v: _kernel.plain(v["dict"]),
    "truth": lambda v: bool(v["list"]),
    "closure": lambda v: v["closure"](),
}


@pytest.mark.parametrize("fails", [False, True], ids=["committed", "failed"])
@pytest.mark.parametrize("use", STALE)
def test_views_die_with_their_run(world: World, use: str, fails: bool) -> None:
    """M2, M3: any use of anything kept from a run that ended raises StaleViewError."""
    kept: dict[str, Any] = {}

    def body(ctx: Any) -> None:
        d = ctx.domain
        kept.update(
            ctx=ctx, domain=d, object=d.owner, list=d.history, dict=d.a, keys=d.a.keys(),
            iterator=iter(d.history), items=iter(d.a.items()), append=d.history.append,
            slice=d.a["b"][:], closure=lambda: d.balance,
        )  # fmt: skip
        next(kept["iterator"])
        if fails:
            raise KeyboardInterrupt

    try:
        world.run(body)
    except KeyboardInterrupt:
        assert fails
    before = world.picture()
    with pytest.raises(StaleViewError) as caught:
        STALE[use](kept)
    assert "body" in str(caught.value)
    assert before == world.picture()


def test_a_stale_view_still_prints(world: World) -> None:
    """repr of a dead view says that it is one, for debuggers; it shows no state."""
    kept = []
    world.run(lambda ctx: kept.append(ctx.domain.history))
    assert "stale" in repr(kept[0])


# ---- engines -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ContextView", "ObjectView", "TrackedList", "FrozenList",
                                  "TrackedDict", "FrozenDict", "Transaction", "Edit"])  # fmt: skip
def test_nobody_makes_a_view(kind: str) -> None:
    """L6: no constructor grants rights: views and transactions come from an engine only."""
    made = getattr(_kernel, kind)
    for arguments in [(), ([1],), ({},)]:
        with pytest.raises(TypeError):
            made(*arguments)
    with pytest.raises(TypeError):
        made.__new__(made)
    with pytest.raises(TypeError):
        type("Sub", (made,), {})


def test_two_engines_share_nothing() -> None:
    """C16: the same process name means something else in each engine."""
    one, two = World(x=1), World(x=1)
    for world, value in (one, 10), (two, 20):
        world.engine.register_process(
            "set", process([], ["domain"])(lambda ctx, v=value: setattr(ctx.domain, "x", v))
        )
    one.engine.run_process("set")
    assert (one.domain.x, two.domain.x) == (10, 1)
    two.engine.run_process("set")
    assert (one.domain.x, two.domain.x) == (10, 20)


@pytest.mark.parametrize("value", [("secret", [1], 3), ("secret", "plain", 3)])
def test_a_tuple_is_given_whole_or_not_at_all(value: tuple[Any, ...]) -> None:
    """L11: naming one element grants no sibling; a real tuple cannot hide one, so it is refused."""
    world = World(pair=value)
    with pytest.raises(AccessDeniedError, match=r"Illegal Read: 'domain_ctx\.pair\[0\]'"):
        world.run(lambda ctx: ctx.domain.pair, inputs=["domain.pair[1]"], outputs=[])
    every = [f"domain.pair[{i}]" for i in range(3)]
    for inputs in (["domain.pair"], every):
        assert world.run(lambda ctx: ctx.domain.pair, inputs=inputs, outputs=[]) == value


def test_the_surface_of_an_engine() -> None:
    """L9: no public name of an engine installs state or forwards to the kernel."""
    public = {name for name in dir(TheusEngine) if not name.startswith("_")}
    assert public == {
        "audit_log", "close", "ctx", "edit", "evaluate_condition", "execute_flux_step",
        "execute_process", "execute_process_async", "execute_workflow", "execute_workflow_async",
        "get_process", "heavy_report", "matrix", "on_commit", "register_process", "reload_audit",
        "reset_interlock", "run_all", "run_process", "scan_and_register", "start_workflow", "stats",
        "strict_mode", "tree", "version", "watch", "workflow_cache",
    }  # fmt: skip
    with pytest.raises(AttributeError):
        _ = World().engine.commit_state


def test_unsupported_values_are_refused_with_the_cure(world: World) -> None:
    """D12, D22: what is in no list is refused by name where it is met, in either direction."""
    lock = threading.Lock()
    world.domain.owner.lock = lock
    for body in (
        lambda ctx: ctx.domain.owner.lock,
        lambda ctx: setattr(ctx.domain, "x", lock),
        lambda ctx: ctx.domain.history.append(lock),
        lambda ctx: ctx.domain.a.update(x=lock),
    ):
        with pytest.raises(UnsupportedValueError) as caught:
            world.run(body)
        assert "lock" in str(caught.value)
        assert "heavy_" in str(caught.value)
    assert world.domain.history == [1, 2, 3]
