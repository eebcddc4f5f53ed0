// journal.h: what was there before a commit, entry by entry (journal.c), and what each entry undoes.
#ifndef THEUS_JOURNAL_H
#define THEUS_JOURNAL_H

#include "ext.h"

typedef enum {
  FIELD,
  FIELDS,
  KEY,
  KEYS,
  ITEM,
  TAIL,
  ADDED,
  REMOVED,
  ELEMENTS,
  MEMORY, // a copy of all of it
  PLACE,  // an item of a deque
  PUSHED, // an item at an end of a deque
  PULLED,
  ELEMENT, // of a bytearray or array
  END,     // of one: all from an index on
} what;

typedef struct {
  what what;
  PyObject *target; // borrowed from its node
  PyObject *key;    // owned; FIELD, KEY, ADDED, REMOVED; MEMORY: how, or NULL
  PyObject *old;    // owned; NULL: there was nothing. FIELDS, KEYS, TAIL, ELEMENTS, END: a copy
  Py_ssize_t index; // ITEM, TAIL, PLACE, ELEMENT, END; PUSHED, PULLED: 0 is the left end
} undo;

struct journal {
  engine *engine; // borrowed from whoever commits
  undo *items;    // first, until that is full
  size_t n, cap;
  undo first[4]; // most commits write no more
};

journal *journal_new(engine *e); // new; NULL with MemoryError
// Before each write: makes room for one entry, so that adding it cannot fail. Here a test may stop
// the commit.
int journal_room(journal *j);
void journal_put(journal *j, undo entry); // after a write for which there is room; steals key and old
int journal_add(journal *j, undo entry);  // before a write; steals key and old
void journal_drop(journal *j);            // forgets the last entry: there was nothing to undo
void journal_undo(journal *j);            // everything, in reverse, keeping the exception

#endif
