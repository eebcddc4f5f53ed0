// schema.c: compares what a run wrote with the types of a schema. The kernel says which values are of
// which type; its answers are kept here as a table, as those about paths are kept in shapes. Only
// what the table does not accept is handed to the kernel, which accepts it or refuses the run.
//
// While a process runs, view_log notes each container and object it writes into, with its type: what
// is pending there is looked at when the run ends. A value that was put in is new, and is looked
// into as well; what it holds is put on a list, so that neither depth nor cycles matter.
//
// Ownership rules
//   A note owns its view and its path. The node is the core's, which keeps what was written.
//   The list of an inspection owns values and keys, which may be gone from where they were.
// Reference count assumptions: comparing runs no code of the user. What asks the kernel may, since
// values that are refused are printed; nothing of the overlay is held on to meanwhile but what is
// owned.
#include "ext.h"

#define NOTHING UINT32_MAX // no type fits

typedef struct {
  uint32_t accepts, item, key;
  bool asked;
  PyObject *cls;    // owned class, or NULL
  PyObject *fields; // owned dict: name -> number of a type, or NULL
  uint32_t *members;
  size_t n_members;
} typing;

struct schema {
  size_t n;
  typing types[];
};

typedef struct {
  node *at;
  view *seen;     // owned, until the run is judged
  PyObject *path; // owned, of a nested run that was judged
  uint32_t type;
} note;

struct notes {
  note *items;
  size_t n, cap;
};

void schema_free(schema *x) {
  for (size_t i = 0; x != NULL && i < x->n; i++) {
    Py_XDECREF(x->types[i].cls);
    Py_XDECREF(x->types[i].fields);
    PyMem_Free(x->types[i].members);
  }
  PyMem_Free(x);
}

int schema_visit(schema *x, visitproc visit, void *arg) {
  for (size_t i = 0; x != NULL && i < x->n; i++)
    Py_VISIT(x->types[i].cls);
  return 0;
}

// ---- the table ----------------------------------------------------------------------------------

// New dict name -> number, or NULL.
static PyObject *fields_of(const theus_typing *from) {
  PyObject *fields = PyDict_New();
  for (size_t i = 0; fields != NULL && i < from->n_fields; i++) {
    const theus_typed_field *f = &from->fields[i];
    PyObject *name = PyUnicode_DecodeUTF8(f->name.data, (Py_ssize_t)f->name.len, "strict");
    if (name != NULL)
      PyUnicode_InternInPlace(&name);
    PyObject *number = name == NULL ? NULL : PyLong_FromUnsignedLong(f->type);
    if (number == NULL || PyDict_SetItem(fields, name, number) < 0)
      Py_CLEAR(fields);
    Py_XDECREF(number);
    Py_XDECREF(name);
  }
  return fields;
}

static int copy_typing(typing *to, const theus_typing *from, PyObject *classes) {
  to->accepts = from->accepts;
  to->item = from->item;
  to->key = from->key;
  to->asked = from->asked != 0;
  if (from->n_fields > 0 && (to->fields = fields_of(from)) == NULL)
    return -1;
  if (from->n_members > 0) {
    to->members = PyMem_Malloc(from->n_members * sizeof(uint32_t));
    if (to->members == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    memcpy(to->members, from->members, from->n_members * sizeof(uint32_t));
    to->n_members = from->n_members;
  }
  if (from->class_name.len == 0)
    return 0;
  PyObject *name =
      PyUnicode_DecodeUTF8(from->class_name.data, (Py_ssize_t)from->class_name.len, "strict");
  PyObject *cls = name == NULL ? NULL : PyDict_GetItemWithError(classes, name);
  Py_XDECREF(name);
  if (cls == NULL || !PyType_Check(cls)) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_TypeError, "the classes of a schema are a dict of names to classes");
    return -1;
  }
  to->cls = Py_NewRef(cls);
  return 0;
}

static uint32_t kind_bit(state *st, PyObject *value) {
  if (value == Py_None)
    return THEUS_TYPE_NONE;
  if (PyLong_Check(value))
    return PyBool_Check(value) ? THEUS_TYPE_BOOL : THEUS_TYPE_INT;
  if (PyFloat_Check(value))
    return THEUS_TYPE_FLOAT;
  if (PyUnicode_Check(value))
    return THEUS_TYPE_TEXT;
  if (PyList_Check(value))
    return THEUS_TYPE_LIST;
  if (PyDict_Check(value))
    return THEUS_TYPE_DICT;
  if (PyTuple_Check(value))
    return THEUS_TYPE_TUPLE;
  if (PyBytes_Check(value))
    return THEUS_TYPE_BYTES;
  if (PyAnySet_Check(value))
    return PySet_Check(value) ? THEUS_TYPE_SET : THEUS_TYPE_FROZENSET;
  if (PyByteArray_Check(value))
    return THEUS_TYPE_BYTEARRAY;
  if (PyObject_TypeCheck(value, st->builtin[FAMILY_DEQUE]))
    return THEUS_TYPE_DEQUE;
  return THEUS_TYPE_OBJECT;
}

// The type of a table that a value fits: the type itself, or a member of it. A class is preferred
// that is exactly the value's.
static uint32_t fitting(state *st, schema *x, uint32_t type, PyObject *value) {
  const typing *t = &x->types[type];
  if (t->n_members == 0) {
    bool fits = t->cls != NULL ? PyObject_TypeCheck(value, (PyTypeObject *)t->cls)
                               : (t->accepts & kind_bit(st, value)) != 0;
    return fits ? type : NOTHING;
  }
  uint32_t found = NOTHING;
  for (size_t i = 0; i < t->n_members; i++) {
    uint32_t member = t->members[i];
    if (x->types[member].cls == (PyObject *)Py_TYPE(value))
      return member;
    if (found == NOTHING)
      found = fitting(st, x, member, value);
  }
  return found;
}

static bool deep(const typing *t) { return t->item != 0 || t->key != 0 || t->fields != NULL; }

// The type of a field; 0: nothing is said of it.
static uint32_t field_type(const typing *t, PyObject *name) {
  PyObject *number = t->fields == NULL || !PyUnicode_CheckExact(name)
                         ? NULL
                         : PyDict_GetItemWithError(t->fields, name);
  return number == NULL ? 0 : (uint32_t)PyLong_AsUnsignedLong(number);
}

// ---- what is written ------------------------------------------------------------------------------

// The type of what a view stands for; 0: nothing is said of it.
static uint32_t type_of(schema *x, view *v) {
  if (v->parent == NULL)
    return THEUS_TYPE_ROOT;
  if (v->node == NULL || v->parent->node == NULL)
    return 0;
  uint32_t above = type_of(x, v->parent);
  if (above == 0)
    return 0;
  const typing *t = &x->types[above];
  uint32_t type = v->key == NULL ? 0 : field_type(t, v->key);
  if (type == 0 && v->segment != THEUS_ATTR)
    type = t->item;
  if (type == 0)
    return 0;
  type = fitting(STATE(v), x, type, v->node->target);
  return type == NOTHING ? 0 : type;
}

int schema_note(view *v) {
  scope *s = v->scope;
  schema *x = s->engine->schema;
  node *n = v->node;
  uint32_t type = type_of(x, v);
  if (type == 0 || !deep(&x->types[type]))
    return 0;
  struct notes *all = s->notes;
  if (all == NULL && (all = s->notes = PyMem_Calloc(1, sizeof(struct notes))) == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  if (n->written > 0 && n->written <= all->n && all->items[n->written - 1].at == n &&
      all->items[n->written - 1].type == type)
    return 0;
  if (all->n == all->cap) {
    size_t cap = all->cap == 0 ? 8 : all->cap * 2;
    note *items = PyMem_Realloc(all->items, cap * sizeof(note));
    if (items == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    all->items = items;
    all->cap = cap;
  }
  all->items[all->n++] = (note){n, (view *)Py_NewRef((PyObject *)v), NULL, type};
  n->written = (uint32_t)all->n;
  return 0;
}

void schema_forget(scope *s) {
  struct notes *all = s->notes;
  s->notes = NULL;
  for (size_t i = 0; all != NULL && i < all->n; i++) {
    Py_XDECREF((PyObject *)all->items[i].seen);
    Py_XDECREF(all->items[i].path);
  }
  if (all != NULL)
    PyMem_Free(all->items);
  PyMem_Free(all);
}

int schema_visit_notes(scope *s, visitproc visit, void *arg) {
  for (size_t i = 0; s->notes != NULL && i < s->notes->n; i++)
    Py_VISIT((PyObject *)s->notes->items[i].seen);
  return 0;
}

int schema_keep(scope *s) {
  struct notes *mine = s->notes, *outer = s->outer->notes;
  if (mine == NULL)
    return 0;
  if (outer == NULL) {
    s->outer->notes = mine;
    s->notes = NULL;
    return 0;
  }
  note *items = PyMem_Realloc(outer->items, (outer->n + mine->n) * sizeof(note));
  if (items == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  memcpy(items + outer->n, mine->items, mine->n * sizeof(note));
  outer->items = items;
  outer->n = outer->cap = outer->n + mine->n;
  mine->n = 0;
  return 0;
}

// ---- looking --------------------------------------------------------------------------------------

// A value that is looked into, or a note, whose place it keeps.
typedef struct {
  PyObject *value; // owned, or NULL of a note
  const note *written;
  uint32_t type;
  size_t above;    // index of what it is in; its own, of a note
  PyObject *key;   // owned, NULL where index counts
  Py_ssize_t index;
  bool attribute;
} found;

typedef struct {
  engine *e;
  state *st;
  schema *x;
  core *c;        // NULL: the state is looked at as it is
  PyObject *name; // borrowed: of the process, or NULL
  found *list;
  size_t n, cap;
  PyObject *seen; // owned set of (value, type) that are on the list, or NULL
} inspection;

static found *push(inspection *q) {
  if (q->n == q->cap) {
    size_t cap = q->cap == 0 ? 16 : q->cap * 2;
    found *list = PyMem_Realloc(q->list, cap * sizeof(found));
    if (list == NULL)
      return (found *)PyErr_NoMemory();
    q->list = list;
    q->cap = cap;
  }
  q->list[q->n] = (found){0};
  return &q->list[q->n++];
}

// New: where something on the list is.
static PyObject *path_of(inspection *q, size_t at) {
  const found *here = &q->list[at];
  if (here->written != NULL)
    return here->written->path != NULL ? Py_NewRef(here->written->path)
                                       : view_path(here->written->seen, 0, NULL, 0);
  if (here->above == at)
    return PyUnicode_FromString("");
  if (here->index < 0) { // a key of a dict, which is no place of its own
    PyObject *dict = path_of(q, here->above);
    PyObject *keys = dict == NULL ? NULL : PyUnicode_FromFormat("%U.keys()", dict);
    Py_XDECREF(dict);
    return keys;
  }
  PyObject *above = path_of(q, here->above); // as deep as the value is, which fits the stack
  PyObject *key = here->key != NULL ? Py_NewRef(here->key) : PyLong_FromSsize_t(here->index);
  PyObject *path = key == NULL ? NULL
                               : fetch_longer(Py_XNewRef(above),
                                              here->attribute ? THEUS_NAME : THEUS_TEXT, key, false);
  Py_XDECREF(key);
  Py_XDECREF(above);
  return path;
}

// Asks the kernel about a value; NULL is one that is missing. It stands in what is at above. 0, -1.
static int ask(inspection *q, uint32_t type, PyObject *value, size_t above, PyObject *key,
               Py_ssize_t index, bool attribute) {
  fetch f = {.st = q->st};
  theus_value told = {0};
  theus_error err = {0};
  theus_str none = {0};
  int failed = value == NULL ? 0 : fetch_object(&f, value, THEUS_NEED_VALUE | THEUS_NEED_TYPE, 0, &told);
  if (!failed && engine_usable(q->e) < 0)
    failed = -1;
  theus_status status = failed ? THEUS_OK : q->e->api->schema_judge(q->e->handle, type, &told, none, none, &err);
  if (!failed && status == THEUS_SCHEMA) {
    q->e->api->error_release(&err);
    found *here = push(q);
    if (here != NULL)
      *here = (found){.above = above, .key = Py_XNewRef(key), .index = index, .attribute = attribute};
    PyObject *path = here == NULL ? NULL : path_of(q, q->n - 1);
    Py_ssize_t n_path = 0, n_name = 0;
    const char *utf8 = path == NULL ? NULL : PyUnicode_AsUTF8AndSize(path, &n_path);
    const char *name = utf8 == NULL || q->name == NULL ? "" : PyUnicode_AsUTF8AndSize(q->name, &n_name);
    if (utf8 == NULL || name == NULL)
      failed = -1;
    else
      status = q->e->api->schema_judge(q->e->handle, type, &told, (theus_str){name, (size_t)n_name},
                                       (theus_str){utf8, (size_t)n_path}, &err);
    Py_XDECREF(path);
  }
  PyObject *error = failed ? errors_take() : NULL;
  fetch_free(&f);
  if (error != NULL)
    errors_put(error);
  if (failed)
    return -1;
  if (status != THEUS_OK) {
    engine_raise(q->e, status, &err);
    return -1;
  }
  return 0;
}

// Whether a value is on the list already; notes that it is. 1, 0, -1.
static int known(inspection *q, PyObject *value, uint32_t type) {
  if (q->seen == NULL && (q->seen = PySet_New(NULL)) == NULL)
    return -1;
  uint64_t both = ((uint64_t)(uintptr_t)value >> 3) ^ ((uint64_t)type << 46);
  PyObject *mark = PyLong_FromUnsignedLongLong(both);
  int there = mark == NULL ? -1 : PySet_Contains(q->seen, mark);
  if (there == 0 && PySet_Add(q->seen, mark) < 0)
    there = -1;
  Py_XDECREF(mark);
  return there;
}

// Compares one value with a type. It stands in what is at above, under key, or index where that is
// NULL. Borrows all. 0, or -1 with the refusal.
static int compare(inspection *q, uint32_t type, PyObject *value, size_t above, PyObject *key,
                   Py_ssize_t index, bool attribute) {
  if (type == 0)
    return 0;
  if (value == NULL)
    return ask(q, type, NULL, above, key, index, attribute);
  if (view_is(q->st, value)) { // one that is stored stands for what it shows
    view *v = (view *)value;
    if (v->node == NULL)
      return 0; // stale: settling refuses it
    value = v->node->target;
  }
  uint32_t fits = fitting(q->st, q->x, type, value);
  const typing *t = fits == NOTHING ? NULL : &q->x->types[fits];
  if (t == NULL || t->asked) {
    Py_INCREF(value);
    int failed = ask(q, t == NULL ? type : fits, value, above, key, index, attribute);
    Py_DECREF(value);
    return failed;
  }
  if (!deep(t))
    return 0;
  int there = known(q, value, fits);
  if (there != 0)
    return there < 0 ? -1 : 0;
  found *here = push(q);
  if (here == NULL)
    return -1;
  *here = (found){.value = Py_NewRef(value), .type = fits, .above = above, .key = Py_XNewRef(key),
                  .index = index, .attribute = attribute};
  return 0;
}

// ---- what is in containers ------------------------------------------------------------------------

static int compare_list(inspection *q, uint32_t type, PyObject *list, size_t above, Py_ssize_t from) {
  for (Py_ssize_t i = 0; list != NULL && type != 0 && i < PyList_GET_SIZE(list); i++)
    if (compare(q, type, PyList_GET_ITEM(list, i), above, NULL, from + i, false) < 0)
      return -1;
  return 0;
}

// Keys and values of a dict; of an overlay's changes, whose keys were there before, the values.
static int compare_dict(inspection *q, const typing *t, PyObject *dict, size_t above, bool keys) {
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (dict != NULL && PyDict_Next(dict, &at, &key, &value)) {
    Py_INCREF(key);
    Py_INCREF(value);
    int failed = keys ? compare(q, t->key, key, above, NULL, -1, false) : 0;
    if (!failed)
      failed = compare(q, t->item, value, above, key, 0, false);
    Py_DECREF(value);
    Py_DECREF(key);
    if (failed)
      return -1;
  }
  return 0;
}

// What an iterator over elements gives, which are known by their order. Steals it.
static int compare_each(inspection *q, uint32_t type, PyObject *it, size_t above, Py_ssize_t from) {
  PyObject *item;
  int failed = it == NULL ? -1 : 0;
  for (Py_ssize_t i = from; !failed && (item = PyIter_Next(it)) != NULL; i++) {
    failed = compare(q, type, item, above, NULL, i, false);
    Py_DECREF(item);
  }
  Py_XDECREF(it);
  return failed || PyErr_Occurred() ? -1 : 0;
}

static PyObject *iterate(state *st, PyObject *value) {
  if (PyAnySet_Check(value))
    return (PySet_Check(value) ? &PySet_Type : &PyFrozenSet_Type)->tp_iter(value);
  if (PyDict_Check(value)) // the added elements of a set
    return PyDict_Type.tp_iter(value);
  return st->builtin[FAMILY_DEQUE]->tp_iter(value);
}

// New: a field of an object as it is, without running code of its class. NULL without an exception:
// it is missing; *other: a property or the like, which is not judged.
static PyObject *field(PyObject *object, PyObject *name, bool *other) {
  PyObject *in_class = _PyType_Lookup(Py_TYPE(object), name); // borrowed
  if (in_class != NULL && Py_TYPE(in_class) != &PyMemberDescr_Type &&
      (Py_TYPE(in_class)->tp_descr_get != NULL || Py_TYPE(in_class)->tp_descr_set != NULL)) {
    *other = true;
    return NULL;
  }
  PyObject *value = PyObject_GenericGetAttr(object, name);
  if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
    PyErr_Clear();
  return value;
}

// The fields of an object or dict, as they are or as they would be.
static int compare_fields(inspection *q, const typing *t, PyObject *value, node *n, size_t above) {
  PyObject *name, *number;
  Py_ssize_t at = 0;
  bool dict = PyDict_Check(value);
  while (PyDict_Next(t->fields, &at, &name, &number)) {
    PyObject *now = NULL;
    bool other = false;
    int pending = 0;
    if (dict && n != NULL)
      pending = dict_get(q->c, n, name, &now);
    else if (dict)
      now = Py_XNewRef(PyDict_GetItemWithError(value, name));
    else if (n != NULL && (pending = fields_get(q->c, n, name, &now)) > 0 && now == q->st->removed)
      Py_CLEAR(now);
    if (pending == 0 && !dict)
      now = field(value, name, &other);
    if (now == NULL && PyErr_Occurred())
      return -1;
    int failed = other ? 0
                       : compare(q, (uint32_t)PyLong_AsUnsignedLong(number), now, above, name, 0, !dict);
    Py_XDECREF(now);
    if (failed)
      return -1;
  }
  return 0;
}

// Everything in a value that is pending: it was assigned, and something was written into it.
static int compare_pending(inspection *q, const typing *t, node *n, size_t above) {
  int failed = 0;
  if (n->kind == KIND_DICT) {
    dict_cursor at = {0};
    PyObject *key, *value;
    int more;
    while (!failed && (more = dict_next(q->c, n, &at, &key, &value)) != 0) {
      if (more < 0)
        failed = -1;
      else {
        failed = compare(q, t->key, key, above, NULL, -1, false);
        if (!failed)
          failed = compare(q, t->item, value, above, key, 0, false);
        Py_DECREF(key);
        Py_DECREF(value);
      }
    }
    dict_stop(&at);
  } else if (n->kind == KIND_LIST || n->kind == KIND_DEQUE) {
    Py_ssize_t length = n->kind == KIND_LIST ? list_len(n) : deque_len(n);
    for (Py_ssize_t i = 0; !failed && i < length; i++) {
      PyObject *item = n->kind == KIND_LIST ? list_get(n, i) : deque_get(q->st, n, i);
      failed = item == NULL ? -1 : compare(q, t->item, item, above, NULL, i, false);
      Py_XDECREF(item);
    }
  } else if (n->kind == KIND_SET) {
    PyObject *elements = set_elements(q->c, n);
    failed = elements == NULL ? -1 : compare_list(q, t->item, elements, above, 0);
    Py_XDECREF(elements);
  }
  return failed;
}

// What is in a value on the list.
static int look_into(inspection *q, size_t at) {
  PyObject *value = q->list[at].value;
  const typing *t = &q->x->types[q->list[at].type];
  node *n = q->c == NULL ? NULL : core_find(q->c, value);
  if (n != NULL && n->pending == NULL)
    n = NULL;
  if (t->fields != NULL && compare_fields(q, t, value, n, at) < 0)
    return -1;
  if (t->item == 0 && t->key == 0)
    return 0;
  if (n != NULL)
    return compare_pending(q, t, n, at);
  if (PyList_Check(value))
    return compare_list(q, t->item, value, at, 0);
  if (PyDict_Check(value))
    return compare_dict(q, t, value, at, true);
  if (PyTuple_Check(value)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++)
      if (compare(q, t->item, PyTuple_GET_ITEM(value, i), at, NULL, i, false) < 0)
        return -1;
    return 0;
  }
  return compare_each(q, t->item, iterate(q->st, value), at, 0);
}

// What is pending in what a note is about: only that was written.
static int look_at(inspection *q, const note *written, size_t at) {
  node *n = written->at;
  overlay *o = n->pending;
  const typing *t = &q->x->types[written->type];
  if (o == NULL)
    return 0;
  PyObject *name, *value;
  Py_ssize_t pos = 0;
  switch (n->kind) {
  case KIND_OBJECT:
    while (o->fields != NULL && PyDict_Next(o->fields, &pos, &name, &value))
      if (compare(q, field_type(t, name), value == q->st->removed ? NULL : value, at, name, 0, true) < 0)
        return -1;
    return 0;
  case KIND_DICT:
    if (t->fields != NULL)
      return compare_fields(q, t, n->target, n, at);
    return compare_dict(q, t, o->changed, at, false) < 0 ? -1 : compare_dict(q, t, o->added, at, true);
  case KIND_LIST:
    if (o->full != NULL)
      return compare_list(q, t->item, o->full, at, 0);
    while (o->changed != NULL && PyDict_Next(o->changed, &pos, &name, &value))
      if (compare(q, t->item, value, at, name, 0, false) < 0)
        return -1;
    return compare_list(q, t->item, o->added, at, o->keep);
  case KIND_SET:
    return o->added == NULL ? 0 : compare_each(q, t->item, iterate(q->st, o->added), at, 0);
  case KIND_DEQUE:
    if (o->left != NULL && compare_each(q, t->item, iterate(q->st, o->left), at, 0) < 0)
      return -1;
    while (o->changed != NULL && PyDict_Next(o->changed, &pos, &name, &value))
      if (compare(q, t->item, value, at, name, 0, false) < 0)
        return -1;
    return o->added == NULL ? 0
                            : compare_each(q, t->item, iterate(q->st, o->added), at,
                                           deque_len(n) - Py_SIZE(o->added));
  default:
    return 0;
  }
}

static int inspect(inspection *q) {
  int failed = 0;
  for (size_t i = 0; !failed && i < q->n; i++)
    failed = q->list[i].written != NULL ? look_at(q, q->list[i].written, i) : look_into(q, i);
  PyObject *error = failed ? errors_take() : NULL;
  for (size_t i = 0; i < q->n; i++) {
    Py_XDECREF(q->list[i].value);
    Py_XDECREF(q->list[i].key);
  }
  PyMem_Free(q->list);
  Py_XDECREF(q->seen);
  if (error != NULL)
    errors_put(error);
  return failed;
}

int schema_gate(scope *s) {
  struct notes *all = s->notes;
  if (all == NULL)
    return 0;
  inspection q = {.e = s->engine, .st = s->st, .x = s->engine->schema, .c = s->core, .name = s->name};
  int failed = 0;
  core_enter(s->core);
  for (size_t i = 0; !failed && i < all->n; i++) {
    found *here = push(&q);
    failed = here == NULL ? -1 : 0;
    if (!failed)
      *here = (found){.written = &all->items[i], .above = q.n - 1};
  }
  failed = inspect(&q) < 0 || failed ? -1 : 0;
  for (size_t i = 0; !failed && s->outer != NULL && i < all->n; i++) // its views end with it
    if (all->items[i].path == NULL &&
        (all->items[i].path = view_path(all->items[i].seen, 0, NULL, 0)) == NULL)
      failed = -1;
  for (size_t i = 0; !failed && i < all->n; i++) // they must not count as views that survived
    Py_CLEAR(all->items[i].seen);
  core_exit(s->core);
  return failed;
}

// ---- methods --------------------------------------------------------------------------------------

static theus_schema schema_of(const char *name, Py_ssize_t n_name, const char *text,
                              Py_ssize_t n_text, int built) {
  return (theus_schema){.name = {name, (size_t)n_name}, .text = {text, (size_t)n_text},
                        .built = (uint32_t)built};
}

// New array of spans, which borrow from the keys of a dict. NULL: an exception.
static theus_str *names_of(PyObject *classes) {
  theus_str *spans = PyMem_Calloc((size_t)PyDict_GET_SIZE(classes) + 1, sizeof(theus_str));
  PyObject *name, *cls;
  Py_ssize_t at = 0, i = 0, length;
  if (spans == NULL)
    return (theus_str *)PyErr_NoMemory();
  while (PyDict_Next(classes, &at, &name, &cls)) {
    const char *utf8 = PyUnicode_AsUTF8AndSize(name, &length);
    if (utf8 == NULL) {
      PyMem_Free(spans);
      return NULL;
    }
    spans[i++] = (theus_str){utf8, (size_t)length};
  }
  return spans;
}

PyObject *schema_load(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  const char *name, *text;
  Py_ssize_t n_name, n_text;
  int built;
  PyObject *classes;
  theus_schema given;
  theus_types types = {0};
  theus_error err = {0};
  if (!PyArg_ParseTuple(args, "s#s#pO!:_schema_load", &name, &n_name, &text, &n_text, &built,
                        &PyDict_Type, &classes) ||
      engine_usable(e) < 0)
    return NULL;
  given = schema_of(name, n_name, text, n_text, built);
  theus_str *spans = names_of(classes);
  if (spans == NULL)
    return NULL;
  given.classes = spans;
  given.n_classes = (size_t)PyDict_GET_SIZE(classes);
  theus_status status = e->api->schema_load(e->handle, &given, &types, &err);
  PyMem_Free(spans);
  if (status != THEUS_OK)
    return engine_raise(e, status, &err);
  schema *x = PyMem_Calloc(1, sizeof(schema) + types.n_types * sizeof(typing));
  int failed = x == NULL ? -1 : 0;
  if (failed)
    PyErr_NoMemory();
  else
    x->n = types.n_types;
  for (size_t i = 0; !failed && i < types.n_types; i++)
    failed = copy_typing(&x->types[i], &types.types[i], classes);
  e->api->audit_release(&types.storage);
  inspection q = {.e = e, .st = e->st, .x = x};
  if (!failed) // the state an engine is given is looked at as a whole, once
    failed = compare(&q, THEUS_TYPE_ROOT, e->ctx, 0, NULL, 0, false) < 0 || inspect(&q) < 0 ? -1 : 0;
  if (failed) {
    schema_free(x);
    return NULL;
  }
  e->schema = x;
  Py_RETURN_NONE;
}

PyObject *schema_describe(PyObject *module, PyObject *args) {
  state *st = (state *)PyModule_GetState(module);
  const theus_api *api = loader_api(st);
  const char *name, *text;
  Py_ssize_t n_name, n_text;
  int built;
  theus_schema given;
  theus_error err = {0};
  theus_str said = {0};
  theus_storage storage = NULL;
  if (api == NULL || !PyArg_ParseTuple(args, "s#s#p:describe_schema", &name, &n_name, &text, &n_text, &built))
    return NULL;
  given = schema_of(name, n_name, text, n_text, built);
  theus_status status = api->schema_describe(&given, &said, &storage, &err);
  if (status != THEUS_OK)
    return errors_raise(st, status, &err);
  PyObject *json = PyUnicode_DecodeUTF8(said.data, (Py_ssize_t)said.len, "replace");
  api->audit_release(&storage);
  return json;
}
