// tensor.c: memory of another library that speaks DLPack and not the buffer protocol, such as a
// tensor of torch, shown as a buffer.
//
// Ownership rules
//   tensor  owns the managed tensor of the capsule it took over and calls its deleter once, when
//           the last buffer over it is released.
//   What a library says about its memory is checked before anybody follows it: shapes and strides
//   that cannot be are refused. Whether the bytes are there only the library can know.
#include "ext.h"

#include "dlpack.h"

typedef struct {
  PyObject_HEAD
  dl_managed *old;   // one of the two is owned
  dl_versioned *new;
  void *data;
  const char *format; // static
  Py_ssize_t itemsize, len;
  int ndim;
  Py_ssize_t *shape; // owned; followed by the strides in bytes
} tensor;

static int tensor_getbuffer(PyObject *op, Py_buffer *out, int flags) {
  tensor *t = (tensor *)op;
  if (flags & PyBUF_WRITABLE) {
    PyErr_SetString(PyExc_BufferError, "this memory is read-only");
    return -1;
  }
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES) {
    PyErr_SetString(PyExc_BufferError, "a tensor has strides");
    return -1;
  }
  *out = (Py_buffer){.buf = t->data,
                     .obj = Py_NewRef(op),
                     .len = t->len,
                     .itemsize = t->itemsize,
                     .readonly = 1,
                     .ndim = t->ndim,
                     .format = flags & PyBUF_FORMAT ? (char *)t->format : NULL,
                     .shape = t->shape,
                     .strides = t->shape + t->ndim};
  return 0;
}

static void tensor_dealloc(PyObject *op) {
  tensor *t = (tensor *)op;
  PyTypeObject *type = Py_TYPE(op);
  dl_managed *old = t->old;
  dl_versioned *new = t->new;
  PyMem_Free(t->shape);
  type->tp_free(op);
  PyObject *error = errors_take(); // a deleter may run Python code
  if (old != NULL && old->deleter != NULL)
    old->deleter(old);
  if (new != NULL && new->deleter != NULL)
    new->deleter(new);
  if (error != NULL)
    errors_put(error);
  Py_DECREF(type);
}

static PyType_Slot tensor_slots[] = {
    {Py_tp_doc, "The memory of a tensor, read-only."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, tensor_dealloc},
    {Py_bf_getbuffer, tensor_getbuffer},
    {0, NULL},
};

PyType_Spec tensor_spec = {
    .name = "theus._kernel.Tensor",
    .basicsize = sizeof(tensor),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = tensor_slots,
};

static const char *format_of(const dl_tensor *d) {
  switch (d->dtype.code << 8 | d->dtype.bits) {
  case DL_INT << 8 | 8:
    return "b";
  case DL_INT << 8 | 16:
    return "h";
  case DL_INT << 8 | 32:
    return "i";
  case DL_INT << 8 | 64:
    return "q";
  case DL_UINT << 8 | 8:
    return "B";
  case DL_UINT << 8 | 16:
    return "H";
  case DL_UINT << 8 | 32:
    return "I";
  case DL_UINT << 8 | 64:
    return "Q";
  case DL_FLOAT << 8 | 16:
    return "e";
  case DL_FLOAT << 8 | 32:
    return "f";
  case DL_FLOAT << 8 | 64:
    return "d";
  case DL_COMPLEX << 8 | 64:
    return "Zf";
  case DL_COMPLEX << 8 | 128:
    return "Zd";
  case DL_BOOL << 8 | 8:
    return "?";
  default:
    return NULL;
  }
}

static int malformed(const char *what) {
  PyErr_Format(PyExc_BufferError, "its DLPack tensor is malformed: %s", what);
  return -1;
}

// Fills t from what the library says. An element type that buffers have no name for, such as
// bfloat16, is shown as its bytes, in one dimension more. 0, or -1.
static int adopt(tensor *t, const dl_tensor *d) {
  Py_ssize_t itemsize = d->dtype.bits / 8;
  if (d->dtype.bits == 0 || d->dtype.bits % 8 != 0 || d->dtype.lanes != 1)
    return malformed("its elements are no whole bytes");
  t->format = format_of(d);
  int more = t->format == NULL;
  if (d->ndim < 0 || d->ndim > PyBUF_MAX_NDIM - more || (d->ndim > 0 && d->shape == NULL))
    return malformed("it has no shape, or too many dimensions");
  t->ndim = d->ndim + more;
  t->itemsize = more ? 1 : itemsize;
  t->shape = PyMem_Calloc((size_t)t->ndim * 2 + 1, sizeof(Py_ssize_t));
  if (t->shape == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  Py_ssize_t *strides = t->shape + t->ndim, len = itemsize;
  for (int i = d->ndim - 1; i >= 0; i--) {
    t->shape[i] = d->shape[i];
    strides[i] = len;
    if (d->shape[i] < 0)
      return malformed("a dimension is negative");
    if (d->shape[i] > 0 && __builtin_mul_overflow(len, d->shape[i], &len))
      return malformed("it is larger than memory");
    if (d->strides != NULL && __builtin_mul_overflow(d->strides[i], itemsize, &strides[i]))
      return malformed("a stride is larger than memory");
  }
  if (more) {
    t->shape[d->ndim] = itemsize;
    strides[d->ndim] = 1;
    t->format = "B";
  }
  t->data = (char *)d->data + d->byte_offset;
  t->len = len;
  for (int i = 0; i < t->ndim; i++)
    if (t->shape[i] == 0)
      t->len = 0;
  if (t->len > 0 && d->data == NULL)
    return malformed("it has elements and no memory");
  return 0;
}

// Takes the tensor out of its capsule. New, or NULL.
static PyObject *take(state *st, PyObject *capsule) {
  tensor *t = PyObject_New(tensor, st->tensor_type);
  if (t == NULL)
    return NULL;
  memset((char *)t + sizeof(PyObject), 0, sizeof(tensor) - sizeof(PyObject));
  int failed = -1;
  if (PyCapsule_IsValid(capsule, DL_NEW)) {
    dl_versioned *new = PyCapsule_GetPointer(capsule, DL_NEW);
    if (new->version.major != DL_MAJOR)
      PyErr_Format(PyExc_BufferError, "it speaks version %u of DLPack", (unsigned)new->version.major);
    else if ((failed = PyCapsule_SetName(capsule, DL_NEW_USED)) == 0)
      failed = adopt(t, &(t->new = new)->tensor);
  } else if (PyCapsule_IsValid(capsule, DL_OLD)) {
    dl_managed *old = PyCapsule_GetPointer(capsule, DL_OLD);
    if ((failed = PyCapsule_SetName(capsule, DL_OLD_USED)) == 0)
      failed = adopt(t, &(t->old = old)->tensor);
  } else {
    PyErr_SetString(PyExc_BufferError, "__dlpack__ gave no tensor");
  }
  if (failed)
    Py_CLEAR(t);
  return (PyObject *)t;
}

static PyObject *ask(PyObject *value) {
  PyObject *method = PyObject_GetAttrString(value, "__dlpack__"), *capsule = NULL;
  PyObject *none = method == NULL ? NULL : PyTuple_New(0);
  PyObject *version = none == NULL ? NULL : Py_BuildValue("{s(ii)}", "max_version", DL_MAJOR, DL_MINOR);
  if (version != NULL) {
    capsule = PyObject_Call(method, none, version);
    if (capsule == NULL && PyErr_ExceptionMatches(PyExc_TypeError)) { // from before versions
      PyErr_Clear();
      capsule = PyObject_CallNoArgs(method);
    }
  }
  Py_XDECREF(version);
  Py_XDECREF(none);
  Py_XDECREF(method);
  return capsule;
}

// Whether the memory of value lies where a CPU can read it. 1, 0, -1.
static int on_cpu(PyObject *value) {
  PyObject *device = PyObject_CallMethod(value, "__dlpack_device__", NULL);
  PyObject *type = device == NULL ? NULL : PySequence_GetItem(device, 0);
  long number = type == NULL ? -1 : PyLong_AsLong(type);
  Py_XDECREF(type);
  Py_XDECREF(device);
  return number == -1 && PyErr_Occurred() ? -1 : number == DL_CPU;
}

// New: a buffer over the memory of value; NULL without an exception if it speaks no DLPack or does
// not lie in memory of the CPU.
PyObject *tensor_of(state *st, PyObject *value) {
  PyObject *type = (PyObject *)Py_TYPE(value);
  if (!PyObject_HasAttrString(type, "__dlpack__") || !PyObject_HasAttrString(type, "__dlpack_device__"))
    return NULL;
  // torch refuses to export what it tracks gradients of; detached it is the same memory.
  PyObject *bare = PyObject_HasAttrString(type, "detach") ? PyObject_CallMethod(value, "detach", NULL)
                                                         : Py_NewRef(value);
  int near = bare == NULL ? -1 : on_cpu(bare);
  PyObject *capsule = near > 0 ? ask(bare) : NULL;
  PyObject *memory = capsule == NULL ? NULL : take(st, capsule);
  Py_XDECREF(capsule);
  Py_XDECREF(bare);
  return memory;
}
