// attempts.c: one call of a process in steps, for callers that may be suspended in between: an async
// process is begun, awaited by Python, and ended here.
//
//   begin()        -> what the function returned, to be awaited
//   end(result)    -> (True, the plain result), or (False, None): it lost and is to begin again
//   fail(error)    -> the exception its caller gets, or None: it lost and is to begin again
//
// A thread with an event loop cannot wait at the end of a run for another task that has priority, so
// a task looks before it begins whether there is one: one that lost often, or an edit() block.
//
// The run belongs to the task in which it began: what the task runs meanwhile is a savepoint of it,
// what other tasks of the same thread run is not. Dropped before its end, it is rolled back.
//
// In training mode there is nothing to begin but the call itself, for ctx.local and ctx.log (call.c).
//
// Ownership rules: an attempts object owns the process, its arguments and the scope while one runs.
//
// Calls that run Python code: the process, and all that scope_finish runs.
#include "ext.h"

typedef struct {
  PyObject_HEAD
  engine *engine;    // owned
  process *proc;     // owned
  PyObject *kwargs;  // owned: dict
  scope *scope;      // owned while an attempt runs
  awaited *awaited;  // the same in training mode
  unsigned lost;
  uint64_t judged; // for what the audit has counted this call, handed on from attempt to attempt
} attempts;

PyObject *attempts_new(engine *e, process *p, PyObject *kwargs) {
  attempts *a = PyObject_GC_New(attempts, e->st->attempts_type);
  if (a == NULL)
    return NULL;
  a->engine = (engine *)Py_NewRef((PyObject *)e);
  a->proc = (process *)Py_NewRef((PyObject *)p);
  a->kwargs = Py_NewRef(kwargs);
  a->scope = NULL;
  a->awaited = NULL;
  a->lost = 0;
  a->judged = 0;
  PyObject_GC_Track((PyObject *)a);
  return (PyObject *)a;
}

// Calls the process with a ctx and the arguments. New.
static PyObject *run(attempts *a, PyObject *ctx) {
  PyObject *args = PyTuple_Pack(1, ctx);
  PyObject *result = args == NULL ? NULL : PyObject_Call(a->proc->func, args, a->kwargs);
  Py_XDECREF(args);
  return result;
}

// The input gate wants arguments as a call passes them. 0, -1.
static int pass_gate(attempts *a) {
  if (!audit_concerns(a->engine, a->proc, THEUS_GATE_INPUT))
    return 0;
  PyObject *names = PySequence_Tuple(a->kwargs);
  PyObject *values = names == NULL ? NULL : PyDict_Values(a->kwargs);
  int failed = values == NULL ? -1
                              : audit_gate(a->scope, THEUS_GATE_INPUT,
                                           ((PyListObject *)values)->ob_item, names);
  Py_XDECREF(values);
  Py_XDECREF(names);
  return failed;
}

static PyObject *attempts_begin(PyObject *op, PyObject *unused) {
  (void)unused;
  attempts *a = (attempts *)op;
  engine *e = a->engine;
  if (a->scope != NULL || a->awaited != NULL) {
    PyErr_SetString(PyExc_RuntimeError, "this attempt has begun already");
    return NULL;
  }
  if (!e->strict) {
    a->awaited = awaited_begin(e, a->proc);
    return a->awaited == NULL ? NULL : run(a, e->ctx);
  }
  if (a->lost == 0 && e->n_running > 0) { // views of another run become plain values
    PyObject *given = plain(e->st, a->kwargs);
    if (given == NULL)
      return NULL;
    Py_SETREF(a->kwargs, given);
  }
  if (e->fresh)
    audit_first(e);
  scope *s = scope_begin(e, a->proc, (start){.lost = a->lost, .judged = a->judged, .task = true});
  if (s == NULL)
    return NULL;
  a->scope = s;
  PyObject *ctx = pass_gate(a) < 0 ? NULL : scope_context(s);
  PyObject *result = ctx == NULL ? NULL : run(a, ctx);
  Py_XDECREF(ctx);
  return result;
}

// Ends the call of training mode, if one goes on.
static void stop_waiting(attempts *a) {
  awaited *call = a->awaited;
  a->awaited = NULL;
  if (call != NULL) {
    awaited_end(call);
    Py_DECREF((PyObject *)call);
  }
}

// No further attempt follows.
static void be_over(attempts *a) {
  uint64_t judged = a->judged;
  a->judged = 0;
  audit_over(a->engine, judged);
}

// Ends the attempt. result: stolen, or NULL with an exception set. As scope_finish.
static PyObject *finish(attempts *a, PyObject *result, theus_outcome outcome) {
  scope *s = a->scope;
  a->scope = NULL;
  result = scope_finish(s, result, outcome);
  a->judged = s->judged;
  Py_DECREF((PyObject *)s);
  if (result == NULL && !PyErr_Occurred()) {
    a->lost++;
    return NULL;
  }
  be_over(a);
  if (result == NULL)
    errors_about(a->engine->st, a->proc);
  return result;
}

static PyObject *attempts_end(PyObject *op, PyObject *given) {
  attempts *a = (attempts *)op;
  if (!a->engine->strict) {
    stop_waiting(a);
    return Py_BuildValue("(OO)", Py_True, given);
  }
  if (a->scope == NULL) {
    PyErr_SetString(PyExc_RuntimeError, "no attempt runs");
    return NULL;
  }
  PyObject *result = models_validate(a->scope) < 0 ? NULL : Py_NewRef(given);
  theus_outcome outcome =
      result == NULL ? driver_outcome(a->engine, a->proc) : (theus_outcome)THEUS_RETURNED;
  result = finish(a, result, outcome);
  if (result == NULL)
    return PyErr_Occurred() ? NULL : Py_BuildValue("(OO)", Py_False, Py_None);
  return Py_BuildValue("(ON)", Py_True, result);
}

static PyObject *attempts_fail(PyObject *op, PyObject *error) {
  attempts *a = (attempts *)op;
  if (!PyExceptionInstance_Check(error)) {
    PyErr_Format(PyExc_TypeError, "fail takes an exception, not %s", Py_TYPE(error)->tp_name);
    return NULL;
  }
  if (a->scope == NULL) { // training mode, or it could not begin
    stop_waiting(a);
    return Py_NewRef(error);
  }
  errors_put(Py_NewRef(error));
  theus_outcome outcome = driver_outcome(a->engine, a->proc);
  heavy_explain(a->scope);
  (void)finish(a, NULL, outcome); // NULL: it failed, or lost
  return PyErr_Occurred() ? errors_take() : Py_NewRef(Py_None);
}

// ---- type -----------------------------------------------------------------------------------------

static int attempts_traverse(PyObject *op, visitproc visit, void *arg) {
  attempts *a = (attempts *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(a->engine);
  Py_VISIT(a->proc);
  Py_VISIT(a->kwargs);
  Py_VISIT(a->scope);
  Py_VISIT((PyObject *)a->awaited);
  return 0;
}

// Of a call that was never ended, as in a task that was dropped or cancelled between two attempts:
// rolls back.
static int attempts_clear(PyObject *op) {
  attempts *a = (attempts *)op;
  scope *s = a->scope;
  a->scope = NULL;
  if (s != NULL) {
    scope_abandon(s);
    a->judged = s->judged;
    Py_DECREF((PyObject *)s);
  }
  stop_waiting(a);
  be_over(a);
  Py_CLEAR(a->kwargs);
  return 0;
}

static void attempts_dealloc(PyObject *op) {
  attempts *a = (attempts *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  (void)attempts_clear(op); // always 0
  PyObject *dying[] = {(PyObject *)a->proc, (PyObject *)a->engine};
  PyObject_GC_Del(op);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_DECREF(dying[i]);
  Py_DECREF(type);
}

static PyObject *get_lost(PyObject *op, void *unused) {
  (void)unused;
  return PyLong_FromUnsignedLong(((attempts *)op)->lost);
}

static PyObject *get_patient(PyObject *op, void *unused) {
  (void)unused;
  return PyBool_FromLong(((attempts *)op)->engine->n_urgent > 0);
}

static PyMethodDef attempts_methods[] = {
    {"begin", attempts_begin, METH_NOARGS,
     "begin($self, /)\n--\n\nBegin an attempt; returns what the function returned."},
    {"end", attempts_end, METH_O,
     "end($self, result, /)\n--\n\nEnd it well; returns (True, result), or (False, None) if it lost."},
    {"fail", attempts_fail, METH_O,
     "fail($self, error, /)\n--\n\nEnd it badly; returns what to raise, or None if it lost."},
    {0},
};

static PyGetSetDef attempts_getset[] = {
    {"lost", get_lost, NULL, "How often it lost against a commit.", NULL},
    {"patient", get_patient, NULL, "Whether it should let another task with priority end first.", NULL},
    {0},
};

static PyType_Slot attempts_slots[] = {
    {Py_tp_doc, "One call of a process, in steps."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, attempts_dealloc},
    {Py_tp_traverse, attempts_traverse},
    {Py_tp_clear, attempts_clear},
    {Py_tp_methods, attempts_methods},
    {Py_tp_getset, attempts_getset},
    {0, NULL},
};

PyType_Spec attempts_spec = {
    .name = "theus._kernel.Attempts",
    .basicsize = sizeof(attempts),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = attempts_slots,
};
