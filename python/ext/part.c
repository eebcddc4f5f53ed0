// part.c: the views of instances of subclasses of list, dict, set and deque written in Python, and
// of Counter. What the class left to the built-in type is done by the built-in's view, through the
// overlay, at its cost; what the class wrote itself runs on a twin (twin.c), O(n).
//
// Counter's own methods are known to need nothing but the operations of a dict: they run on the
// view, so that counting one more costs the same in ten and in ten million.
//
// Calls that run Python code: everything the class defines.
#include "ext.h"

typedef struct {
  PyObject *name; // a method's name, or NULL: func is called
  PyObject *func;
  PyObject *a, *b;
  PyObject *self; // the view
} call;

// ---- who does what --------------------------------------------------------------------------------

static PyTypeObject *builtin_of(view *v) {
  state *st = STATE(v);
  return st->builtin[base_family(st, v->node->target)];
}

// What a class has under a name, if it is not what its built-in has: borrowed from the class.
static PyObject *own(view *v, PyObject *name) {
  PyObject *found = _PyType_Lookup(Py_TYPE(v->node->target), name);
  return found == NULL || found == _PyType_Lookup(builtin_of(v), name) ? NULL : found;
}

static bool is_counters(view *v, PyObject *name, PyObject *found) {
  PyTypeObject *counter = STATE(v)->counter;
  if (PyUnicode_CompareWithASCIIString(name, "__delitem__") == 0 ||
      (PyUnicode_CompareWithASCIIString(name, "update") == 0 && dict_len(v->node) == 0))
    return false; // super() is called there; the second is its shortcut for an empty counter
  return PyType_IsSubtype(Py_TYPE(v->node->target), counter) && PyFunction_Check(found) &&
         _PyType_Lookup(counter, name) == found;
}

static PyObject *run_call(PyObject *twin, void *arg) {
  call *c = arg;
  if (c->a != NULL && c->a == c->self)
    c->a = twin; // x += x
  return c->name != NULL ? PyObject_CallMethodObjArgs(twin, c->name, c->a, c->b, NULL)
                         : PyObject_CallFunctionObjArgs(c->func, twin, c->a, c->b, NULL);
}

// Calls a special method if the class has one of its own. 1 and *result (NULL: it raised), 0.
static int special(PyObject *op, const char *text, PyObject *a, PyObject *b, PyObject **result) {
  view *v = (view *)op;
  *result = NULL;
  if (v->node == NULL) {
    errors_stale(v);
    return 1;
  }
  PyObject *name = PyUnicode_InternFromString(text);
  if (name == NULL)
    return 1;
  PyObject *found = own(v, name);
  if (found != NULL && found != Py_None) {
    Py_INCREF(found);
    PyObject *self = is_counters(v, name, found) ? object_self(v) : NULL;
    if (self != NULL)
      *result = object_strip(STATE(v), PyObject_CallFunctionObjArgs(found, self, a, b, NULL));
    else if (!PyErr_Occurred())
      *result = twin_run(v, run_call, &(call){.name = name, .a = a, .b = b, .self = op});
    Py_XDECREF(self);
    Py_DECREF(found);
  } else if (found == Py_None) {
    PyErr_Format(PyExc_TypeError, "'%s' object does not support %s",
                 Py_TYPE(v->node->target)->tp_name, text);
  }
  Py_DECREF(name);
  return found != NULL;
}

// The same for an operator, which may leave the answer to the other operand.
static int answers(PyObject *op, const char *text, PyObject *other, PyObject **result) {
  if (!special(op, text, other, NULL, result))
    return 0;
  if (*result != Py_NotImplemented)
    return 1;
  Py_CLEAR(*result);
  return 0;
}

static int special_int(PyObject *op, const char *text, PyObject *a, PyObject *b, int *result) {
  PyObject *answer;
  if (!special(op, text, a, b, &answer))
    return 0;
  *result = answer == NULL ? -1 : 0;
  Py_XDECREF(answer);
  return 1;
}

#define EXACT(op) (Py_TYPE(op)->tp_base) // the view of the built-in, from which this one derives

// ---- attributes -----------------------------------------------------------------------------------

static PyObject *run_getattr(PyObject *twin, void *name) { return PyObject_GetAttr(twin, name); }

// 1 and *value new: the instance has an attribute of that name; 0, -1.
static int in_instance(view *v, PyObject *name, PyObject *descr, PyObject **value) {
  *value = NULL;
  if (core_read(v->scope->core, v->node, key_of_name(name)) < 0)
    return -1;
  VIEW_CHECK_INT(v); // it may have waited
  int pending = fields_get(v->scope->core, v->node, name, value);
  if (pending > 0 && *value == STATE(v)->removed) {
    Py_CLEAR(*value);
    return 0;
  }
  if (pending != 0)
    return pending;
  PyObject *target = v->node->target;
  if (descr != NULL && Py_TYPE(descr) == &PyMemberDescr_Type) {
    *value = PyObject_GenericGetAttr(target, name);
    if (*value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
      PyErr_Clear();
    return *value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
  }
  if (!(kind_facts(STATE(v), target) & TYPE_DICT))
    return 0;
  PyObject *dict = PyObject_GenericGetDict(target, NULL);
  *value = dict == NULL ? NULL : Py_XNewRef(PyDict_GetItemWithError(dict, name));
  Py_XDECREF(dict);
  return *value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

static bool is_public_dunder(PyObject *name) {
  Py_ssize_t n = PyUnicode_GET_LENGTH(name);
  return n > 4 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_' &&
         PyUnicode_READ_CHAR(name, n - 1) == '_' && PyUnicode_READ_CHAR(name, n - 2) == '_';
}

// Copies and pickles of views are the kernel's business, whatever the class says.
static bool is_copying(PyObject *name) {
  static const char *const names[] = {"__reduce_ex__", "__reduce__", "__copy__", "__deepcopy__",
                                      "__getstate__"};
  for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++)
    if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0)
      return true;
  return false;
}

static bool is_named(PyObject *name, const char *text) {
  return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

// New: what the class has under a name, bound to the view.
static PyObject *bind(view *v, PyObject *name, PyObject *found) {
  state *st = STATE(v);
  PyTypeObject *t = Py_TYPE(found);
  if (is_counters(v, name, found)) {
    PyObject *self = object_self(v);
    PyObject *method = self == NULL ? NULL : method_new(st, found, (view *)self);
    Py_XDECREF(self);
    return method;
  }
  if (PyFunction_Check(found) || t == &PyMethodDescr_Type || t == &PyWrapperDescr_Type)
    return method_new_twin(st, found, v);
  if (t == &PyClassMethod_Type || t == &PyStaticMethod_Type || t == &PyClassMethodDescr_Type)
    return t->tp_descr_get(found, NULL, (PyObject *)Py_TYPE(v->node->target));
  return twin_run(v, run_getattr, name);
}

static PyObject *part_getattro(PyObject *op, PyObject *name) {
  view *v = (view *)op;
  VIEW_CHECK(v);
  state *st = STATE(v);
  if (name == st->s_class)
    return Py_NewRef((PyObject *)Py_TYPE(v->node->target));
  if (name == st->s_dict)
    return fields_mapping(v);
  if (is_copying(name))
    return PyObject_GenericGetAttr(op, name);
  bool dunder = is_public_dunder(name);
  shape *s = dunder ? v->shape : shape_attr(v->scope->engine, v->shape, name);
  if (s == NULL)
    return NULL;
  PyObject *found = own(v, name), *value = NULL;
  bool of_builtin = found == NULL && _PyType_Lookup(builtin_of(v), name) != NULL;
  if (!of_builtin && !dunder &&
      (!(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)) ||
       ((s->bits & THEUS_IS_PRIVATE) && !v->self)))
    return view_deny(v, THEUS_TRY_READ, THEUS_ATTR, name, 0, "");
  Py_XINCREF(found);
  PyObject *result = NULL;
  bool data = found != NULL && Py_TYPE(found)->tp_descr_set != NULL &&
              Py_TYPE(found) != &PyMemberDescr_Type;
  int mine = data ? 0 : in_instance(v, name, found, &value);
  if (mine > 0) {
    result = wrap(v, s, value, name, 0, THEUS_ATTR);
    Py_DECREF(value);
  } else if (mine == 0 && of_builtin && is_named(name, "copy")) { // it may copy the subclass
    result = method_new_twin(st, _PyType_Lookup(builtin_of(v), name), v);
  } else if (mine == 0 && of_builtin) {
    result = PyObject_GenericGetAttr(op, name);
    if (result == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
      PyErr_Clear(); // something of the built-in that its view has no shorter way for
      result = twin_run(v, run_getattr, name);
    }
  } else if (mine == 0 && found != NULL && Py_TYPE(found)->tp_descr_get == NULL) {
    result = wrap(v, s, found, name, 0, THEUS_ATTR);
  } else if (mine == 0 && found != NULL && Py_TYPE(found) != &PyMemberDescr_Type) {
    result = bind(v, name, found);
  } else if (mine == 0 && _PyType_Lookup(Py_TYPE(v->node->target), st->s_getattr) != NULL) {
    result = twin_run(v, run_getattr, name);
  } else if (mine == 0) {
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%U'",
                 Py_TYPE(v->node->target)->tp_name, name);
  }
  Py_XDECREF(found);
  return result;
}

static PyObject *run_setattr(PyObject *twin, void *arg) {
  call *c = arg;
  return PyObject_SetAttr(twin, c->a, c->b) < 0 ? NULL : Py_NewRef(Py_None);
}

static int part_setattro(PyObject *op, PyObject *name, PyObject *value) {
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  state *st = STATE(v);
  PyObject *found = own(v, name), *hook = own(v, value == NULL ? st->s_delattr : st->s_setattr);
  bool member = found == NULL || Py_TYPE(found) == &PyMemberDescr_Type;
  if (hook == NULL && (member || Py_TYPE(found)->tp_descr_set == NULL)) {
    shape *s = shape_attr(v->scope->engine, v->shape, name);
    if (s != NULL && (s->bits & THEUS_IS_PRIVATE) && !v->self)
      view_deny(v, value == NULL ? THEUS_TRY_DELETE : THEUS_TRY_WRITE, THEUS_ATTR, name, 0, "");
    else if (s != NULL)
      return object_store(v, name, value);
    return -1;
  }
  PyObject *none = twin_run(v, run_setattr, &(call){.a = name, .b = value});
  Py_XDECREF(none);
  return none == NULL ? -1 : 0;
}

// ---- operations -----------------------------------------------------------------------------------

static PyObject *part_repr(PyObject *op) {
  PyObject *result;
  if (((view *)op)->node == NULL)
    return view_repr_stale((view *)op);
  return special(op, "__repr__", NULL, NULL, &result) ? result : EXACT(op)->tp_repr(op);
}

static PyObject *part_str(PyObject *op) {
  PyObject *result;
  if (((view *)op)->node == NULL)
    return view_repr_stale((view *)op);
  return special(op, "__str__", NULL, NULL, &result) ? result : part_repr(op);
}

static Py_hash_t part_hash(PyObject *op) {
  PyObject *number;
  if (!special(op, "__hash__", NULL, NULL, &number))
    return PyObject_HashNotImplemented(((view *)op)->node->target);
  Py_hash_t hash = number == NULL ? -1 : PyObject_Hash(number);
  Py_XDECREF(number);
  return hash;
}

static PyObject *part_richcompare(PyObject *op, PyObject *other, int how) {
  static const char *const names[] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
  PyObject *result;
  if (answers(op, names[how], other, &result))
    return result;
  if (how == Py_NE && answers(op, "__eq__", other, &result)) { // Python's rule
    if (result == NULL)
      return NULL;
    int yes = PyObject_IsTrue(result);
    Py_DECREF(result);
    return yes < 0 ? NULL : PyBool_FromLong(!yes);
  }
  return EXACT(op)->tp_richcompare(op, other, how);
}

static PyObject *part_iter(PyObject *op) {
  PyObject *result;
  return special(op, "__iter__", NULL, NULL, &result) ? result : EXACT(op)->tp_iter(op);
}

static PyObject *run_calling(PyObject *twin, void *arg) {
  call *c = arg;
  return PyObject_Call(twin, c->a, c->b);
}

static PyObject *part_call(PyObject *op, PyObject *args, PyObject *kwargs) {
  VIEW_CHECK((view *)op);
  return twin_run((view *)op, run_calling, &(call){.a = args, .b = kwargs});
}

static Py_ssize_t part_length(PyObject *op) {
  PyObject *answer;
  if (special(op, "__len__", NULL, NULL, &answer)) {
    Py_ssize_t n = answer == NULL ? -1 : PyNumber_AsSsize_t(answer, PyExc_OverflowError);
    Py_XDECREF(answer);
    return n;
  }
  PyTypeObject *exact = EXACT(op);
  return exact->tp_as_sequence->sq_length != NULL ? exact->tp_as_sequence->sq_length(op)
                                                  : exact->tp_as_mapping->mp_length(op);
}

static int part_bool(PyObject *op) {
  PyObject *answer;
  if (!special(op, "__bool__", NULL, NULL, &answer)) {
    Py_ssize_t n = part_length(op);
    return n < 0 ? -1 : n > 0;
  }
  int yes = answer == NULL ? -1 : PyObject_IsTrue(answer);
  Py_XDECREF(answer);
  return yes;
}

static int part_contains(PyObject *op, PyObject *value) {
  PyObject *answer;
  if (!special(op, "__contains__", value, NULL, &answer))
    return EXACT(op)->tp_as_sequence->sq_contains(op, value);
  int yes = answer == NULL ? -1 : PyObject_IsTrue(answer);
  Py_XDECREF(answer);
  return yes;
}

// A key that a dict does not have: __missing__, if the class wrote one.
static PyObject *lookup(PyObject *op, PyObject *key) {
  view *v = (view *)op;
  PyObject *value, *missing;
  int there = dict_value(v, key, &value);
  if (there != 0)
    return value;
  if (special(op, "__missing__", key, NULL, &missing))
    return missing;
  return EXACT(op)->tp_as_mapping->mp_subscript(op, key); // a defaultdict's, or the KeyError
}

static PyObject *part_subscript(PyObject *op, PyObject *key) {
  PyObject *result;
  if (special(op, "__getitem__", key, NULL, &result))
    return result;
  if (((view *)op)->node->kind == KIND_DICT)
    return lookup(op, key);
  PyMappingMethods *exact = EXACT(op)->tp_as_mapping;
  if (exact->mp_subscript != NULL)
    return exact->mp_subscript(op, key);
  if (!PyIndex_Check(key)) {
    PyErr_Format(PyExc_TypeError, "sequence index must be integer, not '%s'", Py_TYPE(key)->tp_name);
    return NULL;
  }
  Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
  if (i == -1 && PyErr_Occurred())
    return NULL;
  return EXACT(op)->tp_as_sequence->sq_item(op, i < 0 ? i + part_length(op) : i);
}

// Counter.__delitem__ forgives a key that is not there.
static int forgiving(PyObject *op, PyObject *key) {
  view *v = (view *)op;
  PyObject *name = PyUnicode_InternFromString("__delitem__");
  PyObject *found = name == NULL ? NULL : own(v, name);
  PyTypeObject *counter = STATE(v)->counter;
  bool yes = found != NULL && PyType_IsSubtype(Py_TYPE(v->node->target), counter) &&
             found == _PyType_Lookup(counter, name);
  Py_XDECREF(name);
  if (!yes)
    return 0;
  int there = PySequence_Contains(op, key);
  return there < 0 || (there && dict_store(v, key, NULL) < 0) ? -1 : 1;
}

static int part_ass_subscript(PyObject *op, PyObject *key, PyObject *value) {
  VIEW_CHECK_INT((view *)op);
  int result, done = value == NULL ? forgiving(op, key) : 0;
  if (done != 0)
    return done < 0 ? -1 : 0;
  if (special_int(op, value == NULL ? "__delitem__" : "__setitem__", key, value, &result))
    return result;
  PyMappingMethods *exact = EXACT(op)->tp_as_mapping;
  if (exact->mp_ass_subscript != NULL)
    return exact->mp_ass_subscript(op, key, value);
  Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
  if (i == -1 && PyErr_Occurred())
    return -1;
  return EXACT(op)->tp_as_sequence->sq_ass_item(op, i < 0 ? i + part_length(op) : i, value);
}

// ---- operators ------------------------------------------------------------------------------------

typedef binaryfunc (*finder)(PyTypeObject *);

// Whether the built-in's own operators give an instance of the subclass.
static bool keeps_subclass(view *v) {
  if (v->node == NULL)
    return false;
  family f = base_family(STATE(v), v->node->target);
  return f == FAMILY_ORDERED || f == FAMILY_DEFAULT || f == FAMILY_DEQUE;
}

// New: the built-in's operator on a twin; another view takes part as a plain container.
static PyObject *on_twin(PyObject *op, const char *text, PyObject *other) {
  view *v = (view *)op;
  PyObject *name = PyUnicode_InternFromString(text), *result = NULL;
  bool container = view_is(STATE(v), other) && ((view *)other)->node != NULL &&
                   ((view *)other)->node->kind != KIND_OBJECT;
  PyObject *operand = name == NULL ? NULL : container ? twin_shallow((view *)other) : Py_NewRef(other);
  if (operand != NULL && _PyType_Lookup(builtin_of(v), name) == NULL)
    result = Py_NewRef(Py_NotImplemented);
  else if (operand != NULL)
    result = twin_run(v, run_call, &(call){.name = name, .a = operand});
  Py_XDECREF(operand);
  Py_XDECREF(name);
  return result;
}

static PyObject *binary(PyObject *a, PyObject *b, const char *name, const char *reflected,
                        finder slot) {
  for (int side = 0; side < 2; side++) {
    PyObject *mine = side == 0 ? a : b, *other = side == 0 ? b : a, *result;
    if (Py_TYPE(mine)->tp_getattro != part_getattro)
      continue;
    if (answers(mine, side == 0 ? name : reflected, other, &result))
      return result;
    binaryfunc exact = slot(EXACT(mine));
    bool keeps_class = keeps_subclass((view *)mine);
    if (exact == NULL)
      result = Py_NewRef(Py_NotImplemented);
    else if (keeps_class)
      result = on_twin(mine, side == 0 ? name : reflected, other);
    else
      result = exact(a, b);
    if (result != Py_NotImplemented)
      return result;
    Py_DECREF(result);
  }
  Py_RETURN_NOTIMPLEMENTED;
}

static PyObject *inplace(PyObject *a, PyObject *b, const char *name, finder slot) {
  PyObject *result;
  if (special(a, name, b, NULL, &result))
    return result;
  binaryfunc exact = slot(EXACT(a));
  return exact == NULL ? Py_NewRef(Py_NotImplemented) : exact(a, b);
}

#define OPERATOR(slot, word)                                                                       \
  static binaryfunc find_##slot(PyTypeObject *t) { return t->tp_as_number->nb_##slot; }            \
  static binaryfunc find_i##slot(PyTypeObject *t) { return t->tp_as_number->nb_inplace_##slot; }   \
  static PyObject *part_##slot(PyObject *a, PyObject *b) {                                         \
    return binary(a, b, "__" word "__", "__r" word "__", find_##slot);                             \
  }                                                                                                \
  static PyObject *part_i##slot(PyObject *a, PyObject *b) {                                        \
    PyObject *result = inplace(a, b, "__i" word "__", find_i##slot);                               \
    if (result != Py_NotImplemented)                                                               \
      return result;                                                                               \
    Py_DECREF(result);                                                                             \
    return part_##slot(a, b);                                                                      \
  }
OPERATOR(add, "add")
OPERATOR(subtract, "sub")
OPERATOR(multiply, "mul")
OPERATOR(remainder, "mod")
OPERATOR(true_divide, "truediv")
OPERATOR(matrix_multiply, "matmul")
OPERATOR(and, "and")
OPERATOR(or, "or")
OPERATOR(xor, "xor")

#define UNARY(slot, word)                                                                          \
  static PyObject *part_##slot(PyObject *op) {                                                     \
    PyObject *result;                                                                              \
    if (special(op, word, NULL, NULL, &result))                                                    \
      return result;                                                                               \
    PyErr_Format(PyExc_TypeError, "bad operand type for %s: '%s'", word,                           \
                 Py_TYPE(((view *)op)->node->target)->tp_name);                                    \
    return NULL;                                                                                   \
  }
UNARY(positive, "__pos__")
UNARY(negative, "__neg__")
UNARY(invert, "__invert__")

// ---- methods that are looked up on the type ---------------------------------------------------------

static PyObject *part_reversed(PyObject *op, PyObject *unused) {
  (void)unused;
  PyObject *result;
  if (special(op, "__reversed__", NULL, NULL, &result))
    return result;
  if (((view *)op)->node->kind != KIND_LIST)
    return base_call(EXACT(op), "__reversed__", op, NULL);
  PyObject *all = twin_shallow((view *)op);
  result = all == NULL ? NULL : PyObject_CallOneArg((PyObject *)&PyReversed_Type, all);
  Py_XDECREF(all);
  return result;
}

static PyObject *run_copy(PyObject *twin, void *unused) {
  (void)unused;
  PyObject *module = PyImport_ImportModule("copy");
  PyObject *copy = module == NULL ? NULL : PyObject_CallMethod(module, "copy", "O", twin);
  Py_XDECREF(module);
  return copy;
}

static PyObject *part_copy(PyObject *op, PyObject *unused) {
  (void)unused;
  return twin_run((view *)op, run_copy, NULL);
}

static PyMethodDef part_methods[] = {
    {"__copy__", part_copy, METH_NOARGS, NULL},
    {"__reversed__", part_reversed, METH_NOARGS, NULL},
    {"__dir__", fields_dir, METH_NOARGS, NULL},
    {0},
};

#define NUMBER(name) {Py_nb_##name, part_##name}, {Py_nb_inplace_##name, part_i##name}
#define COMMON                                                                                     \
  {Py_tp_doc, "An instance of a subclass of a container as one process may see it."},              \
      {Py_tp_new, view_new_refused}, {Py_tp_dealloc, view_dealloc},                                \
      {Py_tp_traverse, view_traverse}, {Py_tp_clear, view_clear},                                  \
      {Py_tp_getattro, part_getattro}, {Py_tp_setattro, part_setattro}, {Py_tp_repr, part_repr},   \
      {Py_tp_str, part_str}, {Py_tp_hash, part_hash}, {Py_tp_richcompare, part_richcompare},       \
      {Py_tp_iter, part_iter}, {Py_tp_call, part_call}, {Py_tp_methods, part_methods},             \
      {Py_sq_contains, part_contains}, {Py_nb_bool, part_bool}, NUMBER(add), NUMBER(subtract),     \
      NUMBER(multiply), NUMBER(remainder), NUMBER(true_divide), NUMBER(matrix_multiply),           \
      NUMBER(and), NUMBER(or), NUMBER(xor), {Py_nb_positive, part_positive},                       \
      {Py_nb_negative, part_negative}, {Py_nb_invert, part_invert}

static PyType_Slot part_slots[] = {
    COMMON,
    {Py_mp_length, part_length},
    {Py_mp_subscript, part_subscript},
    {Py_mp_ass_subscript, part_ass_subscript},
    {0, NULL},
};

static PyType_Slot set_part_slots[] = {
    COMMON,
    {Py_sq_length, part_length},
    {0, NULL},
};

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE)

PyType_Spec part_spec = {
    .name = "theus._kernel.SubclassView",
    .basicsize = sizeof(view),
    .flags = FLAGS,
    .slots = part_slots,
};

PyType_Spec set_part_spec = {
    .name = "theus._kernel.SubclassView",
    .basicsize = sizeof(view),
    .flags = FLAGS,
    .slots = set_part_slots,
};
