// defaultdict.c: TrackedDefaultDict and FrozenDefaultDict: reading a missing key makes its value and
// stores it, which is a write; under an input it is refused as one.
//
// Calls that run Python code: the factory, __hash__ and __eq__ of keys.
#include "ext.h"

// New: what makes missing values, pending changes included.
PyObject *default_factory(view *v) {
  PyObject *factory;
  int pending = fields_get(v->scope->core, v->node, STATE(v)->s_default_factory, &factory);
  if (pending == 0)
    return base_factory(STATE(v), v->node->target);
  if (pending > 0 && factory == STATE(v)->removed)
    Py_SETREF(factory, Py_NewRef(Py_None));
  return factory;
}

static PyObject *missing(PyObject *op, PyObject *key) {
  view *v = (view *)op;
  VIEW_CHECK(v);
  PyObject *factory = default_factory(v);
  if (factory == NULL)
    return NULL;
  PyObject *value = NULL;
  if (factory == Py_None)
    PyErr_SetObject(PyExc_KeyError, key);
  else
    value = PyObject_CallNoArgs(factory);
  Py_DECREF(factory);
  int failed = value == NULL ? -1 : dict_store(v, key, value);
  Py_XDECREF(value);
  if (failed || dict_value(v, key, &value) <= 0)
    return NULL;
  return value;
}

static PyObject *subscript(PyObject *op, PyObject *key) {
  PyObject *value;
  return dict_value((view *)op, key, &value) == 0 ? missing(op, key) : value;
}

static PyObject *get_factory(PyObject *op, void *unused) {
  (void)unused;
  view *v = (view *)op;
  VIEW_CHECK(v);
  PyObject *name = STATE(v)->s_default_factory;
  shape *s = shape_attr(v->scope->engine, v->shape, name);
  if (s == NULL)
    return NULL;
  if (!(s->bits & THEUS_MAY_READ))
    return view_deny(v, THEUS_TRY_READ, THEUS_ATTR, name, 0, "");
  PyObject *factory = default_factory(v);
  PyObject *shown = factory == NULL ? NULL : wrap(v, s, factory, name, 0, THEUS_ATTR);
  Py_XDECREF(factory);
  return shown;
}

static int set_factory(PyObject *op, PyObject *value, void *unused) {
  (void)unused;
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  return object_store(v, STATE(v)->s_default_factory, value == NULL ? Py_None : value);
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

static PyMethodDef default_methods[] = {
    {"copy", copy, METH_NOARGS, "A new defaultdict of the same items."},
    {"__copy__", copy, METH_NOARGS, NULL},
    {"__missing__", missing, METH_O, "Make, store and return the value of a missing key."},
    {0},
};

static PyGetSetDef default_getset[] = {
    {"__class__", view_get_class, NULL, "defaultdict: what the view stands for.", NULL},
    {"default_factory", get_factory, set_factory, "What makes the value of a missing key.", NULL},
    {0},
};

static PyType_Slot default_slots[] = {
    {Py_tp_doc, "A defaultdict of the context as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_repr, repr},
    {Py_tp_methods, default_methods},
    {Py_tp_getset, default_getset},
    {Py_mp_subscript, subscript},
    {Py_nb_or, either},
    {0, NULL},
};

#define FLAGS                                                                                      \
  (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_BASETYPE)

PyType_Spec tracked_default_spec = {
    .name = "theus._kernel.TrackedDefaultDict",
    .basicsize = sizeof(view),
    .flags = FLAGS,
    .slots = default_slots,
};

PyType_Spec frozen_default_spec = {
    .name = "theus._kernel.FrozenDefaultDict",
    .basicsize = sizeof(view),
    .flags = FLAGS,
    .slots = default_slots,
};
