// kind.c: what kind of value is this? The answer decides whether a process gets the value itself,
// a view, or a refusal. Dispatch is on the type object, subclasses included, never on its name.
#include "ext.h"

// Types that are immutable, or hold nothing of the user's state. They are looked up in modules
// that are already imported: an instance cannot exist before its module does.
static const struct {
  const char *module, *name;
} PLAIN_TYPES[] = {
    {"enum", "Enum"},           {"datetime", "date"},       {"datetime", "time"},
    {"datetime", "timedelta"},  {"datetime", "tzinfo"},     {"decimal", "Decimal"},
    {"fractions", "Fraction"},  {"uuid", "UUID"},           {"pathlib", "PurePath"},
    {"re", "Pattern"},          {"numpy", "generic"},       {"numpy", "dtype"},
    {"types", "GenericAlias"},    {"types", "UnionType"},      {"typing", "TypeVar"},
};

// New: what a loaded module calls so; NULL without an exception if there is none, or with a
// MemoryError: what follows from it is kept, so it must not be a guess.
static PyObject *loaded(const char *module, const char *name) {
  PyObject *key = PyUnicode_FromString(module);
  PyObject *in = key == NULL ? NULL : PyDict_GetItemWithError(PyImport_GetModuleDict(), key);
  Py_XDECREF(key);
  if (in == NULL || !PyModule_Check(in))
    return NULL;
  Py_INCREF(in); // its __getattr__ may drop it
  PyObject *found = PyObject_GetAttrString(in, name);
  Py_DECREF(in);
  if (found == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError))
    PyErr_Clear(); // half-imported module: nothing can be an instance yet
  return found;
}

// 1, 0, or -1 with an exception.
static int is_listed_plain(PyTypeObject *type) {
  for (size_t i = 0; i < Py_ARRAY_LENGTH(PLAIN_TYPES); i++) {
    PyObject *listed = loaded(PLAIN_TYPES[i].module, PLAIN_TYPES[i].name);
    if (listed == NULL && PyErr_Occurred())
      return -1;
    int yes = listed != NULL && PyType_Check(listed) &&
              PyType_IsSubtype(type, (PyTypeObject *)listed);
    Py_XDECREF(listed);
    if (yes)
      return 1;
  }
  return 0;
}

static bool is_immutable_builtin(PyTypeObject *t) {
  static PyTypeObject *const types[] = {
      &PyLong_Type,  &PyFloat_Type,    &PyUnicode_Type, &PyBytes_Type,  &PyComplex_Type,
      &PyRange_Type, &PySlice_Type,  &PyEllipsis_Type, &PyFunction_Type,
      &PyType_Type,  &PyModule_Type,
  };
  for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++)
    if (PyType_IsSubtype(t, types[i]))
      return true;
  return t == Py_TYPE(Py_None) || t == Py_TYPE(Py_NotImplemented);
}

// What a class statement, or several, were written over: borrowed; t itself if it is no such class.
// Their instances are laid out by Python alone. A class made in C may look like one, but needs more room than a class statement gives its slots, its __dict__
// and its weak references.
static PyTypeObject *python_base(state *st, PyTypeObject *t) {
  for (; t->tp_dealloc == st->python_dealloc; t = t->tp_base) {
    PyObject *slots = ((PyHeapTypeObject *)t)->ht_slots;
    Py_ssize_t named = slots == NULL ? 0 : PyTuple_GET_SIZE(slots);
    if (t->tp_basicsize - t->tp_base->tp_basicsize > (named + 2) * (Py_ssize_t)sizeof(PyObject *))
      break;
  }
  return t;
}

// Whether t is a class of a module. 1, 0, -1.
static int is_class(PyTypeObject *t, const char *module, const char *name) {
  PyObject *found = loaded(module, name);
  Py_XDECREF(found);
  return found == NULL && PyErr_Occurred() ? -1 : found == (PyObject *)t;
}

// What a type, or a class it derives from, is registered as: borrowed, NULL: it is not.
static PyObject *registered(state *st, PyTypeObject *t) {
  PyObject *how = NULL;
  Py_ssize_t n = st->registered == NULL || t->tp_mro == NULL ? 0 : PyTuple_GET_SIZE(t->tp_mro);
  for (Py_ssize_t i = 0; how == NULL && i < n; i++) {
    how = PyDict_GetItemWithError(st->registered, PyTuple_GET_ITEM(t->tp_mro, i));
    PyErr_Clear(); // a metaclass whose __hash__ raises: such a type could not be registered
  }
  return how;
}

PyObject *kind_how(state *st, PyObject *value) {
  PyObject *how = registered(st, Py_TYPE(value));
  return how == Py_True ? NULL : how;
}

int kind_register(state *st, PyObject *type, PyObject *how) {
  if (st->registered == NULL && (st->registered = PyDict_New()) == NULL)
    return -1;
  memset(st->kinds, 0, sizeof(st->kinds));
  return PyDict_SetItem(st->registered, type, how);
}

// Called when a marked value dies. self: (marks, address).
static PyObject *unmark(PyObject *self, PyObject *reference) {
  (void)reference;
  if (PyDict_DelItem(PyTuple_GET_ITEM(self, 0), PyTuple_GET_ITEM(self, 1)) < 0)
    PyErr_Clear(); // it was marked twice: the second mark is the one that counts
  Py_RETURN_NONE;
}

static PyMethodDef unmark_def = {"unmark", unmark, METH_O, NULL};

int kind_mark(state *st, PyObject *value) {
  if (st->opaque == NULL && (st->opaque = PyDict_New()) == NULL)
    return -1;
  PyObject *address = PyLong_FromVoidPtr(value);
  PyObject *self = address == NULL ? NULL : PyTuple_Pack(2, st->opaque, address);
  PyObject *forget = self == NULL ? NULL : PyCFunction_New(&unmark_def, self);
  PyObject *reference = forget == NULL ? NULL : PyWeakref_NewRef(value, forget);
  int failed = reference == NULL ? -1 : PyDict_SetItem(st->opaque, address, reference);
  Py_XDECREF(reference);
  Py_XDECREF(forget);
  Py_XDECREF(self);
  Py_XDECREF(address);
  return failed;
}

// Whether a value is marked as opaque. Ints are compared: no user code runs. 1, 0, -1.
static int is_marked(state *st, PyObject *value) {
  PyObject *address = PyLong_FromVoidPtr(value);
  int yes = address == NULL ? -1 : PyDict_Contains(st->opaque, address);
  Py_XDECREF(address);
  return yes;
}

static kind classify(state *st, PyObject *value) {
  PyTypeObject *t = Py_TYPE(value);
  if (view_is(st, value))
    return KIND_VIEW;
  PyObject *how = registered(st, t);
  if (how != NULL)
    return how == Py_True ? KIND_PLAIN : KIND_COPIED;
  PyTypeObject *base = python_base(st, t);
  for (family f = 0; f < FAMILIES; f++)
    if (base == st->builtin[f])
      return f == FAMILY_LIST    ? KIND_LIST
             : f == FAMILY_SET   ? KIND_SET
             : f == FAMILY_DEQUE ? KIND_DEQUE
                                 : KIND_DICT;
  if (PyType_IsSubtype(t, &PyTuple_Type))
    return KIND_TUPLE;
  if (PyType_IsSubtype(t, &PyFrozenSet_Type))
    return KIND_FROZENSET;
  if (is_immutable_builtin(t))
    return KIND_PLAIN;
  if (t == &PyCFunction_Type) {
    PyObject *self = PyCFunction_GET_SELF(value);
    return self == NULL || PyModule_Check(self) || PyType_Check(self) ? KIND_PLAIN : KIND_UNSUPPORTED;
  }
  if (t == &PyMethod_Type)
    return PyType_Check(PyMethod_GET_SELF(value)) ? KIND_PLAIN : KIND_UNSUPPORTED;
  int listed = is_listed_plain(t);
  if (listed < 0)
    return KIND_ERROR;
  if (listed)
    return KIND_PLAIN;
  int memory = t == &PyByteArray_Type ? 1 : is_class(t, "array", "array");
  if (memory != 0)
    return memory < 0 ? KIND_ERROR : KIND_BYTES;
  int array = is_class(t, "numpy", "ndarray");
  if (array != 0)
    return array < 0 ? KIND_ERROR : KIND_ARRAY;
  return base == &PyBaseObject_Type ? KIND_OBJECT : KIND_UNSUPPORTED;
}

static bool is_frozen_dataclass(PyTypeObject *type) {
  PyObject *params = PyObject_GetAttrString((PyObject *)type, "__dataclass_params__");
  PyObject *frozen = params == NULL ? NULL : PyObject_GetAttrString(params, "frozen");
  bool yes = frozen == Py_True;
  Py_XDECREF(frozen);
  Py_XDECREF(params);
  PyErr_Clear(); // a class without these is not a frozen dataclass
  return yes;
}

// Whether assigning to an instance runs code of its class. The lock of theus.context does not
// count: a commit is exactly what it lets pass.
static bool is_foreign(state *st, PyTypeObject *type) {
  if (type->tp_setattro == PyObject_GenericSetAttr)
    return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_mro); i++) {
    PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, i);
    if (base == &PyBaseObject_Type || (PyObject *)base == st->locked_mixin)
      continue;
    if (!(base->tp_flags & Py_TPFLAGS_HEAPTYPE) || base->tp_dict == NULL ||
        PyDict_Contains(base->tp_dict, st->s_setattr) != 0 ||
        PyDict_Contains(base->tp_dict, st->s_delattr) != 0)
      return true;
  }
  return false;
}

static bool is_model(PyTypeObject *type) {
  PyObject *validator = PyObject_GetAttrString((PyObject *)type, "__pydantic_validator__");
  PyErr_Clear(); // without it, it is none
  Py_XDECREF(validator);
  return validator != NULL;
}

// Its methods reach for the memory of an instance (they are half in Rust), so they get a plain copy.
bool kind_is_models(state *st, PyObject *object, PyObject *func) {
  if (!PyFunction_Check(func) || !(kind_facts(st, object) & TYPE_MODEL))
    return false;
  PyObject *module = PyDict_GetItemString(PyFunction_GET_GLOBALS(func), "__name__"); // borrowed
  return module != NULL && PyUnicode_Check(module) &&
         PyUnicode_CompareWithASCIIString(module, "pydantic.main") == 0;
}

static unsigned facts_of(state *st, PyTypeObject *type) {
  bool model = is_model(type);
  st->has_models |= model;
  bool foreign = is_foreign(st, type);
  bool dict = type->tp_dictoffset != 0;
#ifdef Py_TPFLAGS_MANAGED_DICT
  dict = dict || (type->tp_flags & Py_TPFLAGS_MANAGED_DICT);
#endif
  return (foreign ? TYPE_FOREIGN : 0) | (is_frozen_dataclass(type) ? TYPE_FROZEN : 0) |
         (dict ? TYPE_DICT : 0) | (model ? TYPE_MODEL : 0);
}

// The answer is cached per type: direct-mapped, checked by the type's version tag, so that a
// changed or recycled type misses and no class is kept alive.
static kind_slot *slot_of(state *st, PyTypeObject *t) {
  return &st->kinds[((uintptr_t)t >> 5) & (KIND_SLOTS - 1)];
}

static bool hit(const kind_slot *slot, PyTypeObject *t) {
  return slot->type == t && slot->version == t->tp_version_tag && slot->version != 0;
}

kind kind_of(state *st, PyObject *value) {
  if (kind_is_plain_exact(value))
    return KIND_PLAIN;
  if (st->opaque != NULL && PyDict_GET_SIZE(st->opaque) > 0) {
    int marked = is_marked(st, value);
    if (marked != 0)
      return marked < 0 ? KIND_ERROR : KIND_PLAIN;
  }
  PyTypeObject *t = Py_TYPE(value);
  kind_slot *slot = slot_of(st, t);
  if (hit(slot, t))
    return (kind)slot->kind;
  kind k = classify(st, value);
  bool per_value = t == &PyCFunction_Type || t == &PyMethod_Type;
  if (t->tp_version_tag == 0)
    (void)_PyType_Lookup(t, st->s_class); // borrowed; a type has no version before its first lookup
  if (k != KIND_ERROR && !per_value)
    *slot = (kind_slot){t, t->tp_version_tag, (uint8_t)k,
                        k >= KIND_LIST && k <= KIND_OBJECT ? (uint8_t)facts_of(st, t) : 0};
  return k;
}

unsigned kind_facts(state *st, PyObject *object) {
  PyTypeObject *t = Py_TYPE(object);
  kind_slot *slot = slot_of(st, t);
  return hit(slot, t) ? slot->facts : facts_of(st, t);
}
