// preserve.c: what only reads never loses. A reader that has looked at something which a commit is
// about to change stays at the version it has seen: it keeps what stood there, and from then on what
// stood in every object that a commit writes, in the place where a writer keeps what is pending. It
// reads on as if nobody had come after it.
//
//   object     the old values of the fields that are written; a tombstone where there was none
//   container  hidden base, and a copy of all of it: O(n), once for each reader and container
//
// A reader of which nothing is written just moves on to the new version, when it reads next.
//
// Limits: an array that a reader holds already shows the memory as it is; a class whose __setattr__
// makes fields of other names shows these.
//
// No Python code runs here, but where the program registered a copy for a type: other threads would get
// their turn, and an interrupt meant for the process that commits would be lost with a reader's copy.
//
// Reference count assumptions: the committing core owns what it writes, the reader's nodes own it too.
#include "ext.h"

// ---- what stood there -----------------------------------------------------------------------------

static overlay *kept(node *n) {
  if (n->pending == NULL) {
    n->pending = PyMem_Calloc(1, sizeof(overlay));
    if (n->pending == NULL)
      PyErr_NoMemory();
    n->pinned = true;
  }
  return n->pending;
}

// The value that the instance itself has, not its class. 1 and *value new, 0, -1.
static int own_value(PyObject *target, PyObject *name, PyObject **value) {
  *value = NULL;
  PyObject *descr = _PyType_Lookup(Py_TYPE(target), name); // borrowed
  if (descr != NULL && Py_TYPE(descr) == &PyMemberDescr_Type) {
    *value = PyObject_GenericGetAttr(target, name);
    if (*value == NULL && !PyErr_ExceptionMatches(PyExc_AttributeError))
      return -1;
    PyErr_Clear(); // an empty slot
    return *value != NULL;
  }
  PyObject *dict = PyObject_GenericGetDict(target, NULL);
  if (dict == NULL) {
    PyErr_Clear(); // slots only
    return 0;
  }
  *value = Py_XNewRef(PyDict_GetItemWithError(dict, name));
  Py_DECREF(dict);
  return *value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

static int keep_field(state *st, node *n, PyObject *name) {
  overlay *o = kept(n);
  if (o == NULL || (o->fields == NULL && (o->fields = PyDict_New()) == NULL))
    return -1;
  int known = PyDict_Contains(o->fields, name);
  if (known != 0)
    return known < 0 ? -1 : 0;
  PyObject *value;
  int there = own_value(n->target, name, &value);
  int failed = there < 0 ? -1 : PyDict_SetItem(o->fields, name, there ? value : st->removed);
  Py_XDECREF(value);
  return failed;
}

static int keep_names(state *st, node *n, PyObject *names) {
  PyObject *list = names == NULL ? NULL : PySequence_List(names);
  int failed = list == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(list); i++)
    failed = keep_field(st, n, PyList_GET_ITEM(list, i));
  Py_XDECREF(list);
  return failed;
}

// New list: the slots of a class and its bases. copyreg knows them too, but is Python.
static PyObject *slots_of(PyTypeObject *type) {
  PyObject *names = PyList_New(0), *name, *value;
  for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(type->tp_mro); i++) {
    PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, i);
    Py_ssize_t pos = 0;
    while (names != NULL && (base->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
           PyDict_Next(base->tp_dict, &pos, &name, &value))
      if (Py_TYPE(value) == &PyMemberDescr_Type && PyList_Append(names, name) < 0)
        Py_CLEAR(names);
  }
  return names;
}

// A class with a __setattr__ of its own may write more than the one field.
static int keep_all_fields(state *st, node *n) {
  PyObject *slots = slots_of(Py_TYPE(n->target));
  int failed = keep_names(st, n, slots);
  Py_XDECREF(slots);
  PyObject *dict = failed ? NULL : PyObject_GenericGetDict(n->target, NULL);
  if (dict == NULL && !failed)
    PyErr_Clear(); // slots only
  if (dict != NULL)
    failed = keep_names(st, n, dict);
  Py_XDECREF(dict);
  return failed;
}

// The fields that a commit writes.
static int keep_object(state *st, node *n, const node *written) {
  bool foreign = kind_facts(st, n->target) & TYPE_FOREIGN;
  if (foreign && keep_all_fields(st, n) < 0)
    return -1;
  return keep_names(st, n, written->pending->fields);
}

// All of a container, once.
static int keep_container(state *st, node *n) {
  PyObject *target = n->target, *copy = NULL, *it = NULL;
  switch ((kind)n->kind) {
  case KIND_LIST:
    copy = PyList_GetSlice(target, 0, PyList_GET_SIZE(target));
    break;
  case KIND_DICT:
    copy = base_copy_dict(target);
    break;
  case KIND_SET:
    copy = PySet_New(target); // from a set it compares no elements
    break;
  case KIND_DEQUE:
    it = st->builtin[FAMILY_DEQUE]->tp_iter(target);
    copy = it == NULL ? NULL : PyObject_CallOneArg((PyObject *)st->builtin[FAMILY_DEQUE], it);
    break;
  default:
    copy = memory_copy(n->kind == KIND_COPIED ? kind_how(st, target) : NULL, target);
  }
  Py_XDECREF(it);
  overlay *o = copy == NULL ? NULL : kept(n);
  if (o == NULL) {
    Py_XDECREF(copy);
    return -1;
  }
  o->base_kept = true;
  if (n->kind == KIND_DICT || n->kind == KIND_SET || n->kind == KIND_DEQUE) {
    o->hidden = true; // of a deque: its window is empty
    o->added = copy;
  } else {
    o->full = copy;
  }
  return 0;
}

static int keep(state *st, core *reader, const node *written) {
  if (written->pending == NULL)
    return 0;
  node *n = core_node(reader, written->target, (kind)written->kind);
  if (n == NULL)
    return -1;
  bool container = n->kind != KIND_OBJECT && (n->pending == NULL || !n->pending->base_kept);
  if (container && keep_container(st, n) < 0)
    return -1;
  return written->pending->fields == NULL ? 0 : keep_object(st, n, written);
}

// ---- readers --------------------------------------------------------------------------------------

// Whether it has looked at anything that a commit writes.
static bool concerned(const core *reader, const core *c) {
  for (size_t i = 0; i < c->n_dirty; i++)
    if (reads_has(reader, c->dirty[i]->target, THEUS_ANY_KEY))
      return true;
  return false;
}

static void preserve_for(state *st, core *reader, const core *c) {
  reader->torn |= reader->busy > 0;
  reader->kept++;
  core_enter(reader);
  for (size_t i = 0; i < c->n_dirty; i++)
    if (keep(st, reader, c->dirty[i]) < 0) {
      PyErr_Clear(); // no memory to keep it: then it runs again
      core_lose(reader);
      break;
    }
  if (!reader->lost)
    reader->now = &reader->seen;
  core_exit(reader);
}

// Called before a commit is carried out, with nothing in it applied yet.
void preserve(engine *e, const core *c) {
  if (e->n_running == 1)
    return;
  int collects = PyGC_Disable(); // a collection runs destructors: readers would come and go meanwhile
  core *heads[] = {e->threads, e->tasks};
  for (size_t i = 0; i < Py_ARRAY_LENGTH(heads); i++)
    for (core *reader = heads[i]; reader != NULL; reader = reader->next) {
      bool stays = reader->now == &reader->seen;
      if (reader != c && reader->reader && !reader->lost && (stays || concerned(reader, c)))
        preserve_for(e->st, reader, c);
    }
  if (collects)
    (void)PyGC_Enable(); // it says what was before, which we know
}
