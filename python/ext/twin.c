// twin.c: code of a subclass of list, dict, set or deque. A method of a built-in type refuses a view
// as its self, and such code reaches for these through super(), so it runs on a twin: a private
// instance of the same class that holds what the view shows, every element wrapped. Afterwards the
// twin is compared with what it was, by identity, and each difference is written through the view;
// where that is an input, the difference is refused at the user's line. This also happens when the
// code raises, since a real instance would have kept what was done until then.
//
// Cost: O(n) for each call, however little the code does.
//
// Calls that run Python code: the code itself, __hash__ and __eq__ of keys.
#include "ext.h"

typedef struct twin_frame {
  PyObject *twin; // borrowed
  view *self;     // borrowed
  struct twin_frame *outer;
} twin_frame;

PyObject *twin_self(scope *s, PyObject *value) {
  for (; s != NULL; s = s->outer)
    for (twin_frame *f = s->twins; f != NULL; f = f->outer)
      if (f->twin == value && f->self->node != NULL && (f->self->shape->bits & THEUS_MAY_WRITE))
        return f->self->node->target;
  return NULL;
}

// New: what the view shows, as a plain list or set, or dict in its order.
static PyObject *contents(view *v) {
  switch ((kind)v->node->kind) {
  case KIND_LIST:
    return list_shallow(v);
  case KIND_DICT:
    return dict_shallow(v);
  case KIND_SET:
    return set_shallow(v);
  default: {
    PyObject *deque = deque_shallow(v), *list = deque == NULL ? NULL : PySequence_List(deque);
    Py_XDECREF(deque);
    return list;
  }
  }
}

static int fill(view *v, PyObject *into, PyObject *from) {
  state *st = STATE(v);
  switch ((kind)v->node->kind) {
  case KIND_LIST:
    return PyList_SetSlice(into, 0, 0, from);
  case KIND_DICT:
    return base_update_dict(into, from);
  case KIND_SET: {
    PyObject *none = base_call(&PySet_Type, "update", into, from);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
  }
  default: {
    PyObject *none = base_deque(st, "extend", into, from);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
  }
  }
}

// New plain list, set or dict of what a twin holds now.
static PyObject *contents_of(state *st, kind k, PyObject *twin) {
  if (k == KIND_LIST)
    return PyList_GetSlice(twin, 0, PyList_GET_SIZE(twin));
  if (k == KIND_DICT)
    return base_copy_dict(twin);
  PyTypeObject *type = st->builtin[k == KIND_SET ? FAMILY_SET : FAMILY_DEQUE];
  PyObject *items = type->tp_iter(twin);
  PyObject *all = items == NULL ? NULL : k == KIND_SET ? PySet_New(items) : PySequence_List(items);
  Py_XDECREF(items);
  return all;
}

PyObject *twin_shallow(view *v) {
  PyObject *from = contents(v), *into = NULL, *factory = NULL;
  if (from == NULL || v->node == NULL)
    return from == NULL ? NULL : (Py_DECREF(from), (PyObject *)errors_stale(v));
  family f = base_family(STATE(v), v->node->target);
  if (f == FAMILY_DEFAULT && (factory = default_factory(v)) != NULL)
    into = PyObject_CallOneArg((PyObject *)STATE(v)->builtin[f], factory);
  else if (f == FAMILY_DEQUE)
    into = deque_shallow(v);
  else if (f != FAMILY_DEFAULT)
    into = PyObject_CallNoArgs((PyObject *)STATE(v)->builtin[f]);
  if (into != NULL && f != FAMILY_DEQUE && fill(v, into, from) < 0)
    Py_CLEAR(into);
  Py_XDECREF(factory);
  Py_DECREF(from);
  return into;
}

// ---- attributes -----------------------------------------------------------------------------------

// New dict of the raw attributes of an instance: of its __dict__ and its slots.
static PyObject *attributes_of(state *st, PyObject *object) {
  PyObject *all = NULL;
  if (kind_facts(st, object) & TYPE_DICT) {
    PyObject *dict = PyObject_GenericGetDict(object, NULL);
    all = dict == NULL ? NULL : PyDict_Copy(dict);
    Py_XDECREF(dict);
  } else {
    all = PyDict_New();
  }
  PyObject *copyreg = all == NULL ? NULL : PyImport_ImportModule("copyreg");
  PyObject *slots = copyreg == NULL ? NULL
                                    : PyObject_CallMethod(copyreg, "_slotnames", "O",
                                                          (PyObject *)Py_TYPE(object));
  Py_XDECREF(copyreg);
  for (Py_ssize_t i = 0; slots != NULL && i < PyList_GET_SIZE(slots); i++) {
    PyObject *name = PyList_GET_ITEM(slots, i), *value = PyObject_GenericGetAttr(object, name);
    if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
      PyErr_Clear(); // an empty slot
    else if (value == NULL || PyDict_SetItem(all, name, value) < 0)
      Py_CLEAR(slots);
    Py_XDECREF(value);
  }
  if (slots == NULL)
    Py_CLEAR(all);
  Py_XDECREF(slots);
  return all;
}

// New dict of the attributes as the view shows them; what the contract hides is left out.
static PyObject *attributes(view *v) {
  state *st = STATE(v);
  PyObject *raw = attributes_of(st, v->node->target), *name, *value;
  overlay *o = v->node->pending;
  Py_ssize_t pos = 0;
  int failed = raw == NULL ? -1 : 0;
  while (!failed && o != NULL && o->fields != NULL && PyDict_Next(o->fields, &pos, &name, &value))
    failed = value != st->removed         ? PyDict_SetItem(raw, name, value)
             : PyDict_Contains(raw, name) ? PyDict_DelItem(raw, name)
                                          : 0;
  PyObject *shown = failed ? NULL : PyDict_New();
  pos = 0;
  while (shown != NULL && PyDict_Next(raw, &pos, &name, &value)) {
    shape *s = shape_attr(v->scope->engine, v->shape, name);
    if (s != NULL && !(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)))
      continue;
    PyObject *wrapped = s == NULL ? NULL : wrap(v, s, value, name, 0, THEUS_ATTR);
    if (wrapped == NULL || PyDict_SetItem(shown, name, wrapped) < 0)
      Py_CLEAR(shown);
    Py_XDECREF(wrapped);
  }
  Py_XDECREF(raw);
  return shown;
}

static int fill_attributes(PyObject *twin, PyObject *from) {
  Py_ssize_t pos = 0;
  PyObject *name, *value;
  while (PyDict_Next(from, &pos, &name, &value))
    if (PyObject_GenericSetAttr(twin, name, value) < 0)
      return -1;
  return 0;
}

// ---- the difference -------------------------------------------------------------------------------

static PyObject *lookup(PyObject *dict, PyObject *key) { return PyDict_GetItemWithError(dict, key); }

static int write_attributes(view *v, PyObject *before, PyObject *after) {
  Py_ssize_t pos = 0;
  PyObject *name, *value;
  while (PyDict_Next(before, &pos, &name, &value)) {
    int stays = PyDict_Contains(after, name);
    if (stays < 0 || (!stays && object_store(v, name, NULL) < 0))
      return -1;
  }
  pos = 0;
  while (PyDict_Next(after, &pos, &name, &value))
    if (lookup(before, name) != value && (PyErr_Occurred() || object_store(v, name, value) < 0))
      return -1;
  return 0;
}

static int call_void(PyTypeObject *type, const char *method, PyObject *self, PyObject *arg) {
  PyObject *none = base_call(type, method, self, arg);
  Py_XDECREF(none);
  return none == NULL ? -1 : 0;
}

static int write_slice(view *v, PyTypeObject *type, Py_ssize_t from, Py_ssize_t to, PyObject *items) {
  PyObject *start = PyLong_FromSsize_t(from), *stop = PyLong_FromSsize_t(to);
  PyObject *slice = start == NULL || stop == NULL ? NULL : PySlice_New(start, stop, NULL);
  int failed =
      slice == NULL ? -1 : type->tp_as_mapping->mp_ass_subscript((PyObject *)v, slice, items);
  Py_XDECREF(slice);
  Py_XDECREF(stop);
  Py_XDECREF(start);
  return failed;
}

static int write_item(view *v, PyTypeObject *type, Py_ssize_t i, PyObject *value) {
  if (v->node->kind == KIND_DEQUE)
    return type->tp_as_sequence->sq_ass_item((PyObject *)v, i, value);
  PyObject *index = PyLong_FromSsize_t(i);
  int failed =
      index == NULL ? -1 : type->tp_as_mapping->mp_ass_subscript((PyObject *)v, index, value);
  Py_XDECREF(index);
  return failed;
}

// A list or deque: single items where the length stayed, else what lies between the part at the
// beginning and the part at the end that stayed.
static int write_sequence(view *v, PyTypeObject *type, PyObject *before, PyObject *after) {
  Py_ssize_t n = PyList_GET_SIZE(before), m = PyList_GET_SIZE(after), head = 0, tail = 0;
  Py_ssize_t least = n < m ? n : m;
  if (n == m) {
    for (Py_ssize_t i = 0; i < n; i++)
      if (PyList_GET_ITEM(before, i) != PyList_GET_ITEM(after, i) &&
          (v->node == NULL || write_item(v, type, i, PyList_GET_ITEM(after, i)) < 0))
        return v->node == NULL ? (errors_stale(v), -1) : -1;
    return 0;
  }
  while (head < least && PyList_GET_ITEM(before, head) == PyList_GET_ITEM(after, head))
    head++;
  while (tail < least - head &&
         PyList_GET_ITEM(before, n - 1 - tail) == PyList_GET_ITEM(after, m - 1 - tail))
    tail++;
  PyObject *middle = PyList_GetSlice(after, head, m - tail);
  int failed = middle == NULL ? -1 : 0;
  if (failed) {
    // out of memory
  } else if (head == n) {
    failed = call_void(type, "extend", (PyObject *)v, middle);
  } else if (v->node->kind == KIND_LIST) {
    failed = write_slice(v, type, head, n - tail, middle);
  } else if (m < n && head + tail == m && (head == m || tail == m)) { // taken from one end
    for (Py_ssize_t i = 0; !failed && i < n - m; i++)
      failed = call_void(type, head == m ? "pop" : "popleft", (PyObject *)v, NULL);
  } else {
    failed = call_void(type, "clear", (PyObject *)v, NULL) < 0
                 ? -1
                 : call_void(type, "extend", (PyObject *)v, after);
  }
  Py_XDECREF(middle);
  return failed;
}

// Whether deleting, changing and adding keys leads from one order to the other. 1, 0, -1.
static int keeps_order(PyObject *before, PyObject *after) {
  Py_ssize_t a = 0, b = 0;
  PyObject *key, *value, *now, *unused;
  while (PyDict_Next(before, &a, &key, &value)) {
    int stays = PyDict_Contains(after, key);
    if (stays < 0)
      return -1;
    if (!stays)
      continue;
    if (!PyDict_Next(after, &b, &now, &unused) || now != key)
      return 0;
  }
  return 1; // what is left in after is new
}

static int write_dict(view *v, PyTypeObject *type, PyObject *before, PyObject *after) {
  int ordered = keeps_order(before, after);
  if (ordered < 0 || (!ordered && call_void(type, "clear", (PyObject *)v, NULL) < 0))
    return -1;
  Py_ssize_t pos = 0;
  PyObject *key, *value;
  while (ordered && PyDict_Next(before, &pos, &key, &value)) {
    int stays = PyDict_Contains(after, key);
    if (stays < 0 || (!stays && dict_store(v, key, NULL) < 0))
      return -1;
  }
  pos = 0;
  while (PyDict_Next(after, &pos, &key, &value)) {
    bool same = ordered && lookup(before, key) == value;
    if (PyErr_Occurred() || (!same && dict_store(v, key, value) < 0))
      return -1;
  }
  return 0;
}

static int write_set(view *v, PyTypeObject *type, PyObject *before, PyObject *after) {
  int failed = 0;
  for (int adding = 0; !failed && adding < 2; adding++) {
    PyObject *changed = PyNumber_Subtract(adding ? after : before, adding ? before : after);
    if (changed == NULL)
      return -1;
    if (PySet_GET_SIZE(changed) > 0)
      failed = call_void(type, adding ? "update" : "difference_update", (PyObject *)v, changed);
    Py_DECREF(changed);
  }
  return failed;
}

static int write_difference(view *v, kind k, PyObject *twin, PyObject *before, PyObject *named) {
  VIEW_CHECK_INT(v);
  state *st = STATE(v);
  bool tracked = v->shape->bits & THEUS_MAY_WRITE;
  PyTypeObject *type = st->exact[base_family(st, v->node->target)][tracked];
  PyObject *after = contents_of(st, k, twin), *names = after == NULL ? NULL : attributes_of(st, twin);
  int failed = names == NULL ? -1 : write_attributes(v, named, names);
  if (!failed && v->node != NULL)
    failed = k == KIND_DICT  ? write_dict(v, type, before, after)
             : k == KIND_SET ? write_set(v, type, before, after)
                             : write_sequence(v, type, before, after);
  if (!failed && k == KIND_DICT && PyObject_TypeCheck(twin, st->builtin[FAMILY_DEFAULT])) {
    PyObject *now = base_factory(st, twin), *was = now == NULL ? NULL : default_factory(v);
    failed = was == NULL || (was != now && object_store(v, st->s_default_factory, now) < 0) ? -1 : 0;
    Py_XDECREF(was);
    Py_XDECREF(now);
  }
  Py_XDECREF(names);
  Py_XDECREF(after);
  return failed;
}

PyObject *twin_run(view *v, twin_body body, void *arg) {
  VIEW_CHECK(v);
  state *st = STATE(v);
  scope *s = v->scope;
  kind k = (kind)v->node->kind;
  PyObject *before = contents(v), *named = NULL, *twin = NULL, *result = NULL;
  if (before != NULL && v->node != NULL && (named = attributes(v)) != NULL)
    twin = base_blank(st, v->node->target);
  if (twin == NULL || fill(v, twin, before) < 0 || fill_attributes(twin, named) < 0)
    goto done;
  if (k == KIND_DICT && PyObject_TypeCheck(twin, st->builtin[FAMILY_DEFAULT])) {
    PyObject *factory = default_factory(v);
    int failed = factory == NULL ? -1
                                 : PyObject_GenericSetAttr(twin, st->s_default_factory, factory);
    Py_XDECREF(factory);
    if (failed)
      goto done;
  }
  Py_INCREF((PyObject *)v);
  Py_INCREF((PyObject *)s);
  twin_frame frame = {twin, v, s->twins};
  s->twins = &frame;
  result = body(twin, arg);
  PyObject *error = result == NULL ? errors_take() : NULL;
  if (v->node == NULL && result == NULL) {
    // the run has ended meanwhile; the error says more
  } else if (write_difference(v, k, twin, before, named) < 0) {
    Py_CLEAR(result);
    if (error != NULL)
      Py_CLEAR(error); // the refusal is raised in its place
  }
  s->twins = frame.outer;
  if (error != NULL)
    errors_put(error);
  if (result == twin)
    Py_SETREF(result, Py_NewRef((PyObject *)v));
  Py_DECREF((PyObject *)s);
  Py_DECREF((PyObject *)v);
done:
  Py_XDECREF(twin);
  Py_XDECREF(named);
  Py_XDECREF(before);
  return result;
}
