"""Values under a heavy_ name: the object itself for a writer, the same memory for a reader."""

import array
import ctypes
import functools
import gc
import io
import mmap
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import theus
from theus import (
    BaseDomainContext,
    BaseSystemContext,
    ContractViolationError,
    TheusEngine,
    UnsupportedValueError,
    process,
)

INPUT = ["domain.heavy_x"]


class Declared(Exception):
    """The error that contracts of these tests name."""


class World:
    """A context with the given domain fields, and one way to run code in it as a process."""

    def __init__(self, **fields: Any) -> None:
        self.domain = BaseDomainContext()
        vars(self.domain).update(fields)
        self.engine = TheusEngine(BaseSystemContext(None, self.domain), strict_mode=True)

    def run(
        self,
        body: Callable[[Any], Any],
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = ("domain",),
        errors: Sequence[type[Exception]] = (Declared,),
    ) -> Any:
        """Run body once as a process with this contract."""
        contract = process(inputs=list(inputs), outputs=list(outputs), errors=list(errors))
        self.engine.register_process("body", contract(body))
        return self.engine.run_process("body")


class Net:
    """An object that holds arrays, in itself and in a list."""

    def __init__(self) -> None:
        self.weights = np.zeros(3)
        self.layers = [np.zeros(2), np.zeros(2)]

    def step(self) -> float:
        """Read through self."""
        return float(self.weights.sum() + self.layers[0].sum())

    def learn(self) -> None:
        """Write through self."""
        self.weights += 1


def address(value: Any) -> int:
    """Where the memory of an exporter lies."""
    return int(np.asarray(value).__array_interface__["data"][0])


def given(value: Any) -> Any:
    """What a process gets for a value that is only its input."""
    world = World(heavy_x=value)
    return world.run(lambda ctx: ctx.domain.heavy_x, inputs=INPUT, outputs=[])


# ---- outputs -------------------------------------------------------------------------------------


def in_place(ctx: Any) -> None:
    """Every way to change an array where it lies."""
    x = ctx.domain.heavy_x
    x[0] = 1
    ctx.domain.heavy_x += 1
    ctx.domain.heavy_x *= 2
    ctx.domain.heavy_x[...] = ctx.domain.heavy_x - 1
    ctx.domain.heavy_x @= np.eye(3)
    np.add(x, 1, out=x)
    x.sort()


@pytest.mark.parametrize("fails", [False, True])
def test_in_place_writes_reach_the_memory_and_stay(fails: bool) -> None:
    """Law: an output is the object itself, and what is written into it stays after a failure."""
    x = np.zeros(3)
    world = World(heavy_x=x, n=0)

    def body(ctx: Any) -> None:
        assert ctx.domain.heavy_x is x
        in_place(ctx)
        ctx.domain.n = 1
        if fails:
            raise Declared

    if fails:
        with pytest.raises(Declared):
            world.run(body)
    else:
        world.run(body)
    assert world.domain.heavy_x is x
    assert x.tolist() == [2, 2, 4]
    assert world.domain.n == (0 if fails else 1)


def test_a_new_array_is_kept_after_a_failure() -> None:
    """Law: assigning and changing in place follow one rule (M11), at every depth."""
    world = World(
        heavy_x=np.zeros(1),
        heavy_bank={"a": np.zeros(1)},
        heavy_list=[np.zeros(1)],
        heavy_net=Net(),
    )
    new = [np.ones(1) for _ in range(5)]

    def body(ctx: Any) -> None:
        ctx.domain.heavy_x = new[0]
        ctx.domain.heavy_bank["a"] = new[1]
        ctx.domain.heavy_bank["b"] = new[2]
        ctx.domain.heavy_list[0] = new[3]
        ctx.domain.heavy_net.weights = new[4]
        raise Declared

    with pytest.raises(Declared):
        world.run(body)
    domain = world.domain
    assert domain.heavy_x is new[0]
    assert domain.heavy_bank == {"a": new[1], "b": new[2]}
    assert domain.heavy_list[0] is new[3]
    assert domain.heavy_net.weights is new[4]


def key(*steps: Any) -> tuple[Callable[[Any], Any], Callable[[Any, Any], None]]:
    """Reads and writes what lies some steps below the domain: a name is a field, else an item."""

    def get(domain: Any) -> Any:
        for step in steps[:-1]:
            domain = getattr(domain, step[1:]) if str(step).startswith(".") else domain[step]
        return domain

    def read(domain: Any) -> Any:
        last, above = steps[-1], get(domain)
        return getattr(above, last[1:]) if str(last).startswith(".") else above[last]

    def put(domain: Any, value: Any) -> None:
        last, above = steps[-1], get(domain)
        if str(last).startswith("."):
            setattr(above, last[1:], value)
        else:
            above[last] = value

    return read, put


PLACES: list[tuple[str, Callable[[Any], Any], Callable[[Any, Any], None]]] = [
    ("domain.heavy_x.a", *key(".heavy_x", "a")),
    ("domain.heavy_x[0]", *key(".heavy_x", 0)),
    ("domain.heavy_x.weights", *key(".heavy_x", ".weights")),
    ("domain.net.heavy_x", *key(".net", ".heavy_x")),
    ("domain.net.heavy_x.a[1]", *key(".net", ".heavy_x", "a", 1)),
    ('domain.table["heavy_x"]', *key(".table", "heavy_x")),
]


@dataclass
class Outer:
    """An object with a heavy field."""

    heavy_x: Any


def place_world(path: str, x: Any) -> World:
    """A world that has an array at one of the places."""
    if path.startswith("domain.net"):
        return World(net=Outer({"a": [0, x]} if path.endswith("[1]") else x))
    if path.startswith("domain.table"):
        return World(table={"heavy_x": x})
    net = Net()
    net.weights = x
    inside = {"domain.heavy_x.a": {"a": x}, "domain.heavy_x[0]": [x]}
    return World(heavy_x=inside.get(path, net))


@pytest.mark.parametrize(("path", "get", "put"), PLACES, ids=[place[0] for place in PLACES])
def test_the_zone_is_inherited_below_the_prefix(path: str, get: Any, put: Any) -> None:
    """Law (M10): below a heavy name an output is the object itself and an input is read-only."""
    x, new = np.zeros(2), np.ones(2)
    world = place_world(path, x)

    def write(ctx: Any) -> None:
        assert get(ctx.domain) is x
        get(ctx.domain)[0] = 7
        put(ctx.domain, new)
        assert get(ctx.domain) is new
        raise Declared

    def read(ctx: Any) -> None:
        seen = get(ctx.domain)
        assert np.shares_memory(seen, new)
        assert not seen.flags.writeable
        with pytest.raises(ContractViolationError):
            put(ctx.domain, x)
        seen[0] = 9

    with pytest.raises(Declared):
        world.run(write, outputs=[path])
    assert x.tolist() == [7, 0]
    assert get(world.domain) is new
    with pytest.raises(ContractViolationError, match="read-only") as caught:
        world.run(read, inputs=[path], outputs=[])
    told = path.replace("domain", "domain_ctx").replace(".a", '["a"]')
    assert told in str(caught.value)
    assert new.tolist() == [1, 1]


def test_methods_of_a_heavy_object() -> None:
    """Law: a method of an input sees read-only memory; of an output it has the object itself."""
    net = Net()
    world = World(heavy_x=net)
    assert world.run(lambda ctx: ctx.domain.heavy_x.step(), inputs=INPUT, outputs=[]) == 0.0
    with pytest.raises(ContractViolationError):
        world.run(lambda ctx: ctx.domain.heavy_x.learn(), inputs=INPUT, outputs=[])
    assert net.weights.sum() == 0.0
    world.run(lambda ctx: ctx.domain.heavy_x.learn(), outputs=INPUT)
    assert net.weights.sum() == 3.0


def test_elements_of_tuples_are_read_only_too() -> None:
    """Law: a tuple is no way around the guard."""
    world = World(heavy_x=(np.zeros(1), {"a": np.zeros(1)}, "name"))

    def body(ctx: Any) -> None:
        first, table, name = ctx.domain.heavy_x
        assert name == "name"
        assert not first.flags.writeable
        assert not table["a"].flags.writeable

    world.run(body, inputs=INPUT, outputs=[])


# ---- inputs: a write names the path --------------------------------------------------------------


def test_an_undeclared_write_error_names_the_path() -> None:
    """Law: the text of the refusal has the path of the memory and the cure."""
    world = World(heavy_x=np.zeros(1), heavy_y=np.zeros(1))

    def body(ctx: Any) -> None:
        ctx.domain.heavy_y.sum()
        ctx.domain.heavy_x[0] = 1

    with pytest.raises(ContractViolationError) as caught:
        world.run(body, inputs=[*INPUT, "domain.heavy_y"], outputs=[])
    text = str(caught.value)
    assert "Caught ValueError: assignment destination is read-only" in text
    assert "domain_ctx.heavy_x, domain_ctx.heavy_y" in text
    assert "add it to its outputs" in text
    assert "domain_ctx.heavy_x" in "".join(traceback.format_exception(caught.value.__cause__))


def test_a_declared_write_error_stays_what_it_is() -> None:
    """Law: an error the contract names propagates unchanged but for a note."""
    world = World(heavy_x=bytearray(1))

    def body(ctx: Any) -> None:
        ctx.domain.heavy_x[0] = 1

    with pytest.raises(TypeError) as caught:
        world.run(body, inputs=INPUT, outputs=[], errors=[TypeError])
    (note,) = caught.value.__notes__
    assert "domain_ctx.heavy_x" in note


def test_an_error_about_something_else_has_no_note() -> None:
    """Law: nothing is claimed about errors that do not speak of read-only memory."""
    world = World(heavy_x=np.zeros(1))

    def body(ctx: Any) -> None:
        ctx.domain.heavy_x.reshape(7)

    with pytest.raises(ValueError, match="cannot reshape") as caught:
        world.run(body, inputs=INPUT, outputs=[], errors=[ValueError])
    assert not hasattr(caught.value, "__notes__")


def test_many_lent_places_are_bounded() -> None:
    """Law: a run that reads a million arrays remembers a few."""
    world = World(heavy_x=[np.zeros(1) for _ in range(100)])

    def body(ctx: Any) -> None:
        for x in ctx.domain.heavy_x:
            x.sum()
        x[0] = 1

    with pytest.raises(ContractViolationError, match=r"heavy_x\[99\].* and others"):
        world.run(body, inputs=INPUT, outputs=[])


def test_nobody_gets_writable_memory_out_of_it() -> None:
    """Law: whoever asks the view, or what the view says it looks at, for writable memory fails."""
    value = bytearray(b"abc")
    view = given(value)
    for source in (view, view.obj):
        with pytest.raises((BufferError, TypeError)):
            (ctypes.c_char * 3).from_buffer(source)
        with pytest.raises((BufferError, TypeError)):
            io.BytesIO(b"xyz").readinto(source)
        assert memoryview(source).readonly
    assert value == b"abc"


# ---- exporters -----------------------------------------------------------------------------------


class Point(ctypes.Structure):
    """A structure of C."""

    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_float))


BUFFERS = {
    "bytearray": lambda: bytearray(b"abcd"),
    "array": lambda: array.array("d", [1, 2]),
    "mmap": lambda: mmap.mmap(-1, 64),
    "memoryview": lambda: memoryview(bytearray(8)).cast("i"),
    "memoryview of a part": lambda: memoryview(bytearray(8))[1:7:2],
    "memoryview read-only": lambda: memoryview(b"abc"),
    "ctypes": ctypes.c_int * 4,
    "ctypes structure": Point,
}


@pytest.mark.parametrize("make", BUFFERS.values(), ids=BUFFERS)
def test_buffers(make: Callable[[], Any]) -> None:
    """Law: an exporter becomes a read-only memoryview of its memory; an output stays itself."""
    value = make()
    seen = given(value)
    assert isinstance(seen, memoryview)
    assert seen.readonly
    plain = memoryview(value)
    assert (seen.format, seen.shape, seen.strides, seen.nbytes) == (
        plain.format, plain.shape, plain.strides, plain.nbytes,
    )  # fmt: skip
    assert address(seen) == address(plain)
    assert seen.obj is not value
    plain.release()
    del seen
    assert World(heavy_x=value).run(lambda ctx: ctx.domain.heavy_x is value)


def test_bytes_are_bytes() -> None:
    """Law: what cannot change is handed out as it is."""
    for value in (b"abc", "text", 7, (1, 2), None, np.float32(1)):
        assert given(value) is value


ARRAYS = {
    **{name: np.zeros(4, name) for name in ("?", "b", "u1", "h", "u2", "i", "u4", "q", "u8")},
    **{name: np.ones(4, name) for name in ("e", "f", "d", "g", "F", "D", "G")},
    "big-endian": np.arange(4, dtype=">f8"),
    "datetime64": np.array(["2020-01-01", "2021-02-03"], "M8[s]"),
    "timedelta64": np.arange(4).astype("m8[ms]"),
    "datetime64, strided": np.arange(12).astype("M8[us]").reshape(3, 4)[::2, ::-1],
    "text": np.array(["a", "bcd"]),
    "raw text": np.array([b"a", b"bcd"]),
    "void": np.zeros(3, "V5"),
    "objects": np.array([object(), [1]], object),
    "references without a buffer": np.array(["a"], np.dtypes.StringDType()),
    "structured": np.zeros(2, [("a", "i4"), ("b", "f8", (2,))]),
    "structured, odd offsets": np.zeros(
        2, np.dtype({"names": ["a"], "formats": ["i4"], "offsets": [4], "itemsize": 16})
    ),
    "structured with a date": np.zeros(2, [("a", "i4"), ("b", "M8[s]")]),
    "0-d": np.array(5.0),
    "0-d date": np.array("2020-01-01", "M8[D]"),
    "empty": np.zeros((0, 3)),
    "empty date": np.zeros((3, 0), "M8[s]"),
    "size 0 elements": np.zeros(3, "V0"),
    "Fortran order": np.zeros((3, 4), order="F"),
    "transposed": np.zeros((3, 4, 5)).transpose(2, 0, 1),
    "negative strides": np.arange(10.0)[::-2],
    "broadcast": np.broadcast_to(np.arange(3.0), (4, 3)),
    "unaligned": np.zeros(9, "u1")[1:].view("f8"),
    "64 dimensions": np.zeros((1,) * 64),
    "recarray": np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
}


@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_arrays(x: Any) -> None:
    """Law: an array is the same array for a reader: type, order, strides, address; not writable."""
    seen = given(x)
    assert type(seen) is type(x)
    assert seen.dtype == x.dtype
    assert seen.dtype.type is x.dtype.type
    assert (seen.shape, seen.nbytes) == (x.shape, x.nbytes)
    assert not seen.flags.writeable
    if x.size:
        assert seen.strides == x.strides
        assert seen.__array_interface__["data"][0] == x.__array_interface__["data"][0]
    np.testing.assert_array_equal(seen, x)
    if x.size and x.dtype.itemsize:
        with pytest.raises(ValueError, match="read-only"):
            seen[...] = x
    if x.dtype != np.dtypes.StringDType():
        with pytest.raises(ValueError, match="WRITEABLE"):
            seen.flags.writeable = True
        base = seen
        while isinstance(base, np.ndarray):
            assert not base.flags.writeable
            base = base.base
        assert memoryview(base).readonly


def test_a_masked_array_keeps_its_mask() -> None:
    """Law: a subclass stays what it is, and its mask is read-only memory too."""
    x = np.ma.MaskedArray([1.0, 2.0, 3.0], mask=[False, True, False], fill_value=-1)
    seen = given(x)
    assert type(seen) is np.ma.MaskedArray
    assert (seen.sum(), seen.fill_value) == (4.0, -1.0)
    for value in (9.0, np.ma.masked):
        with pytest.raises(ValueError, match="read-only"):
            seen[0] = value
    assert x.mask.tolist() == [False, True, False]
    assert x.compressed().tolist() == [1.0, 3.0]
    assert not given(np.ma.MaskedArray([1.0])).flags.writeable


class Metres(np.ndarray):
    """A subclass with an attribute."""

    unit = "none"

    def __array_finalize__(self, obj: Any) -> None:
        self.unit = getattr(obj, "unit", "none")


def test_a_subclass_keeps_its_attributes(tmp_path: Any) -> None:
    """Law: a subclass is told what it is made from; a memmap does not hand its mapping on."""
    x = np.zeros(2).view(Metres)
    x.unit = "m"
    seen = given(x)
    assert type(seen) is Metres
    assert (seen.unit, seen.flags.writeable) == ("m", False)
    mapped = np.memmap(tmp_path / "x", dtype="f4", mode="w+", shape=(4,))
    seen = given(mapped)
    assert type(seen) is np.memmap
    assert not seen.flags.writeable
    assert seen._mmap is None
    assert address(seen) == address(mapped)


def test_pyarrow() -> None:
    """Law: buffers of pyarrow are memory; its arrays are immutable and come as they are."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    for buffer in (pa.py_buffer(b"abcd"), pa.allocate_buffer(16), pa.array([1, 2]).buffers()[1]):
        seen = given(buffer)
        assert isinstance(seen, memoryview)
        assert seen.readonly
        assert address(seen) == buffer.address
    writable = pa.allocate_buffer(16)
    world = World(heavy_x=writable)

    def write(ctx: Any) -> None:
        np.frombuffer(ctx.domain.heavy_x, np.uint8)[:] = 7

    world.run(write)
    assert writable.to_pybytes() == b"\7" * 16
    column = pa.array([1, 2, 3])
    assert given(column) is column
    table = pa.table({"a": column})
    assert given(table) is table


def test_torch() -> None:
    """Law: a tensor is the tensor for who may write; a reader gets the same memory, read-only."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = torch.zeros(2, 3)
    seen = given(x)
    assert seen.__array_interface__["data"][0] == x.data_ptr()
    assert not seen.flags.writeable
    assert not given(torch.zeros(2, requires_grad=True)).flags.writeable

    def write(ctx: Any) -> bool:
        ctx.domain.heavy_x += 1
        return ctx.domain.heavy_x is x

    assert World(heavy_x=x).run(write)
    assert int(x.sum()) == 6


class Tensor(functools.partial):  # a class made in C below, without a buffer, as torch's is
    """Speaks DLPack and nothing else, as tensors do; with or without versions, as they do."""

    def __new__(cls, x: Any, old: bool = False, device: int = 1) -> Any:
        """Keep the array beside what a partial needs."""
        made = super().__new__(cls, print)
        made.x, made.old, made.device = x, old, device
        return made

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0

    def __dlpack__(self, **options: Any) -> Any:
        if self.old and options:
            raise TypeError("no such option")
        return self.x.__dlpack__(**options)


TENSORS = [np.dtype(c) for c in "?bBhHiIqQefdFD"]


@pytest.mark.parametrize("old", [False, True], ids=["versioned", "old"])
@pytest.mark.parametrize("dtype", TENSORS, ids=str)
def test_dlpack(dtype: Any, old: bool) -> None:
    """Law: the memory of a tensor is seen where it lies, with its type, shape and strides."""
    for x in (np.ones((3, 4), dtype), np.ones((3, 4), dtype)[::2, ::-1], np.ones((), dtype),
              np.ones((0, 3), dtype)):  # fmt: skip
        seen = given(Tensor(x, old))
        assert (seen.dtype, seen.shape, seen.flags.writeable) == (dtype, x.shape, False)
        if x.size:
            assert address(seen) == address(x)
            assert seen.strides == x.strides
            assert np.array_equal(seen, x)


def test_a_tensor_is_let_go() -> None:
    """Law: the deleter of a tensor runs once, when the last view of its memory dies."""
    x = np.zeros(4)
    seen = given(Tensor(x))
    part = seen[1:3]
    del seen
    gc.collect()
    with pytest.raises(ValueError, match="referenc"):
        x.resize(8)
    del part
    gc.collect()
    x.resize(8)


def test_a_tensor_of_another_device_comes_by_reference() -> None:
    """Law: memory no CPU can read is passed on as the object it belongs to."""
    tensor = Tensor(np.zeros(1), device=2)
    assert given(tensor) is tensor


def test_anything_else_comes_by_reference() -> None:
    """Law: what exports no memory is handed out as it is."""
    for value in (iter(()), functools.partial(print), open):
        assert given(value) is value


# ---- bad memory ----------------------------------------------------------------------------------


def released() -> memoryview:
    """A memoryview that was released."""
    view = memoryview(bytearray(4))
    view.release()
    return view


def closed() -> mmap.mmap:
    """A mapping that was closed."""
    mapping = mmap.mmap(-1, 64)
    mapping.close()
    return mapping


class Broken(functools.partial):
    """A tensor whose export fails."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __dlpack__(self, **options: Any) -> Any:
        raise RuntimeError("out of tensors")


@pytest.mark.parametrize("make", [released, closed, lambda: Broken(print)])
def test_memory_that_cannot_be_read(make: Callable[[], Any]) -> None:
    """Law: one error, with the path and what the memory said; the state stands."""
    value = make()
    world = World(heavy_x={"a": value}, n=0)

    def read(ctx: Any) -> None:
        ctx.domain.n = 1
        ctx.domain.heavy_x["a"]

    def write(ctx: Any) -> None:
        assert ctx.domain.heavy_x["a"] is value
        ctx.domain.heavy_x["a"] = value
        ctx.domain.heavy_x = {"a": bytearray(1)}

    with pytest.raises(UnsupportedValueError) as caught:
        world.run(read, inputs=INPUT, outputs=["domain.n"])
    assert "domain_ctx.heavy_x.a" in str(caught.value) or '["a"]' in str(caught.value)
    assert caught.value.path.startswith("domain_ctx.heavy_x")
    assert caught.value.__cause__ is not None
    assert world.domain.n == 0
    assert world.domain.heavy_x["a"] is value
    world.run(write)
    world.run(read, inputs=INPUT, outputs=["domain.n"])


def test_a_resized_bytearray() -> None:
    """Law: while a process sees memory it cannot move; afterwards it can."""
    value = bytearray(8)
    world = World(heavy_x=value)

    def body(ctx: Any) -> int:
        seen = ctx.domain.heavy_x
        with pytest.raises(BufferError):
            value.append(1)
        return int(seen.nbytes)

    assert world.run(body, inputs=INPUT, outputs=[]) == 8
    gc.collect()
    value.append(1)
    assert world.run(lambda ctx: ctx.domain.heavy_x.nbytes, inputs=INPUT, outputs=[]) == 9


# ---- what the kernel must not do -----------------------------------------------------------------


class Jealous(functools.partial):
    """Refuses to be copied, hashed, compared, pickled or printed."""

    def _no(self, *_: Any) -> Any:
        raise AssertionError("the kernel looked inside")

    __eq__ = __hash__ = __repr__ = __str__ = __reduce_ex__ = __copy__ = __deepcopy__ = __bool__ = (
        _no
    )


def test_the_kernel_never_looks_inside() -> None:
    """Law: heavy values are not copied, hashed, compared, pickled or logged, listeners or not."""
    value = Jealous(print)
    world = World(heavy_x=None, heavy_bank={}, n=0)
    commits: list[Any] = []
    world.engine.on_commit(commits.append)

    def body(ctx: Any) -> None:
        ctx.domain.heavy_x = value
        ctx.domain.heavy_bank["a"] = value
        ctx.domain.n += 1

    world.run(body)
    world.run(body)
    world.run(lambda ctx: ctx.domain.heavy_x is value, inputs=INPUT, outputs=[])
    assert world.domain.heavy_x is value
    assert len(commits) == 2


def test_nothing_is_copied_whatever_the_size() -> None:
    """Law: 0 bytes: a thousand processes over an array see one address and allocate nothing big."""
    x = np.zeros(1 << 24)
    world = World(heavy_x=x)
    seen = set()

    def write(ctx: Any) -> None:
        seen.add(address(ctx.domain.heavy_x))
        ctx.domain.heavy_x[0] += 1

    def read(ctx: Any) -> None:
        seen.add(address(ctx.domain.heavy_x))

    for _ in range(10):
        world.run(write)
        world.run(read, inputs=INPUT, outputs=[])
    assert {address(x)} == seen
    assert x[0] == 10.0


def test_a_dataclass_field_of_arrays_is_walked() -> None:
    """Law: a container under a heavy name is guarded as under DATA, its arrays are read-only."""

    @dataclass
    class Store:
        frames: list[Any] = field(default_factory=lambda: [np.zeros(2)])

    world = World(heavy_x=Store())

    def body(ctx: Any) -> None:
        store = ctx.domain.heavy_x
        assert not store.frames[0].flags.writeable
        assert not theus.plain(store.frames[0]).flags.writeable
        with pytest.raises(ContractViolationError):
            store.frames.append(1)

    world.run(body, inputs=INPUT, outputs=[])
