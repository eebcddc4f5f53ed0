// heavy.c: values under a heavy_ name. Their memory is never copied: who may write gets the object
// itself, who may only read gets a read-only view of the same memory.
#include "ext.h"

// New: a numpy array that shows the memory of a read-only memoryview, so that its writeable flag
// cannot be switched on again. NULL without an exception if numpy cannot show this buffer.
static PyObject *numpy_over(PyObject *array, PyObject *memory) {
  PyObject *numpy = PyDict_GetItemString(PyImport_GetModuleDict(), "numpy"); // borrowed
  if (numpy == NULL)
    return NULL;
  PyObject *type = PyObject_GetAttrString(numpy, "ndarray");
  int is_array = type == NULL ? -1 : PyObject_IsInstance(array, type);
  Py_XDECREF(type);
  if (is_array <= 0)
    return NULL;
  return PyObject_CallMethod(numpy, "asarray", "O", memory);
}

// New: read-only, of the same memory. NULL with an exception if the export fails.
static PyObject *read_only(PyObject *value) {
  PyObject *memory = PyMemoryView_FromObject(value);
  if (memory == NULL)
    return NULL;
  PyObject *frozen = PyObject_CallMethod(memory, "toreadonly", NULL);
  Py_DECREF(memory);
  if (frozen == NULL)
    return NULL;
  PyObject *array = numpy_over(value, frozen);
  if (array == NULL && PyErr_Occurred()) {
    Py_DECREF(frozen);
    return NULL;
  }
  if (array == NULL)
    return frozen;
  Py_DECREF(frozen);
  return array;
}

// NULL without an exception: below a heavy name, but a container or object to be walked as usual.
PyObject *heavy_wrap(view *parent, shape *s, PyObject *value, PyObject *key, Py_ssize_t index,
                     uint8_t segment) {
  (void)key, (void)index, (void)segment;
  if (s->bits & THEUS_MAY_WRITE)
    return Py_NewRef(value);
  kind k = kind_of(STATE(parent), value);
  if (k == KIND_UNSUPPORTED)
    return PyObject_CheckBuffer(value) ? read_only(value) : Py_NewRef(value);
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
