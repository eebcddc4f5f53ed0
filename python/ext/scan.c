// scan.c: hands an array to the kernel, which reads it where it lies. The GIL is released for
// arrays that take longer to read than a switch of threads costs; an export keeps their memory.
#include "ext.h"

static int refuse(const char *format, const char *what) {
  PyErr_Format(PyExc_TypeError, format, what);
  return -1;
}

// Reads the format of a buffer: one number, in any byte order. 0, or -1 with TypeError.
static int element_of(const Py_buffer *b, theus_array *array) {
  const char *format = b->format == NULL ? "B" : b->format, *code = format;
  const uint16_t one = 1;
  bool big = *(const char *)&one == 0;
  if (*code != '\0' && strchr("@=<>!", *code) != NULL) {
    big = *code == '<' ? false : *code == '>' || *code == '!' ? true : big;
    code++;
  }
  array->big = big;
  array->size = (uint32_t)b->itemsize;
  if (*code == '\0' || code[1] != '\0')
    return refuse("only numbers can be judged, not elements of format '%s'", format);
  if (strchr("bhilqn", *code) != NULL)
    array->kind = THEUS_ELEMENT_INT;
  else if (strchr("?BHILQN", *code) != NULL)
    array->kind = THEUS_ELEMENT_UINT;
  else if (strchr("efd", *code) != NULL)
    array->kind = THEUS_ELEMENT_FLOAT;
  else
    return refuse("only numbers can be judged, not elements of format '%s'", format);
  return 0;
}

// Where the elements of a checked buffer lie: from its lowest byte on.
static void place(const Py_buffer *b, theus_array *array) {
  size_t below = 0, above = (size_t)b->itemsize;
  for (int i = 0; i < b->ndim; i++) {
    if (b->shape[i] == 0) {
      array->memory = NULL;
      array->len = array->first = 0;
      return;
    }
    Py_ssize_t reach = (b->shape[i] - 1) * b->strides[i];
    if (reach < 0)
      below += (size_t)-reach;
    else
      above += (size_t)reach;
  }
  array->memory = (const char *)b->buf - below;
  array->len = below + above;
  array->first = below;
}

// New: an element of the kind the kernel says.
static PyObject *number(uint32_t kind, uint64_t bits) {
  double real;
  memcpy(&real, &bits, sizeof(real));
  return kind == THEUS_ELEMENT_FLOAT  ? PyFloat_FromDouble(real)
         : kind == THEUS_ELEMENT_UINT ? PyLong_FromUnsignedLongLong(bits)
                                      : PyLong_FromLongLong((int64_t)bits);
}

static PyObject *answer(uint32_t ask, const theus_facts *facts) {
  if (ask == THEUS_ASK_FINITE)
    return PyBool_FromLong((long)facts->finite);
  if (facts->empty) {
    PyErr_SetString(PyExc_ValueError, "an empty array has no least and no greatest number");
    return NULL;
  }
  PyObject *least = facts->nan ? PyFloat_FromDouble(Py_NAN) : number(facts->kind, facts->least);
  PyObject *greatest = facts->nan ? PyFloat_FromDouble(Py_NAN) : number(facts->kind, facts->greatest);
  PyObject *both = least == NULL || greatest == NULL ? NULL : PyTuple_Pack(2, least, greatest);
  Py_XDECREF(least);
  Py_XDECREF(greatest);
  return both;
}

int heavy_borrow(state *st, PyObject *value, Py_buffer *b, theus_array *array) {
  PyObject *memory = PyObject_CheckBuffer(value) ? Py_NewRef(value) : tensor_of(st, value);
  if (memory == NULL) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "an array lends its memory as a buffer or through DLPack, and "
                                    "this %s does not",
                   Py_TYPE(value)->tp_name);
    return -1;
  }
  int got = PyObject_GetBuffer(memory, b, PyBUF_RECORDS_RO);
  Py_DECREF(memory); // the buffer holds it
  if (got < 0)
    return -1;
  *array = (theus_array){.n_dims = (uint32_t)b->ndim};
  if (heavy_check(b) < 0 || element_of(b, array) < 0) {
    PyBuffer_Release(b);
    return -1;
  }
  _Static_assert(sizeof(Py_ssize_t) == sizeof(int64_t), "shapes are handed over as they are");
  array->shape = (const int64_t *)b->shape;
  array->strides = (const int64_t *)b->strides;
  place(b, array);
  return 0;
}

PyObject *heavy_scan(state *st, PyObject *value, uint32_t ask) {
  const theus_api *api = loader_api(st);
  Py_buffer b;
  theus_array array;
  theus_facts facts = {0};
  theus_error err = {0};
  if (api == NULL || heavy_borrow(st, value, &b, &array) < 0)
    return NULL;
  theus_status status;
  if (b.len <= HEAVY_BRIEF) {
    status = api->heavy_scan(&array, ask, &facts, &err);
  } else {
    Py_BEGIN_ALLOW_THREADS
    status = api->heavy_scan(&array, ask, &facts, &err);
    Py_END_ALLOW_THREADS
  }
  PyObject *found = status == THEUS_OK ? answer(ask, &facts) : errors_raise(st, status, &err);
  PyBuffer_Release(&b);
  return found;
}
