// pending_bytes.c: a bytearray or array.array seen through its overlay. While a run changes single
// elements and the end, that is
//
//   base[:keep], where changed holds newer elements by their index  ++  added
//
// added is an object of the same type, and so is each element in changed: a piece, which holds nothing
// else. The type itself checks and rounds what goes into a piece; from there on bytes are copied and
// compared, so that a NaN or -0.0 stays what it is. A piece in changed is never written again, since a
// savepoint may have it too.
//
// What needs all of it at once, and more changes than a copy is worth, make it one private copy: full.
//
// Calls that run Python code: none. A collection would, and is put off where it matters.
#include "ext.h"

// A piece takes some hundred bytes: past this many a copy of everything is the cheaper.
#define FEW_PIECES 16
#define BYTES_PER_PIECE 256

static Py_ssize_t size(PyObject *memory) { return memory == NULL ? 0 : PyObject_Size(memory); }

Py_ssize_t bytes_len(node *n) {
  overlay *o = n->pending;
  if (o == NULL)
    return size(n->target);
  return o->full != NULL ? size(o->full) : o->keep + size(o->added);
}

bool bytes_scattered(node *n) {
  overlay *o = n->pending;
  return n->kind == KIND_BYTES && o != NULL && o->full == NULL &&
         ((o->changed != NULL && PyDict_GET_SIZE(o->changed) > 0) || size(o->added) > 0 ||
          o->keep != size(n->target));
}

bool bytes_stays(node *n, Py_ssize_t more) {
  overlay *o = n->pending;
  if (o != NULL && o->full != NULL)
    return false;
  Py_ssize_t pieces = o == NULL || o->changed == NULL ? 0 : PyDict_GET_SIZE(o->changed);
  return pieces + more <= FEW_PIECES + size(n->target) / BYTES_PER_PIECE;
}

int bytes_shorter(PyObject *target) {
  PyErr_Format(PyExc_RuntimeError,
               "a %s of the context became shorter while a process was changing it; change it "
               "through processes or edit() only",
               Py_TYPE(target)->tp_name);
  return -1;
}

// Copies the first `count` elements of one into another of the same type, from index i on. Takes no
// memory. 0, or -1 with an exception.
static int copy_elements(PyObject *into, Py_ssize_t i, PyObject *from, Py_ssize_t count) {
  Py_buffer a, b;
  int failed = -1;
  if (PyObject_GetBuffer(from, &b, PyBUF_SIMPLE) < 0)
    return -1;
  if (PyObject_GetBuffer(into, &a, PyBUF_WRITABLE) == 0) {
    Py_ssize_t bytes = count * b.itemsize, at = i * b.itemsize;
    failed = bytes > b.len || at > a.len - bytes ? bytes_shorter(into) : 0;
    if (!failed && bytes > 0)
      memcpy((char *)a.buf + at, b.buf, (size_t)bytes);
    PyBuffer_Release(&a);
  }
  PyBuffer_Release(&b);
  return failed;
}

int bytes_put(PyObject *into, Py_ssize_t i, PyObject *piece) {
  return copy_elements(into, i, piece, 1);
}

int bytes_end(PyObject *into, Py_ssize_t i, PyObject *part) {
  Py_ssize_t count = size(part);
  if (size(into) - i == count) // also where it cannot be resized, and without memory
    return count == 0 ? 0 : copy_elements(into, i, part, count);
  return part == NULL ? PySequence_DelSlice(into, i, PY_SSIZE_T_MAX)
                      : PySequence_SetSlice(into, i, PY_SSIZE_T_MAX, part);
}

// Borrowed: the newer element at an index of the base; NULL without an exception: there is none.
static PyObject *newer(const overlay *o, Py_ssize_t i) {
  if (o->changed == NULL)
    return NULL;
  PyObject *index = PyLong_FromSsize_t(i);
  PyObject *piece = index == NULL ? NULL : PyDict_GetItemWithError(o->changed, index);
  Py_XDECREF(index);
  return piece;
}

// Puts what is newer between two indexes of the base into a copy of that part. 0, -1.
static int renew(const overlay *o, PyObject *part, Py_ssize_t start, Py_ssize_t stop) {
  PyObject *index, *piece;
  Py_ssize_t pos = 0;
  if (o->changed == NULL)
    return 0;
  if (stop - start < PyDict_GET_SIZE(o->changed)) {
    for (Py_ssize_t i = start; i < stop; i++) {
      piece = newer(o, i);
      if (piece == NULL ? PyErr_Occurred() != NULL : bytes_put(part, i - start, piece) < 0)
        return -1;
    }
    return 0;
  }
  while (PyDict_Next(o->changed, &pos, &index, &piece)) {
    Py_ssize_t i = PyLong_AsSsize_t(index);
    if (i >= start && i < stop && bytes_put(part, i - start, piece) < 0)
      return -1;
  }
  return 0;
}

// ---- reading --------------------------------------------------------------------------------------

PyObject *bytes_get(node *n, Py_ssize_t i) {
  overlay *o = n->pending;
  if (i < 0 || i >= bytes_len(n))
    return PySequence_GetItem(n->target, PY_SSIZE_T_MAX); // the type's own IndexError
  if (o == NULL)
    return PySequence_GetItem(n->target, i);
  if (o->full != NULL)
    return PySequence_GetItem(o->full, i);
  if (i >= o->keep)
    return PySequence_GetItem(o->added, i - o->keep);
  PyObject *piece = newer(o, i);
  if (piece == NULL && PyErr_Occurred())
    return NULL;
  return piece == NULL ? PySequence_GetItem(n->target, i) : PySequence_GetItem(piece, 0);
}

static PyObject *part_of(node *n, Py_ssize_t start, Py_ssize_t stop) {
  overlay *o = n->pending;
  if (o == NULL || o->full != NULL)
    return PySequence_GetSlice(o == NULL ? n->target : o->full, start, stop);
  Py_ssize_t middle = o->keep < start ? start : o->keep > stop ? stop : o->keep;
  PyObject *part = PySequence_GetSlice(n->target, start, middle);
  if (part == NULL || (size(part) != middle - start && bytes_shorter(n->target) < 0) ||
      renew(o, part, start, middle) < 0)
    goto error;
  if (stop > middle) {
    PyObject *rest = PySequence_GetSlice(o->added, middle - o->keep, stop - o->keep);
    PyObject *grown = rest == NULL ? NULL : PySequence_InPlaceConcat(part, rest); // part itself
    Py_XDECREF(rest);
    Py_XDECREF(grown);
    if (grown == NULL)
      goto error;
  }
  return part;
error:
  Py_XDECREF(part);
  return NULL;
}

PyObject *bytes_part(node *n, Py_ssize_t start, Py_ssize_t stop) {
  int collects = PyGC_Disable(); // a collection runs destructors, which may write here
  PyObject *part = part_of(n, start, stop);
  if (collects)
    (void)PyGC_Enable(); // it says what was before, which we know
  return part;
}

int bytes_gather(node *n) {
  overlay *o = n->pending;
  if (o == NULL || o->full != NULL)
    return 0;
  PyObject *full = bytes_part(n, 0, bytes_len(n));
  if (full == NULL)
    return -1;
  PyObject *dying[] = {o->changed, o->added};
  o->changed = o->added = NULL;
  o->full = full;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
  return 0;
}

// ---- writing --------------------------------------------------------------------------------------

// Borrowed: what is pending, ready to be changed; NULL with an exception.
static overlay *ready(core *c, node *n) {
  return core_read(c, n, THEUS_WHOLE_KEY) < 0 || core_touch(c, n) < 0 ? NULL : n->pending;
}

static int set(core *c, node *n, Py_ssize_t i, PyObject *piece) {
  overlay *o = ready(c, n);
  if (o == NULL)
    return -1;
  // Making these may collect, and a destructor write here: only then is looked where the place is.
  PyObject *fresh = o->full == NULL && o->changed == NULL ? PyDict_New() : NULL;
  PyObject *index = PyLong_FromSsize_t(i);
  int failed = -1;
  if (index == NULL || (fresh == NULL && PyErr_Occurred()) || core_unchanged(n, o) < 0)
    goto done;
  if (i < 0 || i >= bytes_len(n)) { // user code ran since the caller looked
    failed = PySequence_SetItem(n->target, PY_SSIZE_T_MAX, index) < 0 ? -1 : bytes_shorter(n->target);
  } else if (o->full != NULL) {
    failed = bytes_put(o->full, i, piece);
  } else if (i >= o->keep) {
    failed = bytes_put(o->added, i - o->keep, piece);
  } else {
    if (o->changed == NULL)
      o->changed = Py_XNewRef(fresh);
    failed = o->changed == NULL ? -1 : PyDict_SetItem(o->changed, index, piece);
  }
done:
  Py_XDECREF(index);
  Py_XDECREF(fresh);
  return failed;
}

int bytes_set(core *c, node *n, Py_ssize_t i, PyObject *part) {
  Py_ssize_t count = size(part);
  int failed = 0;
  core_enter(c);
  for (Py_ssize_t k = 0; !failed && k < count; k++) {
    PyObject *piece = count == 1 ? Py_NewRef(part) : PySequence_GetSlice(part, k, k + 1);
    failed = piece == NULL ? -1 : set(c, n, i + k, piece);
    Py_XDECREF(piece);
  }
  core_exit(c);
  return failed;
}

static int append(core *c, node *n, PyObject *part) {
  overlay *o = ready(c, n);
  if (o == NULL || size(part) == 0)
    return o == NULL ? -1 : 0;
  if (o->full == NULL && o->added == NULL) {
    o->added = Py_NewRef(part);
    return 0;
  }
  PyObject *end = Py_NewRef(o->full != NULL ? o->full : o->added);
  PyObject *grown = PySequence_InPlaceConcat(end, part); // end itself
  Py_XDECREF(grown);
  Py_DECREF(end);
  return grown == NULL ? -1 : 0;
}

int bytes_append(core *c, node *n, PyObject *part) {
  core_enter(c);
  int failed = append(c, n, part);
  core_exit(c);
  return failed;
}

static int pop(core *c, node *n) {
  overlay *o = ready(c, n);
  if (o == NULL)
    return -1;
  Py_ssize_t last = bytes_len(n) - 1;
  PyObject *end = o->full != NULL ? o->full : size(o->added) > 0 ? o->added : NULL;
  if (last < 0 || end != NULL) // of an empty one: the type's own IndexError
    return PySequence_DelItem(last < 0 ? n->target : end, last < 0 ? PY_SSIZE_T_MAX : size(end) - 1);
  PyObject *index = o->changed == NULL ? NULL : PyLong_FromSsize_t(last);
  if (o->changed != NULL && index == NULL)
    return -1;
  int there = index == NULL ? 0 : PyDict_Contains(o->changed, index);
  if (there > 0)
    there = PyDict_DelItem(o->changed, index);
  Py_XDECREF(index);
  if (there >= 0)
    o->keep--;
  return there;
}

int bytes_drop_last(core *c, node *n) {
  core_enter(c);
  int failed = pop(c, n);
  core_exit(c);
  return failed;
}

bool bytes_restore(node *n, overlay *before) {
  PyObject *live = n->pending->full, *index, *piece;
  Py_ssize_t pos = 0, added = size(before->added);
  if (Py_REFCNT(live) == 1 || size(live) != before->keep + added) // nobody has it, or it cannot be
    return false;
  int failed = copy_elements(live, 0, n->target, before->keep);
  while (!failed && before->changed != NULL && PyDict_Next(before->changed, &pos, &index, &piece))
    failed = bytes_put(live, PyLong_AsSsize_t(index), piece);
  if (!failed && added > 0)
    failed = copy_elements(live, before->keep, before->added, added);
  PyErr_Clear(); // the base was changed from outside: then what was saved counts
  if (failed)
    return false;
  n->pending->changed = before->changed; // it is dropped, and this with it
  n->pending->added = before->added;
  before->changed = before->added = NULL;
  return true;
}
