// audit.c: carries out an audit. The kernel says which fields a gate looks at, this file fetches
// them, the kernel judges. What rules look at is cached per process, until another recipe is put
// in force.
//
// Calls that run Python code: fetching, the loggers of audit_tell, the check of audit_first.
#include "ext.h"


#define FEW 16
#define MAX_STALE 8 // recipes that may be put in force while one gate is asked

struct plan {
  unsigned owners; // the process, and each gate that is being asked
  uint64_t generation;
  shape *root; // borrowed from the engine
  size_t n;
  need needs[];
};

static void needs_drop(need *needs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    Py_XDECREF(needs[i].argument);
    Py_XDECREF(needs[i].wanted);
    for (size_t k = 0; k < needs[i].n_steps; k++)
      Py_XDECREF(needs[i].steps[k].key);
    PyMem_Free(needs[i].steps);
  }
}

static void plan_drop(plan *p) {
  if (p == NULL || --p->owners > 0)
    return;
  needs_drop(p->needs, p->n);
  PyMem_Free(p);
}

void audit_forget(process *p) {
  for (size_t gate = 0; gate < Py_ARRAY_LENGTH(p->plans); gate++) {
    plan *old = p->plans[gate];
    p->plans[gate] = NULL;
    plan_drop(old);
  }
}

// ---- plans --------------------------------------------------------------------------------------

// New: interned, as attribute names are.
static PyObject *name_of(theus_str text) {
  PyObject *name = PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "strict");
  if (name != NULL)
    PyUnicode_InternInPlace(&name);
  return name;
}

// New: what a check looks for in a container.
static PyObject *object_of(const theus_value *v) {
  switch (v->kind) {
  case THEUS_VALUE_BOOL:
    return PyBool_FromLong((long)v->number);
  case THEUS_VALUE_INT:
    return PyLong_FromLongLong(v->number);
  case THEUS_VALUE_FLOAT:
    return PyFloat_FromDouble(v->real);
  case THEUS_VALUE_STRING:
    return PyUnicode_DecodeUTF8(v->text.data, (Py_ssize_t)v->text.len, "surrogatepass");
  case THEUS_VALUE_BYTES:
    return PyBytes_FromStringAndSize(v->text.data, (Py_ssize_t)v->text.len);
  case THEUS_VALUE_EXACT: {
    PyObject *digits = PyUnicode_DecodeUTF8(v->text.data, (Py_ssize_t)v->text.len, "strict");
    PyObject *whole = digits == NULL ? NULL : PyLong_FromUnicodeObject(digits, 10);
    Py_XDECREF(digits);
    return whole;
  }
  case THEUS_VALUE_LIST: {
    PyObject *tuple = PyTuple_New((Py_ssize_t)v->n_items);
    for (size_t i = 0; tuple != NULL && i < v->n_items; i++) {
      PyObject *item = object_of(&v->items[i]);
      if (item == NULL)
        Py_CLEAR(tuple);
      else
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, item);
    }
    return tuple;
  }
  default:
    return Py_NewRef(Py_None);
  }
}

static int copy_need(need *to, const theus_need *from) {
  to->steps = PyMem_Calloc(from->n_steps, sizeof(field_step));
  if (to->steps == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  to->n_steps = from->n_steps;
  to->ask = from->ask;
  if (from->key != NULL && (to->wanted = object_of(from->key)) == NULL)
    return -1;
  if (from->argument.len > 0 && (to->argument = name_of(from->argument)) == NULL)
    return -1;
  for (size_t i = 0; i < from->n_steps; i++) {
    const theus_segment *segment = &from->steps[i].segment;
    to->steps[i].kind = segment->kind;
    to->steps[i].call = from->steps[i].call != 0;
    if (segment->kind == THEUS_ANY)
      to->wild = true;
    else if ((to->steps[i].key = segment->kind == THEUS_INT ? PyLong_FromLongLong(segment->number)
                                                            : name_of(segment->text)) == NULL)
      return -1;
  }
  return 0;
}

// Asks the kernel for the plan of a gate. *out is new, NULL where there are no rules. 0, -1.
static int plan_fetch(engine *e, process *p, uint32_t gate, plan **out) {
  theus_plan answer = {0};
  theus_error err = {0};
  *out = NULL;
  if (engine_usable(e) < 0)
    return -1;
  theus_status status = e->api->audit_plan(e->handle, p->id, gate, &answer, &err);
  if (status != THEUS_OK) {
    engine_raise(e, status, &err);
    return -1;
  }
  if (answer.n_needs == 0)
    return 0;
  plan *made = PyMem_Calloc(1, sizeof(plan) + answer.n_needs * sizeof(need));
  if (made == NULL) {
    PyErr_NoMemory();
    goto error;
  }
  made->owners = 1;
  made->generation = answer.generation;
  made->n = answer.n_needs;
  made->root = shape_intern(e, &answer.root);
  int failed = made->root == NULL ? -1 : 0;
  for (size_t i = 0; !failed && i < answer.n_needs; i++)
    failed = copy_need(&made->needs[i], &answer.needs[i]);
  if (failed)
    goto error;
  e->api->audit_release(&answer.storage);
  *out = made;
  return 0;
error:
  e->api->audit_release(&answer.storage);
  plan_drop(made);
  return -1;
}

static int refresh(engine *e, process *p) {
  plan *input, *output;
  uint64_t rules = e->rules;
  if (plan_fetch(e, p, THEUS_GATE_INPUT, &input) < 0)
    return -1;
  if (plan_fetch(e, p, THEUS_GATE_OUTPUT, &output) < 0) {
    plan_drop(input);
    return -1;
  }
  audit_forget(p);
  p->plans[THEUS_GATE_INPUT] = input;
  p->plans[THEUS_GATE_OUTPUT] = output;
  p->rules = rules;
  return 0;
}

// ---- arguments ----------------------------------------------------------------------------------

static int parameters(process *p) {
  if (p->defaults != NULL)
    return 0;
  PyObject *module = PyImport_ImportModule("theus._audit"), *defaults, *required;
  PyObject *answer =
      module == NULL ? NULL : PyObject_CallMethod(module, "parameters", "O", p->func);
  int open, failed = answer == NULL || !PyArg_ParseTuple(answer, "O!O!p", &PyDict_Type, &defaults,
                                                         &PyTuple_Type, &required, &open)
                         ? -1
                         : 0;
  if (!failed && p->defaults == NULL) { // or another thread was first
    p->required = Py_NewRef(required);
    p->open = open;
    p->defaults = Py_NewRef(defaults);
  }
  Py_XDECREF(answer);
  Py_XDECREF(module);
  return failed;
}

// Borrowed: the value that was passed under a name, or NULL.
static PyObject *passed(PyObject *name, PyObject *const *args, PyObject *kwnames) {
  Py_ssize_t n = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject *given = PyTuple_GET_ITEM(kwnames, i);
    if (given == name || PyUnicode_Compare(given, name) == 0)
      return args[i];
  }
  return NULL;
}

// Whether the function takes what it is called with. 1; 0: calling it raises the usual TypeError;
// -1 with a TypeError of our own, where that is not certain.
static int fits(process *p, PyObject *const *args, PyObject *kwnames) {
  if (parameters(p) < 0)
    return -1;
  bool fine = true;
  for (Py_ssize_t i = 0; fine && i < PyTuple_GET_SIZE(p->required); i++)
    fine = passed(PyTuple_GET_ITEM(p->required, i), args, kwnames) != NULL;
  Py_ssize_t n = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
  for (Py_ssize_t i = 0; fine && !p->open && i < n; i++) {
    PyObject *name = PyTuple_GET_ITEM(kwnames, i);
    int known = PyDict_Contains(p->defaults, name);
    if (known == 0)
      known = PySequence_Contains(p->required, name);
    if (known < 0)
      return -1;
    fine = known;
  }
  if (fine || PyFunction_Check(p->func))
    return fine;
  PyErr_Format(PyExc_TypeError, "process '%U' does not take the arguments it was called with", p->name);
  return -1;
}

// ---- gates --------------------------------------------------------------------------------------

// Fetches what is needed, of n fields.
static int fill(scope *s, shape *above, const need *needs, size_t n, PyObject *const *args,
                PyObject *kwnames, fetch *f, theus_value *values) {
  node *at = core_node(s->core, s->engine->ctx, KIND_OBJECT);
  PyObject *root = at == NULL ? NULL : view_new(s, at, above, NULL, NULL, 0, 0, false);
  int failed = root == NULL ? -1 : 0;
  for (size_t i = 0; !failed && i < n; i++) {
    const need *field = &needs[i];
    PyObject *value = NULL;
    if (field->argument != NULL && (value = passed(field->argument, args, kwnames)) == NULL) {
      value = PyDict_GetItemWithError(s->proc->defaults, field->argument);
      failed = value == NULL && PyErr_Occurred() ? -1 : 0;
    }
    if (failed)
      break;
    Py_XINCREF(value);
    failed = value != NULL ? fetch_object(f, value, field->ask, 0, &values[i])
                           : fetch_need(f, field, root, &values[i]);
    Py_XDECREF(value);
  }
  Py_XDECREF(root);
  return failed;
}

// What is handed in at a gate: first the values of its plan, then what checks asked for.
typedef struct {
  theus_value few[FEW], *values;
  size_t n;
} said;

// Makes room for more values, zeroed. 0, or -1.
static int said_grow(said *v, size_t more) {
  if (v->n + more > FEW) {
    theus_value *old = v->values == v->few ? NULL : v->values;
    theus_value *values = PyMem_Realloc(old, (v->n + more) * sizeof(theus_value));
    if (values == NULL) {
      PyErr_NoMemory();
      return -1;
    }
    if (old == NULL)
      memcpy(values, v->few, v->n * sizeof(theus_value));
    v->values = values;
  }
  memset(v->values + v->n, 0, more * sizeof(theus_value));
  v->n += more;
  return 0;
}

static theus_status judge(scope *s, uint32_t gate, plan *p, const said *v, bool large,
                          theus_judgement *answer, theus_error *err) {
  engine *e = s->engine;
  if (!large)
    return e->api->audit_judge(e->handle, s->proc->id, s->handle, gate, p->generation, clock_wall(),
                               v->values, v->n, answer, err);
  theus_process process = s->proc->id;
  theus_tx tx = s->handle;
  theus_status status;
  Py_BEGIN_ALLOW_THREADS
  status = e->api->audit_judge(e->handle, process, tx, gate, p->generation, clock_wall(), v->values, v->n,
                               answer, err);
  Py_END_ALLOW_THREADS
  return status;
}

// Fetches what checks lack. 0, or -1.
static int more(scope *s, plan *p, theus_judgement *answer, fetch *f, said *v) {
  size_t n = answer->n_needs, from = v->n;
  need *needs = PyMem_Calloc(n, sizeof(need));
  int failed = needs == NULL ? -1 : said_grow(v, n);
  if (needs == NULL)
    PyErr_NoMemory();
  for (size_t i = 0; !failed && i < n; i++)
    failed = copy_need(&needs[i], &answer->needs[i]);
  s->engine->api->audit_release(&answer->storage);
  if (!failed)
    failed = fill(s, p->root, needs, n, NULL, NULL, f, v->values + from);
  fetch_forget(f);
  if (needs != NULL)
    needs_drop(needs, n);
  PyMem_Free(needs);
  return failed;
}

// Fetches and judges once. 1: the rules were replaced meanwhile, 0: passed, -1.
static int ask(scope *s, uint32_t gate, plan *p, PyObject *const *args, PyObject *kwnames) {
  engine *e = s->engine;
  said v; // its few values are zeroed as they are needed
  v.n = 0;
  v.values = v.few;
  fetch f = {.st = e->st};
  theus_judgement answer = {0};
  theus_error err = {0};
  theus_status status = THEUS_OK;
  int failed = said_grow(&v, p->n);
  if (!failed)
    failed = fill(s, p->root, p->needs, p->n, args, kwnames, &f, v.values);
  while (!failed) {
    answer = (theus_judgement){.run = s->judged};
    if ((failed = engine_usable(e)) < 0)
      break;
    status = judge(s, gate, p, &v, f.large, &answer, &err);
    if (status != THEUS_OK || answer.n_needs == 0)
      break;
    failed = more(s, p, &answer, &f, &v);
  }
  PyObject *error = failed ? errors_take() : NULL;
  fetch_free(&f);
  if (v.values != v.few)
    PyMem_Free(v.values);
  if (error != NULL)
    errors_put(error);
  if (failed)
    return -1;
  if (status != THEUS_OK) {
    e->unheard = true;
    engine_raise(e, status, &err);
    return -1;
  }
  s->judged = answer.run;
  e->unheard |= answer.events > 0;
  return answer.stale != 0;
}

void audit_over(engine *e, uint64_t judged) {
  theus_error err = {0};
  if (judged == 0 || e->closed || e->generation != loader_generation())
    return; // the kernel has forgotten it already, or is not ours
  (void)e->api->audit_forget(e->handle, judged, &err); // poisoned: then nothing counts any more
  e->api->error_release(&err);
}

int audit_gate(scope *s, uint32_t gate, PyObject *const *args, PyObject *kwnames) {
  engine *e = s->engine;
  process *p = s->proc;
  bool ending = s->ending;
  int result = 1;
  s->ending = true; // nothing may begin inside while rules look
  for (int tries = 0; result > 0 && tries < MAX_STALE; tries++) {
    if (p->rules != e->rules && refresh(e, p) < 0) {
      result = -1;
      break;
    }
    plan *asked = p->plans[gate];
    if (asked == NULL) {
      result = 0;
      break;
    }
    if (gate == THEUS_GATE_INPUT && (result = fits(p, args, kwnames)) <= 0)
      break;
    asked->owners++;
    result = ask(s, gate, asked, args, kwnames);
    plan_drop(asked);
  }
  s->ending = ending;
  if (result > 0) {
    PyObject *type = errors_class(e->st, "TransactionConflictError");
    if (type != NULL)
      PyErr_Format(type, "the rules of process '%U' were replaced again and again while they were asked",
                   p->name);
    Py_XDECREF(type);
    result = -1;
  }
  return result;
}

// ---- telling ------------------------------------------------------------------------------------

// Calls a method of theus._engine whose failure must not be that of a run.
static void notify(engine *e, const char *method) {
  PyObject *error = errors_take();
  PyObject *result = PyObject_CallMethod((PyObject *)e, method, NULL);
  if (result == NULL)
    PyErr_WriteUnraisable((PyObject *)e);
  Py_XDECREF(result);
  if (error != NULL)
    errors_put(error);
}

void audit_tell(engine *e) {
  e->unheard = false;
  notify(e, "_tell_audit");
}

void audit_first(engine *e) {
  e->fresh = false;
  notify(e, "_check_recipe");
}

// ---- the engine's methods -----------------------------------------------------------------------

static int recipe_of(PyObject *args, theus_recipe *out) {
  const char *name, *text;
  Py_ssize_t n_name, n_text;
  int built;
  if (!PyArg_ParseTuple(args, "s#s#p", &name, &n_name, &text, &n_text, &built))
    return -1;
  *out = (theus_recipe){{name, (size_t)n_name}, {text, (size_t)n_text}, (uint32_t)built, 0};
  return 0;
}

PyObject *audit_load(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  theus_recipe recipe;
  theus_error err = {0};
  if (recipe_of(args, &recipe) < 0 || engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->audit_load(e->handle, &recipe, &err);
  if (status != THEUS_OK)
    return engine_raise(e, status, &err);
  e->rules++;
  e->leases++;
  e->fresh = true;
  Py_RETURN_NONE;
}

PyObject *audit_describe(PyObject *module, PyObject *args) {
  state *st = (state *)PyModule_GetState(module);
  const theus_api *api = loader_api(st);
  theus_recipe recipe;
  theus_error err = {0};
  theus_str text = {0};
  theus_storage storage = NULL;
  if (api == NULL || recipe_of(args, &recipe) < 0)
    return NULL;
  theus_status status = api->audit_describe(&recipe, &text, &storage, &err);
  if (status != THEUS_OK)
    return errors_raise(st, status, &err);
  PyObject *json = PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace");
  api->audit_release(&storage);
  return json;
}

PyObject *audit_reset(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  uint32_t stopped = 0;
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->audit_reset(e->handle, &stopped, &err);
  return status == THEUS_OK ? PyBool_FromLong((long)stopped) : engine_raise(e, status, &err);
}

PyObject *audit_stopped(PyObject *op, PyObject *unused) {
  (void)unused;
  engine *e = (engine *)op;
  uint32_t stopped = 0;
  theus_error err = {0};
  if (engine_usable(e) < 0)
    return NULL;
  theus_status status = e->api->audit_stopped(e->handle, &stopped, &err);
  return status == THEUS_OK ? PyBool_FromLong((long)stopped) : engine_raise(e, status, &err);
}

static PyObject *event_of(const theus_audit_event *v) {
  const theus_str *t[] = {&v->process, &v->field, &v->path, &v->condition,
                          &v->limit,   &v->value, &v->text, &v->place};
  PyObject *event = PyTuple_New(6 + (Py_ssize_t)Py_ARRAY_LENGTH(t));
  if (event == NULL)
    return NULL;
  const unsigned long long numbers[] = {v->serial, 0, v->gate, v->level, v->outcome, v->count};
  for (size_t i = 0; i < Py_ARRAY_LENGTH(numbers); i++)
    PyTuple_SET_ITEM(event, (Py_ssize_t)i, i == 1 ? PyLong_FromLongLong(v->stamp)
                                                  : PyLong_FromUnsignedLongLong(numbers[i]));
  for (size_t i = 0; i < Py_ARRAY_LENGTH(t); i++)
    PyTuple_SET_ITEM(event, (Py_ssize_t)(6 + i),
                     PyUnicode_DecodeUTF8(t[i]->len == 0 ? "" : t[i]->data,
                                          (Py_ssize_t)t[i]->len, "replace"));
  if (PyErr_Occurred())
    Py_CLEAR(event);
  return event;
}

PyObject *audit_log(PyObject *op, PyObject *args) {
  engine *e = (engine *)op;
  const char *process, *path;
  Py_ssize_t n_process, n_path;
  unsigned int level, outcome;
  unsigned long long after, most;
  if (!PyArg_ParseTuple(args, "s#s#IIKK:_audit_log", &process, &n_process, &path, &n_path, &level,
                        &outcome, &after, &most) ||
      engine_usable(e) < 0)
    return NULL;
  theus_audit_query query = {
      {process, (size_t)n_process}, {path, (size_t)n_path}, level, outcome, after, most};
  theus_audit_events found = {0};
  theus_error err = {0};
  theus_status status = e->api->audit_log(e->handle, &query, &found, &err);
  if (status != THEUS_OK)
    return engine_raise(e, status, &err);
  PyObject *list = PyList_New(0), *result = NULL;
  for (size_t i = 0; list != NULL && i < found.n_events; i++) {
    PyObject *event = event_of(&found.events[i]);
    if (event == NULL || PyList_Append(list, event) < 0)
      Py_CLEAR(list);
    Py_XDECREF(event);
  }
  e->api->audit_release(&found.storage);
  if (list != NULL)
    result = Py_BuildValue("OKK", list, (unsigned long long)found.all, (unsigned long long)found.lost);
  Py_XDECREF(list);
  return result;
}
