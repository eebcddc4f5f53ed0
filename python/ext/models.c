// models.c: pydantic models that a run wrote into, or into something below them, are validated as
// they will be, once, before the commit: by the model's own validator, on a plain copy. What the
// validator makes of the values is dropped; what it raises is the process' error.
//
// A model that the contract shows only in parts is asked about the assigned fields alone.
//
// Calls that run Python code: validators.
#include "ext.h"

int models_note(view *v) {
  scope *s = v->scope;
  for (view *up = v; up != NULL; up = up->parent) {
    if (up->node == NULL || up->node->kind != KIND_OBJECT ||
        !(kind_facts(s->st, up->node->target) & TYPE_MODEL))
      continue;
    PyObject *address = PyLong_FromVoidPtr(up->node->target);
    if (s->models == NULL)
      s->models = PyDict_New();
    int failed = address == NULL || s->models == NULL
                     ? -1
                     : PyDict_SetItem(s->models, address, (PyObject *)up);
    Py_XDECREF(address);
    if (failed)
      return -1;
  }
  return 0;
}

// New: the values of a whole model, validated; NULL with what that raised.
static PyObject *validate_all(PyObject *validator, PyObject *copy) {
  PyObject *root = PyObject_GetAttrString((PyObject *)Py_TYPE(copy), "__pydantic_root_model__");
  bool is_root = root == Py_True;
  Py_XDECREF(root);
  PyErr_Clear(); // older than root models
  PyObject *values = is_root ? PyObject_GetAttrString(copy, "root") : PyObject_GenericGetDict(copy, NULL);
  PyObject *method = values == NULL ? NULL : PyObject_GetAttrString(validator, "validate_python");
  PyObject *args = method == NULL ? NULL : PyTuple_Pack(1, values);
  PyObject *by_name = args == NULL ? NULL : Py_BuildValue("{sO}", "by_name", Py_True);
  PyObject *model = by_name == NULL ? NULL : PyObject_Call(method, args, is_root ? NULL : by_name);
  if (model == NULL && by_name != NULL && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear(); // before 2.11 a name could only be an alias where the model says so
    model = PyObject_CallOneArg(method, values);
  }
  Py_XDECREF(by_name);
  Py_XDECREF(args);
  Py_XDECREF(method);
  Py_XDECREF(values);
  return model;
}

// The assigned fields of a model that is seen in parts.
static int validate_fields(view *v, PyObject *validator) {
  if (core_read(v->scope->core, v->node, THEUS_WHOLE_KEY) < 0)
    return -1;
  VIEW_CHECK_INT(v); // it may have waited
  overlay *o = v->node->pending;
  state *st = STATE(v);
  PyObject *fields = o == NULL || o->fields == NULL ? PyDict_New() : PyDict_Copy(o->fields);
  PyObject *target = Py_NewRef(v->node->target), *name, *value;
  Py_ssize_t pos = 0;
  int failed = fields == NULL ? -1 : 0;
  while (!failed && PyDict_Next(fields, &pos, &name, &value)) {
    PyObject *known = PyObject_GetAttrString((PyObject *)Py_TYPE(target), "__pydantic_fields__");
    int is_field = known == NULL ? -1 : PySequence_Contains(known, name);
    Py_XDECREF(known);
    PyErr_Clear();
    if (value == st->removed || is_field == 0)
      continue;
    PyObject *module = PyImport_ImportModule("copy");
    PyObject *copy = module == NULL ? NULL : PyObject_CallMethod(module, "copy", "O", target);
    PyObject *given = copy == NULL ? NULL : plain(st, value);
    PyObject *model = given == NULL ? NULL
                                    : PyObject_CallMethod(validator, "validate_assignment", "OOO",
                                                          copy, name, given);
    failed = model == NULL ? -1 : 0;
    Py_XDECREF(model);
    Py_XDECREF(given);
    Py_XDECREF(copy);
    Py_XDECREF(module);
  }
  Py_DECREF(target);
  Py_XDECREF(fields);
  return failed;
}

static int validate(view *v) {
  PyObject *validator =
      PyObject_GetAttrString((PyObject *)Py_TYPE(v->node->target), "__pydantic_validator__");
  int failed = validator == NULL ? -1 : 0;
  if (!failed && v->node != NULL && (v->shape->bits & THEUS_MAY_READ) &&
      !(v->shape->flags & THEUS_LEARNS)) {
    PyObject *copy = plain_view(v), *model = copy == NULL ? NULL : validate_all(validator, copy);
    failed = model == NULL ? -1 : 0;
    Py_XDECREF(model);
    Py_XDECREF(copy);
  } else if (!failed && v->node != NULL) {
    failed = validate_fields(v, validator);
  }
  Py_XDECREF(validator);
  return failed;
}

int models_validate(scope *s) {
  PyObject *models = s->models;
  if (models == NULL)
    return 0;
  s->models = NULL;
  PyObject *views = PyDict_Values(models);
  int failed = views == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(views); i++) {
    view *v = (view *)PyList_GET_ITEM(views, i);
    failed = v->node == NULL ? 0 : validate(v);
  }
  Py_XDECREF(views);
  Py_DECREF(models);
  return failed;
}
