// drive.c: carries a workflow out. The kernel says what comes next, this file does it and comes back:
//
//   next ── READ ──> reads, and asks again      perform ── RUN ──> the process, as any other call
//     └── RUN, SLEEP, FORK, or the end                └── SLEEP, FORK
//
// Whoever wants to run the processes in another way, such as awaiting them, calls next and answers.
//
// Ownership rules
//   What a process raised is filed with the root of the run; the kernel knows it by its token. What
//   the kernel lent is freed when the action was carried out.
// Reference count assumptions: the caller owns the run for the whole call; the run owns its program,
// and that its engine and processes.
//
// Calls that run Python code: processes, reading, sleeping (signal handlers), every release.
#include "flux.h"

#include <errno.h>
#include <time.h>

#define SLICE 0.02 // seconds of sleep between two looks at signals
#define ROUNDS 100 // evaluations in a row before other threads have a turn
#define SWEEP 16   // exceptions that are kept before those that were caught are looked for

// ---- failures -----------------------------------------------------------------------------------

// New: the class of an exception and its bases, one a line. A heap type's name has no module.
static PyObject *classes_of(PyObject *error) {
  PyObject *mro = Py_NewRef(Py_TYPE(error)->tp_mro), *text = NULL;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
    const char *name = ((PyTypeObject *)PyTuple_GET_ITEM(mro, i))->tp_name;
    const char *dot = strrchr(name, '.');
    name = dot == NULL ? name : dot + 1;
    PyObject *more = text == NULL ? PyUnicode_FromString(name) : PyUnicode_FromFormat("%U\n%s", text, name);
    Py_XSETREF(text, more);
    if (text == NULL)
      break;
  }
  Py_DECREF(mro);
  return text;
}

// Whether no catch and no retry may stop it. 1, 0, -1.
static int is_final(state *st, PyObject *error) {
  static const char *const names[] = {"AuditInterlockError", "FluxLimitError", "FluxCancelledError",
                                      "EngineClosedError", "KernelPanic", "ForkedKernelError"};
  if (!PyErr_GivenExceptionMatches(error, PyExc_Exception))
    return 1;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
    PyObject *type = errors_class(st, names[i]);
    int yes = type == NULL ? -1 : PyErr_GivenExceptionMatches(error, type);
    Py_XDECREF(type);
    if (yes != 0)
      return yes;
  }
  return 0;
}

PyObject *drive_failure(run *r, PyObject *error, uint64_t *token, bool *abort) {
  run *root = root_of(r);
  PyObject *classes = classes_of(error);
  int final = classes == NULL ? -1 : is_final(r->program->engine->st, error);
  PyObject *number = PyLong_FromUnsignedLongLong(*token = ++root->tokens);
  if (final < 0 || number == NULL || (root->errors == NULL && (root->errors = PyDict_New()) == NULL) ||
      PyDict_SetItem(root->errors, number, error) < 0)
    Py_CLEAR(classes);
  Py_XDECREF(number);
  *abort = final > 0;
  Py_DECREF(error);
  return classes;
}

int drive_answer(run *r, PyObject *error) {
  bool abort = false;
  PyObject *old = r->failed;
  r->failed = NULL;
  Py_XDECREF(old);
  r->answer.failed = (theus_str){0};
  if (error == NULL)
    return 0;
  Py_ssize_t n;
  r->failed = drive_failure(r, error, &r->answer.token, &abort);
  r->answer.failed.data = r->failed == NULL ? NULL : PyUnicode_AsUTF8AndSize(r->failed, &n);
  if (r->answer.failed.data == NULL)
    return -1;
  r->answer.failed.len = (size_t)n;
  r->answer.abort = abort;
  return 0;
}

// Something that no step may catch, and that the caller gets in the end. The run ends with its next
// step, and what stands under finally runs. Steals error.
static int interrupt(run *r, PyObject *error) {
  run *root = root_of(r);
  theus_error err = {0};
  PyObject *old = root->interrupt;
  root->interrupt = error;
  Py_XDECREF(old);
  engine *e = r->program->engine;
  if (engine_usable(e) < 0) {
    PyErr_Clear(); // the run is over: the step says so
    return 0;
  }
  theus_status status = e->api->flux_cancel(root->handle, &err);
  if (status != THEUS_OK)
    e->api->error_release(&err); // the same
  return 0;
}

// ---- reading ------------------------------------------------------------------------------------

static theus_flux_value *values_for(run *r, size_t n) {
  if (n > r->n_values) {
    theus_flux_value *grown = PyMem_Realloc(r->values, n * sizeof(theus_flux_value));
    if (grown == NULL)
      return (theus_flux_value *)PyErr_NoMemory();
    r->values = grown;
    r->n_values = n;
  }
  return r->values;
}

// Borrowed: how to get at a need that has a number.
static const reader *numbered(program *p, uint32_t number) {
  if (p->readers[number] == NULL) {
    engine *e = p->engine;
    theus_flux_need need = {0};
    theus_storage storage = NULL;
    theus_error err = {0};
    theus_status status = e->api->flux_need_of(p->handle, number, &need, &storage, &err);
    if (status != THEUS_OK)
      return engine_raise(e, status, &err);
    p->readers[number] = reader_new(&need);
    e->api->flux_free(&storage);
  }
  return p->readers[number];
}

// Tells whoever follows a run what is read: (what, ((is an attribute, key), ...), key of HAS).
static int note_read(PyObject *lines, const reader *how) {
  static const char *const words[] = {[THEUS_FLUX_GET] = "get", [THEUS_FLUX_ITEMS] = "items", [THEUS_FLUX_HAS] = "has"};
  PyObject *path = PyTuple_New((Py_ssize_t)how->n);
  for (size_t i = 0; path != NULL && i < how->n; i++) {
    PyObject *step = Py_BuildValue("(iO)", how->steps[i].attribute, how->steps[i].key);
    if (step == NULL)
      Py_CLEAR(path);
    else
      PyTuple_SET_ITEM(path, (Py_ssize_t)i, step);
  }
  PyObject *line = path == NULL ? NULL
                                : Py_BuildValue("(sOO)", words[how->what], path,
                                                how->key == NULL ? Py_None : how->key);
  int failed = line == NULL ? -1 : PyList_Append(lines, line);
  Py_XDECREF(line);
  Py_XDECREF(path);
  return failed;
}

// New: the list of one action's readings, filed with its depth.
static PyObject *note_action(run *r) {
  PyObject *lines = PyList_New(0), *entry = NULL;
  if (lines != NULL)
    entry = Py_BuildValue("(IO)", r->next.depth, lines);
  if (entry == NULL || PyList_Append(root_of(r)->trace, entry) < 0)
    Py_CLEAR(lines);
  Py_XDECREF(entry);
  return lines;
}

// Fills the readings of the next answer. 0; -1 with what is no failure of the run.
static int read_all(run *r, look *l) {
  const theus_flux_action *a = &r->next;
  theus_flux_value *values = values_for(r, a->n_needs);
  PyObject *lines = NULL;
  int failed = values == NULL || (root_of(r)->trace != NULL && (lines = note_action(r)) == NULL) ? -1 : 0;
  for (uint32_t i = 0; !failed && i < a->n_needs; i++) {
    reader *made = a->needs == NULL ? NULL : reader_new(&a->needs[i]);
    const reader *how = a->needs == NULL ? numbered(r->program, a->first + i) : made;
    failed = how == NULL ? -1 : 0;
    if (!failed && lines != NULL)
      failed = note_read(lines, how);
    if (!failed)
      failed = read_one(l, how, &values[i]);
    reader_free(made);
  }
  Py_XDECREF(lines);
  r->answer.readings = failed ? NULL : values;
  r->answer.n_readings = failed ? 0 : a->n_needs;
  return failed;
}

// ---- steps --------------------------------------------------------------------------------------

void drive_release(run *r) {
  engine *e = r->program->engine;
  for (size_t i = 0; i < r->next.n_branches; i++) // nobody took them over
    e->api->flux_release(r->next.branches[i]);
  r->next.n_branches = 0;
  if (r->next.storage != NULL)
    e->api->flux_free(&r->next.storage);
}

// Hands the answer in and takes the next action. 0, -1.
static int step(run *r) {
  engine *e = r->program->engine;
  theus_error err = {0};
  drive_release(r);
  if (engine_usable(e) < 0)
    return -1;
  theus_status status = e->api->flux_step(r->handle, &r->answer, &r->next, &err);
  if (status != THEUS_OK) {
    r->next = (theus_flux_action){0};
    engine_raise(e, status, &err);
    return -1;
  }
  r->answer.readings = NULL;
  r->answer.n_readings = 0;
  r->answer.abort = 0;
  r->answer.turns = 0;
  r->answer.failed.len = 0;
  if (r->held != NULL || r->failed != NULL) {
    PyObject *held = r->held, *failed = r->failed;
    r->held = r->failed = NULL;
    Py_XDECREF(held);
    Py_XDECREF(failed);
  }
  return 0;
}

// Lets go of the exceptions that were caught. 0, -1.
static int sweep(run *r) {
  engine *e = r->program->engine;
  PyObject *numbers = PySequence_List(r->errors);
  for (Py_ssize_t i = 0; numbers != NULL && i < PyList_GET_SIZE(numbers); i++) {
    PyObject *number = PyList_GET_ITEM(numbers, i);
    uint32_t holds = 1;
    theus_error err = {0};
    if (e->api->flux_holds(r->handle, PyLong_AsUnsignedLongLong(number), &holds, &err) != THEUS_OK)
      e->api->error_release(&err); // the next step says why
    else if (!holds && PyDict_DelItem(r->errors, number) < 0)
      Py_CLEAR(numbers);
  }
  Py_XDECREF(numbers);
  return numbers == NULL ? -1 : 0;
}

// Between two evaluations: signals are looked at, and now and then other threads have a turn. 0, -1.
static int breathe(unsigned *rounds) {
  if (++*rounds % ROUNDS == 0) {
    Py_BEGIN_ALLOW_THREADS
    Py_END_ALLOW_THREADS
  }
  return *rounds > 1 ? PyErr_CheckSignals() : 0;
}

int drive_next(run *r) {
  look l = {.run = r};
  unsigned rounds = 0;
  int failed = 0;
  if (r->ended || (r->begun && r->next.kind != 0 && r->next.kind != THEUS_FLUX_READ))
    return 0;
  r->begun = true;
  for (;;) {
    failed = step(r);
    if (failed || r->next.kind != THEUS_FLUX_READ)
      break;
    if ((r->next.fresh && (look_end(&l) < 0 || breathe(&rounds) < 0)) || read_all(r, &l) < 0) {
      (void)look_end(&l); // keeps what is raised
      interrupt(r, errors_take());
    }
  }
  if (look_end(&l) < 0) {
    if (failed)
      return -1;
    interrupt(r, errors_take()); // what was read may not be used
    if (r->next.kind < THEUS_FLUX_DONE) {
      r->next.kind = 0;
      return drive_next(r);
    }
  }
  r->ended = !failed && r->next.kind >= THEUS_FLUX_DONE;
  if (!failed && r->next.kind == THEUS_FLUX_RUN && r->errors != NULL && PyDict_GET_SIZE(r->errors) >= SWEEP)
    failed = sweep(r);
  return failed;
}

// ---- carrying out -------------------------------------------------------------------------------

// The arguments of the step, and those of the workflow that the process takes.
int drive_kwargs(run *r, PyObject **kwargs) {
  const theus_flux_action *a = &r->next;
  PyObject *given = PyList_GET_ITEM(root_of(r)->extra, (Py_ssize_t)a->process); // borrowed
  *kwargs = given == Py_None ? PyDict_New() : PyDict_Copy(given);
  look l = {.run = r};
  for (size_t i = 0; *kwargs != NULL && i < a->n_args; i++) {
    PyObject *name = PyUnicode_DecodeUTF8(a->args[i].name.data, (Py_ssize_t)a->args[i].name.len, "strict");
    PyObject *value = name == NULL ? NULL : read_back(&l, &a->args[i].value);
    if (value == NULL || PyDict_SetItem(*kwargs, name, value) < 0)
      Py_CLEAR(*kwargs);
    Py_XDECREF(value);
    Py_XDECREF(name);
  }
  if (look_end(&l) < 0)
    Py_CLEAR(*kwargs);
  return *kwargs == NULL ? -1 : 0;
}

// New: what a process returned; NULL with its exception.
static PyObject *execute(run *r) {
  program *p = r->program;
  process *what = p->running[r->next.process];
  if (r->next.n_args == 0 && PyList_GET_ITEM(root_of(r)->extra, (Py_ssize_t)r->next.process) == Py_None)
    return driver_execute(p->engine, what, NULL, NULL);
  PyObject *kwargs, *result = NULL;
  if (drive_kwargs(r, &kwargs) < 0)
    return NULL;
  PyObject *names = PySequence_Tuple(kwargs), *values = names == NULL ? NULL : PyDict_Values(kwargs);
  if (values != NULL)
    result = driver_execute(p->engine, what, ((PyListObject *)values)->ob_item, names);
  Py_XDECREF(values);
  Py_XDECREF(names);
  Py_DECREF(kwargs);
  return result;
}

// Reads what comes after a process, if that is certain and takes no transaction: it saves a step.
static int read_ahead(run *r) {
  look l = {.run = r};
  if (r->next.needs != NULL || root_of(r)->trace != NULL)
    return 0;
  for (uint32_t i = 0; i < r->next.n_needs; i++) {
    const reader *how = numbered(r->program, r->next.first + i);
    if (how == NULL)
      return -1;
    if (!how->direct)
      return 0;
  }
  int failed = read_all(r, &l);
  return look_end(&l) < 0 ? -1 : failed;
}

// Runs the process once, and reads what comes after it. 1: it succeeded, 0: it failed, -1.
static int perform_once(run *r) {
  r->answer.n_readings = 0;
  PyObject *result = execute(r);
  if (result == NULL)
    return drive_answer(r, errors_take());
  Py_DECREF(result);
  return r->next.n_needs > 0 && read_ahead(r) < 0 ? -1 : 1;
}

// Whether the kernel lets the loop go round again, by what was read last.
static bool again(const run *r) {
  const theus_flux_action *a = &r->next;
  const theus_flux_value *v = r->answer.readings;
  if (a->repeat == 0 || r->answer.n_readings != 1 || r->answer.turns >= a->times)
    return false;
  if (a->repeat == THEUS_FLUX_IS_TRUE)
    return v->kind == THEUS_FLUX_BOOL && v->number != 0;
  if (v->kind != THEUS_FLUX_INT || (v->flags & THEUS_FLUX_BIG))
    return false;
  switch (a->repeat) {
  case THEUS_FLUX_LESS:
    return v->number < a->bound;
  case THEUS_FLUX_LESS_EQUAL:
    return v->number <= a->bound;
  case THEUS_FLUX_GREATER:
    return v->number > a->bound;
  case THEUS_FLUX_GREATER_EQUAL:
    return v->number >= a->bound;
  case THEUS_FLUX_EQUAL:
    return v->number == a->bound;
  case THEUS_FLUX_NOT_EQUAL:
    return v->number != a->bound;
  default:
    return false;
  }
}

static int perform_run(run *r, bool alone) {
  int ran = perform_once(r);
  while (ran > 0 && !alone && again(r) && !root_of(r)->cancelled) {
    if (PyErr_CheckSignals() < 0)
      return -1;
    r->answer.turns++;
    ran = perform_once(r);
  }
  return ran < 0 ? -1 : 0;
}

// Sleeps without the GIL, in slices: a signal, or cancelling, ends it. 0, -1 with what a handler
// raised.
static int perform_sleep(run *r) {
  double left = r->next.seconds;
  if (clock_skip(left))
    return PyErr_CheckSignals();
  do {
    double slice = left < SLICE ? left : SLICE;
    struct timespec t = {.tv_nsec = (long)(slice * 1e9)};
    Py_BEGIN_ALLOW_THREADS
    (void)nanosleep(&t, NULL); // woken by a signal: it is looked at next
    Py_END_ALLOW_THREADS
    left -= slice;
    if (PyErr_CheckSignals() < 0)
      return -1;
  } while (left > 0 && !root_of(r)->cancelled);
  return 0;
}

PyObject *drive_branches(run *r) {
  engine *e = r->program->engine;
  PyObject *branches = PyList_New(0);
  for (size_t i = 0; branches != NULL && i < r->next.n_branches; i++) {
    run *b = PyObject_GC_New(run, e->st->run_type);
    if (b == NULL) {
      Py_CLEAR(branches);
      break;
    }
    memset((char *)b + sizeof(PyObject), 0, sizeof(run) - sizeof(PyObject));
    b->program = (program *)Py_NewRef((PyObject *)r->program);
    b->root = (run *)Py_NewRef((PyObject *)root_of(r));
    b->handle = r->next.branches[i];
    ((theus_flux *)r->next.branches)[i] = 0; // it is the branch's from now on
    PyObject_GC_Track((PyObject *)b);
    if (PyList_Append(branches, (PyObject *)b) < 0)
      Py_CLEAR(branches);
    Py_DECREF((PyObject *)b);
  }
  return branches;
}

// The engine drives the branches, as it sees fit.
static int perform_fork(run *r) {
  PyObject *branches = drive_branches(r), *e = (PyObject *)r->program->engine;
  PyObject *done = branches == NULL ? NULL : PyObject_CallMethod(e, "_flux_fork", "O", branches);
  Py_XDECREF(branches);
  Py_XDECREF(done);
  return done == NULL ? -1 : 0;
}

int drive_perform(run *r, bool alone) {
  int failed = 0;
  switch (r->next.kind) {
  case THEUS_FLUX_RUN:
    failed = perform_run(r, alone);
    break;
  case THEUS_FLUX_SLEEP:
    failed = perform_sleep(r);
    break;
  case THEUS_FLUX_FORK:
    failed = perform_fork(r);
    break;
  default:
    return 0;
  }
  if (!failed)
    failed = PyErr_CheckSignals();
  r->next.kind = 0; // it was carried out
  return failed ? interrupt(r, errors_take()) : 0;
}

// ---- the end ------------------------------------------------------------------------------------

static PyObject *value_of(run *r, const theus_flux_value *value) {
  look l = {.run = r};
  PyObject *made = read_back(&l, value);
  if (look_end(&l) < 0)
    Py_CLEAR(made);
  return made;
}

// New: the exception that the kernel's failure stands for.
static PyObject *failure_of(run *r) {
  const theus_flux_action *a = &r->next;
  run *root = root_of(r);
  PyObject *number = PyLong_FromUnsignedLongLong(a->token), *known = NULL;
  if (number != NULL && a->token > 0 && root->errors != NULL)
    known = Py_XNewRef(PyDict_GetItemWithError(root->errors, number));
  Py_XDECREF(number);
  if (known != NULL || PyErr_Occurred())
    return known;
  PyObject *module = PyImport_ImportModule("theus._flux");
  PyObject *error = module == NULL ? NULL
                                   : PyObject_CallMethod(module, "failure", "s#s#", a->failed.data,
                                                         (Py_ssize_t)a->failed.len, a->text.data,
                                                         (Py_ssize_t)a->text.len);
  Py_XDECREF(module);
  return error;
}

// Tells where in the workflow an exception comes from, and in which condition.
static int note_place(run *r, PyObject *error) {
  const theus_flux_action *a = &r->next;
  if (r->noted || a->place.len == 0)
    return 0;
  r->noted = true;
  bool host = a->token > 0 && a->text.len > 0;
  PyObject *place = PyUnicode_DecodeUTF8(a->place.data, (Py_ssize_t)a->place.len, "replace");
  PyObject *text = !host ? PyUnicode_FromString("")
                         : PyUnicode_DecodeUTF8(a->text.data, (Py_ssize_t)a->text.len, "replace");
  PyObject *note = place == NULL || text == NULL ? NULL
                                                 : PyUnicode_FromFormat("in the workflow, at %U%U", place, text);
  PyObject *done = note == NULL ? NULL : PyObject_CallMethod(error, "add_note", "O", note);
  Py_XDECREF(note);
  Py_XDECREF(text);
  Py_XDECREF(place);
  Py_XDECREF(done);
  return done == NULL ? -1 : 0;
}

PyObject *drive_result(run *r) {
  run *root = root_of(r);
  if (root->interrupt != NULL) {
    errors_put(Py_NewRef(root->interrupt));
    return NULL;
  }
  if (r->next.kind == THEUS_FLUX_DONE)
    return value_of(r, &r->next.value);
  PyObject *error = failure_of(r);
  if (error == NULL)
    return NULL;
  if (note_place(r, error) < 0) {
    Py_DECREF(error);
    return NULL;
  }
  errors_put(error);
  return NULL;
}
