// fetch.c: what rules look at, as values of the kernel. It walks from the view of the system
// context that rules have: all may be read, nothing written, and pending writes are seen.
//
// Ownership rules
//   A value borrows from what the fetch holds until fetch_free: objects, memory, exports of arrays.
//   fetch_need and fetch_object borrow all they are handed.
//
// Calls that run Python code: every step of a field, methods and lengths of the user's objects,
// fetch_free.
#include "ext.h"

#define MAX_DEEP 32       // items of items; the kernel refuses what is deeper

typedef struct export {
  struct export *next;
  Py_buffer buffer;
  theus_array array;
} export;

typedef struct chunk {
  struct chunk *next;
} chunk;

struct fetch_store {
  export *exports;
  chunk *chunks;
  PyObject *held; // list
};

static struct fetch_store *store_of(fetch *f) {
  if (f->store == NULL && (f->store = PyMem_Calloc(1, sizeof(struct fetch_store))) == NULL)
    PyErr_NoMemory();
  return f->store;
}

void fetch_forget(fetch *f) {
  f->layer_name = NULL;
  Py_CLEAR(f->layer);
}

void fetch_free(fetch *f) {
  struct fetch_store *store = f->store;
  fetch_forget(f);
  f->store = NULL;
  if (store == NULL)
    return;
  while (store->exports != NULL) {
    export *x = store->exports;
    store->exports = x->next;
    PyBuffer_Release(&x->buffer);
    PyMem_Free(x);
  }
  while (store->chunks != NULL) {
    chunk *c = store->chunks;
    store->chunks = c->next;
    PyMem_Free(c);
  }
  Py_XDECREF(store->held);
  PyMem_Free(store);
}

// Keeps an object until the values were judged. Steals it.
static int hold(fetch *f, PyObject *object) {
  struct fetch_store *store = object == NULL ? NULL : store_of(f);
  int failed = store == NULL || (store->held == NULL && (store->held = PyList_New(0)) == NULL)
                   ? -1
                   : PyList_Append(store->held, object);
  Py_XDECREF(object);
  return failed;
}

// The UTF-8 of a str, good until the values were judged. Steals it. Lone surrogates are allowed.
static int text_of(fetch *f, PyObject *str, theus_str *out, theus_value *length) {
  Py_ssize_t n;
  const char *data = str == NULL ? NULL : PyUnicode_AsUTF8AndSize(str, &n);
  if (data == NULL && str != NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
    PyErr_Clear();
    if (length != NULL) {
      length->flags |= THEUS_HAS_LENGTH;
      length->length = PyUnicode_GET_LENGTH(str);
    }
    Py_SETREF(str, PyUnicode_AsEncodedString(str, "utf-8", "surrogatepass"));
    if (str != NULL) {
      data = PyBytes_AS_STRING(str);
      n = PyBytes_GET_SIZE(str);
    }
  }
  if (data == NULL) {
    Py_XDECREF(str);
    return -1;
  }
  *out = (theus_str){data, (size_t)n};
  return hold(f, str);
}

// The raised exception as a value. What is no Exception, such as an interrupt, stays: -1.
static int raised(fetch *f, theus_value *out) {
  if (!PyErr_ExceptionMatches(PyExc_Exception))
    return -1;
  PyObject *error = errors_take();
  PyObject *text = PyObject_Str(error);
  if (text == NULL && !errors_interrupted()) {
    PyErr_Clear(); // an error that cannot be printed is told by its type
    text = PyUnicode_FromString("");
  }
  PyObject *told = text == NULL ? NULL
                                : PyUnicode_FromFormat(PyUnicode_GET_LENGTH(text) ? "%s: %U" : "%s%U",
                                                       Py_TYPE(error)->tp_name, text);
  Py_XDECREF(text);
  Py_DECREF(error);
  *out = (theus_value){.kind = THEUS_VALUE_RAISED};
  return text_of(f, told, &out->text, NULL);
}

// The class as users know it: of what a view stands for.
static PyTypeObject *class_of(state *st, PyObject *value) {
  view *v = (view *)value;
  return view_is(st, value) && v->node != NULL ? Py_TYPE(v->node->target) : Py_TYPE(value);
}

// What a live view stands for; 0 for anything else.
static kind seen(state *st, PyObject *value) {
  view *v = (view *)value;
  return view_is(st, value) && v->node != NULL ? (kind)v->node->kind : (kind)0;
}

// Names of the class and its bases, each after a blank.
static int type_of(fetch *f, PyTypeObject *type, theus_value *out) {
  PyObject *mro = Py_NewRef(type->tp_mro), *text = PyUnicode_FromString("");
  for (Py_ssize_t i = 0; text != NULL && i < PyTuple_GET_SIZE(mro); i++) {
    const char *name = ((PyTypeObject *)PyTuple_GET_ITEM(mro, i))->tp_name;
    const char *dot = strrchr(name, '.');
    Py_SETREF(text, PyUnicode_FromFormat(i == 0 ? "%U%s" : "%U %s", text,
                                         dot == NULL ? name : dot + 1));
  }
  Py_DECREF(mro);
  return text_of(f, text, &out->type, NULL);
}

// ---- values -----------------------------------------------------------------------------------

// The name of the type of an element, as numpy has it.
static PyObject *dtype_of(const Py_buffer *b, const theus_array *array) {
  const char *kind = array->kind == THEUS_ELEMENT_INT    ? "int"
                     : array->kind == THEUS_ELEMENT_UINT ? "uint"
                                                         : "float";
  if (b->format != NULL && strchr(b->format, '?') != NULL)
    return PyUnicode_FromString("bool");
  return PyUnicode_FromFormat("%s%u", kind, 8 * array->size);
}

static int array_of(fetch *f, PyObject *value, uint32_t asked, theus_value *out) {
  asked &= THEUS_NEED_FINITE | THEUS_NEED_EXTREME | THEUS_NEED_LAYOUT;
  export *x = store_of(f) == NULL ? NULL : PyMem_Calloc(1, sizeof(export));
  if (x == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  out->kind = THEUS_VALUE_ARRAY;
  if (heavy_borrow(f->st, value, &x->buffer, &x->array) < 0) {
    PyMem_Free(x);
    if (!PyErr_ExceptionMatches(PyExc_TypeError))
      return -1;
    PyErr_Clear(); // elements that are no numbers: nothing can be found out
    return type_of(f, Py_TYPE(value), out);
  }
  x->next = f->store->exports;
  f->store->exports = x;
  const Py_buffer *b = &x->buffer;
  out->flags = THEUS_HAS_LENGTH;
  out->length = b->ndim > 0 ? b->shape[0] : 1;
  out->number = asked;
  out->array = &x->array;
  f->large |= (asked & ~(uint32_t)THEUS_NEED_LAYOUT) != 0 && b->len > HEAVY_BRIEF;
  if ((asked & THEUS_NEED_LAYOUT) && text_of(f, dtype_of(b, &x->array), &out->text, NULL) < 0)
    return -1;
  return type_of(f, Py_TYPE(value), out);
}

// Room for n values; zeroed.
static theus_value *room(fetch *f, Py_ssize_t n) {
  struct fetch_store *store = store_of(f);
  chunk *c = store == NULL ? NULL : PyMem_Calloc(1, sizeof(chunk) + (size_t)n * sizeof(theus_value));
  if (c == NULL)
    return (theus_value *)PyErr_NoMemory();
  c->next = store->chunks;
  store->chunks = c;
  return (theus_value *)(c + 1);
}

// What is asked of the items of a container of which this was asked.
static uint32_t below(uint32_t asked) {
  return asked & THEUS_NEED_CONTENTS ? THEUS_NEED_PLACE : asked & (THEUS_NEED_ITEMS | THEUS_NEED_PLACE);
}

// Items of a sequence, or of pairs one after the other.
static int items_of(fetch *f, PyObject *list, bool pairs, uint32_t asked, int deep, theus_value *out) {
  Py_ssize_t n = PyList_GET_SIZE(list);
  theus_value *items = room(f, pairs ? 2 * n : n);
  int failed = items == NULL ? -1 : 0;
  for (Py_ssize_t i = 0; !failed && i < n; i++) {
    PyObject *item = PyList_GET_ITEM(list, i);
    if (pairs) {
      failed = fetch_object(f, PyTuple_GET_ITEM(item, 0), below(asked), deep + 1, &items[2 * i]);
      item = PyTuple_GET_ITEM(item, 1);
      if (!failed)
        failed = fetch_object(f, item, below(asked), deep + 1, &items[2 * i + 1]);
    } else {
      failed = fetch_object(f, item, below(asked), deep + 1, &items[i]);
    }
  }
  out->flags |= THEUS_HAS_ITEMS;
  out->items = items;
  out->n_items = (size_t)(pairs ? 2 * n : n);
  return failed;
}

// Which container it is, and bool() of it. 1, 0: that raised, and is told, -1.
static int form_of(fetch *f, PyObject *value, kind k, theus_value *out) {
  int truth = PyObject_IsTrue(value);
  if (truth < 0)
    return raised(f, out) < 0 ? -1 : 0;
  out->flags |= truth ? THEUS_IS_TRUE : 0;
  if (k == KIND_TUPLE)
    out->flags |= THEUS_IS_TUPLE;
  else if (k == KIND_DEQUE)
    out->flags |= THEUS_IS_SEQUENCE;
  else if (k == KIND_SET || k == KIND_FROZENSET)
    out->flags |= THEUS_IS_SET;
  return 1;
}

static int container_of(fetch *f, PyObject *value, kind k, uint32_t asked, int deep,
                        theus_value *out) {
  Py_ssize_t n = PyObject_Size(value);
  if (n < 0)
    return raised(f, out);
  out->kind = k == KIND_DICT ? THEUS_VALUE_MAP
              : k == KIND_SET || k == KIND_FROZENSET ? THEUS_VALUE_OBJECT
                                                     : THEUS_VALUE_LIST;
  out->flags = THEUS_HAS_LENGTH;
  out->length = n;
  int failed = 0;
  if (asked & (THEUS_NEED_PLACE | THEUS_NEED_CONTENTS)) {
    int formed = form_of(f, value, k, out);
    if (formed <= 0)
      return formed;
  }
  if ((asked & (THEUS_NEED_ITEMS | THEUS_NEED_CONTENTS)) && deep < MAX_DEEP) {
    PyObject *list = k == KIND_DICT ? PyMapping_Items(value) : PySequence_List(value);
    failed = list == NULL ? raised(f, out) : items_of(f, list, k == KIND_DICT, asked, deep, out);
    if (list != NULL && hold(f, list) < 0)
      failed = -1;
  }
  PyTypeObject *type = class_of(f->st, value);
  return !failed && type != &PyList_Type && type != &PyDict_Type ? type_of(f, type, out) : failed;
}

// A number of a class that Python does not have built in. 1, 0: no number, -1.
static int number_of(fetch *f, PyObject *value, theus_value *out) {
  PyNumberMethods *number = Py_TYPE(value)->tp_as_number;
  const char *name = Py_TYPE(value)->tp_name;
  PyObject *plain = NULL;
  if (strcmp(name, "decimal.Decimal") == 0 || strcmp(name, "Fraction") == 0) {
    out->kind = THEUS_VALUE_EXACT;
    return text_of(f, PyObject_Str(value), &out->text, NULL) < 0 ? -1 : 1;
  }
  if (number == NULL || (number->nb_index == NULL && number->nb_float == NULL))
    return 0;
  plain = number->nb_index != NULL ? PyNumber_Index(value) : PyNumber_Float(value);
  int failed = plain == NULL ? -1 : fetch_object(f, plain, THEUS_NEED_VALUE, 0, out);
  if (plain != NULL && hold(f, plain) < 0)
    failed = -1;
  return failed ? -1 : 1;
}

// Whether a value lends memory that holds an array. Bytes do, and are none.
static bool is_array(state *st, PyObject *value) {
  if (PyObject_CheckBuffer(value))
    return !PyByteArray_Check(value);
  PyObject *tensor = tensor_of(st, value);
  PyErr_Clear(); // one that cannot be lent is judged as an object
  Py_XDECREF(tensor);
  return tensor != NULL;
}

// Anything that is no scalar of Python's own.
static int other(fetch *f, PyObject *value, uint32_t asked, int deep, theus_value *out) {
  bool shown = seen(f->st, value) != 0;
  kind k = shown ? seen(f->st, value) : kind_of(f->st, value);
  if (k == KIND_ERROR)
    return raised(f, out);
  if (k == KIND_LIST || k == KIND_DICT || k == KIND_TUPLE || k == KIND_DEQUE)
    return container_of(f, value, k, asked, deep, out);
  uint32_t checked = asked & (THEUS_NEED_PLACE | THEUS_NEED_CONTENTS);
  if (checked && (k == KIND_SET || k == KIND_FROZENSET))
    return container_of(f, value, k, asked, deep, out);
  if (k == KIND_PLAIN) {
    int number = number_of(f, value, out);
    if (number != 0)
      return number < 0 ? raised(f, out) : type_of(f, Py_TYPE(value), out);
  } else if (!shown && is_array(f->st, value)) {
    return array_of(f, value, asked, out) < 0 ? raised(f, out) : 0;
  }
  *out = (theus_value){.kind = THEUS_VALUE_OBJECT};
  if (checked) {
    int formed = form_of(f, value, k, out);
    if (formed <= 0)
      return formed;
  }
  if (type_of(f, class_of(f->st, value), out) < 0)
    return -1;
  if (!(asked & THEUS_NEED_LEN))
    return 0;
  out->length = PyObject_Size(value);
  if (out->length >= 0)
    out->flags = THEUS_HAS_LENGTH;
  else if (PyErr_ExceptionMatches(PyExc_TypeError))
    PyErr_Clear(); // it has no length
  else
    return raised(f, out);
  return 0;
}

int fetch_object(fetch *f, PyObject *value, uint32_t asked, int deep, theus_value *out) {
  if (value == Py_None) {
    out->kind = THEUS_VALUE_NULL;
  } else if (PyBool_Check(value)) {
    out->kind = THEUS_VALUE_BOOL;
    out->number = value == Py_True;
  } else if (PyFloat_Check(value)) {
    out->kind = THEUS_VALUE_FLOAT;
    out->real = PyFloat_AS_DOUBLE(value);
  } else if (PyLong_Check(value)) {
    int overflow;
    out->kind = THEUS_VALUE_INT;
    out->number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) { // int's own printing, whatever a subclass does
      out->kind = THEUS_VALUE_EXACT;
      if (text_of(f, PyLong_Type.tp_repr(value), &out->text, NULL) < 0)
        return raised(f, out);
    }
  } else if (PyUnicode_Check(value)) {
    out->kind = THEUS_VALUE_STRING;
    if (text_of(f, Py_NewRef(value), &out->text, out) < 0)
      return raised(f, out);
  } else if (PyBytes_Check(value)) {
    out->kind = THEUS_VALUE_BYTES;
    out->text = (theus_str){PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)};
    if (hold(f, Py_NewRef(value)) < 0)
      return -1;
  } else {
    return other(f, value, asked, deep, out);
  }
  return kind_is_plain_exact(value) ? 0 : type_of(f, Py_TYPE(value), out);
}

// ---- steps ------------------------------------------------------------------------------------

static bool is_missing(void) {
  return PyErr_ExceptionMatches(PyExc_LookupError) || PyErr_ExceptionMatches(PyExc_TypeError);
}

// 1, *to new; 0: there is none; -1.
static int item(PyObject *from, PyObject *key, PyObject **to) {
  PyMappingMethods *mapping = Py_TYPE(from)->tp_as_mapping;
  PySequenceMethods *sequence = Py_TYPE(from)->tp_as_sequence; // a deque has no other way
  if (PyType_Check(from) || ((mapping == NULL || mapping->mp_subscript == NULL) &&
                             (sequence == NULL || sequence->sq_item == NULL)))
    return 0;
  *to = PyObject_GetItem(from, key);
  if (*to != NULL)
    return 1;
  if (!is_missing())
    return -1;
  PyErr_Clear();
  return 0;
}

static int attribute(state *st, PyObject *from, PyObject *name, PyObject **to) {
  if (seen(st, from) == KIND_OBJECT && PyUnicode_READ_CHAR(name, 0) == '_') {
    PyObject *self = object_self((view *)from);
    *to = self == NULL ? NULL : PyObject_GetAttr(self, name);
    Py_XDECREF(self);
  } else {
    *to = PyObject_GetAttr(from, name);
  }
  if (*to != NULL)
    return 1;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError))
    return -1;
  PyErr_Clear();
  return 0;
}

// New: a field that holds a number or text, without the detour through a view's guard, which has
// nothing to refuse here. NULL without an exception: it is something else.
static PyObject *scalar(state *st, PyObject *from, PyObject *name) {
  view *v = (view *)from;
  PyObject *value = NULL;
  if (Py_TYPE(from) != st->object_view || v->node == NULL || PyUnicode_READ_CHAR(name, 0) == '_')
    return NULL;
  PyObject *target = v->node->target, *found = _PyType_Lookup(Py_TYPE(target), name); // borrowed
  if (found != NULL && (Py_TYPE(found)->tp_descr_get != NULL || Py_TYPE(found)->tp_descr_set != NULL))
    return NULL; // a property or slot
  if (core_read(v->scope->core, v->node, key_of_name(name)) < 0 || v->node == NULL) {
    PyErr_Clear(); // the slow way meets it again
    return NULL;
  }
  int pending = v->node->pending == NULL ? 0 : fields_get(v->scope->core, v->node, name, &value);
  if (pending == 0) {
    Py_INCREF(target);
    value = PyObject_GenericGetAttr(target, name);
    Py_DECREF(target);
  }
  if (value != NULL && kind_is_plain_exact(value))
    return value;
  Py_XDECREF(value);
  PyErr_Clear(); // the slow way meets it again
  return NULL;
}

// Goes one step on from *at, which it replaces. 1, 0: there is nothing, -1.
static int advance(fetch *f, const field_step *s, PyObject **at) {
  bool name = s->kind == THEUS_NAME || s->kind == THEUS_ATTR;
  PyObject *next = name && !s->call ? scalar(f->st, *at, s->key) : NULL;
  int found = 0;
  if (next != NULL) {
    Py_SETREF(*at, next);
    return 1;
  }
  // A key of a dict is meant before a method of its class; a check is exact.
  bool dict = seen(f->st, *at) == KIND_DICT || PyDict_Check(*at);
  if (s->kind != THEUS_ATTR && (s->kind != THEUS_NAME || (dict && !s->call)))
    found = item(*at, s->key, &next);
  if (found == 0 && name) {
    found = attribute(f->st, *at, s->key, &next);
    if (found == 0 && !dict && s->kind == THEUS_NAME)
      found = item(*at, s->key, &next);
  }
  if (found > 0 && s->call) {
    Py_SETREF(next, PyObject_CallNoArgs(next));
    found = next == NULL ? -1 : 1;
  }
  if (found > 0)
    Py_SETREF(*at, next);
  return found;
}

// ---- wildcards --------------------------------------------------------------------------------

typedef struct {
  theus_value *values;
  size_t n, cap;
} many;

static theus_value *push(many *m) {
  if (m->n == m->cap) {
    size_t cap = m->cap == 0 ? 16 : m->cap * 2;
    theus_value *values = PyMem_Realloc(m->values, cap * sizeof(theus_value));
    if (values == NULL)
      return (theus_value *)PyErr_NoMemory();
    m->values = values;
    m->cap = cap;
  }
  m->values[m->n] = (theus_value){0};
  return &m->values[m->n++];
}

PyObject *fetch_longer(PyObject *path, uint32_t kind, PyObject *key, bool call) {
  PyObject *text = NULL;
  if (path == NULL)
    return NULL;
  bool word = PyUnicode_Check(key) && PyUnicode_IsIdentifier(key);
  if (kind == THEUS_NAME && word)
    text = PyUnicode_FromFormat(PyUnicode_GET_LENGTH(path) ? "%U.%U%s" : "%U%U%s", path, key,
                                call ? "()" : "");
  else if (PyUnicode_Check(key) && PyUnicode_FindChar(key, '"', 0, PyUnicode_GET_LENGTH(key), 1) < 0)
    text = PyUnicode_FromFormat("%U[\"%U\"]", path, key);
  else
    text = PyUnicode_FromFormat("%U[%R]", path, key);
  Py_DECREF(path);
  return text;
}

// New list of pairs (key, value): all that a wildcard stands for at a place.
static PyObject *everything(fetch *f, PyObject *at) {
  kind k = seen(f->st, at);
  PyObject *source = NULL, *pairs = NULL;
  if (k == KIND_OBJECT) {
    source = fields_mapping((view *)at);
    pairs = source == NULL ? NULL : PyMapping_Items(source);
  } else if (k == KIND_DICT || PyDict_Check(at)) {
    pairs = PyMapping_Items(at);
  } else if ((source = PySequence_List(at)) != NULL) {
    pairs = PyList_New(0);
    for (Py_ssize_t i = 0; pairs != NULL && i < PyList_GET_SIZE(source); i++) {
      PyObject *pair = Py_BuildValue("nO", i, PyList_GET_ITEM(source, i));
      if (pair == NULL || PyList_Append(pairs, pair) < 0)
        Py_CLEAR(pairs);
      Py_XDECREF(pair);
    }
  }
  Py_XDECREF(source);
  return pairs;
}

static int collect(fetch *f, const need *n, size_t i, PyObject *at, PyObject *path, many *to);

static int spread(fetch *f, const need *n, size_t i, PyObject *at, PyObject *path, many *to) {
  PyObject *pairs = everything(f, at);
  int failed = 0;
  if (pairs == NULL) {
    theus_value *v = push(to);
    PyObject *shown = PyUnicode_FromFormat("%U.*", path);
    return v == NULL || raised(f, v) < 0 || text_of(f, shown, &v->path, NULL) < 0 ? -1 : 0;
  }
  for (Py_ssize_t k = 0; !failed && k < PyList_GET_SIZE(pairs); k++) {
    PyObject *pair = PyList_GET_ITEM(pairs, k), *key = PyTuple_GET_ITEM(pair, 0);
    PyObject *below = fetch_longer(Py_NewRef(path), THEUS_NAME, key, false);
    failed = below == NULL || Py_EnterRecursiveCall(" while reading what a rule looks at") ? -1 : 0;
    if (!failed) {
      failed = collect(f, n, i + 1, PyTuple_GET_ITEM(pair, 1), below, to);
      Py_LeaveRecursiveCall();
    }
    Py_XDECREF(below);
  }
  Py_DECREF(pairs);
  return failed;
}

static int collect(fetch *f, const need *n, size_t i, PyObject *at, PyObject *path, many *to) {
  int found = 1, failed = 0;
  Py_INCREF(at);
  Py_INCREF(path);
  for (; found > 0 && i < n->n_steps; i++) {
    const field_step *s = &n->steps[i];
    if (s->kind == THEUS_ANY) {
      failed = spread(f, n, i, at, path, to);
      goto done;
    }
    path = fetch_longer(path, s->kind, s->key, s->call);
    found = path == NULL ? -1 : advance(f, s, &at);
  }
  PyObject *error = found < 0 ? errors_take() : NULL;
  for (; found == 0 && i < n->n_steps; i++) // the whole field is missing
    path = n->steps[i].kind == THEUS_ANY
               ? fetch_longer(path, THEUS_NAME, f->st->s_any, false)
               : fetch_longer(path, n->steps[i].kind, n->steps[i].key, n->steps[i].call);
  theus_value *v = path == NULL ? NULL : push(to);
  size_t where = to->n - 1;
  if (error != NULL)
    errors_put(error);
  failed = v == NULL ? -1 : found < 0 ? raised(f, v) : 0;
  theus_value told = {0};
  if (!failed && found > 0 && (failed = fetch_object(f, at, n->ask, 0, &told)) == 0)
    to->values[where] = told;
  if (!failed)
    failed = text_of(f, Py_NewRef(path), &to->values[where].path, NULL);
done:
  Py_XDECREF(path);
  Py_DECREF(at);
  return failed;
}

static int each(fetch *f, const need *n, PyObject *root, theus_value *out) {
  many found = {0};
  PyObject *path = PyUnicode_FromString("");
  int failed = path == NULL ? -1 : collect(f, n, 0, root, path, &found);
  Py_XDECREF(path);
  out->kind = THEUS_VALUE_EACH;
  if (!failed && found.n > 0) {
    theus_value *items = room(f, (Py_ssize_t)found.n);
    failed = items == NULL ? -1 : 0;
    if (!failed)
      memcpy(items, found.values, found.n * sizeof(theus_value));
    out->items = items;
    out->n_items = found.n;
  }
  PyMem_Free(found.values);
  return failed;
}

// Whether something is in what stands at a place.
static int has(fetch *f, PyObject *at, PyObject *wanted, theus_value *out) {
  int found = PySequence_Contains(at, wanted);
  if (found < 0)
    return raised(f, out);
  *out = (theus_value){.kind = THEUS_VALUE_BOOL, .number = found};
  return 0;
}

int fetch_need(fetch *f, const need *n, PyObject *root, theus_value *out) {
  if (n->wild)
    return each(f, n, root, out);
  size_t i = 0;
  int found = 1;
  PyObject *at;
  if (n->n_steps > 1 && n->steps[0].key == f->layer_name) {
    at = Py_NewRef(f->layer);
    i = 1;
  } else {
    at = Py_NewRef(root);
  }
  for (; found > 0 && i < n->n_steps; i++) {
    found = advance(f, &n->steps[i], &at);
    if (found > 0 && i == 0 && n->n_steps > 1) {
      Py_XSETREF(f->layer, Py_NewRef(at));
      f->layer_name = n->steps[0].key;
    }
  }
  int failed = found < 0 ? raised(f, out) : 0;
  if (found > 0)
    failed = n->wanted != NULL ? has(f, at, n->wanted, out) : fetch_object(f, at, n->ask, 0, out);
  Py_DECREF(at);
  return failed;
}
