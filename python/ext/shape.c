// shape.c: the kernel's answers, cached per contract x path, as a CPU caches a page table.
//
// A shape is asked for once; later reads find it by the address of the interned attribute name.
// Below a declared path the kernel gives every item one common shape, so a container of a million
// keys needs one. No answer ever changes, so nothing is invalidated.
#include "ext.h"

// Beyond this many names below one shape, answers are fetched instead of kept.
#define MAX_NAMES 4096

shape *shape_intern(engine *e, const theus_shape *answer) {
  if (answer->id >= e->n_shapes) {
    uint32_t n = answer->id + 64;
    shape **grown = PyMem_Realloc(e->shapes, n * sizeof(shape *));
    if (grown == NULL)
      return (shape *)PyErr_NoMemory();
    memset(grown + e->n_shapes, 0, (n - e->n_shapes) * sizeof(shape *));
    e->shapes = grown;
    e->n_shapes = n;
  }
  shape *s = e->shapes[answer->id];
  if (s == NULL) {
    s = PyMem_Calloc(1, sizeof(shape));
    if (s == NULL)
      return (shape *)PyErr_NoMemory();
    s->id = answer->id;
    s->bits = answer->bits;
    s->zone = answer->zone;
    s->layer = answer->layer;
    s->flags = answer->flags;
    e->shapes[answer->id] = s;
  }
  return s;
}

static shape *ask(engine *e, shape *s, const theus_segment *segment) {
  theus_error err = {0};
  theus_shape answer;
  if (engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->shape_child(e->handle, s->id, segment, &answer, &err);
  if (status != THEUS_OK)
    return engine_raise(e, status, &err);
  return shape_intern(e, &answer);
}

static void slot_put(PyObject **names, shape **kids, uint32_t mask, PyObject *name, shape *kid) {
  uint32_t i = (uint32_t)((uintptr_t)name >> 4) & mask;
  while (names[i] != NULL)
    i = (i + 1) & mask;
  names[i] = name;
  kids[i] = kid;
}

static int remember(shape *s, PyObject *name, shape *kid) {
  if (s->used >= MAX_NAMES)
    return 0;
  if (s->names == NULL || (s->used + 1) * 2 > s->mask + 1) {
    uint32_t size = s->names == NULL ? 8 : (s->mask + 1) * 2;
    PyObject **names = PyMem_Calloc(size, sizeof(PyObject *));
    shape **kids = PyMem_Calloc(size, sizeof(shape *));
    if (names == NULL || kids == NULL) {
      PyMem_Free(names);
      PyMem_Free(kids);
      PyErr_NoMemory();
      return -1;
    }
    for (uint32_t i = 0; s->names != NULL && i <= s->mask; i++)
      if (s->names[i] != NULL)
        slot_put(names, kids, size - 1, s->names[i], s->kids[i]);
    PyMem_Free(s->names);
    PyMem_Free(s->kids);
    s->names = names;
    s->kids = kids;
    s->mask = size - 1;
  }
  slot_put(s->names, s->kids, s->mask, Py_NewRef(name), kid);
  s->used++;
  return 0;
}

static shape *find(shape *s, PyObject *name) {
  if (s->names == NULL)
    return NULL;
  uint32_t i = (uint32_t)((uintptr_t)name >> 4) & s->mask;
  for (; s->names[i] != NULL; i = (i + 1) & s->mask)
    if (s->names[i] == name)
      return s->kids[i];
  return NULL;
}

static int text_segment(theus_segment *segment, uint32_t kind, PyObject *text) {
  Py_ssize_t length;
  const char *data = PyUnicode_AsUTF8AndSize(text, &length);
  if (data == NULL) // lone surrogates: no contract can name them
    return -1;
  *segment = (theus_segment){.kind = kind, .text = {data, (size_t)length}};
  return 0;
}

shape *shape_attr(engine *e, shape *s, PyObject *name) {
  shape *kid = find(s, name);
  if (kid != NULL)
    return kid;
  if (!PyUnicode_Check(name)) { // slots get any object
    PyErr_Format(PyExc_TypeError, "attribute name must be string, not '%s'", Py_TYPE(name)->tp_name);
    return NULL;
  }
  PyObject *interned = Py_NewRef(name);
  PyUnicode_InternInPlace(&interned);
  bool twin = interned != name;
  kid = twin ? find(s, interned) : NULL;
  if (kid == NULL) {
    theus_segment segment;
    if (text_segment(&segment, THEUS_ATTR, interned) == 0)
      kid = ask(e, s, &segment);
    if (kid != NULL && remember(s, interned, kid) < 0)
      kid = NULL;
  }
  Py_DECREF(interned); // the shape's table or the caller's string keeps the text alive
  return kid;
}

// Whether a key could leave the DATA zone: the prefixes are the kernel's (theus_describe).
static bool zone_prefixed(const char *prefixes, const char *text, size_t length) {
  for (const char *p = prefixes; *p != '\0';) {
    size_t n = strcspn(p, " ");
    if (n <= length && memcmp(p, text, n) == 0)
      return true;
    p += n + (p[n] == ' ');
  }
  return false;
}

static shape *items(engine *e, shape *s) {
  if (s->items == NULL) {
    theus_error err = {0};
    theus_shape answer;
    if (engine_usable(e) < 0)
      return NULL;
    theus_status status = e->api->shape_items(e->handle, s->id, &answer, &err);
    if (status != THEUS_OK)
      return engine_raise(e, status, &err);
    s->items = shape_intern(e, &answer);
  }
  return s->items;
}

// A shape for a key that has to be asked for by name. Text and int keys are remembered.
static shape *ask_key(engine *e, shape *s, PyObject *key) {
  bool kept = PyUnicode_CheckExact(key) || PyLong_CheckExact(key);
  if (kept && s->keys != NULL) {
    PyObject *id = PyDict_GetItemWithError(s->keys, key);
    if (id != NULL)
      return e->shapes[PyLong_AsUnsignedLong(id)];
    if (PyErr_Occurred())
      return NULL;
  }
  theus_segment segment = {.kind = THEUS_OTHER};
  if (PyUnicode_Check(key)) {
    if (text_segment(&segment, THEUS_TEXT, key) < 0) {
      PyErr_Clear();
      segment = (theus_segment){.kind = THEUS_OTHER};
    }
  } else if (PyLong_Check(key)) {
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(key, &overflow);
    if (overflow == 0)
      segment = (theus_segment){.kind = THEUS_INT, .number = number};
  }
  shape *kid = ask(e, s, &segment);
  if (kid == NULL || !kept)
    return kid;
  if (s->keys == NULL && (s->keys = PyDict_New()) == NULL)
    return NULL;
  if (PyDict_GET_SIZE(s->keys) < MAX_NAMES) {
    PyObject *id = PyLong_FromUnsignedLong(kid->id);
    if (id == NULL || PyDict_SetItem(s->keys, key, id) < 0) {
      Py_XDECREF(id);
      return NULL;
    }
    Py_DECREF(id);
  }
  return kid;
}

shape *shape_item(engine *e, shape *s, PyObject *key) {
  if (s->flags & THEUS_ITEMS_VARY)
    return ask_key(e, s, key);
  if (s->zone == THEUS_DATA && PyUnicode_Check(key)) {
    Py_ssize_t length;
    const char *data = PyUnicode_AsUTF8AndSize(key, &length);
    if (data == NULL)
      PyErr_Clear(); // lone surrogates carry no prefix
    else if (zone_prefixed(e->zone_prefixes, data, (size_t)length))
      return ask_key(e, s, key);
  }
  return items(e, s);
}

shape *shape_index(engine *e, shape *s, Py_ssize_t index) {
  if (!(s->flags & THEUS_ITEMS_VARY))
    return items(e, s);
  PyObject *key = PyLong_FromSsize_t(index);
  if (key == NULL)
    return NULL;
  shape *kid = ask_key(e, s, key);
  Py_DECREF(key);
  return kid;
}

void shape_free(shape *s) {
  if (s == NULL)
    return;
  for (uint32_t i = 0; s->names != NULL && i <= s->mask; i++)
    Py_XDECREF(s->names[i]);
  PyMem_Free(s->names);
  PyMem_Free(s->kids);
  Py_XDECREF(s->keys);
  PyMem_Free(s);
}
