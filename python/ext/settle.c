// settle.c: before a run ends well, views that its pending values still hold are replaced by what
// they stand for: a view of an output by the object itself, so that an alias stays an alias; a
// view of an input by an independent copy, or a right to read would become a right to write.
//
// Only needed while a view is still alive when the process has returned. Fresh containers are
// changed in place, so that their identity and their aliases stay.
#include "ext.h"

typedef struct {
  core *core;
  state *st;
  PyObject *seen; // dict: address -> (the value, kept alive; what stands in its place)
} settler;

static PyObject *settle(settler *s, PyObject *value);

static PyObject *settle_view(settler *s, view *v) {
  VIEW_CHECK(v);
  if (v->scope->core == s->core && (v->shape->bits & THEUS_MAY_WRITE)) {
    v->shape->did |= THEUS_MAY_READ; // an input would be copied
    return Py_NewRef(v->node->target);
  }
  return plain_view(v);
}

static int settle_list(settler *s, PyObject *list) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
    PyObject *old = Py_NewRef(PyList_GET_ITEM(list, i)), *item = settle(s, old);
    bool same = item == old;
    Py_DECREF(old);
    if (item == NULL)
      return -1;
    if (same)
      Py_DECREF(item);
    else if (i >= PyList_GET_SIZE(list)) // it shrank while its item was settled
      Py_DECREF(item);
    else if (PyList_SetItem(list, i, item) < 0)
      return -1;
  }
  return 0;
}

// Values only: a key cannot be a view of a list or dict, and object views hash as their object.
static int settle_dict(settler *s, PyObject *dict) {
  PyObject *items = PyDict_Items(dict);
  int failed = items == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++) {
    PyObject *pair = PyList_GET_ITEM(items, i), *old = PyTuple_GET_ITEM(pair, 1);
    PyObject *item = settle(s, old);
    failed = item == NULL ? -1 : 0;
    if (!failed && item != old)
      failed = PyDict_SetItem(dict, PyTuple_GET_ITEM(pair, 0), item);
    Py_XDECREF(item);
  }
  Py_XDECREF(items);
  return failed;
}

static int settle_set(settler *s, PyObject *set) {
  PyObject *items = PySequence_List(set);
  int failed = items == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++) {
    PyObject *old = PyList_GET_ITEM(items, i), *item = settle(s, old);
    failed = item == NULL ? -1 : 0;
    if (!failed && item != old)
      failed = PySet_Discard(set, old) < 0 || PySet_Add(set, item) < 0 ? -1 : 0;
    Py_XDECREF(item);
  }
  Py_XDECREF(items);
  return failed;
}

static int settle_deque(settler *s, PyObject *deque) {
  PySequenceMethods *base = s->st->builtin[FAMILY_DEQUE]->tp_as_sequence;
  PyObject *it = s->st->builtin[FAMILY_DEQUE]->tp_iter(deque);
  PyObject *items = it == NULL ? NULL : PySequence_List(it); // an index in the middle is not O(1)
  Py_XDECREF(it);
  int failed = items == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++) {
    PyObject *old = PyList_GET_ITEM(items, i), *item = settle(s, old);
    failed = item == NULL || (item != old && base->sq_ass_item(deque, i, item) < 0) ? -1 : 0;
    Py_XDECREF(item);
  }
  Py_XDECREF(items);
  return failed;
}

// New: a tuple or frozenset, itself unless something in it changed.
static PyObject *settle_fixed(settler *s, PyObject *value) {
  PyObject *before = PySequence_List(value), *result = NULL;
  PyObject *items = before == NULL ? NULL : PyList_GetSlice(before, 0, PyList_GET_SIZE(before));
  int failed = items == NULL ? -1 : settle_list(s, items);
  bool changed = false;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(before); i++)
    changed |= PyList_GET_ITEM(items, i) != PyList_GET_ITEM(before, i);
  if (!failed && !changed) {
    result = Py_NewRef(value);
  } else if (!failed && PyFrozenSet_Check(value)) {
    result = PyFrozenSet_New(items);
  } else if (!failed) {
    PyObject *args = PyTuple_Pack(1, items);
    result = args == NULL ? NULL : PyTuple_Type.tp_new(Py_TYPE(value), args, NULL);
    Py_XDECREF(args);
  }
  Py_XDECREF(items);
  Py_XDECREF(before);
  return result;
}

static int settle_object(settler *s, PyObject *object) {
  if (kind_facts(s->st, object) & TYPE_DICT) {
    PyObject *fields = PyObject_GenericGetDict(object, NULL);
    int failed = fields == NULL ? -1 : settle_dict(s, fields);
    Py_XDECREF(fields);
    if (failed)
      return -1;
  }
  PyObject *names = slot_names(Py_TYPE(object));
  int failed = names == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(names); i++) {
    PyObject *name = PyList_GET_ITEM(names, i), *old = PyObject_GenericGetAttr(object, name);
    if (old == NULL) {
      failed = PyErr_ExceptionMatches(PyExc_AttributeError) ? 0 : -1;
      if (!failed)
        PyErr_Clear(); // an empty slot
      continue;
    }
    PyObject *item = settle(s, old);
    failed = item == NULL ? -1 : item == old ? 0 : PyObject_GenericSetAttr(object, name, item);
    Py_XDECREF(item);
    Py_DECREF(old);
  }
  Py_XDECREF(names);
  return failed;
}

// New reference to what was found for a value before; NULL without an exception if nothing was.
static PyObject *recall(settler *s, PyObject *value) {
  PyObject *address = PyLong_FromVoidPtr(value);
  PyObject *pair = address == NULL ? NULL : PyDict_GetItemWithError(s->seen, address);
  PyObject *known = pair == NULL ? NULL : Py_NewRef(PyTuple_GET_ITEM(pair, 1));
  Py_XDECREF(address);
  return known;
}

static int remember(settler *s, PyObject *value, PyObject *instead) {
  PyObject *address = PyLong_FromVoidPtr(value);
  PyObject *pair = address == NULL ? NULL : PyTuple_Pack(2, value, instead);
  int failed = pair == NULL ? -1 : PyDict_SetItem(s->seen, address, pair);
  Py_XDECREF(pair);
  Py_XDECREF(address);
  return failed;
}

// New reference to what shall stand in the place of value.
static PyObject *settle(settler *s, PyObject *value) {
  if (kind_is_plain_exact(value))
    return Py_NewRef(value);
  kind k = kind_of(s->st, value);
  if (k == KIND_VIEW)
    return settle_view(s, (view *)value);
  if (k == KIND_ERROR)
    return NULL;
  if (k < KIND_TUPLE || k > KIND_OBJECT)
    return Py_NewRef(value);
  PyObject *known = recall(s, value);
  if (known != NULL || PyErr_Occurred())
    return known;
  if (remember(s, value, value) < 0 || Py_EnterRecursiveCall(" while storing a value"))
    return NULL;
  bool fixed = k == KIND_TUPLE || k == KIND_FROZENSET;
  PyObject *result = fixed ? settle_fixed(s, value) : Py_NewRef(value);
  if (result != NULL && result != value && remember(s, value, result) < 0)
    Py_CLEAR(result);
  int failed = 0;
  if (k == KIND_LIST) {
    failed = settle_list(s, value);
  } else if (k == KIND_DICT) {
    failed = settle_dict(s, value);
  } else if (k == KIND_SET) {
    failed = settle_set(s, value);
  } else if (k == KIND_DEQUE) {
    failed = settle_deque(s, value);
  }
  if (!failed && !fixed && (k == KIND_OBJECT || !base_is_exact(s->st, value))) {
    failed = settle_object(s, value);
  }
  Py_LeaveRecursiveCall();
  if (failed)
    Py_CLEAR(result);
  return result;
}

int apply_settle(core *c, state *st) {
  settler s = {c, st, PyDict_New()};
  int failed = s.seen == NULL ? -1 : 0;
  for (size_t i = 0; !failed && i < c->n_dirty; i++) {
    overlay *o = c->dirty[i]->pending;
    if (o == NULL || c->dirty[i]->kind > KIND_OBJECT)
      continue;
    // All owned first: settling one runs user code, which may drop the others.
    PyObject *held[] = {Py_XNewRef(o->fields), Py_XNewRef(o->changed), Py_XNewRef(o->added),
                        Py_XNewRef(o->full), Py_XNewRef(o->left)};
    for (size_t k = 0; k < Py_ARRAY_LENGTH(held); k++) {
      if (failed || held[k] == NULL) {
        Py_XDECREF(held[k]);
        continue;
      }
      failed = PyDict_Check(held[k])  ? settle_dict(&s, held[k])
               : PySet_Check(held[k])  ? settle_set(&s, held[k])
               : PyList_Check(held[k]) ? settle_list(&s, held[k])
                                       : settle_deque(&s, held[k]);
      Py_DECREF(held[k]);
    }
  }
  Py_XDECREF(s.seen);
  return failed;
}
