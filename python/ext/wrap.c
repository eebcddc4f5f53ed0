// wrap.c: THE wrapping function, and its inverse for what user code hands in.
//
// Ownership rules
//   wrap    borrows everything, returns a new reference.
//   unwrap  borrows everything, returns a new reference to something that holds no view itself
//           (views deeper inside a fresh container are replaced at commit, see apply_settle).
//   Where they succeed the view is not stale, whatever user code ran, so s is still there too.
// Reference count assumptions: value is owned by the caller for the whole call, since looking at a
// tuple or making a view may run a destructor and with it user code.
#include "ext.h"

static int holds_plain(state *st, PyObject *fixed);

int is_plain(state *st, PyObject *item) {
  kind k = kind_of(st, item);
  if (k != KIND_TUPLE && k != KIND_FROZENSET)
    return k == KIND_ERROR ? -1 : k == KIND_PLAIN;
  if (Py_EnterRecursiveCall(" while looking into a tuple"))
    return -1;
  int fine = holds_plain(st, item);
  Py_LeaveRecursiveCall();
  return fine;
}

// The same for all that a tuple or frozenset holds.
static int holds_plain(state *st, PyObject *fixed) {
  int fine = 1;
  if (PyTuple_Check(fixed)) {
    for (Py_ssize_t i = 0; fine == 1 && i < PyTuple_GET_SIZE(fixed); i++)
      fine = is_plain(st, PyTuple_GET_ITEM(fixed, i));
    return fine;
  }
  PyObject *it = PyObject_GetIter(fixed), *item;
  fine = it == NULL ? -1 : 1;
  while (fine == 1 && (item = PyIter_Next(it)) != NULL) {
    fine = is_plain(st, item);
    Py_DECREF(item);
  }
  Py_XDECREF(it);
  return PyErr_Occurred() ? -1 : fine;
}

// New: a frozenset whose elements are views. An object view hashes and compares as its object.
static PyObject *wrap_frozenset(view *parent, shape *s, PyObject *set) {
  PyObject *items = PySequence_List(set), *wrapped = NULL;
  for (Py_ssize_t i = 0; items != NULL && i < PyList_GET_SIZE(items); i++) {
    PyObject *element = PyList_GET_ITEM(items, i);
    if (parent->node == NULL)
      errors_stale(parent);
    shape *below = parent->node == NULL ? NULL : shape_item(parent->scope->engine, s, element);
    PyObject *item = NULL;
    if (below != NULL && !(below->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)))
      view_deny(parent, THEUS_TRY_READ, THEUS_TEXT, element, 0, "");
    else if (below != NULL)
      item = wrap(parent, below, element, element, 0, THEUS_TEXT);
    if (item == NULL || PyList_SetItem(items, i, item) < 0)
      Py_CLEAR(items);
  }
  if (items != NULL)
    wrapped = PyFrozenSet_New(items);
  Py_XDECREF(items);
  return wrapped;
}

// New: a tuple of the same type whose items are views. It is a real tuple: it cannot change, and
// what it holds is guarded.
static PyObject *wrap_tuple(view *parent, shape *s, PyObject *tuple) {
  Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  PyObject *items = PyTuple_New(n);
  for (Py_ssize_t i = 0; items != NULL && i < n; i++) {
    if (parent->node == NULL)
      errors_stale(parent);
    shape *below = parent->node == NULL ? NULL : shape_index(parent->scope->engine, s, i);
    PyObject *item = NULL;
    if (below != NULL && !(below->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)))
      view_deny(parent, THEUS_TRY_READ, THEUS_INT, NULL, i, "");
    else if (below != NULL)
      item = wrap(parent, below, PyTuple_GET_ITEM(tuple, i), NULL, i, THEUS_INT);
    if (item == NULL) {
      Py_CLEAR(items);
      break;
    }
    PyTuple_SET_ITEM(items, i, item);
  }
  if (items == NULL || Py_TYPE(tuple) == &PyTuple_Type)
    return items;
  PyObject *args = PyTuple_Pack(1, items); // a namedtuple: built past its __new__, as _make does
  PyObject *named = args == NULL ? NULL : PyTuple_Type.tp_new(Py_TYPE(tuple), args, NULL);
  Py_XDECREF(args);
  Py_DECREF(items);
  return named;
}

// A tuple or frozenset: itself if it leads to nothing that can change, else rebuilt around views. It
// is given as a whole or not at all: where a contract names some of its elements only, the first of the
// others is the refusal.
// These hang below a view of the tuple that nobody sees, so that their paths are whole.
static PyObject *wrap_fixed(view *parent, shape *s, PyObject *value, PyObject *key, Py_ssize_t index,
                            uint8_t segment, kind k) {
  scope *sc = parent->scope;
  int fine = holds_plain(sc->st, value);
  if (fine < 0 || (fine > 0 && (s->bits & THEUS_MAY_READ)))
    return fine < 0 ? NULL : Py_NewRef(value);
  VIEW_CHECK(parent); // iterating a frozenset may have collected garbage
  node *n = core_node(sc->core, value, k);
  PyObject *link = n == NULL ? NULL : view_new(sc, n, s, parent, key, index, segment, false);
  if (link == NULL)
    return NULL;
  PyObject *wrapped = k == KIND_TUPLE ? wrap_tuple((view *)link, s, value)
                                      : wrap_frozenset((view *)link, s, value);
  Py_DECREF(link);
  return wrapped;
}

// Whether the elements of a numpy array are objects, which no array guards. 1, 0, -1.
static int holds_objects(PyObject *array) {
  PyObject *dtype = PyObject_GetAttrString(array, "dtype");
  PyObject *has = dtype == NULL ? NULL : PyObject_GetAttrString(dtype, "hasobject");
  int yes = has == NULL ? -1 : PyObject_IsTrue(has);
  Py_XDECREF(has);
  Py_XDECREF(dtype);
  return yes;
}

// A numpy array of DATA, or an instance of a registered type: nothing can stand between it and its user, so an input is a read-only
// array over the same memory and an output is a private copy, which counts as written.
static PyObject *wrap_array(view *parent, shape *s, PyObject *array, PyObject *key,
                            Py_ssize_t index, uint8_t segment) {
  scope *sc = parent->scope;
  bool copied = kind_of(sc->st, array) == KIND_COPIED;
  int objects = copied ? 0 : holds_objects(array);
  if (objects > 0)
    view_deny(parent, THEUS_TRY_STORE, segment, key, index, "numpy.ndarray of objects");
  if (objects != 0)
    return NULL;
  VIEW_CHECK(parent);
  if (core_fresh(sc->core) < 0 || core_note_object(sc->core, array, THEUS_WHOLE_KEY) < 0)
    return NULL;
  VIEW_CHECK(parent); // it may have waited
  if (!(s->bits & THEUS_MAY_WRITE)) {
    node *known = core_find(sc->core, array); // a reader may keep an older one
    PyObject *now = known == NULL ? Py_NewRef(array) : memory_now(known);
    PyObject *shown = copied ? memory_copy(kind_how(sc->st, array), now) : ndarray_read_only(sc->st, now);
    Py_DECREF(now);
    return shown;
  }
  node *n = core_node(sc->core, array, copied ? KIND_COPIED : KIND_ARRAY);
  PyObject *link = n == NULL ? NULL : view_new(sc, n, s, parent, key, index, segment, false);
  PyObject *private = link == NULL ? NULL : memory_private((view *)link);
  if (private != NULL && view_log((view *)link, s, THEUS_OP_SET_ITEM, 0, NULL, 0, NULL, NULL) < 0)
    Py_CLEAR(private);
  Py_XDECREF(link);
  return private;
}

// New: what to store for a numpy array: its original for a private copy of this run, a copy for one
// that only shows memory, as that of an input does.
static PyObject *unwrap_array(view *v, PyObject *array, uint8_t segment, PyObject *key,
                              Py_ssize_t index) {
  core *c = v->scope->core;
  for (size_t i = 0; i < c->n_dirty; i++)
    if (c->dirty[i]->pending != NULL && c->dirty[i]->pending->full == array)
      return Py_NewRef(c->dirty[i]->target);
  if (kind_of(STATE(v), array) == KIND_COPIED)
    return Py_NewRef(array);
  int objects = holds_objects(array);
  if (objects > 0)
    view_deny(v, THEUS_TRY_STORE, segment, key, index, "numpy.ndarray of objects");
  PyObject *flags = objects != 0 ? NULL : PyObject_GetAttrString(array, "flags");
  PyObject *writes = flags == NULL ? NULL : PyObject_GetAttrString(flags, "writeable");
  int own = writes == NULL ? -1 : PyObject_IsTrue(writes);
  Py_XDECREF(writes);
  Py_XDECREF(flags);
  return own < 0 ? NULL : own ? Py_NewRef(array) : memory_copy(NULL, array);
}

PyObject *wrap(view *parent, shape *s, PyObject *value, PyObject *key, Py_ssize_t index,
               uint8_t segment) {
  VIEW_CHECK(parent);
  if (s->zone == THEUS_HEAVY) {
    PyObject *heavy = heavy_wrap(parent, s, value, key, index, segment);
    if (heavy != NULL || PyErr_Occurred())
      return heavy;
  }
  if (kind_is_plain_exact(value))
    return Py_NewRef(value);
  scope *sc = parent->scope;
  kind k = kind_of(sc->st, value);
  if (k != KIND_ERROR)
    VIEW_CHECK(parent); // looking at a class may run user code
  switch (k) {
  case KIND_PLAIN:
    return Py_NewRef(value);
  case KIND_TUPLE:
  case KIND_FROZENSET:
    return wrap_fixed(parent, s, value, key, index, segment, k);
  case KIND_LIST:
  case KIND_DICT:
  case KIND_SET:
  case KIND_DEQUE:
  case KIND_BYTES:
  case KIND_OBJECT: {
    node *n = core_node(sc->core, value, k);
    return n == NULL ? NULL : view_new(sc, n, s, parent, key, index, segment, false);
  }
  case KIND_COPIED:
  case KIND_ARRAY:
    return wrap_array(parent, s, value, key, index, segment);
  case KIND_VIEW:
    VIEW_CHECK((view *)value);
    return Py_NewRef(value);
  case KIND_UNSUPPORTED:
    return view_deny(parent, THEUS_TRY_STORE, segment, key, index, Py_TYPE(value)->tp_name);
  default:
    return NULL;
  }
}

PyObject *unwrap(view *v, shape *s, PyObject *value, uint8_t segment, PyObject *key,
                 Py_ssize_t index) {
  VIEW_CHECK(v);
  if (kind_is_plain_exact(value))
    return Py_NewRef(value);
  state *st = STATE(v);
  kind k = kind_of(st, value);
  if (k != KIND_ERROR)
    VIEW_CHECK(v); // looking at a class may run user code
  switch (k) {
  case KIND_VIEW: {
    view *given = (view *)value;
    VIEW_CHECK(given);
    if (given->scope->core == v->scope->core && (given->shape->bits & THEUS_MAY_WRITE)) {
      given->shape->did |= THEUS_MAY_READ; // an input would be copied
      return Py_NewRef(given->node->target);
    }
    PyObject *copy = plain_view(given);
    if (copy != NULL && v->node == NULL) // copying ran user code
      Py_SETREF(copy, errors_stale(v));
    return copy;
  }
  case KIND_UNSUPPORTED:
    if (s->zone == THEUS_HEAVY)
      return Py_NewRef(value);
    return view_deny(v, THEUS_TRY_STORE, segment, key, index, Py_TYPE(value)->tp_name);
  case KIND_COPIED:
  case KIND_ARRAY:
    return s->zone == THEUS_HEAVY ? Py_NewRef(value) : unwrap_array(v, value, segment, key, index);
  case KIND_ERROR:
    return NULL;
  default: {
    PyObject *self = v->scope->twins == NULL && v->scope->outer == NULL
                         ? NULL
                         : twin_self(v->scope, value); // borrowed
    return Py_NewRef(self != NULL ? self : value);
  }
  }
}

PyObject *unwrap_key(view *v, PyObject *key) {
  if (!kind_is_plain_exact(key) && view_is(STATE(v), key)) {
    VIEW_CHECK((view *)key);
    return Py_NewRef(((view *)key)->node->target);
  }
  return Py_NewRef(key);
}
