"""Contexts: what an engine takes as root, and what the bases add to a class."""

import copy
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from conftest import Bank, System

from theus import (
    BaseDomainContext,
    BaseSystemContext,
    LockViolationError,
    TheusEngine,
    _kernel,
    plain,
    process,
)
from theus.context import LockedContextMixin
from theus.guards import ContextLoggerAdapter
from theus.zones import PREFIX_HEAVY, PREFIX_META, PREFIX_SIGNAL, ContextZone, resolve_zone


class Slots:
    """A root without an instance dict."""

    __slots__ = ("domain_ctx", "global_ctx")

    def __init__(self) -> None:
        self.global_ctx = None
        self.domain_ctx = Bank()


class ClassOnly:
    """A root whose fields have no instance value."""

    global_ctx = None
    domain_ctx = None


class OwnInit(BaseSystemContext):
    """A root whose __init__ does not call the one of its base, with a field more."""

    def __init__(self) -> None:
        self.global_ctx = None
        self.domain_ctx = Bank()
        self.user_ctx = {"name": "x"}


ROOTS = [System, Slots, ClassOnly, OwnInit, lambda: SimpleNamespace(global_ctx=0, domain_ctx=0)]


@pytest.mark.parametrize("root", ROOTS)
def test_any_root_with_two_layers(root: Callable[[], Any], build: Callable[..., Any]) -> None:
    """An engine takes any object with the two layers, and hands that very object back."""
    ctx = root()
    assert build(ctx).ctx is ctx


def test_a_root_without_layers_is_refused(strict_mode: bool) -> None:
    """The text names the type, what is missing, and the fix."""
    with pytest.raises(TypeError) as caught:
        TheusEngine(SimpleNamespace(global_ctx=None), strict_mode=strict_mode)
    assert "this SimpleNamespace has no domain_ctx" in str(caught.value)
    assert "fix:  wrap it: TheusEngine(BaseSystemContext(" in str(caught.value)
    with pytest.raises(TypeError, match="no global_ctx and no domain_ctx"):
        TheusEngine(object(), strict_mode=strict_mode)
    with pytest.raises(TypeError, match="give an instance: TheusEngine"):
        TheusEngine(Bank, strict_mode=strict_mode)


@pytest.mark.parametrize("name", ["local", "log"])
def test_reserved_fields_of_the_root(name: str) -> None:
    """What ctx.local and ctx.log mean in a process cannot be a field; in training it can."""
    ctx = SimpleNamespace(global_ctx=None, domain_ctx=None, **{name: 1})
    with pytest.raises(TypeError, match=f"ctx.{name} of Theus"):
        TheusEngine(ctx, strict_mode=True)
    TheusEngine(ctx, strict_mode=False)


@pytest.mark.parametrize("name", ["local", "log"])
def test_reserved_names_stay_reserved(name: str) -> None:
    """W3: a process cannot replace what the kernel gives it, whatever it may write."""

    @process(inputs=[], outputs=["domain", "global"])
    def shadow(ctx: Any) -> None:
        for change in (lambda: setattr(ctx, name, []), lambda: delattr(ctx, name)):
            with pytest.raises(AttributeError, match="cannot be replaced"):
                change()
        ctx.local.x = 1
        ctx.log.debug("still there")

    with TheusEngine(System(), strict_mode=True) as engine:
        engine.register_process("shadow", shadow)
        engine.run_process("shadow")


def test_a_root_that_answers_every_name() -> None:
    """A __getattr__ that knows every name is no reserved field."""

    class Open(SimpleNamespace):
        def __getattr__(self, name: str) -> None:
            return None

    TheusEngine(Open(), strict_mode=True)


def test_domain_is_domain_ctx() -> None:
    """On the raw root the short spelling reads and writes the layer."""
    root = System()
    assert root.domain is root.domain_ctx
    layer = root.domain = Bank(balance=1)
    assert root.domain_ctx is layer


def test_creating_an_engine_leaves_no_public_trace() -> None:
    """The user's objects keep their fields, equality and speed: no name of theirs changes."""
    root, twin = System(), System()
    with TheusEngine(root, strict_mode=True):
        assert root == twin
        assert root.to_dict() == twin.to_dict()


@dataclass
class Inner(BaseDomainContext):
    """A part below a layer."""

    depth: int = 2
    sig_inner: bool = True


@dataclass
class Rich(BaseDomainContext):
    """Every kind of field that an export meets."""

    constant: ClassVar[int] = 1
    count: int = 3
    sig_go: bool = False
    cmd_stop: bool = False
    meta_note: str = "n"
    heavy_frame: bytes = b"x"
    domain_data: int = 4
    inner: Inner = field(default_factory=Inner)
    _private: int = 5

    @property
    def twice(self) -> int:
        """Not a field."""
        return self.count * 2


def test_to_dict_leaves_zones_out() -> None:
    """An export has DATA only; an empty list leaves no zone out; private names never show."""
    part = Rich()
    assert part.to_dict() == {"count": 3, "domain_data": 4, "inner": {"depth": 2}}
    everything = part.to_dict(exclude_zones=[])
    assert set(everything) == {
        "count", "sig_go", "cmd_stop", "meta_note", "heavy_frame", "domain_data", "inner",
    }  # fmt: skip
    assert everything["inner"] == {"depth": 2, "sig_inner": True}
    assert "meta_note" in part.to_dict(exclude_zones=[ContextZone.SIGNAL, ContextZone.HEAVY])


def test_to_dict_shows_fields_that_live_on_the_class_or_in_slots() -> None:
    """A field is a field before its first write, and without an instance dict."""

    class Defaults(BaseDomainContext):
        __slots__ = ("filled", "unfilled")
        count = 0

    part = Defaults()
    part.filled = 1
    part.extra = 2
    assert part.to_dict() == {"extra": 2, "filled": 1, "count": 0}


def test_from_dict_assigns_descends_and_creates() -> None:
    """from_dict is the way back of to_dict; it skips private names and may create fields."""
    part = Rich()
    inner = part.inner
    part.from_dict({"count": 9, "inner": {"depth": 7}, "fresh": [1], "_private": 0})
    assert (part.count, getattr(part, "fresh", None), part._private) == (9, [1], 5)
    assert part.inner is inner
    assert inner.depth == 7


def pickled(value: Any) -> Any:
    """A copy by way of pickle."""
    return pickle.loads(pickle.dumps(value))


def run_on_layer(layer: BaseDomainContext, func: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What func gives for the layer inside a process that has it as output; and the layer then."""

    @process(inputs=[], outputs=["domain"])
    def on_layer(ctx: Any) -> Any:
        return func(ctx.domain)

    with TheusEngine(BaseSystemContext(None, layer), strict_mode=True) as engine:
        engine.register_process("on_layer", on_layer)
        return engine.run_process("on_layer"), layer


def test_to_dict_in_a_process() -> None:
    """An export sees what the process sees, its own writes included."""

    def export(domain: Any) -> Any:
        domain.fresh, domain.count = 7, 8
        del domain.domain_data
        return domain.to_dict()

    exported, _ = run_on_layer(Rich(), export)
    assert exported == {"count": 8, "domain_data": 4, "inner": {"depth": 2}, "fresh": 7}


def test_from_dict_in_a_process() -> None:
    """An import writes like any other assignment."""
    data = {"count": 9, "inner": {"depth": 7}, "fresh": [1]}
    _, layer = run_on_layer(Rich(), lambda domain: domain.from_dict(data))
    assert layer.to_dict() == {"count": 9, "domain_data": 4, "inner": {"depth": 7}, "fresh": [1]}


@pytest.mark.parametrize("duplicate", [plain, copy.copy, copy.deepcopy, pickled, lambda view: view])
def test_what_leaves_a_process_is_not_locked(duplicate: Callable[[Any], Any]) -> None:
    """A plain copy of a locked layer, made on purpose or by returning it, is anybody's."""
    returned, layer = run_on_layer(Bank(), duplicate)
    assert returned == layer
    returned.balance = 1
    assert layer.balance == 100


def test_get_zone() -> None:
    """A context answers for its own fields what theus.zones answers for names."""
    assert Rich().get_zone("sig_go") is ContextZone.SIGNAL


@pytest.mark.parametrize(
    ("key", "zone"),
    [
        ("sig_go", "signal"),
        ("cmd_go", "signal"),
        ("meta_x", "meta"),
        ("heavy_x", "heavy"),
        ("domain_data", "data"),
        ("domain_ctx.sig_go", "signal"),
        ("domain.heavy_frame.meta_x", "heavy"),
        ("domain.signature", "data"),
    ],
)
def test_resolve_zone(key: str, zone: str) -> None:
    """The first segment with a prefix decides, and what lies below inherits it."""
    assert resolve_zone(key) is ContextZone(zone)


def test_prefixes_are_those_of_the_kernel() -> None:
    """The constants repeat what the kernel knows, in its order, and say nothing of their own."""
    listed = (*PREFIX_SIGNAL, *PREFIX_META, *PREFIX_HEAVY)
    assert " ".join(listed) == _kernel.describe()["zone_prefixes"].strip()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_is_not_locked(duplicate: Callable[[Any], Any]) -> None:
    """The lock belongs to the engine's object; a copy of it is anybody's."""
    root = System()
    with TheusEngine(root, strict_mode=True):
        twin = duplicate(root)
        twin.domain_ctx = Bank(balance=7)
        with pytest.raises(LockViolationError):
            root.domain_ctx = Bank()
        fresh = duplicate(root.domain_ctx)
        fresh.balance = 8
        assert root.domain_ctx.balance == 100


def test_a_lock_before_init() -> None:
    """A mixin class whose __init__ never runs has no lock and can be written."""
    part = LockedContextMixin.__new__(LockedContextMixin)
    setattr(part, name := "x", 1)
    delattr(part, name)
    assert not hasattr(part, name)


def test_process_logger(caplog: pytest.LogCaptureFixture) -> None:
    """Prefix, arguments and keyword arguments; a percent sign is no format unless one is asked."""
    log = ContextLoggerAdapter(logging.getLogger("POP_PROCESS"), {"process": "100%"})
    with caplog.at_level(logging.INFO, logger="POP_PROCESS"):
        log.info("plain 50%", share="50%")
        log.info("moved %d", 3, share="50%")
        log.debug("not shown", costly=1)
    assert [record.getMessage() for record in caplog.records] == [
        "[100%] plain 50% {share=50%}",
        "[100%] moved 3 {share=50%}",
    ]
    assert {record.filename for record in caplog.records} == {"test_context.py"}


def test_ctx_log_and_local_in_a_process(caplog: pytest.LogCaptureFixture) -> None:
    """In a strict run ctx.log speaks for the process, and ctx.local lives as long as the call."""

    def note(ctx: Any) -> int:
        ctx.local.seen = getattr(ctx.local, "seen", 0) + 1
        ctx.log.warning("seen", count=ctx.local.seen)
        return int(ctx.local.seen)

    note._pop_contract = SimpleNamespace(inputs=[], outputs=[], errors=[])  # type: ignore[attr-defined]
    with TheusEngine(System(), strict_mode=True) as engine:
        engine.register_process("note", note)
        assert [engine.run_process("note"), engine.run_process("note")] == [1, 1]
    assert [record.getMessage() for record in caplog.records] == ["[note] seen {count=1}"] * 2
