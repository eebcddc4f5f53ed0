// flux.h: what the files of workflows share: flux.c has the types, drive.c carries actions out,
// read.c tells values.
//
//   program  a checked workflow; owns its engine, and its processes as they were when it was loaded
//   run      one run of it; owns its program. A branch owns the run it belongs to, its root
//   look     the read-only transaction in which one condition is evaluated; on the stack
#ifndef THEUS_FLUX_EXT_H
#define THEUS_FLUX_EXT_H

#include "ext.h"

// How to get at a value: the steps of a need, ready for use.
typedef struct {
  PyObject *key; // owned: interned name, text or int
  bool attribute;
} reader_step;

typedef struct {
  uint32_t what;
  bool direct; // a field of a field ...: may be read past the guard while nothing runs
  size_t n;
  PyObject *key; // HAS: owned
  reader_step steps[];
} reader;

typedef struct {
  PyObject_HEAD
  engine *engine; // owned
  theus_flux handle;
  PyObject *processes, *files, *locals; // tuples of str
  process **running; // owned references, by their number
  Py_ssize_t n_running;
  reader **readers; // by number of the need; NULL until it was met
  uint32_t n_readers, n_steps;
} program;

typedef struct run {
  PyObject_HEAD
  program *program; // owned
  struct run *root; // owned; NULL: it is the root itself
  theus_flux handle;
  theus_flux_action next; // what comes next, as long as it was not carried out
  bool begun, busy, ended, noted;
  bool cancelled;         // of a root
  // Of a root.
  PyObject *local;     // what the conditions see as local
  PyObject *extra;     // list: by number of a process, a dict of arguments of the workflow, or None
  PyObject *errors;    // dict: token -> what a process or a reading raised
  uint64_t tokens;     // the last one
  PyObject *interrupt; // what is raised in the end, whatever else happened; or NULL
  PyObject *trace;     // list that is told what was read, or NULL
  // The answer to the action before.
  theus_flux_answer answer;
  PyObject *failed; // owned: the text answer.failed points into
  theus_flux_value *values;
  size_t n_values;
  PyObject *held; // list: what the values point into
} run;

static inline run *root_of(run *r) { return r->root == NULL ? r : r->root; }

// One evaluation of a condition: its readings are of one state.
typedef struct {
  run *run;
  scope *scope;   // owned; NULL while all was read directly, and in training mode
  PyObject *root; // owned: the system context as conditions see it
} look;

// ---- read.c -------------------------------------------------------------------------------------

reader *reader_new(const theus_flux_need *need);
void reader_free(reader *r);
// Fills one value. 0; -1 with what is no Exception. What is one becomes a FAILED value.
int read_one(look *l, const reader *r, theus_flux_value *out);
// New: the object that a value of the kernel stands for. Places are read; in strict mode they are
// copies.
PyObject *read_back(look *l, const theus_flux_value *value);
int look_end(look *l); // 0, or -1 with an exception: what was read may not be used

// ---- drive.c ------------------------------------------------------------------------------------

// What an exception is to the kernel: its classes, one a line, as a new str. Files the exception,
// which it steals, and gives its token.
PyObject *drive_failure(run *r, PyObject *error, uint64_t *token, bool *abort);
// Goes on until the driver has to run, sleep or fork, or the run has ended. 0, -1.
int drive_next(run *r);
// Carries out what comes next; with alone one process, also where a loop may go round by itself. 0,
// -1 with an exception that is no failure of the run.
int drive_perform(run *r, bool alone);
// The end of a run: new, its value; NULL with its failure.
PyObject *drive_result(run *r);
void drive_release(run *r); // frees what the kernel lent for what comes next
PyObject *drive_branches(run *r); // new list of the runs of a FORK
int drive_answer(run *r, PyObject *steals); // how a process ended that others ran: an error, or NULL
int drive_kwargs(run *r, PyObject **kwargs); // new dict: what the process is called with

#endif
