// call.c: what a call of a process in training mode has besides the raw context: its own ctx.local and
// ctx.log.
//
// There is no view that could hold them, and the context is one object for all calls. So each thread
// keeps a stack of the calls that go on in it, and who asks a context for one of the two names
// (supplied.c) gets it from the innermost call that was handed this context:
//
//   innermost ──> call of "inner" ──> call of "outer" ──> NULL
//
// An awaited call does not fit on a stack: while it waits, others begin and end in its thread. It is
// an object of its own in a ContextVar, so it follows its task, and the tasks and threads that are
// given its context. Which of the two is the inner one? A call on the stack notes in which awaited
// call it began. If that is the one that its thread is in now, the call on the stack is inside it;
// if not, the awaited call came later, or belongs to another task that is run from within.
//
// A process has room for one call, which is all it takes where none runs inside itself or in several
// threads; further ones are allocated. None lies on the C stack: greenlets move that away under them,
// and end in any order.
//
// Ownership rules: a call owns local and log once they were asked for, and borrows the rest from its
// caller, who outlives it. What dies at its end dies when the call is off the stack.
//
// Calls that run Python code: making the two (imports, collections), their release.
#include "ext.h"

struct awaited {
  PyObject_HEAD
  state *st;
  raw_call call;
  uint64_t number;         // from 1
  awaited *enclosing;      // owned while it goes on: what its task awaited before
  PyObject *task, *token;  // owned while it goes on: the context in which it began
};

// Read and written by every call: the model of TLS that takes no function call, as the kernel itself does.
static _Thread_local raw_call *innermost __attribute__((tls_model("initial-exec")));

// ---- which call it is -----------------------------------------------------------------------------

// Borrowed from the running context: the awaited call whose task runs here, over or not; or NULL.
static awaited *awaited_here(state *st) {
  PyObject *found = NULL;
  if (PyContextVar_Get(st->awaiting, NULL, &found) < 0)
    PyErr_Clear(); // no memory for the lookup: as if there were none
  Py_XDECREF(found);
  return (awaited *)found;
}

// Borrowed: the innermost call that goes on here and was handed ctx; or NULL.
static raw_call *call_here(state *st, PyObject *ctx) {
  raw_call *c = innermost;
  while (c != NULL && c->ctx != ctx)
    c = c->outer;
  if (st->n_pending == 0)
    return c;
  for (awaited *a = awaited_here(st); a != NULL; a = a->enclosing) {
    if (c != NULL && c->within == a->number)
      break;
    if (a->call.ctx == ctx)
      return &a->call;
  }
  return c;
}

// ---- on the stack of a thread ----------------------------------------------------------------------

// New: room for a call of a process that goes on already, further out or in another thread.
static RARELY raw_call *another(process *p) {
  raw_call *c = PyMem_Calloc(1, sizeof(raw_call));
  if (c == NULL)
    return (raw_call *)PyErr_NoMemory();
  c->name = p->name;
  return c;
}

static RARELY uint64_t number_here(state *st) {
  awaited *around = awaited_here(st);
  return around == NULL ? 0 : around->number;
}

raw_call *call_begin(engine *e, process *p) {
  raw_call *c = p->call.ctx == NULL ? &p->call : another(p);
  if (c == NULL)
    return NULL;
  c->within = e->st->n_pending == 0 ? 0 : number_here(e->st);
  c->ctx = e->ctx;
  c->outer = innermost;
  innermost = c;
  return c;
}

static RARELY void end(process *p, raw_call *c) {
  raw_call **at = &innermost;
  while (*at != c) // only where greenlets end in another order than they began
    at = &(*at)->outer;
  *at = c->outer;
  PyObject *local = c->local, *log = c->log;
  if (c == &p->call)
    *c = (raw_call){.name = p->name};
  else
    PyMem_Free(c);
  Py_XDECREF(local);
  Py_XDECREF(log);
}

void call_end(process *p, raw_call *c) {
  if (innermost != c || c != &p->call || c->asked) {
    end(p, c);
    return;
  }
  innermost = c->outer;
  c->ctx = NULL;
}

// ---- awaited --------------------------------------------------------------------------------------

awaited *awaited_begin(engine *e, process *p) {
  state *st = e->st;
  awaited *a = PyObject_GC_New(awaited, st->awaited_type); // may collect
  if (a == NULL)
    return NULL;
  awaited *around = awaited_here(st);
  if (around != NULL && around->call.ctx == NULL)
    around = NULL; // over: it was left in the context of a task that outlived it
  a->st = st;
  a->call = (raw_call){.ctx = e->ctx, .name = p->name};
  a->number = ++st->n_awaited;
  a->enclosing = (awaited *)Py_XNewRef((PyObject *)around);
  a->task = NULL;
  st->n_pending++;
  a->token = PyContextVar_Set(st->awaiting, (PyObject *)a);
  PyObject_GC_Track((PyObject *)a);
  if (a->token != NULL) {
    a->task = Py_NewRef(PyThreadState_Get()->context);
    return a;
  }
  awaited_end(a);
  Py_DECREF((PyObject *)a);
  return NULL;
}

void awaited_end(awaited *a) {
  PyObject *dying[] = {a->call.local, a->call.log, (PyObject *)a->enclosing, a->task, a->token};
  state *st = a->st;
  bool here = a->task != NULL && a->task == PyThreadState_Get()->context;
  PyObject *error = PyErr_Occurred() ? errors_take() : NULL;
  st->n_pending--;
  a->call = (raw_call){0};
  a->enclosing = NULL;
  a->task = a->token = NULL;
  // Where it fails, or another context runs, the call stays there and is passed over: it is over.
  if (here && PyContextVar_Reset(st->awaiting, dying[4]) < 0)
    PyErr_Clear();
  if (error != NULL)
    errors_put(error);
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
}

static int awaited_traverse(PyObject *op, visitproc visit, void *arg) {
  awaited *a = (awaited *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(a->call.local);
  Py_VISIT(a->call.log);
  Py_VISIT((PyObject *)a->enclosing);
  Py_VISIT(a->task);
  Py_VISIT(a->token);
  return 0;
}

static int awaited_clear(PyObject *op) {
  awaited *a = (awaited *)op;
  Py_CLEAR(a->call.local);
  Py_CLEAR(a->call.log);
  Py_CLEAR(a->task);
  Py_CLEAR(a->token);
  return 0;
}

// Whoever began it has ended it, so it owns nothing any more.
static void awaited_dealloc(PyObject *op) {
  PyTypeObject *type = Py_TYPE(op);
  PyObject_GC_UnTrack(op);
  PyObject_GC_Del(op);
  Py_DECREF(type);
}

static PyType_Slot awaited_slots[] = {
    {Py_tp_doc, "A call in training mode that is awaited; the engine makes it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, awaited_dealloc},
    {Py_tp_traverse, awaited_traverse},
    {Py_tp_clear, awaited_clear},
    {0, NULL},
};

PyType_Spec awaited_spec = {
    .name = "theus._kernel.Awaited",
    .basicsize = sizeof(awaited),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = awaited_slots,
};

// ---- what it supplies -------------------------------------------------------------------------------

PyObject *call_supply(state *st, PyObject *ctx, bool log) {
  PyObject *made = NULL, *name = NULL; // of the process it was made for
  for (;;) {
    raw_call *c = call_here(st, ctx);
    PyObject **slot = c == NULL ? NULL : log ? &c->log : &c->local;
    if (slot != NULL && *slot == NULL && made != NULL && c->name == name) {
      *slot = Py_NewRef(made);
      c->asked = true;
    }
    PyObject *value = slot == NULL ? NULL : Py_XNewRef(*slot);
    bool more = slot != NULL && value == NULL;
    PyObject *old = made, *about = name;
    made = NULL;
    name = more ? Py_NewRef(c->name) : NULL;
    Py_XDECREF(old);
    Py_XDECREF(about);
    if (!more)
      return value;
    made = log ? context_new_log(name) : context_new_local(st);
    if (made == NULL) {
      Py_DECREF(name);
      return NULL;
    }
    // Code ran meanwhile: look again which call it is.
  }
}
