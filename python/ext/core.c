// core.c: one top-level transaction: the table of objects it met, the delta log, savepoints. What it
// has read is in reads.c.
//
// A node stands for one user object, found by the object's address: two paths to one object meet
// in one node, so an alias sees the same pending writes. A node that nobody looks at and that was
// never written is forgotten, so that iterating a million rows does not keep a million nodes.
//
// Rollback is dropping: core_clear frees overlays and runs no user code but the destructors of
// values that only the transaction held.
#include "ext.h"

#define FIRST_SLOTS 16

core *core_new(void) {
  core *c = PyMem_Calloc(1, sizeof(core));
  if (c == NULL || (c->slots = PyMem_Calloc(FIRST_SLOTS, sizeof(node *))) == NULL) {
    PyMem_Free(c);
    return (core *)PyErr_NoMemory();
  }
  c->mask = FIRST_SLOTS - 1;
  c->now = &c->seen;
  return c;
}

#define MAX_FREE_NODES 64

// Nodes come and go with every view: a few are kept, chained through `views`.
static node *node_new(core *c) {
  node *n = c->free_nodes;
  if (n == NULL)
    return PyMem_Calloc(1, sizeof(node));
  c->free_nodes = (node *)n->views;
  c->n_free--;
  memset(n, 0, sizeof(node));
  return n;
}

void core_keep_node(core *c, node *n) {
  if (c->n_free < MAX_FREE_NODES) {
    n->views = (view *)c->free_nodes;
    c->free_nodes = n;
    c->n_free++;
  } else {
    PyMem_Free(n);
  }
}

static void node_free(core *c, node *n) {
  PyObject *target = n->target;
  overlay *pending = n->pending;
  core_keep_node(c, n);
  overlay_free(pending);
  Py_DECREF(target);
}

static void queue_overlay(core *c, overlay *o) {
  if (o == NULL)
    return;
  o->next = c->dropped;
  c->dropped = o;
}

// What a savepoint still holds waits for core_exit, where user code may run.
static void savepoint_free(core *c, savepoint *p) {
  for (size_t i = 0; i < p->n; i++)
    queue_overlay(c, p->items[i].before);
  PyMem_Free(p->items);
  PyMem_Free(p);
}

// Frees what was queued, one by one: each destructor sees a core in order.
static void sweep(core *c) {
  while (c->dropped != NULL || c->dying != NULL) {
    overlay *o = c->dropped;
    node *n = c->dying;
    if (o != NULL) {
      c->dropped = o->next;
      overlay_free(o);
    } else {
      c->dying = (node *)n->views;
      node_free(c, n);
    }
  }
}

void core_enter(core *c) { c->busy++; }

void core_exit(core *c) {
  if (c->busy == 1)
    sweep(c);
  if (--c->busy == 0 && c->orphan)
    core_free(c);
}

void core_clear(core *c) {
  while (c->point != NULL) {
    savepoint *p = c->point;
    c->point = p->below;
    savepoint_free(c, p);
  }
  // Destructors may run Python code, but none can reach this core: its scope has ended and its
  // views are stale. The table is emptied slot by slot all the same.
  size_t left = c->used;
  c->used = 0;
  for (size_t i = 0; left > 0 && i <= c->mask; i++) {
    node *n = c->slots[i];
    if (n != NULL) {
      c->slots[i] = NULL;
      left--;
      node_free(c, n);
    }
  }
  sweep(c);
  if (c->mask + 1 > 4096) { // do not carry the memory of one large run for ever
    node **small = PyMem_Calloc(FIRST_SLOTS, sizeof(node *));
    if (small != NULL) {
      PyMem_Free(c->slots);
      c->slots = small;
      c->mask = FIRST_SLOTS - 1;
    }
  }
  if (c->cap_log > 4096) {
    PyMem_Free(c->log);
    c->log = NULL;
    c->cap_log = 0;
  }
  c->n_log = c->n_dirty = 0;
  c->level = 0;
  c->foreign = false;
  c->live_views = 0;
  reads_clear(c);
  Py_CLEAR(c->writes);
  Py_CLEAR(c->verdict);
}

void core_free(core *c) {
  if (c == NULL)
    return;
  core_clear(c);
  while (c->free_nodes != NULL) {
    node *n = c->free_nodes;
    c->free_nodes = (node *)n->views;
    PyMem_Free(n);
  }
  PyMem_Free(c->slots);
  PyMem_Free(c->log);
  PyMem_Free(c->dirty);
  PyMem_Free(c->reads);
  PyMem_Free(c);
}

static inline size_t home(const core *c, PyObject *target) {
  uintptr_t p = (uintptr_t)target >> 4;
  return (size_t)(p ^ (p >> 12)) & c->mask;
}

static int grow(core *c) {
  size_t mask = (c->mask + 1) * 2 - 1;
  node **old = c->slots, **slots = PyMem_Calloc(mask + 1, sizeof(node *));
  if (slots == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  size_t old_mask = c->mask;
  c->slots = slots;
  c->mask = mask;
  for (size_t i = 0; i <= old_mask; i++) {
    if (old[i] == NULL)
      continue;
    size_t at = home(c, old[i]->target);
    while (slots[at] != NULL)
      at = (at + 1) & mask;
    slots[at] = old[i];
  }
  PyMem_Free(old);
  return 0;
}

node *core_find(core *c, PyObject *target) {
  for (size_t at = home(c, target); c->slots[at] != NULL; at = (at + 1) & c->mask)
    if (c->slots[at]->target == target)
      return c->slots[at];
  return NULL;
}

node *core_node(core *c, PyObject *target, kind k) {
  size_t at = home(c, target);
  for (; c->slots[at] != NULL; at = (at + 1) & c->mask)
    if (c->slots[at]->target == target)
      return c->slots[at];
  if ((c->used + 1) * 3 > (c->mask + 1) * 2) {
    if (grow(c) < 0)
      return NULL;
    for (at = home(c, target); c->slots[at] != NULL; at = (at + 1) & c->mask)
      ;
  }
  node *n = node_new(c);
  if (n == NULL)
    return (node *)PyErr_NoMemory();
  n->target = Py_NewRef(target);
  n->kind = (uint8_t)k;
  c->slots[at] = n;
  c->used++;
  return n;
}

void core_put_root(core *c, node *n, PyObject *target) {
  n->target = Py_NewRef(target);
  c->slots[home(c, target)] = n;
  c->used = 1;
}

void core_take_root(core *c, node *n) {
  PyObject *target = n->target;
  c->slots[home(c, target)] = NULL;
  c->used = 0;
  n->target = NULL;
  n->views = NULL;
  n->last = 0;
  n->noted = n->whole = false;
  Py_DECREF(target); // the engine has it
}

void core_release(core *c, node *n) {
  if (n->views != NULL || n->pinned)
    return;
  size_t at = home(c, n->target);
  while (c->slots[at] != n)
    at = (at + 1) & c->mask;
  // Close the gap: move back what was pushed past it by linear probing.
  for (size_t next = (at + 1) & c->mask; c->slots[next] != NULL; next = (next + 1) & c->mask) {
    size_t want = home(c, c->slots[next]->target);
    if (((next - want) & c->mask) >= ((next - at) & c->mask)) {
      c->slots[at] = c->slots[next];
      at = next;
    }
  }
  c->slots[at] = NULL;
  c->used--;
  if (c->busy == 0) {
    node_free(c, n);
  } else {
    n->released = true;
    n->views = (view *)c->dying;
    c->dying = n;
  }
}

// ---- garbage collection --------------------------------------------------------------------------

static int visit_overlay(overlay *o, visitproc visit, void *arg) {
  if (o == NULL)
    return 0;
  Py_VISIT(o->fields);
  Py_VISIT(o->changed);
  Py_VISIT(o->added);
  Py_VISIT(o->dead);
  Py_VISIT(o->full);
  Py_VISIT(o->left);
  Py_VISIT(o->how);
  Py_VISIT(o->reverse);
  Py_VISIT(o->forward);
  return 0;
}

static int visit_node(node *n, visitproc visit, void *arg) {
  Py_VISIT(n->target);
  return visit_overlay(n->pending, visit, arg);
}

int core_traverse(core *c, visitproc visit, void *arg) {
  int stop = 0;
  for (size_t i = 0; !stop && i <= c->mask; i++)
    if (c->slots[i] != NULL)
      stop = visit_node(c->slots[i], visit, arg);
  for (node *n = c->dying; !stop && n != NULL; n = (node *)n->views)
    stop = visit_node(n, visit, arg);
  for (overlay *o = c->dropped; !stop && o != NULL; o = o->next)
    stop = visit_overlay(o, visit, arg);
  for (savepoint *p = c->point; !stop && p != NULL; p = p->below)
    for (size_t i = 0; !stop && i < p->n; i++)
      stop = visit_overlay(p->items[i].before, visit, arg);
  if (stop)
    return stop;
  Py_VISIT(c->writes);
  return 0;
}

// ---- savepoints ---------------------------------------------------------------------------------

int core_savepoint(core *c) {
  savepoint *p = PyMem_Calloc(1, sizeof(savepoint));
  if (p == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  p->below = c->point;
  p->n_log = c->n_log;
  p->n_dirty = c->n_dirty;
  p->n_writes = c->writes == NULL ? 0 : PyList_GET_SIZE(c->writes);
  c->point = p;
  c->level++;
  return 0;
}

static int reserve(savepoint *p, size_t more) {
  if (p->n + more <= p->cap)
    return 0;
  size_t cap = p->cap == 0 ? 8 : p->cap * 2;
  if (cap < p->n + more)
    cap = p->n + more;
  saved *items = PyMem_Realloc(p->items, cap * sizeof(saved));
  if (items == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  p->items = items;
  p->cap = cap;
  return 0;
}

// What is touched is settled and applied, even if the operation that touched it fails half-way.
static int mark_dirty(core *c, node *n) {
  if (c->n_dirty == c->cap_dirty) {
    size_t cap = c->cap_dirty == 0 ? 16 : c->cap_dirty * 2;
    node **dirty = PyMem_Realloc(c->dirty, cap * sizeof(node *));
    if (dirty == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    c->dirty = dirty;
    c->cap_dirty = cap;
  }
  c->dirty[c->n_dirty++] = n;
  n->ordinal = (uint32_t)c->n_dirty;
  return 0;
}

int core_touch(core *c, node *n) {
  if (n->released) { // or a savepoint would name it after it is freed
    PyErr_SetString(PyExc_RuntimeError, "the run ended while a container was being changed");
    return -1;
  }
  if (n->level < c->level) {
    overlay *now = n->pending, *before = now == NULL ? NULL : overlay_clone(now);
    if (now != NULL && before == NULL)
      return -1;
    if (n->level >= c->level || n->pending != now) { // cloning compared keys: user code was here
      overlay_free(before);
      PyErr_SetString(PyExc_RuntimeError, "a container changed while its keys were compared");
      return -1;
    }
    if (reserve(c->point, 1) < 0) {
      overlay_free(before);
      return -1;
    }
    c->point->items[c->point->n++] = (saved){n, before, n->level};
    n->level = c->level;
    n->pinned = true;
  }
  if (n->ordinal == 0 && mark_dirty(c, n) < 0)
    return -1;
  if (n->pending == NULL) {
    // What is pending for a list, deque or bytearray counts from the length of the base.
    if ((n->kind == KIND_LIST || n->kind == KIND_DEQUE) && core_note(c, n, THEUS_SIZE_KEY) < 0)
      return -1;
    n->pending = PyMem_Calloc(1, sizeof(overlay));
    if (n->pending == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    if (n->kind == KIND_LIST)
      n->pending->keep = PyList_GET_SIZE(n->target);
    else if (n->kind == KIND_DEQUE)
      n->pending->keep = Py_SIZE(n->target);
    else if (n->kind == KIND_BYTES)
      n->pending->keep = PyObject_Size(n->target);
    n->pinned = true;
  }
  return 0;
}

int core_unchanged(node *n, overlay *o) {
  if (n->pending == o)
    return 0;
  PyErr_SetString(PyExc_RuntimeError, "a container was rolled back while it was being changed");
  return -1;
}

int core_keep(core *c) {
  savepoint *p = c->point, *below = p->below;
  if (below != NULL && reserve(below, p->n) < 0)
    return -1;
  c->point = below;
  c->level--;
  for (size_t i = 0; i < p->n; i++) {
    saved *s = &p->items[i];
    s->node->level = c->level;
    if (s->level < c->level) // the savepoint below had not saved it: it inherits what was saved here
      below->items[below->n++] = *s;
    else
      queue_overlay(c, s->before);
    s->before = NULL;
  }
  savepoint_free(c, p);
  return 0;
}

void core_rollback(core *c) {
  savepoint *p = c->point;
  c->point = p->below;
  c->level--;
  c->n_log = p->n_log;
  while (c->n_dirty > p->n_dirty)
    c->dirty[--c->n_dirty]->ordinal = 0;
  for (size_t i = p->n; i-- > 0;) {
    saved *s = &p->items[i];
    overlay *dropped = s->node->pending;
    if (s->node->kind >= KIND_BYTES && s->node->kind <= KIND_ARRAY)
      memory_rollback(s->node, s->before);
    s->node->pending = s->before;
    s->node->level = s->level;
    s->node->logged = s->before == NULL ? 0 : s->before->structure;
    s->before = dropped; // freed later, when all is restored: a destructor may look
  }
  // Shrunk by hand: PyList_SetSlice needs memory even to delete. The list is known here alone.
  for (Py_ssize_t n; c->writes != NULL && (n = PyList_GET_SIZE(c->writes)) > p->n_writes;) {
    PyObject *entry = PyList_GET_ITEM(c->writes, n - 1);
    Py_SET_SIZE(c->writes, n - 1);
    Py_DECREF(entry);
  }
  savepoint_free(c, p);
}

// ---- the delta log ------------------------------------------------------------------------------

// Appends one record for a write at shape s below v. A store, not a call: the kernel reads the
// log when the process finishes. key: what of the object changes, THEUS_ANY_KEY for all of it.
int core_record(view *v, shape *s, node *n, uint16_t op, uint16_t flags, uint64_t key,
                uint64_t nbytes) {
  core *c = v->scope->core;
  if (c->n_log == c->cap_log) {
    size_t cap = c->cap_log == 0 ? 64 : c->cap_log * 2;
    theus_record *log = PyMem_Realloc(c->log, cap * sizeof(theus_record));
    if (log == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    c->log = log;
    c->cap_log = cap;
  }
  if (n->pending != NULL && n->pending->structure != n->logged) {
    flags |= THEUS_RECORD_RESIZES;
    n->logged = n->pending->structure;
  }
  c->log[c->n_log++] = (theus_record){.op = op,
                                      .flags = flags,
                                      .shape = s->id,
                                      .object = (uint64_t)(uintptr_t)n->target,
                                      .key = key,
                                      .nbytes = nbytes};
  s->did |= THEUS_MAY_WRITE;
  if (flags & THEUS_RECORD_FOREIGN)
    c->foreign = true;
  return 0;
}
