// read.c: what conditions look at, as values of the kernel, and values of the kernel as objects.
//
// The way goes through the guard: a read-only transaction that may read everything. A field of
// plain objects that holds a number or a text is read directly outside of any transaction, since the
// guard would have nothing to do: what stands there was committed, and no code runs in between.
//
// Ownership rules: a value borrows from what is in run.held, until the next step of the run.
//
// Calls that run Python code: everything but reading directly.
#include "flux.h"

#define MAX_ITEMS 1000000 // of an object of the user's: it may have no end

// ---- readers ------------------------------------------------------------------------------------

// New: interned, as attribute names are.
static PyObject *key_of(const theus_segment *s) {
  if (s->kind == THEUS_INT)
    return PyLong_FromLongLong(s->number);
  PyObject *name = PyUnicode_DecodeUTF8(s->text.len == 0 ? "" : s->text.data,
                                        (Py_ssize_t)s->text.len, "strict");
  if (name != NULL && s->kind == THEUS_ATTR)
    PyUnicode_InternInPlace(&name);
  return name;
}

void reader_free(reader *r) {
  if (r == NULL)
    return;
  for (size_t i = 0; i < r->n; i++)
    Py_XDECREF(r->steps[i].key);
  Py_XDECREF(r->key);
  PyMem_Free(r);
}

reader *reader_new(const theus_flux_need *need) {
  reader *r = PyMem_Calloc(1, sizeof(reader) + need->n_path * sizeof(reader_step));
  if (r == NULL)
    return (reader *)PyErr_NoMemory();
  r->what = need->what;
  r->direct = need->what == THEUS_FLUX_GET && need->n_path > 1;
  r->n = need->n_path;
  for (size_t i = 0; i < r->n; i++) {
    r->steps[i].attribute = need->path[i].kind == THEUS_ATTR;
    r->direct &= r->steps[i].attribute;
    if ((r->steps[i].key = key_of(&need->path[i])) == NULL)
      goto error;
  }
  if (need->what == THEUS_FLUX_HAS && (r->key = read_back(NULL, &need->key)) == NULL)
    goto error;
  return r;
error:
  reader_free(r);
  return NULL;
}

// ---- telling ------------------------------------------------------------------------------------

// Keeps an object until the next step. Steals it.
static int hold(run *r, PyObject *object) {
  if (object == NULL || (r->held == NULL && (r->held = PyList_New(0)) == NULL)) {
    Py_XDECREF(object);
    return -1;
  }
  int failed = PyList_Append(r->held, object);
  Py_DECREF(object);
  return failed;
}

// The raised exception as a value. What is no Exception stays: -1.
static int raised(run *r, theus_flux_value *out) {
  if (!PyErr_ExceptionMatches(PyExc_Exception))
    return -1;
  uint64_t token;
  bool abort;
  PyObject *classes = drive_failure(r, errors_take(), &token, &abort);
  Py_ssize_t n;
  const char *text = classes == NULL ? NULL : PyUnicode_AsUTF8AndSize(classes, &n);
  if (text == NULL) {
    Py_XDECREF(classes);
    return -1;
  }
  *out = (theus_flux_value){.kind = THEUS_FLUX_FAILED, .flags = abort ? THEUS_FLUX_ABORT : 0,
                            .number = (int64_t)token, .text = {text, (size_t)n}};
  return hold(r, classes);
}

// Text with lone surrogates has no UTF-8: the kernel is told that it is not UTF-8.
static int text_of(run *r, PyObject *str, theus_flux_value *out) {
  Py_ssize_t n, length = PyUnicode_GET_LENGTH(str);
  const char *data = PyUnicode_AsUTF8AndSize(str, &n);
  Py_INCREF(str);
  if (data == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
    PyErr_Clear();
    Py_SETREF(str, PyUnicode_AsEncodedString(str, "utf-8", "surrogatepass"));
    if (str == NULL)
      return -1;
    out->number = length;
    data = PyBytes_AS_STRING(str);
    n = PyBytes_GET_SIZE(str);
  }
  if (data == NULL) {
    Py_DECREF(str);
    return -1;
  }
  out->kind = THEUS_FLUX_TEXT;
  out->text = (theus_str){data, (size_t)n};
  return hold(r, str);
}

// What is immutable and Python's own. 1: it is told, 0: it is something else, -1.
static int scalar(run *r, PyObject *value, theus_flux_value *out) {
  if (value == Py_None) {
    out->kind = THEUS_FLUX_NONE;
  } else if (PyBool_Check(value)) {
    out->kind = THEUS_FLUX_BOOL;
    out->number = value == Py_True;
  } else if (PyLong_Check(value)) {
    int overflow;
    out->kind = THEUS_FLUX_INT;
    out->number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
      PyObject *hex = PyNumber_ToBase(value, 16); // past what a subclass does
      out->flags = THEUS_FLUX_BIG;
      out->text.data = hex == NULL ? NULL : PyUnicode_AsUTF8AndSize(hex, (Py_ssize_t *)&out->text.len);
      return hold(r, hex) < 0 ? -1 : 1;
    }
  } else if (PyFloat_Check(value)) {
    out->kind = THEUS_FLUX_FLOAT;
    out->real = PyFloat_AS_DOUBLE(value);
  } else if (PyUnicode_Check(value)) {
    return text_of(r, value, out) < 0 ? -1 : 1;
  } else if (PyBytes_Check(value)) {
    out->kind = THEUS_FLUX_BYTES;
    out->text = (theus_str){PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)};
    return hold(r, Py_NewRef(value)) < 0 ? -1 : 1;
  } else {
    return 0;
  }
  return 1;
}

// A number of a class of others, such as numpy's. 1, 0, -1.
static int number(run *r, PyObject *value, theus_flux_value *out) {
  PyNumberMethods *as = Py_TYPE(value)->tp_as_number;
  const char *name = Py_TYPE(value)->tp_name;
  if (as == NULL || (as->nb_index == NULL && as->nb_float == NULL) ||
      strcmp(name, "decimal.Decimal") == 0 || strcmp(name, "Fraction") == 0)
    return 0;
  PyObject *plain = as->nb_index != NULL ? PyNumber_Index(value) : PyNumber_Float(value);
  int told = plain == NULL ? -1 : scalar(r, plain, out);
  Py_XDECREF(plain);
  return told;
}

static kind seen(state *st, PyObject *value) {
  view *v = (view *)value;
  return view_is(st, value) && v->node != NULL ? (kind)v->node->kind : kind_of(st, value);
}

static uint32_t container(kind k, PyObject *value) {
  switch (k) {
  case KIND_LIST:
    return THEUS_FLUX_LIST;
  case KIND_TUPLE:
    return THEUS_FLUX_TUPLE;
  case KIND_DICT:
    return THEUS_FLUX_DICT;
  case KIND_SET:
  case KIND_FROZENSET:
    return THEUS_FLUX_SET;
  case KIND_DEQUE:
    return THEUS_FLUX_SEQUENCE;
  default:
    return PyRange_Check(value) ? THEUS_FLUX_SEQUENCE : THEUS_FLUX_OBJECT;
  }
}

static bool has_length(PyObject *value) {
  PyTypeObject *t = Py_TYPE(value);
  return (t->tp_as_sequence != NULL && t->tp_as_sequence->sq_length != NULL) ||
         (t->tp_as_mapping != NULL && t->tp_as_mapping->mp_length != NULL);
}

// A value as it is, or a container untold. 0; -1 with an exception of any kind.
static int tell(run *r, PyObject *value, theus_flux_value *out) {
  state *st = r->program->engine->st;
  int told = scalar(r, value, out);
  if (told != 0)
    return told < 0 ? -1 : 0;
  kind k = seen(st, value);
  if (k == KIND_ERROR)
    return -1;
  if (k == KIND_PLAIN && (told = number(r, value, out)) != 0)
    return told < 0 ? -1 : 0;
  *out = (theus_flux_value){.kind = container(k, value), .number = -1};
  if (out->kind != THEUS_FLUX_OBJECT || has_length(value)) {
    out->number = PyObject_Size(value);
    if (out->number < 0) {
      if (!PyErr_ExceptionMatches(PyExc_TypeError))
        return -1;
      PyErr_Clear(); // its class has __len__ for some, and this is not one of them
    }
  }
  int truth = PyObject_IsTrue(value);
  out->flags = truth > 0 ? THEUS_FLUX_TRUTH : 0;
  if (truth >= 0 || out->kind != THEUS_FLUX_OBJECT || !PyErr_ExceptionMatches(PyExc_Exception))
    return truth < 0 ? -1 : 0;
  theus_flux_value why = {0}; // such as an array: it fails whoever wants to know
  if (raised(r, &why) < 0)
    return -1;
  out->flags = THEUS_FLUX_DOUBT;
  out->text = why.text;
  out->real = (double)why.number;
  return 0;
}

// New list of what iterating gives; refused where it has no end in sight, as an object of the user's
// may have none.
static PyObject *all_of(PyObject *value, bool object) {
  if (!object)
    return PySequence_List(value);
  PyObject *it = PyObject_GetIter(value), *list = it == NULL ? NULL : PyList_New(0), *item;
  while (list != NULL && (item = PyIter_Next(it)) != NULL) {
    if (PyList_GET_SIZE(list) >= MAX_ITEMS) {
      PyErr_Format(PyExc_ValueError, "more than %d items of a class of yours: let a process collect them",
                   MAX_ITEMS);
      Py_CLEAR(list);
    } else if (PyList_Append(list, item) < 0) {
      Py_CLEAR(list);
    }
    Py_DECREF(item);
  }
  Py_XDECREF(it);
  if (list != NULL && PyErr_Occurred())
    Py_CLEAR(list);
  return list;
}

// What a container holds. 0; -1 with an exception of any kind.
static int tell_items(run *r, PyObject *value, theus_flux_value *out) {
  int told = scalar(r, value, out);
  if (told != 0)
    return told < 0 ? -1 : 0;
  kind k = seen(r->program->engine->st, value);
  if (k == KIND_ERROR)
    return -1;
  uint32_t as = container(k, value);
  bool pairs = as == THEUS_FLUX_DICT;
  PyObject *list = pairs ? PyMapping_Items(value) : all_of(value, as == THEUS_FLUX_OBJECT), *memory;
  if (list == NULL || hold(r, Py_NewRef(list)) < 0) {
    Py_XDECREF(list);
    return -1;
  }
  Py_ssize_t n = PyList_GET_SIZE(list), all = pairs ? 2 * n : n;
  memory = PyBytes_FromStringAndSize(NULL, all * (Py_ssize_t)sizeof(theus_flux_value));
  int failed = hold(r, Py_XNewRef(memory));
  theus_flux_value *items = NULL;
  if (!failed) {
    items = (theus_flux_value *)(void *)PyBytes_AS_STRING(memory);
    memset(items, 0, (size_t)all * sizeof(theus_flux_value));
  }
  for (Py_ssize_t i = 0; !failed && i < n && i < PyList_GET_SIZE(list); i++) {
    PyObject *item = PyList_GET_ITEM(list, i);
    if (!pairs) {
      failed = tell(r, item, &items[i]);
    } else if (!(failed = tell(r, PyTuple_GET_ITEM(item, 0), &items[2 * i]))) {
      failed = tell(r, PyTuple_GET_ITEM(item, 1), &items[2 * i + 1]);
    }
  }
  Py_XDECREF(memory);
  Py_DECREF(list);
  if (failed)
    return -1;
  *out = (theus_flux_value){.kind = as == THEUS_FLUX_OBJECT ? THEUS_FLUX_SEQUENCE : as,
                            .flags = THEUS_FLUX_TOLD, .items = items, .n_items = (size_t)all};
  return 0;
}

// ---- reading ------------------------------------------------------------------------------------

// Reads a field of plain objects that holds a number or a text, past the guard, running no code of
// the user. 1: told, 0: it is something else, -1.
static int directly(run *r, const reader *how, theus_flux_value *out) {
  engine *e = r->program->engine;
  PyObject *at = Py_NewRef(e->ctx);
  for (size_t i = 0; i < how->n; i++) {
    PyTypeObject *type = Py_TYPE(at);
    PyObject *found = _PyType_Lookup(type, how->steps[i].key); // borrowed
    bool slot = found != NULL && Py_TYPE(found) == &PyMemberDescr_Type;
    bool field = found == NULL || slot || (Py_TYPE(found)->tp_descr_get == NULL && Py_TYPE(found)->tp_descr_set == NULL);
    PyObject *next = type->tp_getattro == PyObject_GenericGetAttr && field && kind_of(e->st, at) == KIND_OBJECT
                         ? PyObject_GenericGetAttr(at, how->steps[i].key)
                         : NULL;
    Py_DECREF(at); // the context holds it
    if (next == NULL) {
      PyErr_Clear(); // the guarded way meets it again, and says it better
      return 0;
    }
    at = next;
  }
  int told = kind_is_plain_exact(at) ? scalar(r, at, out) : 0;
  Py_DECREF(at);
  return told;
}

// The process that stands for conditions, made by the first that has to.
static process *reading_process(engine *e) {
  if (e->reading == NULL) {
    PyObject *name = PyUnicode_FromString("workflow"), *none = PyTuple_New(0);
    if (name != NULL && none != NULL &&
        (e->reading = process_new(e->st, name, Py_None, none)) != NULL)
      e->reading->id = THEUS_PROCESS_WORKFLOW;
    Py_XDECREF(name);
    Py_XDECREF(none);
  }
  if (e->reading != NULL)
    e->reading->rules = e->rules; // no rule is about it
  return e->reading;
}

// The system context as conditions see it. 0, -1.
static int look_begin(look *l) {
  engine *e = l->run->program->engine;
  if (l->root != NULL)
    return 0;
  if (!e->strict) {
    l->root = Py_NewRef(e->ctx);
    return 0;
  }
  process *p = reading_process(e);
  if (p == NULL || (l->scope = scope_begin(e, p, (start){0})) == NULL)
    return -1;
  l->root = scope_context(l->scope);
  return l->root == NULL ? -1 : 0;
}

int look_end(look *l) {
  scope *s = l->scope;
  PyObject *root = l->root, *error = errors_take();
  l->scope = NULL;
  l->root = NULL;
  Py_XDECREF(root);
  int failed = 0;
  if (s != NULL) {
    PyObject *done = scope_finish(s, Py_NewRef(Py_None), THEUS_RETURNED);
    failed = done == NULL ? -1 : 0;
    if (done == NULL && !PyErr_Occurred()) // what only reads never loses
      PyErr_SetString(PyExc_SystemError, "a condition lost against a commit");
    Py_XDECREF(done);
    Py_DECREF((PyObject *)s);
  }
  if (error != NULL) {
    PyErr_Clear(); // what happened first is what matters
    errors_put(error);
    return -1;
  }
  return failed;
}

// New: what stands at the end of some steps.
static PyObject *walk(look *l, const reader_step *steps, size_t n) {
  state *st = l->run->program->engine->st;
  if (look_begin(l) < 0)
    return NULL;
  PyObject *at = Py_NewRef(l->root);
  for (size_t i = 0; at != NULL && i < n; i++) {
    PyObject *next;
    if (i == 0 && steps[0].attribute && steps[0].key == st->s_local)
      next = Py_NewRef(root_of(l->run)->local);
    else if (steps[i].attribute)
      next = PyObject_GetAttr(at, steps[i].key);
    else
      next = PyObject_GetItem(at, steps[i].key);
    Py_SETREF(at, next);
  }
  return at;
}

int read_one(look *l, const reader *how, theus_flux_value *out) {
  run *r = l->run;
  *out = (theus_flux_value){0};
  if (how->direct && l->root == NULL && scope_is_outside(r->program->engine)) {
    int told = directly(r, how, out);
    if (told != 0)
      return told < 0 ? -1 : 0;
    *out = (theus_flux_value){0};
  }
  PyObject *at = walk(l, how->steps, how->n);
  int failed = at == NULL ? -1 : 0;
  if (!failed && how->what == THEUS_FLUX_HAS) {
    int has = PySequence_Contains(at, how->key);
    out->kind = THEUS_FLUX_BOOL;
    out->number = has;
    failed = has < 0 ? -1 : 0;
  } else if (!failed) {
    failed = how->what == THEUS_FLUX_ITEMS ? tell_items(r, at, out) : tell(r, at, out);
  }
  Py_XDECREF(at);
  return failed ? raised(r, out) : 0;
}

// ---- values of the kernel as objects ---------------------------------------------------------------

static PyObject *place(look *l, const theus_flux_value *v) {
  state *st = l->run->program->engine->st;
  reader_step *steps = PyMem_Calloc(v->n_path + 1, sizeof(reader_step));
  PyObject *at = NULL, *copy = NULL;
  size_t made = 0;
  if (steps == NULL)
    return PyErr_NoMemory();
  for (; made < v->n_path; made++) {
    steps[made].attribute = v->path[made].kind == THEUS_ATTR;
    if ((steps[made].key = key_of(&v->path[made])) == NULL)
      break;
  }
  if (made == v->n_path && (at = walk(l, steps, made)) != NULL)
    copy = l->scope == NULL ? Py_NewRef(at) : plain(st, at);
  Py_XDECREF(at);
  for (size_t i = 0; i < made; i++)
    Py_DECREF(steps[i].key);
  PyMem_Free(steps);
  return copy;
}

// New: a list of what the items stand for.
static PyObject *items_back(look *l, const theus_flux_value *v) {
  PyObject *list = PyList_New((Py_ssize_t)v->n_items);
  for (size_t i = 0; list != NULL && i < v->n_items; i++) {
    PyObject *item = read_back(l, &v->items[i]);
    if (item == NULL)
      Py_CLEAR(list);
    else
      PyList_SET_ITEM(list, (Py_ssize_t)i, item);
  }
  return list;
}

static PyObject *dict_back(look *l, const theus_flux_value *v) {
  PyObject *list = items_back(l, v), *dict = list == NULL ? NULL : PyDict_New();
  for (Py_ssize_t i = 0; dict != NULL && i + 1 < PyList_GET_SIZE(list); i += 2)
    if (PyDict_SetItem(dict, PyList_GET_ITEM(list, i), PyList_GET_ITEM(list, i + 1)) < 0)
      Py_CLEAR(dict);
  Py_XDECREF(list);
  return dict;
}

PyObject *read_back(look *l, const theus_flux_value *v) {
  const char *text = v->text.len == 0 ? "" : v->text.data;
  Py_ssize_t n = (Py_ssize_t)v->text.len;
  PyObject *list, *made;
  switch (v->kind) {
  case THEUS_FLUX_NONE:
    return Py_NewRef(Py_None);
  case THEUS_FLUX_BOOL:
    return PyBool_FromLong(v->number != 0);
  case THEUS_FLUX_INT:
    if (!(v->flags & THEUS_FLUX_BIG))
      return PyLong_FromLongLong(v->number);
    list = PyUnicode_DecodeUTF8(text, n, "strict");
    made = list == NULL ? NULL : PyLong_FromUnicodeObject(list, 0);
    Py_XDECREF(list);
    return made;
  case THEUS_FLUX_FLOAT:
    return PyFloat_FromDouble(v->real);
  case THEUS_FLUX_TEXT:
    return PyUnicode_DecodeUTF8(text, n, "strict");
  case THEUS_FLUX_BYTES:
    return PyBytes_FromStringAndSize(text, n);
  case THEUS_FLUX_DICT:
    return dict_back(l, v);
  case THEUS_FLUX_LIST:
  case THEUS_FLUX_SEQUENCE:
    return items_back(l, v);
  case THEUS_FLUX_TUPLE:
  case THEUS_FLUX_SET:
    list = items_back(l, v);
    made = list == NULL ? NULL : v->kind == THEUS_FLUX_SET ? PySet_New(list) : PyList_AsTuple(list);
    Py_XDECREF(list);
    return made;
  case THEUS_FLUX_PLACE:
    if (l != NULL)
      return place(l, v);
    // falls through
  default:
    PyErr_SetString(PyExc_TypeError, "this is no value that leaves a condition; put list(...) around it");
    return NULL;
  }
}
