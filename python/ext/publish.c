// publish.c: what becomes of a run that ended well, or badly: its commit is carried out and made known,
// or its error gets the words in which the caller shall see it.
//
// While a commit is carried out the clock of the engine stands at APPLYING: other threads that want to
// read the state wait, so nobody sees half of it, whatever user code runs in between.
//
// Calls that run Python code: setters and validators of written objects, listeners.
#include "ext.h"

// ---- the commit -----------------------------------------------------------------------------------

// Puts a commit where listeners will be told of it.
static void file(engine *e, uint64_t version, PyObject *name, PyObject *writes) {
  if (PyList_GET_SIZE(writes) == 0) // only signals are listened for, and it has none
    return;
  PyObject *commit = commit_new(e->st, version, name, writes);
  if (commit == NULL || PyList_Append(e->commits, commit) < 0)
    PyErr_WriteUnraisable((PyObject *)e);
  Py_XDECREF(commit);
}

// Carries out COMMIT or APPLY. 0, or -1 with the error that stopped it and everything undone.
// *before is released by the caller, once the scope is no longer in charge.
int publish(scope *s, theus_action *next, journal **before) {
  engine *e = s->engine;
  e->clock = APPLYING;
  e->applier = PyThread_get_thread_ident();
  preserve(e, s->core);
  int failed = apply_all(s->core, e, before);
  PyObject *error = failed ? errors_take() : NULL;
  theus_error err = {0};
  theus_status status = THEUS_OK;
  uint64_t version = next->version;
  if (next->kind == THEUS_APPLY)
    status = e->api->tx_applied(s->handle, !failed, next, &err);
  else if (failed)
    status = e->api->tx_retract(e->handle, version, &err);
  if (error == NULL && status == THEUS_OK) {
    e->version = version;
    if (s->core->writes != NULL) // before the next commit, whatever a collection runs in here
      file(e, version, s->name, s->core->writes);
  }
  e->clock = e->version;
  turn_wake(e);
  if (error != NULL) {
    e->api->error_release(&err);
    errors_put(error);
    return -1;
  }
  if (status != THEUS_OK) {
    engine_raise(e, status, &err);
    return -1;
  }
  return 0;
}

// ---- telling of it --------------------------------------------------------------------------------

static void tell_listeners(engine *e, PyObject *commit) {
  PyObject *listeners = PySequence_Tuple(e->listeners);
  for (Py_ssize_t i = 0; listeners != NULL && i < PyTuple_GET_SIZE(listeners); i++) {
    PyObject *listener = PyTuple_GET_ITEM(listeners, i);
    PyObject *result = PyObject_CallOneArg(listener, commit);
    if (result == NULL)
      PyErr_WriteUnraisable(listener);
    Py_XDECREF(result);
  }
  if (listeners == NULL)
    PyErr_WriteUnraisable((PyObject *)e);
  Py_XDECREF(listeners);
}

// Whoever comes first tells of all: a commit made by a listener, or by another thread meanwhile, is
// told of when its turn comes, so that everybody hears of every version in its order.
void publish_announce(engine *e) {
  if (e->announcing)
    return;
  e->announcing = true;
  while (e->commits != NULL && PyList_GET_SIZE(e->commits) > 0) {
    PyObject *commit = Py_NewRef(PyList_GET_ITEM(e->commits, 0));
    if (PyList_SetSlice(e->commits, 0, 1, NULL) < 0) {
      PyErr_WriteUnraisable((PyObject *)e);
      Py_DECREF(commit);
      break;
    }
    tell_listeners(e, commit);
    Py_DECREF(commit);
  }
  e->announcing = false;
}

// ---- errors ---------------------------------------------------------------------------------------

// Appends the notes of an error to the text about it, a line each. Steals text; new, or NULL.
static PyObject *with_notes(PyObject *text, PyObject *error) {
  PyObject *notes = PyObject_GetAttrString(error, "__notes__");
  PyErr_Clear(); // most errors have none
  for (Py_ssize_t i = 0; notes != NULL && PyList_Check(notes) && i < PyList_GET_SIZE(notes); i++) {
    PyObject *note = PyList_GET_ITEM(notes, i);
    PyObject *more = PyUnicode_Check(note) ? PyUnicode_FromFormat("%U\n  note:          %U", text, note)
                                           : Py_NewRef(text);
    Py_SETREF(text, more);
    if (text == NULL)
      break;
  }
  Py_XDECREF(notes);
  return text;
}

// The kernel's last word on a run that raised: unchanged, or as an undeclared error. Steals cause;
// new: the error to raise.
PyObject *publish_error(engine *e, PyObject *name, uint32_t how, PyObject *cause) {
  if (how != THEUS_RAISE_WRAPPED)
    return cause;
  PyObject *type = errors_class(e->st, "ContractViolationError");
  PyObject *text = type == NULL ? NULL : PyObject_Str(cause);
  if (text == NULL && type != NULL && !errors_interrupted()) {
    PyErr_Clear(); // an exception that cannot be printed is still reported by its type
    text = PyUnicode_FromString("<no text>");
  }
  PyObject *message = text == NULL ? NULL
                                   : PyUnicode_FromFormat("Undeclared Error Violation: Caught %s%s%U",
                                                          Py_TYPE(cause)->tp_name,
                                                          PyUnicode_GET_LENGTH(text) ? ": " : "", text);
  if (message != NULL)
    message = with_notes(message, cause);
  PyObject *args = message == NULL ? NULL : PyTuple_Pack(1, message);
  PyObject *hint = args == NULL ? NULL
                                : PyUnicode_FromFormat("add %s to the errors of @process, or "
                                                       "handle it in process '%U'",
                                                       Py_TYPE(cause)->tp_name, name);
  PyObject *kwargs = hint == NULL ? NULL : Py_BuildValue("{sOsO}", "process", name, "hint", hint);
  PyObject *error = kwargs == NULL ? NULL : PyObject_Call(type, args, kwargs);
  if (error != NULL) {
    PyException_SetCause(error, Py_NewRef(cause));
    PyException_SetContext(error, Py_NewRef(cause));
  }
  Py_XDECREF(kwargs);
  Py_XDECREF(hint);
  Py_XDECREF(args);
  Py_XDECREF(message);
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_DECREF(cause);
  return error == NULL ? errors_take() : error;
}
