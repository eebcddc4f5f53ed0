// base.c: the containers behind the views, read and changed past whatever their class overrides.
// A commit stores what the process did; it must not do it a second time through a user's
// __setitem__. Python code runs only where keys are hashed and compared.
#include "ext.h"

family base_family(state *st, PyObject *container) {
  if (PyList_Check(container))
    return FAMILY_LIST;
  if (PyDict_CheckExact(container))
    return FAMILY_DICT;
  if (PyDict_Check(container))
    return PyODict_Check(container)                                    ? FAMILY_ORDERED
           : PyObject_TypeCheck(container, st->builtin[FAMILY_DEFAULT]) ? FAMILY_DEFAULT
                                                                        : FAMILY_DICT;
  return PyAnySet_Check(container) ? FAMILY_SET : FAMILY_DEQUE;
}

bool base_is_exact(state *st, PyObject *container) {
  return Py_TYPE(container) == st->builtin[base_family(st, container)];
}

PyObject *base_call(PyTypeObject *type, const char *method, PyObject *self, PyObject *arg) {
  PyObject *name = PyUnicode_InternFromString(method);
  PyObject *func = name == NULL ? NULL : Py_XNewRef(_PyType_Lookup(type, name));
  Py_XDECREF(name);
  if (func == NULL)
    return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_AttributeError, "%s", method);
  PyObject *result = PyObject_CallFunctionObjArgs(func, self, arg, NULL);
  Py_DECREF(func);
  return result;
}

PyObject *base_deque(state *st, const char *method, PyObject *deque, PyObject *arg) {
  return base_call(st->builtin[FAMILY_DEQUE], method, deque, arg);
}

// New: what a member or property of a built-in type says about an instance.
static PyObject *member(PyTypeObject *type, const char *name, PyObject *self) {
  PyObject *key = PyUnicode_InternFromString(name);
  PyObject *descr = key == NULL ? NULL : _PyType_Lookup(type, key); // borrowed from the type
  Py_XDECREF(key);
  return descr == NULL ? NULL : Py_TYPE(descr)->tp_descr_get(descr, self, (PyObject *)Py_TYPE(self));
}

PyObject *base_maxlen(state *st, PyObject *deque) {
  return member(st->builtin[FAMILY_DEQUE], "maxlen", deque);
}

PyObject *base_factory(state *st, PyObject *defaultdict) {
  return member(st->builtin[FAMILY_DEFAULT], "default_factory", defaultdict);
}

PyObject *base_blank(state *st, PyObject *container) {
  family f = base_family(st, container);
  PyObject *none = PyTuple_New(0), *facts = NULL, *blank = NULL, *args = NULL;
  if (none == NULL || (blank = st->builtin[f]->tp_new(Py_TYPE(container), none, NULL)) == NULL)
    goto error;
  if (f == FAMILY_DEQUE) {
    facts = base_maxlen(st, container);
    args = facts == NULL ? NULL : PyTuple_Pack(2, none, facts);
    if (args == NULL || st->builtin[f]->tp_init(blank, args, NULL) < 0)
      goto error;
  } else if (f == FAMILY_DEFAULT) {
    facts = base_factory(st, container);
    args = facts == NULL ? NULL : PyTuple_Pack(1, facts);
    if (args == NULL || st->builtin[f]->tp_init(blank, args, NULL) < 0)
      goto error;
  }
  Py_XDECREF(args);
  Py_XDECREF(facts);
  Py_DECREF(none);
  return blank;
error:
  Py_XDECREF(args);
  Py_XDECREF(facts);
  Py_XDECREF(blank);
  Py_XDECREF(none);
  return NULL;
}

// ---- dicts: an OrderedDict keeps its order outside of the dict it is -------------------------------

int base_set_item(PyObject *dict, PyObject *key, PyObject *value) {
  return PyODict_Check(dict) ? PyODict_SetItem(dict, key, value) : PyDict_SetItem(dict, key, value);
}

int base_del_item(PyObject *dict, PyObject *key) {
  return PyODict_Check(dict) ? PyODict_DelItem(dict, key) : PyDict_DelItem(dict, key);
}

int base_clear_dict(PyObject *dict) {
  if (!PyODict_Check(dict)) {
    PyDict_Clear(dict);
    return 0;
  }
  PyObject *none = base_call(&PyODict_Type, "clear", dict, NULL);
  Py_XDECREF(none);
  return none == NULL ? -1 : 0;
}

PyObject *base_keys(PyObject *dict, bool reversed) {
  PyTypeObject *type = PyODict_Check(dict) ? &PyODict_Type : &PyDict_Type;
  return reversed ? base_call(type, "__reversed__", dict, NULL) : type->tp_iter(dict);
}

PyObject *base_copy_dict(PyObject *dict) {
  if (!PyODict_Check(dict))
    return PyDict_Copy(dict);
  PyObject *copy = PyDict_New(), *keys = base_keys(dict, false), *key;
  while (copy != NULL && keys != NULL && (key = PyIter_Next(keys)) != NULL) {
    PyObject *value = Py_XNewRef(PyDict_GetItemWithError(dict, key));
    if (value == NULL || PyDict_SetItem(copy, key, value) < 0)
      Py_CLEAR(copy);
    Py_XDECREF(value);
    Py_DECREF(key);
  }
  if (keys == NULL || PyErr_Occurred())
    Py_CLEAR(copy);
  Py_XDECREF(keys);
  return copy;
}

int base_update_dict(PyObject *dict, PyObject *from) {
  Py_ssize_t pos = 0;
  PyObject *key, *value;
  while (PyDict_Next(from, &pos, &key, &value))
    if (base_set_item(dict, key, value) < 0)
      return -1;
  return 0;
}
