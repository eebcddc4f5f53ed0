// object.c: the view of an instance of a user's class: its type, and the operators of the class run
// on the view. How attributes are read and written stands in attribute.c.
//
// Calls that run Python code: every operator of the class.
#include "ext.h"

// ---- operators: the class' own, run on the view ---------------------------------------------------

// New method of the class bound to v, or NULL: without an exception if the class has none.
static PyObject *special(view *v, const char *name) {
  VIEW_CHECK(v);
  PyObject *key = PyUnicode_InternFromString(name);
  if (key == NULL)
    return NULL;
  PyObject *func = _PyType_Lookup(Py_TYPE(v->node->target), key); // borrowed
  Py_DECREF(key);
  if (func == NULL || !PyFunction_Check(func))
    return NULL;
  Py_INCREF(func);
  PyObject *self = object_self(v);
  PyObject *method = self == NULL ? NULL : method_new(STATE(v), func, (view *)self);
  Py_XDECREF(self);
  Py_DECREF(func);
  return method;
}

static PyObject *call_special(PyObject *op, const char *name, PyObject *a, PyObject *b) {
  PyObject *method = special((view *)op, name);
  if (method == NULL) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "'%s' object does not support %s",
                   Py_TYPE(((view *)op)->node->target)->tp_name, name);
    return NULL;
  }
  PyObject *result = PyObject_CallFunctionObjArgs(method, a, b, NULL);
  Py_DECREF(method);
  return result;
}

static int call_special_int(PyObject *op, const char *name, PyObject *a, PyObject *b) {
  PyObject *result = call_special(op, name, a, b);
  Py_XDECREF(result);
  return result == NULL ? -1 : 0;
}

static PyObject *object_repr(PyObject *op) {
  view *v = (view *)op;
  if (v->node == NULL)
    return view_repr_stale(v);
  PyObject *method = special(v, "__repr__");
  if (method == NULL && PyErr_Occurred())
    return NULL;
  if (method == NULL)
    return PyUnicode_FromFormat("<%s view>", Py_TYPE(v->node->target)->tp_name);
  PyObject *text = PyObject_CallNoArgs(method);
  Py_DECREF(method);
  return text;
}

static PyObject *object_str(PyObject *op) {
  PyObject *method = special((view *)op, "__str__");
  if (method == NULL)
    return PyErr_Occurred() ? NULL : object_repr(op);
  PyObject *text = PyObject_CallNoArgs(method);
  Py_DECREF(method);
  return text;
}

static Py_hash_t object_hash(PyObject *op) {
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  PyTypeObject *type = Py_TYPE(v->node->target);
  if (type->tp_hash == PyBaseObject_Type.tp_hash) // by identity: that of the object
    return PyBaseObject_Type.tp_hash(v->node->target);
  if (type->tp_hash == PyObject_HashNotImplemented)
    return PyObject_HashNotImplemented(v->node->target);
  PyObject *number = call_special(op, "__hash__", NULL, NULL);
  if (number == NULL)
    return -1;
  Py_hash_t hash = PyObject_Hash(number);
  Py_DECREF(number);
  return hash;
}

static PyObject *object_richcompare(PyObject *op, PyObject *other, int how) {
  static const char *const names[] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
  PyObject *method = special((view *)op, names[how]);
  if (method != NULL) {
    PyObject *result = PyObject_CallFunctionObjArgs(method, other, NULL);
    Py_DECREF(method);
    return result;
  }
  if (PyErr_Occurred())
    return NULL;
  if (how == Py_NE) { // Python's rule: the inverse of __eq__
    PyObject *equal = object_richcompare(op, other, Py_EQ);
    if (equal == NULL || equal == Py_NotImplemented)
      return equal;
    int yes = PyObject_IsTrue(equal);
    Py_DECREF(equal);
    return yes < 0 ? NULL : PyBool_FromLong(!yes);
  }
  if (how != Py_EQ)
    Py_RETURN_NOTIMPLEMENTED;
  PyObject *mine = ((view *)op)->node->target, *theirs = other;
  if (Py_TYPE(other) == Py_TYPE(op) && ((view *)other)->node != NULL)
    theirs = ((view *)other)->node->target;
  if (mine == theirs)
    Py_RETURN_TRUE;
  Py_RETURN_NOTIMPLEMENTED;
}

static int object_bool(PyObject *op) {
  PyObject *method = special((view *)op, "__bool__");
  if (method == NULL && !PyErr_Occurred())
    method = special((view *)op, "__len__");
  if (method == NULL)
    return PyErr_Occurred() ? -1 : 1;
  PyObject *answer = PyObject_CallNoArgs(method);
  Py_DECREF(method);
  int yes = answer == NULL ? -1 : PyObject_IsTrue(answer);
  Py_XDECREF(answer);
  return yes;
}

static Py_ssize_t object_length(PyObject *op) {
  PyObject *length = call_special(op, "__len__", NULL, NULL);
  if (length == NULL)
    return -1;
  Py_ssize_t n = PyNumber_AsSsize_t(length, PyExc_OverflowError);
  Py_DECREF(length);
  if (n < 0 && !PyErr_Occurred()) {
    PyErr_SetString(PyExc_ValueError, "__len__() should return >= 0");
    return -1;
  }
  return n;
}

static PyObject *object_subscript(PyObject *op, PyObject *key) {
  return call_special(op, "__getitem__", key, NULL);
}

static int object_ass_subscript(PyObject *op, PyObject *key, PyObject *value) {
  return value == NULL ? call_special_int(op, "__delitem__", key, NULL)
                       : call_special_int(op, "__setitem__", key, value);
}

static int object_contains(PyObject *op, PyObject *key) {
  PyObject *answer = call_special(op, "__contains__", key, NULL);
  int yes = answer == NULL ? -1 : PyObject_IsTrue(answer);
  Py_XDECREF(answer);
  return yes;
}

static PyObject *object_iter(PyObject *op) { return call_special(op, "__iter__", NULL, NULL); }

static PyObject *object_call(PyObject *op, PyObject *args, PyObject *kwargs) {
  PyObject *method = special((view *)op, "__call__");
  if (method == NULL) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "'%s' object is not callable",
                   Py_TYPE(((view *)op)->node->target)->tp_name);
    return NULL;
  }
  PyObject *result = PyObject_Call(method, args, kwargs);
  Py_DECREF(method);
  return result;
}

// a + b and the like: the left operand's method, then the right one's reflected method.
static PyObject *binary(PyObject *a, PyObject *b, const char *name, const char *reflected) {
  for (int side = 0; side < 2; side++) {
    PyObject *mine = side == 0 ? a : b, *other = side == 0 ? b : a;
    if (Py_TYPE(mine)->tp_getattro != object_getattro)
      continue;
    PyObject *method = special((view *)mine, side == 0 ? name : reflected);
    if (method == NULL && PyErr_Occurred())
      return NULL;
    if (method == NULL)
      continue;
    PyObject *result = PyObject_CallFunctionObjArgs(method, other, NULL);
    Py_DECREF(method);
    if (result != Py_NotImplemented)
      return result;
    Py_DECREF(result);
  }
  Py_RETURN_NOTIMPLEMENTED;
}

#define BINARY(slot, word)                                                                         \
  static PyObject *object_##slot(PyObject *a, PyObject *b) {                                       \
    return binary(a, b, "__" word "__", "__r" word "__");                                          \
  }                                                                                                \
  static PyObject *object_i##slot(PyObject *a, PyObject *b) {                                      \
    PyObject *result = binary(a, b, "__i" word "__", "__none__");                                  \
    if (result != Py_NotImplemented)                                                               \
      return result;                                                                               \
    Py_DECREF(result);                                                                             \
    return object_##slot(a, b);                                                                    \
  }
BINARY(add, "add")
BINARY(subtract, "sub")
BINARY(multiply, "mul")
BINARY(remainder, "mod")
BINARY(true_divide, "truediv")
BINARY(floor_divide, "floordiv")
BINARY(matrix_multiply, "matmul")
BINARY(and, "and")
BINARY(or, "or")
BINARY(xor, "xor")
BINARY(lshift, "lshift")
BINARY(rshift, "rshift")

static PyObject *object_negative(PyObject *op) { return call_special(op, "__neg__", NULL, NULL); }
static PyObject *object_absolute(PyObject *op) { return call_special(op, "__abs__", NULL, NULL); }
static PyObject *object_int(PyObject *op) { return call_special(op, "__int__", NULL, NULL); }
static PyObject *object_float(PyObject *op) { return call_special(op, "__float__", NULL, NULL); }

static PyMethodDef object_methods[] = {
    {"__dir__", fields_dir, METH_NOARGS, NULL},
    {"__copy__", view_copy, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce_ex__", view_reduce, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {0},
};

#define NUMBER(name, f) {Py_nb_##name, object_##f}, {Py_nb_inplace_##name, object_i##f}
static PyType_Slot object_slots[] = {
    {Py_tp_doc, "A user's object as one process may see it."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear},
    {Py_tp_getattro, object_getattro},
    {Py_tp_setattro, object_setattro},
    {Py_tp_repr, object_repr},
    {Py_tp_str, object_str},
    {Py_tp_hash, object_hash},
    {Py_tp_richcompare, object_richcompare},
    {Py_tp_iter, object_iter},
    {Py_tp_call, object_call},
    {Py_tp_methods, object_methods},
    {Py_mp_length, object_length},
    {Py_mp_subscript, object_subscript},
    {Py_mp_ass_subscript, object_ass_subscript},
    {Py_sq_contains, object_contains},
    {Py_nb_bool, object_bool},
    NUMBER(add, add),
    NUMBER(subtract, subtract),
    NUMBER(multiply, multiply),
    NUMBER(remainder, remainder),
    NUMBER(true_divide, true_divide),
    NUMBER(floor_divide, floor_divide),
    NUMBER(matrix_multiply, matrix_multiply),
    NUMBER(and, and),
    NUMBER(or, or),
    NUMBER(xor, xor),
    NUMBER(lshift, lshift),
    NUMBER(rshift, rshift),
    {Py_nb_negative, object_negative},
    {Py_nb_absolute, object_absolute},
    {Py_nb_int, object_int},
    {Py_nb_float, object_float},
    {0, NULL},
};

PyType_Spec object_spec = {
    .name = "theus._kernel.ObjectView",
    .basicsize = sizeof(view),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = object_slots,
};
