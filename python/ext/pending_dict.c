// pending_dict.c: a dict seen through its overlay. Cost follows what is touched: one key costs the
// same in ten and in ten million.
//
// Looking a key up may run its __hash__ and __eq__, and these may do anything: end the run, roll
// back, write to this very dict. So each function enters the core, which keeps node and overlay;
// a dict that is searched is owned meanwhile; and a write that finds its overlay replaced at the
// end is refused, or it would be lost.
#include "ext.h"

static int contains(PyObject *dict, PyObject *key) {
  if (dict == NULL || PyDict_GET_SIZE(dict) == 0)
    return 0;
  Py_INCREF(dict);
  int there = PyDict_Contains(dict, key);
  Py_DECREF(dict);
  return there;
}

// 1 and *value new, 0, or -1.
static int lookup(PyObject *dict, PyObject *key, PyObject **value) {
  if (dict == NULL || PyDict_GET_SIZE(dict) == 0)
    return 0;
  Py_INCREF(dict);
  PyObject *found = Py_XNewRef(PyDict_GetItemWithError(dict, key));
  Py_DECREF(dict);
  if (found == NULL)
    return PyErr_Occurred() ? -1 : 0;
  *value = found;
  return 1;
}

static inline __attribute__((always_inline)) int get(node *n, PyObject *key, PyObject **value) {
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

// An __eq__ let a commit in, and what was found may be of two versions: look again.
static RARELY int get_again(core *c, node *n, PyObject *key, PyObject **value) {
  int got;
  unsigned kept;
  c->torn = c->busy > 1 && c->torn; // the operation around this one has to look again as well
  do {
    Py_CLEAR(*value);
    got = core_read(c, n, THEUS_WHOLE_KEY);
    kept = c->kept;
    if (got == 0)
      got = get(n, key, value);
  } while (got >= 0 && c->kept != kept);
  return got;
}

int dict_get(core *c, node *n, PyObject *key, PyObject **value) {
  *value = NULL;
  core_enter(c);
  int got = core_read(c, n, key_of_item(key)) < 0 ? -1 : get(n, key, value);
  if (c->torn && got >= 0)
    got = get_again(c, n, key, value);
  core_exit(c);
  return got;
}

int dict_contains(core *c, node *n, PyObject *key) {
  PyObject *value;
  int there = dict_get(c, n, key, &value);
  Py_XDECREF(value);
  return there;
}

static int put(PyObject **slot, PyObject *key, PyObject *value) {
  if (*slot == NULL) {
    PyObject *fresh = PyDict_New(); // may collect, and a destructor may have been here first
    if (fresh == NULL)
      return -1;
    if (*slot == NULL)
      *slot = fresh;
    else
      Py_DECREF(fresh);
  }
  PyObject *dict = Py_NewRef(*slot);
  int failed = PyDict_SetItem(dict, key, value);
  Py_DECREF(dict);
  return failed;
}

static int drop(PyObject *dict, PyObject *key) {
  Py_INCREF(dict);
  int failed = PyDict_DelItem(dict, key);
  Py_DECREF(dict);
  return failed;
}

static int set(core *c, node *n, PyObject *key, PyObject *value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  int in_base = o->hidden ? 0 : contains(n->target, key);
  int dead = in_base > 0 ? contains(o->dead, key) : in_base;
  if (dead < 0)
    return -1;
  if (in_base > 0 && !dead && !o->hidden)
    return put(&o->changed, key, value) < 0 ? -1 : core_unchanged(n, o);
  Py_ssize_t before = o->added == NULL ? 0 : PyDict_GET_SIZE(o->added);
  if (put(&o->added, key, value) < 0)
    return -1;
  if (o->added == NULL || PyDict_GET_SIZE(o->added) > before)
    o->structure++;
  return core_unchanged(n, o);
}

int dict_set(core *c, node *n, PyObject *key, PyObject *value) {
  core_enter(c);
  int failed = core_read(c, n, key_of_item(key)) < 0 ? -1 : set(c, n, key, value);
  core_exit(c);
  return failed;
}

static int del(core *c, node *n, PyObject *key) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  int there = contains(o->added, key);
  if (there < 0)
    return -1;
  if (there && o->added != NULL) {
    o->structure++;
    return drop(o->added, key) < 0 || core_unchanged(n, o) < 0 ? -1 : 1;
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
  if (there && o->changed != NULL && drop(o->changed, key) < 0)
    return -1;
  return core_unchanged(n, o) < 0 ? -1 : 1;
}

int dict_del(core *c, node *n, PyObject *key) {
  core_enter(c);
  int there = core_read(c, n, key_of_item(key)) < 0 ? -1 : del(c, n, key);
  core_exit(c);
  return there;
}

int dict_clear(core *c, node *n) {
  core_enter(c);
  int failed = core_touch(c, n);
  if (!failed) {
    overlay *o = n->pending;
    PyObject *dying[] = {o->reverse, o->forward, o->changed, o->dead, o->added};
    o->hidden = true;
    o->structure++;
    o->reverse = o->forward = o->changed = o->dead = o->added = NULL;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
      Py_XDECREF(dying[i]);
  }
  core_exit(c);
  return failed;
}

Py_ssize_t dict_len(node *n) {
  overlay *o = n->pending;
  if (o == NULL)
    return PyDict_GET_SIZE(n->target);
  Py_ssize_t length = o->added == NULL ? 0 : PyDict_GET_SIZE(o->added);
  if (!o->hidden)
    length += PyDict_GET_SIZE(n->target) - (o->dead == NULL ? 0 : PyDict_GET_SIZE(o->dead));
  return length < 0 ? 0 : length; // the base may have shrunk behind our back
}

// New: the last key of a dict, NULL without an exception if it is empty.
static PyObject *last_key(PyObject *dict) {
  PyObject *keys = PyObject_CallMethod(dict, "__reversed__", NULL);
  PyObject *key = keys == NULL ? NULL : PyIter_Next(keys);
  Py_XDECREF(keys);
  return key;
}

// The next key of the base that is still there. 1 and both new, 0, -1.
static int walk(node *n, PyObject **slot, bool reversed, PyObject **key, PyObject **value) {
  if (*slot == NULL) {
    PyObject *keys = base_keys(n->target, reversed);
    if (keys == NULL)
      return -1;
    Py_XSETREF(*slot, keys);
  }
  PyObject *keys = Py_NewRef(*slot);
  int there = 0;
  while (there == 0 && (*key = PyIter_Next(keys)) != NULL) {
    there = contains(n->pending->dead, *key);
    there = there < 0 ? -1 : there ? 0 : get(n, *key, value);
    if (there == 0)
      Py_CLEAR(*key);
  }
  Py_DECREF(keys);
  return there == 0 && PyErr_Occurred() ? -1 : there;
}

// The base is walked from its end by an iterator that the overlay keeps, so that popping all of a
// large dict stays linear.
static int last(core *c, node *n, PyObject **key, PyObject **value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  if (o->added != NULL && PyDict_GET_SIZE(o->added) > 0) {
    PyObject *added = Py_NewRef(o->added);
    *key = last_key(added);
    int there = *key == NULL ? -1 : lookup(added, *key, value);
    Py_DECREF(added);
    return there;
  }
  if (dict_len(n) == 0)
    return 0;
  return walk(n, &o->reverse, true, key, value);
}

int dict_last(core *c, node *n, PyObject **key, PyObject **value) {
  *key = *value = NULL;
  core_enter(c);
  int there = core_read(c, n, THEUS_WHOLE_KEY) < 0 ? -1 : last(c, n, key, value);
  core_exit(c);
  if (there <= 0) {
    Py_CLEAR(*key);
    Py_CLEAR(*value);
  }
  return there;
}

// Deleting key by key leaves holes at the end of the added keys; popitem does not, and stays linear.
static int drop_last(core *c, node *n, PyObject *key) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  if (o->added == NULL || PyDict_GET_SIZE(o->added) == 0)
    return del(c, n, key);
  PyObject *added = Py_NewRef(o->added), *newest = last_key(added), *item = NULL;
  bool same = newest == key;
  if (same && (item = PyObject_CallMethod(added, "popitem", NULL)) != NULL)
    o->structure++;
  int there = newest == NULL ? -1 : !same ? del(c, n, key) : item == NULL ? -1 : 1;
  Py_DECREF(added);
  Py_XDECREF(newest);
  Py_XDECREF(item);
  return there > 0 && core_unchanged(n, o) < 0 ? -1 : there;
}

void dict_forget_last(node *n) {
  if (n->pending != NULL) {
    Py_CLEAR(n->pending->reverse);
    Py_CLEAR(n->pending->forward);
  }
}

int dict_drop_last(core *c, node *n, PyObject *key) {
  core_enter(c);
  int there = drop_last(c, n, key);
  core_exit(c);
  return there;
}

// The same from the beginning, for OrderedDict.
static int first(core *c, node *n, PyObject **key, PyObject **value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  int there = o->hidden ? 0 : walk(n, &o->forward, false, key, value);
  Py_ssize_t pos = 0;
  if (there != 0 || o->added == NULL || !PyDict_Next(o->added, &pos, key, value))
    return there;
  Py_INCREF(*key);
  Py_INCREF(*value);
  return 1;
}

int dict_first(core *c, node *n, PyObject **key, PyObject **value) {
  *key = *value = NULL;
  core_enter(c);
  int there = core_read(c, n, THEUS_WHOLE_KEY) < 0 ? -1 : first(c, n, key, value);
  core_exit(c);
  if (there <= 0) {
    Py_CLEAR(*key);
    Py_CLEAR(*value);
  }
  return there;
}

// The next key and value of the base, borrowed; 1, 0, -1.
static int base_next(node *n, dict_cursor *at, PyObject **key, PyObject **value) {
  if (!PyODict_Check(n->target))
    return PyDict_Next(n->target, &at->pos, key, value);
  if (at->walk == NULL && (at->walk = base_keys(n->target, false)) == NULL)
    return -1;
  if ((*key = PyIter_Next(at->walk)) == NULL)
    return PyErr_Occurred() ? -1 : 0;
  Py_DECREF(*key); // the base holds it
  *value = PyDict_GetItemWithError(n->target, *key);
  return *value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

void dict_stop(dict_cursor *at) { Py_CLEAR(at->walk); }

// First the base without its dead keys, then what was added.
static int next(node *n, dict_cursor *at, PyObject **key, PyObject **value) {
  overlay *o = n->pending;
  PyObject *k, *v;
  if (at->phase == 0) {
    int more = 0;
    while ((o == NULL || !o->hidden) && (more = base_next(n, at, &k, &v)) > 0) {
      *key = Py_NewRef(k);
      *value = Py_NewRef(v);
      if (o == NULL)
        return 1;
      PyObject *newer = NULL;
      int dead = contains(o->dead, *key);
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
    if (more < 0)
      return -1;
    at->phase = 1;
    at->pos = 0;
    // A reader that keeps an older version goes on in its copy where it stood in the base.
    for (Py_ssize_t i = 0; o != NULL && o->base_kept && i < at->passed; i++)
      if (!PyDict_Next(o->added, &at->pos, &k, &v))
        break;
  }
  if (o == NULL || o->added == NULL || !PyDict_Next(o->added, &at->pos, &k, &v))
    return 0;
  *key = Py_NewRef(k);
  *value = Py_NewRef(v);
  return 1;
}

int dict_next(core *c, node *n, dict_cursor *at, PyObject **key, PyObject **value) {
  core_enter(c);
  int more = core_read(c, n, THEUS_WHOLE_KEY);
  unsigned kept = c->kept;
  if (more == 0)
    more = next(n, at, key, value);
  if (more >= 0 && c->kept != kept) {
    if (more > 0) {
      Py_CLEAR(*key);
      Py_CLEAR(*value);
    }
    more = core_torn(c);
  }
  at->passed += more > 0;
  core_exit(c);
  return more;
}
