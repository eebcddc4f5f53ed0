// module.c: theus._kernel, put together: state, types, the few functions that need no engine.
#include "ext.h"

state *state_of(PyTypeObject *type) {
  PyObject *module = PyType_GetModuleByDef(type, &kernel_module);
  return (state *)PyModule_GetState(module);
}

// ---- functions ------------------------------------------------------------------------------------

static state *state_in(PyObject *module) { return (state *)PyModule_GetState(module); }

static PyObject *kernel_plain(PyObject *module, PyObject *value) {
  return plain(state_in(module), value);
}

static PyObject *kernel_describe(PyObject *module, PyObject *unused) {
  (void)unused;
  const theus_api *api = loader_api(state_in(module));
  theus_info info = {0};
  if (api == NULL)
    return NULL;
  theus_build build = {0};
  (void)api->describe(&info); // cannot fail, and neither can the other
  (void)api->built(&build);
  return Py_BuildValue("{ssssssssssss}", "version", info.version, "go_version", info.go_version,
                       "zone_prefixes", info.zone_prefixes, "platform", build.platform, "modules",
                       build.modules, "settings", build.settings);
}

static PyObject *kernel_live(PyObject *module, PyObject *unused) {
  (void)unused;
  const theus_api *api = loader_api(state_in(module));
  return api == NULL ? NULL : PyLong_FromUnsignedLongLong(api->live());
}

static PyObject *kernel_started(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyBool_FromLong(loader_started());
}

static PyObject *kernel_applying(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyBool_FromLong(apply_depth > 0);
}

// New str, or NULL with ValueError: a path spelled as the kernel prints it.
static PyObject *kernel_canonical(PyObject *module, PyObject *args) {
  state *st = state_in(module);
  const char *path;
  Py_ssize_t length;
  const theus_api *api = loader_api(st);
  if (api == NULL || !PyArg_ParseTuple(args, "s#:canonical", &path, &length))
    return NULL;
  theus_str text = {path, (size_t)length};
  theus_error err = {0};
  size_t size = 0;
  theus_status status = api->path_canonical(text, NULL, 0, &size, &err);
  char *buffer = status == THEUS_OK ? PyMem_Malloc(size + 1) : NULL;
  if (status != THEUS_OK)
    return errors_raise(st, status, &err);
  if (buffer == NULL)
    return PyErr_NoMemory();
  (void)api->path_canonical(text, buffer, size, &size, &err); // the same text, now with room
  PyObject *canonical = PyUnicode_DecodeUTF8(buffer, (Py_ssize_t)size, "strict");
  PyMem_Free(buffer);
  return canonical;
}

static PyObject *kernel_zone_of(PyObject *module, PyObject *args) {
  state *st = state_in(module);
  const char *path;
  Py_ssize_t length;
  const theus_api *api = loader_api(st);
  if (api == NULL || !PyArg_ParseTuple(args, "s#:zone_of", &path, &length))
    return NULL;
  uint32_t zone;
  theus_error err = {0};
  theus_status status = api->zone_of((theus_str){path, (size_t)length}, &zone, &err);
  return status == THEUS_OK ? PyLong_FromUnsignedLong(zone) : errors_raise(st, status, &err);
}

static PyObject *kernel_is_finite(PyObject *module, PyObject *value) {
  return heavy_scan(state_in(module), value, THEUS_ASK_FINITE);
}

static PyObject *kernel_extremes(PyObject *module, PyObject *value) {
  return heavy_scan(state_in(module), value, THEUS_ASK_EXTREME);
}

// _register(type, how): how is True or (copy, apply).
static PyObject *kernel_register(PyObject *module, PyObject *args) {
  PyObject *type, *how;
  if (!PyArg_ParseTuple(args, "O!O:_register", &PyType_Type, &type, &how) ||
      kind_register(state_in(module), type, how) < 0)
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *kernel_mark(PyObject *module, PyObject *value) {
  return kind_mark(state_in(module), value) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef kernel_functions[] = {
    {"_register", kernel_register, METH_VARARGS, "What the instances of a type are to the kernel."},
    {"_mark", kernel_mark, METH_O, "Pass a value by reference from now on."},
    {"plain", kernel_plain, METH_O, "An independent plain copy of what a view shows."},
    {"describe", kernel_describe, METH_NOARGS, "Facts about the kernel library; loads it."},
    {"live", kernel_live, METH_NOARGS, "Open handles in the kernel; loads it."},
    {"started", kernel_started, METH_NOARGS, "Whether the kernel runs in this process."},
    {"applying", kernel_applying, METH_NOARGS, "Whether this thread is carrying out a commit."},
    {"is_finite", kernel_is_finite, METH_O, "Whether no number of an array is NaN or infinite."},
    {"extremes", kernel_extremes, METH_O, "The least and the greatest number of an array."},
    {"canonical", kernel_canonical, METH_VARARGS, "A path as the kernel prints it."},
    {"zone_of", kernel_zone_of, METH_VARARGS, "The zone of a path, as a number."},
    {"_now", clock_now, METH_NOARGS, "Nanoseconds since the epoch, as those clocks tell them."},
    {"_clock", clock_fake, METH_O, "The time that the clocks tell from now on, in nanoseconds."},
    {"describe_recipe", audit_describe, METH_VARARGS, "A recipe, checked, as JSON."},
    {"load_machine", fsm_load, METH_VARARGS, "A state machine, checked, as JSON."},
    {"outline", fsm_outline, METH_VARARGS, "The steps of a workflow as JSON."},
    {"describe_schema", schema_describe, METH_VARARGS, "A schema, checked, as JSON."},
    {0},
};

// ---- state ----------------------------------------------------------------------------------------

static int add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, bool exported) {
  *slot = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
  return *slot == NULL || (exported && PyModule_AddType(module, *slot) < 0) ? -1 : 0;
}

// Nothing ever frees these types: to free an instance CPython asks its type how long it is, and at the
// end of the interpreter the collector may have emptied the type before a commit that somebody kept.
static int add_struct(PyObject *module, PyTypeObject **slot, PyStructSequence_Desc *desc) {
  *slot = PyStructSequence_NewType(desc);
  Py_XINCREF(*slot);
  return *slot == NULL || PyModule_AddType(module, *slot) < 0 ? -1 : 0;
}

static int intern_names(state *st) {
  const struct {
    PyObject **slot;
    const char *text;
  } names[] = {
      {&st->s_domain_ctx, "domain_ctx"}, {&st->s_global_ctx, "global_ctx"},
      {&st->s_local, "local"},           {&st->s_log, "log"},
      {&st->s_class, "__class__"},       {&st->s_setattr, "__setattr__"},
      {&st->s_delattr, "__delattr__"},   {&st->s_dict, "__dict__"},
      {&st->s_getattr, "__getattr__"},   {&st->s_edit, "edit"},
      {&st->s_resolve, "_resolve"},      {&st->s_lock_manager, "_lock_manager"},
      {&st->s_default_factory, "default_factory"}, {&st->s_any, "*"},
  };
  for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++)
    if ((*names[i].slot = PyUnicode_InternFromString(names[i].text)) == NULL)
      return -1;
  return 0;
}

PyObject *module_imported(const char *module, const char *name) {
  PyObject *found = PyDict_GetItemString(PyImport_GetModuleDict(), module); // borrowed
  if (found == NULL)
    return NULL;
  Py_INCREF(found);
  PyObject *value = PyObject_GetAttrString(found, name);
  Py_DECREF(found);
  if (value == NULL)
    PyErr_Clear(); // half-imported: nothing of it is in use yet
  return value;
}

static int import_views(state *st) {
  PyObject *views = PyImport_ImportModule("theus._mapping");
  if (views == NULL)
    return -1;
  st->keys_view = PyObject_GetAttrString(views, "Keys");
  st->values_view = PyObject_GetAttrString(views, "Values");
  st->items_view = PyObject_GetAttrString(views, "Items");
  st->fields_type = PyObject_GetAttrString(views, "Fields");
  // Any class written in Python shows how such instances are destroyed.
  if (st->keys_view != NULL)
    st->python_dealloc = ((PyTypeObject *)st->keys_view)->tp_dealloc;
  Py_DECREF(views);
  return st->keys_view == NULL || st->values_view == NULL || st->items_view == NULL ||
                 st->fields_type == NULL
             ? -1 : 0;
}

// New: the type of a module, NULL with an exception.
static PyTypeObject *builtin_type(const char *module, const char *name) {
  PyObject *in = PyImport_ImportModule(module);
  PyObject *type = in == NULL ? NULL : PyObject_GetAttrString(in, name);
  Py_XDECREF(in);
  if (type != NULL && !PyType_Check(type)) {
    PyErr_Format(PyExc_TypeError, "%s.%s is not a type", module, name);
    Py_CLEAR(type);
  }
  return (PyTypeObject *)type;
}

static int find_builtins(state *st) {
  st->builtin[FAMILY_LIST] = (PyTypeObject *)Py_NewRef((PyObject *)&PyList_Type);
  st->builtin[FAMILY_DICT] = (PyTypeObject *)Py_NewRef((PyObject *)&PyDict_Type);
  st->builtin[FAMILY_ORDERED] = (PyTypeObject *)Py_NewRef((PyObject *)&PyODict_Type);
  st->builtin[FAMILY_SET] = (PyTypeObject *)Py_NewRef((PyObject *)&PySet_Type);
  st->builtin[FAMILY_DEFAULT] = builtin_type("_collections", "defaultdict");
  st->builtin[FAMILY_DEQUE] = builtin_type("_collections", "deque");
  st->counter = builtin_type("collections", "Counter");
  st->cached_property = builtin_type("functools", "cached_property");
  st->namespace_type = builtin_type("types", "SimpleNamespace");
  return st->counter == NULL || st->cached_property == NULL || st->namespace_type == NULL ||
                 st->builtin[FAMILY_DEFAULT] == NULL || st->builtin[FAMILY_DEQUE] == NULL
             ? -1
             : 0;
}

// The view types of containers. Those of a dict's relatives derive from those of dict.
static const struct {
  PyType_Spec *frozen, *tracked;
  bool derived;
} CONTAINERS[FAMILIES] = {
    [FAMILY_LIST] = {&frozen_list_spec, &tracked_list_spec, false},
    [FAMILY_DICT] = {&frozen_dict_spec, &tracked_dict_spec, false},
    [FAMILY_ORDERED] = {&frozen_ordered_spec, &tracked_ordered_spec, true},
    [FAMILY_DEFAULT] = {&frozen_default_spec, &tracked_default_spec, true},
    [FAMILY_SET] = {&frozen_set_spec, &tracked_set_spec, false},
    [FAMILY_DEQUE] = {&frozen_deque_spec, &tracked_deque_spec, false},
};

static PyTypeObject *derive(PyObject *module, PyType_Spec *spec, PyTypeObject *base) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, (PyObject *)base);
}

static int add_containers(PyObject *module, state *st) {
  for (family f = 0; f < FAMILIES; f++)
    for (int tracked = 0; tracked < 2; tracked++) {
      PyType_Spec *spec = tracked ? CONTAINERS[f].tracked : CONTAINERS[f].frozen;
      PyTypeObject *base = CONTAINERS[f].derived ? st->exact[FAMILY_DICT][tracked] : NULL;
      st->exact[f][tracked] = derive(module, spec, base);
      if (st->exact[f][tracked] == NULL || PyModule_AddType(module, st->exact[f][tracked]) < 0)
        return -1;
      PyType_Spec *part = f == FAMILY_SET ? &set_part_spec : &part_spec;
      if ((st->part[f][tracked] = derive(module, part, st->exact[f][tracked])) == NULL)
        return -1;
    }
  PyType_Spec *bytes[] = {&frozen_bytes_spec, &tracked_bytes_spec};
  for (int tracked = 0; tracked < 2; tracked++) {
    st->exact[FAMILY_BYTES][tracked] = derive(module, bytes[tracked], NULL);
    if (st->exact[FAMILY_BYTES][tracked] == NULL ||
        PyModule_AddType(module, st->exact[FAMILY_BYTES][tracked]) < 0)
      return -1;
  }
  for (family f = 0; f < FAMILIES; f++) // ours are derived: nobody else may
    for (int tracked = 0; tracked < 2; tracked++)
      st->exact[f][tracked]->tp_flags &= ~Py_TPFLAGS_BASETYPE;
  return 0;
}

// A free-threaded Python turns its GIL on when it imports an extension that does not say it can do
// without, as this one does not, unless it was told not to. What is counted on here (one thread at a
// time in C) would then be wrong without a sign. 0, or -1 with ImportError.
static int refuse_without_gil(void) {
  PyObject *ask = PySys_GetObject("_is_gil_enabled"); // borrowed; NULL before 3.13
  PyObject *answer = ask == NULL ? Py_NewRef(Py_True) : PyObject_CallNoArgs(ask);
  int enabled = answer == NULL ? -1 : PyObject_IsTrue(answer);
  Py_XDECREF(answer);
  if (enabled == 0)
    PyErr_SetString(PyExc_ImportError,
                    "theus needs the GIL, which this free-threaded Python was told to do without; "
                    "start it without PYTHON_GIL=0 and -X gil=0");
  return enabled > 0 ? 0 : -1;
}

static int kernel_exec(PyObject *module) {
  state *st = state_in(module);
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError,
                    "theus runs in the main interpreter only, not in a sub-interpreter; "
                    "use threads, or processes");
    return -1;
  }
  if (refuse_without_gil() < 0)
    return -1;
  st->module = module;
  if (intern_names(st) < 0 || import_views(st) < 0 || find_builtins(st) < 0 ||
      (st->removed = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type)) == NULL ||
      (st->task = PyContextVar_New("theus", NULL)) == NULL ||
      (st->awaiting = PyContextVar_New("theus.training", NULL)) == NULL ||
      PyModule_AddIntConstant(module, "ABI_VERSION", THEUS_ABI_VERSION) < 0)
    return -1;
  return add_type(module, &st->engine_type, &engine_spec, true) < 0 ||
                 add_type(module, &st->edit_type, &edit_spec, true) < 0 ||
                 add_type(module, &st->scope_type, &scope_spec, true) < 0 ||
                 add_type(module, &st->process_type, &process_spec, false) < 0 ||
                 add_type(module, &st->context_view, &context_spec, true) < 0 ||
                 add_type(module, &st->object_view, &object_spec, true) < 0 ||
                 add_containers(module, st) < 0 ||
                 add_type(module, &st->deque_iter, &deque_iter_spec, false) < 0 ||
                 add_type(module, &st->list_iter, &list_iter_spec, false) < 0 ||
                 add_type(module, &st->dict_iter, &dict_iter_spec, false) < 0 ||
                 add_type(module, &st->method_type, &method_spec, false) < 0 ||
                 add_type(module, &st->heavy_type, &heavy_spec, false) < 0 ||
                 add_type(module, &st->tensor_type, &tensor_spec, false) < 0 ||
                 add_type(module, &st->memory_type, &memory_spec, true) < 0 ||
                 add_type(module, &st->program_type, &program_spec, true) < 0 ||
                 add_type(module, &st->run_type, &run_spec, true) < 0 ||
                 add_type(module, &st->attempts_type, &attempts_spec, true) < 0 ||
                 add_type(module, &st->awaited_type, &awaited_spec, false) < 0 ||
                 add_type(module, &st->supplied_type, &supplied_spec, true) < 0 ||
                 add_struct(module, &st->delta_type, &delta_desc) < 0 ||
                 add_struct(module, &st->commit_type, &commit_desc) < 0
             ? -1
             : 0;
}

// Every owned reference of the state, for traverse and clear.
static size_t owned(state *st, PyObject **refs[]) {
  PyObject **all[] = {
      (PyObject **)&st->engine_type,  (PyObject **)&st->edit_type,    (PyObject **)&st->commit_type,
      (PyObject **)&st->delta_type,   (PyObject **)&st->scope_type,   (PyObject **)&st->context_view,
      (PyObject **)&st->object_view,  (PyObject **)&st->deque_iter,   (PyObject **)&st->list_iter,
      (PyObject **)&st->dict_iter,    (PyObject **)&st->method_type,  (PyObject **)&st->process_type,
      (PyObject **)&st->tensor_type,  (PyObject **)&st->memory_type,
      (PyObject **)&st->program_type, (PyObject **)&st->run_type,     (PyObject **)&st->attempts_type,
      (PyObject **)&st->heavy_type,   (PyObject **)&st->counter,      &st->s_default_factory,
      &st->registered,                &st->opaque,                    &st->task,
      (PyObject **)&st->cached_property, (PyObject **)&st->awaited_type, (PyObject **)&st->supplied_type,
      (PyObject **)&st->namespace_type, &st->awaiting,
      &st->errors,                    &st->removed,                   &st->keys_view,
      &st->fields_type,               &st->values_view,               &st->items_view,
      &st->locked_mixin,
      &st->s_lock_manager,            &st->s_domain_ctx,              &st->s_global_ctx,
      &st->s_local,                   &st->s_log,                     &st->s_class,
      &st->s_setattr,                 &st->s_delattr,                 &st->s_dict,
      &st->s_getattr,                 &st->s_edit,                    &st->s_resolve,
      &st->s_any,
  };
  size_t n = Py_ARRAY_LENGTH(all);
  memcpy(refs, all, sizeof(all));
  for (int tracked = 0; tracked < 2; tracked++)
    refs[n++] = (PyObject **)&st->exact[FAMILY_BYTES][tracked];
  for (family f = 0; f < FAMILIES; f++) {
    refs[n++] = (PyObject **)&st->builtin[f];
    for (int tracked = 0; tracked < 2; tracked++) {
      refs[n++] = (PyObject **)&st->exact[f][tracked];
      refs[n++] = (PyObject **)&st->part[f][tracked];
    }
  }
  return n;
}

#define MAX_OWNED (74 + 5 * FAMILIES)

static int kernel_traverse(PyObject *module, visitproc visit, void *arg) {
  PyObject **refs[MAX_OWNED];
  size_t n = owned(state_in(module), refs);
  for (size_t i = 0; i < n; i++)
    Py_VISIT(*refs[i]);
  return 0;
}

// What is kept for reuse still names its type, so it goes before the types do, and nothing is kept
// from then on.
static void drain(state *st) {
  while (st->free_views != NULL) {
    view *v = st->free_views;
    st->free_views = v->next;
    PyObject_GC_Del(v);
  }
  while (st->free_scopes != NULL) {
    scope *s = st->free_scopes;
    st->free_scopes = s->outer;
    PyObject_GC_Del(s);
  }
  method_forget(st);
  st->n_free_views = st->n_free_scopes = st->n_free_methods = INT_MAX;
}

static int kernel_clear(PyObject *module) {
  PyObject **refs[MAX_OWNED];
  size_t n = owned(state_in(module), refs);
  drain(state_in(module));
  for (size_t i = 0; i < n; i++)
    Py_CLEAR(*refs[i]);
  return 0;
}

static void kernel_free(void *module) { (void)kernel_clear((PyObject *)module); } // always 0

static PyModuleDef_Slot kernel_slots[] = {
    {Py_mod_exec, kernel_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

struct PyModuleDef kernel_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "theus._kernel",
    .m_doc = "What must hold a Python object: views, engines, the next action. No policy.",
    .m_size = sizeof(state),
    .m_methods = kernel_functions,
    .m_slots = kernel_slots,
    .m_traverse = kernel_traverse,
    .m_clear = kernel_clear,
    .m_free = kernel_free,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&kernel_module); }
