// ndarray.c: a numpy array as an input: the same memory, type, order and strides, read-only.
//
// The array a process gets is built over an exporter, not over the user's array, so its base leads
// nowhere that may be written and its writeable flag cannot be switched on. Two kinds of arrays
// need more than that:
//
//   an element type that buffers cannot spell (datetime64, fields at odd offsets, records) crosses
//   as raw bytes of the same size and gets its type back on the other side;
//   one that holds references and has no buffer (StringDType) is an ordinary view whose flag is
//   off: a process could switch it on again, which no exporter of numpy prevents.
//
// Calls that run Python code: all of numpy, and __array_finalize__ of a subclass.
#include "ext.h"

// What numpy calls itself in this process; the arrays exist, so it is imported. New.
static PyObject *of_numpy(const char *name) {
  PyObject *numpy = PyImport_ImportModule("numpy");
  PyObject *found = numpy == NULL ? NULL : PyObject_GetAttrString(numpy, name);
  Py_XDECREF(numpy);
  return found;
}

// New: a plain array over memory, which any exporter may be.
static PyObject *over(state *st, PyObject *memory) {
  PyObject *source = heavy_export(st, memory);
  PyObject *asarray = source == NULL ? NULL : of_numpy("asarray");
  PyObject *array = asarray == NULL ? NULL : PyObject_CallOneArg(asarray, source);
  Py_XDECREF(asarray);
  Py_XDECREF(source);
  return array;
}

// Whether two arrays have the very same element type. 1, 0, -1.
static int same_dtype(PyObject *a, PyObject *b) {
  PyObject *x = PyObject_GetAttrString(a, "dtype");
  PyObject *y = x == NULL ? NULL : PyObject_GetAttrString(b, "dtype");
  int same = y == NULL ? -1 : x == y ? 1 : PyObject_RichCompareBool(x, y, Py_EQ);
  if (same > 0 && x != y) { // records are equal to what they are made of
    PyObject *kind = PyObject_GetAttrString(x, "type");
    PyObject *other = kind == NULL ? NULL : PyObject_GetAttrString(y, "type");
    same = other == NULL ? -1 : kind == other;
    Py_XDECREF(other);
    Py_XDECREF(kind);
  }
  Py_XDECREF(y);
  Py_XDECREF(x);
  return same;
}

// New: array.view(type), past what a subclass makes of that.
static PyObject *view_as(PyObject *array, PyObject *type) {
  PyObject *ndarray = of_numpy("ndarray");
  PyObject *shown = ndarray == NULL ? NULL : PyObject_CallMethod(ndarray, "view", "OO", array, type);
  Py_XDECREF(ndarray);
  return shown;
}

// New: over the memory of array as raw bytes of the element's size, then with its own type.
static PyObject *through_bytes(state *st, PyObject *array) {
  PyObject *dtype = PyObject_GetAttrString(array, "dtype");
  PyObject *size = dtype == NULL ? NULL : PyObject_GetAttrString(dtype, "itemsize");
  PyObject *name = size == NULL ? NULL : PyUnicode_FromFormat("V%S", size);
  PyObject *raw = name == NULL ? NULL : view_as(array, name);
  PyObject *frozen = raw == NULL ? NULL : over(st, raw);
  PyObject *shown = frozen == NULL ? NULL : view_as(frozen, dtype);
  Py_XDECREF(frozen);
  Py_XDECREF(raw);
  Py_XDECREF(name);
  Py_XDECREF(size);
  Py_XDECREF(dtype);
  return shown;
}

// New: a view of array whose flag is off.
static PyObject *flagged(PyObject *array) {
  PyObject *type = of_numpy("ndarray");
  PyObject *shown = type == NULL ? NULL : view_as(array, type);
  PyObject *flags = shown == NULL ? NULL : PyObject_GetAttrString(shown, "flags");
  if (flags == NULL || PyObject_SetAttrString(flags, "writeable", Py_False) < 0)
    Py_CLEAR(shown);
  Py_XDECREF(flags);
  Py_XDECREF(type);
  return shown;
}

static bool may_try_next(void) {
  if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
    return false;
  PyErr_Clear();
  return true;
}

static PyObject *plain_array(state *st, PyObject *array) {
  PyObject *shown = over(st, array);
  int same = shown == NULL ? 0 : same_dtype(shown, array);
  if (same > 0)
    return shown;
  Py_XDECREF(shown);
  if (PyErr_Occurred() && !may_try_next())
    return NULL;
  shown = through_bytes(st, array);
  return shown != NULL || !may_try_next() ? shown : flagged(array);
}

// New: a masked array; its mask is memory as well.
static PyObject *masked(state *st, PyObject *array, PyObject *data, PyObject *class) {
  PyObject *mask = PyObject_GetAttrString(array, "_mask");
  PyObject *fill = mask == NULL ? NULL : PyObject_GetAttrString(array, "_fill_value");
  PyObject *ndarray = fill == NULL ? NULL : of_numpy("ndarray");
  PyObject *shown = NULL;
  if (ndarray != NULL && PyObject_TypeCheck(mask, (PyTypeObject *)ndarray))
    Py_SETREF(mask, plain_array(st, mask));
  PyObject *args = ndarray == NULL || mask == NULL ? NULL : PyTuple_Pack(1, data);
  PyObject *kwargs = args == NULL ? NULL
                                  : Py_BuildValue("{sOsOsO}", "mask", mask, "fill_value", fill,
                                                  "copy", Py_False);
  if (kwargs != NULL)
    shown = PyObject_Call(class, args, kwargs);
  Py_XDECREF(kwargs);
  Py_XDECREF(args);
  Py_XDECREF(ndarray);
  Py_XDECREF(fill);
  Py_XDECREF(mask);
  return shown;
}

// New: data as the class of array, told what it is made from, as numpy tells every view. Steals data.
// A memmap is not told: it would keep the mapping, which can be written.
static PyObject *as_class_of(state *st, PyObject *array, PyObject *data) {
  PyObject *ma = of_numpy("ma"), *memmap = of_numpy("memmap"), *shown = NULL;
  PyObject *class = ma == NULL ? NULL : PyObject_GetAttrString(ma, "MaskedArray");
  if (class == NULL || memmap == NULL) {
    // the exception is set
  } else if (PyObject_TypeCheck(array, (PyTypeObject *)class)) {
    shown = masked(st, array, data, (PyObject *)Py_TYPE(array));
  } else if ((shown = view_as(data, (PyObject *)Py_TYPE(array))) != NULL &&
             !PyObject_TypeCheck(array, (PyTypeObject *)memmap)) {
    PyObject *none = PyObject_CallMethod(shown, "__array_finalize__", "O", array);
    if (none == NULL)
      Py_CLEAR(shown);
    Py_XDECREF(none);
  }
  Py_XDECREF(class);
  Py_XDECREF(memmap);
  Py_XDECREF(ma);
  Py_DECREF(data);
  return shown;
}

PyObject *ndarray_read_only(state *st, PyObject *array) {
  PyObject *shown = plain_array(st, array);
  PyObject *ndarray = shown == NULL ? NULL : of_numpy("ndarray");
  if (ndarray != NULL && (PyObject *)Py_TYPE(array) != ndarray)
    shown = as_class_of(st, array, shown);
  else if (ndarray == NULL)
    Py_CLEAR(shown);
  Py_XDECREF(ndarray);
  return shown;
}
