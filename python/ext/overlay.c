// overlay.c: what is pending for one object; see the picture in ext.h. This file owns its life and
// the fields of objects; dicts and lists have files of their own.
#include "ext.h"

void overlay_free(overlay *o) {
  if (o == NULL)
    return;
  overlay dying = *o;
  PyMem_Free(o);
  Py_XDECREF(dying.changed);
  Py_XDECREF(dying.added);
  Py_XDECREF(dying.dead);
  Py_XDECREF(dying.full);
  Py_XDECREF(dying.reverse);
}

// New copy of a dict, set or list, or NULL for NULL; *failed is set when memory ran out.
static PyObject *copy(PyObject *container, bool *failed) {
  if (container == NULL)
    return NULL;
  PyObject *twin = PyDict_Check(container)  ? PyDict_Copy(container)
                   : PySet_Check(container) ? PySet_New(container)
                                            : PyList_GetSlice(container, 0, PyList_GET_SIZE(container));
  *failed |= twin == NULL;
  return twin;
}

overlay *overlay_clone(const overlay *o) {
  overlay *twin = PyMem_Calloc(1, sizeof(overlay));
  if (twin == NULL)
    return (overlay *)PyErr_NoMemory();
  bool failed = false;
  *twin = (overlay){
      .changed = copy(o->changed, &failed),
      .added = copy(o->added, &failed),
      .dead = copy(o->dead, &failed),
      .full = copy(o->full, &failed),
      .keep = o->keep,
      .structure = o->structure,
      .hidden = o->hidden,
  };
  if (failed) {
    overlay_free(twin);
    return NULL;
  }
  return twin;
}

int fields_get(node *n, PyObject *name, PyObject **value) {
  *value = NULL;
  if (n->pending == NULL || n->pending->changed == NULL)
    return 0;
  PyObject *found = PyDict_GetItemWithError(n->pending->changed, name);
  if (found == NULL)
    return PyErr_Occurred() ? -1 : 0;
  *value = Py_NewRef(found);
  return 1;
}

int fields_set(core *c, node *n, PyObject *name, PyObject *value) {
  if (core_touch(c, n) < 0)
    return -1;
  if (n->pending->changed == NULL && (n->pending->changed = PyDict_New()) == NULL)
    return -1;
  Py_ssize_t before = PyDict_GET_SIZE(n->pending->changed);
  if (PyDict_SetItem(n->pending->changed, name, value) < 0)
    return -1;
  return PyDict_GET_SIZE(n->pending->changed) > before;
}
