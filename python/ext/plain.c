// plain.c: views -> plain values, for every boundary a value leaves through: return values, pickle,
// copy, theus.plain, and an input that is stored below an output.
//
// A copy shows what the view showed: pending writes included, fields the contract does not allow
// left out. Objects are rebuilt field by field, past their __init__ and __setattr__; HEAVY memory
// and immutable values are shared. Aliases and cycles inside one copy stay what they are.
//
// Calls that run Python code: hashing of keys and set elements, the class' __slots__ bookkeeping.
#include "ext.h"

typedef struct {
  state *st;
  engine *engine; // owned: shapes live as long as it does
  core *core;     // entered: nodes stay, even if user code ends the run
  view *root;     // what is copied; stale once the run has ended
  PyObject *memo; // dict: address of the original -> its copy
} copier;

static PyObject *copy_value(copier *c, shape *s, PyObject *value);

static PyObject *copy_tuple(copier *c, shape *s, PyObject *tuple) {
  Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  PyObject *items = PyTuple_New(n);
  bool changed = false;
  for (Py_ssize_t i = 0; items != NULL && i < n; i++) {
    shape *below = shape_index(c->engine, s, i);
    PyObject *item = below == NULL ? NULL : copy_value(c, below, PyTuple_GET_ITEM(tuple, i));
    if (item == NULL) {
      Py_DECREF(items);
      return NULL;
    }
    changed |= item != PyTuple_GET_ITEM(tuple, i);
    PyTuple_SET_ITEM(items, i, item);
  }
  if (items == NULL || !changed) {
    Py_XDECREF(items);
    return items == NULL ? NULL : Py_NewRef(tuple);
  }
  if (Py_TYPE(tuple) == &PyTuple_Type)
    return items;
  PyObject *args = PyTuple_Pack(1, items);
  PyObject *named = args == NULL ? NULL : PyTuple_Type.tp_new(Py_TYPE(tuple), args, NULL);
  Py_XDECREF(args);
  Py_DECREF(items);
  return named;
}

static PyObject *copy_frozenset(copier *c, shape *s, PyObject *set) {
  PyObject *items = PySequence_List(set), *copied = NULL;
  bool changed = false;
  for (Py_ssize_t i = 0; items != NULL && i < PyList_GET_SIZE(items); i++) {
    PyObject *element = PyList_GET_ITEM(items, i);
    shape *below = shape_item(c->engine, s, element);
    PyObject *item = below == NULL ? NULL : copy_value(c, below, element);
    changed |= item != element;
    if (item == NULL || PyList_SetItem(items, i, item) < 0)
      Py_CLEAR(items);
  }
  if (items != NULL)
    copied = changed ? PyFrozenSet_New(items) : Py_NewRef(set);
  Py_XDECREF(items);
  return copied;
}

static int copy_list(copier *c, shape *s, node *n, PyObject *into) {
  for (Py_ssize_t i = 0; i < list_len(n); i++) {
    shape *below = shape_index(c->engine, s, i);
    PyObject *value = below == NULL ? NULL : list_get(n, i);
    PyObject *item = value == NULL ? NULL : copy_value(c, below, value);
    Py_XDECREF(value);
    int failed = item == NULL ? -1 : PyList_Append(into, item);
    Py_XDECREF(item);
    if (failed)
      return -1;
  }
  return 0;
}

static int copy_deque(copier *c, shape *s, node *n, PyObject *into) {
  state *st = c->st;
  deque_cursor at;
  PyObject *value;
  if (deque_start(st, n, &at) < 0)
    return -1;
  for (Py_ssize_t i = 0; (value = deque_next(n, &at)) != NULL; i++) {
    shape *below = shape_index(c->engine, s, i);
    PyObject *item = below == NULL ? NULL : copy_value(c, below, value);
    PyObject *none = item == NULL ? NULL : base_deque(st, "append", into, item);
    Py_XDECREF(none);
    Py_XDECREF(item);
    Py_DECREF(value);
    if (none == NULL)
      break;
  }
  deque_stop(&at);
  return PyErr_Occurred() ? -1 : 0;
}

static int copy_dict(copier *c, shape *s, node *n, PyObject *into) {
  dict_cursor at = {0};
  PyObject *key, *value;
  int more;
  while ((more = dict_next(c->core, n, &at, &key, &value)) > 0) {
    shape *below = shape_item(c->engine, s, key);
    int failed = below == NULL ? -1 : 0;
    if (below != NULL && (below->bits & THEUS_MAY_READ)) {
      PyObject *item = copy_value(c, below, value);
      failed = item == NULL ? -1 : base_set_item(into, key, item);
      Py_XDECREF(item);
    }
    Py_DECREF(value);
    Py_DECREF(key);
    if (failed) {
      more = -1;
      break;
    }
  }
  dict_stop(&at);
  return more;
}

static int copy_set(copier *c, shape *s, node *n, PyObject *into) {
  PyObject *elements = set_elements(c->core, n);
  int failed = elements == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(elements); i++) {
    shape *below = shape_item(c->engine, s, PyList_GET_ITEM(elements, i));
    PyObject *item = below == NULL ? NULL : copy_value(c, below, PyList_GET_ITEM(elements, i));
    failed = item == NULL ? -1 : PySet_Add(into, item);
    Py_XDECREF(item);
  }
  Py_XDECREF(elements);
  return failed;
}

// New list: names of the slots of a class, as copyreg finds them. Its own, since a class may have
// put anything into the cache that copyreg keeps there.
PyObject *slot_names(PyTypeObject *type) {
  PyObject *copyreg = PyImport_ImportModule("copyreg");
  PyObject *names = copyreg == NULL ? NULL
                                    : PyObject_CallMethod(copyreg, "_slotnames", "O", (PyObject *)type);
  PyObject *list = names == NULL ? NULL : PySequence_List(names);
  Py_XDECREF(names);
  Py_XDECREF(copyreg);
  return list;
}

// The lock of an engine's context is not part of its state.
static int copy_field(copier *c, shape *s, node *n, PyObject *name, PyObject *value, PyObject *into) {
  if (name == c->st->s_lock_manager)
    return 0;
  shape *below = shape_attr(c->engine, s, name);
  if (below == NULL)
    return -1;
  PyObject *pending = NULL;
  if (fields_get(c->core, n, name, &pending) < 0)
    return -1;
  if (pending != NULL)
    value = pending;
  int failed = 0;
  if (value != NULL && value != c->st->removed && (below->bits & THEUS_MAY_READ)) {
    PyObject *item = copy_value(c, below, value);
    failed = item == NULL ? -1 : PyObject_GenericSetAttr(into, name, item);
    Py_XDECREF(item);
  }
  Py_XDECREF(pending);
  return failed;
}

static int copy_fields(copier *c, shape *s, node *n, PyObject *into) {
  PyObject *seen = PySet_New(NULL), *fields = NULL, *slots = NULL, *pending = NULL, *name, *value;
  int failed = -1;
  if (seen == NULL)
    return -1;
  if (kind_facts(c->st, n->target) & TYPE_DICT) {
    PyObject *dict = PyObject_GenericGetDict(n->target, NULL);
    fields = dict == NULL ? NULL : PyDict_Copy(dict);
    Py_XDECREF(dict);
    if (fields == NULL)
      goto done;
    Py_ssize_t pos = 0;
    while (PyDict_Next(fields, &pos, &name, &value))
      if (PySet_Add(seen, name) < 0 || copy_field(c, s, n, name, value, into) < 0)
        goto done;
  }
  if ((slots = slot_names(Py_TYPE(n->target))) == NULL)
    goto done;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(slots); i++) {
    name = PyList_GET_ITEM(slots, i);
    value = PyObject_GenericGetAttr(n->target, name);
    if (value == NULL && !PyErr_ExceptionMatches(PyExc_AttributeError))
      goto done;
    PyErr_Clear(); // an empty slot
    int bad = PySet_Add(seen, name) < 0 || copy_field(c, s, n, name, value, into) < 0;
    Py_XDECREF(value);
    if (bad)
      goto done;
  }
  if (n->pending != NULL && n->pending->fields != NULL) {
    if ((pending = PyDict_Keys(n->pending->fields)) == NULL)
      goto done;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pending); i++) {
      name = PyList_GET_ITEM(pending, i);
      int had = PySet_Contains(seen, name);
      if (had < 0 || (!had && copy_field(c, s, n, name, NULL, into) < 0))
        goto done;
    }
  }
  failed = 0;
done:
  Py_XDECREF(pending);
  Py_XDECREF(slots);
  Py_XDECREF(fields);
  Py_DECREF(seen);
  return failed;
}

// New: an empty value of the kind of n.
static PyObject *blank(state *st, node *n) {
  if (n->kind != KIND_OBJECT)
    return base_blank(st, n->target);
  PyObject *none = PyTuple_New(0);
  PyObject *object = none == NULL ? NULL : PyBaseObject_Type.tp_new(Py_TYPE(n->target), none, NULL);
  Py_XDECREF(none);
  return object;
}

static PyObject *copy_node(copier *c, shape *s, node *n) {
  VIEW_CHECK(c->root);
  if (core_read(c->core, n, THEUS_WHOLE_KEY) < 0)
    return NULL;
  PyObject *address = PyLong_FromVoidPtr(n->target);
  if (address == NULL)
    return NULL;
  PyObject *twin = Py_XNewRef(PyDict_GetItemWithError(c->memo, address));
  if (twin == NULL && !PyErr_Occurred() && n->kind > KIND_OBJECT) {
    PyObject *how = n->kind == KIND_COPIED ? kind_how(c->st, n->target) : NULL; // borrowed
    PyObject *memory = n->kind == KIND_BYTES ? NULL : memory_now(n);
    twin = memory == NULL ? bytes_part(n, 0, bytes_len(n)) : memory_copy(how, memory);
    Py_XDECREF(memory);
    if (twin != NULL && PyDict_SetItem(c->memo, address, twin) < 0)
      Py_CLEAR(twin);
  } else if (twin == NULL && !PyErr_Occurred() && (twin = blank(c->st, n)) != NULL) {
    int failed = PyDict_SetItem(c->memo, address, twin);
    if (!failed)
      failed = n->kind == KIND_LIST    ? copy_list(c, s, n, twin)
               : n->kind == KIND_DICT  ? copy_dict(c, s, n, twin)
               : n->kind == KIND_SET   ? copy_set(c, s, n, twin)
               : n->kind == KIND_DEQUE ? copy_deque(c, s, n, twin)
                                       : 0;
    if (!failed && (n->kind == KIND_OBJECT || !base_is_exact(c->st, n->target) ||
                    (n->pending != NULL && n->pending->fields != NULL)))
      failed = copy_fields(c, s, n, twin);
    if (failed)
      Py_CLEAR(twin);
  }
  Py_DECREF(address);
  return twin;
}

static PyObject *copy_value(copier *c, shape *s, PyObject *value) {
  // HEAVY memory is shared, with the right the view had: an input's copy can only read it.
  bool heavy = s->zone == THEUS_HEAVY;
  if (kind_is_plain_exact(value) || (heavy && (s->bits & THEUS_MAY_WRITE)))
    return Py_NewRef(value);
  kind k = kind_of(c->st, value);
  PyObject *copied = NULL;
  if (k == KIND_ERROR || Py_EnterRecursiveCall(" while copying a view"))
    return NULL;
  if (k == KIND_TUPLE) {
    copied = copy_tuple(c, s, value);
  } else if (k == KIND_FROZENSET) {
    copied = copy_frozenset(c, s, value);
  } else if (k == KIND_VIEW) {
    view *v = (view *)value; // of this transaction: the copy stays one, aliases and all
    bool ours = v->node != NULL && v->scope->core == c->core;
    copied = ours && (v->shape->bits & THEUS_MAY_READ) ? copy_node(c, v->shape, v->node)
                                                       : plain_view(v);
  } else if (k == KIND_PLAIN) {
    copied = Py_NewRef(value);
  } else if (k == KIND_UNSUPPORTED && heavy) {
    copied = heavy_read_only(c->st, value);
  } else if (k == KIND_UNSUPPORTED) {
    PyObject *type = errors_class(c->st, "UnsupportedValueError");
    if (type != NULL)
      PyErr_Format(type, "a %s cannot be copied out of a view; keep it under a name that starts "
                         "with heavy_",
                   Py_TYPE(value)->tp_name);
    Py_XDECREF(type);
  } else if (c->root->node == NULL) {
    errors_stale(c->root);
  } else {
    node *n = core_node(c->core, value, k);
    if (n != NULL) {
      copied = copy_node(c, s, n);
      if (core_find(c->core, value) == n) // else a view that came and went took it along
        core_release(c->core, n);
    }
  }
  Py_LeaveRecursiveCall();
  return copied;
}

// New copy of what a view shows. memo: what was copied before in the same breath, so that two views
// of one object give one copy.
static PyObject *copy_view(view *v, PyObject *memo) {
  VIEW_CHECK(v);
  if (!(v->shape->bits & THEUS_MAY_READ))
    return view_deny(v, THEUS_TRY_ITERATE, 0, NULL, 0, "");
  v->shape->did |= THEUS_MAY_READ;
  copier c = {STATE(v), (engine *)Py_NewRef((PyObject *)v->scope->engine), v->scope->core, v, memo};
  shape *s = v->shape;
  Py_INCREF((PyObject *)v);
  core_enter(c.core);
  PyObject *copied = copy_node(&c, s, v->node);
  core_exit(c.core);
  Py_DECREF((PyObject *)v);
  Py_DECREF((PyObject *)c.engine);
  return copied;
}

PyObject *plain_view(view *v) {
  PyObject *memo = PyDict_New(); // may collect garbage, and with it end the run: copy_view looks
  PyObject *copied = memo == NULL ? NULL : copy_view(v, memo);
  Py_XDECREF(memo);
  return copied;
}

// ---- theus.plain: also finds views inside ordinary containers --------------------------------------

static bool is_container(state *st, PyObject *value) {
  PyTypeObject *t = Py_TYPE(value);
  return t == &PyList_Type || t == &PyTuple_Type || t == &PySet_Type || t == &PyFrozenSet_Type ||
         t == &PyDict_Type || t == &PyODict_Type || t == st->builtin[FAMILY_DEFAULT] ||
         t == st->builtin[FAMILY_DEQUE] || t == st->counter;
}

// New list of what a container holds: a dict gives its pairs.
static PyObject *contents(PyObject *container) {
  if (!PyDict_Check(container))
    return PySequence_List(container);
  PyObject *ordered = base_copy_dict(container);
  PyObject *pairs = ordered == NULL ? NULL : PyDict_Items(ordered);
  Py_XDECREF(ordered);
  return pairs;
}

// Whether a view is in value, at any depth. seen: addresses of containers. 1, 0, -1.
static int holds_view(state *st, PyObject *value, PyObject *seen) {
  if (kind_is_plain_exact(value))
    return 0;
  if (view_is(st, value))
    return 1;
  if (!is_container(st, value))
    return 0;
  PyObject *address = PyLong_FromVoidPtr(value);
  int found = address == NULL ? -1 : PySet_Contains(seen, address);
  bool fresh = found == 0 && PySet_Add(seen, address) == 0;
  Py_XDECREF(address);
  if (!fresh || Py_EnterRecursiveCall(" while looking for views"))
    return PyErr_Occurred() ? -1 : 0;
  PyObject *items = contents(value);
  found = items == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; found == 0 && i < PyList_GET_SIZE(items); i++)
    found = holds_view(st, PyList_GET_ITEM(items, i), seen);
  Py_XDECREF(items);
  Py_LeaveRecursiveCall();
  return found;
}

static PyObject *rebuild(state *st, PyObject *value, PyObject *memo);

// Fills a list, dict or deque that is in the memo already, so that a cycle finds it.
static int refill(state *st, PyObject *items, PyObject *into, PyObject *memo) {
  int failed = 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(items); i++) {
    PyObject *item = rebuild(st, PyList_GET_ITEM(items, i), memo);
    if (item == NULL)
      return -1;
    PyObject *none = NULL;
    if (PyList_Check(into))
      failed = PyList_Append(into, item);
    else if (PyDict_Check(into))
      failed = base_set_item(into, PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1));
    else
      failed = (none = base_deque(st, "append", into, item)) == NULL ? -1 : 0;
    Py_XDECREF(none);
    Py_DECREF(item);
  }
  return failed;
}

// New: value with every view in it replaced by a copy; containers are new.
static PyObject *rebuild(state *st, PyObject *value, PyObject *memo) {
  if (view_is(st, value))
    return copy_view((view *)value, memo);
  if (!is_container(st, value))
    return Py_NewRef(value);
  PyObject *address = PyLong_FromVoidPtr(value);
  PyObject *twin = address == NULL ? NULL : Py_XNewRef(PyDict_GetItemWithError(memo, address));
  if (twin != NULL || PyErr_Occurred() || Py_EnterRecursiveCall(" while copying views")) {
    Py_XDECREF(address);
    return twin;
  }
  PyObject *items = contents(value);
  bool open = !PyTuple_Check(value) && !PyAnySet_Check(value);
  if (items != NULL && open) {
    twin = base_blank(st, value);
    if (twin != NULL && (PyDict_SetItem(memo, address, twin) < 0 || refill(st, items, twin, memo) < 0))
      Py_CLEAR(twin);
  } else if (items != NULL) {
    PyObject *rebuilt = PyList_New(0);
    if (rebuilt != NULL && refill(st, items, rebuilt, memo) == 0)
      twin = PyObject_CallOneArg((PyObject *)Py_TYPE(value), rebuilt);
    Py_XDECREF(rebuilt);
  }
  Py_XDECREF(items);
  Py_DECREF(address);
  Py_LeaveRecursiveCall();
  return twin;
}

// The value itself if it holds no view, else a copy without any; new reference.
PyObject *plain(state *st, PyObject *value) {
  if (kind_is_plain_exact(value))
    return Py_NewRef(value);
  if (view_is(st, value))
    return plain_view((view *)value);
  PyObject *seen = PySet_New(NULL), *memo = seen == NULL ? NULL : PyDict_New(), *result = NULL;
  int found = memo == NULL ? -1 : holds_view(st, value, seen);
  if (found >= 0)
    result = found ? rebuild(st, value, memo) : Py_NewRef(value);
  Py_XDECREF(memo);
  Py_XDECREF(seen);
  return result;
}
