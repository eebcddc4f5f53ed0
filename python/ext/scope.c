// scope.c: one run of one process, from begin to its end. The kernel drives: it hands out the next
// action, this file carries it out and comes back.
//
//   begin ── RUN ──> the process runs ──> finish ── COMMIT / APPLY / KEEP / DROP / DONE
//                                            ├── AGAIN: it lost against a commit, see reads.c
//                                            └── WAIT: somebody stands in the way, see turn.c
//
// Several top-level runs go on at once, each on a core of its own. A run that is begun inside another
// one is a savepoint of it: inside means in the same thread or, for what may be suspended (async
// processes, edit() in an event loop), in the same task. Tasks are told apart by their context.
//
// Under a lease (theus.h) the first crossing is saved: the scope has no handle until something
// needs one, and the whole run is reported at its end.
//
// Ownership rules
//   scope_begin   new; its core borrows it until scope_finish.
//   scope_finish  steals the result, gives a new one; the scope is stale afterwards but stays
//                 owned by the caller and by views that outlived the run.
// Reference count assumptions: while a scope runs it owns its engine and process, so neither can
// go away under user code; both are released last.
//
// Calls that run Python code: the rules of the output gate, settling and applying, listeners, every
// release of a value, other threads where it waits.
#include "ext.h"

#define MAX_FREE_SCOPES 8
#define MAX_SPARE_CORES 8

// ---- whose transaction it is ----------------------------------------------------------------------

// Borrowed: the context of the running task, or of the thread outside of any; NULL if it has none yet.
static PyObject *context_here(void) { return PyThreadState_Get()->context; }

// The transaction that is going on here, in this thread or task; NULL if there is none.
static core *core_here(engine *e) {
  unsigned long me = PyThread_get_thread_ident();
  for (core *c = e->threads; c != NULL; c = c->next)
    if (c->owner == me)
      return c;
  if (e->tasks == NULL)
    return NULL;
  PyObject *found = NULL;
  if (PyContextVar_Get(e->st->task, NULL, &found) < 0) {
    PyErr_Clear(); // no memory for the lookup: as if there were none
    return NULL;
  }
  core *mine = NULL;
  for (scope *s = (scope *)found; s != NULL && mine == NULL; s = s->enclosing)
    if (s->core != NULL && s->engine == e && s->task == context_here())
      mine = s->core;
  Py_XDECREF(found);
  return mine;
}

bool scope_is_outside(engine *e) {
  return e->clock != APPLYING && (e->n_running == 0 || core_here(e) == NULL);
}

bool scope_is_here(scope *s) {
  core *c = s->core;
  if (c == NULL || c->innermost != s || s->ending)
    return false;
  return s->task != NULL ? s->task == context_here() : c->owner == PyThread_get_thread_ident();
}

// Makes the scope that of the running task. 0, -1.
static int enter_task(scope *s) {
  PyObject *before = NULL;
  if (PyContextVar_Get(s->st->task, NULL, &before) < 0)
    return -1;
  s->token = PyContextVar_Set(s->st->task, (PyObject *)s);
  if (s->token == NULL) {
    Py_XDECREF(before);
    return -1;
  }
  s->enclosing = (scope *)before;
  s->task = Py_NewRef(context_here());
  return 0;
}

static void leave_task(scope *s) {
  PyObject *token = s->token;
  s->token = NULL;
  if (token != NULL && s->task == context_here() && PyContextVar_Reset(s->st->task, token) < 0)
    PyErr_Clear(); // it was set again meanwhile: a stale scope is passed over
  Py_XDECREF(token);
}

static void link_core(engine *e, core *c) {
  core **head = c->task ? &e->tasks : &e->threads;
  c->prev = NULL;
  c->next = *head;
  if (*head != NULL)
    (*head)->prev = c;
  *head = c;
  e->n_running++;
  e->n_urgent += c->urgent;
}

static void unlink_core(engine *e, core *c) {
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    *(c->task ? &e->tasks : &e->threads) = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
  c->prev = c->next = NULL;
  e->n_running--;
  e->n_urgent -= c->urgent;
}

// The core of an outermost scope becomes one that runs, and is none any more.
void scope_start(scope *s, engine *e, bool reader, bool task) {
  core *c = s->core;
  c->engine = e;
  c->proc = s->proc;
  c->task = task;
  c->owner = task ? 0 : PyThread_get_thread_ident();
  c->reader = reader;
  c->seen = e->version;
  c->now = &e->clock;
  link_core(e, c);
}

void scope_stop(core *c, engine *e) {
  unlink_core(e, c);
  c->engine = NULL;
  c->proc = NULL;
  turn_wake(e);
}

// New, or taken from what is kept.
static core *take_core(engine *e) {
  core *c = e->spare;
  if (c == NULL)
    return core_new();
  e->spare = c->next;
  e->n_spare--;
  c->next = NULL;
  return c;
}

static void put_core(engine *e, core *c) {
  if (e->n_spare == MAX_SPARE_CORES) {
    core_free(c);
    return;
  }
  c->next = e->spare;
  e->spare = c;
  e->n_spare++;
}

// ---- begin ----------------------------------------------------------------------------------------

static void *refuse(state *st, const char *format, PyObject *name) {
  PyObject *type = errors_class(st, "TransactionConflictError");
  if (type != NULL)
    PyErr_Format(type, format, name);
  Py_XDECREF(type);
  return NULL;
}

// Asks the kernel to begin. 1: *next is RUN, 0: it has to wait, -1. Keeps the GIL.
static int ask(engine *e, theus_process process, theus_tx outer, const theus_start *how,
               theus_action *next) {
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return -1;
  theus_status status = e->api->tx_begin(e->handle, process, outer, how, next, &err);
  if (status != THEUS_OK) {
    engine_raise(e, status, &err);
    return -1;
  }
  return next->kind == THEUS_RUN;
}

theus_tx scope_handle(scope *s) {
  theus_action next;
  if (s->handle == 0 && ask(s->engine, s->proc->id, 0, NULL, &next) > 0)
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

// What a scope begins with.
typedef struct {
  scope *outer; // borrowed: what goes on here, NULL at top level
  theus_tx handle;
  shape *root;
  bool reader;
} admission;

// Gets the kernel's word, or uses the lease it gave. 1, 0: it has to wait, -1. Runs no user code
// unless it fails.
static int admit(engine *e, process *p, PyObject *name, theus_start *how, admission *a) {
  if (engine_usable(e) < 0)
    return -1;
  core *c = core_here(e);
  a->outer = c == NULL ? NULL : c->innermost;
  a->handle = 0;
  if (a->outer == NULL && p != NULL && p->lease == e->leases && how->lost == 0) {
    a->root = p->root;
    a->reader = p->reader;
    return 1;
  }
  if (a->outer != NULL) {
    if (a->outer->ending)
      refuse(e->st, "process '%U' was started by code that runs while a transaction of the same "
                    "engine ends; start it afterwards", name);
    else if (a->outer->task != NULL && a->outer->task != context_here())
      refuse(e->st, "process '%U' was started while another task runs a process in the same "
                    "transaction; await that one first", name);
    else if (scope_handle(a->outer) != 0)
      c = NULL;
    if (c != NULL)
      return -1;
  }
  theus_action next;
  int run = ask(e, p == NULL ? 0 : p->id, a->outer == NULL ? 0 : a->outer->handle, how, &next);
  if (run <= 0)
    return run;
  a->handle = next.tx;
  a->reader = next.reader;
  a->root = shape_intern(e, &next.root);
  if (a->root != NULL && p != NULL && next.leased) {
    p->root = a->root;
    p->reader = next.reader;
    p->lease = e->leases;
  }
  return 1;
}

static int wait_and_admit(engine *e, process *p, PyObject *name, start how, admission *a) {
  theus_start asked = {.lost = how.lost};
  for (patience waited = {0};;) {
    int admitted = admit(e, p, name, &asked, a);
    if (admitted != 0)
      return admitted < 0 ? -1 : 0;
    if (asked.hasty || !(asked.hasty = turn_in_loop()))
      if (turn_wait(e, &waited, name) < 0)
        return -1;
  }
}

// Everything that may run user code (an allocation may collect) comes before the kernel is asked.
scope *scope_begin(engine *e, process *p, start how) {
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
  if (wait_and_admit(e, p, name, how, &a) < 0)
    goto unstarted;
  core *c = a.outer != NULL ? a.outer->core : take_core(e);
  if (a.root == NULL || c == NULL || (a.outer != NULL && core_savepoint(c) < 0)) {
    theus_error err = {0};
    theus_action next;
    if (a.handle != 0)
      (void)e->api->tx_finish(a.handle, THEUS_UNSTARTED, NULL, 0, NULL, &next, &err); // cannot fail
    e->api->error_release(&err);
    if (a.outer == NULL && c != NULL)
      put_core(e, c);
    goto unstarted;
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
  s->judged = how.judged;
  s->mark = c->n_log;
  s->views = NULL;
  s->root = a.root;
  memset(s->layers, 0, sizeof(s->layers));
  s->local = s->log = NULL;
  s->twins = NULL;
  s->models = NULL;
  s->notes = NULL;
  s->n_lent = 0;
  s->task = s->token = NULL;
  s->enclosing = NULL;
  c->innermost = s;
  if (a.outer == NULL) {
    c->writes = writes;
    writes = NULL;
    c->urgent = how.task && (p == NULL || how.lost >= THEUS_PATIENCE);
    scope_start(s, e, a.reader, how.task);
  }
  PyObject_GC_Track((PyObject *)s);
  Py_XDECREF(writes);
  if (how.task && enter_task(s) < 0) {
    scope_abandon(s);
    Py_CLEAR(s);
  }
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

// ---- end ------------------------------------------------------------------------------------------

static void drop_layers(scope *s) {
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

void scope_forget_layers(scope *s) {
  if (s->layers[0].name != NULL || s->models != NULL || s->n_lent > 0)
    drop_layers(s);
}

// From here to leave() no destructor runs: every view becomes stale, what dies is only queued.
static void retire(scope *s) {
  s->ending = true;
  core_enter(s->core);
  while (s->views != NULL)
    view_detach(s->views);
}

// The scope is over. Its core goes back to the engine or stays with the outer scope. What the run held
// is let go last: destructors may begin transactions of their own.
static void leave(scope *s) {
  engine *e = s->engine;
  scope *outer = s->outer;
  core *c = s->core;
  PyObject *dying[] = {s->local, s->log, s->task, (PyObject *)s->enclosing, (PyObject *)s->proc,
                       (PyObject *)e};
  leave_task(s);
  s->local = s->log = s->task = NULL;
  s->enclosing = NULL;
  s->engine = NULL;
  s->proc = NULL;
  s->outer = NULL;
  s->core = NULL;
  c->innermost = outer;
  if (outer != NULL) {
    core_exit(c);
  } else {
    scope_stop(c, e);
    if (c->busy > 1) { // ended by user code inside an operation: that one frees the core
      c->orphan = true;
      c->busy--;
    } else {
      core_clear(c);
      c->busy = 0;
      put_core(e, c);
    }
  }
  scope_forget_layers(s);
  schema_forget(s);
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

// Ends the kernel's transaction after a failure of our own.
static void give_up(scope *s, theus_outcome outcome) {
  theus_action next;
  theus_error err = {0};
  engine *e = s->engine;
  if (s->handle == 0) {
    // leased: the kernel never heard of this run
  } else if (engine_usable(e) == 0) {
    (void)e->api->tx_finish(s->handle, outcome, NULL, 0, NULL, &next, &err); // dropping cannot fail
    e->api->error_release(&err);
  } else {
    PyErr_Clear(); // closed or forked: the kernel has forgotten the transaction already
  }
  drop(s);
}

// Tells the kernel how the run ended, what it wrote and what it read, in one crossing; none if it is
// leased and wrote nothing, or lost.
static theus_status tell(scope *s, theus_outcome outcome, bool hasty, theus_action *next,
                         theus_error *err) {
  engine *e = s->engine;
  core *c = s->core;
  const theus_record *log = c->log + s->mark;
  size_t n = c->n_log - s->mark;
  theus_reads reads;
  if (s->handle == 0 && ((outcome == THEUS_RETURNED && n == 0) || c->lost)) {
    next->kind = outcome == THEUS_RETURNED ? THEUS_DONE : THEUS_DROP;
    return THEUS_OK;
  }
  reads_of(c, &reads);
  reads.hasty = hasty;
  if (s->handle != 0)
    return e->api->tx_finish(s->handle, outcome, log, n, &reads, next, err);
  theus_status status = e->api->tx_report(e->handle, s->proc->id, outcome, log, n, &reads, next, err);
  if (status == THEUS_OK && next->kind == THEUS_APPLY)
    s->handle = next->tx;
  return status;
}

// The same, as often as it takes: while somebody has priority, or a commit is carried out, nobody else
// commits. 0 and *status; -1 with an exception: nothing was told.
static int tell_in_turn(scope *s, theus_outcome outcome, theus_action *next, theus_status *status,
                        theus_error *err) {
  engine *e = s->engine;
  bool hasty = false;
  for (patience waited = {0};;) {
    if (engine_usable(e) < 0)
      return -1;
    bool free = e->clock != APPLYING || s->outer != NULL || outcome != THEUS_RETURNED;
    if (free)
      *status = tell(s, outcome, hasty, next, err);
    if (free && (*status != THEUS_OK || next->kind != THEUS_WAIT))
      return 0;
    if (e->clock != APPLYING && !hasty && (hasty = turn_in_loop()))
      continue;
    if (turn_wait(e, &waited, s->name) < 0)
      return -1;
  }
}

// A run that returned has passed its gates: what it stored holds no views, its rules are content.
// Replaces the result, or clears it with an exception set.
static void leave_well(scope *s, PyObject **result) {
  engine *e = s->engine;
  core *c = s->core;
  if (s->notes != NULL && schema_gate(s) < 0) {
    Py_CLEAR(*result);
    return;
  }
  scope_forget_layers(s); // ours: they must not count as views that survived
  if (c->live_views > 0)
    Py_SETREF(*result, plain(e->st, *result));
  if (*result != NULL && s->views != NULL && apply_settle(c, e->st) < 0)
    Py_CLEAR(*result);
  if (*result != NULL && s->proc != NULL && audit_concerns(e, s->proc, THEUS_GATE_OUTPUT) &&
      audit_gate(s, THEUS_GATE_OUTPUT, NULL, NULL) < 0)
    Py_CLEAR(*result);
}

bool scope_is_quiet(const scope *s) {
  const core *c = s->core;
  const engine *e = s->engine;
  return s->handle == 0 && s->outer == NULL && s->task == NULL && c->n_log == 0 && !c->lost &&
         e->clock != APPLYING && !audit_concerns(s->engine, s->proc, THEUS_GATE_OUTPUT) &&
         engine_works(e);
}

static PyObject *finish(scope *s, PyObject *result, theus_outcome outcome);

void scope_tell(engine *e) {
  if (e->unheard)
    audit_tell(e);
  if (e->commits != NULL && PyList_GET_SIZE(e->commits) > 0)
    publish_announce(e);
}

PyObject *scope_finish(scope *s, PyObject *result, theus_outcome outcome) {
  core *c = s->core;
  if (result == NULL || outcome != THEUS_RETURNED || c->innermost != s || c->lost)
    return finish(s, result, outcome);
  s->ending = true;
  scope_forget_layers(s);
  if (c->live_views > 0 || s->views != NULL || !scope_is_quiet(s))
    return finish(s, result, outcome);
  engine *e = (engine *)Py_NewRef((PyObject *)s->engine);
  retire(s);
  leave(s);
  scope_tell(e);
  Py_DECREF((PyObject *)e);
  return result;
}

// The whole way.
static PyObject *finish(scope *s, PyObject *result, theus_outcome outcome) {
  engine *e = (engine *)Py_NewRef((PyObject *)s->engine);
  core *c = s->core;
  PyObject *name = Py_NewRef(s->name);
  PyObject *error = result == NULL ? errors_take() : NULL;
  theus_action next = {0};
  theus_error err = {0};
  journal *before = NULL;
  bool outermost = s->outer == NULL;
  s->ending = true;
  while (c->innermost != s) // edit blocks that were opened inside and never left
    scope_abandon(c->innermost);
  if (result != NULL && !c->lost)
    leave_well(s, &result);
  if (result != NULL && c->lost && core_catch_up(c) < 0) // the process let that exception not pass
    Py_CLEAR(result);
  if (result == NULL && outcome == THEUS_RETURNED)
    outcome = THEUS_REFUSED; // what it returned or stored cannot leave the run
  if (result == NULL && error == NULL)
    error = errors_take();
  if (c->lost) {
    outcome = THEUS_INTERRUPTED; // whatever the process made of it
    if (outermost)
      Py_CLEAR(error);
  }
  retire(s);
  theus_status status = THEUS_CLOSED;
  int told = tell_in_turn(s, outcome, &next, &status, &err);
  if (error != NULL)
    PyErr_Clear(); // closed or forked meanwhile: the process' own error says more
  else if (told == 0 && status != THEUS_OK)
    engine_raise(e, status, &err);
  bool failed = told < 0 || status != THEUS_OK, again = false;
  if (failed && error == NULL)
    error = errors_take();
  if (told < 0) {
    give_up(s, THEUS_INTERRUPTED);
  } else if (failed) {
    e->leases += status != THEUS_CONFLICT;
    e->api->error_release(&err);
    drop(s);
  } else if (next.kind == THEUS_COMMIT || next.kind == THEUS_APPLY) {
    failed = publish(s, &next, &before) < 0;
  } else if (next.kind == THEUS_KEEP) {
    failed = schema_keep(s) < 0 || core_keep(c) < 0;
    if (failed)
      drop(s);
  } else if (next.kind == THEUS_DROP || next.kind == THEUS_AGAIN) {
    again = next.kind == THEUS_AGAIN;
    drop(s);
  }
  if (failed && error == NULL)
    error = errors_take();
  if (c->lost && outermost && !failed) {
    again = c->verdict == NULL;
    error = Py_XNewRef(c->verdict);
    next.raise = THEUS_RAISE_AS_IS;
  }
  leave(s);
  apply_forget(before);
  if (again) {
    Py_CLEAR(error);
    Py_CLEAR(result);
  } else if (error != NULL && told == 0 && status == THEUS_OK && next.kind == THEUS_DROP)
    error = publish_error(e, name, next.raise, error);
  scope_tell(e);
  if (error != NULL) {
    Py_CLEAR(result);
    errors_put(error);
  }
  Py_DECREF(name);
  Py_DECREF((PyObject *)e);
  return result;
}

void scope_abandon(scope *s) {
  if (s->engine == NULL || s->ending)
    return;
  if (s->core->innermost != s) { // something runs inside it: that goes first
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
  Py_VISIT(s->task);
  Py_VISIT(s->token);
  Py_VISIT(s->enclosing);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(s->layers); i++)
    Py_VISIT(s->layers[i].view);
  for (unsigned i = 0; i < s->n_lent && i < MAX_LENT; i++) {
    Py_VISIT(s->lent[i].parent);
    Py_VISIT(s->lent[i].key);
  }
  Py_VISIT(s->local);
  Py_VISIT(s->log);
  Py_VISIT(s->models);
  if (s->notes != NULL) {
    int stop = schema_visit_notes(s, visit, arg);
    if (stop)
      return stop;
  }
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
  core *resting = s->core;
  scope_release(s->st, s);
  core_free(resting);
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
