// memory.c: memory that the kernel owns: pages of its own, exported as a buffer and through DLPack.
//
// Ownership rules
//   memory  owns its mapping, and the descriptor behind it if it is shared. Both go when it is
//           freed, or with the object: every buffer and every tensor over it holds a reference to
//           it, so that is when the last view dies.
//   exports counts what others hold: buffers, and tensors until their deleter ran. While there is
//           one, the memory neither moves nor goes.
//   loan    a tensor handed out: owns a reference to the memory. Its deleter may be called by any
//           thread, with or without the GIL.
#include "ext.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dlpack.h"

#define HUGE_PAGE ((size_t)2 << 20)

typedef struct {
  const char *format; // as in struct, and Zf and Zd for complex numbers
  Py_ssize_t itemsize;
  uint8_t code; // of DLPack
} element;

static const element ELEMENTS[] = {
    {"?", 1, DL_BOOL}, {"b", 1, DL_INT},  {"B", 1, DL_UINT},  {"h", 2, DL_INT},
    {"H", 2, DL_UINT}, {"i", 4, DL_INT},  {"I", 4, DL_UINT},  {"q", 8, DL_INT},
    {"Q", 8, DL_UINT}, {"e", 2, DL_FLOAT}, {"f", 4, DL_FLOAT}, {"d", 8, DL_FLOAT},
    {"Zf", 8, DL_COMPLEX}, {"Zd", 16, DL_COMPLEX},
};

typedef struct {
  PyObject_HEAD
  char *data;          // NULL: freed
  size_t mapped;       // whole pages, at least one
  int fd;              // -1: private
  bool readonly;       // the mapping itself is
  const element *of;   // static
  Py_ssize_t len, exports;
  int ndim;
  Py_ssize_t *shape;   // owned; followed by the strides in bytes
} memory;

// ---- shapes and mappings --------------------------------------------------------------------------

// New array from a tuple of lengths: shape, then strides. NULL: an exception is set.
static Py_ssize_t *layout(PyObject *lengths, Py_ssize_t itemsize, Py_ssize_t *len) {
  Py_ssize_t n = PyTuple_GET_SIZE(lengths), whole = itemsize;
  if (n > PyBUF_MAX_NDIM) {
    PyErr_Format(PyExc_ValueError, "a shape has at most %d dimensions", PyBUF_MAX_NDIM);
    return NULL;
  }
  Py_ssize_t *shape = PyMem_Calloc((size_t)n * 2 + 1, sizeof(Py_ssize_t)), *strides = shape + n;
  if (shape == NULL) {
    PyErr_NoMemory();
    return NULL;
  }
  bool empty = false;
  for (Py_ssize_t i = n - 1; i >= 0; i--) {
    shape[i] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(lengths, i), PyExc_OverflowError);
    strides[i] = whole;
    if (shape[i] < 0) {
      if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a dimension cannot be negative");
      goto error;
    }
    empty = empty || shape[i] == 0;
    if (__builtin_mul_overflow(whole, shape[i] == 0 ? 1 : shape[i], &whole)) {
      PyErr_SetString(PyExc_MemoryError, "this shape is larger than memory can be");
      goto error;
    }
  }
  *len = empty ? 0 : whole;
  return shape;
error:
  PyMem_Free(shape);
  return NULL;
}

static size_t pages(Py_ssize_t len) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return len == 0 ? page : ((size_t)len + page - 1) / page * page;
}

// Maps fresh zeros, or a descriptor. NULL: an exception is set.
static char *map(Py_ssize_t len, int fd, bool readonly) {
  size_t size = pages(len);
  int rights = PROT_READ | (readonly ? 0 : PROT_WRITE);
  struct stat file;
  if (fd >= 0 && (fstat(fd, &file) < 0 || file.st_size < len)) { // a page past its end would kill us
    PyErr_SetString(PyExc_ValueError, "the shared memory is smaller than its shape");
    return NULL;
  }
  void *data = mmap(NULL, size, rights, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    if (errno == ENOMEM)
      PyErr_Format(PyExc_MemoryError, "there are no %zd bytes of memory", len);
    else
      PyErr_SetFromErrno(PyExc_OSError);
    return NULL;
  }
  if (fd < 0 && size >= HUGE_PAGE)
    (void)madvise(data, size, MADV_HUGEPAGE); // a wish: without it the pages are small
  return data;
}

static void release(memory *m) {
  if (m->data != NULL)
    (void)munmap(m->data, m->mapped); // of a mapping of ours: cannot fail
  if (m->fd >= 0)
    (void)close(m->fd); // of memory there is nothing left to be written
  m->data = NULL;
  m->fd = -1;
}

static int usable(memory *m) {
  if (m->data != NULL)
    return 0;
  PyErr_SetString(PyExc_ValueError, "this memory was freed");
  return -1;
}

// Whether it may move or go. 0, or -1 with BufferError.
static int unexported(memory *m, const char *what) {
  if (m->exports == 0)
    return 0;
  PyErr_Format(PyExc_BufferError, "memory with %zd live view%s cannot be %s", m->exports,
               m->exports == 1 ? "" : "s", what);
  return -1;
}

// ---- birth and death ------------------------------------------------------------------------------

static PyObject *memory_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"shape", "kind", "fd", "readonly", NULL};
  PyObject *lengths;
  const char *format;
  int fd = -1, readonly = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!s|ip:Memory", names, &PyTuple_Type, &lengths,
                                   &format, &fd, &readonly))
    return NULL;
  const element *of = NULL;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(ELEMENTS); i++)
    if (strcmp(ELEMENTS[i].format, format) == 0)
      of = &ELEMENTS[i];
  if (of == NULL)
    return PyErr_Format(PyExc_ValueError, "no elements of memory have the format %s", format);
  memory *m = (memory *)type->tp_alloc(type, 0);
  if (m == NULL)
    return NULL;
  m->fd = -1;
  m->of = of;
  m->readonly = readonly;
  m->ndim = (int)PyTuple_GET_SIZE(lengths);
  m->shape = layout(lengths, of->itemsize, &m->len);
  m->data = m->shape == NULL ? NULL : map(m->len, fd, readonly);
  if (m->data == NULL) {
    Py_DECREF((PyObject *)m);
    return NULL;
  }
  m->mapped = pages(m->len);
  m->fd = fd; // ours from here on
  return (PyObject *)m;
}

static void memory_dealloc(PyObject *op) {
  memory *m = (memory *)op;
  PyTypeObject *type = Py_TYPE(op);
  release(m);
  PyMem_Free(m->shape);
  type->tp_free(op);
  Py_DECREF(type);
}

static PyObject *memory_free(PyObject *op, PyObject *unused) {
  (void)unused;
  memory *m = (memory *)op;
  if (unexported(m, "freed") < 0)
    return NULL;
  release(m);
  Py_RETURN_NONE;
}

// What fits stays, in the order of memory; what is new is zero.
static PyObject *memory_resize(PyObject *op, PyObject *lengths) {
  memory *m = (memory *)op;
  if (!PyTuple_Check(lengths))
    return PyErr_Format(PyExc_TypeError, "a shape is a tuple, not %s", Py_TYPE(lengths)->tp_name);
  if (usable(m) < 0 || unexported(m, "resized") < 0)
    return NULL;
  if (m->fd >= 0) {
    PyErr_SetString(PyExc_BufferError, "shared memory cannot be resized: others may have it mapped");
    return NULL;
  }
  Py_ssize_t len;
  Py_ssize_t *shape = layout(lengths, m->of->itemsize, &len);
  if (shape == NULL)
    return NULL;
  if (usable(m) < 0 || unexported(m, "resized") < 0) { // an __index__ ran user code
    PyMem_Free(shape);
    return NULL;
  }
  size_t stays = pages(len) < m->mapped ? pages(len) : m->mapped;
  if ((size_t)len < stays && len < m->len) // what a later resize would show again
    memset(m->data + len, 0, stays - (size_t)len);
  void *data = mremap(m->data, m->mapped, pages(len), MREMAP_MAYMOVE);
  if (data == MAP_FAILED) {
    PyMem_Free(shape);
    return PyErr_Format(PyExc_MemoryError, "there are no %zd bytes of memory", len);
  }
  PyMem_Free(m->shape);
  m->shape = shape;
  m->ndim = (int)PyTuple_GET_SIZE(lengths);
  m->data = data;
  m->mapped = pages(len);
  m->len = len;
  Py_RETURN_NONE;
}

// ---- buffers --------------------------------------------------------------------------------------

static int memory_getbuffer(PyObject *op, Py_buffer *out, int flags) {
  memory *m = (memory *)op;
  out->obj = NULL;
  if (usable(m) < 0)
    return -1;
  if ((flags & PyBUF_WRITABLE) && m->readonly) {
    PyErr_SetString(PyExc_BufferError, "this memory was attached read-only");
    return -1;
  }
  if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && m->ndim > 1) {
    PyErr_SetString(PyExc_BufferError, "this memory is in the order of C, not of Fortran");
    return -1;
  }
  *out = (Py_buffer){.buf = m->data,
                     .obj = Py_NewRef(op),
                     .len = m->len,
                     .itemsize = m->of->itemsize,
                     .readonly = m->readonly,
                     .ndim = flags & PyBUF_ND ? m->ndim : 1,
                     .format = flags & PyBUF_FORMAT ? (char *)m->of->format : NULL,
                     .shape = flags & PyBUF_ND ? m->shape : NULL,
                     .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? m->shape + m->ndim : NULL};
  m->exports++;
  return 0;
}

static void memory_releasebuffer(PyObject *op, Py_buffer *unused) {
  (void)unused;
  ((memory *)op)->exports--;
}

// ---- DLPack ---------------------------------------------------------------------------------------

typedef struct {
  union {
    dl_managed old;
    dl_versioned new;
  } tensor;
  memory *of;        // owned
  int64_t numbers[]; // shape, then strides in elements
} loan;

static void loan_end(loan *l) {
  PyGILState_STATE gil = PyGILState_Ensure();
  memory *m = l->of;
  m->exports--;
  PyMem_Free(l);
  Py_DECREF((PyObject *)m);
  PyGILState_Release(gil);
}

// After the interpreter has ended there is nobody to give it back to.
static void end_old(dl_managed *t) {
  if (Py_IsInitialized())
    loan_end(t->context);
}

static void end_new(dl_versioned *t) {
  if (Py_IsInitialized())
    loan_end(t->context);
}

// Of a capsule that nobody took the tensor out of.
static void capsule_end(PyObject *capsule) {
  if (PyCapsule_IsValid(capsule, DL_NEW)) {
    dl_versioned *t = PyCapsule_GetPointer(capsule, DL_NEW);
    t->deleter(t);
  } else if (PyCapsule_IsValid(capsule, DL_OLD)) {
    dl_managed *t = PyCapsule_GetPointer(capsule, DL_OLD);
    t->deleter(t);
  }
}

static PyObject *lend(memory *m, bool versions) {
  loan *l = PyMem_Calloc(1, sizeof(loan) + (size_t)m->ndim * 2 * sizeof(int64_t));
  if (l == NULL)
    return PyErr_NoMemory();
  dl_tensor *t = versions ? &l->tensor.new.tensor : &l->tensor.old.tensor;
  t->data = m->data;
  t->device.type = DL_CPU;
  t->ndim = m->ndim;
  t->dtype.code = m->of->code;
  t->dtype.bits = (uint8_t)(m->of->itemsize * 8);
  t->dtype.lanes = 1;
  t->shape = l->numbers;
  t->strides = l->numbers + m->ndim;
  for (int i = 0; i < m->ndim; i++) {
    t->shape[i] = m->shape[i];
    t->strides[i] = m->shape[m->ndim + i] / m->of->itemsize;
  }
  if (versions) {
    l->tensor.new.version.major = DL_MAJOR;
    l->tensor.new.version.minor = DL_MINOR;
    l->tensor.new.flags = m->readonly ? DL_READ_ONLY : 0;
    l->tensor.new.context = l;
    l->tensor.new.deleter = end_new;
  } else {
    l->tensor.old.context = l;
    l->tensor.old.deleter = end_old;
  }
  PyObject *capsule = PyCapsule_New(&l->tensor, versions ? DL_NEW : DL_OLD, capsule_end);
  if (capsule == NULL) {
    PyMem_Free(l);
    return NULL;
  }
  l->of = (memory *)Py_NewRef((PyObject *)m);
  m->exports++;
  return capsule;
}

static PyObject *memory_dlpack(PyObject *op, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
  memory *m = (memory *)op;
  PyObject *stream = Py_None, *version = Py_None, *device = Py_None, *copy = Py_None;
  long major = 0, type = DL_CPU, id = 0, minor;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", names, &stream, &version,
                                   &device, &copy) ||
      (version != Py_None && !PyArg_ParseTuple(version, "ll", &major, &minor)) ||
      (device != Py_None && !PyArg_ParseTuple(device, "ll", &type, &id)) || usable(m) < 0)
    return NULL;
  const char *refused = stream != Py_None                 ? "memory of the CPU has no streams"
                        : type != DL_CPU || id != 0       ? "this memory is of the CPU"
                        : copy == Py_True                 ? "this memory is lent, not copied"
                        : m->readonly && major < DL_MAJOR ? "this memory was attached read-only, "
                                                            "which DLPack says since version 1"
                                                          : NULL;
  if (refused != NULL) {
    PyErr_SetString(PyExc_BufferError, refused);
    return NULL;
  }
  return lend(m, major >= DL_MAJOR);
}

static PyObject *memory_dlpack_device(PyObject *op, PyObject *unused) {
  (void)op, (void)unused;
  return Py_BuildValue("ii", DL_CPU, 0);
}

// ---- type -----------------------------------------------------------------------------------------

static PyObject *get_shape(PyObject *op, void *unused) {
  (void)unused;
  memory *m = (memory *)op;
  PyObject *shape = PyTuple_New(m->ndim);
  for (int i = 0; shape != NULL && i < m->ndim; i++) {
    PyObject *length = PyLong_FromSsize_t(m->shape[i]);
    if (length == NULL)
      Py_CLEAR(shape);
    else
      PyTuple_SET_ITEM(shape, i, length);
  }
  return shape;
}

static PyObject *get_format(PyObject *op, void *unused) {
  (void)unused;
  return PyUnicode_FromString(((memory *)op)->of->format);
}

static PyObject *get_nbytes(PyObject *op, void *unused) {
  (void)unused;
  memory *m = (memory *)op;
  return PyLong_FromSsize_t(m->data == NULL ? 0 : m->len);
}

static PyObject *get_itemsize(PyObject *op, void *unused) {
  (void)unused;
  return PyLong_FromSsize_t(((memory *)op)->of->itemsize);
}

static PyObject *get_exports(PyObject *op, void *unused) {
  (void)unused;
  return PyLong_FromSsize_t(((memory *)op)->exports);
}

static PyObject *get_fd(PyObject *op, void *unused) {
  (void)unused;
  return PyLong_FromLong(((memory *)op)->fd);
}

static PyObject *get_readonly(PyObject *op, void *unused) {
  (void)unused;
  return PyBool_FromLong(((memory *)op)->readonly);
}

static PyObject *get_freed(PyObject *op, void *unused) {
  (void)unused;
  return PyBool_FromLong(((memory *)op)->data == NULL);
}

static PyMethodDef memory_methods[] = {
    {"free", memory_free, METH_NOARGS,
     "free($self, /)\n--\n\nGive the memory back now. Raises BufferError while a view of it lives."},
    {"_resize", memory_resize, METH_O, NULL},
    {"__dlpack__", METHOD(memory_dlpack), METH_VARARGS | METH_KEYWORDS, "The memory as a tensor."},
    {"__dlpack_device__", memory_dlpack_device, METH_NOARGS, "Where it lies: (1, 0), the CPU."},
    {0},
};

static PyGetSetDef memory_getset[] = {
    {"shape", get_shape, NULL, "Lengths of its dimensions.", NULL},
    {"format", get_format, NULL, "Type of its elements as in struct; Zf and Zd are complex.", NULL},
    {"nbytes", get_nbytes, NULL, "Its size; 0 once freed.", NULL},
    {"itemsize", get_itemsize, NULL, "Size of an element.", NULL},
    {"exports", get_exports, NULL, "How many views of it live.", NULL},
    {"readonly", get_readonly, NULL, "Whether it was attached read-only.", NULL},
    {"freed", get_freed, NULL, "Whether it was freed.", NULL},
    {"_fd", get_fd, NULL, NULL, NULL},
    {0},
};

static PyType_Slot memory_slots[] = {
    {Py_tp_doc, "Pages of memory, as a buffer and a DLPack tensor. It owns fd from its making on."},
    {Py_tp_new, memory_new},
    {Py_tp_dealloc, memory_dealloc},
    {Py_tp_methods, memory_methods},
    {Py_tp_getset, memory_getset},
    {Py_bf_getbuffer, memory_getbuffer},
    {Py_bf_releasebuffer, memory_releasebuffer},
    {0, NULL},
};

PyType_Spec memory_spec = {
    .name = "theus._kernel.Memory",
    .basicsize = sizeof(memory),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = memory_slots,
};
