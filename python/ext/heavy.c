// heavy.c: values under a heavy_ name. Their memory is never copied: who may write gets the object
// itself, who may only read gets a read-only view of the same memory.
//
// Ownership rules
//   exporter  owns a memoryview of the user's object, and through it one export. Each buffer it
//             hands out owns an export of that memoryview, released in releasebuffer.
//   A consumer sees the exporter where it asks whose memory it looks at (memoryview.obj, the base
//   of an array), never the user's object, so no attribute leads back to a writable one.
#include "ext.h"

typedef struct {
  PyObject_HEAD
  PyObject *memory; // owned; read-only memoryview
} exporter;

static int exporter_getbuffer(PyObject *op, Py_buffer *out, int flags) {
  if (flags & PyBUF_WRITABLE) {
    PyErr_SetString(PyExc_BufferError, "this memory is only an input of the process; "
                                       "declare it as output to write it");
    return -1;
  }
  Py_buffer *inner = PyMem_Malloc(sizeof(Py_buffer));
  if (inner == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  if (PyObject_GetBuffer(((exporter *)op)->memory, inner, flags) < 0) {
    PyMem_Free(inner);
    return -1;
  }
  *out = *inner;
  out->obj = Py_NewRef(op);
  out->internal = inner;
  return 0;
}

static void exporter_releasebuffer(PyObject *op, Py_buffer *out) {
  (void)op;
  PyBuffer_Release((Py_buffer *)out->internal);
  PyMem_Free(out->internal);
}

static void exporter_dealloc(PyObject *op) {
  PyTypeObject *type = Py_TYPE(op);
  PyObject *memory = ((exporter *)op)->memory;
  type->tp_free(op);
  Py_DECREF(memory);
  Py_DECREF(type);
}

static PyType_Slot heavy_slots[] = {
    {Py_tp_doc, "The owner of read-only memory that a process sees."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, exporter_dealloc},
    {Py_bf_getbuffer, exporter_getbuffer},
    {Py_bf_releasebuffer, exporter_releasebuffer},
    {0, NULL},
};

PyType_Spec heavy_spec = {
    .name = "theus._kernel.ReadOnlyMemory",
    .basicsize = sizeof(exporter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = heavy_slots,
};

// New: an exporter of the memory of value, read-only.
static PyObject *export_memory(state *st, PyObject *value) {
  PyObject *memory = PyMemoryView_FromObject(value);
  PyObject *frozen = memory == NULL ? NULL : PyObject_CallMethod(memory, "toreadonly", NULL);
  Py_XDECREF(memory);
  exporter *e = frozen == NULL ? NULL : PyObject_New(exporter, st->heavy_type);
  if (e == NULL) {
    Py_XDECREF(frozen);
    return NULL;
  }
  e->memory = frozen;
  return (PyObject *)e;
}

// New: value as a numpy array would show it, if it is one; else a memoryview. Both read-only: the
// writeable flag of an array over read-only memory cannot be switched on.
static PyObject *read_only(state *st, PyObject *value) {
  PyObject *source = export_memory(st, value);
  if (source == NULL)
    return NULL;
  PyObject *numpy = Py_XNewRef(PyDict_GetItemString(PyImport_GetModuleDict(), "numpy"));
  PyObject *type = numpy == NULL ? NULL : PyObject_GetAttrString(numpy, "ndarray");
  int is_array = type == NULL ? 0 : PyObject_IsInstance(value, type);
  PyObject *shown = NULL;
  if (is_array > 0)
    shown = PyObject_CallMethod(numpy, "asarray", "O", source);
  else if (is_array == 0 && (numpy == NULL || type != NULL))
    shown = PyMemoryView_FromObject(source);
  Py_XDECREF(type);
  Py_XDECREF(numpy);
  Py_DECREF(source);
  return shown;
}

// NULL without an exception: below a heavy name, but a container or object to be walked as usual.
PyObject *heavy_wrap(view *parent, shape *s, PyObject *value, PyObject *key, Py_ssize_t index,
                     uint8_t segment) {
  (void)key, (void)index, (void)segment;
  if (s->bits & THEUS_MAY_WRITE)
    return Py_NewRef(value);
  kind k = kind_of(STATE(parent), value);
  if (k == KIND_UNSUPPORTED)
    return PyObject_CheckBuffer(value) ? read_only(STATE(parent), value) : Py_NewRef(value);
  return NULL;
}

uint64_t heavy_nbytes(PyObject *value) {
  if (!PyObject_CheckBuffer(value))
    return 0;
  Py_buffer buffer;
  if (PyObject_GetBuffer(value, &buffer, PyBUF_FULL_RO) < 0) {
    PyErr_Clear(); // an exporter that refuses now has no size to report; the write stands
    return 0;
  }
  uint64_t n = (uint64_t)buffer.len;
  PyBuffer_Release(&buffer);
  return n;
}
