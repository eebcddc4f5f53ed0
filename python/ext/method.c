// method.c: a function of a user's class, bound to a view. The function runs with the view as its
// self, so whatever it reads and writes goes through the guard.
#include "ext.h"

#define MAX_FREE_METHODS 16

struct method {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject *func; // owned
  view *self;     // owned: has the rights of self
  enum { ON_VIEW, ON_TWIN, ON_MEMORY, ON_PLAIN } on; // what func gets as its self
  method *next;   // while it is kept for reuse
};

typedef struct {
  PyObject *func, *const *args;
  Py_ssize_t n;
  PyObject *kwnames;
} arguments;

// The arguments follow a free place for self.
static PyObject *run(PyObject *twin, void *arg) {
  arguments *a = arg;
  ((PyObject **)a->args)[0] = twin;
  return PyObject_Vectorcall(a->func, a->args, (size_t)a->n + 1, a->kwnames);
}

// On memory: the same memory among the arguments is what func gets as its self.
static PyObject *run_memory(PyObject *self, void *arg) {
  arguments *a = arg;
  Py_ssize_t n = a->n + (a->kwnames == NULL ? 0 : PyTuple_GET_SIZE(a->kwnames));
  for (Py_ssize_t i = 1; i <= n; i++)
    if (a->args[i] == NULL)
      ((PyObject **)a->args)[i] = self;
  return run(self, arg);
}

// Marks with NULL where the memory of v is among the arguments.
static bytes_given mark_itself(view *v, PyObject **args, Py_ssize_t n) {
  bytes_given given = n == 0 ? GIVEN_NOTHING : GIVEN_VALUES;
  for (Py_ssize_t i = 0; i < n; i++)
    if (view_of(args[i], FAMILY_BYTES) && ((view *)args[i])->node == v->node) {
      args[i] = NULL;
      given = GIVEN_ITSELF;
    }
  return given;
}

// pydantic's own code: on a plain copy, and with plain arguments.
static PyObject *run_plain(view *self, arguments *a) {
  state *st = STATE(self);
  Py_ssize_t n = a->n + (a->kwnames == NULL ? 0 : PyTuple_GET_SIZE(a->kwnames)), ready = 0;
  PyObject **stack = (PyObject **)a->args, *result = NULL;
  stack[0] = plain_view(self);
  while (stack[0] != NULL && ready < n) {
    PyObject *given = plain(st, stack[ready + 1]);
    if (given == NULL)
      break;
    stack[++ready] = given;
  }
  if (stack[0] != NULL && ready == n)
    result = PyObject_Vectorcall(a->func, stack, (size_t)a->n + 1, a->kwnames);
  for (Py_ssize_t i = 0; stack[0] != NULL && i <= ready; i++)
    Py_DECREF(stack[i]);
  return result;
}

static PyObject *method_call(PyObject *op, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
  method *m = (method *)op;
  VIEW_CHECK(m->self);
  state *st = STATE(m->self);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  Py_ssize_t total = n + (kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames));
  PyObject *small[8], **stack = small;
  if (total + 1 > (Py_ssize_t)Py_ARRAY_LENGTH(small)) {
    stack = PyMem_Malloc((size_t)(total + 1) * sizeof(PyObject *));
    if (stack == NULL)
      return PyErr_NoMemory();
  }
  stack[0] = (PyObject *)m->self;
  if (total > 0)
    memcpy(stack + 1, args, (size_t)total * sizeof(PyObject *));
  PyObject *held = Py_NewRef(op); // the call may drop the last reference to this method
  arguments given = {m->func, stack, n, kwnames};
  PyObject *result = NULL;
  if (m->on == ON_MEMORY)
    result = bytes_run(m->self, m->func, mark_itself(m->self, stack + 1, total), run_memory, &given);
  else
    result = m->on == ON_TWIN    ? twin_run(m->self, run, &given)
             : m->on == ON_PLAIN ? run_plain(m->self, &given)
                                 : run(stack[0], &given);
  Py_DECREF(held);
  if (stack != small)
    PyMem_Free(stack);
  return object_strip(st, result);
}

PyObject *method_new(state *st, PyObject *func, view *self) {
  method *m = st->free_methods;
  if (m != NULL) {
    st->free_methods = m->next;
    st->n_free_methods--;
    (void)PyObject_Init((PyObject *)m, st->method_type); // takes a reference to the heap type
  } else if ((m = PyObject_GC_New(method, st->method_type)) == NULL) {
    return NULL;
  }
  m->call = method_call;
  m->func = Py_NewRef(func);
  m->self = (view *)Py_NewRef((PyObject *)self);
  bool models = self->node != NULL && self->node->kind == KIND_OBJECT &&
                kind_is_models(st, self->node->target, func);
  m->on = models ? ON_PLAIN : ON_VIEW;
  PyObject_GC_Track((PyObject *)m);
  return (PyObject *)m;
}

PyObject *method_new_twin(state *st, PyObject *func, view *self) {
  PyObject *m = method_new(st, func, self);
  if (m != NULL)
    ((method *)m)->on = ON_TWIN;
  return m;
}

PyObject *method_new_bytes(state *st, PyObject *func, view *self) {
  PyObject *m = method_new(st, func, self);
  if (m != NULL)
    ((method *)m)->on = ON_MEMORY;
  return m;
}

static int method_traverse(PyObject *op, visitproc visit, void *arg) {
  method *m = (method *)op;
  Py_VISIT(Py_TYPE(op));
  Py_VISIT(m->func);
  Py_VISIT(m->self);
  return 0;
}

static void method_dealloc(PyObject *op) {
  method *m = (method *)op;
  PyTypeObject *type = Py_TYPE(op);
  PyObject *func = m->func, *self = (PyObject *)m->self;
  state *st = STATE(m->self);
  PyObject_GC_UnTrack(op);
  if (st->n_free_methods < MAX_FREE_METHODS) {
    m->next = st->free_methods;
    st->free_methods = m;
    st->n_free_methods++;
  } else {
    PyObject_GC_Del(op);
  }
  Py_DECREF(self);
  Py_DECREF(func);
  Py_DECREF(type);
}

void method_forget(state *st) {
  while (st->free_methods != NULL) {
    method *m = st->free_methods;
    st->free_methods = m->next;
    PyObject_GC_Del(m);
  }
}

static PyObject *method_name(PyObject *op, void *unused) {
  (void)unused;
  return PyObject_GetAttrString(((method *)op)->func, "__name__");
}

static PyObject *method_doc(PyObject *op, void *unused) {
  (void)unused;
  return PyObject_GetAttrString(((method *)op)->func, "__doc__");
}

static PyObject *method_repr(PyObject *op) {
  PyObject *name = method_name(op, NULL);
  if (name == NULL)
    return NULL;
  PyObject *text = PyUnicode_FromFormat("<guarded method %U>", name);
  Py_DECREF(name);
  return text;
}

static PyGetSetDef method_getset[] = {
    {"__name__", method_name, NULL, NULL, NULL},
    {"__doc__", method_doc, NULL, NULL, NULL},
    {0},
};

static PyMemberDef method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(method, call), READONLY, NULL},
    {0},
};

static PyType_Slot method_slots[] = {
    {Py_tp_doc, "A method of a user's object, bound to its view."},
    {Py_tp_new, view_new_refused},
    {Py_tp_dealloc, method_dealloc},
    {Py_tp_traverse, method_traverse},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_repr, method_repr},
    {Py_tp_getset, method_getset},
    {Py_tp_members, method_members},
    {0, NULL},
};

PyType_Spec method_spec = {
    .name = "theus._kernel.GuardedMethod",
    .basicsize = sizeof(method),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = method_slots,
};
