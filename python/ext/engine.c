// engine.c: the base of TheusEngine. It owns the user's context and the registered processes, and
// has the calls that must be fast; everything a person configures is in theus/_engine.py.
#include "ext.h"

int engine_refuse(engine *e) {
  if (e->api == NULL) {
    PyErr_SetString(PyExc_RuntimeError,
                    "this engine was never initialised: call super().__init__(system_ctx) first");
    return -1;
  }
  if (e->closed) {
    PyObject *type = errors_class(e->st, "EngineClosedError");
    if (type != NULL)
      PyErr_SetString(type, "this engine was closed; create a new TheusEngine");
    Py_XDECREF(type);
    return -1;
  }
  if (loader_api(e->st) != NULL) { // a kernel of this process, but the engine is the parent's
    PyObject *type = errors_class(e->st, "ForkedKernelError");
    if (type != NULL)
      PyErr_SetString(type, "this engine belongs to the parent process; create one in the child");
    Py_XDECREF(type);
  }
  return -1;
}

void *engine_raise(engine *e, theus_status status, theus_error *err) {
  if (status == THEUS_POISONED || status == THEUS_PANIC || status == THEUS_CLOSED ||
      status == THEUS_AUDIT_INTERLOCK)
    e->leases++;
  return errors_raise(e->st, status, err);
}

static int load_mixin(state *st) {
  if (st->locked_mixin != NULL)
    return 0;
  PyObject *module = PyImport_ImportModule("theus._context");
  st->locked_mixin = module == NULL ? NULL : PyObject_GetAttrString(module, "LockedContextMixin");
  Py_XDECREF(module);
  return st->locked_mixin == NULL ? -1 : 0;
}

static int engine_init(PyObject *op, PyObject *args, PyObject *kwargs) {
  engine *e = (engine *)op;
  PyObject *ctx;
  int strict;
  if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
    PyErr_SetString(PyExc_TypeError, "Engine() takes no keyword arguments");
    return -1;
  }
  if (!PyArg_ParseTuple(args, "Op:Engine", &ctx, &strict))
    return -1;
  if (e->api != NULL) {
    PyErr_SetString(PyExc_RuntimeError, "an engine cannot be initialised twice");
    return -1;
  }
  e->st = state_of(Py_TYPE(op));
  const theus_api *api = loader_api(e->st);
  if (api == NULL || load_mixin(e->st) < 0)
    return -1;
  Py_XSETREF(e->processes, PyDict_New()); // a first attempt may have failed below
  Py_XSETREF(e->listeners, PyList_New(0));
  Py_XSETREF(e->commits, PyList_New(0));
  if (e->processes == NULL || e->listeners == NULL || e->commits == NULL)
    return -1;
  theus_info info = {0};
  theus_error err = {0};
  theus_options options = {0};
  (void)api->describe(&info); // cannot fail
  theus_status status = api->engine_new(&options, &e->handle, &err);
  if (status != THEUS_OK) {
    engine_raise(e, status, &err);
    return -1;
  }
  e->api = api;
  e->zone_prefixes = info.zone_prefixes;
  e->generation = loader_generation();
  e->leases = 1;
  e->strict = strict;
  e->ctx = Py_NewRef(ctx);
  return 0;
}

static int engine_traverse(PyObject *op, visitproc visit, void *arg) {
  engine *e = (engine *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(e->ctx);
  Py_VISIT(e->processes);
  Py_VISIT(e->listeners);
  Py_VISIT(e->fault);
  Py_VISIT(e->reading);
  Py_VISIT(e->commits);
  return schema_visit(e->schema, visit, arg);
}

static void forget_known(engine *e) {
  for (size_t i = 0; i < KNOWN_NAMES; i++)
    Py_CLEAR(e->known[i].name); // exact strings: no user code runs
}

static int engine_clear(PyObject *op) {
  engine *e = (engine *)op;
  forget_known(e);
  Py_CLEAR(e->ctx);
  Py_CLEAR(e->processes);
  Py_CLEAR(e->listeners);
  Py_CLEAR(e->fault);
  Py_CLEAR(e->reading);
  Py_CLEAR(e->commits);
  return 0;
}

// Closes the kernel's side. In a forked child there is nothing to close.
static void release(engine *e) {
  if (e->api != NULL && !e->closed && e->generation == loader_generation()) {
    theus_error err = {0};
    (void)e->api->engine_close(e->handle, &err); // the only failure is "closed before"
    e->api->error_release(&err);
  }
  e->closed = true;
}

static void engine_dealloc(PyObject *op) {
  engine *e = (engine *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  release(e);
  for (uint32_t i = 0; i < e->n_shapes; i++)
    shape_free(e->shapes[i]);
  PyMem_Free(e->shapes);
  while (e->spare != NULL) {
    core *c = e->spare;
    e->spare = c->next;
    core_free(c);
  }
  schema_free(e->schema);
  (void)engine_clear(op); // always 0
  type->tp_free(op);
  Py_DECREF(type);
}

// ---- processes ------------------------------------------------------------------------------------

// Fills spans from a sequence of str. The tuple *held keeps the texts alive. 0 or -1.
static int spans_of(PyObject *entries, theus_str **spans, size_t *n, PyObject **held) {
  *held = PySequence_Tuple(entries);
  if (*held == NULL)
    return -1;
  *n = (size_t)PyTuple_GET_SIZE(*held);
  *spans = PyMem_Calloc(*n + 1, sizeof(theus_str));
  if (*spans == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  for (size_t i = 0; i < *n; i++) {
    PyObject *entry = PyTuple_GET_ITEM(*held, (Py_ssize_t)i);
    Py_ssize_t length;
    if (!PyUnicode_Check(entry)) {
      PyErr_Format(PyExc_TypeError, "a contract entry is a str, not %s", Py_TYPE(entry)->tp_name);
      return -1;
    }
    (*spans)[i].data = PyUnicode_AsUTF8AndSize(entry, &length);
    if ((*spans)[i].data == NULL)
      return -1;
    (*spans)[i].len = (size_t)length;
  }
  return 0;
}

static PyObject *engine_register(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  PyObject *name, *func, *inputs, *outputs, *errors;
  unsigned int side_effects;
  if (!PyArg_ParseTuple(args, "UOOOIO:_register", &name, &func, &inputs, &outputs, &side_effects,
                        &errors) ||
      engine_usable(e) < 0)
    return NULL;
  PyObject *held_in = NULL, *held_out = NULL, *classes = NULL, *none = PyTuple_New(0);
  theus_str *in = NULL, *out = NULL;
  size_t n_in = 0, n_out = 0;
  process *p = NULL;
  // Training mode hands out the raw context: there is no contract to enforce, only a name to find.
  Py_ssize_t length;
  const char *text = PyUnicode_AsUTF8AndSize(name, &length);
  if (text == NULL || none == NULL || spans_of(e->strict ? inputs : none, &in, &n_in, &held_in) < 0 ||
      spans_of(e->strict ? outputs : none, &out, &n_out, &held_out) < 0 ||
      (classes = PySequence_Tuple(errors)) == NULL ||
      (p = process_new(e->st, name, func, classes)) == NULL)
    goto error;
  theus_contract declared = {{text, (size_t)length}, in, n_in, out, n_out, side_effects, 0};
  theus_error err = {0};
  theus_status status = e->api->process_register(e->handle, &declared, &p->id, &err);
  if (status != THEUS_OK)
    engine_raise(e, status, &err);
  else if (forget_known(e), PyDict_SetItem(e->processes, name, (PyObject *)p) == 0)
    goto done;
error:
  Py_CLEAR(p);
done:
  PyMem_Free(in);
  PyMem_Free(out);
  Py_XDECREF(held_in);
  Py_XDECREF(held_out);
  Py_XDECREF(classes);
  Py_XDECREF(none);
  if (p == NULL)
    return NULL;
  Py_DECREF((PyObject *)p);
  Py_RETURN_NONE;
}

// Borrowed, or NULL with the kernel's KeyError. A name in a program is the same object each time.
static RARELY process *look_up(engine *e, PyObject *name) {
  size_t at = ((uintptr_t)name >> 4) % KNOWN_NAMES;
  if (e->api == NULL && engine_usable(e) < 0)
    return NULL;
  PyObject *p = PyDict_GetItemWithError(e->processes, name);
  if (p != NULL && PyUnicode_CheckExact(name)) {
    Py_XSETREF(e->known[at].name, Py_NewRef(name));
    e->known[at].proc = (process *)p;
  }
  if (p != NULL || PyErr_Occurred())
    return (process *)p;
  PyObject *answer = PyObject_CallMethodOneArg((PyObject *)e, e->st->s_resolve, name);
  int found = answer == NULL ? -1 : PyObject_IsTrue(answer);
  Py_XDECREF(answer);
  if (found < 0)
    return NULL;
  p = PyDict_GetItemWithError(e->processes, name);
  if (p != NULL || PyErr_Occurred() || engine_usable(e) < 0)
    return (process *)p;
  if (!PyUnicode_Check(name)) {
    PyErr_Format(PyExc_TypeError,
                 "the name of a process is a str, not %s: execute_process('name', argument=value)",
                 Py_TYPE(name)->tp_name);
    return NULL;
  }
  Py_ssize_t length;
  const char *text = PyUnicode_AsUTF8AndSize(name, &length);
  theus_process id;
  theus_error err = {0};
  if (text == NULL)
    return NULL;
  theus_status status =
      e->api->process_find(e->handle, (theus_str){text, (size_t)length}, &id, &err);
  if (status == THEUS_OK)
    PyErr_Format(PyExc_SystemError, "the kernel knows process '%U' but the engine does not", name);
  else
    engine_raise(e, status, &err);
  return NULL;
}

// Borrowed. NULL with an exception.
static inline process *find(engine *e, PyObject *name) {
  size_t at = ((uintptr_t)name >> 4) % KNOWN_NAMES;
  return e->known[at].name == name ? e->known[at].proc : look_up(e, name);
}

// The name may also come as the keyword process_name= or name=, as older programs write it.
static RARELY PyObject *execute_by_keyword(engine *e, PyObject *const *args, PyObject *kwnames) {
  Py_ssize_t n = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
  for (int old = 0; old < 2; old++) {
    for (Py_ssize_t i = 0; i < n; i++) {
      if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i),
                                           old ? "name" : "process_name") != 0)
        continue;
      process *p = find(e, args[i]);
      if (p == NULL)
        return NULL;
      PyObject *kwargs = PyDict_New();
      for (Py_ssize_t k = 0; kwargs != NULL && k < n; k++)
        if (k != i && PyDict_SetItem(kwargs, PyTuple_GET_ITEM(kwnames, k), args[k]) < 0)
          Py_CLEAR(kwargs);
      PyObject *names = kwargs == NULL ? NULL : PySequence_Tuple(kwargs);
      PyObject *values = names == NULL ? NULL : PyDict_Values(kwargs);
      PyObject *result =
          values == NULL ? NULL : driver_execute(e, p, ((PyListObject *)values)->ob_item, names);
      Py_XDECREF(values);
      Py_XDECREF(names);
      Py_XDECREF(kwargs);
      return result;
    }
  }
  PyErr_SetString(PyExc_TypeError, "the name of a process is missing: execute_process('name', ...)");
  return NULL;
}

static PyObject *engine_execute(PyObject *op, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  engine *e = (engine *)op;
  if (n != 1) {
    if (n == 0)
      return execute_by_keyword(e, args, kwnames);
    PyErr_SetString(PyExc_TypeError, "a process takes its arguments by keyword: "
                                     "execute_process('name', argument=value)");
    return NULL;
  }
  process *p = find(e, args[0]);
  return p == NULL ? NULL : driver_execute(e, p, args + 1, kwnames);
}

static PyObject *engine_attempts(PyObject *op, PyObject *args) {
  PyObject *name, *kwargs;
  if (!PyArg_ParseTuple(args, "OO!:_attempts", &name, &PyDict_Type, &kwargs))
    return NULL;
  process *p = find((engine *)op, name);
  return p == NULL ? NULL : attempts_new((engine *)op, p, kwargs);
}

// Whether the contracts of two processes let one write what the other may read or write.
static PyObject *engine_conflict(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  PyObject *names[2];
  if (!PyArg_ParseTuple(args, "UU:_conflict", &names[0], &names[1]))
    return NULL;
  process *p = find(e, names[0]);
  theus_process first = p == NULL ? 0 : p->id;
  process *q = p == NULL ? NULL : find(e, names[1]);
  if (q == NULL || engine_usable(e) < 0)
    return NULL;
  uint32_t conflict = 0;
  theus_error err = {0};
  theus_status status = e->api->process_conflict(e->handle, first, q->id, &conflict, &err);
  return status == THEUS_OK ? PyBool_FromLong((long)conflict) : engine_raise(e, status, &err);
}

static PyObject *engine_get_process(PyObject *op, PyObject *name) {
  process *p = find((engine *)op, name);
  return p == NULL ? NULL : Py_NewRef(p->func);
}

static PyObject *engine_resolve(PyObject *op, PyObject *name) {
  (void)op, (void)name;
  Py_RETURN_FALSE;
}

static PyObject *engine_permission(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  PyObject *name;
  const char *path;
  Py_ssize_t length;
  if (!PyArg_ParseTuple(args, "Us#:_permission", &name, &path, &length))
    return NULL;
  process *p = find(e, name);
  if (p == NULL || engine_usable(e) < 0)
    return NULL;
  theus_shape shape;
  theus_error err = {0};
  theus_status status =
      e->api->decide(e->handle, p->id, (theus_str){path, (size_t)length}, &shape, &err);
  return status == THEUS_OK ? Py_BuildValue("ii", shape.bits, shape.zone)
                            : engine_raise(e, status, &err);
}

static PyObject *engine_panic(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  theus_error err = {0};
  return engine_usable(e) < 0 ? NULL : engine_raise(e, e->api->panic(e->handle, &err), &err);
}

static PyObject *engine_on_commit(PyObject *op, PyObject *listener) {
  engine *e = (engine *)op;
  if (!PyCallable_Check(listener)) {
    PyErr_Format(PyExc_TypeError, "on_commit takes a function of one commit, not %s",
                 Py_TYPE(listener)->tp_name);
    return NULL;
  }
  if (engine_usable(e) < 0 || PyList_Append(e->listeners, listener) < 0)
    return NULL;
  e->curious++;
  return Py_NewRef(listener);
}

static PyObject *engine_stats(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  theus_counts c = {0};
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->stats(e->handle, &c, &err);
  return status != THEUS_OK
             ? engine_raise(e, status, &err)
             : Py_BuildValue("KKKK", (unsigned long long)c.commits, (unsigned long long)c.conflicts,
                             (unsigned long long)c.retries, (unsigned long long)c.priorities);
}

static PyObject *engine_close(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  if (e->n_running > 0) {
    PyObject *type = errors_class(e->st, "TransactionConflictError");
    if (type != NULL)
      PyErr_SetString(type, "an engine cannot be closed while one of its processes runs");
    Py_XDECREF(type);
    return NULL;
  }
  release(e);
  Py_RETURN_NONE;
}

static PyObject *engine_get_ctx(PyObject *op, void *unused) {
  (void)unused;
  engine *e = (engine *)op;
  return Py_NewRef(e->ctx == NULL ? Py_None : e->ctx);
}

static PyObject *engine_get_strict(PyObject *op, void *unused) {
  (void)unused;
  return PyBool_FromLong(((engine *)op)->strict);
}

static PyObject *engine_get_version(PyObject *op, void *unused) {
  (void)unused;
  return PyLong_FromUnsignedLongLong(((engine *)op)->version);
}

// ---- edit() ---------------------------------------------------------------------------------------

typedef struct {
  PyObject_HEAD
  engine *engine; // owned
  scope *scope;   // owned while the block runs
} edit;

static PyObject *engine_edit(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  if (engine_usable(e) < 0)
    return NULL;
  edit *block = PyObject_GC_New(edit, e->st->edit_type);
  if (block == NULL)
    return NULL;
  block->engine = (engine *)Py_NewRef(op);
  block->scope = NULL;
  PyObject_GC_Track((PyObject *)block);
  return (PyObject *)block;
}

static PyObject *edit_enter(PyObject *op, PyObject *unused) {
  (void)unused;
  edit *block = (edit *)op;
  engine *e = block->engine;
  if (!e->strict)
    return Py_NewRef(e->ctx);
  if (block->scope != NULL) {
    PyErr_SetString(PyExc_RuntimeError, "this edit() block is open already; call edit() again to nest");
    return NULL;
  }
  // In an event loop a block may be left alone at an await: it belongs to the task then.
  scope *s = scope_begin(e, NULL, (start){.task = turn_in_loop()});
  PyObject *ctx = s == NULL ? NULL : scope_context(s);
  if (ctx == NULL) {
    if (s != NULL)
      scope_abandon(s);
    Py_XDECREF((PyObject *)s);
    return NULL;
  }
  if (block->scope != NULL) { // while this thread waited, another one entered the same block
    Py_DECREF(ctx);
    scope_abandon(s);
    Py_DECREF((PyObject *)s);
    PyErr_SetString(PyExc_RuntimeError, "this edit() block is open already; call edit() again to nest");
    return NULL;
  }
  block->scope = s;
  return ctx;
}

static PyObject *edit_exit(PyObject *op, PyObject *const *args, Py_ssize_t n) {
  edit *block = (edit *)op;
  scope *s = block->scope;
  if (!block->engine->strict)
    Py_RETURN_FALSE;
  if (n != 3 || s == NULL || !scope_is_here(s)) {
    PyErr_SetString(PyExc_RuntimeError, "edit() blocks end in the thread or task that began them, "
                                        "the innermost first, and once");
    return NULL;
  }
  block->scope = NULL;
  bool failed = args[0] != Py_None;
  PyObject *result = NULL;
  if (failed) // the block's own error goes on by itself: the run only has to be dropped
    scope_abandon(s);
  else if (models_validate(s) < 0)
    result = scope_finish(s, NULL, THEUS_REFUSED);
  else
    result = scope_finish(s, Py_NewRef(Py_False), THEUS_RETURNED);
  Py_DECREF((PyObject *)s);
  return failed ? Py_NewRef(Py_False) : result;
}

static int edit_traverse(PyObject *op, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(((edit *)op)->engine);
  Py_VISIT(((edit *)op)->scope);
  return 0;
}

// Of a block that was never left, as in a generator that was dropped: rolls back. The engine stays:
// it is what __exit__ asks first.
static int edit_clear(PyObject *op) {
  edit *block = (edit *)op;
  scope *s = block->scope;
  block->scope = NULL;
  if (s != NULL) {
    scope_abandon(s);
    Py_DECREF((PyObject *)s);
  }
  return 0;
}

static void edit_dealloc(PyObject *op) {
  edit *block = (edit *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  (void)edit_clear(op); // always 0
  PyObject *dying = (PyObject *)block->engine;
  PyObject_GC_Del(op);
  Py_DECREF(dying);
  Py_DECREF(type);
}

// What a block has, or else how to use one: who forgot the with asks it for the fields of the context.
static PyObject *edit_getattro(PyObject *op, PyObject *name) {
  PyObject *found = PyObject_GenericGetAttr(op, name);
  if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
    PyErr_Format(PyExc_AttributeError,
                 "edit() is a block and has no %R itself: write `with engine.edit() as ctx:`", name);
  return found;
}

static PyMethodDef edit_methods[] = {
    {"__enter__", edit_enter, METH_NOARGS, "Begin; returns a context that may be read and written."},
    {"__exit__", METHOD(edit_exit), METH_FASTCALL, "Commit, or roll back after an exception."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {0},
};

static PyType_Slot edit_slots[] = {
    {Py_tp_doc, "A block in which everything may be read and written: a transaction like any other."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, edit_dealloc},
    {Py_tp_traverse, edit_traverse},
    {Py_tp_clear, edit_clear},
    {Py_tp_methods, edit_methods},
    {Py_tp_getattro, edit_getattro},
    {0, NULL},
};

PyType_Spec edit_spec = {
    .name = "theus._kernel.Edit",
    .basicsize = sizeof(edit),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = edit_slots,
};

// ---- type -----------------------------------------------------------------------------------------

static PyMethodDef engine_methods[] = {
    {"_register", engine_register, METH_VARARGS, NULL},
    {"_resolve", engine_resolve, METH_O, NULL},
    {"_permission", engine_permission, METH_VARARGS, NULL},
    {"_panic", engine_panic, METH_NOARGS, NULL},
    {"_fault", fault_arm, METH_VARARGS, NULL},
    {"_stats", engine_stats, METH_NOARGS, NULL},
    {"_attempts", engine_attempts, METH_VARARGS, NULL},
    {"_conflict", engine_conflict, METH_VARARGS, NULL},
    {"_learn", learn_start, METH_NOARGS, NULL},
    {"_learned", learn_told, METH_NOARGS, NULL},
    {"_audit_load", audit_load, METH_VARARGS, NULL},
    {"_schema_load", schema_load, METH_VARARGS, NULL},
    {"_audit_reset", audit_reset, METH_NOARGS, NULL},
    {"_audit_stopped", audit_stopped, METH_NOARGS, NULL},
    {"_audit_log", audit_log, METH_VARARGS, NULL},
    {"_on_signal", signal_listen, METH_O, NULL},
    {"_off_signal", signal_leave, METH_O, NULL},
    {"_names", fsm_names, METH_NOARGS, NULL},
    {"_flux_load", flux_load, METH_VARARGS, NULL},
    {"_flux_ask", flux_ask, METH_VARARGS, NULL},
    {"execute_process", METHOD(engine_execute), METH_FASTCALL | METH_KEYWORDS,
     "execute_process($self, process_name, /, **kwargs)\n--\n\nRun a process and return its value."},
    {"run_process", METHOD(engine_execute), METH_FASTCALL | METH_KEYWORDS,
     "run_process($self, name, /, **kwargs)\n--\n\nRun a process and return its value."},
    {"get_process", engine_get_process, METH_O,
     "get_process($self, name, /)\n--\n\nThe registered function. Raises KeyError for an unknown name."},
    {"edit", engine_edit, METH_NOARGS,
     "edit($self, /)\n--\n\nA block in which the whole context may be read and written; commits at its end,\n"
     "rolls back on an exception."},
    {"on_commit", engine_on_commit, METH_O,
     "on_commit($self, listener, /)\n--\n\nCall listener with each commit, after it is visible."},
    {"close", engine_close, METH_NOARGS, "close($self, /)\n--\n\nEnd the engine; it refuses further work."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {0},
};

static PyGetSetDef engine_getset[] = {
    {"ctx", engine_get_ctx, NULL, "The context object that was passed in.", NULL},
    {"strict_mode", engine_get_strict, NULL, "Whether contracts are enforced.", NULL},
    {"version", engine_get_version, NULL, "Number of the newest commit.", NULL},
    {0},
};

static PyType_Slot engine_slots[] = {
    {Py_tp_doc, "Runs processes on a context."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, engine_init},
    {Py_tp_dealloc, engine_dealloc},
    {Py_tp_traverse, engine_traverse},
    {Py_tp_clear, engine_clear},
    {Py_tp_methods, engine_methods},
    {Py_tp_getset, engine_getset},
    {0, NULL},
};

PyType_Spec engine_spec = {
    .name = "theus._kernel.Engine",
    .basicsize = sizeof(engine),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = engine_slots,
};
