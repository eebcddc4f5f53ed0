"""theus.heavy: memory that the kernel owns, and how processes share it."""

import copy
import ctypes
import gc
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import World

from theus import _kernel, heavy

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
          "float16", "float32", "float64", "complex64", "complex128"]  # fmt: skip
SHAPES: list[Any] = [(), 0, 5, (3, 4), (0, 3), (3, 0), (2, 3, 4), (1,) * 64]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Law: a test leaves no mapping of shared memory and no descriptor behind."""
    gc.collect()
    before = mappings(), descriptors()
    yield
    gc.collect()
    assert (mappings(), descriptors()) == before


def mappings(pid: int | str = "self") -> int:
    """How many shared segments a process has mapped."""
    return Path(f"/proc/{pid}/maps").read_text().count("memfd:theus-heavy")


def descriptors() -> int:
    """How many descriptors of ours this process holds."""
    links = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(path))
        except OSError:
            continue
    return sum("theus-heavy" in link for link in links)


def pages(memory: heavy.Memory) -> int:
    """Where memory lies."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


# ---- as an exporter -----------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True], ids=["private", "shared"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_makes_no_copy(dtype: str, shape: Any, shared: bool) -> None:
    """Law: an array over it has its type, shape and pages, is writable, aligned and zero."""
    memory = heavy.zeros(shape, dtype, shared=shared)
    for x in (np.asarray(memory), np.from_dlpack(memory)):
        assert x.dtype == np.dtype(dtype)
        assert x.shape == np.zeros(shape).shape == memory.shape
        assert x.flags.writeable
        assert not x.any()
        assert x.nbytes == memory.nbytes
        if x.nbytes:
            where = x.__array_interface__["data"][0]
            assert where % os.sysconf("SC_PAGESIZE") == where % 64 == 0
    other = np.asarray(memory)
    other[...] = 1
    assert np.from_dlpack(memory).all()
    assert memory.dtype == dtype
    assert memory.shared is shared


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (np.float32, "float32"), (np.dtype("f4"), "float32"), ("<f4", "float32"), ("f4", "float32"),
        (float, "float64"), (int, "int64"), (bool, "bool"), (complex, "complex128"),
        (np.bool_, "bool"), ("|u1", "uint8"), ("=i8", "int64"), ("?", "bool"), ("|b1", "bool"),
        (np.zeros(1, "c8").dtype, "complex64"),
    ],
)  # fmt: skip
def test_spellings_of_a_dtype(given: Any, dtype: str) -> None:
    """Law: what numpy calls an element type is understood, numpy or not."""
    assert heavy.empty(1, given).dtype == dtype


@pytest.mark.parametrize(
    "given", ["M8[s]", "O", "S3", "U1", ">f4", "float31", "", np.dtype("i4,f8"), object, "f", "i3"]
)
def test_no_such_elements(given: Any) -> None:
    """Law: a type that cannot be is refused, with those that can."""
    with pytest.raises(ValueError, match="float16, float32"):
        heavy.empty(1, given)


def test_wrong_shapes() -> None:
    """Law: a shape that cannot be is an error of its own kind, and nothing is allocated."""
    for shared in (False, True):
        for shape in (-1, (2, -3)):
            with pytest.raises(ValueError, match="negative"):
                heavy.zeros(shape, shared=shared)
        for large in (1 << 62, (1 << 40, 1 << 40)):
            with pytest.raises((MemoryError, OverflowError)):
                heavy.zeros(large, shared=shared)
        with pytest.raises(ValueError, match="at most 64"):
            heavy.zeros((1,) * 65, shared=shared)
    for wrong in (1.5, "ab", (1.5,)):
        with pytest.raises(TypeError):
            heavy.zeros(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a dtype is a name"):
        heavy.zeros(1, 7)


def test_every_kind_of_buffer() -> None:
    """Law: simple, shaped and strided requests are answered; the order of Fortran is not."""
    memory = heavy.zeros((2, 3), "int32")
    memoryview(memory)[1, 2] = 258
    assert bytes(memory) == bytes(20) + b"\2\1\0\0"
    assert memoryview(memory).strides == (12, 4)
    assert memoryview(memory).cast("B").nbytes == 24
    with open(os.devnull, "wb") as file:
        assert file.write(memory) == 24
    assert memory.exports == 0


def test_it_is_freed_with_its_last_view() -> None:
    """Law: the pages stay while anything looks at them, and go right after."""
    memory = heavy.zeros(1 << 20, "uint8", shared=True)
    part = np.asarray(memory)[10:20]
    del memory
    gc.collect()
    assert mappings() == 1
    part[:] = 3
    again = np.from_dlpack(part.base.obj if hasattr(part.base, "obj") else part)
    del part
    gc.collect()
    assert again.sum() >= 30
    del again
    gc.collect()
    assert mappings() == 0


@pytest.mark.parametrize("view", [memoryview, np.asarray, np.from_dlpack, lambda m: m.__dlpack__()])
@pytest.mark.parametrize(
    "change", [lambda m: m.free(), lambda m: m.resize(7)], ids=["free", "resize"]
)
def test_no_change_while_exported(view: Callable[[Any], Any], change: Callable[[Any], Any]) -> None:
    """Law: resize and free raise while a view lives, and work once it is gone."""
    memory = heavy.zeros(4)
    seen = view(memory)
    assert memory.exports == 1
    with pytest.raises(BufferError, match="1 live view"):
        change(memory)
    del seen
    gc.collect()
    assert memory.exports == 0
    change(memory)


def test_freed_memory_says_so() -> None:
    """Law: what was freed exports nothing, and freeing it again does nothing."""
    memory = heavy.zeros(4, shared=True)
    memory.free()
    memory.free()
    assert (memory.nbytes, memory.freed, memory.shared) == (0, True, False)
    for use in (memoryview, np.from_dlpack, lambda m: m.resize(3)):
        with pytest.raises(ValueError, match="was freed"):
            use(memory)
    assert "freed" in repr(memory)


@pytest.mark.parametrize("sizes", [(10, 5, 10), (5000, 1, 6000, 4096, 9000), (0, 3, 0, 3)])
def test_resize_keeps_what_fits(sizes: tuple[int, ...]) -> None:
    """Law: a resize keeps the bytes that fit, and what is new is zero."""
    memory, twin = heavy.zeros(sizes[0], "uint8"), bytearray(sizes[0])
    for size in sizes:
        memory.resize(size)
        twin = twin[:size] + bytearray(max(0, size - len(twin)))
        assert bytes(memory) == twin
        np.asarray(memory)[:] = 7
        twin = bytearray(b"\7" * size)
        gc.collect()
    memory.resize((2, 3))
    assert memory.shape == (2, 3)


def test_dlpack_says_what_it_cannot() -> None:
    """Law: another device, a stream or a copy are refused, with the reason."""
    memory = heavy.zeros(4)
    assert memory.__dlpack_device__() == (1, 0)
    for options in ({"stream": 1}, {"dl_device": (2, 0)}, {"copy": True}):
        with pytest.raises(BufferError):
            memory.__dlpack__(**options)  # type: ignore[arg-type]
    for options in ({"dl_device": (1, 0)}, {"copy": False}, {"max_version": (9, 9)}, {}):
        memory.__dlpack__(**options)  # type: ignore[arg-type]
    assert memory.exports == 0


def test_a_tensor_may_die_in_another_thread() -> None:
    """Law: the deleter of a tensor takes the lock it needs."""
    memory = heavy.zeros(4)
    tensors = [np.from_dlpack(memory) for _ in range(100)]
    threads = [threading.Thread(target=tensors.clear) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert memory.exports == 0


def test_copies() -> None:
    """Law: deepcopy is the user's word and copies bytes; private memory has no handle to pickle."""
    memory = heavy.zeros((2, 2), "int16")
    np.asarray(memory)[0, 1] = 5
    copied = copy.deepcopy([memory, memory])
    assert copied[0] is copied[1]
    assert np.asarray(copied[0]).tolist() == [[0, 5], [0, 0]]
    np.asarray(copied[0])[:] = 1
    assert np.asarray(memory).sum() == 5
    with pytest.raises(TypeError, match="shared=True"):
        pickle.dumps(memory)


# ---- across processes ---------------------------------------------------------------------------

SPAWN = multiprocessing.get_context("spawn")


def child_add(memory: heavy.Memory, by: int) -> None:
    """Write into the memory of the parent; free one's own mapping."""
    np.asarray(memory)[:] += by
    gc.collect()
    memory.free()


def child_attach(name: str, pipe: Connection) -> None:
    """Write into named memory."""
    memory = heavy.attach(name)
    np.asarray(memory)[0] = 42
    pipe.send(memory.shape)


def child_share(name: str, pipe: Connection) -> None:
    """Share memory until killed."""
    memory = heavy.share(name, heavy.zeros(1 << 20, "uint8", shared=True))
    np.asarray(memory)[:] = 7
    pipe.send(memory)
    pipe.recv()


def run(target: Callable[..., None], *args: Any) -> int | None:
    """Run a function in a process that inherits nothing."""
    process = SPAWN.Process(target=target, args=args)
    process.start()
    process.join()
    return process.exitcode


def test_a_pickle_is_a_handle() -> None:
    """Law: pickling shared memory sends where it is; a spawned child maps the same pages."""
    memory = heavy.zeros(1 << 24, "int32", shared=True)
    assert len(pickle.dumps(memory)) < 300
    assert run(child_add, memory, 5) == 0
    assert np.asarray(memory)[[0, -1]].tolist() == [5, 5]
    assert mappings() == 1


def test_a_worker_fills_what_the_state_holds() -> None:
    """Law (M13): a process hands heavy memory of the state to a worker, who fills these pages."""
    world = World(heavy_frames=heavy.zeros(1 << 16, "int32", shared=True), done=0)

    def fill(ctx: Any) -> None:
        assert run(child_add, ctx.domain.heavy_frames, 5) == 0
        ctx.domain.done = int(np.asarray(ctx.domain.heavy_frames).sum())

    world.run(fill)
    assert world.domain.done == 5 * (1 << 16)
    assert np.asarray(world.domain.heavy_frames)[-1] == 5


def test_a_pickle_within_one_process() -> None:
    """Law: the same pages, mapped twice; one mapping cannot free the other's."""
    memory = heavy.zeros(4, "int64", shared=True)
    twin = pickle.loads(pickle.dumps(memory))
    np.asarray(twin)[1] = 6
    twin.free()
    assert np.asarray(memory).tolist() == [0, 6, 0, 0]


def test_a_handle_whose_memory_is_gone() -> None:
    """Law: a handle that came too late, or whose descriptor is another's now, says so."""
    memory = heavy.zeros(4, shared=True)
    late = pickle.dumps(memory)
    fd = memory._fd
    memory.free()
    with pytest.raises(FileNotFoundError, match="has let it go"):
        pickle.loads(late)
    with open(os.devnull, "rb") as other:
        if other.fileno() == fd:
            with pytest.raises(FileNotFoundError, match="has let it go"):
                pickle.loads(late)
    another = heavy.zeros(4, shared=True)
    assert another._fd == fd
    with pytest.raises(FileNotFoundError, match="has let it go"):
        pickle.loads(late)


NAMES = [
    "frames",
    "a/b/../c",
    "\0",
    "ünï cödé \N{PILE OF POO}",
    "x" * 10_000,
    " ",
    "\udc80",
    "..",
    "%s",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name(name: str) -> None:
    """Law (M18): any text is a name, and each is another one."""
    memory = heavy.share(name, heavy.zeros(3, "int8", shared=True))
    twin = heavy.attach(name)
    np.asarray(twin)[2] = 9
    assert np.asarray(memory).tolist() == [0, 0, 9]
    assert memory.names == (name,)
    with pytest.raises(FileNotFoundError):
        heavy.attach(name + "x")
    memory.free()
    with pytest.raises(FileNotFoundError):
        heavy.attach(name)
    assert np.asarray(twin).tolist() == [0, 0, 9]


def test_a_name_is_taken_once() -> None:
    """Law (M18): a second owner of a name is refused, and the first is untouched."""
    first = heavy.share("taken", heavy.zeros(3, "int8", shared=True))
    second = heavy.zeros(5, "int8", shared=True)
    with pytest.raises(FileExistsError, match="taken"):
        heavy.share("taken", second)
    assert heavy.attach("taken").shape == (3,)
    first.unshare("taken")
    heavy.share("taken", second)
    assert heavy.attach("taken").shape == (5,)
    with pytest.raises(FileNotFoundError, match="does not have the name"):
        first.unshare("taken")


def test_several_names() -> None:
    """Law: memory may have several names; they go with it."""
    memory = heavy.zeros(1, shared=True)
    for name in ("one", "two"):
        heavy.share(name, memory)
    assert memory.names == ("one", "two")
    del memory
    gc.collect()
    for name in ("one", "two"):
        with pytest.raises(FileNotFoundError, match=name):
            heavy.attach(name)


def test_names_that_cannot_be() -> None:
    """Law: an empty name, no name and private memory are refused, each in its words."""
    memory = heavy.zeros(1, shared=True)
    with pytest.raises(ValueError, match="empty"):
        heavy.share("", memory)
    with pytest.raises(TypeError, match="is a str"):
        heavy.attach(b"x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shared=True"):
        heavy.share("private", heavy.zeros(1))
    memory.free()
    with pytest.raises(ValueError, match="freed"):
        heavy.share("freed", memory)
    with pytest.raises(FileNotFoundError, match="never"):
        heavy.attach("never")


def test_a_child_attaches_by_name() -> None:
    """Law: a process that was told nothing but the name maps the same pages."""
    memory = heavy.share("by name", heavy.zeros((2, 3), shared=True))
    here, there = SPAWN.Pipe()
    assert run(child_attach, "by name", there) == 0
    assert here.recv() == (2, 3)
    assert np.asarray(memory)[0].tolist() == [42, 42, 42]


@pytest.mark.parametrize("attached", [False, True])
def test_a_killed_child_leaves_nothing(attached: bool) -> None:
    """Law (M15): SIGKILL to the owner leaves no segment and no name; who has it mapped keeps it."""
    name = f"killed {attached}"
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=child_share, args=(name, there))
    process.start()
    memory = here.recv()
    if not attached:
        memory.free()
    with pytest.raises(FileExistsError):
        heavy.share(name, heavy.zeros(1, shared=True))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with pytest.raises(FileNotFoundError):
        heavy.attach(name)
    assert mappings() == int(attached)
    if attached:
        assert np.asarray(memory).min() == 7
    heavy.share(name, heavy.zeros(1, shared=True))
    assert [path for path in Path("/dev/shm").iterdir() if "theus" in path.name] == []


def test_kills_at_random_points() -> None:
    """Law (M15): whenever the owner dies, its memory and its names die with it."""
    script = (
        "from theus import heavy\nheld = []\nwhile True:\n"
        "    memory = heavy.zeros(1 << 16, shared=True)\n"
        "    held.append(heavy.share(f'random {len(held) % 7}', memory))\n"
        "    print(len(held), flush=True)\n    del held[:-6]\n"
    )
    for lines in (1, 2, 9, 30):
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.kill()
        for number in range(7):
            with pytest.raises(FileNotFoundError):
                heavy.attach(f"random {number}")


def test_read_only_is_a_property_of_the_mapping() -> None:
    """Law (M17): a read-only mapping cannot be written, and shows what others write."""
    memory = heavy.share("fixed", heavy.zeros(3, "int8", shared=True))
    twin = heavy.attach("fixed", readonly=True)
    x = np.asarray(twin)
    assert not x.flags.writeable
    assert not np.from_dlpack(twin).flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        x.flags.writeable = True
    with pytest.raises((BufferError, TypeError)):
        ctypes.c_char.from_buffer(twin)
    with pytest.raises(BufferError, match="read-only"):
        twin.__dlpack__()
    np.asarray(memory)[1] = 3
    assert x.tolist() == [0, 3, 0]
    assert pickle.loads(pickle.dumps(twin)).readonly
    where = x.__array_interface__["data"][0]
    maps = Path("/proc/self/maps").read_text()
    assert any(line.startswith(f"{where:x}-") and " r--s " in line for line in maps.splitlines())


def test_nobody_can_shrink_it_under_others() -> None:
    """Law: the size of shared memory is sealed: no peer can make a page vanish."""
    memory = heavy.zeros(1 << 16, "uint8", shared=True)
    for size in (0, 1 << 20):
        with pytest.raises(PermissionError):
            os.ftruncate(memory._fd, size)
    with pytest.raises(BufferError, match="others may have it mapped"):
        memory.resize(3)


def test_a_descriptor_that_is_too_small() -> None:
    """Law: a shape larger than its descriptor is refused, not found out by a signal."""
    fd = os.memfd_create("small")
    os.ftruncate(fd, 100)
    with pytest.raises(ValueError, match="smaller than its shape"):
        _kernel.Memory((101,), "B", fd)
    os.close(fd)


def test_a_stranger_with_our_name() -> None:
    """Law: what only looks like shared memory of ours is passed over."""
    where = heavy._address("stranger")
    for content in (
        b"",
        b"[]",
        b"not json",
        b'[99999, 1, 1, [1], "f", false]',
        b"[1, 2, 3, 4, 5, 6]",
        b"[0, 0, 0, [1], 3, 1]",
    ):
        record = os.memfd_create(where)
        os.write(record, content)
        with pytest.raises(FileNotFoundError):
            heavy.attach("stranger")
        os.close(record)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as squatter:
        squatter.bind("\0" + where)
        with pytest.raises(FileExistsError):
            heavy.share("stranger", heavy.zeros(1, shared=True))


def test_a_forked_child_has_the_memory_and_not_the_names() -> None:
    """Law: after fork() the pages are shared, and the names stay with the parent."""
    script = """
import os
import sys
import numpy as np
from theus import heavy
memory = heavy.share("forked", heavy.zeros(2, "int8", shared=True))
child = os.fork()
if child == 0:
    assert memory.names == ()
    np.asarray(memory)[1] = 5
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert heavy.attach("forked").shape == (2,)
assert np.asarray(memory).tolist() == [0, 5]
"""
    subprocess.run([sys.executable, "-c", script], check=True)
