// commit.c: a commit as a value, for listeners: {version, process, writes}. Built only when
// somebody listens. Immutable structs; the values inside are the objects themselves, not copies.
#include "ext.h"

static const char *const OPERATIONS[] = {
    [THEUS_OP_SET] = "SET",         [THEUS_OP_DELETE] = "DELETE", [THEUS_OP_SET_ITEM] = "SET_ITEM",
    [THEUS_OP_APPEND] = "APPEND",   [THEUS_OP_INSERT] = "INSERT", [THEUS_OP_EXTEND] = "EXTEND",
    [THEUS_OP_POP] = "POP",         [THEUS_OP_POPITEM] = "POPITEM", [THEUS_OP_REMOVE] = "REMOVE",
    [THEUS_OP_CLEAR] = "CLEAR",     [THEUS_OP_SORT] = "SORT",     [THEUS_OP_REVERSE] = "REVERSE",
};

static PyStructSequence_Field delta_fields[] = {
    {"path", "where"},
    {"op", "what: SET, DELETE, SET_ITEM, APPEND, ..."},
    {"value", "the new value, None where there is none"},
    {"old_value", "what was there before, None where there was nothing"},
    {"target", "the object that was written"},
    {"key", "the field, key or index"},
    {"zone", "'data', 'signal', 'meta' or 'heavy'"},
    {"signal", "below a signal: (the object that has the field, the way to it); None elsewhere"},
    {0},
};

PyStructSequence_Desc delta_desc = {
    .name = "theus._kernel.DeltaEntry",
    .doc = "Readable form of one log record.",
    .fields = delta_fields,
    .n_in_sequence = 6, // the others have names alone
};

static PyStructSequence_Field commit_fields[] = {
    {"version", "number of the commit"},
    {"process", "name of the process, 'edit' for edit()"},
    {"writes", "tuple of DeltaEntry in program order"},
    {0},
};

PyStructSequence_Desc commit_desc = {
    .name = "theus._kernel.Commit",
    .doc = "One commit as a value.",
    .fields = commit_fields,
    .n_in_sequence = 3,
};

// Steals every item; NULL items are an error of an earlier call.
static PyObject *fill(PyTypeObject *type, PyObject **items, Py_ssize_t n) {
  PyObject *sequence = PyStructSequence_New(type);
  for (Py_ssize_t i = 0; i < n; i++) {
    if (sequence != NULL && items[i] != NULL)
      PyStructSequence_SetItem(sequence, i, items[i]);
    else
      Py_XDECREF(items[i]);
    if (items[i] == NULL)
      Py_CLEAR(sequence);
  }
  // PyStructSequence_New leaves that to its caller: what a commit holds may lead back to it.
  if (sequence != NULL && PyObject_IS_GC(sequence) && !PyObject_GC_IsTracked(sequence))
    PyObject_GC_Track(sequence);
  return sequence;
}

static PyObject *or_none(PyObject *value) { return Py_NewRef(value == NULL ? Py_None : value); }

PyObject *delta_new(state *st, PyObject *path, uint16_t op, PyObject *value, PyObject *old,
                    PyObject *target, PyObject *key, PyObject *zone, PyObject *signal) {
  PyObject *items[] = {Py_NewRef(path), PyUnicode_InternFromString(OPERATIONS[op]), or_none(value),
                       or_none(old),    Py_NewRef(target),                          Py_NewRef(key),
                       Py_XNewRef(zone), Py_XNewRef(signal)};
  return fill(st->delta_type, items, Py_ARRAY_LENGTH(items));
}

PyObject *commit_new(state *st, uint64_t version, PyObject *process, PyObject *writes) {
  PyObject *items[] = {PyLong_FromUnsignedLongLong(version), Py_NewRef(process),
                       PySequence_Tuple(writes)};
  return fill(st->commit_type, items, Py_ARRAY_LENGTH(items));
}
