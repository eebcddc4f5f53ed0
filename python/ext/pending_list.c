// pending_list.c: a list seen through its overlay. Items below `keep` are the base's, changed ones
// in a dict by index; what was appended follows. Anything that shifts items makes one full copy,
// which is what it costs in a plain list too.
#include "ext.h"

static Py_ssize_t tail_len(const overlay *o) {
  return o->added == NULL ? 0 : PyList_GET_SIZE(o->added);
}

Py_ssize_t list_len(node *n) {
  overlay *o = n->pending;
  if (o == NULL)
    return PyList_GET_SIZE(n->target);
  return o->full != NULL ? PyList_GET_SIZE(o->full) : o->keep + tail_len(o);
}

static PyObject *base_get(node *n, Py_ssize_t i) {
  if (i < 0 || i >= PyList_GET_SIZE(n->target)) {
    PyErr_SetString(PyExc_IndexError, "list index out of range");
    return NULL;
  }
  return Py_NewRef(PyList_GET_ITEM(n->target, i));
}

PyObject *list_get(node *n, Py_ssize_t i) {
  overlay *o = n->pending;
  if (o == NULL)
    return base_get(n, i);
  if (i < 0 || i >= list_len(n)) {
    PyErr_SetString(PyExc_IndexError, "list index out of range");
    return NULL;
  }
  if (o->full != NULL)
    return Py_NewRef(PyList_GET_ITEM(o->full, i));
  if (i >= o->keep)
    return Py_NewRef(PyList_GET_ITEM(o->added, i - o->keep));
  if (o->changed != NULL && PyDict_GET_SIZE(o->changed) > 0) {
    PyObject *index = PyLong_FromSsize_t(i);
    PyObject *found = index == NULL ? NULL : PyDict_GetItemWithError(o->changed, index);
    Py_XINCREF(found);
    Py_XDECREF(index);
    if (found != NULL || PyErr_Occurred())
      return found;
  }
  return base_get(n, i);
}

static int set(core *c, node *n, Py_ssize_t i, PyObject *value) {
  if (core_touch(c, n) < 0 || core_note(c, n, key_of_index(i)) < 0)
    return -1;
  overlay *o = n->pending;
  if (i < 0 || i >= list_len(n)) { // user code ran since the caller looked
    PyErr_SetString(PyExc_IndexError, "list assignment index out of range");
    return -1;
  }
  if (o->full != NULL)
    return PyList_SetItem(o->full, i, Py_NewRef(value));
  if (i >= o->keep)
    return PyList_SetItem(o->added, i - o->keep, Py_NewRef(value));
  PyObject *changed = Py_XNewRef(o->changed);
  if (changed == NULL && (changed = PyDict_New()) != NULL) // may collect: look again
    Py_XSETREF(o->changed, Py_NewRef(changed));
  PyObject *index = changed == NULL ? NULL : PyLong_FromSsize_t(i);
  int failed = index == NULL ? -1 : PyDict_SetItem(changed, index, value);
  Py_XDECREF(index);
  Py_XDECREF(changed);
  return failed;
}

int list_set(core *c, node *n, Py_ssize_t i, PyObject *value) {
  core_enter(c);
  int failed = set(c, n, i, value);
  core_exit(c);
  return failed;
}

static int append(core *c, node *n, PyObject *value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  PyObject *fresh = o->full == NULL && o->added == NULL ? PyList_New(0) : NULL;
  if (fresh != NULL && o->full == NULL && o->added == NULL) // making it may have collected
    o->added = Py_NewRef(fresh);
  Py_XDECREF(fresh);
  PyObject *end = o->full != NULL ? o->full : o->added;
  if (end == NULL)
    return -1;
  o->structure++;
  return PyList_Append(end, value);
}

int list_append(core *c, node *n, PyObject *value) {
  core_enter(c);
  int failed = append(c, n, value);
  core_exit(c);
  return failed;
}

static int pop(core *c, node *n) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  if (list_len(n) <= 0) { // user code ran since the caller looked
    PyErr_SetString(PyExc_IndexError, "pop from empty list");
    return -1;
  }
  o->structure++;
  PyObject *end = o->full != NULL ? o->full : tail_len(o) > 0 ? o->added : NULL;
  if (end != NULL)
    return PyList_SetSlice(end, PyList_GET_SIZE(end) - 1, PyList_GET_SIZE(end), NULL);
  o->keep--;
  if (o->changed == NULL)
    return 0;
  PyObject *index = PyLong_FromSsize_t(o->keep);
  int there = index == NULL ? -1 : PyDict_Contains(o->changed, index);
  if (there > 0)
    there = PyDict_DelItem(o->changed, index);
  Py_XDECREF(index);
  return there;
}

int list_drop_last(core *c, node *n) {
  core_enter(c);
  int failed = pop(c, n);
  core_exit(c);
  return failed;
}

static PyObject *full_of(core *c, node *n) {
  if (core_touch(c, n) < 0)
    return NULL;
  overlay *o = n->pending;
  o->structure++;
  if (o->full != NULL)
    return Py_NewRef(o->full);
  PyObject *full = core_note(c, n, THEUS_WHOLE_KEY) < 0 ? NULL : PyList_GetSlice(n->target, 0, o->keep);
  if (full == NULL)
    return NULL;
  if (o->changed != NULL) {
    Py_ssize_t pos = 0;
    PyObject *index, *value;
    while (PyDict_Next(o->changed, &pos, &index, &value)) {
      Py_ssize_t i = PyLong_AsSsize_t(index);
      if (i < PyList_GET_SIZE(full) && PyList_SetItem(full, i, Py_NewRef(value)) < 0)
        goto error;
    }
  }
  if (o->added != NULL && PyList_SetSlice(full, PyList_GET_SIZE(full), PY_SSIZE_T_MAX, o->added) < 0)
    goto error;
  PyObject *changed = o->changed, *added = o->added;
  o->changed = o->added = NULL;
  Py_XSETREF(o->full, Py_NewRef(full));
  Py_XDECREF(changed);
  Py_XDECREF(added);
  return full;
error:
  Py_DECREF(full);
  return NULL;
}

PyObject *list_full(core *c, node *n) {
  core_enter(c);
  PyObject *full = full_of(c, n);
  core_exit(c);
  return full;
}
