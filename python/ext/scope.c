// scope.c: one run of one process, from begin to its end. The kernel drives: it hands out the next
// action, this file carries it out and comes back.
//
//   begin ── RUN ──> the process runs ──> finish ── COMMIT / APPLY / KEEP / DROP / DONE
//     └── WAIT: another transaction is in charge; try again when it has ended
//
// Under a lease (theus.h) the first crossing is saved: the scope has no handle until something
// needs one, and the whole run is reported at its end.
//
// Ownership rules
//   scope_begin   new; the engine borrows it as its current scope until scope_finish.
//   scope_finish  steals the result, gives a new one; the scope is stale afterwards but stays
//                 owned by the caller and by views that outlived the run.
// Reference count assumptions: while a scope runs it owns its engine and process, so neither can
// go away under user code; both are released last.
//
// Calls that run Python code: the rules of the output gate, settling and applying, listeners, every release of a value.
#include "ext.h"

#include <pthread.h>
#include <time.h>

#define WAIT_SLICE_MS 50
#define WAIT_LIMIT_S 30
#define MAX_FREE_SCOPES 8
#define MAX_STREAK 50

static pthread_mutex_t turn_mutex = PTHREAD_MUTEX_INITIALIZER; // guards nothing but the wait itself
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;

// Waits, without the GIL, until some transaction ended or a slice of time has passed. 0, or -1
// with the exception of a signal handler.
static int wait_turn(engine *e) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += WAIT_SLICE_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  e->waiters++;
  Py_BEGIN_ALLOW_THREADS
  pthread_mutex_lock(&turn_mutex);
  (void)pthread_cond_timedwait(&turn, &turn_mutex, &until); // woken, late or spurious: we look again
  pthread_mutex_unlock(&turn_mutex);
  Py_END_ALLOW_THREADS
  e->waiters--;
  return PyErr_CheckSignals();
}

static void wake_waiters(engine *e) {
  if (e->waiters == 0 || e->generation != loader_generation()) // a fork has no threads to wake
    return;
  pthread_mutex_lock(&turn_mutex);
  pthread_cond_broadcast(&turn);
  pthread_mutex_unlock(&turn_mutex);
}

// Asks the kernel to begin. 1: *next is RUN, 0: it has to wait, -1. Keeps the GIL.
static int ask(engine *e, theus_process process, theus_tx outer, theus_action *next) {
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return -1;
  theus_status status = e->api->tx_begin(e->handle, process, outer, next, &err);
  if (status != THEUS_OK) {
    engine_raise(e, status, &err);
    return -1;
  }
  return next->kind == THEUS_RUN;
}

static void *refuse(state *st, const char *format, PyObject *name) {
  PyObject *type = errors_class(st, "TransactionConflictError");
  if (type != NULL)
    PyErr_Format(type, format, name, WAIT_LIMIT_S);
  Py_XDECREF(type);
  return NULL;
}

theus_tx scope_handle(scope *s) {
  theus_action next;
  int run = s->handle != 0 ? 0 : ask(s->engine, s->proc->id, 0, &next);
  if (run > 0)
    s->handle = next.tx;
  else if (s->handle == 0 && run == 0) // the lease was broken: cannot be, see admit
    refuse(s->st, "process '%U' lost its turn", s->name);
  return s->handle;
}

static scope *scope_alloc(state *st) {
  scope *s = st->free_scopes;
  if (s == NULL)
    return PyObject_GC_New(scope, st->scope_type);
  st->free_scopes = s->outer;
  st->n_free_scopes--;
  (void)PyObject_Init((PyObject *)s, st->scope_type); // takes a reference to the heap type
  return s;
}

static void scope_release(state *st, scope *s) {
  if (st->n_free_scopes < MAX_FREE_SCOPES) {
    s->outer = st->free_scopes;
    st->free_scopes = s;
    st->n_free_scopes++;
  } else {
    PyObject_GC_Del(s);
  }
}

// What a scope begins with.
typedef struct {
  scope *outer; // borrowed: in charge of the engine now, NULL at top level
  theus_tx handle;
  shape *root;
} admission;

// Gets the kernel's word, or uses the lease it gave. 1, 0: not this thread's turn, -1. Runs no user
// code unless it fails.
static int admit(engine *e, process *p, PyObject *name, admission *a) {
  if (engine_usable(e) < 0)
    return -1;
  a->outer = e->current;
  a->handle = 0;
  // Not the kernel's to see: a leased run it never heard of, a commit that is still being applied.
  bool mine = e->owner == PyThread_get_thread_ident();
  if (a->outer != NULL && !mine)
    return 0;
  // Who has just ended is awake and would win every time: now and then the others go first.
  e->streak = a->outer == NULL && mine && e->waiters > 0 ? e->streak + 1 : 0;
  if (e->streak > MAX_STREAK) {
    e->streak = 0;
    return 0;
  }
  if (a->outer != NULL && a->outer->ending) {
    refuse(e->st, "process '%U' was started by code that runs while a transaction of the same "
                  "engine ends; start it afterwards", name);
    return -1;
  }
  if (a->outer == NULL && p != NULL && p->lease == e->leases) {
    a->root = p->root;
    return 1;
  }
  if (a->outer != NULL && scope_handle(a->outer) == 0)
    return -1;
  theus_action next;
  int run = ask(e, p == NULL ? 0 : p->id, a->outer == NULL ? 0 : a->outer->handle, &next);
  if (run <= 0)
    return run;
  a->handle = next.tx;
  a->root = shape_intern(e, &next.root);
  if (a->root != NULL && p != NULL && next.leased) {
    p->root = a->root;
    p->lease = e->leases;
  }
  return 1;
}

static double seconds(void) { return (double)clock_steady() * 1e-9; }

static int wait_and_admit(engine *e, process *p, PyObject *name, admission *a) {
  for (double since = 0;;) {
    int admitted = admit(e, p, name, a);
    if (admitted != 0)
      return admitted < 0 ? -1 : 0;
    since = since == 0 ? seconds() : since;
    if (seconds() - since >= WAIT_LIMIT_S) {
      refuse(e->st, "process '%U' waited %d s for another transaction of this engine to end; "
                    "keep slow work (network, sleep, joining threads) out of processes", name);
      return -1;
    }
    if (wait_turn(e) < 0)
      return -1;
  }
}

// Everything that may run user code (an allocation may collect) comes before the kernel is asked.
scope *scope_begin(engine *e, process *p) {
  state *st = e->st;
  if (engine_usable(e) < 0)
    return NULL;
  PyObject *name = p == NULL ? st->s_edit : p->name, *writes = NULL;
  scope *s = scope_alloc(st);
  if (s == NULL)
    return NULL;
  if (PyList_GET_SIZE(e->listeners) > 0 && (writes = PyList_New(0)) == NULL)
    goto unstarted;
  admission a = {0};
  if (wait_and_admit(e, p, name, &a) < 0)
    goto unstarted;
  core *c = a.outer != NULL ? a.outer->core : e->spare;
  if (a.root == NULL || (a.outer != NULL && core_savepoint(c) < 0) ||
      (c == NULL && (c = core_new()) == NULL)) {
    theus_error err = {0};
    theus_action next;
    if (a.handle != 0)
      (void)e->api->tx_finish(a.handle, THEUS_UNSTARTED, NULL, 0, &next, &err); // drops, cannot fail
    e->api->error_release(&err);
    goto unstarted;
  }
  if (a.outer == NULL) {
    e->spare = NULL;
    c->writes = writes;
    writes = NULL;
  }
  s->st = st;
  s->module = Py_NewRef(st->module);
  s->engine = (engine *)Py_NewRef((PyObject *)e);
  s->proc = (process *)Py_XNewRef((PyObject *)p);
  s->name = Py_NewRef(name);
  s->core = c;
  s->outer = (scope *)Py_XNewRef((PyObject *)a.outer);
  s->handle = a.handle;
  s->ending = s->doomed = false;
  s->mark = c->n_log;
  s->views = NULL;
  s->root = a.root;
  memset(s->layers, 0, sizeof(s->layers));
  s->local = s->log = NULL;
  s->twins = NULL;
  s->models = NULL;
  s->n_lent = 0;
  e->current = s;
  e->owner = PyThread_get_thread_ident();
  PyObject_GC_Track((PyObject *)s);
  Py_XDECREF(writes);
  return s;
unstarted:
  Py_XDECREF(writes);
  scope_release(st, s);
  Py_DECREF(st->scope_type);
  return NULL;
}

PyObject *scope_context(scope *s) {
  node *n = core_node(s->core, s->engine->ctx, KIND_OBJECT);
  return n == NULL ? NULL : view_new(s, n, s->root, NULL, NULL, 0, 0, false);
}

static void forget_layers(scope *s) {
  heavy_forget(s);
  Py_CLEAR(s->models);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(s->layers); i++) {
    PyObject *name = s->layers[i].name, *mine = (PyObject *)s->layers[i].view;
    s->layers[i].name = NULL;
    s->layers[i].view = NULL;
    Py_XDECREF(mine);
    Py_XDECREF(name);
  }
}

// From here to leave() no destructor runs: every view becomes stale, what dies is only queued.
static void retire(scope *s) {
  s->ending = true;
  core_enter(s->core);
  while (s->views != NULL)
    view_detach(s->views);
}

// The scope no longer is in charge. Its core goes back to the engine or stays with the outer scope.
// What the run held is let go last: destructors may begin transactions of their own.
static void leave(scope *s) {
  engine *e = s->engine;
  scope *outer = s->outer;
  core *c = s->core;
  PyObject *dying[] = {s->local, s->log, (PyObject *)s->proc, (PyObject *)e};
  s->local = s->log = NULL;
  s->engine = NULL;
  s->proc = NULL;
  s->outer = NULL;
  s->core = NULL;
  e->current = outer;
  if (outer != NULL) {
    core_exit(c);
  } else if (c->busy > 1) { // ended by user code inside an operation: that one frees the core
    c->orphan = true;
    c->busy--;
    wake_waiters(e);
  } else {
    wake_waiters(e);
    core_clear(c);
    c->busy = 0;
    if (e->spare == NULL)
      e->spare = c;
    else
      core_free(c);
  }
  forget_layers(s);
  if (outer != NULL && outer->doomed)
    scope_abandon(outer);
  Py_XDECREF((PyObject *)outer);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
}

static void drop(scope *s) {
  if (s->outer != NULL)
    core_rollback(s->core);
}

// Tells listeners about a commit that is visible. Their errors are reported, never raised: the
// commit stands.
static void announce(engine *e, uint64_t version, PyObject *name, PyObject *writes) {
  if (PyList_GET_SIZE(writes) == 0) // only signals are listened for, and it has none
    return;
  PyObject *commit = commit_new(e->st, version, name, writes);
  PyObject *listeners = commit == NULL ? NULL : PySequence_Tuple(e->listeners);
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
  Py_XDECREF(commit);
}

// Carries out COMMIT or APPLY. 0, or -1 with the error that stopped it and everything undone.
// *before is released by the caller, once the scope is no longer in charge.
static int publish(scope *s, theus_action *next, journal **before) {
  engine *e = s->engine;
  int failed = apply_all(s->core, e, before);
  PyObject *error = failed ? errors_take() : NULL;
  theus_error err = {0};
  theus_status status = THEUS_OK;
  uint64_t version = next->version;
  if (next->kind == THEUS_APPLY)
    status = e->api->tx_applied(s->handle, !failed, next, &err);
  else if (failed)
    status = e->api->tx_retract(e->handle, version, &err);
  if (error != NULL) {
    e->api->error_release(&err);
    errors_put(error);
    return -1;
  }
  if (status != THEUS_OK) {
    engine_raise(e, status, &err);
    return -1;
  }
  e->version = version;
  return 0;
}

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
static PyObject *surface(engine *e, PyObject *name, uint32_t how, PyObject *cause) {
  if (how != THEUS_RAISE_WRAPPED)
    return cause;
  PyObject *type = errors_class(e->st, "ContractViolationError");
  PyObject *text = type == NULL ? NULL : PyObject_Str(cause);
  if (text == NULL && type != NULL) {
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

// Ends the kernel's transaction after a failure of our own.
static void give_up(scope *s, theus_outcome outcome) {
  theus_action next;
  theus_error err = {0};
  engine *e = s->engine;
  if (s->handle == 0) {
    // leased: the kernel never heard of this run
  } else if (engine_usable(e) == 0) {
    (void)e->api->tx_finish(s->handle, outcome, NULL, 0, &next, &err); // dropping cannot fail
    e->api->error_release(&err);
  } else {
    PyErr_Clear(); // closed or forked: the kernel has forgotten the transaction already
  }
  drop(s);
}

// Tells the kernel how the run ended and what it wrote, in one crossing; none if it is leased,
// returned and wrote nothing.
static theus_status tell(scope *s, theus_outcome outcome, theus_action *next, theus_error *err) {
  engine *e = s->engine;
  const theus_record *log = s->core->log + s->mark;
  size_t n = s->core->n_log - s->mark;
  if (s->handle != 0)
    return e->api->tx_finish(s->handle, outcome, log, n, next, err);
  if (outcome == THEUS_RETURNED && n == 0) {
    next->kind = THEUS_DONE;
    return THEUS_OK;
  }
  theus_status status = e->api->tx_report(e->handle, s->proc->id, outcome, log, n, next, err);
  if (status == THEUS_OK && next->kind == THEUS_APPLY)
    s->handle = next->tx;
  return status;
}

PyObject *scope_finish(scope *s, PyObject *result, theus_outcome outcome) {
  engine *e = (engine *)Py_NewRef((PyObject *)s->engine);
  core *c = s->core;
  PyObject *name = Py_NewRef(s->name), *writes = NULL;
  PyObject *error = result == NULL ? errors_take() : NULL;
  theus_action next = {0};
  theus_error err = {0};
  uint64_t announced = 0;
  journal *before = NULL;
  s->ending = true;
  while (e->current != s) // edit blocks that were opened inside and never left
    scope_abandon(e->current);
  if (result != NULL) // ours: they must not count as views that survived
    forget_layers(s);
  if (result != NULL && c->live_views > 0)
    Py_SETREF(result, plain(e->st, result));
  if (result != NULL && s->views != NULL && apply_settle(c, e->st) < 0)
    Py_CLEAR(result);
  if (result != NULL && s->proc != NULL && audit_concerns(e, s->proc, THEUS_GATE_OUTPUT) &&
      audit_gate(s, THEUS_GATE_OUTPUT, NULL, NULL) < 0)
    Py_CLEAR(result);
  if (result == NULL && outcome == THEUS_RETURNED)
    outcome = THEUS_REFUSED; // what it returned or stored cannot leave the run
  if (result == NULL && error == NULL)
    error = errors_take();
  retire(s);
  theus_status status = THEUS_CLOSED;
  if (engine_usable(e) == 0)
    status = tell(s, outcome, &next, &err);
  if (error != NULL)
    PyErr_Clear(); // closed or forked meanwhile: the process' own error says more
  else if (status != THEUS_OK && !PyErr_Occurred())
    engine_raise(e, status, &err);
  bool failed = status != THEUS_OK;
  if (failed) {
    e->leases++;
    e->api->error_release(&err);
    drop(s);
  } else if (next.kind == THEUS_COMMIT || next.kind == THEUS_APPLY) {
    failed = publish(s, &next, &before) < 0;
    if (!failed && c->writes != NULL) {
      announced = e->version;
      writes = Py_NewRef(c->writes);
    }
  } else if (next.kind == THEUS_KEEP) {
    failed = core_keep(c) < 0;
    if (failed)
      drop(s);
  } else if (next.kind == THEUS_DROP) {
    drop(s);
  }
  if (failed && error == NULL)
    error = errors_take();
  leave(s);
  apply_forget(before);
  if (error != NULL && status == THEUS_OK && next.kind == THEUS_DROP)
    error = surface(e, name, next.raise, error);
  if (e->unheard)
    audit_tell(e);
  if (announced != 0)
    announce(e, announced, name, writes);
  if (error != NULL) {
    Py_CLEAR(result);
    errors_put(error);
  }
  Py_XDECREF(writes);
  Py_DECREF(name);
  Py_DECREF((PyObject *)e);
  return result;
}

void scope_abandon(scope *s) {
  if (s->engine == NULL || s->ending)
    return;
  if (s->engine->current != s) { // something runs inside it: that goes first
    s->doomed = true;
    return;
  }
  PyObject *error = errors_take();
  Py_INCREF((PyObject *)s); // destructors may drop what owns it
  retire(s);
  give_up(s, THEUS_INTERRUPTED);
  leave(s);
  Py_DECREF((PyObject *)s);
  if (error != NULL)
    errors_put(error);
}

// ---- type -----------------------------------------------------------------------------------------

static int scope_traverse(PyObject *op, visitproc visit, void *arg) {
  scope *s = (scope *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(s->module);
  Py_VISIT(s->engine);
  Py_VISIT(s->proc);
  Py_VISIT(s->outer);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(s->layers); i++)
    Py_VISIT(s->layers[i].view);
  for (unsigned i = 0; i < s->n_lent && i < MAX_LENT; i++) {
    Py_VISIT(s->lent[i].parent);
    Py_VISIT(s->lent[i].key);
  }
  Py_VISIT(s->local);
  Py_VISIT(s->log);
  Py_VISIT(s->models);
  // An edit block may be garbage, and reach itself through what is pending in it. A process is on
  // the stack of its thread: nothing it holds is garbage, so a large one is not walked for that.
  return s->core != NULL && s->outer == NULL && s->proc == NULL ? core_traverse(s->core, visit, arg)
                                                                : 0;
}

static void scope_dealloc(PyObject *op) {
  scope *s = (scope *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  assert(s->engine == NULL); // who began it has finished or abandoned it
  PyObject *name = s->name, *module = s->module;
  scope_release(s->st, s);
  Py_DECREF(name);
  Py_DECREF(type);
  Py_DECREF(module);
}

static PyObject *scope_new_refused(PyTypeObject *type, PyObject *args, PyObject *kw) {
  (void)type, (void)args, (void)kw;
  PyErr_SetString(PyExc_TypeError, "a Transaction cannot be created directly: the engine opens one "
                                   "for each process and for edit()");
  return NULL;
}

static PyType_Slot scope_slots[] = {
    {Py_tp_doc, "A running transaction; the engine opens it."},
    {Py_tp_new, scope_new_refused},
    {Py_tp_dealloc, scope_dealloc},
    {Py_tp_traverse, scope_traverse},
    {0, NULL},
};

PyType_Spec scope_spec = {
    .name = "theus._kernel.Transaction",
    .basicsize = sizeof(scope),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = scope_slots,
};
