"""The lock: who may write a context, and that nobody else can."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Bank, System

from theus import BaseDomainContext, LockViolationError, TheusEngine, process
from theus.locks import LockManager


@process(inputs=[], outputs=["domain"])
def deposit(ctx: Any, amount: int = 1) -> None:
    """Write a locked layer as its contract allows."""
    ctx.domain.balance += amount


def refused(write: Callable[[], object]) -> None:
    """Assert that a write from outside is refused, with the text users know."""
    with pytest.raises(LockViolationError, match=r"^UNSAFE MUTATION: "):
        write()


def test_outside_writes_are_refused() -> None:
    """In strict mode neither a layer nor the root can be assigned or deleted from outside."""
    root = System()
    with TheusEngine(root, strict_mode=True) as engine:
        refused(lambda: setattr(root.domain_ctx, "balance", 0))
        refused(lambda: setattr(root.domain_ctx, "fresh", 0))
        refused(lambda: setattr(root, "domain_ctx", Bank()))
        refused(lambda: delattr(root.global_ctx, "most"))
        refused(lambda: root.domain_ctx.from_dict({"balance": 0}))
        assert engine.lock_manager.strict_mode
        assert engine.lock_manager.LockViolationError is LockViolationError
    assert (root.domain_ctx.balance, root.global_ctx.most) == (100, 1000)


def test_the_refusal_names_the_cure() -> None:
    """The text names the field, the class, and what to do instead."""
    with TheusEngine(System(), strict_mode=True) as engine:
        with pytest.raises(LockViolationError) as caught:
            engine.ctx.domain_ctx.balance = 0
        assert str(caught.value).startswith("UNSAFE MUTATION: 'balance' of Bank was written")
        assert "with engine.edit() as ctx:" in caught.value.hint
        assert caught.value.path == "balance"


def test_private_names_pass() -> None:
    """Names that start with an underscore belong to the object, not to the context."""
    with TheusEngine(System(), strict_mode=True) as engine:
        engine.ctx.domain_ctx._cache = 1
        del engine.ctx.domain_ctx._cache


def test_the_lock_holds_after_many_commits() -> None:
    """Commits are never refused, and none of them leaves the door open."""
    with TheusEngine(System(), strict_mode=True) as engine:
        engine.register_process("deposit", deposit)
        for _ in range(50):
            engine.run_process("deposit")
            refused(lambda: setattr(engine.ctx.domain_ctx, "balance", 0))
        assert engine.ctx.domain_ctx.balance == 150


def test_edit_writes() -> None:
    """edit() is in charge of what it yields; after it the lock is back."""
    with TheusEngine(System(), strict_mode=True) as engine:
        with engine.edit() as ctx:
            ctx.domain_ctx.balance = 1
            ctx.global_ctx.most = 2
        assert (engine.ctx.domain_ctx.balance, engine.ctx.global_ctx.most) == (1, 2)
        refused(lambda: setattr(engine.ctx.domain_ctx, "balance", 0))


def test_edit_without_with() -> None:
    """Who forgot the with reads how an edit() block is written, and nothing was written."""
    with TheusEngine(System(), strict_mode=True) as engine:
        with pytest.raises(AttributeError, match=r"write `with engine.edit\(\) as ctx:`"):
            engine.edit().domain_ctx.balance = 1
        assert (engine.version, engine.ctx.domain_ctx.balance) == (0, 100)


class Careful(BaseDomainContext):
    """A layer with code of its own in the way of every write."""

    def __init__(self) -> None:
        self.cents = 100

    @property
    def euros(self) -> float:
        """A view of cents that can be assigned."""
        return self.cents / 100

    @euros.setter
    def euros(self, value: float) -> None:
        self.cents = round(value * 100)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)


def test_setters_of_the_user_may_write_during_a_commit() -> None:
    """A property setter or a __setattr__ of the class runs in the engine's charge."""

    @process(inputs=[], outputs=["domain"])
    def pay(ctx: Any) -> None:
        ctx.domain.euros = 2.5

    with TheusEngine(System(domain_ctx=Careful()), strict_mode=True) as engine:  # type: ignore[arg-type]
        engine.register_process("pay", pay)
        engine.run_process("pay")
        assert engine.ctx.domain_ctx.cents == 250
        refused(lambda: setattr(engine.ctx.domain_ctx, "euros", 0))


class Slow(BaseDomainContext):
    """A layer whose every write lets other threads run in the middle."""

    def __init__(self) -> None:
        self.count = 0

    def __setattr__(self, name: str, value: object) -> None:
        time.sleep(0.0002)
        super().__setattr__(name, value)


def test_commits_of_many_threads_are_never_refused() -> None:
    """A commit opens the lock for its own thread only, and closes it again."""
    failures: list[BaseException] = []

    @process(inputs=[], outputs=["domain"])
    def count(ctx: Any, number: int) -> None:
        ctx.domain.count = number

    def work() -> None:
        with TheusEngine(System(domain_ctx=Slow()), strict_mode=True) as engine:  # type: ignore[arg-type]
            engine.register_process("count", count)
            try:
                for number in range(20):
                    engine.run_process("count", number=number)
                refused(lambda: setattr(engine.ctx.domain_ctx, "count", 0))
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_training_has_no_lock() -> None:
    """Training mode locks nothing, also after a strict engine had the same context."""
    root = System()
    strict = TheusEngine(root, strict_mode=True)
    with TheusEngine(root, strict_mode=False) as engine:
        assert not engine.lock_manager.strict_mode
        root.domain_ctx.balance = 1
    strict.close()


def test_closing_unlocks_only_its_own() -> None:
    """The newest engine of a context decides; closing an older one changes nothing."""
    root = System()
    first = TheusEngine(root, strict_mode=True)
    second = TheusEngine(root, strict_mode=True)
    first.close()
    first.close()
    refused(lambda: setattr(root.domain_ctx, "balance", 0))
    second.close()
    root.domain_ctx.balance = 0


def test_layers_outside_the_mixin_are_not_protected() -> None:
    """A plain object cannot be locked, and is left as it is."""
    plain = type("Plain", (), {"x": 1})()
    with TheusEngine(System(domain_ctx=plain), strict_mode=True):
        plain.x = 2
    assert vars(plain) == {"x": 2}


def test_unlock_lets_only_its_thread_write() -> None:
    """Inside unlock() this thread writes, any other is refused, and it may enter again."""
    manager = LockManager(strict_mode=True)
    domain = Bank()
    domain.set_lock_manager(manager)
    outcomes: list[BaseException | None] = []

    def elsewhere() -> None:
        try:
            domain.balance = 0
            outcomes.append(None)
        except LockViolationError as error:
            outcomes.append(error)

    with manager.unlock():
        with manager.unlock():
            domain.balance = 1
        domain.balance = 2
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    refused(lambda: setattr(domain, "balance", 3))
    assert isinstance(outcomes[0], LockViolationError)
    assert domain.balance == 2


def test_unlock_ends_with_an_exception() -> None:
    """An error in the block locks again."""
    manager = LockManager(strict_mode=True)
    with pytest.raises(KeyError), manager.unlock():
        raise KeyError
    refused(lambda: manager.validate_write("x", object()))


def test_fifty_threads_serialise() -> None:
    """A read-modify-write in unlock() loses no update."""
    manager = LockManager(strict_mode=True)
    domain = Bank(balance=0)
    domain.set_lock_manager(manager)

    def add() -> None:
        with manager.unlock():
            seen = domain.balance
            time.sleep(0.0005)
            domain.balance = seen + 1

    threads = [threading.Thread(target=add) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert domain.balance == 50


def test_the_other_mode_only_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Without strict mode a write from outside passes, with a line at debug level."""
    domain = Bank()
    domain.set_lock_manager(LockManager())
    with caplog.at_level(logging.DEBUG, logger="Theus.LockManager"):
        domain.balance = 5
    assert domain.balance == 5
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert caplog.records[0].getMessage().startswith("UNSAFE MUTATION")
