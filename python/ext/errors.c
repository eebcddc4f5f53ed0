// errors.c: theus_error -> exception. The classes live in theus/errors.py, where the tree is drawn.
#include "ext.h"

static const char *const CLASS_OF[] = {
    [THEUS_INVALID] = "ContractDefinitionError",
    [THEUS_NOT_FOUND] = "UnknownProcessError",
    [THEUS_READ] = "AccessDeniedError",
    [THEUS_WRITE] = "AccessDeniedError",
    [THEUS_FROZEN] = "FrozenInputError",
    [THEUS_PRIVATE] = "AccessDeniedError",
    [THEUS_ZONE] = "ZoneViolationError",
    [THEUS_UNSUPPORTED] = "UnsupportedValueError",
    [THEUS_ENDED] = "EngineClosedError",
    [THEUS_CLOSED] = "EngineClosedError",
    [THEUS_BUSY] = "TransactionConflictError",
    [THEUS_LIMIT] = "NestingLimitError",
    [THEUS_POISONED] = "KernelPanic",
    [THEUS_PANIC] = "KernelPanic",
};

PyObject *errors_class(state *st, const char *name) {
  if (st->errors == NULL && (st->errors = PyImport_ImportModule("theus.errors")) == NULL)
    return NULL;
  return PyObject_GetAttrString(st->errors, name);
}

static PyObject *text(theus_str s) {
  return PyUnicode_DecodeUTF8(s.data == NULL ? "" : s.data, (Py_ssize_t)s.len, "replace");
}

void *errors_raise(state *st, theus_status status, theus_error *err) {
  const char *name = NULL;
  if (status > 0 && (size_t)status < Py_ARRAY_LENGTH(CLASS_OF))
    name = CLASS_OF[status];
  PyObject *message = text(err->message), *process = text(err->process);
  PyObject *path = text(err->path), *hint = text(err->hint);
  PyObject *type = NULL, *error = NULL, *args = NULL, *kwargs = NULL;
  if (message == NULL || process == NULL || path == NULL || hint == NULL)
    goto done;
  if (name == NULL) {
    PyErr_Format(PyExc_SystemError, "the kernel answered with status %d: %U", (int)status, message);
    goto done;
  }
  if ((type = errors_class(st, name)) == NULL || (args = PyTuple_Pack(1, message)) == NULL)
    goto done;
  kwargs = Py_BuildValue("{sOsOsO}", "process", process, "path", path, "hint", hint);
  if (kwargs != NULL && (error = PyObject_Call(type, args, kwargs)) != NULL)
    PyErr_SetObject(type, error);
done:
  Py_XDECREF(error);
  Py_XDECREF(kwargs);
  Py_XDECREF(args);
  Py_XDECREF(type);
  Py_XDECREF(hint);
  Py_XDECREF(path);
  Py_XDECREF(process);
  Py_XDECREF(message);
  if (err->storage != NULL) {
    const theus_api *api = loader_api(st);
    if (api != NULL)
      api->error_release(err);
  }
  return NULL;
}

void *errors_stale(view *v) {
  state *st = STATE(v);
  PyObject *type = errors_class(st, "StaleViewError");
  if (type == NULL)
    return NULL;
  PyErr_Format(type,
               "this %s belongs to a run of process '%U' that has ended; "
               "views live as long as their transaction, keep theus.plain(value) instead",
               Py_TYPE(v)->tp_name, v->scope->name);
  Py_DECREF(type);
  return NULL;
}

PyObject *errors_take(void) {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == NULL)
    return NULL;
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != NULL) {
    (void)PyException_SetTraceback(value, traceback); // it is a traceback: cannot fail
    Py_DECREF(traceback);
  }
  Py_DECREF(type);
  return value;
#endif
}

void errors_put(PyObject *steals) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(steals);
#else
  PyObject *type = Py_NewRef((PyObject *)Py_TYPE(steals));
  PyErr_Restore(type, steals, PyException_GetTraceback(steals));
#endif
}
