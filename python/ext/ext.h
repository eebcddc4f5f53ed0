// ext.h: what the files of theus._kernel share.
//
// The extension holds Python objects and enforces what the kernel decided; it has no policy of its
// own. Who owns what:
//
//   engine   owns the user's context, its processes, its shapes, one spare core
//   process  owns the function and the error classes of one registered process
//   shape    a cached answer of the kernel (contract x path); lives as long as its engine
//   call     the same in training mode, as little of it as there is: local and log
//   scope    one run of one process; owns its engine until it ends; is what views hold on to
//   core     one top-level transaction: nodes, log, reads, savepoints; belongs to its outermost scope
//   node     one user object inside a core; owns the object and what is pending for it
//   view     what user code touches; owns scope, parent and key; its node only until the scope ends
//
// A view with node == NULL is stale: its transaction has ended, every use raises. No chain of
// owners leads from a user's value back to the kernel once a scope has ended, so nothing here can
// keep state alive.
//
// User code runs inside: attribute lookups that meet a property or __getattr__, hashing and
// comparing of keys, iteration of arguments, setters during a commit, and every Py_DECREF. Before
// any of these the structures are consistent and whatever is still needed is held.
#ifndef THEUS_EXT_H
#define THEUS_EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <structmember.h>

#include "theus.h"

// What few calls reach stays out of the way of the others: it would cost them registers.
#define RARELY __attribute__((cold, noinline))

typedef struct state state;
typedef struct engine engine;
typedef struct process process;
typedef struct shape shape;
typedef struct scope scope;
typedef struct core core;
typedef struct node node;
typedef struct overlay overlay;
typedef struct view view;
typedef struct plan plan;
typedef struct method method;
typedef struct raw_call raw_call;
typedef struct awaited awaited;
typedef struct journal journal; // what was there before a commit; its release may run destructors
typedef struct schema schema;

// ---- kinds of values (kind.c) ---------------------------------------------------------------

typedef enum {
  KIND_ERROR = -1,
  KIND_PLAIN = 1,   // immutable: handed out as it is
  KIND_TUPLE,       // a tuple: itself if it holds only plain values, else rebuilt around views
  KIND_FROZENSET,   // likewise
  KIND_LIST,
  KIND_DICT,
  KIND_SET,
  KIND_DEQUE,
  KIND_OBJECT,      // instance of a Python class
  KIND_BYTES,       // a bytearray or array.array
  KIND_ARRAY,       // a numpy array: the array itself, read-only or a private copy
  KIND_COPIED,      // of a type registered with copy and apply
  KIND_VIEW,        // one of ours
  KIND_UNSUPPORTED, // refused at the door, unless HEAVY
} kind;

// What assigning to an instance of a type means.
enum {
  TYPE_FOREIGN = 1, // its class has a __setattr__ of its own: user code runs at commit
  TYPE_FROZEN = 2,  // a frozen dataclass
  TYPE_DICT = 4,    // instances can hold any name
  TYPE_MODEL = 8,   // a pydantic model
};

typedef struct {
  PyTypeObject *type; // borrowed; valid while version matches
  unsigned int version;
  uint8_t kind, facts;
} kind_slot;

#define KIND_SLOTS 256

// The built-in types behind containers; each has view types of its own.
typedef enum {
  FAMILY_LIST,
  FAMILY_DICT,
  FAMILY_ORDERED, // collections.OrderedDict
  FAMILY_DEFAULT, // collections.defaultdict
  FAMILY_SET,
  FAMILY_DEQUE,
  FAMILIES,
  FAMILY_BYTES = FAMILIES, // bytearray, array.array: no subclasses
} family;

kind kind_of(state *st, PyObject *value);
PyObject *kind_how(state *st, PyObject *value); // borrowed: (copy, apply) of a KIND_COPIED
bool kind_is_models(state *st, PyObject *object, PyObject *func); // pydantic's own code
int kind_register(state *st, PyObject *type, PyObject *how); // how: that pair, or True: immutable
int kind_mark(state *st, PyObject *value);                   // opaque: passed by reference
unsigned kind_facts(state *st, PyObject *object); // TYPE_FOREIGN ..., of an instance of a class
// Whether a value is handed out as it is, for the commonest types: without a look at its class.
static inline bool kind_is_plain_exact(PyObject *value) {
  PyTypeObject *t = Py_TYPE(value);
  return t == &PyLong_Type || t == &PyFloat_Type || t == &PyUnicode_Type || t == &PyBool_Type ||
         value == Py_None || t == &PyBytes_Type;
}

// ---- module state (module.c) ----------------------------------------------------------------

struct state {
  PyTypeObject *engine_type, *edit_type, *commit_type, *delta_type, *scope_type;
  PyTypeObject *context_view, *object_view;
  PyTypeObject *builtin[FAMILIES];  // the type itself
  PyTypeObject *counter;            // collections.Counter
  PyTypeObject *cached_property;    // of functools
  PyTypeObject *exact[FAMILIES + 1][2]; // its frozen and its tracked view
  PyTypeObject *part[FAMILIES][2];  // the views of instances of its subclasses
  PyTypeObject *list_iter, *dict_iter, *deque_iter, *method_type;
  PyObject *errors;                               // the module theus.errors
  PyObject *registered; // dict: type -> (copy, apply) or True
  PyObject *opaque;     // dict: address -> weak reference to a value that is marked as such
  PyObject *removed;                              // the tombstone: "deleted", which is not None
  PyObject *keys_view, *values_view, *items_view, *fields_type; // of theus._mapping
  PyObject *locked_mixin;                         // LockedContextMixin, NULL until the first engine
  PyObject *s_domain_ctx, *s_global_ctx, *s_local, *s_log, *s_class, *s_setattr, *s_delattr;
  PyObject *s_dict, *s_getattr, *s_edit, *s_resolve, *s_lock_manager, *s_default_factory, *s_any;
  PyObject *task; // ContextVar: the innermost scope that belongs to the running task
  PyObject *awaiting; // ContextVar: the innermost awaited call of training mode in the running task
  uint64_t n_awaited; // calls of that kind that have begun
  uint64_t n_pending; // and not ended
  PyTypeObject *process_type, *heavy_type, *tensor_type, *memory_type;
  PyTypeObject *program_type, *run_type, *attempts_type, *awaited_type, *supplied_type;
  PyTypeObject *namespace_type; // types.SimpleNamespace
  destructor python_dealloc;                      // what every class written in Python has
  PyObject *module;                               // borrowed: the one whose state this is
  bool has_models;                                // a pydantic model was met
  kind_slot kinds[KIND_SLOTS];
  view *free_views;
  int n_free_views;
  scope *free_scopes;
  int n_free_scopes;
  method *free_methods;
  int n_free_methods;
};

extern struct PyModuleDef kernel_module;
// New: what a name stands for in a module, if the program has imported that; NULL without an exception.
PyObject *module_imported(const char *module, const char *name);
state *state_of(PyTypeObject *type); // of one of our own types or a subclass; never fails

// ---- the library (loader.c) -----------------------------------------------------------------

// loader_api returns the kernel's table, loading it on the first call. NULL with an exception
// set: ImportError if it cannot be loaded, ForkedKernelError in a child that inherited it running.
const theus_api *loader_api(state *st);
int loader_started(void);
unsigned loader_generation(void); // grows with each fork below a running kernel

// ---- errors (errors.c) ----------------------------------------------------------------------

// Raises the exception for a status, from *err, which it releases. Always returns NULL.
void *errors_raise(state *st, theus_status status, theus_error *err);
PyObject *errors_class(state *st, const char *name); // new
void *errors_stale(view *v);
void errors_about(state *st, process *p); // gives a raised TheusError the contract of its process
PyObject *errors_take(void);       // new: the raised exception, indicator cleared
void errors_put(PyObject *steals); // raise it again
// What is raised is no Exception: a KeyboardInterrupt, say. Nobody but the user's program handles that.
bool errors_interrupted(void);
// Raise it again, whatever went wrong while it was looked at; but an interrupt meanwhile stands.
void errors_put_back(PyObject *steals);

// ---- shapes (shape.c) -----------------------------------------------------------------------

struct shape {
  theus_shape_id id;
  uint8_t bits, zone, layer, flags;
  uint8_t did; // rights that were made use of, for all that lies there: see learn.c
  // Attribute names asked so far; keyed by the interned string's address.
  PyObject **names; // owned
  shape **kids;     // borrowed from the engine
  uint32_t mask, used;
  shape *items;     // the answer common to all items, NULL until asked
  PyObject *keys;   // dict key -> shape id, where items differ; NULL until needed
};

shape *shape_intern(engine *e, const theus_shape *answer);
shape *shape_attr(engine *e, shape *s, PyObject *name); // borrowed by the engine, NULL: error
shape *shape_item(engine *e, shape *s, PyObject *key);
shape *shape_index(engine *e, shape *s, Py_ssize_t index);
void shape_free(shape *s);

// ---- engines and processes (engine.c, process.c) -----------------------------------------------

// What a call in training mode has besides the raw context (call.c).
struct raw_call {
  PyObject *ctx;         // borrowed: the context that the process was handed; NULL: it does not go on
  PyObject *name;        // borrowed: of the process
  PyObject *local, *log; // owned, NULL until asked for
  raw_call *outer;       // what goes on around it in this thread
  uint64_t within;       // number of the awaited call in which it began, or 0
  bool asked;            // there is a local or a log
};

struct process {
  PyObject_HEAD
  theus_process id;
  unsigned lease; // equal to the engine's: it may begin at top level without asking
  shape *root;    // and this is its root shape; borrowed from the engine
  bool reader;    // and whether it may write nothing that a commit applies
  PyObject *name;
  PyObject *func;
  PyObject *errors; // tuple of classes and names
  // What the rules of its gates look at, as of a recipe.
  uint64_t rules;      // equal to the engine's: the plans are good
  plan *plans[2];      // by gate; NULL: no rules there
  PyObject *defaults;  // of its parameters, by name; NULL until a rule asks
  PyObject *required;  // tuple: its parameters without a default
  bool open;           // it takes arguments of any name
  raw_call call;       // for the one that goes on, unless there are several
  view *rest;          // owned: the context of a run at rest (rest.c), or NULL
  node *rest_root;     // ... and its node
};

#define KNOWN_NAMES 16

struct engine {
  PyObject_HEAD
  state *st;
  const theus_api *api;
  const char *zone_prefixes; // static text of the library
  theus_engine handle;
  unsigned generation; // of the loader when this engine was opened
  unsigned leases;     // grows when the kernel refused something: all leases end
  bool strict, closed;
  PyObject *ctx;
  PyObject *processes; // dict name -> process
  struct {
    PyObject *name; // owned
    process *proc;  // borrowed from processes
  } known[KNOWN_NAMES]; // what was asked for lately, by the address of the text
  PyObject *listeners; // list
  unsigned curious;    // how many of them want to know all writes, not signals alone
  shape **shapes;      // by id
  uint32_t n_shapes;
  uint64_t version;    // of the newest commit that was applied
  uint64_t clock;      // the same, or APPLYING
  unsigned long applier; // the thread that carries out a commit, while it does
  core *threads, *tasks; // what runs: borrowed from their outermost scopes, chained
  int n_running;
  int n_urgent;        // tasks among them that have priority
  int waiters;         // threads that wait for somebody else
  core *spare;         // kept for the next transactions, chained
  int n_spare;
  PyObject *commits;   // list: to be announced, in order
  bool announcing;
  uint64_t rules;      // counts the recipes that were put in force; 0: there was none
  bool fresh;          // no process ran since the last of them
  bool unheard;        // the log of the audit has events that nobody was told
  PyObject *fault;     // raised at a point of a commit, for tests; NULL outside of them
  Py_ssize_t fuse;     // at which point
  Py_ssize_t points;   // points passed since it was armed
  process *reading;    // stands for the conditions of workflows; NULL until one is evaluated
  schema *schema;      // owned, or NULL
};

// clock.c: nanoseconds, of the real clocks or of a test's.
PyObject *clock_fake(PyObject *module, PyObject *arg);
PyObject *clock_now(PyObject *module, PyObject *unused);
bool clock_skip(double seconds); // whether the clock is a test's, which such a wait moves on at once
int64_t clock_wall(void);   // since the epoch, within some milliseconds
int64_t clock_steady(void); // since some moment, never back

// fault.c: commits that fail on purpose.
PyObject *fault_arm(PyObject *op, PyObject *args);
int fault_point(engine *e); // 0, or -1 with the exception whose turn it is

int engine_refuse(engine *e); // -1 with an exception: closed, forked
static inline bool engine_works(const engine *e) {
  return e->api != NULL && !e->closed && e->generation == loader_generation();
}
static inline int engine_usable(engine *e) { return engine_works(e) ? 0 : engine_refuse(e); }
// errors_raise for a call on an engine; ends its leases where the kernel refuses further work.
void *engine_raise(engine *e, theus_status status, theus_error *err);
process *process_new(state *st, PyObject *name, PyObject *func, PyObject *errors);
extern PyType_Spec engine_spec, process_spec, edit_spec, scope_spec;
extern PyStructSequence_Desc delta_desc, commit_desc;

// ---- one run (scope.c, driver.c) ----------------------------------------------------------------

// A place whose memory was handed out read-only (heavy.c).
typedef struct {
  view *parent;  // owned
  PyObject *key; // owned, or NULL
  Py_ssize_t index;
  uint8_t segment;
} lent;

#define MAX_LENT 4

struct scope {
  PyObject_HEAD
  state *st;        // of the module
  PyObject *module; // owned for life: at exit a collection may clear what else keeps it
  engine *engine; // owned while running, NULL afterwards
  process *proc;  // owned while running; NULL for edit()
  PyObject *name; // owned for life: stale views name their process
  core *core;     // owned by the outermost scope; NULL once ended
  scope *outer;   // owned
  PyObject *task, *token; // owned: the context of the task it belongs to, NULL: a thread
  scope *enclosing; // owned: what its task ran before, of any engine
  theus_tx handle; // 0: leased, the kernel has not been told yet
  bool ending;    // its end has begun: nothing may begin inside it any more
  bool doomed;    // dropped while something ran inside it: it ends when that has ended
  uint64_t judged; // for what the audit has counted this run, attempts before it included
  size_t mark;    // records that were there when it began
  view *views;    // live views of this scope
  shape *root;
  struct {
    PyObject *name; // owned, interned
    view *view;     // owned
  } layers[2];      // cache of the context view
  PyObject *local, *log;
  struct twin_frame *twins; // twins in use, innermost first
  PyObject *models;         // dict: address -> view of a pydantic model that was written into
  struct notes *notes;      // owned: what was written of which the schema says something
  lent lent[MAX_LENT]; // the last of them, in a ring
  unsigned n_lent;     // all of them
};

// How a run begins. task: it belongs to the context of a task rather than to a thread.
typedef struct {
  unsigned lost; // how often it lost before
  bool task;
  uint64_t judged; // for what the audit has counted the attempts before it
} start;

scope *scope_begin(engine *e, process *p, start how); // new
PyObject *scope_context(scope *s); // new: the context view
theus_tx scope_handle(scope *s);   // tells the kernel about a leased run; 0 with an exception
// Ends the run. result: stolen, NULL with an exception set if the process failed. Returns the
// plain result, new, or NULL with the exception the caller shall see; NULL without one: it lost and
// runs again. s stays owned by the caller.
PyObject *scope_finish(scope *s, PyObject *result, theus_outcome outcome);
void scope_start(scope *s, engine *e, bool reader, bool task);
void scope_stop(core *c, engine *e);
void scope_forget_layers(scope *s);
// A run that returned has nothing to tell anybody: it is leased and wrote nothing.
bool scope_is_quiet(const scope *s);
void scope_tell(engine *e); // what a run leaves to be told: events of the audit, commits
bool scope_is_outside(engine *e); // nothing runs here, and what stands in the objects is committed
bool scope_is_here(scope *s); // it is the innermost of its transaction, and of this thread or task
void scope_abandon(scope *s); // ends it without a word; keeps the exception state

// Runs at rest (rest.c). rest_resume gives what scope_begin and scope_context give, or NULL without an
// exception: begin the long way. rest_keep ends a run that returned and steals scope and context, or
// says false: end it the long way.
scope *rest_resume(engine *e, process *p, PyObject **ctx);
bool rest_keep(scope *s, PyObject *ctx);
void rest_drop(process *p);

// A call in training mode, where there is no scope (call.c): what ctx.local and ctx.log ask for.
raw_call *call_begin(engine *e, process *p); // goes on in this thread; NULL with an exception
void call_end(process *p, raw_call *c);      // keeps the exception state
awaited *awaited_begin(engine *e, process *p); // new: goes on in this task, for calls in steps
void awaited_end(awaited *a);                  // keeps the exception state
// New: the local or the log of the innermost call that was handed ctx; NULL without an exception: no
// such call goes on here.
PyObject *call_supply(state *st, PyObject *ctx, bool log);
PyObject *context_new_local(state *st);     // new
PyObject *context_new_log(PyObject *name);  // new: of the process of that name

PyObject *driver_execute(engine *e, process *p, PyObject *const *kwargs, PyObject *kwnames);
PyObject *attempts_new(engine *e, process *p, PyObject *kwargs); // new: a call in steps (attempts.c)
theus_outcome driver_outcome(engine *e, process *p); // how a process ended whose exception is set

// What becomes of a run (publish.c).
int publish(scope *s, theus_action *next, journal **before);
void preserve(engine *e, const core *c); // readers keep what a commit is about to change (preserve.c)
void publish_announce(engine *e);
PyObject *publish_error(engine *e, PyObject *name, uint32_t how, PyObject *steals); // new

// ---- waiting for others (turn.c) ----------------------------------------------------------------

typedef struct {
  double since; // 0: not yet
} patience;

// Waits, without the GIL, until somebody's transaction ended or a slice of time has passed. 0, or -1
// with an exception: a signal's, or that it took too long.
int turn_wait(engine *e, patience *so_far, PyObject *name);
void turn_wake(engine *e);
int turn_back_off(unsigned lost); // before a run that lost runs again; 0, -1
bool turn_in_loop(void);      // an event loop runs in this thread: whoever waits here stops it

// ---- audit (audit.c, fetch.c) -------------------------------------------------------------------

typedef struct {
  PyObject *key; // interned name, text or int; NULL for a wildcard
  uint32_t kind; // THEUS_NAME ...
  bool call;
} field_step;

typedef struct {
  PyObject *argument; // interned, or NULL
  field_step *steps;
  size_t n_steps;
  uint32_t ask;
  bool wild;
  PyObject *wanted; // THEUS_NEED_HAS: what is looked for
} need;

// Where the values of one gate come from while they are fetched. Zeroed but for st.
typedef struct {
  state *st;
  PyObject *layer;      // owned: what the last field's first step led to
  PyObject *layer_name; // borrowed from the plan
  bool large;           // judging takes a while: let other threads run
  struct fetch_store *store;
} fetch;

// Each 0, or -1 with what is no Exception; what is one becomes a value. *out is zeroed before.
int fetch_need(fetch *f, const need *n, PyObject *root, theus_value *out);
int fetch_object(fetch *f, PyObject *value, uint32_t asked, int deep, theus_value *out);
// New: a path one step longer. Steals the path.
PyObject *fetch_longer(PyObject *path, uint32_t kind, PyObject *key, bool call);
void fetch_free(fetch *f);
void fetch_forget(fetch *f); // the needs fetched so far may go; the values stay good

// Asks the rules of a gate about a run. args: the values of kwnames, for the input gate. 0, or -1
// with the exception of a rule that refuses.
int audit_gate(scope *s, uint32_t gate, PyObject *const *args, PyObject *kwnames);
void audit_over(engine *e, uint64_t judged); // no further attempt of a run follows
void audit_first(engine *e); // before the first run under a recipe
void audit_tell(engine *e);  // new events reach the loggers; keeps no exception
void audit_forget(process *p);
PyObject *audit_describe(PyObject *module, PyObject *args);
PyObject *audit_load(PyObject *op, PyObject *args); // this and the rest: methods of the engine
PyObject *audit_reset(PyObject *op, PyObject *unused);
PyObject *audit_stopped(PyObject *op, PyObject *unused);
PyObject *audit_log(PyObject *op, PyObject *args);
static inline bool audit_concerns(engine *e, process *p, uint32_t gate) {
  return p->rules != e->rules || p->plans[gate] != NULL;
}

// ---- workflows (flux.c) -----------------------------------------------------------------------------

PyObject *flux_load(PyObject *op, PyObject *args); // methods of the engine
PyObject *flux_ask(PyObject *op, PyObject *args);

// ---- learning contracts (learn.c): methods of the engine

PyObject *learn_start(PyObject *op, PyObject *unused);
PyObject *learn_told(PyObject *op, PyObject *unused);

// ---- schemas (schema.c) ---------------------------------------------------------------------------

int schema_note(view *v);    // v was written, in an engine with a schema
// Compares what a run wrote with the schema. 0, or -1 with the refusal.
int schema_gate(scope *s);
int schema_keep(scope *s);    // a nested run was kept: its outer one is judged for it too
void schema_forget(scope *s);
void schema_free(schema *x);
int schema_visit(schema *x, visitproc visit, void *arg);
int schema_visit_notes(scope *s, visitproc visit, void *arg);
PyObject *schema_load(PyObject *op, PyObject *args); // a method of the engine
PyObject *schema_describe(PyObject *module, PyObject *args);

// ---- one transaction (core.c, overlay.c) -------------------------------------------------------

// overlay: what is pending for one object. Nothing in it has reached the object.
//
//   every   fields: attribute -> value | removed
//   dict    changed: key of the base -> new value       added: new keys in order
//           dead: keys of the base that are gone        hidden: the whole base is gone
//           (a key deleted and set again is dead and added, so it moves to the end, as in dict)
//   set     added and dead elements, hidden as in a dict
//   list    the base up to keep, with changed: index -> value, then added, a list;
//           or full: a list that replaced everything
//   deque   left, then the base from skip up to keep, with changed: index -> value, then added;
//           left and added are deques
//   memory  full: a private copy; or, of a bytearray or array, as in a list: changed: index -> one
//           element, an object of the same type, and added, another
struct overlay {
  PyObject *fields;
  PyObject *changed;
  PyObject *added;
  PyObject *dead;
  PyObject *full;
  PyObject *left;
  PyObject *how;     // memory: (copy, apply) of a registered type, else NULL
  PyObject *reverse; // dict: iterator over the base from its end, for popitem; set: for pop
  PyObject *forward; // dict: iterator over the base from its beginning, for popitem(last=False)
  overlay *next;     // while it waits to be freed
  Py_ssize_t skip, keep;
  uint32_t structure; // grows when keys or length change: iterators watch it
  bool hidden;
  bool base_kept; // nothing is pending: it is what a reader keeps of an older version (preserve.c)
};

struct node {
  PyObject *target;
  overlay *pending;  // NULL: nothing was written
  view *views;       // live views of any scope, borrowed
  uint32_t ordinal;  // 1 + place among the written objects, 0: not written
  uint32_t logged;   // `structure` at the last record
  uint64_t last;     // the key that was read last
  uint32_t written;  // 1 + place among the notes of its scope, perhaps: see schema.c
  uint16_t level;    // depth of the savepoint that last saved it
  uint8_t kind;
  bool noted;        // something of it was read
  bool whole;        // all of it was
  bool pinned;       // written or saved: lives until the core ends
  bool released;     // queued to be freed: an operation that still has it must not write
};

typedef struct {
  node *node;
  overlay *before;
  uint16_t level;
} saved;

typedef struct savepoint {
  struct savepoint *below;
  saved *items;
  size_t n, cap;
  size_t n_log, n_dirty;
  Py_ssize_t n_writes;
} savepoint;

struct core {
  node **slots;
  size_t mask, used;
  node *free_nodes; // kept for reuse, chained through `views`
  int n_free;
  theus_record *log;
  size_t n_log, cap_log;
  node **dirty; // in order of their first write
  size_t n_dirty, cap_dirty;
  savepoint *point;
  uint16_t level;
  bool foreign;        // applying may run user code
  bool orphan;         // its run ended inside an operation: freed when that leaves it
  unsigned busy;       // operations under way: nothing below is freed meanwhile, only queued
  node *dying;         // queue of nodes, chained through `views`
  overlay *dropped;    // queue of overlays
  Py_ssize_t live_views;
  PyObject *writes;    // list of DeltaEntry, NULL when nobody listens

  // What it has read, and of which version (reads.c).
  theus_read *reads;
  size_t n_reads, reads_mask;
  uint64_t seen;
  const uint64_t *now; // the engine's clock; &seen: it needs no other version
  bool lost;           // it lost: every read raises, and it is dropped at its end
  bool reader;         // its contract lets it write nothing a commit applies
  unsigned kept;       // how often a commit left it what stood there before (preserve.c)
  bool torn;           // ... and did so in the middle of an operation, which has to look again
  PyObject *verdict;   // owned: why it may not run again; NULL if it may

  // Whose it is (scope.c).
  engine *engine;      // borrowed from the outermost scope, NULL when that has ended
  process *proc;       // likewise; NULL: edit()
  scope *innermost;    // borrowed
  bool task;           // it belongs to a task, else to a thread
  bool urgent;         // ... and has priority
  unsigned long owner; // that thread
  core *prev, *next;   // in the engine's list
};

#define APPLYING UINT64_MAX // a commit is carried out: nobody else may look

// core_torn ends an operation in whose middle c->kept moved, and that cannot be done again: a collection
// or the __eq__ of a key let a commit in, and what a reader has found may be of two versions. -1.
//
// What is read is noted before it is looked at (reads.c): key is one of the two below, that of a
// name or item, or THEUS_WHOLE_KEY, THEUS_SIZE_KEY. 0; -1 with an exception: the transaction has
// lost, or ended while it waited. Afterwards a view may be stale.
int core_note(core *c, node *n, uint64_t key);
int core_note_object(core *c, PyObject *target, uint64_t key);
int core_catch_up(core *c);
int core_torn(core *c);
int core_read_late(core *c, node *n, uint64_t key);
static inline int core_fresh(core *c) { return c->seen == *c->now ? 0 : core_catch_up(c); }
static inline int core_read(core *c, node *n, uint64_t key) {
  if (c->seen != *c->now)
    return core_read_late(c, n, key);
  return n->last == key || n->whole ? 0 : core_note(c, n, key);
}
uint64_t key_of_item(PyObject *key); // as dict compares them; runs no user code
#define OUR_KEY ((uint64_t)1 << 63) // the kernel has the small numbers for itself
static inline uint64_t key_of_name(PyObject *name) {
  Py_hash_t hash = ((PyASCIIObject *)name)->hash;
  return (uint64_t)(hash != -1 ? hash : PyObject_Hash(name)) << 2 | 1 | OUR_KEY;
}
static inline uint64_t key_of_index(Py_ssize_t i) { return (uint64_t)i << 2 | 3 | OUR_KEY; }
void reads_of(core *c, theus_reads *out); // for the kernel
bool reads_has(const core *c, PyObject *target, uint64_t key);
void core_lose(core *c); // from now on every read raises
void reads_clear(core *c);

core *core_new(void);
void core_clear(core *c); // drops everything, keeps the memory
int core_traverse(core *c, visitproc visit, void *arg);
// Around whatever holds a node or overlay while user code may run: until core_exit neither is
// freed, whatever that code ends, drops or rolls back. core_exit runs destructors, and frees the
// core itself if its run ended meanwhile.
void core_enter(core *c);
void core_exit(core *c);
void core_free(core *c);
node *core_node(core *c, PyObject *target, kind k); // borrowed; found or made
node *core_find(core *c, PyObject *target);         // borrowed, or NULL without an exception
void core_release(core *c, node *n);                // forget it if nothing holds it
// The one node of a core without a run: put into the table for a target, taken out and wiped, given back.
void core_put_root(core *c, node *n, PyObject *target);
void core_take_root(core *c, node *n);
void core_keep_node(core *c, node *n);
int core_savepoint(core *c);
int core_keep(core *c);      // the innermost savepoint joins the one below; -1: no memory, unchanged
void core_rollback(core *c); // ... or is undone; both within core_enter and core_exit
int core_touch(core *c, node *n); // before n's overlay changes: make it, save it
// After user code: 0 if o still is what is pending for n, else -1 with RuntimeError.
int core_unchanged(node *n, overlay *o);
int core_record(view *v, shape *s, node *n, uint16_t op, uint16_t flags, uint64_t key, uint64_t nbytes);

void overlay_free(overlay *o);
overlay *overlay_clone(const overlay *o);

// Objects: 1 found (*value new), 0 not pending, -1 error. A removed field gives the tombstone.
int fields_get(core *c, node *n, PyObject *name, PyObject **value);
int fields_set(core *c, node *n, PyObject *name, PyObject *value); // 1 if new to the overlay

// Dicts (pending_dict.c), through the overlay.
int dict_get(core *c, node *n, PyObject *key, PyObject **value); // 1, *value new; 0; -1
int dict_contains(core *c, node *n, PyObject *key);
int dict_set(core *c, node *n, PyObject *key, PyObject *value);
int dict_del(core *c, node *n, PyObject *key);          // 1 it was there, 0, -1
int dict_clear(core *c, node *n);
// The item popitem would take: 1 and both new, 0 if empty, -1. Taking it is a call of its own; if
// that never comes, dict_forget_last makes the next search begin at the end again.
int dict_last(core *c, node *n, PyObject **key, PyObject **value);
int dict_first(core *c, node *n, PyObject **key, PyObject **value); // the same from the beginning
int dict_drop_last(core *c, node *n, PyObject *key); // 1, 0 it is gone, -1
void dict_forget_last(node *n);
Py_ssize_t dict_len(node *n);
typedef struct {
  PyObject *walk; // owned: iterator over the base, if it keeps an order of its own
  Py_ssize_t pos;
  Py_ssize_t passed; // items that were shown
  int phase;
} dict_cursor;
void dict_stop(dict_cursor *at); // releases what the cursor holds; at the end of every walk
int dict_next(core *c, node *n, dict_cursor *at, PyObject **key, PyObject **value); // new refs

// Sets (pending_set.c), through the overlay.
int set_contains(core *c, node *n, PyObject *element);
int set_add(core *c, node *n, PyObject *element);     // 1 added, 0 it was there, -1
int set_discard(core *c, node *n, PyObject *element); // 1 removed, 0 it was not there, -1
int set_clear(core *c, node *n);
Py_ssize_t set_len(node *n);
PyObject *set_any(core *c, node *n); // new; NULL without an exception: empty
PyObject *set_elements(core *c, node *n); // new list

// Lists (pending_list.c), through the overlay.
Py_ssize_t list_len(node *n);
PyObject *list_get(node *n, Py_ssize_t i); // new; NULL with IndexError
int list_set(core *c, node *n, Py_ssize_t i, PyObject *value);
int list_append(core *c, node *n, PyObject *value);
int list_drop_last(core *c, node *n);
PyObject *list_full(core *c, node *n); // new: the pending list itself, to be changed in place

// Deques (pending_deque.c), through the overlay. left: at the left end.
Py_ssize_t deque_len(node *n);
PyObject *deque_get(state *st, node *n, Py_ssize_t i); // new; NULL with IndexError
int deque_set(core *c, state *st, node *n, Py_ssize_t i, PyObject *value);
int deque_push(core *c, state *st, node *n, bool left, PyObject *value);
PyObject *deque_pull(core *c, state *st, node *n, bool left); // new; NULL with IndexError
int deque_rotate(core *c, state *st, node *n, Py_ssize_t by);
int deque_clear(core *c, node *n);
typedef struct {
  PyObject *left, *base, *added; // owned iterators
  Py_ssize_t at;
  Py_ssize_t passed; // items that were shown
} deque_cursor;
int deque_start(state *st, node *n, deque_cursor *at);
PyObject *deque_next(node *n, deque_cursor *at); // new; NULL without an exception at the end
void deque_stop(deque_cursor *at);

// Memory (pending_memory.c): bytearray, array.array, numpy arrays.
PyObject *memory_copy(PyObject *how, PyObject *value); // new; how: NULL unless it is registered
PyObject *memory_now(node *n);          // new: the private copy if there is one, else the object
PyObject *memory_whole(view *v);        // new: the same with all that is pending in it
PyObject *memory_private(view *v);      // new: the private copy, made if need be
int memory_same(PyObject *x, PyObject *y); // whether two have the same bytes; keeps no exception
int memory_unchanged(node *n);          // whether its private copy still is what the object holds
int memory_write(PyObject *how, PyObject *target, PyObject *from, bool array);
void memory_rollback(node *n, overlay *before);

// Bytearrays and arrays (pending_bytes.c), through the overlay. A part is of the same type.
Py_ssize_t bytes_len(node *n);
PyObject *bytes_get(node *n, Py_ssize_t i); // new; NULL with IndexError
// New: an independent copy of what is there now; 0 <= start <= stop <= length.
PyObject *bytes_part(node *n, Py_ssize_t start, Py_ssize_t stop);
bool bytes_scattered(node *n);              // something is pending, and not in one copy
bool bytes_stays(node *n, Py_ssize_t more); // so many more elements may change without one
int bytes_gather(node *n);                  // what is pending becomes one copy; 0, -1
// Each 0 or -1. The node may keep the part, which nobody may change afterwards.
int bytes_set(core *c, node *n, Py_ssize_t i, PyObject *part);
int bytes_append(core *c, node *n, PyObject *part);
int bytes_drop_last(core *c, node *n);
int bytes_put(PyObject *into, Py_ssize_t i, PyObject *piece); // one element; takes no memory
int bytes_end(PyObject *into, Py_ssize_t i, PyObject *part);  // all from i on; part may be NULL
int bytes_shorter(PyObject *target);                          // raises that it became so; -1
// Makes a private copy that somebody else has what it was before, and takes no memory. Whether it did.
bool bytes_restore(node *n, overlay *before);

// The containers behind the views, past whatever their class overrides (base.c).
family base_family(state *st, PyObject *container);
bool base_is_exact(state *st, PyObject *container); // not an instance of a subclass
PyObject *base_blank(state *st, PyObject *container); // new: empty, of the same class
int base_set_item(PyObject *dict, PyObject *key, PyObject *value);
int base_del_item(PyObject *dict, PyObject *key);
int base_clear_dict(PyObject *dict);
PyObject *base_copy_dict(PyObject *dict); // new plain dict in the same order
int base_update_dict(PyObject *dict, PyObject *from);
PyObject *base_keys(PyObject *dict, bool reversed); // new iterator
// New: a method of a type, called on self; arg may be NULL.
PyObject *base_call(PyTypeObject *type, const char *method, PyObject *self, PyObject *arg);
PyObject *base_deque(state *st, const char *method, PyObject *deque, PyObject *arg); // new
PyObject *base_maxlen(state *st, PyObject *deque);                                   // new
PyObject *base_factory(state *st, PyObject *defaultdict);                            // new

// Commit (apply.c).
int apply_all(core *c, engine *e, journal **before); // all stand, or none and an exception
void apply_forget(journal *before);
extern _Thread_local int apply_depth; // > 0: this thread carries out a commit or a HEAVY write
int apply_settle(core *c, state *st); // before a commit: replace views inside pending values

// ---- views (view.c) -----------------------------------------------------------------------------

struct view {
  PyObject_HEAD
  node *node;   // NULL: stale
  shape *shape; // borrowed from the engine; only while node != NULL
  scope *scope;
  view *parent;
  PyObject *key; // attribute name or key; NULL for the root and for list elements
  Py_ssize_t index;
  view *prev, *next; // the scope's list
  view *twin;        // next view of the same node
  uint8_t segment;   // THEUS_ATTR, THEUS_TEXT (any key), THEUS_INT (index), 0 for the root
  bool self;         // may use the _names of its own object: the self of a method
};

#define STATE(v) ((v)->scope->st)
#define VIEW_CHECK(v)                                                                              \
  do {                                                                                             \
    if ((v)->node == NULL)                                                                         \
      return errors_stale((view *)(v));                                                            \
  } while (0)
#define VIEW_CHECK_INT(v)                                                                          \
  do {                                                                                             \
    if ((v)->node == NULL) {                                                                       \
      errors_stale((view *)(v));                                                                   \
      return -1;                                                                                   \
    }                                                                                              \
  } while (0)

// New view of n below parent, of a scope that has not ended. Steals nothing, runs no user code.
PyObject *view_new(scope *s, node *n, shape *sh, view *parent, PyObject *key, Py_ssize_t index,
                   uint8_t segment, bool self);
void view_detach(view *v); // makes it stale
void view_dealloc(PyObject *self);
int view_traverse(PyObject *self, visitproc visit, void *arg);
int view_clear(PyObject *self);
PyObject *view_repr_stale(view *v);
bool view_is(state *st, PyObject *value);
bool view_of(PyObject *value, family f); // a view of that kind of container, or of a subclass of it
PyObject *view_new_refused(PyTypeObject *type, PyObject *args, PyObject *kw);
PyObject *view_reduce(PyObject *self, PyObject *unused);
PyObject *view_copy(PyObject *self, PyObject *unused);
PyObject *view_deepcopy(PyObject *self, PyObject *memo);
PyObject *view_get_class(PyObject *self, void *unused);

// Denials: always return NULL. key is the segment below v, NULL for v itself.
void *view_deny(view *v, uint32_t tried, uint8_t segment, PyObject *key, Py_ssize_t index,
                const char *detail);
// Before all of a container, or its length, is read, or it is changed: 0, or -1 with the denial, or
// since the run has ended or lost. frozen: what the refusal calls a view that is only an input.
int view_readable(view *v);
int view_sized(view *v);
int view_open(view *v); // what is read of it is noted later
int view_writable(view *v, const char *frozen);
PyObject *view_path(view *v, uint8_t segment, PyObject *key, Py_ssize_t index); // new str
int view_log(view *v, shape *s, uint16_t op, uint8_t segment, PyObject *key, Py_ssize_t index,
             PyObject *value, PyObject *old); // record + DeltaEntry if someone listens

// ---- wrapping (wrap.c, plain.c) -------------------------------------------------------------------

// THE wrapping function: every value that reaches user code goes through it. value: borrowed.
// Returns a new reference: the value itself, a view, or NULL with a denial.
PyObject *wrap(view *parent, shape *s, PyObject *value, PyObject *key, Py_ssize_t index,
               uint8_t segment);
// Its inverse where user code hands a value in to be stored below v: views become what they stand
// for (an output: the object itself; an input: an independent copy). New reference.
// s is the shape of the place: HEAVY takes anything.
PyObject *unwrap(view *v, shape *s, PyObject *value, uint8_t segment, PyObject *key,
                 Py_ssize_t index);
int is_plain(state *st, PyObject *value); // 1: immutable and leads to nothing mutable, 0, -1
PyObject *unwrap_key(view *v, PyObject *key); // keys are only looked up: views become their object

PyObject *plain(state *st, PyObject *value);      // deep, independent; new
PyObject *plain_view(view *v);                    // the same for a view
PyObject *slot_names(PyTypeObject *type);         // new list: the slots of a class
PyObject *heavy_wrap(view *parent, shape *s, PyObject *value, PyObject *key, Py_ssize_t index,
                     uint8_t segment);
PyObject *heavy_read_only(state *st, PyObject *value); // new: of the same memory
uint64_t heavy_nbytes(PyObject *value);
// New: the owner of a read-only view of value's memory, or NULL; it refuses a buffer that cannot be.
PyObject *heavy_export(state *st, PyObject *value);
int heavy_check(const Py_buffer *buffer); // 0, or -1 with BufferError: shape and strides cannot be
void heavy_explain(scope *s);             // an error about read-only memory gets the paths as a note
void heavy_forget(scope *s);
PyObject *ndarray_read_only(state *st, PyObject *array); // new, over the same memory
PyObject *heavy_scan(state *st, PyObject *value, uint32_t ask); // new: bool, or (least, greatest)
#define HEAVY_BRIEF (64 * 1024) // bytes that are read within microseconds
// Borrows the memory of an array of numbers until *b is released. 0, or -1.
int heavy_borrow(state *st, PyObject *value, Py_buffer *b, theus_array *array);
PyObject *tensor_of(state *st, PyObject *value); // new, a buffer; NULL without an exception: none

// ---- types ---------------------------------------------------------------------------------------

PyObject *method_new(state *st, PyObject *func, view *self); // a method bound to a view
void method_forget(state *st); // frees those that are kept for reuse
PyObject *method_new_twin(state *st, PyObject *func, view *self); // ... that runs on a twin of it
PyObject *method_new_bytes(state *st, PyObject *func, view *self); // ... on the memory behind it
typedef PyObject *(*bytes_body)(PyObject *self, void *arg);
// What a method of memory is called with: nothing, something, or that memory itself among it.
typedef enum { GIVEN_NOTHING, GIVEN_VALUES, GIVEN_ITSELF } bytes_given;
PyObject *bytes_run(view *v, PyObject *func, bytes_given given, bytes_body body, void *arg);
PyObject *object_getattro(PyObject *op, PyObject *name); // attribute.c
int object_setattro(PyObject *op, PyObject *name, PyObject *value);
PyObject *object_self(view *v);                               // new: v with the rights of self
PyObject *object_strip(state *st, PyObject *steals);          // the inverse, for what a method returns
PyObject *fields_mapping(view *v); // new read-only mapping of the fields a view shows: __dict__
PyObject *fields_dir(PyObject *op, PyObject *unused);
PyObject *list_shallow(view *v); // new list of wrapped elements
PyObject *dict_shallow(view *v); // new dict of wrapped values
PyObject *set_shallow(view *v);  // new set of wrapped elements
PyObject *deque_shallow(view *v); // new deque of wrapped elements
// Items of a dict's view as user code reads and writes them. 1 and *value new, 0: missing, -1.
int dict_value(view *v, PyObject *key, PyObject **value);
int dict_store(view *v, PyObject *key, PyObject *value); // NULL deletes
int object_store(view *v, PyObject *name, PyObject *value); // an attribute, past its class
PyObject *default_factory(view *v);                         // new

// pydantic models (models.c).
int models_note(view *v);       // v was written: so was every model above it
int models_validate(scope *s);  // at the end of a run that returned

// Code of a subclass of a container, which wants a real instance as its self (twin.c).
typedef PyObject *(*twin_body)(PyObject *twin, void *arg);
PyObject *twin_run(view *v, twin_body body, void *arg);
PyObject *twin_shallow(view *v);               // new built-in container of wrapped elements
PyObject *twin_self(scope *s, PyObject *value); // borrowed: what stands behind a twin in use, or NULL
// zone and signal may be NULL with an exception set; it then fails as they did.
PyObject *delta_new(state *st, PyObject *path, uint16_t op, PyObject *value, PyObject *old,
                    PyObject *target, PyObject *key, PyObject *zone, PyObject *signal);
PyObject *commit_new(state *st, uint64_t version, PyObject *process, PyObject *writes);

// ---- signals and state machines (signal.c, fsm.c) -----------------------------------------------

PyObject *signal_zone(shape *s); // new str
// New: where the signal is that a write at shape s below v belongs to; None where there is none.
PyObject *signal_field(view *v, shape *s, uint8_t segment, PyObject *key, Py_ssize_t index);
PyObject *signal_listen(PyObject *engine, PyObject *listener);
PyObject *signal_leave(PyObject *engine, PyObject *listener);
PyObject *fsm_load(PyObject *module, PyObject *args);
PyObject *fsm_outline(PyObject *module, PyObject *args);
PyObject *fsm_names(PyObject *engine, PyObject *unused);

extern PyType_Spec context_spec, object_spec, method_spec, heavy_spec, tensor_spec, memory_spec;
extern PyType_Spec tracked_list_spec, frozen_list_spec, list_iter_spec;
extern PyType_Spec tracked_set_spec, frozen_set_spec;
extern PyType_Spec tracked_dict_spec, frozen_dict_spec, dict_iter_spec;
extern PyType_Spec tracked_deque_spec, frozen_deque_spec, deque_iter_spec;
extern PyType_Spec tracked_ordered_spec, frozen_ordered_spec;
extern PyType_Spec tracked_default_spec, frozen_default_spec;
extern PyType_Spec tracked_bytes_spec, frozen_bytes_spec;
extern PyType_Spec program_spec, run_spec; // workflows (flux.c)
extern PyType_Spec attempts_spec;
extern PyType_Spec awaited_spec, supplied_spec; // what training mode supplies
extern PyType_Spec part_spec, set_part_spec; // instances of subclasses of containers

#define METHOD(f) ((PyCFunction)(void (*)(void))(f))

#endif
