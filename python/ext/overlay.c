// overlay.c: what is pending for one object; see the picture in ext.h. This file owns its life and
// attributes; the contents of each kind of container have a file of their own.
#include "ext.h"

void overlay_free(overlay *o) {
  if (o == NULL)
    return;
  overlay dying = *o;
  PyMem_Free(o);
  Py_XDECREF(dying.fields);
  Py_XDECREF(dying.changed);
  Py_XDECREF(dying.added);
  Py_XDECREF(dying.dead);
  Py_XDECREF(dying.full);
  Py_XDECREF(dying.left);
  Py_XDECREF(dying.how);
  Py_XDECREF(dying.reverse);
  Py_XDECREF(dying.forward);
}

// New copy of a dict, set, list or deque, or NULL for NULL; *failed is set when memory ran out.
static PyObject *copy(PyObject *container, bool *failed) {
  if (container == NULL)
    return NULL;
  PyObject *twin = PyDict_Check(container)  ? PyDict_Copy(container)
                   : PySet_Check(container) ? PySet_New(container)
                   : PyList_Check(container)
                       ? PyList_GetSlice(container, 0, PyList_GET_SIZE(container))
                       : memory_copy(NULL, container);
  *failed |= twin == NULL;
  return twin;
}

overlay *overlay_clone(const overlay *o) {
  overlay *twin = PyMem_Calloc(1, sizeof(overlay));
  if (twin == NULL)
    return (overlay *)PyErr_NoMemory();
  bool failed = false;
  *twin = (overlay){
      .fields = copy(o->fields, &failed),
      .changed = copy(o->changed, &failed),
      .added = copy(o->added, &failed),
      .dead = copy(o->dead, &failed),
      .full = o->how == NULL ? copy(o->full, &failed) : memory_copy(o->how, o->full),
      .how = Py_XNewRef(o->how),
      .left = copy(o->left, &failed),
      .skip = o->skip,
      .keep = o->keep,
      .structure = o->structure,
      .hidden = o->hidden,
  };
  if (failed || (o->how != NULL && twin->full == NULL)) {
    overlay_free(twin);
    return NULL;
  }
  return twin;
}

// A name is compared with str only, but an instance of a subclass may be among them.
int fields_get(core *c, node *n, PyObject *name, PyObject **value) {
  *value = NULL;
  if (n->pending == NULL || n->pending->fields == NULL)
    return 0;
  PyObject *fields = Py_NewRef(n->pending->fields);
  core_enter(c);
  *value = Py_XNewRef(PyDict_GetItemWithError(fields, name));
  core_exit(c);
  Py_DECREF(fields);
  return *value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

static int set(core *c, node *n, PyObject *name, PyObject *value) {
  if (core_touch(c, n) < 0)
    return -1;
  overlay *o = n->pending;
  if (o->fields == NULL) {
    PyObject *fresh = PyDict_New(); // may collect, and a destructor may have been here first
    if (fresh == NULL)
      return -1;
    if (o->fields == NULL)
      o->fields = fresh;
    else
      Py_DECREF(fresh);
  }
  PyObject *fields = Py_NewRef(o->fields);
  Py_ssize_t before = PyDict_GET_SIZE(fields);
  int added = PyDict_SetItem(fields, name, value) < 0 ? -1 : PyDict_GET_SIZE(fields) > before;
  Py_DECREF(fields);
  return added < 0 || core_unchanged(n, o) < 0 ? -1 : added;
}

int fields_set(core *c, node *n, PyObject *name, PyObject *value) {
  core_enter(c);
  int added = set(c, n, name, value);
  core_exit(c);
  return added;
}
