// pending_deque.c: a deque seen through its overlay: what was put before it, a window of the base,
// what was put behind it. Both ends cost the same in ten and in ten million.
//
//   left  ++  base[skip:keep], where changed holds newer items by their index in the base  ++  added
//
// left and added are deques, so that either end may be taken from all the way through.
#include "ext.h"

static Py_ssize_t size(PyObject *deque) { return deque == NULL ? 0 : Py_SIZE(deque); }

Py_ssize_t deque_len(node *n) {
  overlay *o = n->pending;
  return o == NULL ? Py_SIZE(n->target) : size(o->left) + o->keep - o->skip + size(o->added);
}

static PyObject *item(state *st, PyObject *deque, Py_ssize_t i) {
  return st->builtin[FAMILY_DEQUE]->tp_as_sequence->sq_item(deque, i);
}

// New: an item of the base, or what replaced it.
static PyObject *base_item(state *st, node *n, Py_ssize_t i) {
  overlay *o = n->pending;
  if (o != NULL && o->changed != NULL && PyDict_GET_SIZE(o->changed) > 0) {
    PyObject *index = PyLong_FromSsize_t(i);
    PyObject *found = index == NULL ? NULL : PyDict_GetItemWithError(o->changed, index);
    Py_XINCREF(found);
    Py_XDECREF(index);
    if (found != NULL || PyErr_Occurred())
      return found;
  }
  return item(st, n->target, i);
}

PyObject *deque_get(state *st, node *n, Py_ssize_t i) {
  overlay *o = n->pending;
  if (i < 0 || i >= deque_len(n)) {
    PyErr_SetString(PyExc_IndexError, "deque index out of range");
    return NULL;
  }
  if (o == NULL)
    return item(st, n->target, i);
  if (i < size(o->left))
    return item(st, o->left, i);
  i += o->skip - size(o->left);
  return i < o->keep ? base_item(st, n, i) : item(st, o->added, i - o->keep);
}

static int set(core *c, state *st, node *n, Py_ssize_t i, PyObject *value) {
  if (core_touch(c, n) < 0 || core_note(c, n, THEUS_WHOLE_KEY) < 0)
    return -1;
  overlay *o = n->pending;
  if (i < 0 || i >= deque_len(n)) { // user code ran since the caller looked
    PyErr_SetString(PyExc_IndexError, "deque index out of range");
    return -1;
  }
  ssizeobjargproc assign = st->builtin[FAMILY_DEQUE]->tp_as_sequence->sq_ass_item;
  if (i < size(o->left))
    return assign(o->left, i, value);
  i += o->skip - size(o->left);
  if (i >= o->keep)
    return assign(o->added, i - o->keep, value);
  PyObject *changed = Py_XNewRef(o->changed);
  if (changed == NULL && (changed = PyDict_New()) != NULL) // may collect: look again
    Py_XSETREF(o->changed, Py_NewRef(changed));
  PyObject *index = changed == NULL ? NULL : PyLong_FromSsize_t(i);
  int failed = index == NULL ? -1 : PyDict_SetItem(changed, index, value);
  Py_XDECREF(index);
  Py_XDECREF(changed);
  return failed;
}

int deque_set(core *c, state *st, node *n, Py_ssize_t i, PyObject *value) {
  core_enter(c);
  int failed = set(c, st, n, i, value);
  core_exit(c);
  return failed;
}

static int push(core *c, state *st, node *n, bool left, PyObject *value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  PyObject **end = left ? &o->left : &o->added;
  if (*end == NULL) {
    PyObject *fresh = PyObject_CallNoArgs((PyObject *)st->builtin[FAMILY_DEQUE]);
    if (fresh == NULL)
      return -1;
    if (*end == NULL) // making it may have collected, and a destructor been here first
      *end = fresh;
    else
      Py_DECREF(fresh);
  }
  PyObject *deque = Py_NewRef(*end);
  PyObject *none = base_deque(st, left ? "appendleft" : "append", deque, value);
  Py_XDECREF(none);
  Py_DECREF(deque);
  o->structure++;
  return none == NULL ? -1 : 0;
}

int deque_push(core *c, state *st, node *n, bool left, PyObject *value) {
  core_enter(c);
  int failed = push(c, st, n, left, value);
  core_exit(c);
  return failed;
}

static PyObject *pull(core *c, state *st, node *n, bool left) {
  if (deque_len(n) == 0) {
    PyErr_SetString(PyExc_IndexError, "pop from an empty deque");
    return NULL;
  }
  if (core_touch(c, n) < 0 || core_note(c, n, THEUS_WHOLE_KEY) < 0)
    return NULL;
  overlay *o = n->pending;
  PyObject *near = left ? o->left : o->added, *far = left ? o->added : o->left;
  o->structure++;
  if (size(near) > 0 || o->skip == o->keep)
    return base_deque(st, left ? "popleft" : "pop", size(near) > 0 ? near : far, NULL);
  Py_ssize_t i = left ? o->skip : o->keep - 1;
  PyObject *value = base_item(st, n, i);
  PyObject *index = value == NULL || o->changed == NULL ? NULL : PyLong_FromSsize_t(i);
  int newer = index == NULL ? 0 : PyDict_Contains(o->changed, index);
  if (newer > 0)
    newer = PyDict_DelItem(o->changed, index);
  Py_XDECREF(index);
  if (value == NULL || newer < 0 || PyErr_Occurred()) {
    Py_XDECREF(value);
    return NULL;
  }
  if (left)
    o->skip++;
  else
    o->keep--;
  return value;
}

PyObject *deque_pull(core *c, state *st, node *n, bool left) {
  core_enter(c);
  PyObject *result = pull(c, st, n, left);
  core_exit(c);
  return result;
}

// As deque does it: one item after the other, the shorter way round.
int deque_rotate(core *c, state *st, node *n, Py_ssize_t by) {
  Py_ssize_t length = deque_len(n);
  if (length < 2)
    return 0;
  by %= length;
  if (by > length / 2)
    by -= length;
  else if (by < -(length / 2))
    by += length;
  for (; by != 0; by += by > 0 ? -1 : 1) {
    PyObject *moved = deque_pull(c, st, n, by < 0);
    int failed = moved == NULL ? -1 : deque_push(c, st, n, by > 0, moved);
    Py_XDECREF(moved);
    if (failed)
      return -1;
  }
  return 0;
}

static int clear(core *c, node *n) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  PyObject *dying[] = {o->left, o->added, o->changed};
  o->left = o->added = o->changed = NULL;
  o->skip = o->keep;
  o->structure++;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
  return 0;
}

int deque_clear(core *c, node *n) {
  core_enter(c);
  int failed = clear(c, n);
  core_exit(c);
  return failed;
}

// ---- walking: an index in the middle of a deque is not O(1), the next item is ------------------------

static int iterator_of(state *st, PyObject *deque, PyObject **iterator) {
  if (deque != NULL && Py_SIZE(deque) > 0)
    *iterator = st->builtin[FAMILY_DEQUE]->tp_iter(deque);
  return PyErr_Occurred() ? -1 : 0;
}

int deque_start(state *st, node *n, deque_cursor *at) {
  overlay *o = n->pending;
  *at = (deque_cursor){0};
  if ((o != NULL && iterator_of(st, o->left, &at->left) < 0) ||
      iterator_of(st, n->target, &at->base) < 0 ||
      (o != NULL && iterator_of(st, o->added, &at->added) < 0)) {
    deque_stop(at);
    return -1;
  }
  for (; o != NULL && at->base != NULL && at->at < o->skip; at->at++) {
    PyObject *skipped = PyIter_Next(at->base);
    Py_XDECREF(skipped);
    if (skipped == NULL) {
      deque_stop(at);
      return PyErr_Occurred() ? -1 : 0;
    }
  }
  return 0;
}

// A reader that keeps an older version goes on in its copy where it stood in the base. 0, -1.
static int move_on(overlay *o, deque_cursor *at) {
  Py_CLEAR(at->base);
  if ((at->added = PyObject_GetIter(o->added)) == NULL)
    return -1;
  for (Py_ssize_t i = 0; i < at->passed; i++) {
    PyObject *passed = PyIter_Next(at->added);
    Py_XDECREF(passed);
    if (passed == NULL)
      return PyErr_Occurred() ? -1 : 0;
  }
  return 0;
}

static PyObject *next(node *n, deque_cursor *at) {
  overlay *o = n->pending;
  if (o != NULL && o->base_kept && at->base != NULL && move_on(o, at) < 0)
    return NULL;
  PyObject *value = at->left == NULL ? NULL : PyIter_Next(at->left);
  if (value != NULL || PyErr_Occurred())
    return value;
  Py_CLEAR(at->left);
  if (at->base != NULL && (o == NULL || at->at < o->keep)) {
    value = PyIter_Next(at->base);
    Py_ssize_t i = at->at++;
    if (value == NULL && PyErr_Occurred())
      return NULL;
    if (value != NULL && o != NULL && o->changed != NULL) {
      PyObject *index = PyLong_FromSsize_t(i);
      PyObject *newer = index == NULL ? NULL : PyDict_GetItemWithError(o->changed, index);
      if (newer != NULL)
        Py_SETREF(value, Py_NewRef(newer));
      Py_XDECREF(index);
      if (PyErr_Occurred())
        Py_CLEAR(value);
    }
    if (value != NULL || PyErr_Occurred())
      return value;
  }
  Py_CLEAR(at->base);
  return at->added == NULL ? NULL : PyIter_Next(at->added);
}

PyObject *deque_next(node *n, deque_cursor *at) {
  PyObject *value = next(n, at);
  at->passed += value != NULL;
  return value;
}

void deque_stop(deque_cursor *at) {
  PyObject *dying[] = {at->left, at->base, at->added};
  at->left = at->base = at->added = NULL;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
}
