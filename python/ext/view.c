// view.c: what all views have in common: birth, identity, death, refusal.
//
// A view is linked twice: into its scope, which makes it stale at its end, and into its node, so
// that the same object seen at the same shape is the same view while anybody holds it.
#include "ext.h"

#define MAX_FREE_VIEWS 64

bool view_is(state *st, PyObject *value) {
  (void)st;
  return Py_TYPE(value)->tp_dealloc == view_dealloc; // no other type has it, none can be derived
}

bool view_of(PyObject *value, family f) {
  PyTypeObject *t = Py_TYPE(value);
  if (t->tp_dealloc != view_dealloc)
    return false;
  state *st = STATE((view *)value);
  return PyType_IsSubtype(t, st->exact[f][0]) || PyType_IsSubtype(t, st->exact[f][1]);
}

static PyTypeObject *type_for(state *st, const node *n, const shape *s, const view *parent) {
  if (n->kind == KIND_BYTES)
    return st->exact[FAMILY_BYTES][(s->bits & THEUS_MAY_WRITE) != 0];
  if (n->kind < KIND_LIST || n->kind > KIND_DEQUE)
    return parent == NULL ? st->context_view : st->object_view;
  family f = base_family(st, n->target);
  bool exact = Py_TYPE(n->target) == st->builtin[f];
  return (exact ? st->exact : st->part)[f][(s->bits & THEUS_MAY_WRITE) != 0];
}

// Without a collection: it would run destructors while nothing holds the node yet.
static view *view_alloc(PyTypeObject *type) {
#if PY_VERSION_HEX < 0x030C0000 // later versions collect between instructions only
  int collecting = PyGC_Disable();
  view *v = PyObject_GC_New(view, type);
  if (collecting)
    PyGC_Enable();
  return v;
#else
  return PyObject_GC_New(view, type);
#endif
}

// New: what a path shows of a key. An object of a user's class is shown by its type alone: its own
// __repr__ must not run on the object itself, and a view must not lead to it.
static PyObject *shown_key(state *st, PyObject *key, bool *opaque) {
  *opaque = false;
  int plain_key = kind_is_plain_exact(key) ? 1 : is_plain(st, key);
  if (plain_key != 0)
    return plain_key < 0 ? NULL : Py_NewRef(key);
  *opaque = true;
  return PyUnicode_FromFormat("<%s>", Py_TYPE(key)->tp_name);
}

static PyObject *view_new_shown(scope *s, node *n, shape *sh, view *parent, PyObject *key,
                                Py_ssize_t index, uint8_t segment, bool self) {
  state *st = s->st;
  PyTypeObject *type = type_for(st, n, sh, parent);
  view *v = st->free_views;
  if (v != NULL) {
    st->free_views = v->next;
    st->n_free_views--;
    (void)PyObject_Init((PyObject *)v, type); // takes a reference to the heap type
  } else if ((v = view_alloc(type)) == NULL) {
    core_release(s->core, n);
    return NULL;
  }
  v->node = n;
  v->shape = sh;
  v->scope = (scope *)Py_NewRef((PyObject *)s);
  v->parent = (view *)Py_XNewRef((PyObject *)parent);
  v->key = Py_XNewRef(key);
  v->index = index;
  v->segment = segment;
  v->self = self;
  v->twin = n->views;
  n->views = v;
  v->prev = NULL;
  v->next = s->views;
  if (s->views != NULL)
    s->views->prev = v;
  s->views = v;
  s->core->live_views++;
  PyObject_GC_Track((PyObject *)v);
  return (PyObject *)v;
}

PyObject *view_new(scope *s, node *n, shape *sh, view *parent, PyObject *key, Py_ssize_t index,
                   uint8_t segment, bool self) {
  for (view *v = n->views; v != NULL; v = v->twin)
    if (v->shape == sh && v->scope == s && v->self == self)
      return Py_NewRef((PyObject *)v);
  state *st = s->st;
  if (key != NULL && segment != THEUS_ATTR && segment != THEUS_OTHER && !kind_is_plain_exact(key)) {
    bool opaque;
    PyObject *shown = shown_key(st, key, &opaque);
    PyObject *v = shown == NULL ? NULL
                                : view_new_shown(s, n, sh, parent, shown, index,
                                                 opaque ? THEUS_OTHER : segment, self);
    if (shown == NULL)
      core_release(s->core, n);
    Py_XDECREF(shown);
    return v;
  }
  return view_new_shown(s, n, sh, parent, key, index, segment, self);
}


void view_detach(view *v) {
  node *n = v->node;
  scope *s = v->scope;
  if (n == NULL)
    return;
  v->node = NULL;
  view **link = &n->views;
  while (*link != v)
    link = &(*link)->twin;
  *link = v->twin;
  if (v->prev != NULL)
    v->prev->next = v->next;
  else
    s->views = v->next;
  if (v->next != NULL)
    v->next->prev = v->prev;
  s->core->live_views--;
  core_release(s->core, n);
}

void view_dealloc(PyObject *self) {
  view *v = (view *)self;
  PyObject_GC_UnTrack(self);
  view_detach(v); // before the trashcan can put it off: a dead view must not be found again
  Py_TRASHCAN_BEGIN(self, view_dealloc)
  PyTypeObject *type = Py_TYPE(self);
  state *st = STATE(v);
  PyObject *dying[] = {(PyObject *)v->parent, v->key, (PyObject *)v->scope};
  if (st->n_free_views < MAX_FREE_VIEWS) {
    v->next = st->free_views;
    st->free_views = v;
    st->n_free_views++;
  } else {
    PyObject_GC_Del(self);
  }
  for (size_t i = 0; i < Py_ARRAY_LENGTH(dying); i++)
    Py_XDECREF(dying[i]);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

int view_traverse(PyObject *self, visitproc visit, void *arg) {
  view *v = (view *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(v->parent);
  Py_VISIT(v->key);
  Py_VISIT(v->scope);
  return 0;
}

// Breaks cycles that run through a key. The scope is needed to refuse later uses and stays.
int view_clear(PyObject *self) {
  view *v = (view *)self;
  view_detach(v);
  Py_CLEAR(v->parent);
  Py_CLEAR(v->key);
  return 0;
}

PyObject *view_new_refused(PyTypeObject *type, PyObject *args, PyObject *kw) {
  (void)args, (void)kw;
  PyErr_Format(PyExc_TypeError, "%s cannot be created directly: views come from the ctx of a process",
               type->tp_name);
  return NULL;
}

PyObject *view_repr_stale(view *v) {
  return PyUnicode_FromFormat("<stale %s of process '%U'>", Py_TYPE(v)->tp_name, v->scope->name);
}

PyObject *view_get_class(PyObject *self, void *unused) {
  (void)unused;
  view *v = (view *)self;
  VIEW_CHECK(v);
  return Py_NewRef((PyObject *)Py_TYPE(v->node->target));
}

// pickle, copy.copy and copy.deepcopy of a view give plain values.
PyObject *view_copy(PyObject *self, PyObject *unused) {
  (void)unused;
  return plain_view((view *)self);
}

PyObject *view_deepcopy(PyObject *self, PyObject *memo) {
  (void)memo;
  return plain_view((view *)self);
}

PyObject *view_reduce(PyObject *self, PyObject *unused) {
  (void)unused;
  PyObject *module = PyImport_ImportModule("theus._values");
  PyObject *restore = module == NULL ? NULL : PyObject_GetAttrString(module, "_restore");
  PyObject *value = restore == NULL ? NULL : plain_view((view *)self);
  PyObject *reduced = value == NULL ? NULL : Py_BuildValue("O(O)", restore, value);
  Py_XDECREF(value);
  Py_XDECREF(restore);
  Py_XDECREF(module);
  return reduced;
}

// ---- refusals -----------------------------------------------------------------------------------

// One step as the kernel understands it. The text borrows from *held, which the caller releases.
static int segment_of(state *st, theus_segment *out, uint8_t segment, PyObject *key, Py_ssize_t index,
                      PyObject **held) {
  *out = (theus_segment){0};
  *held = NULL;
  if (segment == THEUS_INT && key == NULL) {
    out->kind = THEUS_INT;
    out->number = index;
    return 0;
  }
  if (segment != THEUS_ATTR && PyLong_Check(key)) {
    int overflow;
    out->number = PyLong_AsLongLongAndOverflow(key, &overflow);
    if (overflow == 0) {
      out->kind = THEUS_INT;
      return 0;
    }
  }
  out->kind = segment == THEUS_ATTR                               ? THEUS_ATTR
              : segment != THEUS_OTHER && PyUnicode_Check(key)     ? THEUS_TEXT
                                                                   : THEUS_OTHER;
  bool opaque = true; // as in a view: THEUS_OTHER with a text ready to show
  PyObject *text = segment == THEUS_ATTR || segment == THEUS_OTHER ? Py_NewRef(key)
                                                                   : shown_key(st, key, &opaque);
  if (text != NULL && !opaque && out->kind == THEUS_OTHER)
    Py_SETREF(text, PyObject_Repr(text));
  PyObject *utf8 = text == NULL ? NULL : PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
  Py_XDECREF(text);
  if (utf8 == NULL)
    return -1;
  *held = utf8;
  out->text = (theus_str){PyBytes_AS_STRING(utf8), (size_t)PyBytes_GET_SIZE(utf8)};
  return 0;
}

typedef struct {
  theus_segment *segments;
  PyObject **held;
  size_t n;
} trail;

static void trail_free(trail *t) {
  for (size_t i = 0; i < t->n; i++)
    Py_XDECREF(t->held[i]);
  PyMem_Free(t->segments);
  PyMem_Free(t->held);
}

// The path from the root to v, and one step below it if segment is not 0.
static int trail_of(trail *t, view *v, uint8_t segment, PyObject *key, Py_ssize_t index) {
  size_t n = segment != 0;
  for (view *up = v; up->segment != 0; up = up->parent)
    n++;
  t->n = n;
  t->segments = PyMem_Calloc(n + 1, sizeof(theus_segment));
  t->held = PyMem_Calloc(n + 1, sizeof(PyObject *));
  if (t->segments == NULL || t->held == NULL) {
    t->n = 0;
    PyErr_NoMemory();
    return -1;
  }
  if (segment != 0) {
    n--;
    if (segment_of(STATE(v), &t->segments[n], segment, key, index, &t->held[n]) < 0)
      return -1;
  }
  for (view *up = v; up->segment != 0; up = up->parent) {
    n--;
    if (segment_of(STATE(v), &t->segments[n], up->segment, up->key, up->index, &t->held[n]) < 0)
      return -1;
  }
  return 0;
}

void *view_deny(view *v, uint32_t tried, uint8_t segment, PyObject *key, Py_ssize_t index,
                const char *detail) {
  VIEW_CHECK(v);
  trail t = {0};
  theus_str text = {detail, strlen(detail)};
  PyObject *held = detail[0] == '\0' ? NULL : PyUnicode_FromString(detail); // a type's name may die
  engine *e = (engine *)Py_NewRef((PyObject *)v->scope->engine);
  if (held != NULL)
    text.data = PyUnicode_AsUTF8AndSize(held, NULL);
  if ((held == NULL && detail[0] != '\0') || text.data == NULL || engine_usable(e) < 0 ||
      scope_handle(v->scope) == 0 || trail_of(&t, v, segment, key, index) < 0) {
    // the exception is set
  } else if (v->node == NULL) { // spelling a key ran user code
    errors_stale(v);
  } else {
    theus_error err = {0};
    theus_status status =
        e->api->deny(e->handle, v->scope->handle, tried, t.segments, t.n, text, &err);
    PyObject *proc = Py_XNewRef((PyObject *)v->scope->proc);
    engine_raise(e, status, &err);
    if (proc != NULL) // edit() has none
      errors_about(e->st, (process *)proc);
    Py_XDECREF(proc);
  }
  trail_free(&t);
  Py_XDECREF(held);
  Py_DECREF((PyObject *)e);
  return NULL;
}

// key: what is read, 0 for nothing yet.
static int allowed(view *v, uint8_t right, uint32_t tried, const char *detail, uint64_t key) {
  if (v->node == NULL) {
    errors_stale(v);
    return -1;
  }
  if (!(v->shape->bits & right)) {
    view_deny(v, tried, 0, NULL, 0, detail);
    return -1;
  }
  v->shape->did |= right;
  core *c = v->scope->core;
  if ((key == 0 ? core_fresh(c) : core_read(c, v->node, key)) < 0)
    return -1;
  VIEW_CHECK_INT(v); // it may have waited
  return 0;
}

int view_readable(view *v) {
  return allowed(v, THEUS_MAY_READ, THEUS_TRY_ITERATE, "", THEUS_WHOLE_KEY);
}

int view_open(view *v) { return allowed(v, THEUS_MAY_READ, THEUS_TRY_ITERATE, "", 0); }

int view_sized(view *v) {
  return allowed(v, THEUS_MAY_READ, THEUS_TRY_ITERATE, "", THEUS_SIZE_KEY);
}

int view_writable(view *v, const char *frozen) {
  return allowed(v, THEUS_MAY_WRITE, THEUS_TRY_MUTATE, frozen, 0);
}

PyObject *view_path(view *v, uint8_t segment, PyObject *key, Py_ssize_t index) {
  VIEW_CHECK(v);
  engine *e = (engine *)Py_NewRef((PyObject *)v->scope->engine); // spelling a key runs user code
  trail t = {0};
  PyObject *text = NULL;
  char stack[256], *buffer = stack;
  if (engine_usable(e) == 0 && trail_of(&t, v, segment, key, index) == 0) {
    size_t length = 0;
    theus_error err = {0};
    theus_status status =
        e->api->path_spell(t.segments, t.n, buffer, sizeof(stack), &length, &err);
    if (status == THEUS_OK && length > sizeof(stack)) {
      buffer = PyMem_Malloc(length);
      if (buffer != NULL)
        status = e->api->path_spell(t.segments, t.n, buffer, length, &length, &err);
    }
    if (buffer == NULL)
      PyErr_NoMemory();
    else if (status != THEUS_OK)
      engine_raise(e, status, &err);
    else
      text = PyUnicode_DecodeUTF8(buffer, (Py_ssize_t)length, "replace");
  }
  if (buffer != stack)
    PyMem_Free(buffer);
  trail_free(&t);
  Py_DECREF((PyObject *)e);
  return text;
}

// What of its object a write changes. Whatever shifts or sorts elements changes all.
static uint64_t changed(const view *v, uint16_t op, uint8_t segment, PyObject *key, Py_ssize_t index) {
  if (segment == 0)
    return THEUS_ANY_KEY;
  switch ((kind)v->node->kind) {
  case KIND_LIST:
    if (key != NULL)
      break; // an attribute of an instance of a subclass
    return op == THEUS_OP_SET_ITEM || op == THEUS_OP_APPEND ||
                   (op == THEUS_OP_POP && index == list_len(v->node))
               ? key_of_index(index)
               : THEUS_ANY_KEY;
  case KIND_DICT:
  case KIND_SET:
    if (segment != THEUS_ATTR)
      return key_of_item(key);
    break;
  case KIND_OBJECT:
    break;
  default:
    return THEUS_ANY_KEY;
  }
  return segment == THEUS_ATTR ? key_of_name(key) : THEUS_ANY_KEY;
}

int view_log(view *v, shape *s, uint16_t op, uint8_t segment, PyObject *key, Py_ssize_t index,
             PyObject *value, PyObject *old) {
  VIEW_CHECK_INT(v); // the write itself may have run user code
  bool heavy = s->zone == THEUS_HEAVY;
  bool foreign = false;
  uint8_t kind = v->node->kind;
  PyObject *target = Py_NewRef(v->node->target), *path = NULL, *at = NULL, *entry = NULL;
  PyObject *zone = NULL, *signal = NULL;
  int failed = -1;
  if (kind == KIND_OBJECT)
    foreign = kind_facts(STATE(v), target) & TYPE_FOREIGN;
  else if ((kind == KIND_DICT || kind == KIND_SET) && key != NULL)
    foreign = !kind_is_plain_exact(key);
  uint16_t flags = (uint16_t)((heavy ? THEUS_RECORD_HEAVY : 0) |
                              (foreign && !heavy ? THEUS_RECORD_FOREIGN : 0));
  uint64_t nbytes = heavy && value != NULL ? heavy_nbytes(value) : 0;
  if (v->node == NULL) { // looking at a class or a buffer ran user code
    errors_stale(v);
    goto done;
  }
  core *c = v->scope->core;
  if (core_record(v, s, v->node, op, flags, changed(v, op, segment, key, index), nbytes) < 0)
    goto done;
  if (STATE(v)->has_models && !heavy && models_note(v) < 0)
    goto done;
  if (v->scope->engine->schema != NULL && !heavy && schema_note(v) < 0)
    goto done;
  if (c->writes == NULL || (s->zone != THEUS_SIGNAL && v->scope->engine->curious == 0)) {
    failed = 0;
    goto done;
  }
  path = view_path(v, segment, key, index);
  at = segment == 0 ? Py_NewRef(Py_None)
       : key != NULL ? Py_NewRef(key)
                     : PyLong_FromSsize_t(index);
  if (path != NULL && v->node == NULL) // spelling a key ran user code
    errors_stale(v);
  else if (path != NULL && at != NULL && (zone = signal_zone(s)) != NULL &&
           (signal = signal_field(v, s, segment, key, index)) != NULL)
    entry = delta_new(STATE(v), path, op, value, old, target, at, zone, signal);
  if (entry != NULL && v->node == NULL) // spelling a key ran user code
    errors_stale(v);
  else if (entry != NULL)
    failed = PyList_Append(v->scope->core->writes, entry);
done:
  Py_XDECREF(signal);
  Py_XDECREF(zone);
  Py_XDECREF(entry);
  Py_XDECREF(at);
  Py_XDECREF(path);
  Py_DECREF(target);
  return failed;
}
