// clock.c: the clocks that the extension reads, and the one that a test puts in their place
// (theus.testing). The kernel itself has no clock: it is told.
#include "ext.h"

#include <time.h>

static int64_t fake = -1; // nanoseconds; below 0 the clocks are real. Read and written with the GIL.

static int64_t read_clock(clockid_t which) {
  struct timespec t;
  if (fake >= 0)
    return fake;
  if (clock_gettime(which, &t) != 0)
    return 0;
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall(void) { return read_clock(CLOCK_REALTIME_COARSE); }

int64_t clock_steady(void) { return read_clock(CLOCK_MONOTONIC); }

bool clock_skip(double seconds) {
  if (fake < 0)
    return false;
  fake += (int64_t)(seconds * 1e9);
  return true;
}

PyObject *clock_now(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyLong_FromLongLong(clock_wall());
}

// _clock(nanoseconds since the epoch, or below 0 for the real ones): what both tell from now on.
PyObject *clock_fake(PyObject *module, PyObject *arg) {
  (void)module;
  long long now = PyLong_AsLongLong(arg);
  if (now == -1 && PyErr_Occurred())
    return NULL;
  fake = now;
  Py_RETURN_NONE;
}
