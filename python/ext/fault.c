// fault.c: commits that fail on purpose, for theus.testing. apply.c passes a point before each write
// and one after the last; the armed exception is raised at the point whose turn it is, once, as a
// setter of the user would raise there.
//
// Ownership: the engine owns the exception until it is armed anew or goes.
#include "ext.h"

int fault_point(engine *e) {
  if (e->fault == NULL || e->points++ != e->fuse)
    return 0;
  PyErr_SetObject((PyObject *)Py_TYPE(e->fault), e->fault);
  return -1;
}

// (point, exception or None) -> how many points were passed since the last time. New.
PyObject *fault_arm(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  Py_ssize_t fuse;
  PyObject *fault;
  if (!PyArg_ParseTuple(args, "nO:_fault", &fuse, &fault))
    return NULL;
  if (fault != Py_None && !PyExceptionInstance_Check(fault)) {
    PyErr_SetString(PyExc_TypeError, "_fault takes an exception, or None to disarm");
    return NULL;
  }
  Py_ssize_t passed = e->points;
  PyObject *former = e->fault;
  e->fault = fault == Py_None ? NULL : Py_NewRef(fault);
  e->fuse = fuse;
  e->points = 0;
  Py_XDECREF(former); // a destructor may come back here
  return PyLong_FromSsize_t(passed);
}
