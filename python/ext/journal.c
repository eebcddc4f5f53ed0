// journal.c: what a commit writes over is noted here, entry by entry, and put back in reverse where the
// commit fails.
//
// Calls that run Python code: putting back what a __set__ wrote, or a registered type; releasing old
// values.
#include "journal.h"

journal *journal_new(engine *e) {
  journal *j = PyMem_Malloc(sizeof(journal));
  if (j == NULL)
    return (journal *)PyErr_NoMemory();
  j->engine = e;
  j->items = j->first;
  j->n = 0;
  j->cap = Py_ARRAY_LENGTH(j->first);
  return j;
}

int journal_room(journal *j) {
  if (fault_point(j->engine) < 0)
    return -1;
  if (j->n == j->cap) {
    bool full = j->items == j->first;
    size_t cap = full ? 16 : j->cap * 2;
    undo *items = PyMem_Realloc(full ? NULL : j->items, cap * sizeof(undo));
    if (items == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    if (full)
      memcpy(items, j->first, sizeof(j->first));
    j->items = items;
    j->cap = cap;
  }
  return 0;
}

void journal_put(journal *j, undo entry) { j->items[j->n++] = entry; }

int journal_add(journal *j, undo entry) {
  if (journal_room(j) < 0) {
    Py_XDECREF(entry.key);
    Py_XDECREF(entry.old);
    return -1;
  }
  journal_put(j, entry);
  return 0;
}

void journal_drop(journal *j) {
  undo last = j->items[--j->n];
  Py_XDECREF(last.key);
  Py_XDECREF(last.old);
}

// ---- undoing --------------------------------------------------------------------------------------

static int restore_fields(PyObject *target, PyObject *snapshot) {
  PyObject *dict = PyObject_GenericGetDict(target, NULL);
  if (dict == NULL)
    return -1;
  PyDict_Clear(dict);
  int failed = PyDict_Update(dict, snapshot);
  Py_DECREF(dict);
  return failed;
}

static int restore_end(state *st, const undo *u) {
  const char *left = u->what == PUSHED ? "popleft" : "appendleft";
  const char *right = u->what == PUSHED ? "pop" : "append";
  PyObject *done = base_deque(st, u->index == 0 ? left : right, u->target, u->old);
  Py_XDECREF(done);
  return done == NULL ? -1 : 0;
}

static int restore(state *st, const undo *u) {
  switch (u->what) {
  case FIELD:
    return PyObject_GenericSetAttr(u->target, u->key, u->old);
  case FIELDS:
    return restore_fields(u->target, u->old);
  case KEY:
    return u->old != NULL ? base_set_item(u->target, u->key, u->old)
                          : base_del_item(u->target, u->key);
  case KEYS:
    return base_clear_dict(u->target) < 0 ? -1 : base_update_dict(u->target, u->old);
  case ITEM:
    return PyList_SetItem(u->target, u->index, Py_NewRef(u->old));
  case TAIL:
    return PyList_SetSlice(u->target, u->index, PY_SSIZE_T_MAX, u->old);
  case ADDED:
    return PySet_Discard(u->target, u->key) < 0 ? -1 : 0;
  case REMOVED:
    return PySet_Add(u->target, u->key);
  case ELEMENTS: {
    (void)PySet_Clear(u->target); // of a set: cannot fail
    PyObject *it = PyObject_GetIter(u->old), *element;
    int failed = it == NULL ? -1 : 0;
    while (!failed && (element = PyIter_Next(it)) != NULL) {
      failed = PySet_Add(u->target, element);
      Py_DECREF(element);
    }
    Py_XDECREF(it);
    return failed || PyErr_Occurred() ? -1 : 0;
  }
  case MEMORY:
    return memory_write(u->key, u->target, u->old, u->index != 0);
  case PLACE:
    return st->builtin[FAMILY_DEQUE]->tp_as_sequence->sq_ass_item(u->target, u->index, u->old);
  case PUSHED:
  case PULLED:
    return restore_end(st, u);
  case ELEMENT:
    return bytes_put(u->target, u->index, u->old);
  case END:
    return bytes_end(u->target, u->index, u->old);
  }
  return -1;
}

void journal_undo(journal *j) {
  PyObject *error = errors_take();
  for (size_t i = j->n; i-- > 0;)
    if (restore(j->engine->st, &j->items[i]) < 0)
      PyErr_WriteUnraisable(j->items[i].target);
  errors_put(error);
}

// Releases what was there before the commit; destructors run.
void apply_forget(journal *j) {
  if (j == NULL)
    return;
  for (size_t i = 0; i < j->n; i++) {
    Py_XDECREF(j->items[i].key);
    Py_XDECREF(j->items[i].old);
  }
  if (j->items != j->first)
    PyMem_Free(j->items);
  PyMem_Free(j);
}
