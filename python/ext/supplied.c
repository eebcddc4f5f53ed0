// supplied.c: how the base class of system contexts has ctx.local and ctx.log in training mode, where a
// process gets the context itself: a descriptor that asks for the call that goes on here (call.c).
//
// It has no __set__, so a field of that name, in a class or in an object, goes before it. The class
// itself does not have the attribute: dataclasses would take it for the default of such a field.
//
// Calls that run Python code: as in call.c.
#include "ext.h"

typedef struct {
  PyObject_HEAD
  bool log; // or local
} supplied;

static PyObject *supplied_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *name;
  state *st = state_of(type);
  if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
    PyErr_SetString(PyExc_TypeError, "Supplied() takes no keyword arguments");
    return NULL;
  }
  if (!PyArg_ParseTuple(args, "U:Supplied", &name))
    return NULL;
  bool log = PyUnicode_Compare(name, st->s_log) == 0;
  if (!log && PyUnicode_Compare(name, st->s_local) != 0) {
    PyErr_Format(PyExc_ValueError, "a call supplies local and log, not %R", name);
    return NULL;
  }
  PyObject *op = type->tp_alloc(type, 0);
  if (op != NULL)
    ((supplied *)op)->log = log;
  return op;
}

static PyObject *supplied_get(PyObject *op, PyObject *ctx, PyObject *type) {
  state *st = state_of(Py_TYPE(op));
  bool log = ((supplied *)op)->log;
  PyObject *name = log ? st->s_log : st->s_local;
  if (ctx == NULL || ctx == Py_None) {
    const char *owner = type != NULL && PyType_Check(type) ? ((PyTypeObject *)type)->tp_name : "";
    PyErr_Format(PyExc_AttributeError, "type object '%s' has no attribute '%U'", owner, name);
    return NULL;
  }
  PyObject *value = call_supply(st, ctx, log);
  if (value == NULL && !PyErr_Occurred())
    PyErr_Format(PyExc_AttributeError,
                 "'%s' object has no attribute '%U' here: ctx.%U belongs to one call of a process, and "
                 "none that was given this context is running",
                 Py_TYPE(ctx)->tp_name, name, name);
  return value;
}

static int supplied_traverse(PyObject *op, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(op));
  return 0;
}

static void supplied_dealloc(PyObject *op) {
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  type->tp_free(op);
  Py_DECREF(type);
}

static PyType_Slot supplied_slots[] = {
    {Py_tp_doc, "Supplied(name, /)\n--\n\nAn attribute that a running call supplies: local or log."},
    {Py_tp_new, supplied_new},
    {Py_tp_dealloc, supplied_dealloc},
    {Py_tp_traverse, supplied_traverse},
    {Py_tp_descr_get, supplied_get},
    {0, NULL},
};

PyType_Spec supplied_spec = {
    .name = "theus._kernel.Supplied",
    .basicsize = sizeof(supplied),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = supplied_slots,
};
