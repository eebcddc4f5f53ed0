// turn.c: waiting for somebody else's transaction, and who cannot wait.
//
// A thread waits without the GIL and looks again when some transaction of any engine has ended, or
// after a slice of time. It never waits for ever: after WAIT_LIMIT_S it gives up.
//
// A thread that runs an event loop must not wait for another task of the same loop: that one would
// never go on. Such a thread is hasty: the kernel lets it pass.
//
// Calls that run Python code: signal handlers.
#include "ext.h"

#include <pthread.h>
#include <time.h>

#define WAIT_SLICE_MS 50
#define WAIT_LIMIT_S 30
#define BACK_OFF_US 50      // the longest pause after losing once; it doubles each time
#define BACK_OFF_MOST_US 10000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // guards nothing but the wait itself
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;

static double seconds(void) { return (double)clock_steady() * 1e-9; }

// Waits on the condition for so long at most.
static void wait_for(engine *e, long microseconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += microseconds * 1000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  e->waiters++;
  Py_BEGIN_ALLOW_THREADS
  pthread_mutex_lock(&mutex);
  (void)pthread_cond_timedwait(&turn, &mutex, &until); // woken, late or spurious: we look again
  pthread_mutex_unlock(&mutex);
  Py_END_ALLOW_THREADS
  e->waiters--;
}

static int refuse(engine *e, const char *format, PyObject *name, int number) {
  PyObject *type = errors_class(e->st, "TransactionConflictError");
  if (type != NULL)
    PyErr_Format(type, format, name, number);
  Py_XDECREF(type);
  return -1;
}

int turn_wait(engine *e, patience *so_far, PyObject *name) {
  if (e->clock == APPLYING && e->applier == PyThread_get_thread_ident())
    return refuse(e, "process '%U' needs a turn while this thread carries out a commit; code that runs "
                     "then (a setter, a validator) may only use what it was handed", name, 0);
  double now = seconds();
  if (so_far->since == 0)
    so_far->since = now;
  if (now - so_far->since >= WAIT_LIMIT_S)
    return refuse(e, "process '%U' waited %d s for another transaction of this engine to end; keep "
                     "slow work (network, sleep, joining threads) out of edit() blocks and setters",
                  name, WAIT_LIMIT_S);
  wait_for(e, WAIT_SLICE_MS * 1000L);
  return PyErr_CheckSignals();
}

void turn_wake(engine *e) {
  if (e->waiters == 0 || e->generation != loader_generation()) // a fork has no threads to wake
    return;
  pthread_mutex_lock(&mutex);
  pthread_cond_broadcast(&turn);
  pthread_mutex_unlock(&mutex);
}

// Losers that come back at once, or all together, lose again: each waits a random part of a time
// that doubles.
int turn_back_off(unsigned lost) {
  static uint64_t state; // xorshift64 of Marsaglia; the GIL guards it
  if (state == 0)
    state = (uint64_t)(seconds() * 1e9) | 1;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  long most = lost < 8 ? (long)BACK_OFF_US << lost : BACK_OFF_MOST_US;
  if (turn_in_loop())
    return PyErr_CheckSignals();
  struct timespec pause = {0, (long)(state % (uint64_t)(most * 1000))};
  Py_BEGIN_ALLOW_THREADS
  (void)nanosleep(&pause, NULL); // cut short by a signal: its handler runs below
  Py_END_ALLOW_THREADS
  return PyErr_CheckSignals();
}

// Asked where a thread would have to wait. No Python code runs: asyncio tells its loop by a function
// in C, trio its name by an attribute of a thread-local (what sniffio, its own package, looks at).
// A loop that the program has not imported does not run.
bool turn_in_loop(void) {
  PyObject *error = PyErr_Occurred() ? errors_take() : NULL;
  PyObject *running = module_imported("_asyncio", "_get_running_loop");
  PyObject *loop = running == NULL ? NULL : PyObject_CallNoArgs(running);
  PyObject *library = module_imported("sniffio", "thread_local");
  PyObject *name = library == NULL ? NULL : PyObject_GetAttrString(library, "name");
  bool yes = (loop != NULL && loop != Py_None) ||
             (name != NULL && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "trio") == 0);
  PyErr_Clear(); // older than the attribute: then trio is as well
  Py_XDECREF(name);
  Py_XDECREF(library);
  Py_XDECREF(loop);
  Py_XDECREF(running);
  if (error != NULL)
    errors_put(error);
  return yes;
}
