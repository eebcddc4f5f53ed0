// pending_dict.c: a dict seen through its overlay. Cost follows what is touched: one key costs the
// same in ten and in ten million.
//
// Looking a key up may run its __hash__ and __eq__. They see consistent structures, and a value is
// owned before anything else can run.
#include "ext.h"

static int contains(PyObject *dict, PyObject *key) {
  return dict == NULL || PyDict_GET_SIZE(dict) == 0 ? 0 : PyDict_Contains(dict, key);
}

// 1 and *value new, 0, or -1.
static int lookup(PyObject *dict, PyObject *key, PyObject **value) {
  if (dict == NULL || PyDict_GET_SIZE(dict) == 0)
    return 0;
  PyObject *found = PyDict_GetItemWithError(dict, key);
  if (found == NULL)
    return PyErr_Occurred() ? -1 : 0;
  *value = Py_NewRef(found);
  return 1;
}

int dict_get(node *n, PyObject *key, PyObject **value) {
  *value = NULL;
  overlay *o = n->pending;
  if (o == NULL)
    return lookup(n->target, key, value);
  int got = lookup(o->added, key, value);
  if (got != 0 || o->hidden)
    return got;
  if ((got = lookup(o->changed, key, value)) != 0)
    return got;
  if ((got = contains(o->dead, key)) != 0)
    return got < 0 ? -1 : 0;
  return lookup(n->target, key, value);
}

static int put(PyObject **dict, PyObject *key, PyObject *value) {
  if (*dict == NULL && (*dict = PyDict_New()) == NULL)
    return -1;
  return PyDict_SetItem(*dict, key, value);
}

int dict_set(core *c, node *n, PyObject *key, PyObject *value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  int in_base = o->hidden ? 0 : contains(n->target, key);
  if (in_base > 0) {
    int dead = contains(o->dead, key);
    if (dead < 0)
      return -1;
    if (!dead)
      return put(&o->changed, key, value);
  } else if (in_base < 0) {
    return -1;
  }
  Py_ssize_t before = o->added == NULL ? 0 : PyDict_GET_SIZE(o->added);
  if (put(&o->added, key, value) < 0)
    return -1;
  if (PyDict_GET_SIZE(o->added) > before)
    o->structure++;
  return 0;
}

int dict_del(core *c, node *n, PyObject *key) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  int there = contains(o->added, key);
  if (there < 0)
    return -1;
  if (there) {
    o->structure++;
    return PyDict_DelItem(o->added, key) < 0 ? -1 : 1;
  }
  if (o->hidden)
    return 0;
  if ((there = contains(o->dead, key)) != 0)
    return there < 0 ? -1 : 0;
  if ((there = contains(n->target, key)) <= 0)
    return there;
  if (put(&o->dead, key, Py_None) < 0)
    return -1;
  o->structure++;
  if ((there = contains(o->changed, key)) < 0)
    return -1;
  return there && PyDict_DelItem(o->changed, key) < 0 ? -1 : 1;
}

int dict_clear(core *c, node *n) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  o->hidden = true;
  o->structure++;
  Py_CLEAR(o->reverse);
  Py_CLEAR(o->changed);
  Py_CLEAR(o->dead);
  Py_CLEAR(o->added);
  return 0;
}

Py_ssize_t dict_len(node *n) {
  overlay *o = n->pending;
  if (o == NULL)
    return PyDict_GET_SIZE(n->target);
  Py_ssize_t length = o->added == NULL ? 0 : PyDict_GET_SIZE(o->added);
  if (!o->hidden)
    length += PyDict_GET_SIZE(n->target) - (o->dead == NULL ? 0 : PyDict_GET_SIZE(o->dead));
  return length;
}

// The base is walked from its end by an iterator that the overlay keeps, so that popping all of a
// large dict stays linear.
int dict_pop_last(core *c, node *n, PyObject **key, PyObject **value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  *key = *value = NULL;
  if (o->added != NULL && PyDict_GET_SIZE(o->added) > 0) {
    PyObject *item = PyObject_CallMethod(o->added, "popitem", NULL);
    if (item == NULL)
      return -1;
    *key = Py_NewRef(PyTuple_GET_ITEM(item, 0));
    *value = Py_NewRef(PyTuple_GET_ITEM(item, 1));
    Py_DECREF(item);
    o->structure++;
    return 1;
  }
  if (dict_len(n) == 0)
    return 0;
  if (o->reverse == NULL &&
      (o->reverse = PyObject_CallMethod(n->target, "__reversed__", NULL)) == NULL)
    return -1;
  for (;;) {
    PyObject *last = PyIter_Next(o->reverse);
    if (last == NULL)
      return PyErr_Occurred() ? -1 : 0;
    int there = dict_get(n, last, value);
    if (there > 0 && dict_del(c, n, last) < 0) {
      Py_CLEAR(*value);
      there = -1;
    }
    if (there > 0) {
      *key = last;
      return 1;
    }
    Py_DECREF(last);
    if (there < 0)
      return -1;
  }
}

// First the base without its dead keys, then what was added.
int dict_next(node *n, dict_cursor *at, PyObject **key, PyObject **value) {
  overlay *o = n->pending;
  PyObject *k, *v;
  if (at->phase == 0) {
    while ((o == NULL || !o->hidden) && PyDict_Next(n->target, &at->pos, &k, &v)) {
      *key = Py_NewRef(k);
      *value = Py_NewRef(v);
      if (o == NULL)
        return 1;
      PyObject *newer = NULL;
      int dead = contains(o->dead, k);
      int changed = dead == 0 ? lookup(o->changed, *key, &newer) : 0;
      if (dead < 0 || changed < 0) {
        Py_CLEAR(*key);
        Py_CLEAR(*value);
        return -1;
      }
      if (changed)
        Py_SETREF(*value, newer);
      if (!dead)
        return 1;
      Py_CLEAR(*key);
      Py_CLEAR(*value);
    }
    at->phase = 1;
    at->pos = 0;
  }
  if (o == NULL || o->added == NULL || !PyDict_Next(o->added, &at->pos, &k, &v))
    return 0;
  *key = Py_NewRef(k);
  *value = Py_NewRef(v);
  return 1;
}
