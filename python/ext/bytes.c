// bytes.c: TrackedBytes and FrozenBytes, the views of a bytearray or array.array. Numbers are plain,
// so every operation is the type's own: a reading one on what is there now, a writing one on the
// private copy (pending_memory.c), which checks types and ranges at the user's line.
//
// As a buffer an input is read-only memory, not copied; an output is its private copy.
#include "ext.h"

static int writable(view *v) {
  return view_writable(v, v->node == NULL ? "" : Py_TYPE(v->node->target)->tp_name);
}

// New: what is there now, to read it.
static PyObject *now(PyObject *op) {
  view *v = (view *)op;
  return view_readable(v) < 0 ? NULL : memory_now(v->node);
}

// New: the private copy, to write it.
static PyObject *private(PyObject *op) {
  view *v = (view *)op;
  return writable(v) < 0 ? NULL : memory_private(v);
}

static int log_write(PyObject *op) {
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  return view_log(v, v->shape, THEUS_OP_SET_ITEM, 0, NULL, 0, NULL, NULL);
}

// New: a bytes-like operand as what it stands for.
static PyObject *operand(PyObject *value) {
  return view_of(value, FAMILY_BYTES) ? now(value) : Py_NewRef(value);
}

// ---- methods --------------------------------------------------------------------------------------

static bool writes(PyObject *name) {
  static const char *const names[] = {"append",   "extend",    "insert",   "pop",         "remove",
                                      "reverse",  "clear",     "byteswap", "fromfile",    "frombytes",
                                      "fromlist", "fromunicode", "resize", "__setitem__", "__delitem__",
                                      "__iadd__", "__imul__"};
  for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++)
    if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0)
      return true;
  return false;
}

PyObject *bytes_run(view *v, PyObject *func, bytes_body body, void *arg) {
  PyObject *name = PyObject_GetAttrString(func, "__name__");
  bool write = name != NULL && writes(name);
  PyObject *self = name == NULL ? NULL : write ? private((PyObject *)v) : now((PyObject *)v);
  Py_XDECREF(name);
  PyObject *result = self == NULL ? NULL : body(self, arg);
  if (result == self && result != NULL)
    Py_SETREF(result, Py_NewRef((PyObject *)v));
  PyObject *error = self != NULL && result == NULL ? errors_take() : NULL;
  if (self != NULL && write && v->node != NULL && log_write((PyObject *)v) < 0) {
    Py_CLEAR(result);
    Py_CLEAR(error);
  }
  if (error != NULL) // what it did until then stays, as in a plain one
    errors_put(error);
  Py_XDECREF(self);
  return result;
}

static PyObject *bytes_getattro(PyObject *op, PyObject *name) {
  view *v = (view *)op;
  VIEW_CHECK(v);
  PyObject *own = _PyType_Lookup(Py_TYPE(op), name); // borrowed: __copy__, __class__, ...
  PyObject *found = _PyType_Lookup(Py_TYPE(v->node->target), name);
  if (found != NULL && Py_TYPE(found) == &PyMethodDescr_Type &&
      (own == NULL || Py_TYPE(own) != &PyMethodDescr_Type))
    return method_new_bytes(STATE(v), found, v);
  if (own != NULL || found == NULL || Py_TYPE(found)->tp_descr_get == NULL)
    return PyObject_GenericGetAttr(op, name);
  PyObject *self = now(op), *value = self == NULL ? NULL : PyObject_GetAttr(self, name);
  Py_XDECREF(self);
  return value;
}

// ---- operations -----------------------------------------------------------------------------------

static Py_ssize_t bytes_length(PyObject *op) {
  PyObject *self = now(op);
  Py_ssize_t n = self == NULL ? -1 : PyObject_Size(self);
  Py_XDECREF(self);
  return n;
}

static PyObject *bytes_item(PyObject *op, Py_ssize_t i) {
  PyObject *self = now(op), *item = self == NULL ? NULL : PySequence_GetItem(self, i);
  Py_XDECREF(self);
  return item;
}

static PyObject *bytes_subscript(PyObject *op, PyObject *key) {
  PyObject *self = now(op), *item = self == NULL ? NULL : PyObject_GetItem(self, key);
  Py_XDECREF(self);
  return item;
}

static int bytes_ass_subscript(PyObject *op, PyObject *key, PyObject *value) {
  PyObject *given = value == NULL ? NULL : operand(value);
  PyObject *self = value != NULL && given == NULL ? NULL : private(op);
  int failed = self == NULL ? -1 : given == NULL ? PyObject_DelItem(self, key)
                                                 : PyObject_SetItem(self, key, given);
  Py_XDECREF(self);
  Py_XDECREF(given);
  return failed ? -1 : log_write(op);
}

static int bytes_contains(PyObject *op, PyObject *value) {
  PyObject *self = now(op);
  int there = self == NULL ? -1 : PySequence_Contains(self, value);
  Py_XDECREF(self);
  return there;
}

static PyObject *bytes_iter(PyObject *op) {
  PyObject *self = now(op), *it = self == NULL ? NULL : PySeqIter_New(op);
  Py_XDECREF(self);
  return it;
}

static PyObject *bytes_repr(PyObject *op) {
  if (((view *)op)->node == NULL)
    return view_repr_stale((view *)op);
  PyObject *self = now(op), *text = self == NULL ? NULL : PyObject_Repr(self);
  Py_XDECREF(self);
  return text;
}

static PyObject *apply(PyObject *x, PyObject *y, binaryfunc f) {
  PyObject *a = operand(x), *b = a == NULL ? NULL : operand(y);
  PyObject *result = b == NULL ? NULL : f(a, b);
  Py_XDECREF(b);
  Py_XDECREF(a);
  return result;
}

static PyObject *bytes_concat(PyObject *x, PyObject *y) { return apply(x, y, PySequence_Concat); }
static PyObject *bytes_remainder(PyObject *x, PyObject *y) { return apply(x, y, PyNumber_Remainder); }

static PyObject *bytes_richcompare(PyObject *x, PyObject *y, int how) {
  PyObject *a = operand(x), *b = a == NULL ? NULL : operand(y);
  PyObject *result = b == NULL ? NULL : Py_TYPE(a)->tp_richcompare(a, b, how);
  Py_XDECREF(b);
  Py_XDECREF(a);
  return result;
}

static PyObject *bytes_repeat(PyObject *op, Py_ssize_t n) {
  PyObject *self = now(op), *result = self == NULL ? NULL : PySequence_Repeat(self, n);
  Py_XDECREF(self);
  return result;
}

// New: op itself, if what was done in place gave self.
static PyObject *done_in_place(PyObject *op, PyObject *self, PyObject *result) {
  bool same = result == self && result != NULL;
  Py_XDECREF(result);
  Py_XDECREF(self);
  if (result != NULL && !same)
    PyErr_SetString(PyExc_SystemError, "an operation in place gave another object");
  return !same || log_write(op) < 0 ? NULL : Py_NewRef(op);
}

static PyObject *bytes_inplace_concat(PyObject *op, PyObject *other) {
  PyObject *given = operand(other), *self = given == NULL ? NULL : private(op);
  PyObject *result = self == NULL ? NULL : PySequence_InPlaceConcat(self, given);
  Py_XDECREF(given);
  return done_in_place(op, self, result);
}

static PyObject *bytes_inplace_repeat(PyObject *op, Py_ssize_t n) {
  PyObject *self = private(op);
  return done_in_place(op, self, self == NULL ? NULL : PySequence_InPlaceRepeat(self, n));
}

static int bytes_getbuffer(PyObject *op, Py_buffer *out, int flags) {
  view *v = (view *)op;
  out->obj = NULL;
  VIEW_CHECK_INT(v);
  bool output = v->shape->bits & THEUS_MAY_WRITE;
  if (!output && view_readable(v) < 0)
    return -1;
  PyObject *seen = output ? NULL : memory_now(v->node);
  PyObject *source = output ? private(op) : heavy_export(STATE(v), seen);
  Py_XDECREF(seen);
  int failed = source == NULL || (output && log_write(op) < 0) ? -1
                                                                 : PyObject_GetBuffer(source, out, flags);
  Py_XDECREF(source);
  return failed;
}

static PyMethodDef bytes_methods[] = {
    {"__copy__", view_copy, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce_ex__", view_reduce, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {0},
};

static PyGetSetDef bytes_getset[] = {
    {"__class__", view_get_class, NULL, "What the view stands for.", NULL},
    {0},
};

static PyType_Slot bytes_slots[] = {
    {Py_tp_doc, "A bytearray or array of the context as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_getattro, bytes_getattro},
    {Py_tp_repr, bytes_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_richcompare, bytes_richcompare},
    {Py_tp_iter, bytes_iter},
    {Py_tp_methods, bytes_methods},
    {Py_tp_getset, bytes_getset},
    {Py_mp_length, bytes_length},
    {Py_mp_subscript, bytes_subscript},
    {Py_mp_ass_subscript, bytes_ass_subscript},
    {Py_sq_length, bytes_length},
    {Py_sq_item, bytes_item},
    {Py_sq_contains, bytes_contains},
    {Py_sq_repeat, bytes_repeat},
    {Py_sq_inplace_repeat, bytes_inplace_repeat},
    {Py_nb_add, bytes_concat},
    {Py_nb_inplace_add, bytes_inplace_concat},
    {Py_nb_remainder, bytes_remainder},
    {Py_bf_getbuffer, bytes_getbuffer},
    {0, NULL},
};

#define BYTES_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE)

PyType_Spec tracked_bytes_spec = {
    .name = "theus._kernel.TrackedBytes",
    .basicsize = sizeof(view),
    .flags = BYTES_FLAGS,
    .slots = bytes_slots,
};

PyType_Spec frozen_bytes_spec = {
    .name = "theus._kernel.FrozenBytes",
    .basicsize = sizeof(view),
    .flags = BYTES_FLAGS,
    .slots = bytes_slots,
};
