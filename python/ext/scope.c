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
// Calls that run Python code: settling and applying, listeners, every release of a value.
#include "ext.h"

#include <pthread.h>
#include <time.h>

#define WAIT_SLICE_MS 50
#define WAIT_LIMIT_MS 30000
#define MAX_FREE_SCOPES 8

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
  if (e->waiters == 0)
    return;
  pthread_mutex_lock(&turn_mutex);
  pthread_cond_broadcast(&turn);
  pthread_mutex_unlock(&turn_mutex);
}

// Asks the kernel to begin until it is this thread's turn.
static int begin(engine *e, theus_process process, theus_tx outer, PyObject *name,
                 theus_action *next) {
  for (int waited = 0;; waited += WAIT_SLICE_MS) {
    theus_error err = {0};
    if (engine_usable(e) < 0)
      return -1;
    theus_status status = e->api->tx_begin(e->handle, process, outer, next, &err);
    if (status != THEUS_OK) {
      engine_raise(e, status, &err);
      return -1;
    }
    if (next->kind == THEUS_RUN)
      return 0;
    if (waited >= WAIT_LIMIT_MS) {
      PyObject *type = errors_class(e->st, "TransactionConflictError");
      if (type != NULL)
        PyErr_Format(type,
                     "process '%U' waited %d s for another transaction of this engine to end; "
                     "keep slow work (network, sleep, joining threads) out of processes",
                     name, WAIT_LIMIT_MS / 1000);
      Py_XDECREF(type);
      return -1;
    }
    if (wait_turn(e) < 0)
      return -1;
  }
}

theus_tx scope_handle(scope *s) {
  theus_action next;
  if (s->handle == 0 && begin(s->engine, s->proc->id, 0, s->name, &next) == 0)
    s->handle = next.tx;
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

// Gets the kernel's word, or uses the lease it gave. 0, or -1.
static int admit(engine *e, process *p, PyObject *name, scope *outer, theus_tx *handle, shape **root) {
  if (e->applying && e->owner == PyThread_get_thread_ident()) {
    PyObject *type = errors_class(e->st, "TransactionConflictError");
    if (type != NULL)
      PyErr_Format(type, "process '%U' was started by a setter or destructor while a commit of the "
                         "same engine is being applied; start it after the commit", name);
    Py_XDECREF(type);
    return -1;
  }
  if (p != NULL && e->current == NULL && p->lease == e->leases) {
    *handle = 0;
    *root = p->root;
    return engine_usable(e);
  }
  // A leased run, this thread's or another's, has to be known to the kernel before it is asked.
  if (e->current != NULL && scope_handle(e->current) == 0)
    return -1;
  theus_action next;
  if (begin(e, p == NULL ? 0 : p->id, outer == NULL ? 0 : outer->handle, name, &next) < 0)
    return -1;
  *handle = next.tx;
  *root = shape_intern(e, &next.root);
  if (*root != NULL && p != NULL && next.leased) {
    p->root = *root;
    p->lease = e->leases;
  }
  return 0;
}

scope *scope_begin(engine *e, process *p) {
  state *st = e->st;
  unsigned long thread = PyThread_get_thread_ident();
  scope *outer = e->current != NULL && e->owner == thread ? e->current : NULL;
  PyObject *name = p == NULL ? st->s_edit : p->name;
  theus_tx handle;
  shape *root;
  if (admit(e, p, name, outer, &handle, &root) < 0)
    return NULL;
  scope *s = root == NULL ? NULL : scope_alloc(st);
  core *c = outer != NULL ? outer->core : e->spare;
  bool ready = s != NULL;
  if (ready && outer != NULL)
    ready = core_savepoint(c) == 0;
  else if (ready && c == NULL)
    ready = (c = core_new()) != NULL;
  if (ready && outer == NULL)
    e->spare = NULL;
  if (ready && outer == NULL && PyList_GET_SIZE(e->listeners) > 0)
    ready = (c->writes = PyList_New(0)) != NULL;
  if (!ready) {
    theus_error err = {0};
    theus_action next;
    if (handle != 0)
      (void)e->api->tx_finish(handle, THEUS_UNSTARTED, NULL, 0, &next, &err); // drops, cannot fail
    e->api->error_release(&err);
    if (s != NULL) {
      scope_release(st, s);
      Py_DECREF(st->scope_type);
    }
    return NULL;
  }
  s->st = st;
  s->engine = (engine *)Py_NewRef((PyObject *)e);
  s->proc = (process *)Py_XNewRef((PyObject *)p);
  s->name = Py_NewRef(name);
  s->core = c;
  s->outer = (scope *)Py_XNewRef((PyObject *)outer);
  s->handle = handle;
  s->mark = c->n_log;
  s->views = NULL;
  s->root = root;
  memset(s->layers, 0, sizeof(s->layers));
  s->local = s->log = NULL;
  e->current = s;
  e->owner = thread;
  PyObject_GC_Track((PyObject *)s);
  return s;
}

PyObject *scope_context(scope *s) {
  node *n = core_node(s->core, s->engine->ctx, KIND_OBJECT);
  return n == NULL ? NULL : view_new(s, n, s->root, NULL, NULL, 0, 0, false);
}

static void forget_layers(scope *s) {
  for (size_t i = 0; i < Py_ARRAY_LENGTH(s->layers); i++) {
    PyObject *name = s->layers[i].name, *mine = (PyObject *)s->layers[i].view;
    s->layers[i].name = NULL;
    s->layers[i].view = NULL;
    Py_XDECREF(mine);
    Py_XDECREF(name);
  }
}

// Makes every view stale and lets go of what belongs to the run alone.
static void retire(scope *s) {
  forget_layers(s);
  PyObject *dying[] = {s->local, s->log};
  s->local = s->log = NULL;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
  while (s->views != NULL)
    view_detach(s->views);
}

// The scope no longer is in charge. Its core goes back to the engine or stays with the outer scope.
static void leave(scope *s) {
  engine *e = s->engine;
  process *p = s->proc;
  scope *outer = s->outer;
  core *c = s->core;
  s->engine = NULL;
  s->proc = NULL;
  s->outer = NULL;
  s->core = NULL;
  e->current = outer;
  if (outer == NULL) {
    wake_waiters(e);
    core_clear(c); // may run destructors, and these may begin a transaction of their own
    if (e->spare == NULL)
      e->spare = c;
    else
      core_free(c);
  }
  Py_XDECREF((PyObject *)outer);
  Py_XDECREF((PyObject *)p);
  Py_DECREF((PyObject *)e);
}

static void drop(scope *s) {
  if (s->outer != NULL)
    core_rollback(s->core);
}

// Tells listeners about a commit that is visible. Their errors are reported, never raised: the
// commit stands.
static void announce(engine *e, uint64_t version, PyObject *name, PyObject *writes) {
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
  e->applying = true;
  int failed = apply_all(s->core, e->st, before);
  e->applying = false;
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

// The kernel's last word on a run that raised: unchanged, or as an undeclared error.
static void surface(engine *e, PyObject *name, uint32_t how) {
  if (how != THEUS_RAISE_WRAPPED)
    return;
  PyObject *cause = errors_take();
  PyObject *type = errors_class(e->st, "ContractViolationError");
  PyObject *text = PyObject_Str(cause);
  if (text == NULL) {
    PyErr_Clear(); // an exception that cannot be printed is still reported by its type
    text = PyUnicode_FromString("<no text>");
  }
  PyObject *message = text == NULL ? NULL
                                   : PyUnicode_FromFormat("Undeclared Error Violation: Caught %s: %U",
                                                          Py_TYPE(cause)->tp_name, text);
  PyObject *args = message == NULL ? NULL : PyTuple_Pack(1, message);
  PyObject *kwargs = args == NULL ? NULL : Py_BuildValue("{sO}", "process", name);
  PyObject *error = type == NULL || kwargs == NULL ? NULL : PyObject_Call(type, args, kwargs);
  if (error != NULL) {
    PyException_SetCause(error, Py_NewRef(cause));
    PyException_SetContext(error, Py_NewRef(cause));
    errors_put(error);
  }
  Py_XDECREF(kwargs);
  Py_XDECREF(args);
  Py_XDECREF(message);
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_DECREF(cause);
}

// Ends the kernel's transaction after a failure of our own and keeps the exception that is set.
static void give_up(scope *s, theus_outcome outcome) {
  PyObject *error = errors_take();
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
  if (error != NULL)
    errors_put(error);
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
  PyObject *name = s->name, *writes = NULL;
  theus_action next = {0};
  theus_error err = {0};
  uint64_t announced = 0;
  journal *before = NULL;
  if (result != NULL) // ours: they must not count as views that survived
    forget_layers(s);
  if (result != NULL && c->live_views > 0)
    Py_SETREF(result, plain(e->st, result));
  if (result != NULL && s->views != NULL && apply_settle(c, e->st) < 0)
    Py_CLEAR(result);
  if (result == NULL && outcome == THEUS_RETURNED)
    outcome = THEUS_REFUSED; // what it returned or stored cannot leave the run
  PyObject *error = result == NULL ? errors_take() : NULL;
  retire(s);
  theus_status status = THEUS_CLOSED;
  if (engine_usable(e) == 0)
    status = tell(s, outcome, &next, &err);
  if (error != NULL) {
    PyErr_Clear(); // closed or forked meanwhile: the process' own error says more
    errors_put(error);
  } else if (status != THEUS_OK && !PyErr_Occurred()) {
    engine_raise(e, status, &err);
  }
  if (status != THEUS_OK) {
    e->leases++;
    e->api->error_release(&err);
    drop(s);
    Py_CLEAR(result);
  } else if (next.kind == THEUS_COMMIT || next.kind == THEUS_APPLY) {
    if (publish(s, &next, &before) < 0)
      Py_CLEAR(result);
    else if (c->writes != NULL)
      announced = e->version;
  } else if (next.kind == THEUS_KEEP) {
    if (core_keep(c) < 0) {
      drop(s);
      Py_CLEAR(result);
    }
  } else if (next.kind == THEUS_DROP) {
    drop(s);
    surface(e, name, next.raise);
  }
  if (announced != 0)
    writes = Py_XNewRef(c->writes);
  Py_INCREF(name);
  error = result == NULL ? errors_take() : NULL;
  leave(s);
  apply_forget(before);
  if (announced != 0 && writes != NULL)
    announce(e, announced, name, writes);
  if (error != NULL)
    errors_put(error);
  Py_XDECREF(writes);
  Py_DECREF(name);
  Py_DECREF((PyObject *)e);
  return result;
}

void scope_abandon(scope *s) {
  if (s->engine == NULL)
    return;
  retire(s);
  give_up(s, THEUS_INTERRUPTED);
  leave(s);
}

// ---- type -----------------------------------------------------------------------------------------

static int scope_traverse(PyObject *op, visitproc visit, void *arg) {
  scope *s = (scope *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(s->engine);
  Py_VISIT(s->proc);
  Py_VISIT(s->outer);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(s->layers); i++)
    Py_VISIT(s->layers[i].view);
  Py_VISIT(s->local);
  Py_VISIT(s->log);
  return 0;
}

static void scope_dealloc(PyObject *op) {
  scope *s = (scope *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  scope_abandon(s); // nothing to do unless the run was never finished
  PyObject *name = s->name;
  scope_release(s->st, s);
  Py_DECREF(name);
  Py_DECREF(type);
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
