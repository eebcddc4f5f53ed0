// attribute.c: the attributes of an object view, read and written.
//
// Reading looks at the overlay first and at the object then, without touching the object's
// __dict__ (that would slow the user's own code down). Code of the class (methods, properties,
// __getattr__, operators) runs with the view as self, so what it changes is part of the
// transaction too. The fields of an object are guarded by its class' own code only in this way.
//
// Calls that run Python code: properties, descriptors, __getattr__, operators of the class.
#include "ext.h"

#if PY_VERSION_HEX >= 0x030D0000 && PY_VERSION_HEX < 0x030E0000 // exported, but not declared
PyAPI_FUNC(int) _PyObject_GetMethod(PyObject *object, PyObject *name, PyObject **method);
#endif

static bool is_dunder(PyObject *name) {
  Py_ssize_t n = PyUnicode_GET_LENGTH(name);
  return n > 4 && PyUnicode_READ_CHAR(name, 1) == '_' && PyUnicode_READ_CHAR(name, n - 1) == '_' &&
         PyUnicode_READ_CHAR(name, n - 2) == '_';
}

// Whether name is what an attribute may be called, as Python checks it. Slots get any object.
static int is_name(PyObject *name) {
  if (PyUnicode_Check(name))
    return 0;
  PyErr_Format(PyExc_TypeError, "attribute name must be string, not '%s'", Py_TYPE(name)->tp_name);
  return -1;
}

PyObject *object_self(view *v) {
  VIEW_CHECK(v);
  if (v->self)
    return Py_NewRef((PyObject *)v);
  return view_new(v->scope, v->node, v->shape, v->parent, v->key, v->index, v->segment, true);
}

PyObject *object_strip(state *st, PyObject *steals) {
  if (steals == NULL || !view_is(st, steals) || !((view *)steals)->self)
    return steals;
  view *v = (view *)steals;
  PyObject *bare = v->node == NULL ? errors_stale(v)
                                   : view_new(v->scope, v->node, v->shape, v->parent, v->key,
                                              v->index, v->segment, false);
  Py_DECREF(steals);
  return bare;
}

// Calls func(self of v, ...) and takes the rights of self off what it returns.
static PyObject *call_as_self(view *v, PyObject *func, PyObject *a, PyObject *b) {
  state *st = STATE(v);
  PyObject *self = object_self(v);
  if (self == NULL)
    return NULL;
  PyObject *result = PyObject_CallFunctionObjArgs(func, self, a, b, NULL);
  Py_DECREF(self);
  return object_strip(st, result);
}

static PyObject *property_part(PyObject *property, const char *part) {
  PyObject *func = PyObject_GetAttrString(property, part);
  if (func == Py_None)
    Py_CLEAR(func);
  return func;
}

// What the class says about a name, before its value is looked up.
static bool runs_code(PyObject *descr) {
  PyTypeObject *t = Py_TYPE(descr);
  return t->tp_descr_get != NULL && (PyType_IsSubtype(t, &PyProperty_Type) ||
                                     (t->tp_flags & Py_TPFLAGS_HEAPTYPE));
}

// New: the value of a property or another descriptor written in Python, computed on the view.
static PyObject *get_computed(view *v, PyObject *descr) {
  if (PyType_IsSubtype(Py_TYPE(descr), &PyProperty_Type)) {
    PyObject *getter = property_part(descr, "fget");
    if (getter == NULL) {
      if (!PyErr_Occurred())
        PyErr_SetString(PyExc_AttributeError, "this property has no getter");
      return NULL;
    }
    PyObject *value = NULL, *copy = NULL;
    if (v->node != NULL && kind_is_models(STATE(v), v->node->target, getter)) {
      copy = plain_view(v);
      value = copy == NULL ? NULL : PyObject_CallOneArg(getter, copy);
      Py_XDECREF(copy);
    } else {
      value = call_as_self(v, getter, NULL, NULL);
    }
    Py_DECREF(getter);
    return value;
  }
  PyObject *self = object_self(v);
  if (self == NULL)
    return NULL;
  PyObject *type = Py_NewRef((PyObject *)Py_TYPE(v->node->target));
  PyObject *value = Py_TYPE(descr)->tp_descr_get(descr, self, type);
  Py_DECREF(type);
  Py_DECREF(self);
  return object_strip(STATE(v), value);
}

// New: functools.cached_property, which wants to write into the instance's __dict__. An output keeps
// the value as a field, with all other writes; an input computes it each time.
static PyObject *get_cached(view *v, shape *s, PyObject *descr, PyObject *name) {
  PyObject *func = PyObject_GetAttrString(descr, "func");
  PyObject *value = func == NULL ? NULL : call_as_self(v, func, NULL, NULL);
  Py_XDECREF(func);
  if (value == NULL || v->node == NULL || !(s->bits & THEUS_MAY_WRITE))
    return value;
  if (object_store(v, name, value) < 0)
    Py_CLEAR(value);
  return value;
}

// Whether the instance has a value of its own under the name of a descriptor that lets it: new,
// NULL without an exception if not.
static PyObject *get_stored(view *v, PyObject *descr, PyObject *name) {
  PyObject *target = v->node->target;
  if (Py_TYPE(descr)->tp_descr_set != NULL || !(kind_facts(STATE(v), target) & TYPE_DICT))
    return NULL;
  PyObject *dict = PyObject_GenericGetDict(target, NULL);
  PyObject *value = dict == NULL ? NULL : Py_XNewRef(PyDict_GetItemWithError(dict, name));
  Py_XDECREF(dict);
  return value;
}

// New: a function of the class, bound to v with the rights of self.
static PyObject *bind(view *v, PyObject *func) {
  PyObject *self = object_self(v);
  PyObject *method = self == NULL ? NULL : method_new(STATE(v), func, (view *)self);
  Py_XDECREF(self);
  return method;
}

// New: what the object has under a name, past the class' own __getattribute__. *func: it is a
// function of the class that was found (descr), not bound to the object only to be bound again.
static PyObject *get_raw(PyObject *target, PyObject *descr, PyObject *name, bool *func) {
  *func = false;
#if PY_VERSION_HEX < 0x030E0000
  if (descr != NULL && PyFunction_Check(descr) &&
      Py_TYPE(target)->tp_getattro == PyObject_GenericGetAttr) {
    PyObject *value = NULL;
    *func = _PyObject_GetMethod(target, name, &value);
    return value;
  }
#endif
  return PyObject_GenericGetAttr(target, name);
}

// New: a function or class method of the class, bound to the view instead of the object behind it.
// Anything else comes back as it is.
static PyObject *rebind(view *v, PyObject *found) {
  VIEW_CHECK(v);
  PyObject *target = v->node->target;
  if (PyMethod_Check(found) && PyMethod_GET_SELF(found) == target)
    return bind(v, PyMethod_GET_FUNCTION(found));
  return Py_NewRef(found);
}

// New: what the class has under a name whose field was deleted: a default, or a method.
static PyObject *get_of_class(view *v, shape *s, PyObject *name, PyObject *found) {
  Py_INCREF(found);
  PyObject *value = NULL;
  if (PyFunction_Check(found)) {
    value = bind(v, found);
  } else {
    value = runs_code(found) ? get_computed(v, found) : wrap(v, s, found, name, 0, THEUS_ATTR);
  }
  Py_DECREF(found);
  return value;
}

// The class' __getattr__, for a name that nothing else has. The AttributeError is set on entry.
static PyObject *get_missing(view *v, PyObject *name) {
  state *st = STATE(v);
  if (!PyErr_ExceptionMatches(PyExc_AttributeError))
    return NULL;
  PyObject *error = errors_take(); // a lookup must not run with an exception set
  PyObject *hook = v->node == NULL ? NULL : _PyType_Lookup(Py_TYPE(v->node->target), st->s_getattr);
  if (hook == NULL) {
    errors_put(error);
    return NULL;
  }
  Py_DECREF(error);
  Py_INCREF(hook);
  PyObject *value = call_as_self(v, hook, name, NULL);
  Py_DECREF(hook);
  return value;
}

// Names like __len__ belong to the class, not to the state: probes of libraries must get an
// AttributeError or the class' own answer, never a denial.
static PyObject *get_dunder(view *v, PyObject *name) {
  state *st = STATE(v);
  if (name == st->s_class)
    return Py_NewRef((PyObject *)Py_TYPE(v->node->target));
  if (name == st->s_dict)
    return fields_mapping(v);
  PyObject *own = PyObject_GenericGetAttr((PyObject *)v, name); // __reduce_ex__, __copy__, ...
  if (own != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
    return own;
  PyObject *error = errors_take(); // a lookup must not run with an exception set
  PyObject *descr = v->node == NULL ? NULL : _PyType_Lookup(Py_TYPE(v->node->target), name);
  if (descr == NULL) { // borrowed
    errors_put(error);
    return NULL;
  }
  Py_DECREF(error);
  if (Py_TYPE(descr) == &PyMemberDescr_Type && (kind_facts(st, v->node->target) & TYPE_MODEL)) {
    PyObject *copy = plain_view(v), *value = copy == NULL ? NULL : PyObject_GetAttr(copy, name);
    Py_XDECREF(copy);
    return value;
  }
  if (!PyFunction_Check(descr))
    return Py_NewRef(descr);
  Py_INCREF(descr);
  PyObject *method = bind(v, descr);
  Py_DECREF(descr);
  return method;
}

PyObject *object_getattro(PyObject *op, PyObject *name) {
  view *v = (view *)op;
  VIEW_CHECK(v);
  if (is_name(name) < 0)
    return NULL;
  bool underscore = PyUnicode_GET_LENGTH(name) > 0 && PyUnicode_READ_CHAR(name, 0) == '_';
  if (underscore && is_dunder(name))
    return get_dunder(v, name);
  shape *s = shape_attr(v->scope->engine, v->shape, name);
  if (s == NULL)
    return NULL;
  if (!(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)) || ((s->bits & THEUS_IS_PRIVATE) && !v->self))
    return view_deny(v, THEUS_TRY_READ, THEUS_ATTR, name, 0, "");
  node *n = v->node;
  PyObject *value;
  if (core_read(v->scope->core, n, key_of_name(name)) < 0)
    return NULL;
  VIEW_CHECK(v); // it may have waited
  if (n->pending != NULL) {
    int pending = fields_get(v->scope->core, n, name, &value);
    if (pending < 0)
      return NULL;
    if (v->node == NULL) { // comparing names ran user code
      Py_XDECREF(value);
      return errors_stale(v);
    }
    if (pending && value != STATE(v)->removed) {
      PyObject *wrapped = wrap(v, s, value, name, 0, THEUS_ATTR);
      Py_DECREF(value);
      return wrapped;
    }
    PyObject *fallback = pending ? _PyType_Lookup(Py_TYPE(n->target), name) : NULL; // borrowed
    if (pending) {
      Py_DECREF(value);
      if (fallback != NULL && Py_TYPE(fallback)->tp_descr_set == NULL)
        return get_of_class(v, s, name, fallback);
      PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%U'",
                   Py_TYPE(n->target)->tp_name, name);
      return get_missing(v, name);
    }
  }
  PyObject *descr = Py_XNewRef(_PyType_Lookup(Py_TYPE(n->target), name));
  if (descr != NULL && runs_code(descr)) {
    value = get_stored(v, descr, name);
    if (value == NULL && !PyErr_Occurred() && v->node != NULL)
      value = Py_TYPE(descr) == STATE(v)->cached_property ? get_cached(v, s, descr, name)
                                                          : get_computed(v, descr);
    Py_DECREF(descr);
    if (value == NULL)
      return v->node == NULL && !PyErr_Occurred() ? errors_stale(v) : NULL;
  } else {
    PyObject *target = Py_NewRef(n->target);
    bool func, known = descr != NULL;
    value = get_raw(target, descr, name, &func);
    Py_DECREF(target);
    Py_XDECREF(descr);
    if (value == NULL)
      return get_missing(v, name);
    if (func || (known && PyMethod_Check(value))) {
      Py_SETREF(value, func ? bind(v, value) : rebind(v, value));
      return value;
    }
  }
  if (v->node == NULL) { // user code ran: s may be gone too
    Py_DECREF(value);
    return errors_stale(v);
  }
  PyObject *wrapped = wrap(v, s, value, name, 0, THEUS_ATTR);
  Py_DECREF(value);
  return wrapped;
}

// ---- writing ------------------------------------------------------------------------------------

// Refuses now what could not be applied later: a name the class has no room for, a read-only
// attribute, a frozen dataclass. 0, or -1 with Python's own error.
static int check_assignable(state *st, PyObject *target, PyObject *descr, PyObject *name) {
  unsigned facts = kind_facts(st, target);
  if (facts & TYPE_FROZEN) {
    PyObject *module = PyImport_ImportModule("dataclasses");
    PyObject *error = module == NULL ? NULL : PyObject_GetAttrString(module, "FrozenInstanceError");
    if (error != NULL)
      PyErr_Format(error, "cannot assign to field '%U'", name);
    Py_XDECREF(error);
    Py_XDECREF(module);
    return -1;
  }
  if (!(facts & TYPE_DICT) && (descr == NULL || Py_TYPE(descr)->tp_descr_set == NULL)) {
    PyErr_Format(PyExc_AttributeError,
                 descr == NULL ? "'%s' object has no attribute '%U'"
                               : "'%s' object attribute '%U' is read-only",
                 Py_TYPE(target)->tp_name, name);
    return -1;
  }
  return 0;
}

// A property's setter runs now, on the view: what it assigns is pending, what it raises is raised
// at the user's line. 1: done, 0: no property, -1: error.
static int set_property(view *v, PyObject *descr, PyObject *name, PyObject *value) {
  if (descr == NULL || !PyType_IsSubtype(Py_TYPE(descr), &PyProperty_Type))
    return 0;
  PyObject *func = property_part(descr, value == NULL ? "fdel" : "fset");
  if (func == NULL) {
    if (v->node == NULL && !PyErr_Occurred())
      errors_stale(v);
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_AttributeError, "property '%U' of '%s' object has no %s", name,
                   Py_TYPE(v->node->target)->tp_name, value == NULL ? "deleter" : "setter");
    return -1;
  }
  PyObject *result = call_as_self(v, func, value, NULL);
  Py_DECREF(func);
  Py_XDECREF(result);
  return result == NULL ? -1 : 1;
}

// HEAVY: straight to the object, logged without its bytes, not rolled back.
static int set_heavy(view *v, shape *s, PyObject *name, PyObject *value) {
  PyObject *target = Py_NewRef(v->node->target);
  bool foreign = kind_facts(STATE(v), target) & TYPE_FOREIGN;
  apply_depth++; // the lock of the context lets it pass
  int failed = foreign ? PyObject_SetAttr(target, name, value)
                       : PyObject_GenericSetAttr(target, name, value);
  apply_depth--;
  Py_DECREF(target);
  return failed < 0 ? -1
                    : view_log(v, s, value == NULL ? THEUS_OP_DELETE : THEUS_OP_SET, THEUS_ATTR,
                               name, 0, value, NULL);
}

// New: what the field holds now, or NULL without an exception if it has no value.
static PyObject *current(view *v, PyObject *name) {
  PyObject *value;
  int pending = fields_get(v->scope->core, v->node, name, &value);
  if (pending > 0 && value == STATE(v)->removed)
    Py_CLEAR(value);
  if (pending != 0)
    return value;
  VIEW_CHECK(v);
  PyObject *target = Py_NewRef(v->node->target);
  value = PyObject_GenericGetAttr(target, name);
  Py_DECREF(target);
  if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
    PyErr_Clear();
  return value;
}

// Whether a field can be deleted: it is pending, or the instance itself holds it. 1, 0, -1.
static int is_deletable(view *v, PyObject *name) {
  PyObject *value;
  int pending = fields_get(v->scope->core, v->node, name, &value);
  if (pending > 0 && value == STATE(v)->removed)
    pending = 2;
  Py_XDECREF(value);
  if (pending != 0)
    return pending < 0 ? -1 : pending == 1;
  VIEW_CHECK_INT(v);
  PyObject *target = v->node->target, *descr = _PyType_Lookup(Py_TYPE(target), name); // borrowed
  if (descr != NULL && Py_TYPE(descr)->tp_descr_set != NULL) { // a slot
    value = current(v, name);
    Py_XDECREF(value);
    return value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
  }
  Py_INCREF(target);
  PyObject *dict = PyObject_GenericGetDict(target, NULL);
  int there = dict == NULL ? -1 : PyDict_Contains(dict, name);
  Py_XDECREF(dict);
  Py_DECREF(target);
  return there;
}

static int set_field(view *v, shape *s, PyObject *name, PyObject *value) {
  state *st = STATE(v);
  PyObject *old = NULL;
  if (value == NULL) {
    int there = is_deletable(v, name);
    if (there >= 0)
      VIEW_CHECK_INT(v);
    if (there == 0)
      PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%U'",
                   Py_TYPE(v->node->target)->tp_name, name);
    if (there <= 0)
      return -1;
  }
  core *c = v->scope->core;
  if (c->writes != NULL && (old = current(v, name)) == NULL && PyErr_Occurred())
    return -1;
  if (v->node == NULL) { // reading the old value ran user code
    Py_XDECREF(old);
    errors_stale(v);
    return -1;
  }
  int added = fields_set(c, v->node, name, value == NULL ? st->removed : value);
  // A field assigned again in the same process is one write: the kernel judged its first record,
  // and the commit applies the newest value.
  int failed = added < 0 ? -1 : 0;
  if (added >= 0 && v->node == NULL) { // what it replaced had a destructor
    errors_stale(v);
    failed = -1;
  } else if (added > 0 || (added == 0 && (c->level > 0 || c->writes != NULL || value == NULL)))
    failed = view_log(v, s, value == NULL ? THEUS_OP_DELETE : THEUS_OP_SET, THEUS_ATTR, name, 0,
                      value, old);
  Py_XDECREF(old);
  return failed;
}

static void deny_assigning(view *v, shape *s, PyObject *name, PyObject *value) {
  bool frozen = (v->shape->bits & THEUS_MAY_READ) && !(s->bits & THEUS_MAY_WRITE);
  view_deny(v,
            frozen          ? THEUS_TRY_MUTATE
            : value == NULL ? THEUS_TRY_DELETE
                            : THEUS_TRY_WRITE,
            THEUS_ATTR, name, 0, frozen ? Py_TYPE(v->node->target)->tp_name : "");
}

static int store(view *v, shape *s, PyObject *descr, PyObject *name, PyObject *value) {
  if (core_read(v->scope->core, v->node, key_of_name(name)) < 0)
    return -1;
  VIEW_CHECK_INT(v); // it may have waited
  if (check_assignable(STATE(v), v->node->target, descr, name) < 0)
    return -1;
  VIEW_CHECK_INT(v); // looking at the class ran user code
  PyObject *given = value == NULL ? NULL : unwrap(v, s, value, THEUS_ATTR, name, 0);
  if (value != NULL && given == NULL)
    return -1;
  int failed = s->zone == THEUS_HEAVY ? set_heavy(v, s, name, given) : set_field(v, s, name, given);
  Py_XDECREF(given);
  return failed;
}

// Without the class' own say, and with the rights of its methods.
int object_store(view *v, PyObject *name, PyObject *value) {
  VIEW_CHECK_INT(v);
  shape *s = shape_attr(v->scope->engine, v->shape, name);
  if (s == NULL)
    return -1;
  if (!(s->bits & THEUS_MAY_WRITE)) {
    deny_assigning(v, s, name, value);
    return -1;
  }
  PyObject *descr = Py_XNewRef(_PyType_Lookup(Py_TYPE(v->node->target), name));
  int failed = store(v, s, descr, name, value);
  Py_XDECREF(descr);
  return failed;
}

int object_setattro(PyObject *op, PyObject *name, PyObject *value) {
  view *v = (view *)op;
  VIEW_CHECK_INT(v);
  if (is_name(name) < 0)
    return -1;
  shape *s = shape_attr(v->scope->engine, v->shape, name);
  if (s == NULL)
    return -1;
  if (!(s->bits & THEUS_MAY_WRITE) || ((s->bits & THEUS_IS_PRIVATE) && !v->self)) {
    deny_assigning(v, s, name, value);
    return -1;
  }
  s->did |= THEUS_MAY_WRITE; // a property's setter may write elsewhere
  PyObject *target = Py_NewRef(v->node->target);
  PyObject *descr = Py_XNewRef(_PyType_Lookup(Py_TYPE(target), name));
  int done = set_property(v, descr, name, value);
  if (done == 0)
    done = store(v, s, descr, name, value);
  Py_XDECREF(descr);
  Py_DECREF(target);
  return done < 0 ? -1 : 0;
}
