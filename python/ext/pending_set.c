// pending_set.c: a set seen through its overlay: elements of the base that are dead, elements that
// were added, or the base hidden altogether. Cost follows what is touched.
//
// Looking an element up may run its __hash__ and __eq__; see pending_dict.c for what that asks for.
#include "ext.h"

static int contains(PyObject *set, PyObject *element) {
  if (set == NULL || PySet_GET_SIZE(set) == 0)
    return 0;
  Py_INCREF(set);
  int there = PySet_Contains(set, element);
  Py_DECREF(set);
  return there;
}

static int holds(node *n, PyObject *element) {
  overlay *o = n->pending;
  if (o == NULL)
    return PySet_Contains(n->target, element);
  int there = contains(o->added, element);
  if (there != 0 || o->hidden)
    return there;
  int dead = contains(o->dead, element);
  if (dead != 0)
    return dead < 0 ? -1 : 0;
  return PySet_Contains(n->target, element);
}

int set_contains(core *c, node *n, PyObject *element) {
  core_enter(c);
  unsigned kept;
  int there;
  do { // an __eq__ may let a commit in: then what was found is of both versions
    there = core_read(c, n, key_of_item(element));
    kept = c->kept;
    if (there == 0)
      there = holds(n, element);
  } while (there >= 0 && c->kept != kept);
  core_exit(c);
  return there;
}

static int put(PyObject **slot, PyObject *element) {
  if (*slot == NULL) {
    PyObject *fresh = PySet_New(NULL); // may collect, and a destructor may have been here first
    if (fresh == NULL)
      return -1;
    if (*slot == NULL)
      *slot = fresh;
    else
      Py_DECREF(fresh);
  }
  PyObject *set = Py_NewRef(*slot);
  int failed = PySet_Add(set, element);
  Py_DECREF(set);
  return failed;
}

static int drop(PyObject *set, PyObject *element) {
  if (set == NULL)
    return 0;
  Py_INCREF(set);
  int there = PySet_Discard(set, element);
  Py_DECREF(set);
  return there;
}

static int add(core *c, node *n, PyObject *element) {
  int there = holds(n, element);
  if (there != 0)
    return there < 0 ? -1 : 0;
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  int dead = o->hidden ? 0 : contains(o->dead, element);
  if (dead < 0 || (dead > 0 ? drop(o->dead, element) : put(&o->added, element)) < 0)
    return -1;
  o->structure++;
  return core_unchanged(n, o) < 0 ? -1 : 1;
}

int set_add(core *c, node *n, PyObject *element) {
  core_enter(c);
  int added = core_read(c, n, key_of_item(element)) < 0 ? -1 : add(c, n, element);
  core_exit(c);
  return added;
}

static int discard(core *c, node *n, PyObject *element) {
  int there = holds(n, element);
  if (there <= 0)
    return there;
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  int added = drop(o->added, element);
  if (added < 0 || (added == 0 && put(&o->dead, element) < 0))
    return -1;
  o->structure++;
  return core_unchanged(n, o) < 0 ? -1 : 1;
}

int set_discard(core *c, node *n, PyObject *element) {
  core_enter(c);
  int removed = core_read(c, n, key_of_item(element)) < 0 ? -1 : discard(c, n, element);
  core_exit(c);
  return removed;
}

static int clear(core *c, node *n) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  PyObject *dying[] = {o->added, o->dead, o->reverse};
  o->hidden = true;
  o->structure++;
  o->added = o->dead = o->reverse = NULL;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
  return 0;
}

int set_clear(core *c, node *n) {
  core_enter(c);
  int failed = clear(c, n);
  core_exit(c);
  return failed;
}

Py_ssize_t set_len(node *n) {
  overlay *o = n->pending;
  if (o == NULL)
    return PySet_GET_SIZE(n->target);
  Py_ssize_t added = o->added == NULL ? 0 : PySet_GET_SIZE(o->added);
  Py_ssize_t dead = o->dead == NULL ? 0 : PySet_GET_SIZE(o->dead);
  return o->hidden ? added : PySet_GET_SIZE(n->target) - dead + added;
}

// New: an element that is there. The base is walked by an iterator the overlay keeps, so popping
// all of a large set stays linear. NULL without an exception if the set is empty.
static PyObject *any(core *c, node *n) {
  if (set_len(n) == 0 || core_touch(c, n) < 0)
    return NULL;
  overlay *o = n->pending;
  if (o->added != NULL && PySet_GET_SIZE(o->added) > 0) {
    PyObject *it = PyObject_GetIter(o->added), *element = it == NULL ? NULL : PyIter_Next(it);
    Py_XDECREF(it);
    return element;
  }
  for (int round = 0; round < 2; round++) { // an element that died and lived again may lie behind
    if (o->reverse == NULL) {
      PyObject *it = PySet_Type.tp_iter(n->target);
      if (it == NULL)
        return NULL;
      Py_XSETREF(o->reverse, it);
    }
    PyObject *it = Py_NewRef(o->reverse), *element;
    int dead = 1;
    while (dead > 0 && (element = PyIter_Next(it)) != NULL) {
      dead = contains(o->dead, element);
      if (dead != 0)
        Py_CLEAR(element);
    }
    Py_DECREF(it);
    if (element != NULL || PyErr_Occurred())
      return element;
    Py_CLEAR(o->reverse);
  }
  return NULL;
}

PyObject *set_any(core *c, node *n) {
  core_enter(c);
  PyObject *element = core_read(c, n, THEUS_WHOLE_KEY) < 0 ? NULL : any(c, n);
  core_exit(c);
  return element;
}

// New list of the elements, in the order the set would show them.
static PyObject *elements_of(node *n) {
  overlay *o = n->pending;
  PyObject *elements = PyList_New(0);
  if (elements != NULL && (o == NULL || !o->hidden)) {
    PyObject *base = PySet_Type.tp_iter(n->target);
    PyObject *none = base == NULL ? NULL : PyObject_CallMethod(elements, "extend", "O", base);
    Py_XDECREF(base);
    Py_XDECREF(none);
    if (none == NULL)
      goto error;
  }
  if (o == NULL || elements == NULL)
    return elements;
  if (o->dead != NULL && PySet_GET_SIZE(o->dead) > 0 && !o->hidden) {
    Py_ssize_t kept = 0, size = PyList_GET_SIZE(elements);
    for (Py_ssize_t i = 0; i < size; i++) {
      PyObject *element = PyList_GET_ITEM(elements, i);
      int dead = contains(o->dead, element);
      if (dead < 0)
        goto error;
      if (!dead && PyList_SetItem(elements, kept++, Py_NewRef(element)) < 0)
        goto error;
    }
    if (PyList_SetSlice(elements, kept, size, NULL) < 0)
      goto error;
  }
  if (o->added != NULL) {
    PyObject *added = PySequence_List(o->added);
    int failed = added == NULL ? -1 : PyList_SetSlice(elements, PyList_GET_SIZE(elements),
                                                      PY_SSIZE_T_MAX, added);
    Py_XDECREF(added);
    if (failed)
      goto error;
  }
  return elements;
error:
  Py_DECREF(elements);
  return NULL;
}

PyObject *set_elements(core *c, node *n) {
  PyObject *elements = NULL;
  core_enter(c);
  for (bool again = true; again;) { // a collection may let a commit in: then the set has changed size
    again = false;
    if (core_read(c, n, THEUS_WHOLE_KEY) < 0)
      break;
    unsigned kept = c->kept;
    elements = elements_of(n);
    if (c->kept != kept && (elements != NULL || PyErr_ExceptionMatches(PyExc_RuntimeError))) {
      Py_CLEAR(elements);
      PyErr_Clear();
      again = true;
    }
  }
  core_exit(c);
  return elements;
}
