// fsm.c: state machines and outlines of workflows as JSON. The kernel reads and checks them, Python
// runs and draws them; nothing of it is kept here.
//
// Calls that run Python code: none.
#include "ext.h"

typedef theus_status (*describe)(theus_definition_in, theus_str *, theus_storage *, theus_error *);

// New: what the kernel says about a definition, or NULL with an exception.
static PyObject *ask(state *st, const theus_api *api, describe how, const theus_definition *in) {
  theus_str text = {0};
  theus_storage storage = NULL;
  theus_error err = {0};
  theus_status status = how(in, &text, &storage, &err);
  if (status != THEUS_OK)
    return errors_raise(st, status, &err);
  PyObject *json = PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace");
  api->audit_release(&storage);
  return json;
}

PyObject *fsm_load(PyObject *module, PyObject *args) {
  state *st = (state *)PyModule_GetState(module);
  const char *name, *text, *start, *processes;
  Py_ssize_t n_name, n_text, n_start, n_processes;
  int dict;
  const theus_api *api = loader_api(st);
  if (api == NULL || !PyArg_ParseTuple(args, "s#s#s#s#p:load_machine", &name, &n_name, &text, &n_text,
                                       &start, &n_start, &processes, &n_processes, &dict))
    return NULL;
  theus_definition in = {{name, (size_t)n_name},   {text, (size_t)n_text},
                         {start, (size_t)n_start}, {processes, (size_t)n_processes},
                         (uint32_t)dict,           0};
  return ask(st, api, api->fsm_load, &in);
}

PyObject *fsm_outline(PyObject *module, PyObject *args) {
  state *st = (state *)PyModule_GetState(module);
  const char *name, *text;
  Py_ssize_t n_name, n_text;
  int dict;
  const theus_api *api = loader_api(st);
  if (api == NULL ||
      !PyArg_ParseTuple(args, "s#s#p:outline", &name, &n_name, &text, &n_text, &dict))
    return NULL;
  theus_definition in = {.name = {name, (size_t)n_name},
                         .text = {text, (size_t)n_text},
                         .dict = (uint32_t)dict};
  return ask(st, api, api->flux_outline, &in);
}

PyObject *fsm_names(PyObject *op, PyObject *unused) {
  (void)unused;
  return PyDict_Keys(((engine *)op)->processes);
}
