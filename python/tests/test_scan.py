"""heavy.is_finite and heavy.extremes: arrays read by the kernel where they lie, against numpy."""

import array
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from theus import ContractDefinitionError, heavy

NUMBERS = [*"?bBhHiIqQefd", ">i2", ">u4", ">f2", ">f4", ">f8", ">i8"]


def judged(x: Any) -> tuple[bool, tuple[Any, Any] | None]:
    """What numpy finds."""
    if not x.size:
        return True, None
    if x.dtype.kind == "f" and np.isnan(x).any():
        return False, None
    return bool(np.isfinite(x).all()), (x.min().item(), x.max().item())


@given(st.data())
def test_as_numpy_finds(data: Any) -> None:
    """Law: whatever type, order, strides and values, the kernel finds what numpy finds."""
    dtype = np.dtype(data.draw(st.sampled_from(NUMBERS)))
    x = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)))
    if x.ndim:
        x = x[data.draw(hnp.basic_indices(x.shape, allow_newaxis=True, allow_ellipsis=True))]
        x = np.asarray(x).transpose(data.draw(st.permutations(range(np.ndim(x)))))
    finite, ends = judged(x)
    assert heavy.is_finite(x) is finite
    if not x.size:
        with pytest.raises(ValueError, match="empty"):
            heavy.extremes(x)
    elif ends is None:
        assert np.isnan(heavy.extremes(x)).all()
    else:
        assert heavy.extremes(x) == ends
        assert [type(end) for end in heavy.extremes(x)] == [
            int if dtype.kind == "b" else type(end) for end in ends
        ]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_large_arrays(dtype: str) -> None:
    """Law: parts and blocks make no difference; one element decides, wherever it is."""
    x = np.ones((1500, 1501), dtype)
    for view in (x, x.T, x[::-1, 1::2], x[:, ::-3]):
        assert heavy.is_finite(view)
        assert heavy.extremes(view) == (1, 1)
    x[-1, -1] = 0
    assert heavy.extremes(x) == (0, 1)
    if x.dtype.kind == "f":
        x[1499, 1500] = np.inf
        assert not heavy.is_finite(x)
        assert not heavy.is_finite(x.T)
        assert heavy.is_finite(x[:, :-1])


def test_any_exporter() -> None:
    """Law: any exporter of numbers is judged, kernel-owned memory and bytes included."""
    assert heavy.extremes(array.array("h", [3, -4])) == (-4, 3)
    assert heavy.extremes(b"\1\xff") == (1, 255)
    assert heavy.extremes(memoryview(bytearray(b"\1\2\3\4"))[::2]) == (1, 3)
    assert heavy.extremes(heavy.zeros((2, 3), "float16")) == (0, 0)
    assert heavy.extremes(np.array([-0.0, 0.0])) == (0, 0)
    assert heavy.extremes(np.array([5e-324, -5e-324])) == (-5e-324, 5e-324)
    assert heavy.extremes(np.broadcast_to(np.float32(3), (1 << 20, 1 << 20))) == (3, 3)
    assert heavy.extremes(np.array([2**64 - 1, 2**63], np.uint64)) == (2**63, 2**64 - 1)


@pytest.mark.parametrize(
    "wrong",
    [
        np.array(["2020"], "M8[D]"), np.array(["a"]), np.zeros(1, "c8"), np.zeros(1, "g"),
        np.zeros(1, "i4,f4"), np.array([object()]), "text", 7, [1.0], None,
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_array_of_numbers(wrong: Any) -> None:
    """Law: what cannot be judged is an error, never an answer."""
    for judge in (heavy.is_finite, heavy.extremes):
        with pytest.raises((TypeError, ValueError, ContractDefinitionError)):
            judge(wrong)


def test_other_threads_run_meanwhile() -> None:
    """Law: the lock of Python is let go of while a large array is read."""
    x = np.zeros(1 << 26, np.float32)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.perf_counter()
    for _ in range(5):
        heavy.extremes(x)
    end = time.perf_counter()
    done.set()
    thread.join()
    assert sum(start < at < end for at in ticks) > 20
    memory = bytearray(1 << 20)
    assert heavy.extremes(memory) == (0, 0)
    memory.append(1)  # no export is left
