// deque.c: TrackedDeque and FrozenDeque, the views of a collections.deque under an output and under
// an input. Both ends are O(1); what deque itself does in O(n) (comparing, copying, adding) runs on
// a plain deque of wrapped items.
//
// Calls that run Python code: __eq__ and __lt__ of items, iteration of arguments.
#include "ext.h"

// Whatever changes a deque counts from its length.
static int writable(view *v) {
  return view_writable(v, "FrozenDeque") < 0 ? -1 : core_read(v->scope->core, v->node, THEUS_SIZE_KEY);
}

static uint32_t structure_of(node *n) { return n->pending == NULL ? 0 : n->pending->structure; }

// New: what user code gets for the raw item at i.
static PyObject *show(view *v, PyObject *raw, Py_ssize_t i) {
  VIEW_CHECK(v);
  shape *s = shape_index(v->scope->engine, v->shape, i);
  if (s == NULL)
    return NULL;
  if (!(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)))
    return view_deny(v, THEUS_TRY_READ, THEUS_INT, NULL, i, "");
  return wrap(v, s, raw, NULL, i, THEUS_INT);
}

static PyObject *element(view *v, Py_ssize_t i) {
  VIEW_CHECK(v);
  if (core_read(v->scope->core, v->node, THEUS_WHOLE_KEY) < 0)
    return NULL;
  VIEW_CHECK(v); // it may have waited
  PyObject *raw = deque_get(STATE(v), v->node, i);
  PyObject *shown = raw == NULL ? NULL : show(v, raw, i);
  Py_XDECREF(raw);
  return shown;
}

static int log_op(view *v, uint16_t op, Py_ssize_t index, PyObject *value, PyObject *old) {
  if (v->node == NULL) {
    errors_stale(v);
    return -1;
  }
  shape *s = index < 0 ? v->shape : shape_index(v->scope->engine, v->shape, index);
  return s == NULL ? -1
                   : view_log(v, s, op, index < 0 ? 0 : THEUS_INT, NULL, index, value, old);
}

// The limit of its length, -1: none, -2: error.
static Py_ssize_t limit(view *v) {
  PyObject *max = base_maxlen(STATE(v), v->node->target);
  Py_ssize_t n = max == NULL ? -2 : max == Py_None ? -1 : PyLong_AsSsize_t(max);
  Py_XDECREF(max);
  return n;
}

// ---- iterator -------------------------------------------------------------------------------------

typedef struct {
  PyObject_HEAD
  view *deque; // owned; NULL once exhausted
  deque_cursor at;
  Py_ssize_t index;
  uint32_t structure;
} iterator;

static PyObject *iterate(PyObject *op) {
  view *v = (view *)op;
  if (view_readable(v) < 0)
    return NULL;
  deque_cursor at;
  if (deque_start(STATE(v), v->node, &at) < 0)
    return NULL;
  iterator *it = PyObject_GC_New(iterator, STATE(v)->deque_iter);
  if (it == NULL) {
    deque_stop(&at);
    return NULL;
  }
  it->deque = (view *)Py_NewRef(op);
  it->at = at;
  it->index = 0;
  it->structure = structure_of(v->node);
  PyObject_GC_Track((PyObject *)it);
  return (PyObject *)it;
}

static PyObject *iter_next(PyObject *op) {
  iterator *it = (iterator *)op;
  view *v = it->deque;
  if (v == NULL)
    return NULL;
  VIEW_CHECK(v);
  if (core_read(v->scope->core, v->node, THEUS_WHOLE_KEY) < 0)
    return NULL;
  VIEW_CHECK(v); // it may have waited
  if (it->structure != structure_of(v->node)) {
    PyErr_SetString(PyExc_RuntimeError, "deque mutated during iteration");
    return NULL;
  }
  PyObject *raw = deque_next(v->node, &it->at);
  if (raw == NULL) {
    if (!PyErr_Occurred()) {
      it->deque = NULL;
      Py_DECREF((PyObject *)v);
    }
    return NULL;
  }
  PyObject *shown = show(v, raw, it->index++);
  Py_DECREF(raw);
  return shown;
}

static int iter_traverse(PyObject *op, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(((iterator *)op)->deque);
  return 0;
}

static void iter_dealloc(PyObject *op) {
  PyTypeObject *type = Py_TYPE(op);
  PyObject *deque = (PyObject *)((iterator *)op)->deque;
  deque_cursor at = ((iterator *)op)->at;
  PyObject_GC_UnTrack(op);
  PyObject_GC_Del(op);
  deque_stop(&at);
  Py_XDECREF(deque);
  Py_DECREF(type);
}

static PyType_Slot iter_slots[] = {
    {Py_tp_new, view_new_refused},   {Py_tp_dealloc, iter_dealloc},
    {Py_tp_traverse, iter_traverse}, {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iter_next},     {0, NULL},
};

PyType_Spec deque_iter_spec = {
    .name = "theus._kernel.DequeIterator",
    .basicsize = sizeof(iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = iter_slots,
};

// ---- reading --------------------------------------------------------------------------------------

PyObject *deque_shallow(view *v) {
  PyObject *items = iterate((PyObject *)v), *max = NULL, *deque = NULL;
  if (items != NULL)
    max = base_maxlen(STATE(v), v->node->target);
  if (max != NULL)
    deque = PyObject_CallFunctionObjArgs((PyObject *)STATE(v)->builtin[FAMILY_DEQUE], items, max, NULL);
  Py_XDECREF(max);
  Py_XDECREF(items);
  return deque;
}

static Py_ssize_t deque_length(PyObject *op) {
  return view_sized((view *)op) < 0 ? -1 : deque_len(((view *)op)->node);
}

static PyObject *deque_item(PyObject *op, Py_ssize_t i) { return element((view *)op, i); }

// Position of the first item equal to value in [start, stop), -1 if none, -2 on error.
static Py_ssize_t search(view *v, PyObject *value, Py_ssize_t start, Py_ssize_t stop) {
  PyObject *items = iterate((PyObject *)v), *item;
  Py_ssize_t at = items == NULL ? -2 : -1;
  for (Py_ssize_t i = 0; at == -1 && i < stop && (item = iter_next(items)) != NULL; i++) {
    int same = i < start ? 0 : PyObject_RichCompareBool(item, value, Py_EQ);
    Py_DECREF(item);
    if (same != 0)
      at = same < 0 ? -2 : i;
  }
  Py_XDECREF(items);
  return PyErr_Occurred() ? -2 : at;
}

static int deque_contains(PyObject *op, PyObject *value) {
  Py_ssize_t at = search((view *)op, value, 0, PY_SSIZE_T_MAX);
  return at == -2 ? -1 : at >= 0;
}

static PyObject *deque_index(PyObject *op, PyObject *args) {
  PyObject *value;
  Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX;
  if (!PyArg_ParseTuple(args, "O|nn:index", &value, &start, &stop) || view_readable((view *)op) < 0)
    return NULL;
  Py_ssize_t n = deque_len(((view *)op)->node);
  start = start < 0 ? (start + n < 0 ? 0 : start + n) : start;
  stop = stop < 0 ? stop + n : stop;
  Py_ssize_t at = search((view *)op, value, start, stop);
  if (at == -1)
    PyErr_Format(PyExc_ValueError, "%R is not in deque", value);
  return at < 0 ? NULL : PyLong_FromSsize_t(at);
}

// Calls deque's own method of a plain deque of wrapped items.
static PyObject *on_plain(PyObject *op, const char *name, PyObject *arg) {
  PyObject *all = deque_shallow((view *)op);
  PyObject *result = all == NULL ? NULL : base_deque(STATE((view *)op), name, all, arg);
  Py_XDECREF(all);
  return result;
}

static PyObject *deque_count(PyObject *op, PyObject *value) { return on_plain(op, "count", value); }

static PyObject *deque_copy(PyObject *op, PyObject *unused) {
  (void)unused;
  return deque_shallow((view *)op);
}

static PyObject *deque_reversed(PyObject *op, PyObject *unused) {
  (void)unused;
  return on_plain(op, "__reversed__", NULL);
}

static PyObject *deque_repr(PyObject *op) {
  view *v = (view *)op;
  if (v->node == NULL)
    return view_repr_stale(v);
  int nested = Py_ReprEnter(v->node->target);
  if (nested != 0)
    return nested > 0 ? PyUnicode_FromString("[...]") : NULL;
  PyObject *target = Py_NewRef(v->node->target), *all = deque_shallow(v);
  PyObject *text = all == NULL ? NULL : PyObject_Repr(all);
  Py_XDECREF(all);
  Py_ReprLeave(target);
  Py_DECREF(target);
  return text;
}

// New: a plain deque for an operand that is a deque or a view of one; NULL without an exception
// for anything else.
static PyObject *as_deque(state *st, PyObject *operand) {
  if (view_of(operand, FAMILY_DEQUE))
    return deque_shallow((view *)operand);
  return PyObject_TypeCheck(operand, st->builtin[FAMILY_DEQUE]) ? Py_NewRef(operand) : NULL;
}

static PyObject *deque_richcompare(PyObject *op, PyObject *other, int how) {
  state *st = STATE((view *)op);
  PyObject *b = as_deque(st, other), *a = b == NULL ? NULL : as_deque(st, op), *result = NULL;
  if (a != NULL)
    result = PyObject_RichCompare(a, b, how);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *deque_concat(PyObject *x, PyObject *y) {
  state *st = STATE((view *)(view_of(x, FAMILY_DEQUE) ? x : y));
  PyObject *a = as_deque(st, x), *b = a == NULL ? NULL : as_deque(st, y), *result = NULL;
  if (a != NULL && b != NULL)
    result = PySequence_Concat(a, b);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *deque_repeat(PyObject *op, Py_ssize_t n) {
  PyObject *all = deque_shallow((view *)op);
  PyObject *result = all == NULL ? NULL : PySequence_Repeat(all, n);
  Py_XDECREF(all);
  return result;
}

static PyObject *get_maxlen(PyObject *op, void *unused) {
  (void)unused;
  view *v = (view *)op;
  return view_readable(v) < 0 ? NULL : base_maxlen(STATE(v), v->node->target);
}

// ---- writing --------------------------------------------------------------------------------------

// Pushes one item as the deque stores it; one that is full drops an item at its other end.
static int push(view *v, bool left, PyObject *given) {
  core *c = v->scope->core;
  Py_ssize_t max = limit(v);
  if (max == -2 || deque_push(c, STATE(v), v->node, left, given) < 0)
    return -1;
  if (max < 0 || deque_len(v->node) <= max)
    return 0;
  PyObject *dropped = deque_pull(c, STATE(v), v->node, !left);
  Py_XDECREF(dropped);
  return dropped == NULL ? -1 : 0;
}

static PyObject *append_at(PyObject *op, bool left, PyObject *value) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  Py_ssize_t i = left ? 0 : deque_len(v->node);
  PyObject *given = unwrap(v, v->shape, value, THEUS_INT, NULL, i);
  int failed = given == NULL || writable(v) < 0 || push(v, left, given) < 0 ||
               log_op(v, left ? THEUS_OP_INSERT : THEUS_OP_APPEND, i, given, NULL) < 0;
  Py_XDECREF(given);
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *deque_append(PyObject *op, PyObject *value) { return append_at(op, false, value); }
static PyObject *deque_appendleft(PyObject *op, PyObject *value) { return append_at(op, true, value); }

static PyObject *pop_at(PyObject *op, bool left) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  if (core_read(v->scope->core, v->node, THEUS_WHOLE_KEY) < 0)
    return NULL;
  VIEW_CHECK(v); // it may have waited
  Py_ssize_t i = left ? 0 : deque_len(v->node) - 1;
  PyObject *raw = i < 0 ? NULL : deque_get(STATE(v), v->node, i);
  if (i < 0)
    PyErr_SetString(PyExc_IndexError, "pop from an empty deque");
  PyObject *shown = raw == NULL ? NULL : show(v, raw, i), *pulled = NULL;
  if (shown != NULL && writable(v) == 0)
    pulled = deque_pull(v->scope->core, STATE(v), v->node, left);
  if (shown != NULL && (pulled == NULL || log_op(v, THEUS_OP_POP, i, NULL, raw) < 0))
    Py_CLEAR(shown);
  Py_XDECREF(pulled);
  Py_XDECREF(raw);
  return shown;
}

static PyObject *deque_pop(PyObject *op, PyObject *unused) {
  (void)unused;
  return pop_at(op, false);
}

static PyObject *deque_popleft(PyObject *op, PyObject *unused) {
  (void)unused;
  return pop_at(op, true);
}

static int extend_at(view *v, bool left, PyObject *iterable) {
  if (writable(v) < 0)
    return -1;
  PyObject *items = PySequence_List(iterable); // first: the iterable may be this very view
  int failed = items == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++) {
    PyObject *given = unwrap(v, v->shape, PyList_GET_ITEM(items, i), THEUS_INT, NULL, i);
    failed = given == NULL || writable(v) < 0 || push(v, left, given) < 0 ||
                     PyList_SetItem(items, i, Py_XNewRef(given)) < 0
                 ? -1
                 : 0;
    Py_XDECREF(given);
  }
  if (!failed && PyList_GET_SIZE(items) > 0)
    failed = log_op(v, THEUS_OP_EXTEND, -1, items, NULL);
  Py_XDECREF(items);
  return failed;
}

static PyObject *deque_extend(PyObject *op, PyObject *iterable) {
  return extend_at((view *)op, false, iterable) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *deque_extendleft(PyObject *op, PyObject *iterable) {
  return extend_at((view *)op, true, iterable) < 0 ? NULL : Py_NewRef(Py_None);
}

static int rotate(view *v, Py_ssize_t by) {
  return deque_rotate(v->scope->core, STATE(v), v->node, by);
}

static PyObject *deque_rotate_method(PyObject *op, PyObject *args) {
  view *v = (view *)op;
  Py_ssize_t by = 1;
  if (!PyArg_ParseTuple(args, "|n:rotate", &by) || writable(v) < 0 || rotate(v, by) < 0 ||
      log_op(v, THEUS_OP_REVERSE, -1, NULL, NULL) < 0)
    return NULL;
  Py_RETURN_NONE;
}

// Turns the deque so that i comes first, and back, as deque.insert and del do. 0, -1.
static int delete_at(view *v, Py_ssize_t i) {
  if (rotate(v, -i) < 0)
    return -1;
  PyObject *pulled = deque_pull(v->scope->core, STATE(v), v->node, true);
  Py_XDECREF(pulled);
  return pulled == NULL ? -1 : rotate(v, i);
}

static PyObject *deque_insert(PyObject *op, PyObject *args) {
  view *v = (view *)op;
  Py_ssize_t i;
  PyObject *value;
  if (!PyArg_ParseTuple(args, "nO:insert", &i, &value) || writable(v) < 0)
    return NULL;
  Py_ssize_t n = deque_len(v->node), max = limit(v);
  if (max >= 0 && n >= max)
    PyErr_SetString(PyExc_IndexError, "deque already at its maximum size");
  if (PyErr_Occurred())
    return NULL;
  i = i < 0 ? (i + n < 0 ? 0 : i + n) : i > n ? n : i;
  PyObject *given = unwrap(v, v->shape, value, THEUS_INT, NULL, i);
  int failed = given == NULL || writable(v) < 0 || (i < n && rotate(v, -i) < 0) ||
               push(v, i < n, given) < 0 || (i < n && rotate(v, i) < 0) ||
               log_op(v, THEUS_OP_INSERT, i, given, NULL) < 0;
  Py_XDECREF(given);
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *deque_remove(PyObject *op, PyObject *value) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  Py_ssize_t at = search(v, value, 0, PY_SSIZE_T_MAX);
  if (at == -1)
    PyErr_Format(PyExc_ValueError, "%R is not in deque", value);
  if (at < 0 || writable(v) < 0 || delete_at(v, at) < 0 ||
      log_op(v, THEUS_OP_REMOVE, at, NULL, NULL) < 0)
    return NULL;
  Py_RETURN_NONE;
}

static int deque_ass_item(PyObject *op, Py_ssize_t i, PyObject *value) {
  view *v = (view *)op;
  if (writable(v) < 0)
    return -1;
  if (i < 0 || i >= deque_len(v->node)) {
    PyErr_SetString(PyExc_IndexError, "deque index out of range");
    return -1;
  }
  if (value == NULL)
    return delete_at(v, i) < 0 ? -1 : log_op(v, THEUS_OP_DELETE, i, NULL, NULL);
  core *c = v->scope->core;
  PyObject *given = unwrap(v, v->shape, value, THEUS_INT, NULL, i), *old = NULL;
  int failed = given == NULL || writable(v) < 0 ? -1 : 0;
  if (!failed && c->writes != NULL)
    failed = (old = deque_get(STATE(v), v->node, i)) == NULL ? -1 : 0;
  if (!failed && (failed = deque_set(c, STATE(v), v->node, i, given)) == 0)
    failed = log_op(v, THEUS_OP_SET_ITEM, i, given, old);
  Py_XDECREF(old);
  Py_XDECREF(given);
  return failed;
}

// Replaces everything by the items of a list, as they are stored.
static int replace(view *v, PyObject *items, uint16_t op) {
  int failed = writable(v) < 0 ? -1 : deque_clear(v->scope->core, v->node);
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++)
    failed = push(v, false, PyList_GET_ITEM(items, i));
  return failed ? -1 : log_op(v, op, -1, NULL, NULL);
}

// New list of the raw items.
static PyObject *raw_items(view *v) {
  deque_cursor at;
  PyObject *items = PyList_New(0), *raw;
  if (items == NULL || deque_start(STATE(v), v->node, &at) < 0) {
    Py_XDECREF(items);
    return NULL;
  }
  while ((raw = deque_next(v->node, &at)) != NULL) {
    if (PyList_Append(items, raw) < 0)
      Py_CLEAR(items);
    Py_DECREF(raw);
    if (items == NULL)
      break;
  }
  deque_stop(&at);
  if (PyErr_Occurred())
    Py_CLEAR(items);
  return items;
}

static PyObject *deque_clear_method(PyObject *op, PyObject *unused) {
  (void)unused;
  view *v = (view *)op;
  if (writable(v) < 0 || deque_clear(v->scope->core, v->node) < 0 ||
      log_op(v, THEUS_OP_CLEAR, -1, NULL, NULL) < 0)
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *deque_reverse(PyObject *op, PyObject *unused) {
  (void)unused;
  view *v = (view *)op;
  PyObject *items = writable(v) < 0 ? NULL : raw_items(v);
  int failed = items == NULL || PyList_Reverse(items) < 0 || replace(v, items, THEUS_OP_REVERSE) < 0;
  Py_XDECREF(items);
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *deque_inplace_concat(PyObject *op, PyObject *iterable) {
  return extend_at((view *)op, false, iterable) < 0 ? NULL : Py_NewRef(op);
}

static PyObject *deque_inplace_repeat(PyObject *op, Py_ssize_t times) {
  view *v = (view *)op;
  PyObject *items = writable(v) < 0 ? NULL : raw_items(v);
  PyObject *grown = items == NULL ? NULL : PySequence_Repeat(items, times);
  int failed = grown == NULL ? -1 : replace(v, grown, THEUS_OP_EXTEND);
  Py_XDECREF(grown);
  Py_XDECREF(items);
  return failed ? NULL : Py_NewRef(op);
}

// ---- types ----------------------------------------------------------------------------------------

static PyMethodDef deque_methods[] = {
    {"append", deque_append, METH_O, "Add an item at the right end."},
    {"appendleft", deque_appendleft, METH_O, "Add an item at the left end."},
    {"pop", deque_pop, METH_NOARGS, "Remove the item at the right end and return it."},
    {"popleft", deque_popleft, METH_NOARGS, "Remove the item at the left end and return it."},
    {"extend", deque_extend, METH_O, "Add all items of an iterable at the right end."},
    {"extendleft", deque_extendleft, METH_O, "Add them one by one at the left end."},
    {"rotate", deque_rotate_method, METH_VARARGS, "Move items from the right end to the left."},
    {"insert", deque_insert, METH_VARARGS, "Insert an item before an index."},
    {"remove", deque_remove, METH_O, "Remove the first item equal to a value."},
    {"reverse", deque_reverse, METH_NOARGS, "Reverse in place."},
    {"clear", deque_clear_method, METH_NOARGS, "Remove all items."},
    {"index", deque_index, METH_VARARGS, "Index of the first item equal to a value."},
    {"count", deque_count, METH_O, "How many items equal a value."},
    {"copy", deque_copy, METH_NOARGS, "A new deque of the same items."},
    {"__reversed__", deque_reversed, METH_NOARGS, NULL},
    {"__copy__", deque_copy, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce_ex__", view_reduce, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {0},
};

static PyGetSetDef deque_getset[] = {
    {"__class__", view_get_class, NULL, "deque: what the view stands for.", NULL},
    {"maxlen", get_maxlen, NULL, "The limit of its length, or None.", NULL},
    {0},
};

static PyType_Slot deque_slots[] = {
    {Py_tp_doc, "A deque of the context as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_repr, deque_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_richcompare, deque_richcompare},
    {Py_tp_iter, iterate},
    {Py_tp_methods, deque_methods},
    {Py_tp_getset, deque_getset},
    {Py_sq_length, deque_length},
    {Py_sq_item, deque_item},
    {Py_sq_ass_item, deque_ass_item},
    {Py_sq_contains, deque_contains},
    {Py_sq_repeat, deque_repeat},
    {Py_sq_inplace_concat, deque_inplace_concat},
    {Py_nb_inplace_add, deque_inplace_concat},
    {Py_sq_inplace_repeat, deque_inplace_repeat},
    {Py_nb_add, deque_concat},
    {0, NULL},
};

#define DEQUE_FLAGS                                                                                \
  (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_SEQUENCE | Py_TPFLAGS_IMMUTABLETYPE |      \
   Py_TPFLAGS_BASETYPE)

PyType_Spec tracked_deque_spec = {
    .name = "theus._kernel.TrackedDeque",
    .basicsize = sizeof(view),
    .flags = DEQUE_FLAGS,
    .slots = deque_slots,
};

PyType_Spec frozen_deque_spec = {
    .name = "theus._kernel.FrozenDeque",
    .basicsize = sizeof(view),
    .flags = DEQUE_FLAGS,
    .slots = deque_slots,
};
