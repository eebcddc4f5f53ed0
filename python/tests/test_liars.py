"""Exporters that lie: shapes, strides and sizes that cannot be end in an error, never in a crash.

The exporter is a few lines of C, compiled for these tests; the tensors are made with ctypes.
"""

import ctypes
import functools
import gc
import importlib.util
import random
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from theus import (
    BaseDomainContext,
    BaseSystemContext,
    TheusEngine,
    UnsupportedValueError,
    heavy,
    process,
)

SOURCE = r"""
#include <Python.h>

typedef struct {
  PyObject_HEAD
  char *buf, *format;
  Py_ssize_t len, itemsize, *shape, *strides;
  int ndim, readonly, exports;
  Py_ssize_t numbers[256];
  char text[64];
} liar;

static char memory[1 << 16];

static int getbuffer(PyObject *op, Py_buffer *out, int flags) {
  liar *l = (liar *)op;
  (void)flags;
  *out = (Py_buffer){.buf = l->buf, .obj = Py_NewRef(op), .len = l->len, .itemsize = l->itemsize,
                     .readonly = l->readonly, .ndim = l->ndim, .format = l->format,
                     .shape = l->shape, .strides = l->strides};
  l->exports++;
  return 0;
}

static void releasebuffer(PyObject *op, Py_buffer *out) {
  (void)out;
  ((liar *)op)->exports--;
}

static PyBufferProcs as_buffer = {getbuffer, releasebuffer};

static PyObject *exports(PyObject *op, void *unused) {
  (void)unused;
  return PyLong_FromLong(((liar *)op)->exports);
}

static PyGetSetDef getset[] = {{"exports", exports, NULL, NULL, NULL}, {0}};

static Py_ssize_t *numbers(PyObject *list, Py_ssize_t *into) {
  if (list == Py_None)
    return NULL;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list) && i < 128; i++)
    into[i] = PyLong_AsSsize_t(PyList_GET_ITEM(list, i));
  return into;
}

static PyObject *new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)kwargs;
  PyObject *shape, *strides;
  const char *format;
  Py_ssize_t len, itemsize, first;
  int ndim, readonly;
  if (!PyArg_ParseTuple(args, "nnninOOz", &first, &len, &itemsize, &ndim, &readonly, &shape,
                        &strides, &format))
    return NULL;
  liar *l = (liar *)type->tp_alloc(type, 0);
  l->buf = first < 0 ? NULL : memory + first;
  l->len = len;
  l->itemsize = itemsize;
  l->ndim = ndim;
  l->readonly = readonly;
  l->shape = numbers(shape, l->numbers);
  l->strides = numbers(strides, l->numbers + 128);
  if (format != NULL)
    l->format = strncpy(l->text, format, 63);
  return PyErr_Occurred() ? NULL : (PyObject *)l;
}

static PyTypeObject type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "liar.Liar",
                            .tp_basicsize = sizeof(liar), .tp_flags = Py_TPFLAGS_DEFAULT,
                            .tp_new = new, .tp_as_buffer = &as_buffer, .tp_getset = getset};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "liar", .m_size = -1};

PyMODINIT_FUNC PyInit_liar(void) {
  PyObject *m = PyModule_Create(&module);
  if (m == NULL || PyType_Ready(&type) < 0 || PyModule_AddObject(m, "Liar", (PyObject *)&type) < 0)
    return NULL;
  return m;
}
"""
MEMORY = 1 << 16
LARGE = [2**31, 2**32, 2**62, 2**63 - 1, -1, -(2**63), 2**40]


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The compiled exporter."""
    include = Path(sysconfig.get_path("include"))
    if shutil.which("gcc") is None or not (include / "Python.h").exists():
        pytest.skip("needs gcc and the headers of Python")
    folder = tmp_path_factory.mktemp("liar")
    source, library = folder / "liar.c", folder / "liar.so"
    source.write_text(SOURCE)
    command = ["gcc", "-w", "-fPIC", "-shared", f"-I{include}", str(source), "-o", str(library)]
    subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin:/usr/local/bin"})
    spec = importlib.util.spec_from_file_location("liar", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(ctx: Any) -> None:
    """Assign a value to itself, which logs its size."""
    ctx.domain.heavy_x = ctx.domain.heavy_x


class Reader:
    """One engine and a process that reads what lies under a heavy name."""

    def __init__(self) -> None:
        self.domain: Any = BaseDomainContext()
        self.engine = TheusEngine(BaseSystemContext(None, self.domain))
        contract = process(inputs=["domain.heavy_x"], outputs=[])
        self.engine.register_process("read", contract(lambda ctx: ctx.domain.heavy_x))
        contract = process(inputs=[], outputs=["domain.heavy_x"])
        self.engine.register_process("write", contract(write))

    def given(self, value: Any) -> Any:
        """What a process gets for it; None if it was refused."""
        vars(self.domain)["heavy_x"] = value
        try:
            self.engine.run_process("write")
            return self.engine.run_process("read")
        except UnsupportedValueError as error:
            if error.path != "domain_ctx.heavy_x":
                raise
            return None
        finally:
            del vars(self.domain)["heavy_x"]


def judged(value: Any) -> None:
    """Have the kernel read it; an error of Python's is an answer."""
    for judge in (heavy.is_finite, heavy.extremes):
        try:
            judge(value)
        except (BufferError, TypeError, ValueError, RuntimeError):
            continue


def draw(rng: random.Random, small: list[int]) -> int:
    """A number that is mostly reasonable."""
    return rng.choice(LARGE) if rng.random() < 0.08 else rng.choice(small)


def within(first: int, shape: list[int], strides: list[int], itemsize: int) -> bool:
    """Whether a buffer stays in its memory: beyond it only the exporter is to blame."""
    low, high = first, first + itemsize
    for length, stride in zip(shape, strides, strict=False):
        reach = (length - 1) * stride
        low, high = low + min(0, reach), high + max(0, reach)
    return low >= 0 and high <= MEMORY


@pytest.mark.parametrize("seed", range(20))
def test_buffers_that_lie(liar: ModuleType, seed: int) -> None:
    """Law: what cannot be is refused with its path; what is shown holds together."""
    rng = random.Random(seed)
    reader = Reader()
    shown = refused = 0
    for _ in range(300):
        itemsize = draw(rng, [1, 2, 4, 8, 0, 3])
        ndim = draw(rng, [0, 1, 1, 2, 2, 3]) if rng.random() < 0.95 else rng.choice([64, 65, 100])
        ndim = max(-(2**31), min(ndim, 100))
        shape = [draw(rng, [0, 1, 2, 3, 5]) for _ in range(max(ndim, 0))]
        strides, step = [], itemsize
        for length in reversed(shape):
            strides.insert(0, step if rng.random() < 0.8 else draw(rng, [0, 1, -8, 16, -itemsize]))
            step *= length
        length = step if rng.random() < 0.8 else draw(rng, [0, 1, 7, 64])
        limit = 2**63 - 1
        strides = [max(-limit - 1, min(stride, limit)) for stride in strides]
        first = MEMORY // 2 if rng.random() < 0.95 else -1
        value = liar.Liar(
            first,
            max(-limit - 1, min(length, limit)),
            itemsize,
            ndim,
            rng.randrange(2),
            None if rng.random() < 0.05 else shape,
            None if rng.random() < 0.05 else strides,
            rng.choice(
                [None, "B", "f", "d", "<h", ">q", "?", "Zd", "T{i:a:}", "", "nonsense", "\1"]
            ),
        )
        seen = reader.given(value)
        if seen is None:
            refused += 1
        else:
            shown += 1
            size = seen.itemsize
            for length in seen.shape:
                size *= length
            assert seen.nbytes == size
            assert seen.readonly
        if first >= 0 and within(first, shape, strides, itemsize):
            judged(value)
        del seen
        gc.collect(0)
        assert value.exports == 0
    assert shown > 30
    assert refused > 30


class Device(ctypes.Structure):
    """Of DLPack."""

    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class Dtype(ctypes.Structure):
    """Of DLPack."""

    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class Managed(ctypes.Structure):
    """A tensor of DLPack, as before versions."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", Device),
        ("ndim", ctypes.c_int32),
        ("dtype", Dtype),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
    )


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Tensor(functools.partial):  # made in C below and without a buffer, as tensors are
    """A tensor that says what it is told to say, and counts how often it is let go."""

    def tell(self, rng: random.Random) -> None:
        """Make the tensor up."""
        self.memory = ctypes.create_string_buffer(MEMORY)
        self.ended = 0
        ndim = rng.choice([0, 1, 1, 2, 2, 3, 64, -1, 65, 2**31 - 1, -(2**31)])
        count = max(0, min(ndim, 64))
        shape = [draw(rng, [0, 1, 2, 3]) for _ in range(count)]
        strides = [draw(rng, [0, 1, 2, -1, 6]) for _ in range(count)]
        self.numbers = (ctypes.c_int64 * 64)(*shape), (ctypes.c_int64 * 64)(*strides)
        self.managed = Managed(
            data=ctypes.addressof(self.memory) + MEMORY // 2 if rng.random() < 0.95 else None,
            device=Device(rng.choice([1, 1, 1, 2, -5]), 0),
            ndim=ndim,
            dtype=Dtype(
                rng.choice([0, 1, 2, 2, 4, 5, 6, 17]),
                rng.choice([8, 16, 32, 64, 128, 0, 1, 7]),
                rng.choice([1, 1, 1, 1, 2]),
            ),
            byte_offset=rng.choice([0, 0, 64]),
            deleter=type(Managed().deleter)(self.end),
        )
        if rng.random() < 0.95:
            self.managed.shape = self.numbers[0]
        if rng.random() < 0.6:
            self.managed.strides = self.numbers[1]
        self.name = rng.choice([b"dltensor", b"dltensor", b"dltensor", b"used_dltensor", b"else"])

    def end(self, _: Any) -> None:
        """Be let go."""
        self.ended += 1

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.managed.device.type, 0

    def __dlpack__(self) -> Any:
        return new_capsule(ctypes.addressof(self.managed), self.name, None)


@pytest.mark.parametrize("seed", range(20))
def test_tensors_that_lie(seed: int) -> None:
    """Law: a tensor that cannot be is refused; one that was taken is let go once."""
    rng = random.Random(seed)
    reader = Reader()
    taken = 0
    for _ in range(100):
        value = Tensor(print)
        value.tell(rng)
        seen = reader.given(value)
        if value.managed.device.type != 1:
            assert seen is value
        elif seen is not None:
            assert value.name == b"dltensor"
            assert value.ended == 0
            taken += 1
        del seen
        gc.collect(0)
        expected = value.managed.device.type == 1 and value.name == b"dltensor"
        assert value.ended == int(expected)
    assert taken > 0
