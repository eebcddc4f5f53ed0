"""engine.heavy_report(): what lies under heavy_ names, and whose memory it is."""

import gc
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, heavy


class Net:
    """Holds arrays, one of them in a slot and one under a name of its own zone."""

    __slots__ = ("_private", "meta_note", "weights")

    def __init__(self) -> None:
        self.weights = np.zeros((2, 3), np.float32)
        self._private = np.zeros(1)
        self.meta_note = np.zeros(1)


@dataclass
class Domain(BaseDomainContext):
    """Heavy things at every depth."""

    n: int = 0
    heavy_frame: Any = field(default_factory=lambda: heavy.zeros((4, 4), "uint8"))
    heavy_part: Any = None
    heavy_bank: Any = field(default_factory=dict)
    store: dict[Any, Any] = field(default_factory=dict)
    sig_x: Any = None


def test_report(strict_mode: bool) -> None:
    """Law: every value under a heavy name has a line, by its path; nothing else has one."""
    domain = Domain()
    domain.heavy_part = np.asarray(domain.heavy_frame)[1:3, ::2]
    domain.heavy_bank = {"net": Net(), "list": [bytearray(7), None], 3: threading.Lock()}
    domain.store = {
        "heavy_x": b"abc",
        "heavy_ b": 1,
        'he"llo': {"heavy_y": 2.5},
        "meta_m": np.ones(1),
    }
    domain.sig_x = {"heavy_z": 1}
    with TheusEngine(BaseSystemContext(None, domain), strict_mode=strict_mode) as engine:
        report = engine.heavy_report()
    lines = {entry.path: entry for entry in report}
    assert list(lines) == [
        "domain_ctx.heavy_frame",
        "domain_ctx.heavy_part",
        'domain_ctx.heavy_bank["net"].meta_note',
        'domain_ctx.heavy_bank["net"].weights',
        'domain_ctx.heavy_bank["list"][0]',
        'domain_ctx.heavy_bank["list"][1]',
        "domain_ctx.heavy_bank[3]",
        'domain_ctx.store["heavy_x"]',
        'domain_ctx.store["heavy_ b"]',
        'domain_ctx.store["he\\"llo"]["heavy_y"]',
    ]
    frame, part = lines["domain_ctx.heavy_frame"], lines["domain_ctx.heavy_part"]
    assert (frame.type, frame.shape, frame.nbytes) == ("theus.heavy.Memory uint8", (4, 4), 16)
    assert (part.type, part.shape, part.nbytes) == ("numpy.ndarray uint8", (2, 2), 4)
    assert frame.owner == part.owner == "theus.heavy.Memory"
    assert frame.exports == part.exports == 1
    weights = lines['domain_ctx.heavy_bank["net"].weights']
    assert (weights.shape, weights.nbytes, weights.owner) == ((2, 3), 24, "numpy.ndarray")
    assert weights.exports is None
    lock = lines["domain_ctx.heavy_bank[3]"]
    assert (lock.shape, lock.nbytes, lock.owner) == (None, None, lock.type)
    assert len(report) == len(report[:]) == 10
    del report, lines
    domain.heavy_part = None
    gc.collect()
    assert domain.heavy_frame.exports == 0


def test_it_prints() -> None:
    """Law: a table as text and as HTML, whose cells cannot be mistaken for markup."""
    domain = Domain(store={"heavy_<b>": 1})
    report = TheusEngine(BaseSystemContext(None, domain)).heavy_report()
    head, first, *_ = repr(report).splitlines()
    assert head.split() == ["path", "type", "shape", "nbytes", "owner", "exports"]
    assert first.split()[-1] == "0"
    html = report._repr_html_()
    assert html.count("<tr>") == 1 + len(report)
    assert "heavy_&lt;b&gt;" in html
    assert "<b>" not in html


class Rude:
    """Fails whatever is asked."""

    @property
    def shape(self) -> Any:
        """Fail."""
        raise RuntimeError("rude")

    nbytes = dtype = base = shape


@pytest.mark.parametrize("value", [Rude(), [Rude()], memoryview(b"abc")[::-1], type, Rude])
def test_strangers(value: Any) -> None:
    """Law: a value that fails when asked, a cycle, or a class breaks nothing."""
    around: list[Any] = [value]
    around.append(around)
    domain = Domain(heavy_bank=around)
    report = TheusEngine(BaseSystemContext(None, domain)).heavy_report()
    assert repr(report)
    released = memoryview(b"abc")
    released.release()
    domain = Domain(heavy_bank=released)
    assert TheusEngine(BaseSystemContext(None, domain)).heavy_report()[-1].nbytes is None
