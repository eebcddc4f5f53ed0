"""What a notebook and a terminal show: the same facts, nothing of the state but what is shown."""

import html
import logging
import re
import subprocess
import sys
import textwrap
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, UnknownProcessError, process
from theus.config import AuditRecipe, ProcessRecipe, RuleSpec


@dataclass
class Domain(BaseDomainContext):
    """One of each zone, a long list, a text that would be markup, and a circle."""

    balance: int = 100
    many: list[Any] = field(default_factory=lambda: [{"n": [i]} for i in range(10)])
    queue: deque[int] = field(default_factory=lambda: deque([1, 2]))
    text: str = "<script>alert(1)</script>"
    circle: Any = None
    sig_go: bool = False
    meta_note: str = "x"
    heavy_array: Any = field(default_factory=lambda: np.zeros((2, 3), dtype="f4"))
    heavy_model: Any = "secret weights"


@process(
    inputs=["domain.text"], outputs=["domain.balance", "domain.heavy_model"], errors=[KeyError]
)
def pay(ctx: Any, amount: int) -> None:
    """Write data and something heavy."""
    ctx.domain.balance -= amount
    ctx.domain.heavy_model = "other weights"


@pytest.fixture
def theus_context() -> BaseSystemContext:
    """What theus_engine runs on."""
    domain = Domain()
    domain.circle = domain
    return BaseSystemContext(None, domain)


@pytest.fixture
def engine(theus_engine: TheusEngine[Any]) -> TheusEngine[Any]:
    """An engine that knows one process."""
    theus_engine.register_process("pay", pay)
    return theus_engine


def words(markup: str) -> list[str]:
    """What a person reads of HTML, cell by cell."""
    markup = re.sub(r"<style>.*?</style>", "", markup)
    cells = re.split(r"<[^>]*>", markup)
    return [html.unescape(cell) for cell in cells if cell.strip()]


TREE = """\
                         type            value                        zone    processes
BaseSystemContext        BaseSystemContext
├─ global_ctx                            None
└─ domain_ctx            Domain
   ├─ balance            int             100                                  pay w
   ├─ many               list of 10
   │  ├─ [0]             dict of 1
   │  │  └─ ["n"]        list of 1       [0]
"""


def test_a_tree_shows_zones_and_rights(engine: TheusEngine[Any]) -> None:
    """Law: each line has its zone and who may do what; long, heavy and circular things are cut."""
    text = repr(engine.tree())
    squeezed = [" ".join(line.split()) for line in text.splitlines()]
    for line in TREE.splitlines():
        assert " ".join(line.split()) in squeezed
    assert "│ └─ ... 6 more" in squeezed
    assert "├─ queue deque of 2 deque([1, 2])" in squeezed
    assert "├─ text str '<script>alert(1)</script>' pay r" in squeezed
    assert "├─ circle Domain" in squeezed
    assert "├─ sig_go bool False SIGNAL" in squeezed
    assert "├─ meta_note str 'x' META" in squeezed
    assert "├─ heavy_array ndarray of 2 f 2x3, 24 bytes HEAVY" in squeezed
    assert "└─ heavy_model str HEAVY pay w" in squeezed
    assert "secret" not in text
    assert "pay" in repr(engine.tree("pay")).splitlines()[0]
    with pytest.raises(UnknownProcessError):
        engine.tree("pya")


def test_html_and_text_tell_the_same(engine: TheusEngine[Any]) -> None:
    """Law: the table of a notebook has the cells of the text, and no markup of the state."""
    markup = engine.tree()._repr_html_()
    assert "<script>" not in markup
    text = " ".join(repr(engine.tree()).split())
    for cell in words(markup):
        assert " ".join(cell.split()) in text
    assert engine.ctx._repr_html_().count("<tr>") == markup.count("<tr>")
    assert "pay r" not in engine.ctx._repr_html_()


def test_an_engine_shows_its_processes_and_its_context(engine: TheusEngine[Any]) -> None:
    """Law: one line in a terminal; in a notebook the contracts and the tree."""
    assert repr(engine) == "<TheusEngine, strict, 1 process, version 0>"
    shown = words(engine._repr_html_())
    assert shown[:5] == [
        "TheusEngine, strict, 1 process, version 0",
        "process",
        "inputs",
        "outputs",
        "errors",
    ]
    assert shown[5:9] == ["pay", "domain.text", "domain.balance\ndomain.heavy_model", "KeyError"]
    with TheusEngine(BaseSystemContext(None, None), strict_mode=False) as training:
        assert repr(training) == "<TheusEngine, training, 0 processes, version 0>"
        assert "no process is registered yet" in training._repr_html_()


def test_a_watch_keeps_what_was_seen(engine: TheusEngine[Any]) -> None:
    """Law: a diff is text of its moment, of heavy values only the type; old commits go."""
    engine.run_process("pay", amount=1)
    watch = engine.watch(2)
    assert (watch.last, repr(watch), len(watch)) == (None, "no commit yet", 0)
    for amount in (10, 20, 30):
        engine.run_process("pay", amount=amount)
    assert [diff.version for diff in watch] == [3, 4]
    assert watch.last is not None
    lines = [" ".join(line.split()) for line in repr(watch.last).splitlines()]
    assert lines == [
        "commit 4 by pay",
        "path operation was is",
        "domain_ctx.balance SET 69 39",
        "domain_ctx.heavy_model SET <str>",
    ]
    assert words(watch.last._repr_html_())[5:9] == ["domain_ctx.balance", "SET", "69", "39"]
    assert "weights" not in watch._repr_html_()
    assert "no commit yet" in engine.watch()._repr_html_()


def test_an_audit_log_shows_its_newest_events(theus_context: BaseSystemContext) -> None:
    """Law: the newest twenty as a table, and how many there are."""
    rule = RuleSpec("amount", "max", 5, level="C")
    recipe = AuditRecipe({"pay": ProcessRecipe("pay", [rule], [], [], [])})
    with TheusEngine(theus_context, True, recipe) as engine:
        engine.register_process("pay", pay)
        assert repr(engine.audit_log) == "audit log, 0 events\nno event"
        for _ in range(25):
            engine.run_process("pay", amount=6)
        text = repr(engine.audit_log)
        assert text.startswith("audit log, 25 events\n#   time")
        assert text.endswith("the newest 20 of 25")
        assert "C      acted    pay      amount  6      max 5" in text
        assert words(engine.audit_log._repr_html_())[-1] == "the newest 20 of 25"


def test_a_changed_contract_is_said(
    engine: TheusEngine[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Law: registering a name again with another contract says what is different; else silence."""
    with caplog.at_level(logging.WARNING, "TheusEngine"):
        engine.register_process("pay", pay)
        assert caplog.messages == []

        @process(inputs=[], outputs=["domain.balance", "domain.many"], errors=[KeyError, OSError])
        def again(ctx: Any) -> None: ...

        engine.register_process("pay", again)
    (said,) = caplog.messages
    assert said == (
        "process 'pay' has another contract now: inputs -domain.text;"
        " outputs +domain.many, -domain.heavy_model; errors +OSError"
    )


CELLS = """
from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process

@process(inputs=[], outputs=["domain.x"])
def step(ctx):
    ctx.domain.x = "first"

engine = TheusEngine(BaseSystemContext(None, BaseDomainContext()))
engine.register_process("step", step)
engine.run_process("step")

@process(inputs=[], outputs=["domain.x", "domain.y"])
def step(ctx):
    ctx.domain.x = "second"

engine.run_process("step")
print(engine.ctx.domain.x)
engine.register_process("other", step)
"""


def test_a_cell_that_is_run_again() -> None:
    """Law: at a prompt a process that is defined again replaces the one that was registered."""
    for how, last in (("-c", "second"), (None, "first")):
        source = textwrap.dedent(CELLS)
        command = [sys.executable, "-W", "error", *([how, source] if how else ["/dev/stdin"])]
        done = subprocess.run(
            command, input=None if how else source, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{last}\n"
        said = "process 'step' has another contract now: outputs +domain.y\n"
        assert done.stderr == (said if how else "")
