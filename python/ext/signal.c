// signal.c: what a commit says about signals, and who hears of nothing else.
//
// A listener of signals costs a commit without signals nothing but one test per write: its list of
// writes then stays empty, and no commit is made of it.
//
// Calls that run Python code: signal_leave, which may drop the last reference to a listener.
#include "ext.h"

static const char *const ZONES[] = {
    [THEUS_DATA] = "data", [THEUS_SIGNAL] = "signal", [THEUS_META] = "meta", [THEUS_HEAVY] = "heavy"};

PyObject *signal_zone(shape *s) { return PyUnicode_InternFromString(ZONES[s->zone & 3]); }

// New: a step as Python takes it: an attribute is its name, an item is (key,).
static PyObject *step_of(uint8_t segment, PyObject *key, Py_ssize_t index) {
  if (segment == THEUS_ATTR)
    return Py_NewRef(key);
  return key != NULL ? PyTuple_Pack(1, key) : Py_BuildValue("(n)", index);
}

PyObject *signal_field(view *v, shape *s, uint8_t segment, PyObject *key, Py_ssize_t index) {
  if (s->zone != THEUS_SIGNAL)
    Py_RETURN_NONE;
  // The field is the topmost place that lies in the zone: its name has the prefix.
  for (view *up = v; up != NULL && up->shape->zone == THEUS_SIGNAL; up = v->parent) {
    segment = up->segment;
    key = up->key;
    index = up->index;
    v = up->parent;
  }
  PyObject *owner = Py_NewRef(v->node->target), *steps = PyList_New(0), *result = NULL;
  PyObject *step = step_of(segment, key, index);
  int failed = steps == NULL || step == NULL ? -1 : PyList_Append(steps, step);
  Py_XDECREF(step);
  for (view *up = v; !failed && up->segment != 0; up = up->parent) {
    step = step_of(up->segment, up->key, up->index);
    failed = step == NULL ? -1 : PyList_Append(steps, step);
    Py_XDECREF(step);
  }
  if (!failed && PyList_Reverse(steps) == 0) {
    PyObject *path = PyList_AsTuple(steps);
    result = path == NULL ? NULL : PyTuple_Pack(2, owner, path);
    Py_XDECREF(path);
  }
  Py_XDECREF(steps);
  Py_DECREF(owner);
  return result;
}

// ---- the engine's methods -----------------------------------------------------------------------

PyObject *signal_listen(PyObject *op, PyObject *listener) {
  engine *e = (engine *)op;
  if (engine_usable(e) < 0 || PyList_Append(e->listeners, listener) < 0)
    return NULL;
  Py_RETURN_NONE;
}

PyObject *signal_leave(PyObject *op, PyObject *listener) {
  engine *e = (engine *)op;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(e->listeners); i++) {
    if (PyList_GET_ITEM(e->listeners, i) == listener)
      return PyList_SetSlice(e->listeners, i, i + 1, NULL) < 0 ? NULL : Py_NewRef(Py_None);
  }
  Py_RETURN_NONE;
}
