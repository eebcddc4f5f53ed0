// reads.c: what a transaction has read, and of which version of the state.
//
// Several transactions run at once on the same objects. What keeps each of them in one version:
//
//   seen   the version at which everything it has read is true
//   now    the clock of its engine: the version that is applied
//
// Before anything is read they are compared. If they differ, somebody has committed meanwhile: the
// kernel looks whether that touched what was read. If not, the transaction has now seen the new
// version as well and reads on. If it did, the transaction has lost: the read raises, whatever the
// process does about that the run is dropped, and begins again. One that can write nothing keeps what
// it has seen instead, see preserve.c.
//
// What was read is a table of (address of the object, key): the kernel searches it where it lies.
// Nothing keeps the objects alive. Where one dies and another takes its address, a transaction may
// run again that need not have.
//
// Calls that run Python code: none but what other threads do while this one waits for a commit that
// is being applied, which is why a core is entered meanwhile.
#include "ext.h"

#define FIRST_READS 32
#define KEPT_READS 4096

static const uint64_t NEVER = UINT64_MAX - 1; // the clock of a transaction that has lost

// ---- the table ------------------------------------------------------------------------------------

// Where the search for an entry begins: the formula of theus.h.
static inline size_t home(uint64_t object, uint64_t key, size_t mask) {
  uint64_t h = (object ^ (key << 32 | key >> 32)) * 0x9E3779B97F4A7C15u;
  return (size_t)(h ^ h >> 32) & mask;
}

static void put(theus_read *slots, size_t mask, theus_read entry) {
  size_t at = home(entry.object, entry.key, mask);
  while (slots[at].object != 0)
    at = (at + 1) & mask;
  slots[at] = entry;
}

static int grow(core *c) {
  size_t mask = c->reads == NULL ? FIRST_READS - 1 : c->reads_mask * 2 + 1;
  theus_read *slots = PyMem_Calloc(mask + 1, sizeof(theus_read));
  if (slots == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  for (size_t i = 0; c->reads != NULL && i <= c->reads_mask; i++)
    if (c->reads[i].object != 0)
      put(slots, mask, c->reads[i]);
  PyMem_Free(c->reads);
  c->reads = slots;
  c->reads_mask = mask;
  return 0;
}

static int add(core *c, uint64_t object, uint64_t key) {
  if ((c->reads == NULL || (c->n_reads + 1) * 2 > c->reads_mask + 1) && grow(c) < 0)
    return -1;
  size_t at = home(object, key, c->reads_mask);
  for (; c->reads[at].object != 0; at = (at + 1) & c->reads_mask)
    if (c->reads[at].object == object && c->reads[at].key == key)
      return 0;
  c->reads[at] = (theus_read){object, key};
  c->n_reads++;
  return 0;
}

int core_note_object(core *c, PyObject *target, uint64_t key) {
  uint64_t object = (uint64_t)(uintptr_t)target;
  return add(c, object, THEUS_ANY_KEY) < 0 || add(c, object, key) < 0 ? -1 : 0;
}

int core_note(core *c, node *n, uint64_t key) {
  uint64_t object = (uint64_t)(uintptr_t)n->target;
  if (!n->noted && add(c, object, THEUS_ANY_KEY) < 0)
    return -1;
  n->noted = true;
  if (add(c, object, key) < 0)
    return -1;
  n->last = key;
  n->whole |= key == THEUS_WHOLE_KEY;
  return 0;
}

uint64_t key_of_item(PyObject *key) {
  if (!kind_is_plain_exact(key)) // its hash may be anybody's code: all such keys count as one
    return OUR_KEY;
  return (uint64_t)PyObject_Hash(key) << 2 | 2 | OUR_KEY;
}

// ---- versions -------------------------------------------------------------------------------------

// The least version that another transaction of the engine has seen and may have to leave.
static uint64_t oldest(const core *c) {
  uint64_t least = THEUS_ALONE;
  if (c->engine == NULL || c->engine->n_running == 1)
    return least;
  const core *heads[] = {c->engine->threads, c->engine->tasks};
  for (size_t i = 0; i < Py_ARRAY_LENGTH(heads); i++)
    for (const core *other = heads[i]; other != NULL; other = other->next)
      if (other != c && !other->lost && other->now != &other->seen && other->seen < least)
        least = other->seen;
  return least;
}

void reads_of(core *c, theus_reads *out) {
  *out = (theus_reads){.slots = c->reads,
                       .n_slots = c->reads == NULL ? 0 : c->reads_mask + 1,
                       .seen = c->seen,
                       .oldest = oldest(c)};
}

void reads_clear(core *c) {
  if (c->reads_mask >= KEPT_READS) { // do not carry the memory of one large run for ever
    PyMem_Free(c->reads);
    c->reads = NULL;
    c->reads_mask = 0;
  } else if (c->n_reads > 0) {
    memset(c->reads, 0, (c->reads_mask + 1) * sizeof(theus_read));
  }
  c->n_reads = 0;
  c->seen = 0;
  c->now = &c->seen;
  c->lost = c->reader = c->torn = false;
}

// Raises what a transaction that lost raises at every read.
static void raise_lost(core *c) {
  if (c->verdict != NULL) {
    errors_put(Py_NewRef(c->verdict));
    return;
  }
  PyObject *type = errors_class(c->engine->st, "_RunAgain");
  if (type != NULL)
    PyErr_SetString(type, "this run lost against a commit of another one and begins again; "
                          "let this exception pass");
  Py_XDECREF(type);
}

bool reads_has(const core *c, PyObject *target, uint64_t key) {
  uint64_t object = (uint64_t)(uintptr_t)target;
  if (c->n_reads == 0)
    return false;
  size_t at = home(object, key, c->reads_mask);
  for (; c->reads[at].object != 0; at = (at + 1) & c->reads_mask)
    if (c->reads[at].object == object && c->reads[at].key == key)
      return true;
  return false;
}

void core_lose(core *c) {
  c->lost = true;
  c->seen = 0;
  c->now = &NEVER;
}

// Waits until nobody carries out a commit. 0, or -1 with an exception.
static int wait_for_commit(core *c, engine *e) {
  patience waited = {0};
  while (e->clock == APPLYING)
    if (turn_wait(e, &waited, c->proc == NULL ? e->st->s_edit : c->proc->name) < 0)
      return -1;
  return 0;
}

// Asks the kernel whether what was read still holds. 0, or -1 with an exception.
static int ask(core *c, engine *e) {
  theus_reads reads;
  theus_action next = {0};
  theus_error err = {0};
  reads_of(c, &reads);
  theus_status status =
      e->api->tx_catch_up(e->handle, c->proc == NULL ? 0 : c->proc->id, &reads, &next, &err);
  if (status == THEUS_OK && next.kind == THEUS_DONE) {
    c->seen = next.version;
    return 0;
  }
  if (status == THEUS_OK) {
    core_lose(c);
    raise_lost(c);
    return -1;
  }
  engine_raise(e, status, &err);
  if (status == THEUS_CONFLICT) {
    core_lose(c);
    PyObject *error = errors_take();
    c->verdict = Py_NewRef(error);
    errors_put(error);
  }
  return -1;
}

// Called within core_enter and core_exit, so that the core outlives the wait.
static int catch_up(core *c) {
  engine *e = c->engine;
  if (e == NULL) { // its run has ended meanwhile
    PyErr_SetString(PyExc_RuntimeError, "the run ended while it was waited for");
    return -1;
  }
  if (c->lost) {
    raise_lost(c);
    return -1;
  }
  Py_INCREF((PyObject *)e);
  int failed = engine_usable(e) < 0 || wait_for_commit(c, e) < 0 ? -1 : 0;
  if (!failed && c->engine == NULL) {
    PyErr_SetString(PyExc_RuntimeError, "the run ended while it waited for a commit");
    failed = -1;
  }
  if (!failed && c->n_reads == 0 && !c->lost)
    c->seen = *c->now; // it may have begun in the middle of a commit that no history was kept of
  if (!failed && c->seen != *c->now)
    failed = ask(c, e);
  Py_DECREF((PyObject *)e);
  return failed;
}

int core_catch_up(core *c) {
  core_enter(c);
  int failed = catch_up(c);
  core_exit(c);
  return failed;
}

int core_torn(core *c) {
  core_lose(c);
  return core_catch_up(c);
}

int core_read_late(core *c, node *n, uint64_t key) {
  core_enter(c);
  int failed = catch_up(c);
  if (!failed && !n->released && n->last != key && !n->whole)
    failed = core_note(c, n, key);
  core_exit(c);
  return failed;
}
