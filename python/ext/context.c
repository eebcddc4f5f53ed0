// context.c: the view a process is called with. It is the object view of the system context, with
// the layers' short spellings and the two names every process has: local and log.
#include "ext.h"

// Files what user code or an import made, unless the run has ended meanwhile or another thread was
// first. NULL stays an error.
static void keep(scope *s, PyObject **slot, PyObject *made) {
  if (made != NULL && *slot == NULL && s->core != NULL)
    *slot = Py_NewRef(made);
  else if (made != NULL && *slot == NULL)
    PyErr_SetString(PyExc_RuntimeError, "the run ended while its ctx was read");
}

PyObject *context_new_local(state *st) { return PyObject_CallNoArgs((PyObject *)st->namespace_type); }

PyObject *context_new_log(PyObject *name) {
  PyObject *module = PyImport_ImportModule("theus._context");
  PyObject *log = module == NULL ? NULL : PyObject_CallMethod(module, "process_logger", "O", name);
  Py_XDECREF(module);
  return log;
}

// New: the scratch namespace of this call; it ends with the call.
static PyObject *local_of(scope *s) {
  if (s->local == NULL) {
    PyObject *local = context_new_local(s->st);
    keep(s, &s->local, local);
    Py_XDECREF(local);
  }
  return Py_XNewRef(s->local);
}

static PyObject *log_of(scope *s) {
  if (s->log == NULL) {
    PyObject *log = context_new_log(s->name);
    keep(s, &s->log, log);
    Py_XDECREF(log);
  }
  return Py_XNewRef(s->log);
}

// The attribute of the root that a spelling stands for (borrowed).
static PyObject *attribute_of(state *st, shape *s, PyObject *name) {
  switch (s->layer) {
  case THEUS_LAYER_DOMAIN:
    return st->s_domain_ctx;
  case THEUS_LAYER_GLOBAL:
    return st->s_global_ctx;
  default:
    return name;
  }
}

static bool is_name(PyObject *name, PyObject *interned) {
  return name == interned ||
         (PyUnicode_Check(name) && !PyUnicode_CHECK_INTERNED(name) && PyUnicode_Compare(name, interned) == 0);
}

static PyObject *context_getattro(PyObject *op, PyObject *name) {
  view *v = (view *)op;
  VIEW_CHECK(v);
  scope *sc = v->scope;
  bool usual = v->shape == sc->root; // rules look at the same scope with another right
  for (size_t i = 0; usual && i < Py_ARRAY_LENGTH(sc->layers) && v->node->pending == NULL; i++)
    if (name == sc->layers[i].name)
      return Py_NewRef((PyObject *)sc->layers[i].view);
  state *st = STATE(v);
  if (is_name(name, st->s_local))
    return local_of(sc);
  if (is_name(name, st->s_log))
    return log_of(sc);
  shape *s = shape_attr(sc->engine, v->shape, name);
  if (s == NULL)
    return NULL;
  PyObject *value = st->object_view->tp_getattro(op, attribute_of(st, s, name));
  if (usual && value != NULL && Py_TYPE(value) == st->object_view && v->node != NULL &&
      PyUnicode_CHECK_INTERNED(name)) {
    for (size_t i = 0; i < Py_ARRAY_LENGTH(sc->layers); i++) {
      if (sc->layers[i].name == NULL) {
        sc->layers[i].name = Py_NewRef(name);
        sc->layers[i].view = (view *)Py_NewRef(value);
        break;
      }
    }
  }
  return value;
}

static int context_setattro(PyObject *op, PyObject *name, PyObject *value) {
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  state *st = STATE(v);
  if (is_name(name, st->s_local) || is_name(name, st->s_log)) {
    PyErr_Format(PyExc_AttributeError, "ctx.%U is supplied by the kernel and cannot be replaced",
                 name);
    return -1;
  }
  shape *s = shape_attr(v->scope->engine, v->shape, name);
  return s == NULL ? -1 : st->object_view->tp_setattro(op, attribute_of(st, s, name), value);
}

static PyObject *context_repr(PyObject *op) {
  view *v = (view *)op;
  if (v->node == NULL)
    return view_repr_stale(v);
  return PyUnicode_FromFormat("<ctx of process '%U'>", v->scope->name);
}

static PyMethodDef context_methods[] = {
    {"__dir__", fields_dir, METH_NOARGS, NULL},
    {"__copy__", view_copy, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce_ex__", view_reduce, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {0},
};

static PyType_Slot context_slots[] = {
    {Py_tp_doc, "ctx: what one process may see of the system context."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_getattro, context_getattro},
    {Py_tp_setattro, context_setattro},
    {Py_tp_repr, context_repr},
    {Py_tp_methods, context_methods},
    {0, NULL},
};

PyType_Spec context_spec = {
    .name = "theus._kernel.ContextView",
    .basicsize = sizeof(view),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = context_slots,
};
