// ordered.c: TrackedOrderedDict and FrozenOrderedDict: a dict whose order is part of its value.
// Moving a key to the end is one deletion and one addition in the overlay; moving one to the
// beginning writes the order anew, O(n).
//
// Calls that run Python code: __hash__ and __eq__ of keys and values.
#include "ext.h"

static int writable(view *v) { return view_writable(v, "FrozenOrderedDict"); }

static int set_first(view *v, PyObject *key, PyObject *value) {
  core *c = v->scope->core;
  PyObject *items = PyDict_New(), *k, *raw;
  dict_cursor at = {0};
  int more = items == NULL ? -1 : PyDict_SetItem(items, key, value) < 0 ? -1 : 1;
  while (more > 0 && (more = dict_next(c, v->node, &at, &k, &raw)) > 0) {
    int there = PyDict_Contains(items, k); // the key itself, which comes first now
    if (there < 0 || (!there && PyDict_SetItem(items, k, raw) < 0))
      more = -1;
    Py_DECREF(raw);
    Py_DECREF(k);
  }
  dict_stop(&at);
  if (more == 0 && (writable(v) < 0 || dict_clear(c, v->node) < 0))
    more = -1;
  Py_ssize_t pos = 0;
  while (more == 0 && PyDict_Next(items, &pos, &k, &raw))
    if (writable(v) < 0 || dict_set(c, v->node, k, raw) < 0)
      more = -1;
  Py_XDECREF(items);
  return more;
}

static PyObject *move_to_end(PyObject *op, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"key", "last", NULL};
  view *v = (view *)op;
  PyObject *given, *raw = NULL;
  int last = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:move_to_end", names, &given, &last) ||
      writable(v) < 0)
    return NULL;
  core *c = v->scope->core;
  PyObject *key = unwrap_key(v, given), *result = NULL;
  int there = key == NULL ? -1 : dict_get(c, v->node, key, &raw);
  if (there == 0)
    PyErr_SetObject(PyExc_KeyError, given);
  int failed = there <= 0 || writable(v) < 0;
  if (!failed && last)
    failed = dict_del(c, v->node, key) < 0 || writable(v) < 0 || dict_set(c, v->node, key, raw) < 0;
  else if (!failed)
    failed = set_first(v, key, raw) < 0;
  shape *s = failed || writable(v) < 0 ? NULL : shape_item(v->scope->engine, v->shape, key);
  if (s != NULL && view_log(v, s, THEUS_OP_SET_ITEM, THEUS_TEXT, key, 0, raw, raw) == 0)
    result = Py_NewRef(Py_None);
  Py_XDECREF(raw);
  Py_XDECREF(key);
  return result;
}

static PyObject *popitem(PyObject *op, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"last", NULL};
  view *v = (view *)op;
  int last = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:popitem", names, &last) || writable(v) < 0)
    return NULL;
  core *c = v->scope->core;
  PyObject *key, *raw;
  int there = last ? dict_last(c, v->node, &key, &raw) : dict_first(c, v->node, &key, &raw);
  if (there == 0)
    PyErr_SetString(PyExc_KeyError, "dictionary is empty");
  if (there <= 0)
    return NULL;
  // Shown first, removed then: an item that cannot be shown stays.
  shape *s = writable(v) < 0 ? NULL : shape_item(v->scope->engine, v->shape, key);
  PyObject *value = s == NULL ? NULL : wrap(v, s, raw, key, 0, THEUS_TEXT);
  PyObject *item = value == NULL ? NULL : PyTuple_Pack(2, key, value);
  there = item == NULL || writable(v) < 0 ? -1
          : last                          ? dict_drop_last(c, v->node, key)
                                          : dict_del(c, v->node, key);
  if (there == 0)
    PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during popitem");
  if (there > 0)
    there = view_log(v, s, THEUS_OP_POPITEM, THEUS_TEXT, key, 0, NULL, raw) < 0 ? -1 : 1;
  else if (v->node != NULL)
    dict_forget_last(v->node);
  if (there <= 0)
    Py_CLEAR(item);
  Py_XDECREF(value);
  Py_DECREF(raw);
  Py_DECREF(key);
  return item;
}

static PyObject *copy(PyObject *op, PyObject *unused) {
  (void)unused;
  return twin_shallow((view *)op);
}

static PyObject *repr(PyObject *op) {
  view *v = (view *)op;
  if (v->node == NULL)
    return view_repr_stale(v);
  int nested = Py_ReprEnter(v->node->target);
  if (nested != 0)
    return nested > 0 ? PyUnicode_FromString("...") : NULL;
  PyObject *target = Py_NewRef(v->node->target), *all = twin_shallow(v);
  PyObject *text = all == NULL ? NULL : PyObject_Repr(all);
  Py_XDECREF(all);
  Py_ReprLeave(target);
  Py_DECREF(target);
  return text;
}

// New: the plain dict of a kind that a view shows, or the operand itself.
static PyObject *plain_operand(PyObject *operand) {
  return view_of(operand, FAMILY_DICT) ? twin_shallow((view *)operand) : Py_NewRef(operand);
}

static PyObject *richcompare(PyObject *op, PyObject *other, int how) {
  PyObject *a = plain_operand(op), *b = a == NULL ? NULL : plain_operand(other);
  PyObject *result = b == NULL ? NULL : Py_TYPE(a)->tp_richcompare(a, b, how);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *either(PyObject *x, PyObject *y) {
  PyObject *a = plain_operand(x), *b = a == NULL ? NULL : plain_operand(y), *result = NULL;
  if (b != NULL && (!PyDict_Check(a) || !PyDict_Check(b)))
    result = Py_NewRef(Py_NotImplemented);
  else if (b != NULL)
    result = PyNumber_Or(a, b);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyMethodDef methods[] = {
    {"move_to_end", METHOD(move_to_end), METH_VARARGS | METH_KEYWORDS,
     "Move a key to the end, or with last=False to the beginning."},
    {"popitem", METHOD(popitem), METH_VARARGS | METH_KEYWORDS,
     "Remove and return the last item, or with last=False the first."},
    {"copy", copy, METH_NOARGS, "A new OrderedDict of the same items."},
    {"__copy__", copy, METH_NOARGS, NULL},
    {0},
};

static PyGetSetDef getset[] = {
    {"__class__", view_get_class, NULL, "OrderedDict: what the view stands for.", NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "An OrderedDict of the context as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_repr, repr},
    {Py_tp_richcompare, richcompare},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_nb_or, either},
    {0, NULL},
};

#define FLAGS                                                                                      \
  (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_BASETYPE)

PyType_Spec tracked_ordered_spec = {
    .name = "theus._kernel.TrackedOrderedDict",
    .basicsize = sizeof(view),
    .flags = FLAGS,
    .slots = slots,
};

PyType_Spec frozen_ordered_spec = {
    .name = "theus._kernel.FrozenOrderedDict",
    .basicsize = sizeof(view),
    .flags = FLAGS,
    .slots = slots,
};
