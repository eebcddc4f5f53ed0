// pending_memory.c: values that are memory (bytearray, array.array, numpy arrays) seen through their
// overlay: a private copy, made once. A commit writes the copy into the original, which stays the
// object it was; memory that did not change is not written. A bytearray or array of which only
// elements and the end are changed needs no copy: pending_bytes.c.
//
// A registered type says itself how it is copied, and how a copy is written into the original.
//
// Calls that run Python code: those two; numpy; the slices of a bytearray or array do not.
#include "ext.h"

#define WARN_BYTES (1 << 20)

// New: an independent copy, of the same type; also of a deque.
PyObject *memory_copy(PyObject *how, PyObject *value) {
  if (how != NULL)
    return PyObject_CallOneArg(PyTuple_GET_ITEM(how, 0), value);
  if (PyByteArray_Check(value) || PyObject_HasAttrString(value, "typecode"))
    return PySequence_GetSlice(value, 0, PY_SSIZE_T_MAX);
  return PyObject_CallMethod(value, "copy", NULL);
}

static int warn_large(view *v, PyObject *value) {
  uint64_t size = heavy_nbytes(value);
  if (size <= WARN_BYTES)
    return 0;
  PyObject *path = view_path(v, 0, NULL, 0);
  int failed = path == NULL ? -1
                            : PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                                               "%U is an output of %llu bytes, which is copied to be "
                                               "able to undo it; under a name that starts with "
                                               "heavy_ it is passed by reference and not undone",
                                               path, (unsigned long long)size);
  Py_XDECREF(path);
  return failed;
}

PyObject *memory_now(node *n) {
  overlay *o = n->pending;
  return Py_NewRef(o != NULL && o->full != NULL ? o->full : n->target);
}

// Makes one copy of what is scattered. 0, or -1 with an exception.
static int gather(view *v) {
  node *n = v->node;
  core *c = v->scope->core;
  if ((v->shape->bits & THEUS_MAY_WRITE) && warn_large(v, n->target) < 0)
    return -1;
  VIEW_CHECK_INT(v); // a warning may run user code
  core_enter(c);
  int failed = core_read(c, n, THEUS_WHOLE_KEY) < 0 || n->released || bytes_gather(n) < 0 ? -1 : 0;
  core_exit(c);
  if (!failed)
    VIEW_CHECK_INT(v);
  else if (!PyErr_Occurred())
    errors_stale(v);
  return failed;
}

PyObject *memory_whole(view *v) {
  return bytes_scattered(v->node) && gather(v) < 0 ? NULL : memory_now(v->node);
}

PyObject *memory_private(view *v) {
  node *n = v->node;
  core *c = v->scope->core;
  bool fresh = n->pending == NULL || n->pending->full == NULL;
  PyObject *how = n->kind == KIND_COPIED ? kind_how(STATE(v), n->target) : NULL; // borrowed
  if (fresh && how == NULL && warn_large(v, n->target) < 0)
    return NULL;
  VIEW_CHECK(v);
  core_enter(c);
  bool noted = core_read(c, n, THEUS_WHOLE_KEY) == 0;
  bool scattered = n->kind == KIND_BYTES; // a copy of it has to have what is pending
  PyObject *private =
      !noted || core_touch(c, n) < 0 || (scattered && bytes_gather(n) < 0) ? NULL : memory_now(n);
  if (private == n->target)
    Py_SETREF(private, memory_copy(how, n->target));
  overlay *o = n->pending;
  if (private != NULL && o != NULL && o->full == NULL) {
    o->full = Py_NewRef(private);
    Py_XSETREF(o->how, Py_XNewRef(how));
  } else if (private != NULL && o != NULL)
    Py_SETREF(private, Py_NewRef(o->full)); // copying may have collected, and this been asked for
  core_exit(c);
  return private;
}

// Copies the bytes of one object into another of the same size. 1, 0 if that cannot be done.
static int copy_bytes(PyObject *into, PyObject *from) {
  Py_buffer a, b;
  int done = 0;
  if (PyObject_GetBuffer(from, &b, PyBUF_SIMPLE) == 0) {
    if (PyObject_GetBuffer(into, &a, PyBUF_WRITABLE) == 0) {
      if (a.len == b.len) {
        memcpy(a.buf, b.buf, (size_t)a.len);
        done = 1;
      }
      PyBuffer_Release(&a);
    }
    PyBuffer_Release(&b);
  }
  PyErr_Clear(); // not contiguous, or not writable: the caller has another way
  return done;
}

int memory_same(PyObject *x, PyObject *y) {
  Py_buffer a, b;
  int same = 0;
  if (PyObject_GetBuffer(x, &b, PyBUF_SIMPLE) == 0) {
    if (PyObject_GetBuffer(y, &a, PyBUF_SIMPLE) == 0) {
      same = a.len == b.len && memcmp(a.buf, b.buf, (size_t)a.len) == 0;
      PyBuffer_Release(&a);
    }
    PyBuffer_Release(&b);
  }
  PyErr_Clear();
  return same;
}

static bool same_attribute(PyObject *a, PyObject *b, const char *name) {
  PyObject *x = PyObject_GetAttrString(a, name);
  PyObject *y = x == NULL ? NULL : PyObject_GetAttrString(b, name);
  int same = y == NULL ? 0 : PyObject_RichCompareBool(x, y, Py_EQ);
  PyErr_Clear(); // cannot be compared: not the same
  Py_XDECREF(y);
  Py_XDECREF(x);
  return same > 0;
}

int memory_unchanged(node *n) {
  PyObject *full = n->pending->full;
  if (full == NULL || n->kind == KIND_COPIED)
    return full == NULL;
  if (n->kind == KIND_ARRAY &&
      (!same_attribute(full, n->target, "shape") || !same_attribute(full, n->target, "dtype")))
    return 0;
  return memory_same(full, n->target);
}

int memory_write(PyObject *how, PyObject *target, PyObject *from, bool array) {
  if (how != NULL) {
    PyObject *none = PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(how, 1), target, from, NULL);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
  }
  if (array) {
    if (!same_attribute(target, from, "shape") || !same_attribute(target, from, "dtype")) {
      PyErr_SetString(PyExc_ValueError,
                      "an array of the context changed its shape or element type; assign a new "
                      "array to the field instead");
      return -1;
    }
    return PyObject_SetItem(target, Py_Ellipsis, from);
  }
  if (copy_bytes(target, from))
    return 0;
  return PySequence_SetSlice(target, 0, PY_SSIZE_T_MAX, from);
}

// A savepoint is undone: the private copy that the outer process holds gets its bytes back and
// stays the one that counts. Where that cannot be, what was saved counts.
void memory_rollback(node *n, overlay *before) {
  overlay *pending = n->pending;
  if (pending == NULL || before == NULL || pending->full == NULL)
    return;
  if (before->full != NULL ? !copy_bytes(pending->full, before->full)
                           : n->kind != KIND_BYTES || !bytes_restore(n, before))
    return;
  PyObject *live = pending->full;
  pending->full = before->full;
  before->full = live;
}
