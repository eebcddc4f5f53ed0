// set.c: TrackedSet and FrozenSet, the views of a set under an output and under an input.
//
// What only reads works on a plain set of wrapped elements, which is what the operation costs in
// Python too; membership, length and single changes touch the overlay alone.
//
// Calls that run Python code: __hash__ and __eq__ of elements, iteration of arguments.
#include "ext.h"

static int writable(view *v) { return view_writable(v, "FrozenSet"); }

static PyObject *wrap_element(view *v, PyObject *element) {
  shape *s = shape_item(v->scope->engine, v->shape, element);
  return s == NULL ? NULL : wrap(v, s, element, element, 0, THEUS_TEXT);
}

// New list of wrapped elements.
static PyObject *wrapped_elements(view *v) {
  if (view_readable(v) < 0)
    return NULL;
  PyObject *elements = set_elements(v->scope->core, v->node);
  for (Py_ssize_t i = 0; elements != NULL && i < PyList_GET_SIZE(elements); i++) {
    if (v->node == NULL)
      errors_stale(v);
    PyObject *item = v->node == NULL ? NULL : wrap_element(v, PyList_GET_ITEM(elements, i));
    if (item == NULL || PyList_SetItem(elements, i, item) < 0)
      Py_CLEAR(elements);
  }
  return elements;
}

PyObject *set_shallow(view *v) {
  PyObject *elements = wrapped_elements(v);
  PyObject *set = elements == NULL ? NULL : PySet_New(elements);
  Py_XDECREF(elements);
  return set;
}

static int log_set(view *v, uint16_t op, PyObject *element) {
  if (v->node == NULL) {
    errors_stale(v);
    return -1;
  }
  shape *s = element == NULL ? v->shape : shape_item(v->scope->engine, v->shape, element);
  return s == NULL ? -1
                   : view_log(v, s, op, element == NULL ? 0 : THEUS_TEXT, element, 0, element, NULL);
}

// Adds (+1) or removes (-1) one element as user code gave it. 1 changed, 0 not, -1 error.
static int change(view *v, PyObject *given, int direction) {
  if (writable(v) < 0)
    return -1;
  PyObject *element = direction > 0 ? unwrap(v, v->shape, given, THEUS_TEXT, given, 0) : unwrap_key(v, given);
  int changed = element == NULL ? -1 : writable(v); // again: copying it may have run user code
  if (changed == 0)
    changed = direction > 0 ? set_add(v->scope->core, v->node, element)
                            : set_discard(v->scope->core, v->node, element);
  if (changed > 0 && log_set(v, direction > 0 ? THEUS_OP_SET_ITEM : THEUS_OP_REMOVE, element) < 0)
    changed = -1;
  Py_XDECREF(element);
  return changed;
}

// ---- reading --------------------------------------------------------------------------------------

static Py_ssize_t set_length(PyObject *op) {
  return view_sized((view *)op) < 0 ? -1 : set_len(((view *)op)->node);
}

static int set_has(PyObject *op, PyObject *given) {
  view *v = (view *)op;
  PyObject *element = view_open(v) < 0 ? NULL : unwrap_key(v, given);
  int there = element == NULL ? -1 : set_contains(v->scope->core, v->node, element);
  Py_XDECREF(element);
  return there;
}

static PyObject *set_iter(PyObject *op) {
  PyObject *elements = wrapped_elements((view *)op);
  PyObject *it = elements == NULL ? NULL : PyObject_GetIter(elements);
  Py_XDECREF(elements);
  return it;
}

static PyObject *set_repr(PyObject *op) {
  view *v = (view *)op;
  if (v->node == NULL)
    return view_repr_stale(v);
  PyObject *all = set_shallow(v), *text = all == NULL ? NULL : PyObject_Repr(all);
  Py_XDECREF(all);
  return text;
}

// New plain set for an operand that is a set or a set view; NULL without an exception otherwise.
static PyObject *as_set(PyObject *operand) {
  if (view_of(operand, FAMILY_SET))
    return set_shallow((view *)operand);
  return PyAnySet_Check(operand) ? Py_NewRef(operand) : NULL;
}

static PyObject *set_richcompare(PyObject *op, PyObject *other, int how) {
  PyObject *b = as_set(other), *a = b == NULL ? NULL : as_set(op), *result = NULL;
  if (a != NULL)
    result = PyObject_RichCompare(a, b, how);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *algebra(PyObject *x, PyObject *y, binaryfunc f) {
  PyObject *a = as_set(x), *b = a == NULL ? NULL : as_set(y), *result = NULL;
  if (a != NULL && b != NULL)
    result = f(a, b);
  else if (!PyErr_Occurred())
    result = Py_NewRef(Py_NotImplemented);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return result;
}

static PyObject *set_or(PyObject *x, PyObject *y) { return algebra(x, y, PyNumber_Or); }
static PyObject *set_and(PyObject *x, PyObject *y) { return algebra(x, y, PyNumber_And); }
static PyObject *set_sub(PyObject *x, PyObject *y) { return algebra(x, y, PyNumber_Subtract); }
static PyObject *set_xor(PyObject *x, PyObject *y) { return algebra(x, y, PyNumber_Xor); }

// Calls set's own method of a plain set of wrapped elements.
static PyObject *on_plain(PyObject *op, const char *name, PyObject *args) {
  PyObject *all = set_shallow((view *)op);
  PyObject *method = all == NULL ? NULL : PyObject_GetAttrString(all, name);
  PyObject *result = method == NULL ? NULL : PyObject_CallObject(method, args);
  Py_XDECREF(method);
  Py_XDECREF(all);
  return result;
}

#define READER(name)                                                                               \
  static PyObject *set_##name(PyObject *op, PyObject *args) { return on_plain(op, #name, args); }
READER(union)
READER(intersection)
READER(difference)
READER(symmetric_difference)
READER(issubset)
READER(issuperset)
READER(isdisjoint)

static PyObject *set_copy(PyObject *op, PyObject *unused) {
  (void)unused;
  return set_shallow((view *)op);
}

// ---- writing --------------------------------------------------------------------------------------

static PyObject *set_add_method(PyObject *op, PyObject *element) {
  return change((view *)op, element, +1) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *set_discard_method(PyObject *op, PyObject *element) {
  return change((view *)op, element, -1) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *set_remove(PyObject *op, PyObject *element) {
  int removed = change((view *)op, element, -1);
  if (removed == 0)
    PyErr_SetObject(PyExc_KeyError, element);
  return removed <= 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *set_pop(PyObject *op, PyObject *unused) {
  (void)unused;
  view *v = (view *)op;
  if (writable(v) < 0)
    return NULL;
  PyObject *element = set_any(v->scope->core, v->node);
  if (element == NULL) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_KeyError, "pop from an empty set");
    return NULL;
  }
  PyObject *shown = writable(v) < 0 ? NULL : wrap_element(v, element);
  if (shown != NULL && (writable(v) < 0 || set_discard(v->scope->core, v->node, element) < 0 ||
                        log_set(v, THEUS_OP_POP, element) < 0))
    Py_CLEAR(shown);
  Py_DECREF(element);
  return shown;
}

static PyObject *set_clear_method(PyObject *op, PyObject *unused) {
  (void)unused;
  view *v = (view *)op;
  if (writable(v) < 0 || set_clear(v->scope->core, v->node) < 0 || log_set(v, THEUS_OP_CLEAR, NULL) < 0)
    return NULL;
  Py_RETURN_NONE;
}

// Every element of an iterable, added or removed.
static int change_all(view *v, PyObject *iterable, int direction) {
  PyObject *items = PySequence_List(iterable); // first: the iterable may be this very view
  int failed = items == NULL ? -1 : writable(v);
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++)
    failed = change(v, PyList_GET_ITEM(items, i), direction) < 0 ? -1 : 0;
  Py_XDECREF(items);
  return failed;
}

static int keep_only(view *v, PyObject *iterable) {
  PyObject *kept = PySet_New(iterable), *mine = kept == NULL ? NULL : wrapped_elements(v);
  int failed = mine == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(mine); i++) {
    int stays = PySet_Contains(kept, PyList_GET_ITEM(mine, i));
    failed = stays < 0 || (!stays && change(v, PyList_GET_ITEM(mine, i), -1) < 0) ? -1 : 0;
  }
  Py_XDECREF(mine);
  Py_XDECREF(kept);
  return failed;
}

static int toggle(view *v, PyObject *iterable) {
  PyObject *given = PySet_New(iterable), *items = given == NULL ? NULL : PySequence_List(given);
  int failed = items == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++) {
    PyObject *item = PyList_GET_ITEM(items, i);
    int there = set_has((PyObject *)v, item);
    failed = there < 0 || change(v, item, there ? -1 : +1) < 0 ? -1 : 0;
  }
  Py_XDECREF(items);
  Py_XDECREF(given);
  return failed;
}

static int add_all(view *v, PyObject *iterable) { return change_all(v, iterable, +1); }
static int remove_all(view *v, PyObject *iterable) { return change_all(v, iterable, -1); }

typedef int (*updater)(view *, PyObject *);

static PyObject *update(PyObject *op, PyObject *args, updater f) {
  if (writable((view *)op) < 0)
    return NULL;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++)
    if (f((view *)op, PyTuple_GET_ITEM(args, i)) < 0)
      return NULL;
  Py_RETURN_NONE;
}

static PyObject *inplace(PyObject *op, PyObject *other, updater f) {
  PyObject *operand = as_set(other);
  if (operand == NULL)
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
  int failed = writable((view *)op) < 0 || f((view *)op, operand) < 0;
  Py_DECREF(operand);
  return failed ? NULL : Py_NewRef(op);
}

#define UPDATER(name, f)                                                                           \
  static PyObject *set_##name(PyObject *op, PyObject *args) { return update(op, args, f); }        \
  static PyObject *set_i##name(PyObject *op, PyObject *other) { return inplace(op, other, f); }
UPDATER(update, add_all)
UPDATER(difference_update, remove_all)
UPDATER(intersection_update, keep_only)
UPDATER(symmetric_difference_update, toggle)

// ---- types ----------------------------------------------------------------------------------------

static PyMethodDef set_methods[] = {
    {"add", set_add_method, METH_O, "Add an element."},
    {"discard", set_discard_method, METH_O, "Remove an element if it is there."},
    {"remove", set_remove, METH_O, "Remove an element that is there."},
    {"pop", set_pop, METH_NOARGS, "Remove and return an element."},
    {"clear", set_clear_method, METH_NOARGS, "Remove all elements."},
    {"update", set_update, METH_VARARGS, "Add all elements of others."},
    {"difference_update", set_difference_update, METH_VARARGS, "Remove all elements of others."},
    {"intersection_update", set_intersection_update, METH_VARARGS, "Keep what all others have."},
    {"symmetric_difference_update", set_symmetric_difference_update, METH_VARARGS,
     "Keep what only one of both has."},
    {"union", set_union, METH_VARARGS, "A new set."},
    {"intersection", set_intersection, METH_VARARGS, "A new set."},
    {"difference", set_difference, METH_VARARGS, "A new set."},
    {"symmetric_difference", set_symmetric_difference, METH_VARARGS, "A new set."},
    {"issubset", set_issubset, METH_VARARGS, "Whether another has all elements."},
    {"issuperset", set_issuperset, METH_VARARGS, "Whether it has all elements of another."},
    {"isdisjoint", set_isdisjoint, METH_VARARGS, "Whether no element is shared."},
    {"copy", set_copy, METH_NOARGS, "A new set of the same elements."},
    {"__copy__", set_copy, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce_ex__", view_reduce, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {0},
};

static PyGetSetDef set_getset[] = {
    {"__class__", view_get_class, NULL, "set: what the view stands for.", NULL},
    {0},
};

static PyType_Slot set_slots[] = {
    {Py_tp_doc, "A set of the context as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_repr, set_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_richcompare, set_richcompare},
    {Py_tp_iter, set_iter},
    {Py_tp_methods, set_methods},
    {Py_tp_getset, set_getset},
    {Py_sq_length, set_length},
    {Py_sq_contains, set_has},
    {Py_nb_or, set_or},
    {Py_nb_and, set_and},
    {Py_nb_subtract, set_sub},
    {Py_nb_xor, set_xor},
    {Py_nb_inplace_or, set_iupdate},
    {Py_nb_inplace_and, set_iintersection_update},
    {Py_nb_inplace_subtract, set_idifference_update},
    {Py_nb_inplace_xor, set_isymmetric_difference_update},
    {0, NULL},
};

#define SET_FLAGS                                                                                  \
  (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_BASETYPE)

PyType_Spec tracked_set_spec = {
    .name = "theus._kernel.TrackedSet",
    .basicsize = sizeof(view),
    .flags = SET_FLAGS,
    .slots = set_slots,
};

PyType_Spec frozen_set_spec = {
    .name = "theus._kernel.FrozenSet",
    .basicsize = sizeof(view),
    .flags = SET_FLAGS,
    .slots = set_slots,
};
