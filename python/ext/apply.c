// apply.c: a commit carried out. Every written object gets its pending changes, in the order of
// first writes; if anything raises on the way (a setter, a validator, an __eq__, memory), what was
// applied is undone in reverse (journal.c) and the error stands. Only written fields, keys and items
// are touched.
//
// When this runs, all views of the transaction are stale: no user code can change an overlay.
// Reference count assumptions: nodes own their objects until the core is cleared, later.
#include "journal.h"

// ---- objects --------------------------------------------------------------------------------------

// Whether the instance itself holds name: its class may have a value of the same name.
static int in_instance(PyObject *target, PyObject *name) {
  PyObject *dict = PyObject_GenericGetDict(target, NULL);
  if (dict == NULL) {
    PyErr_Clear(); // no __dict__: the value came from a slot
    return 1;
  }
  int there = PyDict_Contains(dict, name);
  Py_DECREF(dict);
  return there;
}

static int remember_field(journal *j, PyObject *target, PyObject *name, bool exact) {
  PyObject *old = PyObject_GenericGetAttr(target, name);
  if (old == NULL) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
      return -1;
    PyErr_Clear();
  } else if (exact && _PyType_Lookup(Py_TYPE(target), name) == old) {
    int there = in_instance(target, name);
    if (there < 0) {
      Py_DECREF(old);
      return -1;
    }
    if (!there)
      Py_CLEAR(old);
  }
  return journal_add(j, (undo){.what = FIELD, .target = target, .key = Py_NewRef(name), .old = old});
}

// Before a class' own __setattr__ runs: it may change more than the one field.
static int remember_all_fields(journal *j, PyObject *target) {
  PyObject *dict = PyObject_GenericGetDict(target, NULL);
  if (dict == NULL) {
    PyErr_Clear(); // slots only
  } else {
    PyObject *copy = PyDict_Copy(dict);
    Py_DECREF(dict);
    if (copy == NULL || journal_add(j, (undo){.what = FIELDS, .target = target, .old = copy}) < 0)
      return -1;
  }
  PyObject *slots = slot_names(Py_TYPE(target));
  int failed = slots == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(slots); i++) {
    PyObject *name = PyList_GET_ITEM(slots, i), *old = PyObject_GenericGetAttr(target, name);
    if (old == NULL && !PyErr_ExceptionMatches(PyExc_AttributeError)) {
      failed = -1;
      break;
    }
    PyErr_Clear(); // an empty slot
    if (old != NULL && PySet_CheckExact(old)) { // pydantic adds to its set of set fields in place
      Py_SETREF(old, PySet_New(old));
      if (old == NULL) {
        failed = -1;
        break;
      }
    }
    failed = journal_add(j, (undo){.what = FIELD, .target = target, .key = Py_NewRef(name), .old = old});
  }
  Py_XDECREF(slots);
  return failed;
}

static int apply_object(state *st, node *n, journal *j, bool exact) {
  bool foreign = kind_facts(st, n->target) & TYPE_FOREIGN;
  if (foreign && remember_all_fields(j, n->target) < 0)
    return -1;
  Py_ssize_t pos = 0;
  PyObject *name, *value;
  while (PyDict_Next(n->pending->fields, &pos, &name, &value)) {
    if (value == st->removed)
      value = NULL;
    if ((foreign ? fault_point(j->engine) : remember_field(j, n->target, name, exact)) < 0)
      return -1;
    int failed = foreign ? PyObject_SetAttr(n->target, name, value)
                         : PyObject_GenericSetAttr(n->target, name, value);
    if (!failed)
      continue;
    if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
      PyErr_Clear(); // created and deleted in the same process: there is nothing to delete
      if (!foreign) { // ... and so nothing to restore
        journal_drop(j);
      }
      continue;
    }
    return -1;
  }
  return 0;
}

// ---- dicts and lists ------------------------------------------------------------------------------

static int remember_key(journal *j, PyObject *target, PyObject *key) {
  PyObject *old = PyDict_GetItemWithError(target, key);
  if (old == NULL && PyErr_Occurred())
    return -1;
  return journal_add(
      j, (undo){.what = KEY, .target = target, .key = Py_NewRef(key), .old = Py_XNewRef(old)});
}

static int set_keys(journal *j, PyObject *target, PyObject *values, bool remember) {
  Py_ssize_t pos = 0;
  PyObject *key, *value;
  while (values != NULL && PyDict_Next(values, &pos, &key, &value))
    if ((remember ? remember_key(j, target, key) : fault_point(j->engine)) < 0 ||
        base_set_item(target, key, value) < 0)
      return -1;
  return 0;
}

// A deletion that is undone key by key would come back at the end of the dict, so where something
// may fail later the whole dict is remembered instead.
static int apply_dict(node *n, journal *j, bool exact) {
  overlay *o = n->pending;
  PyObject *target = n->target, *key, *value;
  bool deletes = o->dead != NULL && PyDict_GET_SIZE(o->dead) > 0;
  bool whole = o->hidden || (deletes && exact);
  if (whole) {
    PyObject *copy = base_copy_dict(target);
    if (copy == NULL || journal_add(j, (undo){.what = KEYS, .target = target, .old = copy}) < 0)
      return -1;
  }
  if (o->hidden && base_clear_dict(target) < 0)
    return -1;
  Py_ssize_t pos = 0;
  while (!o->hidden && deletes && PyDict_Next(o->dead, &pos, &key, &value))
    if ((whole ? fault_point(j->engine) : remember_key(j, target, key)) < 0 ||
        base_del_item(target, key) < 0)
      return -1;
  return set_keys(j, target, o->changed, !whole) < 0 || set_keys(j, target, o->added, !whole) < 0 ? -1
                                                                                                  : 0;
}

static int remember_tail(journal *j, PyObject *target, Py_ssize_t from) {
  PyObject *old = PyList_GetSlice(target, from, PyList_GET_SIZE(target));
  return old == NULL
             ? -1
             : journal_add(j, (undo){.what = TAIL, .target = target, .old = old, .index = from});
}

static int apply_list(node *n, journal *j) {
  overlay *o = n->pending;
  PyObject *target = n->target, *index, *value;
  if (o->full != NULL)
    return remember_tail(j, target, 0) < 0 ? -1 : PyList_SetSlice(target, 0, PY_SSIZE_T_MAX, o->full);
  if (PyList_GET_SIZE(target) < o->keep) {
    PyErr_SetString(PyExc_RuntimeError,
                    "a list of the context became shorter while a process was changing it; "
                    "change it through processes or edit() only");
    return -1;
  }
  Py_ssize_t pos = 0;
  while (o->changed != NULL && PyDict_Next(o->changed, &pos, &index, &value)) {
    Py_ssize_t i = PyLong_AsSsize_t(index);
    undo entry = {.what = ITEM, .target = target, .index = i};
    entry.old = Py_NewRef(PyList_GET_ITEM(target, i));
    if (journal_add(j, entry) < 0 || PyList_SetItem(target, i, Py_NewRef(value)) < 0)
      return -1;
  }
  if (PyList_GET_SIZE(target) == o->keep && (o->added == NULL || PyList_GET_SIZE(o->added) == 0))
    return 0;
  return remember_tail(j, target, o->keep) < 0
             ? -1
             : PyList_SetSlice(target, o->keep, PY_SSIZE_T_MAX, o->added);
}

static int apply_set(node *n, journal *j) {
  overlay *o = n->pending;
  PyObject *target = n->target;
  if (o->hidden) {
    PyObject *base = PySet_Type.tp_iter(target), *copy = base == NULL ? NULL : PySet_New(base);
    Py_XDECREF(base);
    if (copy == NULL || journal_add(j, (undo){.what = ELEMENTS, .target = target, .old = copy}) < 0)
      return -1;
    (void)PySet_Clear(target); // of a set: cannot fail
  }
  for (int adding = 0; adding < 2; adding++) {
    PyObject *elements = adding ? o->added : o->hidden ? NULL : o->dead;
    PyObject *it = elements == NULL ? NULL : PyObject_GetIter(elements), *element;
    if (elements != NULL && it == NULL)
      return -1;
    while (it != NULL && (element = PyIter_Next(it)) != NULL) {
      // Noted first: a set that has no memory to grow refuses an element that it then has.
      undo entry = {.what = adding ? ADDED : REMOVED, .target = target};
      if (!o->hidden)
        entry.key = Py_NewRef(element);
      int failed = o->hidden ? fault_point(j->engine) : journal_add(j, entry);
      if (!failed)
        failed = adding ? PySet_Add(target, element) : PySet_Discard(target, element) < 0 ? -1 : 0;
      Py_DECREF(element);
      if (failed)
        break;
    }
    Py_XDECREF(it);
    if (PyErr_Occurred())
      return -1;
  }
  return 0;
}

static int apply_bytes(node *n, journal *j) {
  overlay *o = n->pending;
  PyObject *target = n->target, *index, *piece, *old;
  Py_ssize_t pos = 0, length = PyObject_Size(target);
  if (length < o->keep)
    return bytes_shorter(target);
  while (o->changed != NULL && PyDict_Next(o->changed, &pos, &index, &piece)) {
    Py_ssize_t i = PyLong_AsSsize_t(index);
    if ((old = PySequence_GetSlice(target, i, i + 1)) == NULL)
      return -1;
    if (memory_same(old, piece))
      Py_DECREF(old);
    else if (journal_add(j, (undo){.what = ELEMENT, .target = target, .old = old, .index = i}) < 0 ||
             bytes_put(target, i, piece) < 0)
      return -1;
  }
  if ((old = PySequence_GetSlice(target, o->keep, length)) == NULL)
    return -1;
  bool same = o->added == NULL ? length == o->keep : memory_same(old, o->added);
  if (same) {
    Py_DECREF(old);
    return 0;
  }
  // Noted first: one that has no memory to shrink has shrunk.
  undo entry = {.what = END, .target = target, .old = old, .index = o->keep};
  return journal_add(j, entry) < 0 ? -1 : bytes_end(target, o->keep, o->added);
}

static int apply_memory(node *n, journal *j) {
  if (n->kind == KIND_BYTES && n->pending->full == NULL)
    return apply_bytes(n, j);
  if (memory_unchanged(n))
    return 0;
  bool array = n->kind == KIND_ARRAY;
  PyObject *how = n->pending->how, *copy = memory_copy(how, n->target);
  undo entry = {.what = MEMORY, .target = n->target, .old = copy, .index = array};
  if (copy == NULL)
    return -1;
  if (how != NULL) { // user code, which may write half of it and raise
    entry.key = Py_NewRef(how);
    return journal_add(j, entry) < 0 ? -1 : memory_write(how, n->target, n->pending->full, false);
  }
  if (journal_room(j) < 0 || memory_write(NULL, n->target, n->pending->full, array) < 0) {
    Py_DECREF(copy); // one that refuses to be written has not been
    return -1;
  }
  journal_put(j, entry);
  return 0;
}

// Pushes item at an end of a deque, or pulls one there if item is NULL; 0 is the left end.
static int move_end(journal *j, PyObject *target, Py_ssize_t end, PyObject *item) {
  const char *push = end == 0 ? "appendleft" : "append", *pull = end == 0 ? "popleft" : "pop";
  if (journal_room(j) < 0)
    return -1;
  PyObject *done = base_deque(j->engine->st, item != NULL ? push : pull, target, item);
  if (done == NULL)
    return -1;
  undo entry = {.what = item != NULL ? PUSHED : PULLED, .target = target, .index = end};
  if (item == NULL)
    entry.old = done;
  else
    Py_DECREF(done);
  journal_put(j, entry);
  return 0;
}

static int push_all(journal *j, PyObject *target, Py_ssize_t end, PyObject *deque) {
  PyObject *items = deque == NULL ? NULL : PySequence_List(deque);
  int failed = deque != NULL && (items == NULL || (end == 0 && PyList_Reverse(items) < 0)) ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && items != NULL && i < PyList_GET_SIZE(items); i++)
    failed = move_end(j, target, end, PyList_GET_ITEM(items, i));
  Py_XDECREF(items);
  return failed;
}

// First what was taken from both ends, so that one with a maxlen never has too many.
static int apply_deque(state *st, node *n, journal *j) {
  overlay *o = n->pending;
  PyObject *target = n->target, *index, *value;
  PySequenceMethods *base = st->builtin[FAMILY_DEQUE]->tp_as_sequence;
  if (Py_SIZE(target) < o->keep) {
    PyErr_SetString(PyExc_RuntimeError,
                    "a deque of the context became shorter while a process was changing it; "
                    "change it through processes or edit() only");
    return -1;
  }
  while (Py_SIZE(target) > o->keep)
    if (move_end(j, target, 1, NULL) < 0)
      return -1;
  for (Py_ssize_t i = 0; i < o->skip; i++)
    if (move_end(j, target, 0, NULL) < 0)
      return -1;
  Py_ssize_t pos = 0;
  while (o->changed != NULL && PyDict_Next(o->changed, &pos, &index, &value)) {
    Py_ssize_t i = PyLong_AsSsize_t(index) - o->skip;
    undo entry = {.what = PLACE, .target = target, .index = i};
    if ((entry.old = base->sq_item(target, i)) == NULL || journal_add(j, entry) < 0 ||
        base->sq_ass_item(target, i, value) < 0)
      return -1;
  }
  return push_all(j, target, 0, o->left) < 0 ? -1 : push_all(j, target, 1, o->added);
}

_Thread_local int apply_depth;

int apply_all(core *c, engine *e, journal **before) {
  state *st = e->st;
  journal *j = *before = journal_new(e);
  if (j == NULL)
    return -1;
  int failed = 0;
  apply_depth++; // a setter may run a process of another engine
  for (size_t i = 0; !failed && i < c->n_dirty; i++) {
    node *n = c->dirty[i];
    if (n->pending == NULL)
      continue;
    if (n->kind == KIND_LIST)
      failed = apply_list(n, j);
    else if (n->kind == KIND_DICT)
      failed = apply_dict(n, j, c->foreign);
    else if (n->kind == KIND_SET)
      failed = apply_set(n, j);
    else if (n->kind == KIND_DEQUE)
      failed = apply_deque(st, n, j);
    else if (n->kind == KIND_BYTES || n->kind == KIND_ARRAY || n->kind == KIND_COPIED)
      failed = apply_memory(n, j);
    if (!failed && n->pending->fields != NULL)
      failed = apply_object(st, n, j, c->foreign);
  }
  if (!failed)
    failed = fault_point(e);
  if (failed)
    journal_undo(j);
  apply_depth--;
  return failed;
}
