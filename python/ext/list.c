// list.c: TrackedList and FrozenList, the views of a list under an output and under an input.
//
// Both are one implementation; what differs is the right the shape carries. Every element leaves
// through element(), which wraps it. Comparisons and searches run on wrapped elements, so that a
// user's __eq__ never gets an object outside the guard.
//
// Calls that run Python code: __eq__ and __lt__ of elements, iteration of arguments, sort keys.
#include "ext.h"

// Whatever changes a list counts from its length.
static int writable(view *v) {
  return view_writable(v, "FrozenList") < 0 ? -1 : core_read(v->scope->core, v->node, THEUS_SIZE_KEY);
}

// New: an element that is the value itself, straight from a list that has nothing pending, as most
// are: no user code runs. NULL without an exception: look closer.
static inline PyObject *element_plain(const view *v, Py_ssize_t i) {
  node *n = v->node;
  core *c = v->scope->core;
  const shape *s = v->shape->items;
  if (c->seen != *c->now || s == NULL || n->pending != NULL || v->shape->flags & THEUS_ITEMS_VARY ||
      s->zone == THEUS_HEAVY || !(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)) ||
      (size_t)i >= (size_t)PyList_GET_SIZE(n->target))
    return NULL;
  if (!n->whole && n->last != key_of_index(i) && core_note(c, n, key_of_index(i)) < 0) {
    PyErr_Clear(); // no memory: the long way runs out of it as well
    return NULL;
  }
  PyObject *value = PyList_GET_ITEM(n->target, i);
  return kind_is_plain_exact(value) ? Py_NewRef(value) : NULL;
}

static PyObject *element(view *v, Py_ssize_t i) {
  VIEW_CHECK(v);
  PyObject *found = element_plain(v, i);
  if (found != NULL)
    return found;
  shape *s = shape_index(v->scope->engine, v->shape, i);
  if (s == NULL)
    return NULL;
  if (!(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)))
    return view_deny(v, THEUS_TRY_READ, THEUS_INT, NULL, i, "");
  if (core_read(v->scope->core, v->node, key_of_index(i)) < 0)
    return NULL;
  VIEW_CHECK(v); // it may have waited
  PyObject *value = list_get(v->node, i);
  if (value == NULL)
    return NULL;
  PyObject *wrapped = wrap(v, s, value, NULL, i, THEUS_INT);
  Py_DECREF(value);
  return wrapped;
}

PyObject *list_shallow(view *v) {
  if (view_readable(v) < 0)
    return NULL;
  Py_ssize_t n = list_len(v->node);
  PyObject *list = PyList_New(n);
  for (Py_ssize_t i = 0; list != NULL && i < n; i++) {
    PyObject *item = element(v, i);
    if (item == NULL) {
      Py_DECREF(list);
      return NULL;
    }
    PyList_SET_ITEM(list, i, item);
  }
  return list;
}

// New plain list of what may be stored: every element of an iterable, unwrapped.
static PyObject *given_items(view *v, PyObject *iterable) {
  PyObject *items = PySequence_List(iterable);
  for (Py_ssize_t i = 0; items != NULL && i < PyList_GET_SIZE(items); i++) {
    PyObject *item = unwrap(v, v->shape, PyList_GET_ITEM(items, i), THEUS_INT, NULL, i);
    if (item == NULL || PyList_SetItem(items, i, item) < 0)
      Py_CLEAR(items);
  }
  return items;
}

static int log_op(view *v, uint16_t op, Py_ssize_t index, PyObject *value, PyObject *old) {
  VIEW_CHECK_INT(v); // the write itself may have run user code
  shape *s = shape_index(v->scope->engine, v->shape, index < 0 ? 0 : index);
  if (s == NULL)
    return -1;
  return view_log(v, index < 0 ? v->shape : s, op, index < 0 ? 0 : THEUS_INT, NULL, index, value,
                  old);
}

// ---- reading --------------------------------------------------------------------------------------

static Py_ssize_t list_length(PyObject *op) {
  return view_sized((view *)op) < 0 ? -1 : list_len(((view *)op)->node);
}

// Resolves an index object; counts negative ones from the end. 0, or -1 with IndexError.
static int resolve(view *v, PyObject *key, Py_ssize_t *i) {
  if (PyLong_CheckExact(key)) { // the usual case: no user code
    *i = PyLong_AsSsize_t(key);
    if (*i >= 0)
      return 0;
    PyErr_Clear(); // beyond all lists: told below as list tells it
  }
  *i = PyNumber_AsSsize_t(key, PyExc_IndexError);
  if (*i == -1 && PyErr_Occurred())
    return -1;
  if (v->node == NULL) { // __index__ ran user code
    errors_stale(v);
    return -1;
  }
  if (*i >= 0)
    return 0;
  if (core_read(v->scope->core, v->node, THEUS_SIZE_KEY) < 0)
    return -1;
  VIEW_CHECK_INT(v); // it may have waited
  *i += list_len(v->node);
  return 0;
}

static PyObject *list_subscript(PyObject *op, PyObject *key) {
  view *v = (view *)op;
  VIEW_CHECK(v);
  if (PyIndex_Check(key)) {
    Py_ssize_t i;
    return resolve(v, key, &i) < 0 ? NULL : element(v, i);
  }
  PyObject *all = list_shallow(v);
  PyObject *part = all == NULL ? NULL : PyObject_GetItem(all, key); // a slice, or list's TypeError
  Py_XDECREF(all);
  return part;
}

static PyObject *list_item(PyObject *op, Py_ssize_t i) {
  VIEW_CHECK((view *)op);
  return element((view *)op, i);
}

static int equals(PyObject *a, PyObject *b) { return PyObject_RichCompareBool(a, b, Py_EQ); }

// Position of the first element equal to value from start on, -1 if none, -2 on error.
static Py_ssize_t search(view *v, PyObject *value, Py_ssize_t start, Py_ssize_t stop) {
  if (view_readable(v) < 0)
    return -2;
  for (Py_ssize_t i = start; i < stop && i < list_len(v->node); i++) {
    PyObject *item = element(v, i);
    int same = item == NULL ? -1 : equals(item, value);
    Py_XDECREF(item);
    if (same >= 0 && v->node == NULL) { // the comparison ended the run
      errors_stale(v);
      same = -1;
    }
    if (same != 0)
      return same < 0 ? -2 : i;
  }
  return -1;
}

static int list_contains(PyObject *op, PyObject *value) {
  Py_ssize_t at = search((view *)op, value, 0, PY_SSIZE_T_MAX);
  return at == -2 ? -1 : at >= 0;
}

static PyObject *list_index(PyObject *op, PyObject *args) {
  PyObject *value;
  Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX;
  if (!PyArg_ParseTuple(args, "O|nn:index", &value, &start, &stop) || view_readable((view *)op) < 0)
    return NULL;
  Py_ssize_t n = list_len(((view *)op)->node);
  start = start < 0 ? (start + n < 0 ? 0 : start + n) : start;
  stop = stop < 0 ? stop + n : stop;
  Py_ssize_t at = search((view *)op, value, start, stop);
  if (at == -1)
    PyErr_Format(PyExc_ValueError, "%R is not in list", value);
  return at < 0 ? NULL : PyLong_FromSsize_t(at);
}

static PyObject *call_shallow(PyObject *op, const char *name, PyObject *arg) {
  PyObject *all = list_shallow((view *)op);
  if (all == NULL)
    return NULL;
  PyObject *method = PyUnicode_InternFromString(name);
  PyObject *result = method == NULL ? NULL : PyObject_CallMethodObjArgs(all, method, arg, NULL);
  Py_XDECREF(method);
  Py_DECREF(all);
  return result;
}

static PyObject *list_count(PyObject *op, PyObject *value) {
  return call_shallow(op, "count", value);
}

static PyObject *list_copy(PyObject *op, PyObject *unused) {
  (void)unused;
  return list_shallow((view *)op);
}

static PyObject *list_repr(PyObject *op) {
  view *v = (view *)op;
  if (v->node == NULL)
    return view_repr_stale(v);
  PyObject *target = Py_NewRef(v->node->target);
  int nested = Py_ReprEnter(target);
  if (nested != 0) {
    Py_DECREF(target);
    return nested > 0 ? PyUnicode_FromString("[...]") : NULL;
  }
  PyObject *all = list_shallow(v), *text = all == NULL ? NULL : PyObject_Repr(all);
  Py_XDECREF(all);
  Py_ReprLeave(target);
  Py_DECREF(target);
  return text;
}

// New reference to a plain list for an operand that is a list or a list view; NULL without an
// exception for anything else.
static PyObject *as_list(PyObject *operand) {
  if (view_of(operand, FAMILY_LIST))
    return list_shallow((view *)operand);
  return PyList_Check(operand) ? Py_NewRef(operand) : NULL;
}

static PyObject *list_richcompare(PyObject *op, PyObject *other, int how) {
  PyObject *b = as_list(other), *a = b == NULL ? NULL : as_list(op), *result = NULL;
  if (a != NULL)
    result = PyObject_RichCompare(a, b, how);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *list_concat(PyObject *x, PyObject *y) {
  PyObject *a = as_list(x), *b = a == NULL ? NULL : as_list(y), *result = NULL;
  if (a != NULL && b != NULL)
    result = PySequence_Concat(a, b);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *list_repeat(PyObject *op, Py_ssize_t n) {
  PyObject *all = list_shallow((view *)op);
  PyObject *result = all == NULL ? NULL : PySequence_Repeat(all, n);
  Py_XDECREF(all);
  return result;
}

// ---- writing --------------------------------------------------------------------------------------

static int set_index(view *v, Py_ssize_t i, PyObject *value) {
  shape *s = shape_index(v->scope->engine, v->shape, i);
  if (s == NULL)
    return -1;
  if (!(s->bits & THEUS_MAY_WRITE)) {
    bool frozen = v->shape->bits & THEUS_MAY_READ;
    view_deny(v, frozen ? THEUS_TRY_MUTATE : THEUS_TRY_WRITE, THEUS_INT, NULL, i,
              frozen ? "FrozenList" : "");
    return -1;
  }
  core *c = v->scope->core;
  if (core_read(c, v->node, THEUS_SIZE_KEY) < 0)
    return -1;
  VIEW_CHECK_INT(v); // it may have waited
  if (i < 0 || i >= list_len(v->node)) {
    PyErr_SetString(PyExc_IndexError, "list assignment index out of range");
    return -1;
  }
  PyObject *given = unwrap(v, v->shape, value, THEUS_INT, NULL, i);
  PyObject *old = given != NULL && c->writes != NULL ? list_get(v->node, i) : NULL;
  int failed = given == NULL || (c->writes != NULL && old == NULL) ? -1 : 0;
  if (!failed && s->zone == THEUS_HEAVY) { // straight to the list: nothing is left for a commit
    PyObject *target = Py_NewRef(v->node->target);
    failed = PyList_SetItem(target, i, Py_NewRef(given));
    Py_DECREF(target);
  } else if (!failed) {
    failed = list_set(c, v->node, i, given);
  }
  if (!failed)
    failed = view_log(v, s, THEUS_OP_SET_ITEM, THEUS_INT, NULL, i, given, old);
  Py_XDECREF(old);
  Py_XDECREF(given);
  return failed;
}

// After user code: 0 if full still is what is pending for v, else -1.
static int still(view *v, PyObject *full) {
  if (writable(v) < 0)
    return -1;
  if (v->node->pending != NULL && v->node->pending->full == full)
    return 0;
  PyErr_SetString(PyExc_RuntimeError, "list rolled back while it was being changed");
  return -1;
}

// A change that moves elements: one full copy, then list's own method on it.
static PyObject *change(view *v, uint16_t op, const char *name, PyObject *a, PyObject *b) {
  if (writable(v) < 0)
    return NULL;
  PyObject *full = list_full(v->scope->core, v->node);
  if (full == NULL)
    return NULL;
  PyObject *method = PyUnicode_InternFromString(name);
  PyObject *result = method == NULL ? NULL : PyObject_CallMethodObjArgs(full, method, a, b, NULL);
  Py_XDECREF(method);
  if (result != NULL && (still(v, full) < 0 || log_op(v, op, -1, b != NULL ? b : a, NULL) < 0))
    Py_CLEAR(result);
  Py_DECREF(full);
  return result;
}

static int list_ass_subscript(PyObject *op, PyObject *key, PyObject *value) {
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  Py_ssize_t i;
  if (PyIndex_Check(key) && value != NULL)
    return resolve(v, key, &i) < 0 ? -1 : set_index(v, i, value);
  if (writable(v) < 0)
    return -1;
  PyObject *items = value == NULL ? NULL : given_items(v, value);
  PyObject *result = NULL;
  if (value == NULL)
    result = change(v, THEUS_OP_DELETE, "__delitem__", key, NULL);
  else if (items != NULL)
    result = change(v, THEUS_OP_SET_ITEM, "__setitem__", key, items);
  Py_XDECREF(items);
  Py_XDECREF(result);
  return result == NULL ? -1 : 0;
}

static PyObject *list_append_method(PyObject *op, PyObject *value) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  Py_ssize_t i = list_len(v->node);
  PyObject *given = unwrap(v, v->shape, value, THEUS_INT, NULL, i);
  int failed = given == NULL || writable(v) < 0 ? -1 : list_append(v->scope->core, v->node, given);
  if (!failed && v->node != NULL)
    failed = log_op(v, THEUS_OP_APPEND, list_len(v->node) - 1, given, NULL);
  Py_XDECREF(given);
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *list_extend(PyObject *op, PyObject *iterable) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  // As list does: a list is taken as it is now, anything else item by item, and what came before
  // an iterator raises is kept.
  bool known = PyList_CheckExact(iterable) || Py_TYPE(iterable) == Py_TYPE(op);
  PyObject *items = known ? given_items(v, iterable) : NULL;
  PyObject *it = known && items == NULL ? NULL : PyObject_GetIter(known ? items : iterable), *item;
  Py_ssize_t added = 0;
  int failed = it == NULL ? -1 : 0;
  while (!failed && (item = PyIter_Next(it)) != NULL) {
    PyObject *given = writable(v) < 0 ? NULL : unwrap(v, v->shape, item, THEUS_INT, NULL, added);
    failed = given == NULL || writable(v) < 0 || list_append(v->scope->core, v->node, given) < 0;
    added += !failed;
    Py_XDECREF(given);
    Py_DECREF(item);
  }
  Py_XDECREF(it);
  PyObject *error = PyErr_Occurred() ? errors_take() : NULL;
  if (added > 0 && v->node != NULL && log_op(v, THEUS_OP_EXTEND, -1, items, NULL) < 0)
    failed = -1;
  if (error != NULL)
    errors_put(error);
  Py_XDECREF(items);
  return failed || error != NULL ? NULL : Py_NewRef(Py_None);
}

static PyObject *list_insert(PyObject *op, PyObject *args) {
  view *v = (view *)op;
  PyObject *at, *value;
  if (!PyArg_ParseTuple(args, "OO:insert", &at, &value) || writable(v) < 0)
    return NULL;
  PyObject *given = unwrap(v, v->shape, value, THEUS_INT, NULL, 0);
  PyObject *result = given == NULL ? NULL : change(v, THEUS_OP_INSERT, "insert", at, given);
  Py_XDECREF(given);
  return result;
}

static PyObject *list_pop(PyObject *op, PyObject *args) {
  view *v = (view *)op;
  PyObject *key = NULL;
  if (!PyArg_ParseTuple(args, "|O:pop", &key) || writable(v) < 0)
    return NULL;
  Py_ssize_t n = list_len(v->node), i = n - 1;
  if (n == 0) {
    PyErr_SetString(PyExc_IndexError, "pop from empty list");
    return NULL;
  }
  if (key != NULL && resolve(v, key, &i) < 0)
    return NULL;
  n = list_len(v->node); // __index__ may have changed it
  if (i < 0 || i >= n) {
    PyErr_SetString(PyExc_IndexError, "pop index out of range");
    return NULL;
  }
  PyObject *item = element(v, i);
  if (item == NULL || writable(v) < 0) {
    Py_XDECREF(item);
    return NULL;
  }
  core *c = v->scope->core;
  PyObject *old = c->writes == NULL ? NULL : list_get(v->node, i);
  int failed;
  if (i == n - 1) {
    failed = list_drop_last(c, v->node);
  } else {
    PyObject *full = list_full(c, v->node);
    failed = full == NULL ? -1 : PyList_SetSlice(full, i, i + 1, NULL);
    Py_XDECREF(full);
  }
  if (!failed)
    failed = log_op(v, THEUS_OP_POP, i, NULL, old);
  Py_XDECREF(old);
  if (failed)
    Py_CLEAR(item);
  return item;
}

static PyObject *list_remove(PyObject *op, PyObject *value) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  Py_ssize_t at = search(v, value, 0, PY_SSIZE_T_MAX);
  if (at == -1)
    PyErr_SetString(PyExc_ValueError, "list.remove(x): x not in list");
  if (at < 0)
    return NULL;
  PyObject *full = list_full(v->scope->core, v->node);
  int failed = full == NULL || PyList_SetSlice(full, at, at + 1, NULL) < 0 ||
               log_op(v, THEUS_OP_REMOVE, at, NULL, NULL) < 0;
  Py_XDECREF(full);
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *list_clear(PyObject *op, PyObject *unused) {
  (void)unused;
  return change((view *)op, THEUS_OP_CLEAR, "clear", NULL, NULL);
}

static PyObject *list_reverse(PyObject *op, PyObject *unused) {
  (void)unused;
  return change((view *)op, THEUS_OP_REVERSE, "reverse", NULL, NULL);
}

// Sorting compares wrapped elements and then stores what they stand for.
static PyObject *list_sort(PyObject *op, PyObject *args, PyObject *kwargs) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  PyObject *all = list_shallow(v);
  PyObject *sort = all == NULL ? NULL : PyObject_GetAttrString(all, "sort");
  if (sort == NULL || writable(v) < 0) {
    Py_XDECREF(sort);
    Py_XDECREF(all);
    return NULL;
  }
  uint32_t before = v->node->pending == NULL ? 0 : v->node->pending->structure;
  PyObject *result = PyObject_Call(sort, args, kwargs);
  Py_XDECREF(sort);
  if (result != NULL && writable(v) < 0)
    Py_CLEAR(result);
  if (result != NULL && before != (v->node->pending == NULL ? 0 : v->node->pending->structure)) {
    PyErr_SetString(PyExc_ValueError, "list modified during sort");
    Py_CLEAR(result);
  }
  for (Py_ssize_t i = 0; result != NULL && i < PyList_GET_SIZE(all); i++) {
    PyObject *item = unwrap(v, v->shape, PyList_GET_ITEM(all, i), THEUS_INT, NULL, i);
    if (item == NULL || PyList_SetItem(all, i, item) < 0)
      Py_CLEAR(result);
  }
  if (result != NULL && writable(v) < 0)
    Py_CLEAR(result);
  if (result != NULL) {
    PyObject *full = list_full(v->scope->core, v->node);
    if (full == NULL || PyList_SetSlice(full, 0, PY_SSIZE_T_MAX, all) < 0 ||
        log_op(v, THEUS_OP_SORT, -1, NULL, NULL) < 0)
      Py_CLEAR(result);
    Py_XDECREF(full);
  }
  Py_XDECREF(all);
  return result;
}

static PyObject *list_inplace_concat(PyObject *op, PyObject *iterable) {
  PyObject *none = list_extend(op, iterable);
  Py_XDECREF(none);
  return none == NULL ? NULL : Py_NewRef(op);
}

static PyObject *list_inplace_repeat(PyObject *op, Py_ssize_t times) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  PyObject *full = list_full(v->scope->core, v->node);
  PyObject *grown = full == NULL ? NULL : PySequence_Repeat(full, times);
  int failed = grown == NULL ? -1 : PyList_SetSlice(full, 0, PY_SSIZE_T_MAX, grown);
  Py_XDECREF(grown);
  Py_XDECREF(full);
  if (!failed)
    failed = log_op(v, THEUS_OP_EXTEND, -1, NULL, NULL);
  return failed ? NULL : Py_NewRef(op);
}

// ---- iterator -------------------------------------------------------------------------------------

typedef struct {
  PyObject_HEAD
  view *list; // owned; NULL once exhausted
  Py_ssize_t at;
} list_iterator;

static PyObject *list_iter(PyObject *op) {
  view *v = (view *)op;
  if (view_readable(v) < 0)
    return NULL;
  list_iterator *it = PyObject_GC_New(list_iterator, STATE(v)->list_iter);
  if (it == NULL)
    return NULL;
  it->list = (view *)Py_NewRef(op);
  it->at = 0;
  PyObject_GC_Track((PyObject *)it);
  return (PyObject *)it;
}

static PyObject *iter_next(PyObject *op) {
  list_iterator *it = (list_iterator *)op;
  if (it->list == NULL)
    return NULL;
  VIEW_CHECK(it->list);
  PyObject *item = element_plain(it->list, it->at);
  if (item != NULL) {
    it->at++;
    return item;
  }
  view *v = (view *)Py_NewRef((PyObject *)it->list); // user code may exhaust this very iterator
  if (core_read(v->scope->core, v->node, THEUS_WHOLE_KEY) < 0)
    item = NULL;
  else if (v->node == NULL)
    errors_stale(v);
  else if (it->at < list_len(v->node))
    item = element(v, it->at++);
  else
    Py_CLEAR(it->list);
  Py_DECREF((PyObject *)v);
  return item;
}

static PyObject *iter_hint(PyObject *op, PyObject *unused) {
  (void)unused;
  list_iterator *it = (list_iterator *)op;
  Py_ssize_t left = it->list == NULL || it->list->node == NULL ? 0 : list_len(it->list->node) - it->at;
  return PyLong_FromSsize_t(left < 0 ? 0 : left);
}

static int iter_traverse(PyObject *op, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(((list_iterator *)op)->list);
  return 0;
}

static void iter_dealloc(PyObject *op) {
  PyTypeObject *type = Py_TYPE(op);
  PyObject *list = (PyObject *)((list_iterator *)op)->list;
  PyObject_GC_UnTrack(op);
  PyObject_GC_Del(op);
  Py_XDECREF(list);
  Py_DECREF(type);
}

static PyMethodDef iter_methods[] = {
    {"__length_hint__", iter_hint, METH_NOARGS, NULL},
    {0},
};

static PyType_Slot iter_slots[] = {
    {Py_tp_new, view_new_refused},   {Py_tp_dealloc, iter_dealloc},
    {Py_tp_traverse, iter_traverse}, {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iter_next},     {Py_tp_methods, iter_methods},
    {0, NULL},
};

PyType_Spec list_iter_spec = {
    .name = "theus._kernel.ListIterator",
    .basicsize = sizeof(list_iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = iter_slots,
};

// ---- types ----------------------------------------------------------------------------------------

static PyMethodDef list_methods[] = {
    {"append", list_append_method, METH_O, "Append an item."},
    {"extend", list_extend, METH_O, "Append all items of an iterable."},
    {"insert", list_insert, METH_VARARGS, "Insert an item before an index."},
    {"pop", list_pop, METH_VARARGS, "Remove an item and return it."},
    {"remove", list_remove, METH_O, "Remove the first item equal to a value."},
    {"clear", list_clear, METH_NOARGS, "Remove all items."},
    {"index", list_index, METH_VARARGS, "Index of the first item equal to a value."},
    {"count", list_count, METH_O, "How many items equal a value."},
    {"sort", METHOD(list_sort), METH_VARARGS | METH_KEYWORDS, "Sort in place."},
    {"reverse", list_reverse, METH_NOARGS, "Reverse in place."},
    {"copy", list_copy, METH_NOARGS, "A new list of the same items."},
    {"__copy__", list_copy, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce_ex__", view_reduce, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {0},
};

static PyObject *class_list(PyObject *op, void *unused) {
  (void)op, (void)unused;
  return Py_NewRef((PyObject *)&PyList_Type);
}

static PyGetSetDef list_getset[] = {
    {"__class__", class_list, NULL, "list: what the view stands for.", NULL},
    {0},
};

static PyType_Slot list_slots[] = {
    {Py_tp_doc, "A list of the context as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_repr, list_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_richcompare, list_richcompare},
    {Py_tp_iter, list_iter},
    {Py_tp_methods, list_methods},
    {Py_tp_getset, list_getset},
    {Py_mp_length, list_length},
    {Py_mp_subscript, list_subscript},
    {Py_mp_ass_subscript, list_ass_subscript},
    {Py_sq_length, list_length},
    {Py_sq_item, list_item},
    {Py_sq_contains, list_contains},
    {Py_sq_repeat, list_repeat},
    {Py_sq_inplace_concat, list_inplace_concat},
    {Py_nb_inplace_add, list_inplace_concat},
    {Py_sq_inplace_repeat, list_inplace_repeat},
    {Py_nb_add, list_concat},
    {0, NULL},
};

#define LIST_FLAGS                                                                                 \
  (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_SEQUENCE | Py_TPFLAGS_IMMUTABLETYPE |       \
   Py_TPFLAGS_BASETYPE)

PyType_Spec tracked_list_spec = {
    .name = "theus._kernel.TrackedList",
    .basicsize = sizeof(view),
    .flags = LIST_FLAGS,
    .slots = list_slots,
};

PyType_Spec frozen_list_spec = {
    .name = "theus._kernel.FrozenList",
    .basicsize = sizeof(view),
    .flags = LIST_FLAGS,
    .slots = list_slots,
};
