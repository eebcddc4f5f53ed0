// bytes.c: TrackedBytes and FrozenBytes, the views of a bytearray or array.array. Numbers are plain,
// so every operation is the type's own. What changes elements or the end runs on a part of its own,
// which is then put where it belongs (pending_bytes.c); any other writing one on the private copy
// (pending_memory.c), a reading one on what is there now. Either way the type checks what it is given
// at the user's line.
//
// As a buffer an input is read-only memory, not copied; an output is its private copy.
//
// Calls that run Python code: __index__ of what is given, its iteration, and the warning about a copy.
#include "ext.h"

static int writable(view *v) {
  return view_writable(v, v->node == NULL ? "" : Py_TYPE(v->node->target)->tp_name);
}

// Before what is pending is changed: all of it counts as read. 0, -1.
static int changing(view *v) {
  if (writable(v) < 0 || core_read(v->scope->core, v->node, THEUS_WHOLE_KEY) < 0)
    return -1;
  VIEW_CHECK_INT(v); // it may have waited
  return 0;
}

// New: what is there now, to read it.
static PyObject *now(PyObject *op) {
  view *v = (view *)op;
  return view_readable(v) < 0 ? NULL : memory_whole(v);
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

static bool among(PyObject *name, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0)
      return true;
  return false;
}

static bool writes(PyObject *name) {
  static const char *const names[] = {"append",   "extend",    "insert",   "pop",         "remove",
                                      "reverse",  "clear",     "byteswap", "fromfile",    "frombytes",
                                      "fromlist", "fromunicode", "resize", "__setitem__", "__delitem__",
                                      "__iadd__", "__imul__"};
  return among(name, names, Py_ARRAY_LENGTH(names));
}

// Those that only add at the end, whatever is there.
static bool adds(PyObject *name) {
  static const char *const names[] = {"append",    "extend",   "frombytes",
                                      "fromlist", "fromfile", "fromunicode"};
  return among(name, names, Py_ARRAY_LENGTH(names));
}

// New: what a method gives that adds at the end. It runs on an empty part.
static PyObject *add(view *v, bytes_body body, void *arg) {
  PyObject *part = changing(v) < 0 ? NULL : bytes_part(v->node, 0, 0);
  if (part == NULL)
    return NULL;
  PyObject *result = body(part, arg);
  PyObject *error = result == NULL ? errors_take() : NULL;
  bool added = result != NULL || (v->node != NULL && PyObject_Size(part) > 0);
  if (added && (changing(v) < 0 || bytes_append(v->scope->core, v->node, part) < 0 ||
                log_write((PyObject *)v) < 0)) {
    Py_CLEAR(result);
    Py_CLEAR(error);
  }
  if (error != NULL) // what it added until then stays, as in a plain one
    errors_put(error);
  Py_DECREF(part);
  return result;
}

// New: the last element, which goes.
static PyObject *pop(view *v, bytes_body body, void *arg) {
  if (changing(v) < 0)
    return NULL;
  Py_ssize_t n = bytes_len(v->node);
  if (n == 0) { // the type says so
    PyObject *empty = bytes_part(v->node, 0, 0), *none = empty == NULL ? NULL : body(empty, arg);
    Py_XDECREF(empty);
    return none;
  }
  PyObject *last = bytes_get(v->node, n - 1);
  if (last != NULL && (bytes_drop_last(v->scope->core, v->node) < 0 || log_write((PyObject *)v) < 0))
    Py_CLEAR(last);
  return last;
}

// New: what a method gives that needs all of it in one.
static PyObject *run_whole(view *v, bool write, bytes_body body, void *arg) {
  PyObject *self = write ? private((PyObject *)v) : now((PyObject *)v);
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

PyObject *bytes_run(view *v, PyObject *func, bytes_given given, bytes_body body, void *arg) {
  PyObject *name = PyObject_GetAttrString(func, "__name__"), *result = NULL;
  if (name == NULL)
    return NULL;
  bool stays = v->node != NULL && given != GIVEN_ITSELF && bytes_stays(v->node, 0);
  if (stays && adds(name))
    result = add(v, body, arg);
  else if (stays && given == GIVEN_NOTHING && PyUnicode_CompareWithASCIIString(name, "pop") == 0)
    result = pop(v, body, arg);
  else
    result = run_whole(v, writes(name), body, arg);
  Py_DECREF(name);
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
  // What is left are facts about the type, such as typecode: no element is looked at.
  PyObject *self = view_readable(v) < 0 ? NULL : memory_now(v->node);
  PyObject *value = self == NULL ? NULL : PyObject_GetAttr(self, name);
  Py_XDECREF(self);
  return value;
}

// ---- operations -----------------------------------------------------------------------------------

static Py_ssize_t bytes_length(PyObject *op) {
  return view_readable((view *)op) < 0 ? -1 : bytes_len(((view *)op)->node);
}

static PyObject *bytes_item(PyObject *op, Py_ssize_t i) {
  return view_readable((view *)op) < 0 ? NULL : bytes_get(((view *)op)->node, i);
}

// Whether a slice takes one after the other, and reading its bounds runs no code.
static bool is_simple(PyObject *key) {
  if (!PySlice_Check(key))
    return false;
  PySliceObject *slice = (PySliceObject *)key;
  return slice->step == Py_None && (slice->start == Py_None || PyLong_CheckExact(slice->start)) &&
         (slice->stop == Py_None || PyLong_CheckExact(slice->stop));
}

// The bounds of a simple slice: 0 <= *start <= *stop <= length. How many elements it takes, or -1.
static Py_ssize_t bounds(view *v, PyObject *key, Py_ssize_t *start, Py_ssize_t *stop) {
  Py_ssize_t step;
  if (PySlice_Unpack(key, start, stop, &step) < 0)
    return -1;
  Py_ssize_t n = PySlice_AdjustIndices(bytes_len(v->node), start, stop, step);
  if (n == 0)
    *stop = *start;
  return n;
}

static PyObject *bytes_subscript(PyObject *op, PyObject *key) {
  view *v = (view *)op;
  if (PyIndex_Check(key)) {
    VIEW_CHECK(v);
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if ((i == -1 && PyErr_Occurred()) || view_readable(v) < 0)
      return NULL;
    return bytes_get(v->node, i < 0 ? i + bytes_len(v->node) : i);
  }
  if (is_simple(key)) {
    Py_ssize_t start, stop;
    if (view_readable(v) < 0 || bounds(v, key, &start, &stop) < 0)
      return NULL;
    return bytes_part(v->node, start, stop);
  }
  PyObject *self = now(op), *item = self == NULL ? NULL : PyObject_GetItem(self, key);
  Py_XDECREF(self);
  return item;
}

// Any assignment or deletion, on the private copy.
static int assign_whole(PyObject *op, PyObject *key, PyObject *given) {
  PyObject *self = private(op);
  int failed = self == NULL ? -1 : given == NULL ? PyObject_DelItem(self, key)
                                                 : PyObject_SetItem(self, key, given);
  Py_XDECREF(self);
  return failed ? -1 : log_write(op);
}

// v[i] = given
static int assign_index(PyObject *op, PyObject *key, PyObject *given) {
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
  if ((i == -1 && PyErr_Occurred()) || changing(v) < 0)
    return -1;
  if (i < 0)
    i += bytes_len(v->node);
  if (i < 0 || i >= bytes_len(v->node)) // the type's own error: of the value, or an IndexError
    return PySequence_SetItem(v->node->target, PY_SSIZE_T_MAX, given);
  bool stays = bytes_stays(v->node, 1);
  PyObject *place = PyLong_FromSsize_t(stays ? 0 : i);
  PyObject *piece = place == NULL || !stays ? NULL : bytes_part(v->node, i, i + 1);
  int failed = place == NULL || (stays && piece == NULL) ? -1
               : stays                                   ? PyObject_SetItem(piece, place, given)
                                                         : assign_whole(op, place, given);
  if (!failed && stays)
    failed = changing(v) < 0 || bytes_set(v->scope->core, v->node, i, piece) < 0 ? -1 : log_write(op);
  Py_XDECREF(piece);
  Py_XDECREF(place);
  return failed;
}

// v[i:j] = given, of a simple slice. What is given is checked, and iterated, in a part of its own.
static int assign_slice(PyObject *op, PyObject *key, PyObject *given) {
  view *v = (view *)op;
  Py_ssize_t start, stop, n = changing(v) < 0 ? -1 : bounds(v, key, &start, &stop);
  if (n < 0)
    return -1;
  if (n == 0 || !bytes_stays(v->node, n))
    return assign_whole(op, key, given);
  PyObject *part = bytes_part(v->node, start, stop);
  int failed = part == NULL || PySequence_SetSlice(part, 0, n, given) < 0 || changing(v) < 0 ? -1 : 0;
  if (!failed && (PyObject_Size(part) != n || stop > bytes_len(v->node) || !bytes_stays(v->node, n)))
    failed = assign_whole(op, key, part);
  else if (!failed)
    failed = bytes_set(v->scope->core, v->node, start, part) < 0 ? -1 : log_write(op);
  Py_XDECREF(part);
  return failed;
}

// del v[i]
static int delete(PyObject *op, PyObject *key) {
  view *v = (view *)op;
  if (!PyLong_CheckExact(key))
    return assign_whole(op, key, NULL);
  if (changing(v) < 0)
    return -1;
  Py_ssize_t i = PyLong_AsSsize_t(key), n = bytes_len(v->node);
  bool last = !PyErr_Occurred() && n > 0 && (i == -1 || i == n - 1);
  PyErr_Clear(); // beyond all: told below as the type tells it
  if (!last || !bytes_stays(v->node, 0))
    return assign_whole(op, key, NULL);
  return bytes_drop_last(v->scope->core, v->node) < 0 ? -1 : log_write(op);
}

static int bytes_ass_subscript(PyObject *op, PyObject *key, PyObject *value) {
  if (value == NULL)
    return delete(op, key);
  PyObject *given = operand(value);
  if (given == NULL)
    return -1;
  int failed = PyIndex_Check(key) ? assign_index(op, key, given)
               : is_simple(key)   ? assign_slice(op, key, given)
                                  : assign_whole(op, key, given);
  Py_DECREF(given);
  return failed;
}

static int bytes_contains(PyObject *op, PyObject *value) {
  PyObject *self = now(op);
  int there = self == NULL ? -1 : PySequence_Contains(self, value);
  Py_XDECREF(self);
  return there;
}

static PyObject *bytes_iter(PyObject *op) {
  return view_readable((view *)op) < 0 ? NULL : PySeqIter_New(op);
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
  view *v = (view *)op;
  VIEW_CHECK(v);
  bool itself = view_of(other, FAMILY_BYTES) && ((view *)other)->node == v->node;
  PyObject *given = itself ? private(op) : operand(other);
  bool stays = !itself && given != NULL && v->node != NULL && bytes_stays(v->node, 0);
  PyObject *self = given == NULL ? NULL
                   : !stays      ? private(op)
                                 : changing(v) < 0 ? NULL : bytes_part(v->node, 0, 0);
  PyObject *result = self == NULL ? NULL : PySequence_InPlaceConcat(self, given);
  Py_XDECREF(given);
  if (result != NULL && stays && (changing(v) < 0 || bytes_append(v->scope->core, v->node, self) < 0))
    Py_CLEAR(result);
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
  PyObject *seen = output ? NULL : memory_whole(v);
  PyObject *source = output ? private(op) : seen == NULL ? NULL : heavy_export(STATE(v), seen);
  Py_XDECREF(seen);
  int failed = source == NULL || (output && log_write(op) < 0)
                   ? -1
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
