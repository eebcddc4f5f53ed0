// process.c: a registered process: the user's function, its declared errors, its number in the
// kernel. The contract itself lives in the kernel.
#include "ext.h"

static int process_traverse(PyObject *op, visitproc visit, void *arg) {
  process *p = (process *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(p->func);
  Py_VISIT(p->errors);
  Py_VISIT(p->defaults);
  Py_VISIT(p->rest);
  return 0;
}

static int process_clear(PyObject *op) {
  process *p = (process *)op;
  Py_CLEAR(p->func);
  Py_CLEAR(p->errors);
  Py_CLEAR(p->defaults);
  rest_drop(p);
  return 0;
}

static void process_dealloc(PyObject *op) {
  process *p = (process *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  (void)process_clear(op); // always 0
  audit_forget(p);
  PyObject *name = p->name;
  Py_XDECREF(p->required);
  PyObject_GC_Del(op);
  Py_XDECREF(name);
  Py_DECREF(type);
}

static PyType_Slot process_slots[] = {
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, process_dealloc},
    {Py_tp_traverse, process_traverse},
    {Py_tp_clear, process_clear},
    {0, NULL},
};

PyType_Spec process_spec = {
    .name = "theus._kernel.Process",
    .basicsize = sizeof(process),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = process_slots,
};

process *process_new(state *st, PyObject *name, PyObject *func, PyObject *errors) {
  process *p = PyObject_GC_New(process, st->process_type);
  if (p == NULL)
    return NULL;
  p->id = 0;
  p->lease = 0;
  p->root = NULL;
  p->rules = 0;
  p->plans[0] = p->plans[1] = NULL;
  p->defaults = p->required = NULL;
  p->open = false;
  p->rest = NULL;
  p->rest_root = NULL;
  p->call = (raw_call){.name = name};
  p->name = Py_NewRef(name);
  p->func = Py_NewRef(func);
  p->errors = Py_NewRef(errors);
  PyObject_GC_Track((PyObject *)p);
  return p;
}
