// driver.c: runs one process: begin, call the user's function, tell the kernel how it ended, and all
// of it again if it lost against a commit.
//
// Ownership rules: arguments are borrowed from the caller for the whole call; ctx is owned by the
// call and released before the run is finished, so that a well-behaved process leaves no view.
#include "ext.h"

// Whether the raised TypeError is Python refusing the arguments: the function never got a frame.
static bool never_started(PyObject *error) {
  if (!PyErr_GivenExceptionMatches(error, PyExc_TypeError))
    return false;
  PyObject *traceback = PyException_GetTraceback(error);
  Py_XDECREF(traceback);
  return traceback == NULL;
}

// Whether an exception is one of the process' declared errors: by class, or by a class name that
// could not be looked up when the process was registered. 1, 0, -1.
static int is_declared(process *p, PyObject *error) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(p->errors); i++) {
    PyObject *entry = PyTuple_GET_ITEM(p->errors, i);
    if (!PyUnicode_Check(entry)) {
      if (PyErr_GivenExceptionMatches(error, entry))
        return 1;
      continue;
    }
    PyObject *mro = Py_NewRef(Py_TYPE(error)->tp_mro); // a metaclass may run code and replace it
    int same = 0;
    for (Py_ssize_t k = 0; same == 0 && k < PyTuple_GET_SIZE(mro); k++) {
      PyObject *name = PyObject_GetAttrString(PyTuple_GET_ITEM(mro, k), "__name__");
      same = name == NULL ? -1 : PyObject_RichCompareBool(name, entry, Py_EQ);
      Py_XDECREF(name);
    }
    Py_DECREF(mro);
    if (same != 0)
      return same;
  }
  return 0;
}

// Errors of the kernel itself reach the caller as they are.
static int is_ours(state *st, PyObject *error) {
  static const char *const names[] = {"ContractViolationError", "AuditError", "SchemaViolationError", "LockViolationError", "KernelPanic",
                                      "TransactionConflictError", "ForkedKernelError",
                                      "NestingLimitError", "EngineClosedError"};
  for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
    PyObject *type = errors_class(st, names[i]);
    if (type == NULL)
      return -1;
    int yes = PyErr_GivenExceptionMatches(error, type);
    Py_DECREF(type);
    if (yes)
      return 1;
  }
  return 0;
}

// How a process ended that raised; the exception stays set.
theus_outcome driver_outcome(engine *e, process *p) {
  PyObject *error = errors_take();
  theus_outcome outcome = THEUS_UNDECLARED;
  int yes;
  if (!PyErr_GivenExceptionMatches(error, PyExc_Exception))
    outcome = THEUS_INTERRUPTED;
  else if ((yes = is_declared(p, error)) != 0)
    outcome = yes > 0 ? THEUS_DECLARED : THEUS_UNDECLARED;
  else if ((yes = is_ours(e->st, error)) != 0)
    outcome = yes > 0 ? THEUS_REFUSED : THEUS_UNDECLARED;
  else if (never_started(error))
    outcome = THEUS_UNSTARTED;
  PyErr_Clear(); // a failed look at the error must not hide it
  errors_put(error);
  return outcome;
}

// A coroutine would run after its transaction has ended. Steals result.
static PyObject *refuse_coroutine(process *p, PyObject *result) {
  PyObject *closed = PyObject_CallMethod(result, "close", NULL);
  Py_XDECREF(closed);
  Py_DECREF(result);
  if (closed != NULL)
    PyErr_Format(PyExc_TypeError,
                 "process '%U' is async: a synchronous call cannot await it; "
                 "await engine.execute_process_async(...) instead",
                 p->name);
  return NULL;
}

// One attempt. stack[0] is free, its arguments follow; *judged is handed on from attempt to attempt.
// As scope_finish.
static PyObject *attempt(engine *e, process *p, start how, uint64_t *judged, PyObject **stack,
                         PyObject *kwnames) {
  PyObject *ctx = NULL, *result = NULL;
  scope *s = how.lost == 0 && p->rest != NULL ? rest_resume(e, p, &ctx) : NULL;
  if (s == NULL && (s = scope_begin(e, p, how)) == NULL)
    return NULL;
  theus_outcome outcome = THEUS_RETURNED;
  bool passed = !audit_concerns(e, p, THEUS_GATE_INPUT) ||
                audit_gate(s, THEUS_GATE_INPUT, stack + 1, kwnames) == 0;
  if (!passed)
    Py_CLEAR(ctx);
  else if (ctx == NULL)
    ctx = scope_context(s);
  if (ctx != NULL) {
    stack[0] = ctx;
    result = PyObject_Vectorcall(p->func, stack, 1, kwnames);
    if (result != NULL && !PyCoro_CheckExact(result) && rest_keep(s, ctx)) {
      scope_tell(e);
      return result;
    }
    Py_DECREF(ctx);
  }
  if (result != NULL && PyCoro_CheckExact(result)) {
    result = refuse_coroutine(p, result);
    outcome = THEUS_REFUSED;
  } else if (result != NULL && s->models != NULL && models_validate(s) < 0) {
    Py_CLEAR(result);
    outcome = driver_outcome(e, p);
  } else if (result == NULL) {
    outcome = driver_outcome(e, p);
    heavy_explain(s);
  }
  result = scope_finish(s, result, outcome);
  *judged = s->judged;
  Py_DECREF((PyObject *)s);
  return result;
}

// Calls the function of a process with the raw context and arguments. New.
static PyObject *call_with(engine *e, process *p, PyObject *const *kwargs, PyObject *kwnames) {
  Py_ssize_t n = PyTuple_GET_SIZE(kwnames);
  PyObject *small[9], **stack = small;
  if (n + 1 > (Py_ssize_t)Py_ARRAY_LENGTH(small) &&
      (stack = PyMem_Malloc((size_t)(n + 1) * sizeof(PyObject *))) == NULL)
    return PyErr_NoMemory();
  stack[0] = e->ctx;
  memcpy(stack + 1, kwargs, (size_t)n * sizeof(PyObject *));
  PyObject *result = PyObject_Vectorcall(p->func, stack, 1, kwnames);
  if (stack != small)
    PyMem_Free(stack);
  return result;
}

static PyObject *execute_raw(engine *e, process *p, PyObject *const *kwargs, PyObject *kwnames) {
  raw_call *c = call_begin(e, p);
  if (c == NULL)
    return NULL;
  Py_INCREF((PyObject *)p);
  PyObject *result = kwnames == NULL ? PyObject_Vectorcall(p->func, &e->ctx, 1, NULL)
                                     : call_with(e, p, kwargs, kwnames);
  call_end(p, c);
  Py_DECREF((PyObject *)p);
  return result;
}

static PyObject *execute_strict(engine *e, process *p, PyObject *const *kwargs, PyObject *kwnames) {
  Py_ssize_t n = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
  PyObject *small[9], **stack = small;
  if (n + 1 > (Py_ssize_t)Py_ARRAY_LENGTH(small) &&
      (stack = PyMem_Malloc((size_t)(n + 1) * sizeof(PyObject *))) == NULL)
    return PyErr_NoMemory();
  PyObject *result = NULL;
  Py_INCREF((PyObject *)p);
  Py_ssize_t given = 0;
  for (; given < n; given++) {
    // Where nothing runs there are no views to be made plain.
    stack[given + 1] = e->n_running > 0 ? plain(e->st, kwargs[given]) : Py_NewRef(kwargs[given]);
    if (stack[given + 1] == NULL)
      break;
  }
  if (e->fresh)
    audit_first(e);
  uint64_t judged = 0;
  for (unsigned lost = 0; given == n; lost++) {
    result = attempt(e, p, (start){.lost = lost, .judged = judged}, &judged, stack, kwnames);
    if (result != NULL || PyErr_Occurred() || turn_back_off(lost) < 0)
      break;
  }
  audit_over(e, judged);
  if (result == NULL)
    errors_about(e->st, p);
  for (Py_ssize_t i = 0; i < given; i++)
    Py_DECREF(stack[i + 1]);
  Py_DECREF((PyObject *)p);
  if (stack != small)
    PyMem_Free(stack);
  return result;
}

PyObject *driver_execute(engine *e, process *p, PyObject *const *kwargs, PyObject *kwnames) {
  return e->strict ? execute_strict(e, p, kwargs, kwnames) : execute_raw(e, p, kwargs, kwnames);
}
