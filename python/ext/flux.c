// flux.c: workflows as Python sees them: a program, which the engine loads, and a run of it.
//
// Ownership rules: flux.h says who owns whom. A handle of the kernel belongs to one object here and
// is released with it, also when the engine was closed before.
//
// Calls that run Python code: see drive.c and read.c.
#include "flux.h"

static PyObject *text_of(theus_str s) {
  return PyUnicode_DecodeUTF8(s.len == 0 ? "" : s.data, (Py_ssize_t)s.len, "replace");
}

// New tuple of str.
static PyObject *texts_of(const theus_str *list, size_t n) {
  PyObject *tuple = PyTuple_New((Py_ssize_t)n);
  for (size_t i = 0; tuple != NULL && i < n; i++) {
    PyObject *text = text_of(list[i]);
    if (text == NULL)
      Py_CLEAR(tuple);
    else
      PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, text);
  }
  return tuple;
}

// ---- programs -----------------------------------------------------------------------------------

static int program_traverse(PyObject *op, visitproc visit, void *arg) {
  program *p = (program *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(p->engine);
  for (Py_ssize_t i = 0; i < p->n_running; i++)
    Py_VISIT(p->running[i]);
  return 0;
}

// The engine stays: whatever is left of a run asks it first.
static int program_clear(PyObject *op) {
  program *p = (program *)op;
  for (Py_ssize_t i = 0; i < p->n_running; i++)
    Py_CLEAR(p->running[i]);
  return 0;
}

static void program_dealloc(PyObject *op) {
  program *p = (program *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  if (p->handle != 0 && p->engine->generation == loader_generation())
    p->engine->api->flux_release(p->handle);
  (void)program_clear(op); // always 0
  for (uint32_t i = 0; i < p->n_readers; i++)
    reader_free(p->readers[i]);
  PyMem_Free(p->readers);
  PyMem_Free(p->running);
  Py_XDECREF(p->processes);
  Py_XDECREF(p->files);
  Py_XDECREF(p->locals);
  Py_XDECREF((PyObject *)p->engine);
  PyObject_GC_Del(op);
  Py_DECREF(type);
}

// The processes as they are registered now. 0, -1.
static int bind(program *p) {
  p->n_running = PyTuple_GET_SIZE(p->processes);
  p->running = PyMem_Calloc((size_t)p->n_running + 1, sizeof(process *));
  if (p->running == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  for (Py_ssize_t i = 0; i < p->n_running; i++) {
    PyObject *name = PyTuple_GET_ITEM(p->processes, i);
    PyObject *found = PyDict_GetItemWithError(p->engine->processes, name);
    if (found == NULL) {
      if (!PyErr_Occurred())
        PyErr_Format(PyExc_KeyError, "process '%U' was not found again", name);
      return -1;
    }
    p->running[i] = (process *)Py_NewRef(found);
  }
  return 0;
}

// New: a program of what the kernel loaded, whose handle it takes.
static PyObject *program_new(engine *e, const theus_flux_program *loaded) {
  program *p = PyObject_GC_New(program, e->st->program_type);
  if (p == NULL) {
    e->api->flux_release(loaded->program);
    return NULL;
  }
  memset((char *)p + sizeof(PyObject), 0, sizeof(program) - sizeof(PyObject));
  p->engine = (engine *)Py_NewRef((PyObject *)e);
  p->handle = loaded->program;
  PyObject_GC_Track((PyObject *)p);
  p->n_steps = loaded->n_steps;
  p->readers = PyMem_Calloc((size_t)loaded->n_needs + 1, sizeof(reader *));
  p->n_readers = p->readers == NULL ? 0 : loaded->n_needs;
  if (p->readers == NULL)
    PyErr_NoMemory();
  else if ((p->processes = texts_of(loaded->processes, loaded->n_processes)) != NULL &&
           (p->files = texts_of(loaded->files, loaded->n_files)) != NULL &&
           (p->locals = texts_of(loaded->locals, loaded->n_locals)) != NULL && bind(p) == 0)
    return (PyObject *)p;
  Py_DECREF((PyObject *)p);
  return NULL;
}

static PyObject *program_place(PyObject *op, PyObject *number) {
  program *p = (program *)op;
  unsigned long step = PyLong_AsUnsignedLong(number);
  theus_str text = {0};
  theus_storage storage = NULL;
  theus_error err = {0};
  if (PyErr_Occurred() || engine_usable(p->engine) < 0)
    return NULL;
  theus_status status =
      p->engine->api->flux_place(p->handle, (uint32_t)step, &text, &storage, &err);
  if (status != THEUS_OK)
    return engine_raise(p->engine, status, &err);
  PyObject *place = text_of(text);
  p->engine->api->flux_free(&storage);
  return place;
}

// start(max_loops, local, extra): extra has, by number of a process, a dict or None.
static PyObject *program_start(PyObject *op, PyObject *args) {
  program *p = (program *)op;
  engine *e = p->engine;
  unsigned long long most;
  PyObject *local, *extra;
  if (!PyArg_ParseTuple(args, "KOO!:start", &most, &local, &PyList_Type, &extra) || engine_usable(e) < 0)
    return NULL;
  if (PyList_GET_SIZE(extra) != p->n_running) {
    PyErr_SetString(PyExc_ValueError, "start takes an entry of extra for each process");
    return NULL;
  }
  run *r = PyObject_GC_New(run, e->st->run_type);
  if (r == NULL)
    return NULL;
  memset((char *)r + sizeof(PyObject), 0, sizeof(run) - sizeof(PyObject));
  r->program = (program *)Py_NewRef(op);
  r->local = Py_NewRef(local);
  r->extra = PyList_GetSlice(extra, 0, p->n_running);
  PyObject_GC_Track((PyObject *)r);
  theus_flux_options options = {most};
  theus_error err = {0};
  theus_status status = r->extra == NULL ? THEUS_OK : e->api->flux_start(p->handle, &options, &r->handle, &err);
  if (status != THEUS_OK)
    engine_raise(e, status, &err);
  if (r->handle != 0)
    return (PyObject *)r;
  Py_DECREF((PyObject *)r);
  return NULL;
}

static PyMethodDef program_methods[] = {
    {"start", program_start, METH_VARARGS, "start($self, max_loops, local, extra, /)\n--\n\nBegin a run."},
    {"place", program_place, METH_O, "place($self, step, /)\n--\n\nWhere a step stands."},
    {0},
};

static PyMemberDef program_members[] = {
    {"processes", T_OBJECT, offsetof(program, processes), READONLY, "Names of what it can run."},
    {"files", T_OBJECT, offsetof(program, files), READONLY, "It and the files it calls."},
    {"locals", T_OBJECT, offsetof(program, locals), READONLY, "Fields of local that conditions name."},
    {0},
};

static PyType_Slot program_slots[] = {
    {Py_tp_doc, "A checked workflow; the engine loads it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, program_dealloc},
    {Py_tp_traverse, program_traverse},
    {Py_tp_clear, program_clear},
    {Py_tp_methods, program_methods},
    {Py_tp_members, program_members},
    {0, NULL},
};

PyType_Spec program_spec = {
    .name = "theus._kernel.FluxProgram",
    .basicsize = sizeof(program),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = program_slots,
};

// ---- loading ------------------------------------------------------------------------------------

// Memory for one load, freed at once; the texts are those of the arguments.
typedef struct {
  theus_flux_text text;
  theus_flux_file *files;
  theus_flux_process *processes;
  theus_str *names, *arguments;
} request;

static int span_of(PyObject *str, theus_str *out) {
  Py_ssize_t n;
  if (!PyUnicode_Check(str)) {
    PyErr_Format(PyExc_TypeError, "a name of a workflow is a str, not %s", Py_TYPE(str)->tp_name);
    return -1;
  }
  out->data = PyUnicode_AsUTF8AndSize(str, &n);
  out->len = (size_t)(out->data == NULL ? 0 : n);
  return out->data == NULL ? -1 : 0;
}

static void *array_of(PyObject *tuple, size_t size) {
  void *memory = PyMem_Calloc((size_t)PyTuple_GET_SIZE(tuple) + 1, size);
  return memory == NULL ? PyErr_NoMemory() : memory;
}

// files: tuple of (wanted, from, name, text, error).
static int files_of(request *q, PyObject *files) {
  if ((q->files = array_of(files, sizeof(theus_flux_file))) == NULL)
    return -1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(files); i++) {
    theus_flux_file *f = &q->files[i];
    PyObject *t[5];
    theus_str *spans[] = {&f->wanted, &f->from, &f->name, &f->text, &f->error};
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(files, i), "OOOOO", &t[0], &t[1], &t[2], &t[3], &t[4]))
      return -1;
    for (size_t k = 0; k < Py_ARRAY_LENGTH(t); k++)
      if (span_of(t[k], spans[k]) < 0)
        return -1;
  }
  q->text.files = q->files;
  q->text.n_files = (size_t)PyTuple_GET_SIZE(files);
  return 0;
}

// processes: tuple of (name, tuple of arguments, open, unknown).
static int processes_of(request *q, PyObject *processes) {
  size_t n = (size_t)PyTuple_GET_SIZE(processes), all = 0;
  if ((q->processes = array_of(processes, sizeof(theus_flux_process))) == NULL)
    return -1;
  for (size_t pass = 0; pass < 2; pass++) {
    for (size_t i = 0, at = 0; i < n; i++) {
      theus_flux_process *p = &q->processes[i];
      PyObject *name, *arguments;
      int open, unknown;
      if (!PyArg_ParseTuple(PyTuple_GET_ITEM(processes, (Py_ssize_t)i), "OO!pp", &name, &PyTuple_Type,
                            &arguments, &open, &unknown) ||
          span_of(name, &p->name) < 0)
        return -1;
      p->open = (uint32_t)open;
      p->unknown = (uint32_t)unknown;
      p->n_arguments = (size_t)PyTuple_GET_SIZE(arguments);
      if (pass == 0) {
        all += p->n_arguments;
        continue;
      }
      p->arguments = &q->arguments[at];
      for (size_t k = 0; k < p->n_arguments; k++)
        if (span_of(PyTuple_GET_ITEM(arguments, (Py_ssize_t)k), &q->arguments[at++]) < 0)
          return -1;
    }
    if (pass == 0 && (q->arguments = PyMem_Calloc(all + 1, sizeof(theus_str))) == NULL) {
      PyErr_NoMemory();
      return -1;
    }
  }
  q->text.processes = q->processes;
  q->text.n_processes = n;
  return 0;
}

static int names_of(request *q, PyObject *names) {
  if ((q->names = array_of(names, sizeof(theus_str))) == NULL)
    return -1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++)
    if (span_of(PyTuple_GET_ITEM(names, i), &q->names[i]) < 0)
      return -1;
  q->text.names = q->names;
  q->text.n_names = (size_t)PyTuple_GET_SIZE(names);
  return 0;
}

// New list of (kind, name, from).
static PyObject *wants_of(const theus_flux_program *loaded) {
  PyObject *list = PyList_New(0);
  for (size_t i = 0; list != NULL && i < loaded->n_wants; i++) {
    const theus_flux_want *w = &loaded->wants[i];
    PyObject *name = text_of(w->name), *from = text_of(w->from);
    PyObject *want = name == NULL || from == NULL ? NULL : Py_BuildValue("IOO", w->kind, name, from);
    if (want == NULL || PyList_Append(list, want) < 0)
      Py_CLEAR(list);
    Py_XDECREF(want);
    Py_XDECREF(from);
    Py_XDECREF(name);
  }
  return list;
}

// New: what the kernel loaded; frees what it lent.
static PyObject *loaded_as(engine *e, theus_flux_program *loaded) {
  PyObject *result = loaded->program == 0 ? wants_of(loaded) : program_new(e, loaded);
  e->api->flux_free(&loaded->storage);
  return result;
}

PyObject *flux_load(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  request q = {0};
  PyObject *name, *text, *files, *processes, *names, *result = NULL;
  int dict;
  unsigned part;
  if (!PyArg_ParseTuple(args, "UUpIO!O!O!:_flux_load", &name, &text, &dict, &part, &PyTuple_Type,
                        &files, &PyTuple_Type, &processes, &PyTuple_Type, &names) ||
      engine_usable(e) < 0)
    return NULL;
  q.text.dict = (uint32_t)dict;
  q.text.part = part;
  if (span_of(name, &q.text.name) == 0 && span_of(text, &q.text.text) == 0 && files_of(&q, files) == 0 &&
      processes_of(&q, processes) == 0 && names_of(&q, names) == 0) {
    theus_flux_program loaded = {0};
    theus_error err = {0};
    theus_status status;
    const theus_api *api = e->api;
    theus_engine handle = e->handle;
    Py_BEGIN_ALLOW_THREADS
    status = api->flux_load(handle, &q.text, &loaded, &err);
    Py_END_ALLOW_THREADS
    result = status == THEUS_OK ? loaded_as(e, &loaded) : engine_raise(e, status, &err);
  }
  PyMem_Free(q.files);
  PyMem_Free(q.processes);
  PyMem_Free(q.names);
  PyMem_Free(q.arguments);
  return result;
}

PyObject *flux_ask(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  theus_str text = {0};
  PyObject *condition;
  theus_flux_program loaded = {0};
  theus_error err = {0};
  if (!PyArg_ParseTuple(args, "U:_flux_ask", &condition) || span_of(condition, &text) < 0 ||
      engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->flux_ask(e->handle, text, &loaded, &err);
  return status == THEUS_OK ? loaded_as(e, &loaded) : engine_raise(e, status, &err);
}

// ---- runs ---------------------------------------------------------------------------------------

static int run_traverse(PyObject *op, visitproc visit, void *arg) {
  run *r = (run *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(r->program);
  Py_VISIT(r->root);
  Py_VISIT(r->local);
  Py_VISIT(r->extra);
  Py_VISIT(r->errors);
  Py_VISIT(r->interrupt);
  Py_VISIT(r->trace);
  Py_VISIT(r->held);
  return 0;
}

// The program stays: it has the engine. What a busy run needs is not garbage.
static int run_clear(PyObject *op) {
  run *r = (run *)op;
  Py_CLEAR(r->local);
  Py_CLEAR(r->extra);
  Py_CLEAR(r->errors);
  Py_CLEAR(r->interrupt);
  Py_CLEAR(r->trace);
  Py_CLEAR(r->held);
  return 0;
}

static void run_dealloc(PyObject *op) {
  run *r = (run *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  if (r->program->engine->generation == loader_generation()) {
    drive_release(r);
    r->program->engine->api->flux_release(r->handle);
  }
  PyObject *last[] = {r->failed, (PyObject *)r->root, (PyObject *)r->program};
  (void)run_clear(op); // always 0
  PyMem_Free(r->values);
  PyObject_GC_Del(op);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(last); i++)
    Py_XDECREF(last[i]);
  Py_DECREF(type);
}

// One thread at a time steps a run. 0, -1.
static int enter(run *r) {
  if (r->busy) {
    PyErr_SetString(PyExc_RuntimeError, "another thread steps this run");
    return -1;
  }
  r->busy = true;
  return 0;
}

static PyObject *run_drive(PyObject *op, PyObject *unused) {
  (void)unused;
  run *r = (run *)op;
  int failed = enter(r);
  if (failed)
    return NULL;
  while (!(failed = drive_next(r)) && !r->ended && !(failed = drive_perform(r, false)))
    ;
  r->busy = false;
  return failed ? NULL : drive_result(r);
}

// The end of a branch is its root's to tell: what it failed with is not raised here.
static PyObject *run_settle(PyObject *op, PyObject *unused) {
  (void)unused;
  run *r = (run *)op;
  int failed = enter(r);
  if (failed)
    return NULL;
  while (!(failed = drive_next(r)) && !r->ended && !(failed = drive_perform(r, false)))
    ;
  r->busy = false;
  return failed ? NULL : Py_NewRef(Py_None);
}

// New: what the driver has to do, as a tuple; None at the end.
static PyObject *action_of(run *r) {
  const theus_flux_action *a = &r->next;
  PyObject *kwargs = NULL, *told = NULL;
  switch (a->kind) {
  case THEUS_FLUX_RUN:
    if (drive_kwargs(r, &kwargs) < 0)
      return NULL;
    told = Py_BuildValue("sIIOO", "run", a->depth, a->step,
                         PyTuple_GET_ITEM(r->program->processes, (Py_ssize_t)a->process), kwargs);
    Py_DECREF(kwargs);
    return told;
  case THEUS_FLUX_SLEEP:
    return Py_BuildValue("sIId", "sleep", a->depth, a->step, a->seconds);
  case THEUS_FLUX_FORK:
    return Py_BuildValue("sIIK", "fork", a->depth, a->step, (unsigned long long)a->n_branches);
  default:
    Py_RETURN_NONE;
  }
}

static PyObject *run_next(PyObject *op, PyObject *unused) {
  (void)unused;
  run *r = (run *)op;
  if (enter(r) < 0)
    return NULL;
  PyObject *told = drive_next(r) < 0 ? NULL : action_of(r);
  r->busy = false;
  return told;
}

static PyObject *run_perform(PyObject *op, PyObject *unused) {
  (void)unused;
  run *r = (run *)op;
  if (enter(r) < 0)
    return NULL;
  int failed = drive_perform(r, true);
  r->busy = false;
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *run_answer(PyObject *op, PyObject *error) {
  run *r = (run *)op;
  if (error != Py_None && !PyExceptionInstance_Check(error)) {
    PyErr_Format(PyExc_TypeError, "a run is answered with an exception or None, not %s", Py_TYPE(error)->tp_name);
    return NULL;
  }
  if (enter(r) < 0)
    return NULL;
  int failed = drive_answer(r, error == Py_None ? NULL : Py_NewRef(error));
  r->next.kind = 0;
  r->busy = false;
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *run_branches(PyObject *op, PyObject *unused) {
  (void)unused;
  run *r = (run *)op;
  if (r->next.kind != THEUS_FLUX_FORK) {
    PyErr_SetString(PyExc_RuntimeError, "this run does not fork now");
    return NULL;
  }
  return drive_branches(r);
}

static PyObject *run_holds(PyObject *op, PyObject *unused) {
  (void)unused;
  run *r = (run *)op;
  if (!r->ended) {
    PyObject *done = run_settle(op, NULL);
    Py_XDECREF(done);
    if (done == NULL)
      return NULL;
  }
  if (r->next.kind != THEUS_FLUX_DONE || root_of(r)->interrupt != NULL)
    return drive_result(r);
  return PyBool_FromLong((r->next.value.flags & THEUS_FLUX_TRUTH) != 0);
}

static PyObject *run_result(PyObject *op, PyObject *unused) {
  (void)unused;
  run *r = (run *)op;
  if (!r->ended) {
    PyErr_SetString(PyExc_RuntimeError, "this run has not ended");
    return NULL;
  }
  return drive_result(r);
}

static PyObject *run_cancel(PyObject *op, PyObject *unused) {
  (void)unused;
  run *root = root_of((run *)op);
  engine *e = root->program->engine;
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return NULL;
  root->cancelled = true;
  theus_status status = e->api->flux_cancel(root->handle, &err);
  return status == THEUS_OK ? Py_NewRef(Py_None) : engine_raise(e, status, &err);
}

static PyObject *run_loops(PyObject *op, void *unused) {
  (void)unused;
  run *r = (run *)op;
  engine *e = r->program->engine;
  uint64_t loops = 0;
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->flux_loops(r->handle, &loops, &err);
  return status == THEUS_OK ? PyLong_FromUnsignedLongLong(loops) : engine_raise(e, status, &err);
}

static int run_set_trace(PyObject *op, PyObject *list, void *unused) {
  (void)unused;
  if (list == NULL || !PyList_Check(list)) {
    PyErr_SetString(PyExc_TypeError, "trace is a list");
    return -1;
  }
  run *root = root_of((run *)op);
  Py_XSETREF(root->trace, Py_NewRef(list));
  return 0;
}

static PyMethodDef run_methods[] = {
    {"drive", run_drive, METH_NOARGS, "drive($self, /)\n--\n\nGo on to the end; its value, or its failure is raised."},
    {"settle", run_settle, METH_NOARGS, "settle($self, /)\n--\n\nGo on to the end of a branch, which its root tells."},
    {"next", run_next, METH_NOARGS, "next($self, /)\n--\n\nWhat the driver has to do, or None at the end."},
    {"perform", run_perform, METH_NOARGS, "perform($self, /)\n--\n\nDo that."},
    {"answer", run_answer, METH_O, "answer($self, error, /)\n--\n\nTell how that went, instead."},
    {"branches", run_branches, METH_NOARGS, "branches($self, /)\n--\n\nThe runs to be driven now."},
    {"holds", run_holds, METH_NOARGS, "holds($self, /)\n--\n\nGo on to the end: whether its value is true."},
    {"result", run_result, METH_NOARGS, "result($self, /)\n--\n\nThe value of a run that ended, or its failure is raised."},
    {"cancel", run_cancel, METH_NOARGS, "cancel($self, /)\n--\n\nEnd at the next step."},
    {0},
};

static PyMemberDef run_members[] = {
    {"program", T_OBJECT, offsetof(run, program), READONLY, "What it is a run of."},
    {"ended", T_BOOL, offsetof(run, ended), READONLY, "Whether it has ended."},
    {0},
};

static PyGetSetDef run_getset[] = {
    {"loops", run_loops, NULL, "The iterations that were made.", NULL},
    {"trace", NULL, run_set_trace, "A list that is told what is read.", NULL},
    {0},
};

static PyType_Slot run_slots[] = {
    {Py_tp_doc, "A run of a workflow; a program starts it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, run_dealloc},
    {Py_tp_traverse, run_traverse},
    {Py_tp_clear, run_clear},
    {Py_tp_methods, run_methods},
    {Py_tp_members, run_members},
    {Py_tp_getset, run_getset},
    {0, NULL},
};

PyType_Spec run_spec = {
    .name = "theus._kernel.FluxRun",
    .basicsize = sizeof(run),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = run_slots,
};
