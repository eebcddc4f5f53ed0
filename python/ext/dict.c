// dict.c: TrackedDict and FrozenDict, the views of a dict under an output and under an input.
//
// Keys are used as the objects they are: 1, "1" and "a.b" are three keys. Every value leaves
// through dict_value(), which wraps it. A key that is only an ancestor of something declared can be
// walked through, but nothing else of the dict is seen.
//
// Calls that run Python code: __hash__ and __eq__ of keys and values, iteration of arguments.
#include "ext.h"

static int writable(view *v) { return view_writable(v, "FrozenDict"); }

// 1 and *value new (wrapped), 0 if the key is missing, -1.
int dict_value(view *v, PyObject *given_key, PyObject **value) {
  *value = NULL;
  if (v->node == NULL) {
    errors_stale(v);
    return -1;
  }
  PyObject *key = unwrap_key(v, given_key), *raw;
  if (key == NULL)
    return -1;
  shape *s = shape_item(v->scope->engine, v->shape, key);
  int got = s == NULL ? -1 : 0;
  if (s != NULL && !(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK))) {
    view_deny(v, THEUS_TRY_READ, THEUS_TEXT, key, 0, "");
    got = -1;
  }
  if (got == 0 && (got = dict_get(v->scope->core, v->node, key, &raw)) > 0) {
    if (v->node == NULL) // before s is looked at
      errors_stale(v);
    else
      *value = wrap(v, s, raw, key, 0, THEUS_TEXT);
    Py_DECREF(raw);
    if (*value == NULL)
      got = -1;
  }
  Py_DECREF(key);
  return got;
}

int dict_store(view *v, PyObject *given_key, PyObject *value) {
  if (v->node == NULL) {
    errors_stale(v);
    return -1;
  }
  PyObject *key = unwrap_key(v, given_key), *given = NULL, *old = NULL;
  if (key == NULL)
    return -1;
  int failed = -1;
  shape *s = shape_item(v->scope->engine, v->shape, key);
  if (s == NULL)
    goto done;
  if (!(s->bits & THEUS_MAY_WRITE)) {
    bool frozen = v->shape->bits & THEUS_MAY_READ;
    view_deny(v, frozen ? THEUS_TRY_MUTATE : value == NULL ? THEUS_TRY_DELETE : THEUS_TRY_WRITE,
              THEUS_TEXT, key, 0, frozen ? "FrozenDict" : "");
    goto done;
  }
  if (value != NULL && (given = unwrap(v, s, value, THEUS_TEXT, key, 0)) == NULL)
    goto done;
  core *c = v->scope->core;
  if (c->writes != NULL && dict_get(c, v->node, key, &old) < 0)
    goto done;
  if (v->node == NULL) { // comparing keys ran user code
    errors_stale(v);
    goto done;
  }
  if (s->zone == THEUS_HEAVY) {
    PyObject *target = Py_NewRef(v->node->target);
    failed = value != NULL ? PyDict_SetItem(target, key, given) : PyDict_DelItem(target, key);
    Py_DECREF(target);
  } else if (value != NULL) {
    failed = dict_set(c, v->node, key, given);
  } else {
    int there = dict_del(c, v->node, key);
    if (there == 0)
      PyErr_SetObject(PyExc_KeyError, key);
    failed = there > 0 ? 0 : -1;
  }
  if (!failed)
    failed = view_log(v, s, value == NULL ? THEUS_OP_DELETE : THEUS_OP_SET_ITEM, THEUS_TEXT, key, 0,
                      given, old);
done:
  Py_XDECREF(old);
  Py_XDECREF(given);
  Py_DECREF(key);
  return failed;
}

// ---- iteration ------------------------------------------------------------------------------------

typedef enum { KEYS, ITEMS } what;

typedef struct {
  PyObject_HEAD
  view *dict; // owned; NULL once exhausted
  dict_cursor at;
  what yields;
  Py_ssize_t length; // when it began
  uint32_t structure;
} dict_iterator;

static uint32_t structure_of(node *n) { return n->pending == NULL ? 0 : n->pending->structure; }

static PyObject *iterate(view *v, what yields) {
  if (view_readable(v) < 0)
    return NULL;
  dict_iterator *it = PyObject_GC_New(dict_iterator, STATE(v)->dict_iter);
  if (it == NULL)
    return NULL;
  it->dict = (view *)Py_NewRef((PyObject *)v);
  it->at = (dict_cursor){0};
  it->yields = yields;
  if (v->node == NULL) { // making the iterator may have collected
    PyObject_GC_Track((PyObject *)it);
    Py_DECREF((PyObject *)it);
    return errors_stale(v);
  }
  it->length = dict_len(v->node);
  it->structure = structure_of(v->node);
  PyObject_GC_Track((PyObject *)it);
  return (PyObject *)it;
}

static PyObject *step(dict_iterator *it, view *v) {
  VIEW_CHECK(v);
  if (core_read(v->scope->core, v->node, THEUS_WHOLE_KEY) < 0)
    return NULL;
  VIEW_CHECK(v); // it may have waited
  if (it->length != dict_len(v->node) || it->structure != structure_of(v->node)) {
    PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during iteration");
    return NULL;
  }
  PyObject *key, *raw, *result = NULL;
  int more = dict_next(v->scope->core, v->node, &it->at, &key, &raw);
  if (more <= 0) {
    if (more == 0)
      Py_CLEAR(it->dict);
    return NULL;
  }
  if (v->node == NULL) // comparing keys ran user code
    errors_stale(v);
  shape *s = v->node == NULL ? NULL : shape_item(v->scope->engine, v->shape, key);
  PyObject *shown = s == NULL ? NULL : wrap(v, v->shape, key, key, 0, THEUS_TEXT);
  PyObject *value = NULL;
  if (shown != NULL && it->yields == ITEMS) {
    value = s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)
                ? wrap(v, s, raw, key, 0, THEUS_TEXT)
                : view_deny(v, THEUS_TRY_READ, THEUS_TEXT, key, 0, "");
  }
  if (it->yields == KEYS)
    result = Py_XNewRef(shown);
  else if (value != NULL)
    result = PyTuple_Pack(2, shown, value);
  Py_XDECREF(value);
  Py_XDECREF(shown);
  Py_DECREF(raw);
  Py_DECREF(key);
  return result;
}

static PyObject *iter_next(PyObject *op) {
  dict_iterator *it = (dict_iterator *)op;
  if (it->dict == NULL)
    return NULL;
  view *v = (view *)Py_NewRef((PyObject *)it->dict); // user code may exhaust this very iterator
  PyObject *result = step(it, v);
  Py_DECREF((PyObject *)v);
  return result;
}

static int iter_traverse(PyObject *op, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(((dict_iterator *)op)->dict);
  return 0;
}

static void iter_dealloc(PyObject *op) {
  PyTypeObject *type = Py_TYPE(op);
  PyObject *dict = (PyObject *)((dict_iterator *)op)->dict;
  dict_cursor at = ((dict_iterator *)op)->at;
  PyObject_GC_UnTrack(op);
  PyObject_GC_Del(op);
  dict_stop(&at);
  Py_XDECREF(dict);
  Py_DECREF(type);
}

static PyType_Slot iter_slots[] = {
    {Py_tp_new, view_new_refused},   {Py_tp_dealloc, iter_dealloc},
    {Py_tp_traverse, iter_traverse}, {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iter_next},     {0, NULL},
};

PyType_Spec dict_iter_spec = {
    .name = "theus._kernel.DictIterator",
    .basicsize = sizeof(dict_iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = iter_slots,
};

// ---- reading --------------------------------------------------------------------------------------

PyObject *dict_shallow(view *v) {
  PyObject *items = iterate(v, ITEMS);
  PyObject *dict = items == NULL ? NULL : PyDict_New();
  if (dict != NULL && PyDict_MergeFromSeq2(dict, items, 1) < 0)
    Py_CLEAR(dict);
  Py_XDECREF(items);
  return dict;
}

static Py_ssize_t dict_length(PyObject *op) {
  return view_sized((view *)op) < 0 ? -1 : dict_len(((view *)op)->node);
}

static PyObject *dict_subscript(PyObject *op, PyObject *key) {
  PyObject *value;
  if (dict_value((view *)op, key, &value) == 0)
    PyErr_SetObject(PyExc_KeyError, key);
  return value;
}

static int dict_has(PyObject *op, PyObject *given) {
  view *v = (view *)op;
  PyObject *key;
  if (v->node == NULL || (key = unwrap_key(v, given)) == NULL) {
    if (v->node == NULL)
      errors_stale(v);
    return -1;
  }
  shape *s = shape_item(v->scope->engine, v->shape, key);
  int there = -1;
  if (s != NULL && !(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)))
    view_deny(v, THEUS_TRY_READ, THEUS_TEXT, key, 0, "");
  else if (s != NULL)
    there = dict_contains(v->scope->core, v->node, key);
  Py_DECREF(key);
  return there;
}

static PyObject *dict_iter(PyObject *op) { return iterate((view *)op, KEYS); }

static PyObject *dict_reversed(PyObject *op, PyObject *unused) {
  (void)unused;
  PyObject *keys = PySequence_List(op);
  PyObject *result = keys == NULL ? NULL : PyObject_CallMethod(keys, "__reversed__", NULL);
  Py_XDECREF(keys);
  return result;
}

static PyObject *live_view(PyObject *op, PyObject *type) {
  return view_sized((view *)op) < 0 ? NULL : PyObject_CallOneArg(type, op);
}

static PyObject *dict_keys(PyObject *op, PyObject *unused) {
  (void)unused;
  VIEW_CHECK((view *)op);
  return live_view(op, STATE((view *)op)->keys_view);
}

static PyObject *dict_values(PyObject *op, PyObject *unused) {
  (void)unused;
  VIEW_CHECK((view *)op);
  return live_view(op, STATE((view *)op)->values_view);
}

static PyObject *dict_items(PyObject *op, PyObject *unused) {
  (void)unused;
  VIEW_CHECK((view *)op);
  return live_view(op, STATE((view *)op)->items_view);
}

static PyObject *dict_get_method(PyObject *op, PyObject *const *args, Py_ssize_t n) {
  if (n < 1 || n > 2) {
    PyErr_Format(PyExc_TypeError, "get expected 1 or 2 arguments, got %zd", n);
    return NULL;
  }
  PyObject *value;
  if (dict_value((view *)op, args[0], &value) == 0)
    return Py_NewRef(n == 2 ? args[1] : Py_None);
  return value;
}

static PyObject *dict_copy(PyObject *op, PyObject *unused) {
  (void)unused;
  return dict_shallow((view *)op);
}

static PyObject *dict_repr(PyObject *op) {
  view *v = (view *)op;
  if (v->node == NULL)
    return view_repr_stale(v);
  if (!(v->shape->bits & THEUS_MAY_READ))
    return PyUnicode_FromFormat("<%s: only what the contract names>", Py_TYPE(op)->tp_name);
  PyObject *target = Py_NewRef(v->node->target);
  int nested = Py_ReprEnter(target);
  if (nested != 0) {
    Py_DECREF(target);
    return nested > 0 ? PyUnicode_FromString("{...}") : NULL;
  }
  PyObject *all = dict_shallow(v), *text = all == NULL ? NULL : PyObject_Repr(all);
  Py_XDECREF(all);
  Py_ReprLeave(target);
  Py_DECREF(target);
  return text;
}

// New plain dict for an operand that is a dict or a dict view; NULL without an exception otherwise.
static PyObject *as_dict(PyObject *operand) {
  if (view_of(operand, FAMILY_DICT))
    return dict_shallow((view *)operand);
  return PyDict_Check(operand) ? Py_NewRef(operand) : NULL;
}

static PyObject *dict_richcompare(PyObject *op, PyObject *other, int how) {
  PyObject *b = as_dict(other), *a = b == NULL ? NULL : as_dict(op), *result = NULL;
  if (a != NULL)
    result = PyObject_RichCompare(a, b, how);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *dict_or(PyObject *x, PyObject *y) {
  PyObject *a = as_dict(x), *b = a == NULL ? NULL : as_dict(y), *result = NULL;
  if (a != NULL && b != NULL)
    result = PyNumber_Or(a, b);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

// ---- writing --------------------------------------------------------------------------------------

static int dict_ass_subscript(PyObject *op, PyObject *key, PyObject *value) {
  return dict_store((view *)op, key, value);
}

static PyObject *dict_pop(PyObject *op, PyObject *const *args, Py_ssize_t n) {
  if (n < 1 || n > 2) {
    PyErr_Format(PyExc_TypeError, "pop expected 1 or 2 arguments, got %zd", n);
    return NULL;
  }
  view *v = (view *)op;
  VIEW_CHECK(v);
  if (!(v->shape->bits & (THEUS_MAY_WRITE | THEUS_MAY_WALK)) && writable(v) < 0)
    return NULL;
  PyObject *value;
  int there = dict_value(v, args[0], &value);
  if (there == 0 && n == 2)
    return Py_NewRef(args[1]);
  if (there == 0)
    PyErr_SetObject(PyExc_KeyError, args[0]);
  if (there > 0 && dict_store(v, args[0], NULL) < 0)
    Py_CLEAR(value);
  return value;
}

static PyObject *dict_popitem(PyObject *op, PyObject *unused) {
  (void)unused;
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  PyObject *key, *raw;
  int there = dict_last(v->scope->core, v->node, &key, &raw);
  if (there == 0)
    PyErr_SetString(PyExc_KeyError, "popitem(): dictionary is empty");
  if (there <= 0)
    return NULL;
  // Shown first, removed then: an item that cannot be shown stays.
  shape *s = writable(v) < 0 ? NULL : shape_item(v->scope->engine, v->shape, key);
  PyObject *value = s == NULL ? NULL : wrap(v, s, raw, key, 0, THEUS_TEXT);
  PyObject *item = value == NULL ? NULL : PyTuple_Pack(2, key, value);
  there = item == NULL || writable(v) < 0 ? -1 : dict_drop_last(v->scope->core, v->node, key);
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

static PyObject *dict_setdefault(PyObject *op, PyObject *const *args, Py_ssize_t n) {
  if (n < 1 || n > 2) {
    PyErr_Format(PyExc_TypeError, "setdefault expected 1 or 2 arguments, got %zd", n);
    return NULL;
  }
  PyObject *value;
  int there = dict_value((view *)op, args[0], &value);
  if (there != 0)
    return value;
  if (dict_store((view *)op, args[0], n == 2 ? args[1] : Py_None) < 0)
    return NULL;
  return dict_subscript(op, args[0]);
}

static PyObject *dict_clear_method(PyObject *op, PyObject *unused) {
  (void)unused;
  view *v = (view *)op;
  if (writable(v) < 0 || dict_clear(v->scope->core, v->node) < 0 ||
      view_log(v, v->shape, THEUS_OP_CLEAR, 0, NULL, 0, NULL, NULL) < 0)
    return NULL;
  Py_RETURN_NONE;
}

// Sets every item of a plain dict, one write each.
static int set_all(view *v, PyObject *from) {
  Py_ssize_t pos = 0;
  PyObject *key, *value;
  while (PyDict_Next(from, &pos, &key, &value)) {
    Py_INCREF(key);
    Py_INCREF(value);
    int failed = dict_store(v, key, value);
    Py_DECREF(value);
    Py_DECREF(key);
    if (failed)
      return -1;
  }
  return 0;
}

static int update_mapping(view *v, PyObject *from) {
  PyObject *all = PyDict_New(); // first: it may be this very view
  int failed = all == NULL || PyDict_Update(all, from) < 0 ? -1 : set_all(v, all);
  Py_XDECREF(all);
  return failed;
}

// Pair by pair, as dict does: what came before an error is kept.
static int update_pairs(view *v, PyObject *from) {
  PyObject *it = PyObject_GetIter(from), *item;
  int failed = it == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && (item = PyIter_Next(it)) != NULL; i++) {
    PyObject *pair = PySequence_List(item);
    if (pair != NULL && PyList_GET_SIZE(pair) != 2) {
      PyErr_Format(PyExc_ValueError,
                   "dictionary update sequence element #%zd has length %zd; 2 is required", i,
                   PyList_GET_SIZE(pair));
      Py_CLEAR(pair);
    }
    failed = pair == NULL
                 ? -1
                 : dict_store(v, PyList_GET_ITEM(pair, 0), PyList_GET_ITEM(pair, 1));
    Py_XDECREF(pair);
    Py_DECREF(item);
  }
  Py_XDECREF(it);
  return failed || PyErr_Occurred() ? -1 : 0;
}

static PyObject *dict_update(PyObject *op, PyObject *args, PyObject *kwargs) {
  view *v = (view *)op;
  PyObject *from = NULL;
  if (writable(v) < 0 || !PyArg_UnpackTuple(args, "update", 0, 1, &from))
    return NULL;
  int failed = 0;
  if (from != NULL) {
    int mapping = PyObject_HasAttrString(from, "keys");
    failed = mapping ? update_mapping(v, from) : update_pairs(v, from);
  }
  if (!failed && kwargs != NULL)
    failed = set_all(v, kwargs);
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *dict_inplace_or(PyObject *op, PyObject *other) {
  PyObject *args = PyTuple_Pack(1, other);
  PyObject *none = args == NULL ? NULL : dict_update(op, args, NULL);
  Py_XDECREF(none);
  Py_XDECREF(args);
  return none == NULL ? NULL : Py_NewRef(op);
}

// ---- types ----------------------------------------------------------------------------------------

static PyMethodDef dict_methods[] = {
    {"get", METHOD(dict_get_method), METH_FASTCALL, "The value of a key, or a default."},
    {"keys", dict_keys, METH_NOARGS, "A live view of the keys."},
    {"values", dict_values, METH_NOARGS, "A live view of the values."},
    {"items", dict_items, METH_NOARGS, "A live view of the items."},
    {"pop", METHOD(dict_pop), METH_FASTCALL, "Remove a key and return its value."},
    {"popitem", dict_popitem, METH_NOARGS, "Remove and return the last item."},
    {"setdefault", METHOD(dict_setdefault), METH_FASTCALL, "Set a key unless it is there."},
    {"update", METHOD(dict_update), METH_VARARGS | METH_KEYWORDS, "Set many keys."},
    {"clear", dict_clear_method, METH_NOARGS, "Remove all keys."},
    {"copy", dict_copy, METH_NOARGS, "A new dict of the same items."},
    {"__reversed__", dict_reversed, METH_NOARGS, NULL},
    {"__copy__", dict_copy, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce_ex__", view_reduce, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {0},
};

static PyObject *class_dict(PyObject *op, void *unused) {
  (void)op, (void)unused;
  return Py_NewRef((PyObject *)&PyDict_Type);
}

static PyGetSetDef dict_getset[] = {
    {"__class__", class_dict, NULL, "dict: what the view stands for.", NULL},
    {0},
};

static PyType_Slot dict_slots[] = {
    {Py_tp_doc, "A dict of the context as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_repr, dict_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_richcompare, dict_richcompare},
    {Py_tp_iter, dict_iter},
    {Py_tp_methods, dict_methods},
    {Py_tp_getset, dict_getset},
    {Py_mp_length, dict_length},
    {Py_mp_subscript, dict_subscript},
    {Py_mp_ass_subscript, dict_ass_subscript},
    {Py_sq_contains, dict_has},
    {Py_nb_or, dict_or},
    {Py_nb_inplace_or, dict_inplace_or},
    {0, NULL},
};

#define DICT_FLAGS                                                                                 \
  (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_MAPPING | Py_TPFLAGS_IMMUTABLETYPE |        \
   Py_TPFLAGS_BASETYPE)

PyType_Spec tracked_dict_spec = {
    .name = "theus._kernel.TrackedDict",
    .basicsize = sizeof(view),
    .flags = DICT_FLAGS,
    .slots = dict_slots,
};

PyType_Spec frozen_dict_spec = {
    .name = "theus._kernel.FrozenDict",
    .basicsize = sizeof(view),
    .flags = DICT_FLAGS,
    .slots = dict_slots,
};
