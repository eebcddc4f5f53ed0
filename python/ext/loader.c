// loader.c: finds and opens libtheus, once per process, on the first engine; guards forks.
//
// A Go runtime does not survive fork(): the child has its memory but not its threads, and hangs at
// the next collection. So importing this module loads nothing, and once the kernel runs, a child
// handler forgets the table: whatever the child tries then is ForkedKernelError, at once.
//
// Calls that run Python code: none while `api` is written (the GIL is held throughout).
#include "ext.h"

#include <dlfcn.h>
#include <pthread.h>

static const theus_api *api; // NULL until loaded, and again in a forked child
static int forked;           // this process inherited a running kernel
static unsigned generation = 1;

static void forked_child(void) {
  if (api != NULL)
    forked = 1;
  api = NULL;
  generation++;
}

int loader_started(void) { return api != NULL; }

unsigned loader_generation(void) { return generation; }

static void *refuse_forked(state *st) {
  PyObject *type = errors_class(st, "ForkedKernelError");
  if (type != NULL) {
    PyErr_SetString(type, "this process was forked from one in which a theus engine already ran, "
                          "and a running kernel does not survive fork(); create the first engine "
                          "after the fork (in the worker), or start workers with the 'spawn' or "
                          "'forkserver' method");
    Py_DECREF(type);
  }
  return NULL;
}

// New str: libtheus.so beside this extension.
static PyObject *library_path(void) {
  Dl_info here;
  if (dladdr((void *)loader_api, &here) == 0 || here.dli_fname == NULL) {
    PyErr_SetString(PyExc_ImportError, "theus cannot find where its own extension was loaded from");
    return NULL;
  }
  const char *slash = strrchr(here.dli_fname, '/');
  Py_ssize_t length = slash == NULL ? 0 : slash - here.dli_fname + 1;
  PyObject *folder = PyUnicode_DecodeFSDefaultAndSize(here.dli_fname, length);
  if (folder == NULL)
    return NULL;
  PyObject *path = PyUnicode_FromFormat("%Ulibtheus.so", folder);
  Py_DECREF(folder);
  return path;
}

static const theus_api *load(void) {
  PyObject *path = library_path();
  PyObject *bytes = path == NULL ? NULL : PyUnicode_EncodeFSDefault(path);
  const theus_api *table = NULL;
  if (bytes == NULL)
    goto done;
  void *library = dlopen(PyBytes_AS_STRING(bytes), RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    PyErr_Format(PyExc_ImportError,
                 "the kernel of theus could not be loaded (%s); reinstall theus", dlerror());
    goto done;
  }
  const theus_api *(*get_api)(uint32_t);
  *(void **)&get_api = dlsym(library, "theus_get_api");
  if (get_api == NULL || (table = get_api(THEUS_ABI_VERSION)) == NULL ||
      table->struct_size < sizeof(theus_api)) {
    table = NULL;
    PyErr_Format(PyExc_ImportError,
                 "%U does not speak version %u of the kernel interface, so it was not built with "
                 "this extension; reinstall theus",
                 path, THEUS_ABI_VERSION);
    goto done;
  }
  if (pthread_atfork(NULL, NULL, forked_child) != 0) {
    table = NULL;
    PyErr_NoMemory();
  }
done:
  Py_XDECREF(bytes);
  Py_XDECREF(path);
  return table;
}

const theus_api *loader_api(state *st) {
  if (api != NULL)
    return api;
  if (forked)
    return refuse_forked(st);
  const theus_api *table = load();
  if (table != NULL)
    api = table;
  return table;
}
