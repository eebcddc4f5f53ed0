// learn.c: an engine that learns contracts, and what it has to tell.
//
// While it learns, the kernel gives every place a shape of its own and allows everything; a shape
// that exists was reached. What was done there besides is marked on the shape (shape.did), at the
// few places where a right to a whole container, or to write, is looked at.
#include "ext.h"

PyObject *learn_start(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->learn(e->handle, &err);
  if (status != THEUS_OK)
    return engine_raise(e, status, &err);
  Py_RETURN_NONE;
}

// New: (the places as JSON, bytes with the marks of each shape by its number).
PyObject *learn_told(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  theus_error err = {0};
  theus_str text = {0};
  theus_storage storage = NULL;
  if (engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->learned(e->handle, &text, &storage, &err);
  if (status != THEUS_OK)
    return engine_raise(e, status, &err);
  PyObject *places = PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "strict");
  e->api->audit_release(&storage);
  PyObject *marks = places == NULL ? NULL : PyBytes_FromStringAndSize(NULL, e->n_shapes);
  for (uint32_t i = 0; marks != NULL && i < e->n_shapes; i++)
    PyBytes_AS_STRING(marks)[i] = e->shapes[i] == NULL ? 0 : (char)e->shapes[i]->did;
  PyObject *told = marks == NULL ? NULL : PyTuple_Pack(2, places, marks);
  Py_XDECREF(marks);
  Py_XDECREF(places);
  return told;
}
