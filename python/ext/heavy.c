// heavy.c: values under a heavy_ name. Their memory is never copied: who may write gets the object
// itself, who may only read gets a read-only view of the same memory.
//
// Ownership rules
//   exporter  owns a memoryview of the user's object, and through it one export. Each buffer it
//             hands out owns an export of that memoryview, released in releasebuffer.
//   A consumer sees the exporter where it asks whose memory it looks at (memoryview.obj, the base
//   of an array), never the user's object, so no attribute leads back to a writable one.
//   scope.lent  owns views and keys of its own run, so that a path can be said later; it is emptied
//             where the run ends, as the cache of its layers is.
//
// Calls that run Python code: the export of a buffer, __dlpack__, numpy, the spelling of a path.
#include "ext.h"

typedef struct {
  PyObject_HEAD
  PyObject *memory; // owned; read-only memoryview
} exporter;

static int exporter_getbuffer(PyObject *op, Py_buffer *out, int flags) {
  if (flags & PyBUF_WRITABLE) {
    PyErr_SetString(PyExc_BufferError, "this memory is read-only: it is only an input of "
                                       "the process; declare it as output to write it");
    return -1;
  }
  Py_buffer *inner = PyMem_Malloc(sizeof(Py_buffer));
  if (inner == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  if (PyObject_GetBuffer(((exporter *)op)->memory, inner, flags) < 0) {
    PyMem_Free(inner);
    return -1;
  }
  *out = *inner;
  out->obj = Py_NewRef(op);
  out->internal = inner;
  return 0;
}

static void exporter_releasebuffer(PyObject *op, Py_buffer *out) {
  (void)op;
  PyBuffer_Release((Py_buffer *)out->internal);
  PyMem_Free(out->internal);
}

static void exporter_dealloc(PyObject *op) {
  PyTypeObject *type = Py_TYPE(op);
  PyObject *memory = ((exporter *)op)->memory;
  type->tp_free(op);
  Py_DECREF(memory);
  Py_DECREF(type);
}

static PyType_Slot heavy_slots[] = {
    {Py_tp_doc, "The owner of read-only memory that a process sees."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, exporter_dealloc},
    {Py_bf_getbuffer, exporter_getbuffer},
    {Py_bf_releasebuffer, exporter_releasebuffer},
    {0, NULL},
};

PyType_Spec heavy_spec = {
    .name = "theus._kernel.ReadOnlyMemory",
    .basicsize = sizeof(exporter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = heavy_slots,
};

// ---- buffers that may lie -------------------------------------------------------------------------

static int malformed(const char *what) {
  PyErr_Format(PyExc_BufferError, "its buffer is malformed: %s", what);
  return -1;
}

int heavy_check(const Py_buffer *b) {
  if (b->ndim < 0 || b->ndim > PyBUF_MAX_NDIM || b->itemsize < 0 || b->len < 0)
    return malformed("a size is negative, or it has too many dimensions");
  if (b->ndim > 0 && (b->shape == NULL || b->strides == NULL))
    return malformed("it has dimensions and no shape");
  Py_ssize_t len = b->itemsize, reach = 0, step;
  bool empty = false;
  for (int i = 0; i < b->ndim; i++) {
    if (b->shape[i] < 0)
      return malformed("a dimension is negative");
    empty = empty || b->shape[i] == 0;
  }
  for (int i = 0; !empty && i < b->ndim; i++) {
    Py_ssize_t stride = b->strides[i];
    if (stride == PY_SSIZE_T_MIN || __builtin_mul_overflow(len, b->shape[i], &len) ||
        __builtin_mul_overflow(stride < 0 ? -stride : stride, b->shape[i] - 1, &step) ||
        __builtin_add_overflow(reach, step, &reach))
      return malformed("it is larger than memory");
  }
  if (len != b->len && !(empty && b->len == 0))
    return malformed("its length is not that of its shape");
  if (b->len > 0 && b->buf == NULL)
    return malformed("it has elements and no memory");
  return 0;
}

// ---- read-only views ------------------------------------------------------------------------------

PyObject *heavy_export(state *st, PyObject *value) {
  PyObject *memory = PyMemoryView_FromObject(value);
  if (memory != NULL && heavy_check(PyMemoryView_GET_BUFFER(memory)) < 0)
    Py_CLEAR(memory);
  PyObject *frozen = memory == NULL ? NULL : PyObject_CallMethod(memory, "toreadonly", NULL);
  Py_XDECREF(memory);
  exporter *e = frozen == NULL ? NULL : PyObject_New(exporter, st->heavy_type);
  if (e == NULL) {
    Py_XDECREF(frozen);
    return NULL;
  }
  e->memory = frozen;
  return (PyObject *)e;
}

// Whether value is an instance of a class of a module. 1, 0, -1.
static int is_a(PyObject *value, const char *module, const char *name) {
  PyObject *class = module_imported(module, name);
  int yes = class == NULL ? 0 : PyType_Check(class) && PyObject_TypeCheck(value, (PyTypeObject *)class);
  Py_XDECREF(class);
  return yes;
}

// New: memory that has no type of its own, as an array if numpy is there, else as a memoryview.
static PyObject *show(PyObject *source) {
  PyObject *asarray = module_imported("numpy", "asarray");
  PyObject *shown = asarray == NULL ? PyMemoryView_FromObject(source)
                                    : PyObject_CallOneArg(asarray, source);
  Py_XDECREF(asarray);
  return shown;
}

// New: value over the same memory, read-only; value itself where it has none that can be seen.
PyObject *heavy_read_only(state *st, PyObject *value) {
  PyObject *array = module_imported("numpy", "ndarray");
  bool is_array = array != NULL && PyType_Check(array) &&
                  PyObject_TypeCheck(value, (PyTypeObject *)array);
  Py_XDECREF(array);
  if (is_array)
    return ndarray_read_only(st, value);
  if (is_a(value, "pyarrow", "Array")) // immutable
    return Py_NewRef(value);
  bool buffer = PyObject_CheckBuffer(value);
  PyObject *memory = buffer ? Py_NewRef(value) : tensor_of(st, value);
  if (memory == NULL)
    return PyErr_Occurred() ? NULL : Py_NewRef(value);
  PyObject *source = heavy_export(st, memory);
  PyObject *shown = source == NULL ? NULL : buffer ? PyMemoryView_FromObject(source) : show(source);
  Py_XDECREF(source);
  Py_DECREF(memory);
  return shown;
}

// Replaces an error of the memory below parent by one that says where. Always NULL.
static PyObject *refuse(view *parent, uint8_t segment, PyObject *key, Py_ssize_t index) {
  if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
    return NULL;
  PyObject *cause = errors_take();
  PyObject *path = view_path(parent, segment, key, index);
  PyObject *type = path == NULL ? NULL : errors_class(STATE(parent), "UnsupportedValueError");
  const char *hint = "assign memory that can be read: it was released, closed or resized, or its "
                     "owner does not lend it";
  PyObject *message =
      type == NULL ? NULL
                   : PyUnicode_FromFormat("Unsupported Value: '%U' by process '%U': its memory "
                                          "cannot be shown: %s: %S\n  fix:           %s",
                                          path, parent->scope->name, Py_TYPE(cause)->tp_name, cause,
                                          hint);
  PyObject *args = message == NULL ? NULL : PyTuple_Pack(1, message);
  PyObject *kwargs = args == NULL ? NULL
                                  : Py_BuildValue("{sOsOss}", "process", parent->scope->name, "path",
                                                  path, "hint", hint);
  PyObject *error = kwargs == NULL ? NULL : PyObject_Call(type, args, kwargs);
  if (error != NULL) {
    PyException_SetCause(error, Py_NewRef(cause));
    PyErr_SetObject(type, error);
  }
  Py_XDECREF(error);
  Py_XDECREF(kwargs);
  Py_XDECREF(args);
  Py_XDECREF(message);
  Py_XDECREF(type);
  Py_XDECREF(path);
  Py_DECREF(cause);
  return NULL;
}

// ---- what was lent read-only ----------------------------------------------------------------------

// A write into memory that is only an input fails with the error of the library it belongs to,
// which knows no path. So the run remembers the last few places it handed out, and says them when
// such an error leaves it. Spelling a path costs more than a view, hence not before.

static void lend(view *parent, PyObject *key, Py_ssize_t index, uint8_t segment) {
  scope *s = parent->scope;
  for (unsigned i = 0; i < s->n_lent && i < MAX_LENT; i++)
    if (s->lent[i].parent == parent && s->lent[i].key == key && s->lent[i].index == index)
      return;
  lent *place = &s->lent[s->n_lent % MAX_LENT];
  PyObject *former[] = {s->n_lent < MAX_LENT ? NULL : (PyObject *)place->parent,
                        s->n_lent < MAX_LENT ? NULL : place->key};
  *place = (lent){(view *)Py_NewRef((PyObject *)parent), Py_XNewRef(key), index, segment};
  s->n_lent++;
  Py_XDECREF(former[0]);
  Py_XDECREF(former[1]);
}

void heavy_forget(scope *s) {
  unsigned n = s->n_lent < MAX_LENT ? s->n_lent : MAX_LENT;
  s->n_lent = 0;
  for (unsigned i = 0; i < n; i++) {
    lent place = s->lent[i];
    Py_DECREF((PyObject *)place.parent);
    Py_XDECREF(place.key);
  }
}

static bool mentions_read_only(PyObject *error) {
  PyObject *text = PyObject_Str(error);
  const char *utf8 = text == NULL ? NULL : PyUnicode_AsUTF8(text);
  bool yes = utf8 != NULL && (strstr(utf8, "read-only") != NULL || strstr(utf8, "readonly") != NULL ||
                              strstr(utf8, "read only") != NULL);
  Py_XDECREF(text);
  PyErr_Clear(); // an error that cannot be printed is not about this
  return yes;
}

// New str: the places, newest first.
static PyObject *places(scope *s) {
  PyObject *list = PyList_New(0), *comma = NULL, *text = NULL;
  unsigned n = s->n_lent;
  for (unsigned i = 0; list != NULL && i < n && i < MAX_LENT; i++) {
    lent *place = &s->lent[(n - 1 - i) % MAX_LENT];
    PyObject *path = view_path(place->parent, place->segment, place->key, place->index);
    if (path == NULL || s->n_lent != n || PyList_Append(list, path) < 0)
      Py_CLEAR(list);
    Py_XDECREF(path);
  }
  if (list != NULL && (comma = PyUnicode_FromString(", ")) != NULL)
    text = PyUnicode_Join(comma, list);
  if (text != NULL && n > MAX_LENT)
    Py_SETREF(text, PyUnicode_FromFormat("%U and others", text));
  Py_XDECREF(comma);
  Py_XDECREF(list);
  return text;
}

void heavy_explain(scope *s) {
  if (s->n_lent == 0 || !PyErr_ExceptionMatches(PyExc_Exception))
    return;
  PyObject *error = errors_take();
  PyObject *ours = errors_class(s->st, "TheusError"), *note = NULL, *where = NULL;
  if (ours != NULL && !PyErr_GivenExceptionMatches(error, ours) && mentions_read_only(error) &&
      s->n_lent > 0)
    where = places(s);
  if (where != NULL)
    note = PyUnicode_FromFormat(s->n_lent == 1
                                    ? "read-only, since process '%U' has it as input only: %U (to "
                                      "write it, add it to its outputs)"
                                    : "read-only, since process '%U' has them as inputs only: %U "
                                      "(to write one, add it to its outputs)",
                                s->name, where);
  PyObject *none = note == NULL ? NULL : PyObject_CallMethod(error, "add_note", "O", note);
  Py_XDECREF(none);
  Py_XDECREF(note);
  Py_XDECREF(where);
  Py_XDECREF(ours);
  errors_put_back(error); // with a note or without
}

// ---- the way out ----------------------------------------------------------------------------------

PyObject *heavy_wrap(view *parent, shape *s, PyObject *value, PyObject *key, Py_ssize_t index,
                     uint8_t segment) {
  if (s->bits & THEUS_MAY_WRITE)
    return Py_NewRef(value);
  switch (kind_of(STATE(parent), value)) {
  case KIND_PLAIN:
  case KIND_TUPLE:
  case KIND_FROZENSET:
  case KIND_LIST:
  case KIND_DICT:
  case KIND_SET:
  case KIND_DEQUE:
  case KIND_OBJECT:
  case KIND_VIEW:
  case KIND_ERROR:
    return NULL;
  default:
    break;
  }
  PyObject *shown = heavy_read_only(STATE(parent), value);
  if (shown == NULL)
    return refuse(parent, segment, key, index);
  if (shown != value && parent->node != NULL) // looking at the memory may have run user code
    lend(parent, key, index, segment);
  return shown;
}

uint64_t heavy_nbytes(PyObject *value) {
  Py_buffer buffer;
  uint64_t n = 0;
  if (PyObject_CheckBuffer(value) && PyObject_GetBuffer(value, &buffer, PyBUF_FULL_RO) == 0) {
    n = (uint64_t)buffer.len;
    PyBuffer_Release(&buffer);
    return n;
  }
  PyErr_Clear(); // an exporter that refuses now may still say its size; the write stands anyway
  PyObject *type = (PyObject *)Py_TYPE(value);
  PyObject *said = PyObject_HasAttrString(type, "nbytes") ? PyObject_GetAttrString(value, "nbytes") : NULL;
  if (said != NULL && PyLong_Check(said))
    n = PyLong_AsUnsignedLongLong(said);
  Py_XDECREF(said);
  if (PyErr_Occurred())
    n = 0;
  PyErr_Clear();
  return n;
}
