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

// 1: holds nothing but plain values, 0, -1.
static int tuple_is_plain(state *st, PyObject *tuple) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
    PyObject *item = PyTuple_GET_ITEM(tuple, i);
    kind k = kind_of(st, item);
    if (k == KIND_ERROR)
      return -1;
    int fine = k == KIND_PLAIN;
    if (k == KIND_TUPLE) {
      if (Py_EnterRecursiveCall(" while looking into a tuple"))
        return -1;
      fine = tuple_is_plain(st, item);
      Py_LeaveRecursiveCall();
    }
    if (fine <= 0)
      return fine;
  }
  return 1;
}

// New: a tuple of the same type whose items are views. It is a real tuple: it cannot change, and
// what it holds is guarded.
static PyObject *wrap_tuple(view *parent, shape *s, PyObject *tuple) {
  state *st = STATE(parent);
  int fine = tuple_is_plain(st, tuple);
  if (fine != 0)
    return fine < 0 ? NULL : Py_NewRef(tuple);
  Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  PyObject *items = PyTuple_New(n);
  for (Py_ssize_t i = 0; items != NULL && i < n; i++) {
    if (parent->node == NULL)
      errors_stale(parent);
    shape *below = parent->node == NULL ? NULL : shape_index(parent->scope->engine, s, i);
    PyObject *item = below == NULL ? NULL
                                   : wrap(parent, below, PyTuple_GET_ITEM(tuple, i), NULL, i,
                                          THEUS_INT);
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
    return wrap_tuple(parent, s, value);
  case KIND_LIST:
  case KIND_DICT:
  case KIND_SET:
  case KIND_OBJECT: {
    node *n = core_node(sc->core, value, k);
    return n == NULL ? NULL : view_new(sc, n, s, parent, key, index, segment, false);
  }
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
    if (given->scope->core == v->scope->core && (given->shape->bits & THEUS_MAY_WRITE))
      return Py_NewRef(given->node->target);
    PyObject *copy = plain_view(given);
    if (copy != NULL && v->node == NULL) // copying ran user code
      Py_SETREF(copy, errors_stale(v));
    return copy;
  }
  case KIND_UNSUPPORTED:
    if (s->zone == THEUS_HEAVY)
      return Py_NewRef(value);
    return view_deny(v, THEUS_TRY_STORE, segment, key, index, Py_TYPE(value)->tp_name);
  case KIND_ERROR:
    return NULL;
  default:
    return Py_NewRef(value);
  }
}

PyObject *unwrap_key(view *v, PyObject *key) {
  if (!kind_is_plain_exact(key) && view_is(STATE(v), key)) {
    VIEW_CHECK((view *)key);
    return Py_NewRef(((view *)key)->node->target);
  }
  return Py_NewRef(key);
}
