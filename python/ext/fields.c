// fields.c: what dir(), vars() and __dict__ show of an object view: the names a process may use and
// nothing else, pending writes included.
//
// Calls that run Python code: reading the fields (properties do not count as fields).
#include "ext.h"

// A name whose field was deleted still shows what the class has; a slot's value is gone.
static int add_visible(view *v, PyObject *names, PyObject *name, bool of_class) {
  if (!PyUnicode_Check(name) || v->node == NULL)
    return v->node == NULL ? (errors_stale(v), -1) : 0;
  bool hidden = PyUnicode_GET_LENGTH(name) > 0 && PyUnicode_READ_CHAR(name, 0) == '_' && !v->self;
  shape *s = hidden ? NULL : shape_attr(v->scope->engine, v->shape, name);
  if (s == NULL)
    return PyErr_Occurred() ? -1 : 0;
  if (!(s->bits & (THEUS_MAY_READ | THEUS_MAY_WALK)))
    return 0;
  PyObject *pending;
  int found = fields_get(v->scope->core, v->node, name, &pending);
  bool gone = found > 0 && pending == STATE(v)->removed;
  Py_XDECREF(pending);
  if (gone && of_class) {
    PyObject *left = _PyType_Lookup(Py_TYPE(v->node->target), name); // borrowed
    gone = left == NULL || Py_TYPE(left)->tp_descr_set != NULL;
  }
  return found < 0 ? -1 : gone ? 0 : PyDict_SetItem(names, name, Py_None);
}

static int add_all(view *v, PyObject *names, PyObject *from, bool of_class) {
  PyObject *all = from == NULL ? NULL : PySequence_List(from);
  int failed = all == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(all); i++)
    failed = add_visible(v, names, PyList_GET_ITEM(all, i), of_class);
  Py_XDECREF(all);
  return failed;
}

// New dict whose keys are the visible fields that live on the instance, in their order.
static PyObject *visible(view *v) {
  PyObject *names = PyDict_New();
  if (names == NULL)
    return NULL;
  int failed = v->node == NULL ? 0 : core_read(v->scope->core, v->node, THEUS_WHOLE_KEY);
  if (failed || v->node == NULL) { // making the dict may have collected, reading have waited
    Py_DECREF(names);
    return failed ? NULL : errors_stale(v);
  }
  PyObject *target = Py_NewRef(v->node->target);
  if (kind_facts(STATE(v), target) & TYPE_DICT) {
    PyObject *dict = PyObject_GenericGetDict(target, NULL);
    failed = dict == NULL ? -1 : add_all(v, names, dict, false);
    Py_XDECREF(dict);
  }
  Py_DECREF(target);
  if (!failed && v->node != NULL && v->node->pending != NULL && v->node->pending->fields != NULL)
    failed = add_all(v, names, v->node->pending->fields, false);
  if (failed)
    Py_CLEAR(names);
  return names;
}

PyObject *fields_mapping(view *v) {
  PyObject *names = visible(v), *all = names == NULL ? NULL : PyDict_Keys(names);
  for (Py_ssize_t i = 0; all != NULL && i < PyList_GET_SIZE(all); i++) {
    PyObject *name = PyList_GET_ITEM(all, i);
    PyObject *value = PyObject_GetAttr((PyObject *)v, name);
    int failed = value == NULL ? -1 : PyDict_SetItem(names, name, value);
    Py_XDECREF(value);
    if (failed)
      Py_CLEAR(all);
  }
  PyObject *mapping = all == NULL ? NULL : PyObject_CallOneArg(STATE(v)->fields_type, names);
  Py_XDECREF(all);
  Py_XDECREF(names);
  return mapping;
}

PyObject *fields_dir(PyObject *op, PyObject *unused) {
  (void)unused;
  view *v = (view *)op;
  VIEW_CHECK(v);
  PyObject *names = visible(v);
  if (names != NULL && v->node == NULL) {
    Py_DECREF(names);
    return errors_stale(v);
  }
  PyObject *type = names == NULL ? NULL : Py_NewRef((PyObject *)Py_TYPE(v->node->target));
  PyObject *of_class = names == NULL ? NULL : PyObject_Dir(type);
  Py_XDECREF(type);
  int failed = of_class == NULL ? -1 : add_all(v, names, of_class, true);
  PyObject *list = failed ? NULL : PyDict_Keys(names);
  if (list != NULL && PyList_Sort(list) < 0)
    Py_CLEAR(list);
  Py_XDECREF(of_class);
  Py_XDECREF(names);
  return list;
}
