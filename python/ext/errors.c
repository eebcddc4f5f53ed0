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
    [THEUS_AUDIT_BLOCK] = "AuditBlockError",
    [THEUS_AUDIT_INTERLOCK] = "AuditInterlockError",
    [THEUS_CONFIG] = "ConfigError",
    [THEUS_CONFLICT] = "TransactionConflictError",
    [THEUS_SCHEMA] = "SchemaViolationError",
};

PyObject *errors_class(state *st, const char *name) {
  if (st->errors == NULL && (st->errors = PyImport_ImportModule("theus.errors")) == NULL)
    return NULL;
  return PyObject_GetAttrString(st->errors, name);
}

static PyObject *text(theus_str s) {
  return PyUnicode_DecodeUTF8(s.data == NULL ? "" : s.data, (Py_ssize_t)s.len, "replace");
}

// New list: the lines of a span, none if it is empty.
static PyObject *lines(theus_str s) {
  PyObject *whole = s.len == 0 ? NULL : text(s), *newline = NULL, *list = NULL;
  if (s.len == 0)
    return PyList_New(0);
  if (whole != NULL && (newline = PyUnicode_FromString("\n")) != NULL)
    list = PyUnicode_Split(whole, newline, -1);
  Py_XDECREF(newline);
  Py_XDECREF(whole);
  return list;
}

// Whether a frame is of theus itself: what it does, its caller asked for.
static bool is_own(PyFrameObject *frame) {
  PyObject *globals = PyFrame_GetGlobals(frame);
  PyObject *name = PyDict_GetItemString(globals, "__name__");
  const char *utf8 = name != NULL && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : "";
  bool own = utf8 != NULL && (strcmp(utf8, "theus") == 0 || strncmp(utf8, "theus.", 6) == 0);
  if (utf8 == NULL)
    PyErr_Clear(); // a name that is no UTF-8 is not ours
  Py_DECREF(globals);
  return own;
}

// New str "FILE:LINE": where the running code stands, the innermost line that is not of theus.
// Empty where there is none.
static PyObject *here(void) {
  PyFrameObject *frame = (PyFrameObject *)Py_XNewRef((PyObject *)PyEval_GetFrame());
  while (frame != NULL && is_own(frame))
    Py_SETREF(frame, PyFrame_GetBack(frame));
  if (frame == NULL)
    return PyUnicode_FromString("");
  PyCodeObject *code = PyFrame_GetCode(frame);
  PyObject *where =
      PyUnicode_FromFormat("%U:%d", code->co_filename, PyFrame_GetLineNumber(frame));
  Py_DECREF((PyObject *)code);
  Py_DECREF((PyObject *)frame);
  return where;
}

// Whether a status denies an access. So does a refused contract, which declares and does not touch.
static bool denies(theus_status status, theus_str operation) {
  return status >= THEUS_READ && status <= THEUS_UNSUPPORTED && operation.len > 0 &&
         !(operation.len == 7 && memcmp(operation.data, "declare", 7) == 0);
}

void *errors_raise(state *st, theus_status status, theus_error *err) {
  const char *name = NULL;
  if (status > 0 && (size_t)status < Py_ARRAY_LENGTH(CLASS_OF))
    name = CLASS_OF[status];
  PyObject *message = text(err->message), *process = text(err->process);
  PyObject *path = text(err->path), *hint = text(err->hint);
  PyObject *operation = text(err->operation), *nearest = text(err->nearest);
  PyObject *allowed = lines(err->allowed);
  PyObject *where = denies(status, err->operation) ? here() : PyUnicode_FromString("");
  PyObject *type = NULL, *error = NULL, *args = NULL, *kwargs = NULL;
  if (message == NULL || process == NULL || path == NULL || hint == NULL || operation == NULL ||
      nearest == NULL || allowed == NULL || where == NULL)
    goto done;
  if (name == NULL) {
    PyErr_Format(PyExc_SystemError, "the kernel answered with status %d: %U", (int)status, message);
    goto done;
  }
  if ((type = errors_class(st, name)) == NULL || (args = PyTuple_Pack(1, message)) == NULL)
    goto done;
  kwargs = Py_BuildValue("{sOsOsOsOsOsOsO}", "process", process, "path", path, "hint", hint,
                         "operation", operation, "nearest", nearest, "allowed", allowed, "where",
                         where);
  if (kwargs != NULL && (error = PyObject_Call(type, args, kwargs)) != NULL)
    PyErr_SetObject(type, error);
done:
  Py_XDECREF(error);
  Py_XDECREF(kwargs);
  Py_XDECREF(args);
  Py_XDECREF(type);
  Py_XDECREF(where);
  Py_XDECREF(allowed);
  Py_XDECREF(nearest);
  Py_XDECREF(operation);
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
  PyObject *type = errors_class(STATE(v), "StaleViewError");
  PyObject *where = type == NULL ? NULL : here();
  PyObject *message =
      where == NULL ? NULL
                    : PyUnicode_FromFormat("this %s belongs to a run of process '%U' that has "
                                           "ended; views live as long as their transaction, keep "
                                           "theus.plain(value) instead",
                                           Py_TYPE(v)->tp_name, v->scope->name);
  PyObject *args = message == NULL ? NULL : PyTuple_Pack(1, message);
  PyObject *kwargs = args == NULL ? NULL
                                  : Py_BuildValue("{sOsssO}", "process", v->scope->name, "hint",
                                                  "keep theus.plain(value) instead of the view",
                                                  "where", where);
  PyObject *error = kwargs == NULL ? NULL : PyObject_Call(type, args, kwargs);
  if (error != NULL)
    PyErr_SetObject(type, error);
  Py_XDECREF(error);
  Py_XDECREF(kwargs);
  Py_XDECREF(args);
  Py_XDECREF(message);
  Py_XDECREF(where);
  Py_XDECREF(type);
  return NULL;
}

void errors_about(state *st, process *p) {
  PyObject *raised = errors_take();
  if (raised == NULL)
    return;
  PyObject *type = errors_class(st, "TheusError"), *module = NULL, *done = NULL;
  if (type != NULL && PyErr_GivenExceptionMatches(raised, type) &&
      (module = PyImport_ImportModule("theus._process")) != NULL)
    done = PyObject_CallMethod(module, "carry_contract", "OOO", raised, p->name, p->func);
  Py_XDECREF(done);
  Py_XDECREF(module);
  Py_XDECREF(type);
  errors_put_back(raised); // with its contract or without
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

bool errors_interrupted(void) {
  return PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception);
}

void errors_put_back(PyObject *steals) {
  if (errors_interrupted()) {
    Py_DECREF(steals);
    return;
  }
  PyErr_Clear();
  errors_put(steals);
}
