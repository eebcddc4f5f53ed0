// theus.h: the kernel of Theus behind a C ABI, for any host language.
//
// The kernel decides, the host carries out. It compiles contracts, answers what a process may do
// to a path, orders and validates transactions, and hands out the next action; it never calls
// out. The host keeps the objects, caches the kernel's answers and appends fixed-size records of
// what its processes wrote.
//
// Load the library, call theus_get_api once, and go through the table it returns. Each function
// says, in this order: what it does, Returns, Owns, Thread.
//
// Conventions
//   * Strings are UTF-8 spans with a length; they may hold NULs and are borrowed for the call.
//   * Handles are integers, never pointers. 0 is no handle. A handle that was closed, or that
//     belongs to an engine that was closed, is refused, not followed.
//   * The caller zeroes *err before a call. It is filled whenever the status is not THEUS_OK and
//     is then released once with theus_error_release. Out-parameters are untouched on failure.
//   * No function blocks, waits or calls back: a host may hold its own locks. Only theus_heavy_scan
//     and theus_audit_judge take time that grows with what they are given, where that is an array,
//     and theus_flux_load, with the text.
//   * A panic of the kernel becomes THEUS_PANIC and poisons the engine it happened in; each later
//     call on that engine returns THEUS_POISONED, and other engines live on.
#ifndef THEUS_H
#define THEUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define THEUS_ABI_VERSION 3u

// ---- values that cross -------------------------------------------------------------------------

// theus_str is a borrowed UTF-8 span; data may be NULL when len is 0.
typedef struct theus_str {
  const char *data;
  size_t len;
} theus_str;

typedef uint64_t theus_engine;   // an engine: registry, shapes, transactions
typedef uint64_t theus_tx;       // a running transaction or savepoint of one engine
typedef uint32_t theus_process;  // a registered process of one engine
#define THEUS_PROCESS_WORKFLOW 0xFFFFFFFFu
typedef uint32_t theus_shape_id; // a node contract x path of one engine
typedef void *theus_storage;     // memory that the library lent to the host

// theus_status says whose fault it is; the numbers are those of core/fault.Kind and never change.
typedef int32_t theus_status;
enum {
  THEUS_OK = 0,
  THEUS_INVALID = 1,     // an argument is malformed: a path, a contract, an option
  THEUS_NOT_FOUND = 2,   // no process has that name
  THEUS_READ = 3,        // the contract does not allow this read
  THEUS_WRITE = 4,       // the contract does not allow this write
  THEUS_FROZEN = 5,      // a write into something that is only an input
  THEUS_PRIVATE = 6,     // a name starting with "_" is not for process code
  THEUS_ZONE = 7,        // the zone of the path forbids it (a SIGNAL or META input)
  THEUS_UNSUPPORTED = 8, // a value of this kind cannot live in the context
  THEUS_ENDED = 9,       // the transaction has ended (programming error of the host)
  THEUS_CLOSED = 10,     // the engine was closed, or the handle never was one
  THEUS_BUSY = 11,       // another transaction stood in the way for too long (for hosts to use)
  THEUS_LIMIT = 12,      // a bound of the kernel was reached (nesting depth)
  THEUS_POISONED = 13,   // the engine met a kernel panic earlier and refuses work
  THEUS_PANIC = 14,      // the kernel panicked in this call; please report it
  THEUS_AUDIT_BLOCK = 15,     // a rule of level B refuses this run
  THEUS_AUDIT_INTERLOCK = 16, // a rule of level A or S refuses it, or the engine is stopped by one
  THEUS_CONFIG = 17,          // a recipe, workflow or schema is malformed; the message lists every problem
  THEUS_CONFLICT = 18,        // the transaction lost against a commit and may not run again
  THEUS_SCHEMA = 19           // a value is not of the type that the schema says
};

// theus_error carries a failure. All spans point into storage, which theus_error_release frees.
typedef struct theus_error {
  theus_str message; // the whole text, several lines, ready for a person
  theus_str process; // the process that was running or named, may be empty
  theus_str path;    // the path in question, may be empty
  theus_str hint;    // the one-line fix, may be empty
  void *storage;     // owned; NULL means released or never filled
  theus_str operation; // what was tried: "read", "write", "delete", "mutate", "iterate", "store",
                       // "declare", "find"; may be empty
  theus_str nearest;   // the declared path or registered name probably meant, may be empty
  theus_str allowed;   // the paths for which it would have been allowed, one per line; may be empty
} theus_error;

// ---- contracts and shapes ----------------------------------------------------------------------

// theus_contract is what a process declares. Entries are paths as users spell them.
typedef struct theus_contract {
  theus_str name;
  const theus_str *inputs;
  size_t n_inputs;
  const theus_str *outputs;
  size_t n_outputs;
  uint32_t side_effects; // how many were declared; > 0 forbids an automatic second run
  uint32_t reserved;
} theus_contract;
typedef const theus_contract *theus_contract_in;

// theus_segment is one step of a path. The attribute x, the key "x" and the index 0 are three
// different segments; a contract's ".x" names the attribute and the key, its "[0]" the index and
// the integer key.
enum {
  THEUS_ATTR = 1,  // text is the attribute's name
  THEUS_TEXT = 2,  // text is a string key
  THEUS_INT = 3,   // number is an index or an integer key
  THEUS_OTHER = 4  // text is a printed form of any other key, for messages only
};
typedef struct theus_segment {
  uint32_t kind;
  uint32_t reserved;
  int64_t number;
  theus_str text;
} theus_segment;
typedef const theus_segment *theus_segment_in;

// Permission bits of a shape.
enum {
  THEUS_MAY_READ = 1,  // at or below an input or output
  THEUS_MAY_WRITE = 2, // at or below an output
  THEUS_MAY_WALK = 4,  // above one: only the declared way on exists
  THEUS_IS_PRIVATE = 8 // the last segment starts with "_": only methods of the object itself
};
enum { THEUS_DATA = 0, THEUS_SIGNAL = 1, THEUS_META = 2, THEUS_HEAVY = 3 };
enum { THEUS_LAYER_NONE = 0, THEUS_LAYER_GLOBAL = 1, THEUS_LAYER_DOMAIN = 2 };
// Item keys of this shape differ in what is allowed: ask for each (theus_shape_child).
// Without it, theus_shape_items answers for every key that starts with no zone prefix.
// A process is learned (theus_learn): each place has a shape of its own, and allows everything.
enum { THEUS_ITEMS_VARY = 1, THEUS_LEARNS = 2 };

// theus_shape is the kernel's cached answer for one contract at one path.
typedef struct theus_shape {
  theus_shape_id id;
  uint8_t bits;  // THEUS_MAY_READ ...
  uint8_t zone;  // THEUS_DATA ...
  uint8_t layer; // below the root: the layer this spelling stands for
  uint8_t flags; // THEUS_ITEMS_VARY ...
} theus_shape;

// What a process tried, for theus_deny.
enum {
  THEUS_TRY_READ = 1,    // read, or pass through, a path
  THEUS_TRY_WRITE = 2,   // assign a path
  THEUS_TRY_DELETE = 3,  // delete a path
  THEUS_TRY_MUTATE = 4,  // change a container or object in place
  THEUS_TRY_ITERATE = 5, // list what a walked-through ancestor holds
  THEUS_TRY_STORE = 6    // meet or assign a value of an unsupported kind; detail is its type
};

// ---- transactions ------------------------------------------------------------------------------

// theus_record is one entry of the delta log: 32 bytes, appended by the host as a process writes,
// in program order, into memory the host owns. The kernel reads it at finish and trusts nothing
// in it but what it checks: the shape must be one it handed out, and writable.
enum {
  THEUS_OP_SET = 1,      // assign an attribute
  THEUS_OP_DELETE = 2,   // delete an attribute or an item
  THEUS_OP_SET_ITEM = 3, // assign an item
  THEUS_OP_APPEND = 4,
  THEUS_OP_INSERT = 5,
  THEUS_OP_EXTEND = 6,
  THEUS_OP_POP = 7,
  THEUS_OP_POPITEM = 8,
  THEUS_OP_REMOVE = 9,
  THEUS_OP_CLEAR = 10,
  THEUS_OP_SORT = 11,
  THEUS_OP_REVERSE = 12,
  THEUS_OP_LAST = 12
};
enum {
  THEUS_RECORD_FOREIGN = 1, // applying it may run user code (a setter, a validator, an __eq__)
  THEUS_RECORD_HEAVY = 2,   // already in memory: HEAVY is written through and not rolled back
  THEUS_RECORD_RESIZES = 4  // the length or the order of the container changes
};
typedef struct theus_record {
  uint16_t op;
  uint16_t flags;
  theus_shape_id shape; // of the written path
  uint64_t object; // the host's number of the object; see theus_read
  uint64_t key;    // its number of the field, key or index; THEUS_ANY_KEY: all may have changed
  uint64_t nbytes; // HEAVY: size of what was assigned, for the audit record
} theus_record;
typedef const theus_record *theus_records_in;

// theus_read is an entry of what a transaction has read, and theus_reads all of them: a hash table
// in memory the host owns. Slots are searched from
//
//     h = (object ^ rotate_left(key, 32)) * 0x9E3779B97F4A7C15;  (h ^ h >> 32) & (n_slots - 1)
//
// upwards, around the end, to the first empty one. At least one slot is empty.
//
//   * Numbers of objects are not 0 and the same for the same object as long as a transaction is
//     open that has read or written it; an address will do. Keys that are equal to the host have
//     the same number, of 16 or more.
//   * An object of which anything was read has an entry with THEUS_ANY_KEY, next to those of the
//     parts that were read. A part that was looked for and not found was read. What is written
//     counts as read.
enum {
  THEUS_ANY_KEY = 0,   // read: something of the object; written: everything
  THEUS_WHOLE_KEY = 4, // read: all of the object, one part after the other
  THEUS_SIZE_KEY = 8   // read: the length or the order of a container
};
typedef struct theus_read {
  uint64_t object; // 0: the slot is empty
  uint64_t key;
} theus_read;
typedef struct theus_reads {
  const theus_read *slots;
  size_t n_slots;  // 0 or a power of two
  uint64_t seen;   // the version at which all that was read was true
  uint64_t oldest; // the least version seen by any other open transaction; THEUS_ALONE: none is
  uint32_t hasty;  // 1: the host cannot wait; who has priority stands back
  uint32_t reserved;
} theus_reads;
typedef const theus_reads *theus_reads_in;
#define THEUS_ALONE UINT64_MAX

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(theus_read) == 16, "core/transaction/reads.go mirrors this layout");
_Static_assert(sizeof(theus_record) == 32, "core/transaction/record.go mirrors this layout");
_Static_assert(sizeof(theus_shape) == 8, "a shape answer fits a register");
#endif

// How a process ended.
enum {
  THEUS_RETURNED = 1,    // with a value
  THEUS_DECLARED = 2,    // with an error its contract names
  THEUS_UNDECLARED = 3,  // with any other error
  THEUS_REFUSED = 4,     // with a denial or another contract violation
  THEUS_INTERRUPTED = 5, // with something that is no error: an interrupt, an exit, a cancellation
  THEUS_UNSTARTED = 6    // its arguments did not fit; the process did not run
};
typedef uint32_t theus_outcome;

// What the host does next.
enum {
  THEUS_RUN = 1,   // call the process; then theus_tx_finish
  THEUS_WAIT = 2,  // another transaction stands in the way: make the same call when it is over
  THEUS_APPLY = 3, // apply the writes, all or none; then theus_tx_applied
  THEUS_DONE = 4,  // nothing is left to do, the transaction is over
  THEUS_COMMIT = 5, // apply the writes now; over, unless that fails: then theus_tx_retract
  THEUS_KEEP = 6,  // a savepoint succeeded: its writes now belong to the outer transaction; over
  THEUS_DROP = 7,  // drop the writes (a savepoint: only its own); over
  THEUS_AGAIN = 8  // it lost against a commit: drop the writes and begin again; over
};
enum {
  THEUS_RAISE_NOTHING = 0,
  THEUS_RAISE_AS_IS = 1,  // the caller gets the host's error unchanged
  THEUS_RAISE_WRAPPED = 2 // as an undeclared error violation, caused by the host's error
};
typedef struct theus_action {
  uint32_t kind;
  uint32_t raise;    // DROP: how the host's error reaches the caller
  theus_tx tx;       // RUN: the transaction that began
  uint64_t version;  // APPLY, COMMIT, DONE after a commit: the version this commit makes
  theus_shape root;  // RUN: the shape of the system context under this contract
  uint32_t leased;   // RUN: 1 if later runs of this process may begin without asking
  uint32_t reader;   // RUN: 1 if its contract lets it write nothing that a commit applies
} theus_action;

// theus_start says how a top-level transaction begins. One that lost THEUS_PATIENCE times gets
// priority: nobody else commits until it is over.
#define THEUS_PATIENCE 4
typedef struct theus_start {
  uint32_t lost;  // how often it lost before
  uint32_t hasty; // 1: the host cannot wait; without priority, if need be
} theus_start;
typedef const theus_start *theus_start_in;

// Transactions run at once and are compared when they commit. A host keeps the version each of them
// has seen: at its begin that of the newest commit it has applied. Before a process reads anything
// while a newer one is applied, theus_tx_catch_up is asked whether what it has read still holds. So
// a process only ever sees one version. While the host applies a commit it shows nothing to other
// transactions and finishes none of them.
//
// A lease saves the crossing at the start of a run. A top-level process whose RUN was leased may
// be begun by the host alone, with the same root, until a call on the engine returns THEUS_POISONED,
// THEUS_PANIC, THEUS_CLOSED or THEUS_AUDIT_INTERLOCK, or theus_audit_load is called.
//   * If something needs the kernel while it runs (a denial, a nested process), the host begins it
//     then, with theus_tx_begin, and goes on as usual.
//   * If it ends without that, theus_tx_report tells all of it at once, in one crossing; a run
//     that returned and wrote nothing need not be told at all.

// theus_info describes the library; zero-terminated, static, never freed.
typedef struct theus_info {
  const char *version;       // of Theus
  const char *go_version;    // that built it
  const char *zone_prefixes; // "sig_ cmd_ meta_ heavy_": keys that start otherwise are DATA
} theus_info;

// theus_build says how the library was built; zero-terminated, static, never freed.
typedef struct theus_build {
  const char *platform; // "linux/amd64"
  const char *modules;  // the Go modules inside, one "path version" a line
  const char *settings; // what the build was told, one "name=value" a line
} theus_build;

typedef struct theus_options {
  uint32_t max_depth; // nested processes, 0 means 64
  uint32_t reserved;
} theus_options;
typedef const theus_options *theus_options_in;

// ---- arrays ------------------------------------------------------------------------------------

// theus_array is an array of numbers in memory of the host, and how its elements lie there.
enum {
  THEUS_ELEMENT_INT = 1,  // two's complement, of 1, 2, 4 or 8 bytes
  THEUS_ELEMENT_UINT = 2, // and bool
  THEUS_ELEMENT_FLOAT = 3 // IEEE 754, of 2, 4 or 8 bytes
};
typedef struct theus_array {
  const void *memory; // the lowest byte of any element; may be NULL when len is 0
  size_t len;         // from there to the end of the highest
  size_t first;       // where in it the element lies whose indices are all 0
  uint32_t kind;      // THEUS_ELEMENT_INT ...
  uint32_t size;      // of an element, in bytes
  uint32_t big;       // 1: elements are big-endian
  uint32_t n_dims;
  const int64_t *shape;
  const int64_t *strides; // in bytes; may be negative, or 0
} theus_array;
typedef const theus_array *theus_array_in;

// What to find out about the elements of an array, and what was found.
enum {
  THEUS_ASK_FINITE = 1, // whether none is NaN or infinite
  THEUS_ASK_EXTREME = 2 // the least and the greatest; tells finite too
};
typedef struct theus_facts {
  uint32_t finite;
  uint32_t nan;   // extremes: an element is NaN, so there are none
  uint32_t empty; // there is no element, so there are none
  uint32_t kind;  // of least and greatest: the bits of an int64_t, a uint64_t or a double
  uint64_t least;
  uint64_t greatest;
} theus_facts;

// ---- audit -------------------------------------------------------------------------------------

// Rules of a recipe judge a process at two gates. The kernel never reads an object: a plan lists
// the fields that a gate looks at, the host hands in what stands there, the kernel judges.
//
//   begin -> RUN, or under a lease
//   plan(INPUT),  judge(INPUT)   before the process runs
//   plan(OUTPUT), judge(OUTPUT)  after it returned, on the state as it would be
//   finish, or report
//
// A process without rules has empty plans and needs none of this. A plan is good until
// theus_audit_load: cache it. A process whose output rules were not asked cannot finish as
// THEUS_RETURNED.
enum { THEUS_GATE_INPUT = 0, THEUS_GATE_OUTPUT = 1 };
enum { THEUS_LEVEL_I = 1, THEUS_LEVEL_C = 2, THEUS_LEVEL_B = 3, THEUS_LEVEL_A = 4, THEUS_LEVEL_S = 5 };
enum { THEUS_ACTED = 1, THEUS_WARNED = 2, THEUS_COUNTED = 3 };

// What a rule wants to know of a field. What was not asked for need not be told.
enum {
  THEUS_NEED_VALUE = 1,   // its value, if it is a scalar
  THEUS_NEED_TYPE = 2,    // its type
  THEUS_NEED_LEN = 4,     // its length
  THEUS_NEED_ITEMS = 8,   // its elements, and theirs, if it is a list or dict
  THEUS_NEED_FINITE = 16, // of an array: whether all is finite
  THEUS_NEED_EXTREME = 32, // of an array: its least and greatest element
  THEUS_NEED_LAYOUT = 64,  // of an array: its lengths, the type and the size of its elements
  THEUS_NEED_PLACE = 128,  // for a check: a scalar as it is; else kind, flags and length
  THEUS_NEED_CONTENTS = 256, // for a check: the same, and what a container holds, told alike
  THEUS_NEED_HAS = 512     // for a check: whether key is in it, as THEUS_VALUE_BOOL
};

// Segments of a field, besides THEUS_TEXT and THEUS_INT; and THEUS_ATTR, in a check: no item.
enum {
  THEUS_NAME = 5, // the attribute of this name or, failing that, the item
  THEUS_ANY = 6   // every item or attribute: the value is THEUS_VALUE_EACH
};
typedef struct theus_step {
  theus_segment segment;
  uint32_t call; // 1: the method of this name is called without arguments, on a read-only view
  uint32_t reserved;
} theus_step;
typedef struct theus_need {
  theus_str argument; // if the process has an argument of this name, that; may be empty
  const theus_step *steps; // else what stands here, from the system context
  size_t n_steps;
  theus_str field; // as messages spell it
  uint32_t ask; // THEUS_NEED_VALUE ...
  uint32_t reserved;
  const struct theus_value *key; // THEUS_NEED_HAS: a scalar, or a LIST of such that is a tuple
} theus_need;
typedef struct theus_plan {
  uint64_t generation; // of the rules, for theus_audit_judge
  const theus_need *needs;
  size_t n_needs;   // 0: the gate has no rules
  theus_shape root; // of the system context, for rules: all may be read, nothing written
  theus_storage storage; // owned; NULL means released or never filled
} theus_plan;

// What a host says about a field. Zeroed, it is absent.
enum {
  THEUS_VALUE_ABSENT = 0, // it is not there
  THEUS_VALUE_RAISED = 1, // reading it failed; text is the error
  THEUS_VALUE_NULL = 2,   // None, a value like any other
  THEUS_VALUE_BOOL = 3,   // number
  THEUS_VALUE_INT = 4,    // number
  THEUS_VALUE_FLOAT = 5,  // real
  THEUS_VALUE_EXACT = 6,  // text: a number of any size, "123", "-0.10", "1e30", "2/3"
  THEUS_VALUE_STRING = 7, // text, and length where it has lone surrogates
  THEUS_VALUE_BYTES = 8,  // text
  THEUS_VALUE_LIST = 9,   // length, and items where they were asked for
  THEUS_VALUE_MAP = 10,   // the same; key, value, key, value
  THEUS_VALUE_ARRAY = 11, // length; array, number: the facts asked for; text: type of elements
  THEUS_VALUE_OBJECT = 12, // anything else: type, and length if it has one
  THEUS_VALUE_EACH = 13   // what wildcards found: items, each with its path
};
enum {
  THEUS_HAS_LENGTH = 1, // length counts
  THEUS_HAS_ITEMS = 2,  // items are all there are
  // Where THEUS_NEED_PLACE or THEUS_NEED_CONTENTS was asked:
  THEUS_IS_TRUE = 4,      // bool() of a container or object
  THEUS_IS_TUPLE = 8,     // a LIST that is a tuple
  THEUS_IS_SEQUENCE = 16, // a LIST that is neither list nor tuple
  THEUS_IS_SET = 32       // an OBJECT that is a set; the elements are its items
};
typedef struct theus_value {
  uint32_t kind;  // THEUS_VALUE_ABSENT ...
  uint32_t flags; // THEUS_HAS_LENGTH ...
  int64_t number;
  double real;
  int64_t length;
  theus_str text;
  theus_str type; // its type by name and after blanks its bases; empty: as its kind usually has
  theus_str path; // of an item of EACH: where it stands, as users spell it
  const struct theus_value *items;
  size_t n_items;
  theus_array_in array; // of ARRAY, where a fact was asked for; NULL: nothing can be found out
} theus_value;
typedef const theus_value *theus_values_in;

typedef struct theus_judgement {
  // In: 0, or what an earlier gate or attempt of this run gave. Out: the same, or a name for what the
  // run was counted for: an attempt repeated after a conflict is counted once. It lives until
  // theus_audit_forget.
  uint64_t run;
  uint32_t stale;  // 1: the rules were replaced, nothing was judged; fetch the plan again
  uint32_t events; // how many are new in the log
  // What checks lack beside the values they were handed. If there is any, nothing was judged: judge
  // again, with the values of these after those that were handed in.
  const theus_need *needs;
  size_t n_needs;
  theus_storage storage; // owned; NULL means released or never filled
} theus_judgement;

// theus_recipe is a text that holds one.
typedef struct theus_recipe {
  theus_str name; // of the file, for messages
  theus_str text; // YAML
  uint32_t built; // 1: a program made the text; messages name rules, not lines
  uint32_t reserved;
} theus_recipe;
typedef const theus_recipe *theus_recipe_in;

// theus_definition is a text that holds a state machine or a workflow.
typedef struct theus_definition {
  theus_str name;      // of the file, for places
  theus_str text;      // YAML or, of a dict, JSON
  theus_str start;     // the state to begin with; empty: that of the definition
  theus_str processes; // JSON: name -> list of its arguments, or null if it takes any; empty: every
                       // name is that of a process
  uint32_t dict;       // 1: text is JSON, and places are ways into it
  uint32_t reserved;
} theus_definition;
typedef const theus_definition *theus_definition_in;

// theus_audit_query says which events are wanted; zeroed, all that are held.
typedef struct theus_audit_query {
  theus_str process; // of this one
  theus_str path;    // at or below this path; may have wildcards
  uint32_t level;    // of this one, THEUS_LEVEL_I ...
  uint32_t outcome;  // of this one, THEUS_ACTED ...
  uint64_t after;    // with a serial above this
  uint64_t most;     // only so many, the newest
} theus_audit_query;
typedef const theus_audit_query *theus_audit_query_in;

// theus_audit_event is one violation that counted.
typedef struct theus_audit_event {
  uint64_t serial; // counts the events of an engine from 1
  int64_t stamp;   // what the host said when it was judged
  uint32_t gate, level, outcome;
  uint32_t count; // of violations, this one included
  theus_str process, field, path, condition, limit, value, text, place;
} theus_audit_event;
typedef struct theus_audit_events {
  const theus_audit_event *events; // the oldest first
  size_t n_events;
  uint64_t all;  // how many there ever were
  uint64_t lost; // how many of them are no longer held
  theus_storage storage; // owned; NULL means released or never filled
} theus_audit_events;

// ---- workflows ---------------------------------------------------------------------------------

// A workflow is loaded once, which gives a program, and started any number of times, which gives a
// run. A run is a stepper: each step says what the host does next, and takes how that went.
//
//   load -> wants; load again, with what was wanted -> a program
//   start -> a run
//   step(nothing) -> RUN | READ | SLEEP | FORK; step(answer) -> ... | DONE | FAIL
typedef uint64_t theus_flux; // a program, or a run

// theus_flux_file answers a want: what a workflow that is called says.
typedef struct theus_flux_file {
  theus_str wanted, from; // as in the want
  theus_str name; // what messages and further wants call it: the same for the same file
  theus_str text; // YAML
  theus_str error; // if it cannot be read, why; empty otherwise
} theus_flux_file;
// theus_flux_process answers a want: what can be known of a process before it runs.
typedef struct theus_flux_process {
  theus_str name;
  const theus_str *arguments; // that it takes by name
  size_t n_arguments;
  uint32_t open;    // 1: it takes arguments of any other name as well
  uint32_t unknown; // 1: there is none of this name
} theus_flux_process;
typedef struct theus_flux_text {
  theus_str name;
  theus_str text; // YAML; of a dict, JSON
  uint32_t dict;  // 1: it was built by a program: places are those inside it
  uint32_t part;  // 0, or the number of the node that holds the steps, as theus_fsm_load tells it
  const theus_flux_file *files;
  size_t n_files;
  const theus_flux_process *processes;
  size_t n_processes;
  const theus_str *names; // of processes that exist beside those of the engine, for messages
  size_t n_names;
} theus_flux_text;
typedef const theus_flux_text *theus_flux_text_in;

enum { THEUS_WANT_FILE = 1, THEUS_WANT_PROCESS = 2 };
typedef struct theus_flux_want {
  uint32_t kind; // THEUS_WANT_FILE ...
  uint32_t reserved;
  theus_str name;
  theus_str from; // FILE: the name of the text that wants it
} theus_flux_want;
typedef struct theus_flux_program {
  theus_flux program; // 0: load again, with all that is wanted
  const theus_flux_want *wants;
  size_t n_wants;
  const theus_str *processes; // that it can run; actions name them by their place here
  size_t n_processes;
  const theus_str *files; // it and those it calls
  size_t n_files;
  const theus_str *locals; // the fields of local that its conditions name
  size_t n_locals;
  uint32_t n_needs; // for theus_flux_need
  uint32_t n_steps; // for theus_flux_place
  theus_storage storage; // owned; NULL means released or never filled
} theus_flux_program;

// theus_flux_value is a value as conditions see it. A container may be told without what it holds;
// then it is asked for when a condition wants to know.
enum {
  THEUS_FLUX_NONE = 0,
  THEUS_FLUX_BOOL = 1,  // number
  THEUS_FLUX_INT = 2,   // number; with BIG text, as 0x1f or -0x1f
  THEUS_FLUX_FLOAT = 3, // real
  THEUS_FLUX_TEXT = 4,  // text; number is its length where it is no UTF-8
  THEUS_FLUX_BYTES = 5, // text
  THEUS_FLUX_LIST = 6,  // items, with TOLD; otherwise number is the length, -1 for none, and TRUTH
  THEUS_FLUX_TUPLE = 7,
  THEUS_FLUX_DICT = 8,  // key, value, key, value
  THEUS_FLUX_SET = 9,
  THEUS_FLUX_SEQUENCE = 10, // something else that has items in an order
  THEUS_FLUX_OBJECT = 11,   // anything else; never TOLD
  THEUS_FLUX_PLACE = 12,  // to the host only: what stands at path
  THEUS_FLUX_FAILED = 13  // to the kernel only: it cannot be read; text, number, ABORT as in an answer
};
enum {
  THEUS_FLUX_TOLD = 1,  // items are what it holds
  THEUS_FLUX_TRUTH = 2, // it is true
  THEUS_FLUX_BIG = 4,   // text is the number
  THEUS_FLUX_ABORT = 8, // as in an answer
  THEUS_FLUX_DOUBT = 16 // of an OBJECT: whether it is true cannot be told; real is a token, text the
                        // classes of what asking fails with
};
typedef struct theus_flux_value {
  uint32_t kind;  // THEUS_FLUX_NONE ...
  uint32_t flags; // THEUS_FLUX_TOLD ...
  int64_t number;
  double real;
  theus_str text;
  const struct theus_flux_value *items;
  size_t n_items;
  theus_segment_in path;
  size_t n_path;
} theus_flux_value;
typedef const theus_flux_value *theus_flux_values_in;

// theus_flux_need asks for what stands at a path, from the system context. An attribute, a text key
// and an index are read as the language of the host does; an index may be negative.
enum {
  THEUS_FLUX_GET = 1,   // a scalar as it is, a container untold
  THEUS_FLUX_ITEMS = 2, // what a container holds, the containers in it untold
  THEUS_FLUX_HAS = 3    // whether key is in it: BOOL
};
typedef struct theus_flux_need {
  uint32_t what; // THEUS_FLUX_GET ...
  uint32_t reserved;
  theus_segment_in path;
  size_t n_path;
  theus_flux_value key; // HAS: a scalar, or a tuple of them
} theus_flux_need;

typedef struct theus_flux_arg {
  theus_str name;
  theus_flux_value value;
} theus_flux_arg;

enum {
  THEUS_FLUX_RUN = 1,   // run a process; answer with its failure, if any
  THEUS_FLUX_READ = 2,  // answer with a reading for each need
  THEUS_FLUX_SLEEP = 3, // come back after seconds; if 0, once others had their turn
  THEUS_FLUX_FORK = 4,  // step each branch to its end, one after the other or at once; come back
  THEUS_FLUX_DONE = 5,  // the run ended well
  THEUS_FLUX_FAIL = 6   // it ended with a failure
};
enum {
  THEUS_FLUX_LESS = 1,
  THEUS_FLUX_LESS_EQUAL = 2,
  THEUS_FLUX_GREATER = 3,
  THEUS_FLUX_GREATER_EQUAL = 4,
  THEUS_FLUX_EQUAL = 5,
  THEUS_FLUX_NOT_EQUAL = 6,
  THEUS_FLUX_IS_TRUE = 7
};
#define THEUS_FLUX_NOWHERE 0xFFFFFFFFu
typedef struct theus_flux_action {
  uint32_t kind;    // THEUS_FLUX_RUN ...
  uint32_t depth;   // how many steps stand around this one
  uint32_t step;    // its number, for theus_flux_place; or THEUS_FLUX_NOWHERE
  uint32_t process; // RUN: its place among the processes of the program
  // READ, and RUN: what will be wanted if the process succeeds; a host may read it then, and answer
  // with all of the readings or none. needs is NULL where they are those numbered first, first+1 ...
  uint32_t first;
  uint32_t n_needs;
  const theus_flux_need *needs;
  // RUN, in a loop that does nothing else: a host may go round by itself. As long as a run of the
  // process succeeds, the reading of the one need is an INT without BIG that compares so with bound,
  // or with THEUS_FLUX_IS_TRUE a BOOL that is true, and it was not done so many times, it may run the
  // process again; then it answers for the last of these runs, and tells how many there were.
  uint32_t repeat; // THEUS_FLUX_LESS ...; 0: it may not
  uint32_t fresh;  // READ: 1: an evaluation begins; what is read until the next should be of one state
  int64_t bound;
  uint64_t times;
  const theus_flux_arg *args; // RUN
  size_t n_args;
  const theus_flux *branches; // FORK: runs, which the host releases too
  size_t n_branches;
  double seconds;         // SLEEP
  theus_flux_value value; // DONE, of a question; TRUTH tells whether it is true
  theus_str failed, text, place; // FAIL: the classes of the exception, one a line; its text; the step
  uint64_t token;                // FAIL: what the host said of it, 0 if it is not the host's
  theus_storage storage;         // owned; NULL means released or never filled
} theus_flux_action;

// theus_flux_answer tells how an action went. Zeroed, it begins a run, and tells of success.
typedef struct theus_flux_answer {
  theus_str failed; // RUN: the class of the exception and its bases, one a line; empty: none
  uint64_t token;   // handed back where the failure ends the run
  uint32_t abort;   // 1: no catch and no retry may stop it
  uint32_t reserved;
  uint64_t turns; // RUN with repeat: how often the process ran again
  theus_flux_values_in readings;
  size_t n_readings;
} theus_flux_answer;
typedef const theus_flux_answer *theus_flux_answer_in;

// theus_flux_options of a run.
typedef struct theus_flux_options {
  uint64_t max_loops; // iterations of all loops together; 0 means 10000
} theus_flux_options;
typedef const theus_flux_options *theus_flux_options_in;

// ---- schemas -----------------------------------------------------------------------------------

// A schema says of what type fields are. It compiles to a table of types, which the host keeps: it
// compares what was written with that, one value at a time, and asks only where the table does not
// tell. Type 0 is any, of which nothing is asked; type 1 is that of the system context.
enum { THEUS_TYPE_ANY = 0, THEUS_TYPE_ROOT = 1 };
enum {
  THEUS_TYPE_NONE = 1, // None
  THEUS_TYPE_BOOL = 2,
  THEUS_TYPE_INT = 4, // and not bool
  THEUS_TYPE_FLOAT = 8,
  THEUS_TYPE_TEXT = 16,
  THEUS_TYPE_BYTES = 32,
  THEUS_TYPE_LIST = 64,
  THEUS_TYPE_TUPLE = 128,
  THEUS_TYPE_DICT = 256,
  THEUS_TYPE_SET = 512,
  THEUS_TYPE_FROZENSET = 1024,
  THEUS_TYPE_DEQUE = 2048,
  THEUS_TYPE_BYTEARRAY = 4096,
  THEUS_TYPE_OBJECT = 8192 // anything else
};
typedef struct theus_typed_field {
  theus_str name;
  uint32_t type;
  uint32_t reserved;
} theus_typed_field;
// theus_typing is an entry of the table. A value fits if it is of a kind in accepts, or an instance
// of the class; or, where there are members, if it fits one of them, the first that it does. What
// fits is looked into: its items, the keys of a dict, its fields, which are attributes or keys. Where
// asked is 1, what fits is judged by the kernel as well.
typedef struct theus_typing {
  uint32_t accepts; // THEUS_TYPE_NONE ...
  uint32_t item;
  uint32_t key;
  uint32_t asked;
  theus_str class_name; // one of those the host named; empty for none
  const theus_typed_field *fields;
  size_t n_fields;
  const uint32_t *members;
  size_t n_members;
} theus_typing;
typedef struct theus_types {
  const theus_typing *types;
  size_t n_types;
  theus_storage storage; // owned; NULL means released or never filled
} theus_types;

// theus_schema is a text that holds one, and the classes that its types may name.
typedef struct theus_schema {
  theus_str name; // of the file, for messages
  theus_str text; // YAML
  const theus_str *classes;
  size_t n_classes;
  uint32_t built; // 1: a program made the text; messages name fields, not lines
  uint32_t reserved;
} theus_schema;
typedef const theus_schema *theus_schema_in;

// ---- functions ---------------------------------------------------------------------------------

// theus_describe fills *out with facts about the library.
//
// Returns THEUS_OK.
// Owns:   nothing; the strings live as long as the library.
// Thread: any.
extern theus_status theus_describe(theus_info *out);

// theus_built fills *out with how the library was built, for version reports and inventories.
//
// Returns THEUS_OK.
// Owns:   nothing; the strings live as long as the library.
// Thread: any.
extern theus_status theus_built(theus_build *out);

// theus_live counts the handles that are open: engines, transactions, programs and runs.
//
// Returns the count; a host that closed everything reads 0.
// Owns:   nothing.
// Thread: any.
extern uint64_t theus_live(void);

// theus_error_release frees what a failed call put into *err and zeroes it.
//
// Returns nothing. A zeroed or released error is left alone.
// Owns:   frees err->storage.
// Thread: any, one at a time for one error.
extern void theus_error_release(theus_error *err);

// theus_engine_new opens an engine.
//
// Returns THEUS_OK           *out is the engine
//         THEUS_INVALID      an option is out of range
//         THEUS_LIMIT        4096 engines are open
// Owns:   *out lives until theus_engine_close.
// Thread: any.
extern theus_status theus_engine_new(theus_options_in options, theus_engine *out, theus_error *err);

// theus_engine_close ends an engine and every transaction it still has.
//
// Returns THEUS_OK           all its handles are dead
//         THEUS_CLOSED       it was closed before
// Owns:   releases the engine; works on a poisoned one too.
// Thread: any.
extern theus_status theus_engine_close(theus_engine engine, theus_error *err);

// theus_process_register compiles a contract and files it under its name.
//
// Returns THEUS_OK           *out names the process; a former one of that name keeps running
//                            transactions valid and is no longer found
//         THEUS_INVALID      an entry is no path; the message names the entry
//         THEUS_ZONE         an input lies in a zone that cannot be one; the message names it
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   copies what it keeps of *contract.
// Thread: any.
extern theus_status theus_process_register(theus_engine engine, theus_contract_in contract,
                                           theus_process *out, theus_error *err);

// theus_process_find looks a process up by name.
//
// Returns THEUS_OK           *out names it
//         THEUS_NOT_FOUND    the message has the nearest name
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_process_find(theus_engine engine, theus_str name, theus_process *out,
                                       theus_error *err);

// theus_process_conflict tells whether the contracts of two processes let one of them write what the
// other may read or write. Two that do not conflict give the same in whatever order they run.
//
// Returns THEUS_OK           *conflict is 1 or 0
//         THEUS_NOT_FOUND    no such process
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_process_conflict(theus_engine engine, theus_process a, theus_process b,
                                           uint32_t *conflict, theus_error *err);

// theus_shape_child answers for one step below a shape. The answer never changes: cache it.
//
// Returns THEUS_OK           *out is the child's shape; its bits may be 0, which is a denial
//         THEUS_INVALID      no such shape, or a malformed segment
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_shape_child(theus_engine engine, theus_shape_id shape,
                                      theus_segment_in segment, theus_shape *out, theus_error *err);

// theus_shape_items answers once for all items of a container at a shape: every index, and every
// key that starts with no zone prefix. Not defined where THEUS_ITEMS_VARY is set.
//
// Returns as theus_shape_child.
// Owns:   nothing.
// Thread: any.
extern theus_status theus_shape_items(theus_engine engine, theus_shape_id shape, theus_shape *out,
                                      theus_error *err);

// theus_deny builds the refusal for what a process tried on a path: who, what, where, what is
// allowed instead, the nearest declared name and the fix.
//
// Returns never THEUS_OK: THEUS_READ, THEUS_WRITE, THEUS_FROZEN, THEUS_PRIVATE, THEUS_ZONE or
//         THEUS_UNSUPPORTED with *err filled, or THEUS_ENDED where tx is over, THEUS_CLOSED,
//         THEUS_POISONED, THEUS_INVALID
// Owns:   *err.
// Thread: any.
extern theus_status theus_deny(theus_engine engine, theus_tx tx, uint32_t tried,
                               theus_segment_in path, size_t n_path, theus_str detail,
                               theus_error *err);

// theus_tx_begin begins a process: process 0 is edit(), which may do everything, and
// THEUS_PROCESS_WORKFLOW the conditions of a workflow, which read everything and write nothing.
// start may be NULL for one that begins for the first time.
//
// Returns THEUS_OK           *next is RUN, or WAIT: a top-level process that lost often, or edit(),
//                            waits for another that has priority, a savepoint for another one of
//                            the same transaction
//         THEUS_LIMIT        nested deeper than max_depth, or 65,536 transactions are open
//         THEUS_ENDED        outer has ended
//         THEUS_NOT_FOUND, THEUS_CLOSED, THEUS_POISONED
// Owns:   next->tx lives until an action says it is over. outer, if not 0, is the transaction
//         this one nests in: a savepoint whose rights are cut with those of outer.
// Thread: one thread per transaction at a time; different ones may begin at once.
extern theus_status theus_tx_begin(theus_engine engine, theus_process process, theus_tx outer,
                                   theus_start_in start, theus_action *next, theus_error *err);

// theus_tx_finish reports how the process ended, what it wrote and what it read, and hands back the
// next action.
//
// Returns THEUS_OK           *next is APPLY, COMMIT, KEEP, DROP, DONE, AGAIN, or WAIT: another
//                            transaction has priority, or is being applied; nothing has happened
//         THEUS_CONFLICT     it lost and may not run again; *next is DROP, the transaction is over
//         THEUS_WRITE        a record's shape may not be written; *next is DROP, the
//                            transaction is over
//         THEUS_ENDED        tx was finished before
//         THEUS_INVALID      a record or the table of reads is malformed; *next is DROP
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   borrows the records and the reads for the call. reads may be NULL unless the outcome is
//         THEUS_RETURNED.
// Thread: one thread per transaction at a time.
extern theus_status theus_tx_finish(theus_tx tx, theus_outcome outcome, theus_records_in records,
                                    size_t n_records, theus_reads_in reads, theus_action *next,
                                    theus_error *err);

// theus_tx_report tells of a whole run that began and ended under a lease: what it wrote and how it
// ended. It stands for theus_tx_begin and theus_tx_finish.
//
// Returns as theus_tx_finish; next->tx names the transaction where *next is APPLY
// Owns:   as theus_tx_finish.
// Thread: the thread that ran the process.
extern theus_status theus_tx_report(theus_engine engine, theus_process process,
                                    theus_outcome outcome, theus_records_in records,
                                    size_t n_records, theus_reads_in reads, theus_action *next,
                                    theus_error *err);

// theus_tx_catch_up tells whether what a top-level run of a process has read still holds at the
// newest version.
//
// Returns THEUS_OK           *next is DONE: next->version has now been seen; or AGAIN: it lost. The
//                            host then drops its writes, finishes it as THEUS_INTERRUPTED if it has
//                            a transaction, and begins again
//         THEUS_CONFLICT     it lost and may not run again; finish it in the same way
//         THEUS_INVALID      the table of reads is malformed
//         THEUS_NOT_FOUND, THEUS_CLOSED, THEUS_POISONED
// Owns:   borrows the reads for the call.
// Thread: any.
extern theus_status theus_tx_catch_up(theus_engine engine, theus_process process,
                                      theus_reads_in reads, theus_action *next, theus_error *err);

// theus_tx_applied answers APPLY: whether all writes stand, or none.
//
// Returns THEUS_OK           *next is DONE with the published version, or DROP
//         THEUS_ENDED        no APPLY is pending for tx
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   tx is over.
// Thread: the thread of tx.
extern theus_status theus_tx_applied(theus_tx tx, uint32_t all_stand, theus_action *next,
                                     theus_error *err);

// theus_tx_retract takes the newest version back after a COMMIT that the host could not apply and
// has undone. Legal until the next commit; the host finishes no other transaction in between.
//
// Returns THEUS_OK           the version number will be used again
//         THEUS_ENDED        version is not the newest
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: the thread that committed.
extern theus_status theus_tx_retract(theus_engine engine, uint64_t version, theus_error *err);

// theus_counts is what happened to the transactions of an engine.
typedef struct theus_counts {
  uint64_t commits;    // versions that were made
  uint64_t conflicts;  // transactions that lost against a commit
  uint64_t retries;    // of these, those that began again
  uint64_t priorities; // ... with priority, having lost often
} theus_counts;

// theus_stats gives the counters of an engine.
//
// Returns THEUS_OK           *out holds them
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_stats(theus_engine engine, theus_counts *out, theus_error *err);

// theus_path_canonical spells a path the way the kernel prints it: "domain.a" is "domain_ctx.a".
//
// Returns THEUS_OK           *len bytes stand in buf; if *len > cap, nothing was written:
//                            call again with a buffer of *len
//         THEUS_INVALID      no path; the message points at the place
// Owns:   nothing.
// Thread: any.
extern theus_status theus_path_canonical(theus_str text, char *buf, size_t cap, size_t *len,
                                         theus_error *err);

// theus_path_spell spells segments the way the kernel prints them: those a host walked.
//
// Returns as theus_path_canonical; THEUS_INVALID for a malformed segment.
// Owns:   nothing.
// Thread: any.
extern theus_status theus_path_spell(theus_segment_in path, size_t n_path, char *buf, size_t cap,
                                     size_t *len, theus_error *err);

// theus_zone_of gives the zone of a path: that of its first segment with a zone prefix.
//
// Returns THEUS_OK           *zone is THEUS_DATA ...
//         THEUS_INVALID      no path
// Owns:   nothing.
// Thread: any.
extern theus_status theus_zone_of(theus_str path, uint32_t *zone, theus_error *err);

// theus_decide answers for a whole path what a registered process may do to it: the coarse form
// of theus_shape_child, for tools and tests.
//
// Returns THEUS_OK           *out is the shape at path
//         THEUS_INVALID      no path
//         THEUS_NOT_FOUND    no such process
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_decide(theus_engine engine, theus_process process, theus_str path,
                                 theus_shape *out, theus_error *err);

// theus_panic panics inside the kernel as a bug of ours would, so that hosts can test their
// handling of THEUS_PANIC and THEUS_POISONED.
//
// Returns THEUS_PANIC        always, or THEUS_CLOSED, THEUS_POISONED
// Owns:   *err.
// Thread: any.
extern theus_status theus_panic(theus_engine engine, theus_error *err);

// theus_heavy_scan finds facts about an array where it lies, in one pass over it, in any order and
// on all cores. Memory that others change meanwhile gives facts of a mixture.
//
// Returns THEUS_OK           *out has what was asked for
//         THEUS_INVALID      such an array cannot be: an element would lie outside of its memory
// Owns:   borrows the memory for the call, and keeps nothing.
// Thread: any; takes as long as reading the memory does. A host with a lock lets go of it first.
extern theus_status theus_heavy_scan(theus_array_in array, uint32_t ask, theus_facts *out,
                                     theus_error *err);

// theus_audit_load puts a recipe in force in place of the one before, all of it at once. A rule
// that was there before (process, gate, field, condition, limit) goes on with its count. Every
// lease and every plan ends.
//
// Returns THEUS_OK           the recipe is in force
//         THEUS_CONFIG       the message lists every problem with its place; nothing has changed
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   copies what it keeps.
// Thread: any.
extern theus_status theus_audit_load(theus_engine engine, theus_recipe_in recipe, theus_error *err);

// theus_audit_describe checks a recipe and gives it as JSON, with what it inherits; see Describe
// in core/audit.
//
// Returns THEUS_OK           *out is the text
//         THEUS_CONFIG       as theus_audit_load
// Owns:   *storage, which theus_audit_release frees; *out points into it.
// Thread: any.
extern theus_status theus_audit_describe(theus_recipe_in recipe, theus_str *out, theus_storage *storage,
                                         theus_error *err);

// theus_learn makes an engine learn contracts: what is registered from now on may do everything, and
// every place it reaches has a shape of its own.
//
// Returns THEUS_OK
//         THEUS_INVALID      the engine has processes already
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_learn(theus_engine engine, theus_error *err);

// theus_learned gives the places that were reached as JSON; see Learned in core/engine.
//
// Returns THEUS_OK           *out is the text
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   *storage, which theus_audit_release frees; *out points into it.
// Thread: any.
extern theus_status theus_learned(theus_engine engine, theus_str *out, theus_storage *storage,
                                  theus_error *err);

// theus_audit_plan gives what a gate of a process has to be handed.
//
// Returns THEUS_OK           *out is the plan; one without needs has no storage
//         THEUS_INVALID      no such gate
//         THEUS_NOT_FOUND, THEUS_CLOSED, THEUS_POISONED
// Owns:   out->storage, which theus_audit_release frees.
// Thread: any.
extern theus_status theus_audit_plan(theus_engine engine, theus_process process, uint32_t gate,
                                     theus_plan *out, theus_error *err);

// theus_audit_judge asks the rules of a gate about a run: that of tx or, if tx is 0, the one that
// the host began under a lease. values are those of the needs of the plan, in their order, then those
// of what it asked for besides; stamp is copied to the events. out->run is set before.
//
// Returns THEUS_OK           *out says whether rules were asked; go on, or hand in more
//         THEUS_AUDIT_BLOCK, THEUS_AUDIT_INTERLOCK  a rule refuses; finish the transaction with
//                            THEUS_REFUSED. There are new events
//         THEUS_INVALID      a value is malformed, or tx is not one of the process
//         THEUS_NOT_FOUND, THEUS_CLOSED, THEUS_POISONED
//         THEUS_ENDED        tx is over, or out->run was forgotten
// Owns:   borrows the values and the memory of arrays for the call; out->storage, which
//         theus_audit_release frees.
// Thread: the thread of tx. It may hold no lock that others wait for, where arrays are large.
extern theus_status theus_audit_judge(theus_engine engine, theus_process process, theus_tx tx,
                                      uint32_t gate, uint64_t generation, int64_t stamp,
                                      theus_values_in values, size_t n_values,
                                      theus_judgement *out, theus_error *err);

// theus_audit_forget ends a run that theus_audit_judge has named: it committed, failed or was
// dropped, and no attempt of it follows. One that is not known is none.
//
// Returns THEUS_OK, THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_audit_forget(theus_engine engine, uint64_t run, theus_error *err);

// theus_audit_reset ends the stop that a rule of level S caused.
//
// Returns THEUS_OK           *stopped is 1 if there was one
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_audit_reset(theus_engine engine, uint32_t *stopped, theus_error *err);

// theus_audit_stopped tells whether a rule of level S has stopped the engine.
//
// Returns THEUS_OK           *stopped is 1 or 0
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_audit_stopped(theus_engine engine, uint32_t *stopped, theus_error *err);

// theus_audit_log gives the events that a query asks for, of those that are held.
//
// Returns THEUS_OK           *out holds them
//         THEUS_INVALID      the path of the query is none
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   out->storage, which theus_audit_release frees.
// Thread: any.
extern theus_status theus_audit_log(theus_engine engine, theus_audit_query_in query,
                                    theus_audit_events *out, theus_error *err);

// theus_schema_load compiles a schema and puts it in force.
//
// Returns THEUS_OK           *out is the table
//         THEUS_CONFIG       it is malformed; the message lists every problem
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   copies what it keeps of *schema; out->storage, which theus_audit_release frees.
// Thread: any.
extern theus_status theus_schema_load(theus_engine engine, theus_schema_in schema, theus_types *out,
                                      theus_error *err);

// theus_schema_describe checks a schema, but for what its types mean, and gives it as JSON; see
// Describe in core/audit.
//
// Returns THEUS_OK           *out is the text
//         THEUS_CONFIG       as theus_schema_load
// Owns:   *storage, which theus_audit_release frees; *out points into it.
// Thread: any.
extern theus_status theus_schema_describe(theus_schema_in schema, theus_str *out,
                                          theus_storage *storage, theus_error *err);

// theus_schema_judge asks about a value that a type of the table does not accept, or that fits and
// is to be asked about. process is that which wrote it, empty for the state an engine is given;
// path is where, and may be empty in a first call, whose error nobody is shown.
//
// Returns THEUS_OK           the value is as it shall be
//         THEUS_SCHEMA       it is not; allowed is the type, nearest what the value is
//         THEUS_INVALID      no such type, no schema, or a malformed value
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   borrows the value for the call.
// Thread: any.
extern theus_status theus_schema_judge(theus_engine engine, uint32_t type, theus_values_in value,
                                       theus_str process, theus_str path, theus_error *err);

// theus_audit_release frees the storage of a plan, of a judgement, of events, of types, of a description or
// of what was learned, and zeroes it.
//
// Returns nothing. What is NULL is left alone.
// Owns:   frees *storage.
// Thread: any, one at a time for one storage.
extern void theus_audit_release(theus_storage *storage);

// theus_fsm_load checks the definition of a state machine and gives it as JSON; see Describe in
// core/fsm. The kernel keeps nothing: states, buses and threads are the host's.
//
// Returns THEUS_OK           *out is the text
//         THEUS_CONFIG       the message lists every problem with its place
//         THEUS_INVALID      the processes of the definition are not what they must be
// Owns:   *storage, which theus_audit_release frees; *out points into it.
// Thread: any.
extern theus_status theus_fsm_load(theus_definition_in definition, theus_str *out,
                                   theus_storage *storage, theus_error *err);

// theus_flux_outline gives the steps of a workflow as JSON, for those who draw it; see Outline in
// core/flux. It knows no processes and opens no other file.
//
// Returns THEUS_OK           *out is the text
//         THEUS_CONFIG       the message lists every problem with its place
// Owns:   *storage, which theus_audit_release frees; *out points into it.
// Thread: any.
extern theus_status theus_flux_outline(theus_definition_in definition, theus_str *out,
                                       theus_storage *storage, theus_error *err);

// theus_flux_load reads and checks a workflow, with all that it calls, against the processes of an
// engine.
//
// Returns THEUS_OK           *out has a program, or wants: then load again, with all of them
//         THEUS_CONFIG       the message lists every problem with its place
//         THEUS_LIMIT        a million programs and runs are open
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   out->program, which theus_flux_release ends; out->storage, which theus_flux_free frees.
//         Borrows the text and its answers for the call.
// Thread: any; takes as long as reading the text does. A host with a lock lets go of it first.
extern theus_status theus_flux_load(theus_engine engine, theus_flux_text_in text,
                                    theus_flux_program *out, theus_error *err);

// theus_flux_ask makes a program of one condition, a question: its run ends with the value.
//
// Returns as theus_flux_load; there are no wants
// Owns:   as theus_flux_load.
// Thread: any.
extern theus_status theus_flux_ask(theus_engine engine, theus_str condition, theus_flux_program *out,
                                   theus_error *err);

// theus_flux_need_of tells a need of a program by its number. It never changes: cache it.
//
// Returns THEUS_OK           *out is the need
//         THEUS_INVALID      there is none of this number
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   *storage, which theus_flux_free frees; *out points into it.
// Thread: any.
extern theus_status theus_flux_need_of(theus_flux program, uint32_t number, theus_flux_need *out,
                                       theus_storage *storage, theus_error *err);

// theus_flux_place tells where a step stands: file:line:column, or its place in a dict.
//
// Returns as theus_flux_need_of.
// Owns:   *storage, which theus_flux_free frees; *out points into it.
// Thread: any.
extern theus_status theus_flux_place(theus_flux program, uint32_t step, theus_str *out,
                                     theus_storage *storage, theus_error *err);

// theus_flux_start begins a run of a program. Nothing happens before its first step.
//
// Returns THEUS_OK           *out is the run
//         THEUS_LIMIT        a million programs and runs are open
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   *out lives until theus_flux_release; the program may be released before.
// Thread: any.
extern theus_status theus_flux_start(theus_flux program, theus_flux_options_in options,
                                     theus_flux *out, theus_error *err);

// theus_flux_step takes the answer to the action before and gives the next one. After DONE and FAIL
// it gives the same again.
//
// Returns THEUS_OK           *out is the action
//         THEUS_INVALID      an answer is malformed; nothing has happened
//         THEUS_BUSY         another thread steps the run
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   out->storage, which theus_flux_free frees. Borrows the answer for the call.
// Thread: one at a time for one run.
extern theus_status theus_flux_step(theus_flux run, theus_flux_answer_in answer,
                                    theus_flux_action *out, theus_error *err);

// theus_flux_cancel ends a run at its next step, as an exception that nothing catches would: what
// stands under finally runs. Its branches end with it.
//
// Returns THEUS_OK, THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any, also while another one steps the run.
extern theus_status theus_flux_cancel(theus_flux run, theus_error *err);

// theus_flux_loops counts the iterations that a run has made.
//
// Returns THEUS_OK, THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: any.
extern theus_status theus_flux_loops(theus_flux run, uint64_t *out, theus_error *err);

// theus_flux_holds tells whether a run may still end with a failure of the host. Those that were
// caught it never does: the host may let go of them.
//
// Returns THEUS_OK           *out is 1 or 0
//         THEUS_CLOSED, THEUS_POISONED
// Owns:   nothing.
// Thread: that of the run, while no branch of it is stepped; after an action that is no READ.
extern theus_status theus_flux_holds(theus_flux run, uint64_t token, uint32_t *out, theus_error *err);

// theus_flux_release ends a program or a run; it may be one of an engine that was closed.
//
// Returns nothing. A handle that was released is left alone.
// Owns:   ends the handle.
// Thread: any, once no step of it runs.
extern void theus_flux_release(theus_flux handle);

// theus_flux_free frees the storage of a program, an action, a need or a place, and zeroes it.
//
// Returns nothing. What is NULL is left alone.
// Owns:   frees *storage.
// Thread: any, one at a time for one storage.
extern void theus_flux_free(theus_storage *storage);

// ---- the table ---------------------------------------------------------------------------------

// theus_api is the one door. It only ever grows at its end; struct_size tells how far it goes.
typedef struct theus_api {
  uint32_t abi_version;
  uint32_t struct_size;
  theus_status (*describe)(theus_info *);
  uint64_t (*live)(void);
  void (*error_release)(theus_error *);
  theus_status (*engine_new)(theus_options_in, theus_engine *, theus_error *);
  theus_status (*engine_close)(theus_engine, theus_error *);
  theus_status (*process_register)(theus_engine, theus_contract_in, theus_process *, theus_error *);
  theus_status (*process_find)(theus_engine, theus_str, theus_process *, theus_error *);
  theus_status (*shape_child)(theus_engine, theus_shape_id, theus_segment_in, theus_shape *,
                              theus_error *);
  theus_status (*shape_items)(theus_engine, theus_shape_id, theus_shape *, theus_error *);
  theus_status (*deny)(theus_engine, theus_tx, uint32_t, theus_segment_in, size_t, theus_str,
                       theus_error *);
  theus_status (*tx_begin)(theus_engine, theus_process, theus_tx, theus_start_in, theus_action *,
                           theus_error *);
  theus_status (*tx_finish)(theus_tx, theus_outcome, theus_records_in, size_t, theus_reads_in,
                            theus_action *, theus_error *);
  theus_status (*tx_report)(theus_engine, theus_process, theus_outcome, theus_records_in, size_t,
                            theus_reads_in, theus_action *, theus_error *);
  theus_status (*tx_catch_up)(theus_engine, theus_process, theus_reads_in, theus_action *,
                              theus_error *);
  theus_status (*tx_applied)(theus_tx, uint32_t, theus_action *, theus_error *);
  theus_status (*tx_retract)(theus_engine, uint64_t, theus_error *);
  theus_status (*stats)(theus_engine, theus_counts *, theus_error *);
  theus_status (*path_canonical)(theus_str, char *, size_t, size_t *, theus_error *);
  theus_status (*path_spell)(theus_segment_in, size_t, char *, size_t, size_t *, theus_error *);
  theus_status (*zone_of)(theus_str, uint32_t *, theus_error *);
  theus_status (*decide)(theus_engine, theus_process, theus_str, theus_shape *, theus_error *);
  theus_status (*panic)(theus_engine, theus_error *);
  theus_status (*heavy_scan)(theus_array_in, uint32_t, theus_facts *, theus_error *);
  theus_status (*audit_load)(theus_engine, theus_recipe_in, theus_error *);
  theus_status (*audit_describe)(theus_recipe_in, theus_str *, theus_storage *, theus_error *);
  theus_status (*audit_plan)(theus_engine, theus_process, uint32_t, theus_plan *, theus_error *);
  theus_status (*audit_judge)(theus_engine, theus_process, theus_tx, uint32_t, uint64_t, int64_t,
                              theus_values_in, size_t, theus_judgement *, theus_error *);
  theus_status (*audit_forget)(theus_engine, uint64_t, theus_error *);
  theus_status (*audit_reset)(theus_engine, uint32_t *, theus_error *);
  theus_status (*audit_stopped)(theus_engine, uint32_t *, theus_error *);
  theus_status (*audit_log)(theus_engine, theus_audit_query_in, theus_audit_events *, theus_error *);
  void (*audit_release)(theus_storage *);
  theus_status (*built)(theus_build *);
  theus_status (*fsm_load)(theus_definition_in, theus_str *, theus_storage *, theus_error *);
  theus_status (*flux_outline)(theus_definition_in, theus_str *, theus_storage *, theus_error *);
  theus_status (*flux_load)(theus_engine, theus_flux_text_in, theus_flux_program *, theus_error *);
  theus_status (*flux_ask)(theus_engine, theus_str, theus_flux_program *, theus_error *);
  theus_status (*flux_need_of)(theus_flux, uint32_t, theus_flux_need *, theus_storage *, theus_error *);
  theus_status (*flux_place)(theus_flux, uint32_t, theus_str *, theus_storage *, theus_error *);
  theus_status (*flux_start)(theus_flux, theus_flux_options_in, theus_flux *, theus_error *);
  theus_status (*flux_step)(theus_flux, theus_flux_answer_in, theus_flux_action *, theus_error *);
  theus_status (*flux_cancel)(theus_flux, theus_error *);
  theus_status (*flux_loops)(theus_flux, uint64_t *, theus_error *);
  theus_status (*flux_holds)(theus_flux, uint64_t, uint32_t *, theus_error *);
  void (*flux_release)(theus_flux);
  void (*flux_free)(theus_storage *);
  theus_status (*learn)(theus_engine, theus_error *);
  theus_status (*learned)(theus_engine, theus_str *, theus_storage *, theus_error *);
  theus_status (*schema_load)(theus_engine, theus_schema_in, theus_types *, theus_error *);
  theus_status (*schema_describe)(theus_schema_in, theus_str *, theus_storage *, theus_error *);
  theus_status (*schema_judge)(theus_engine, uint32_t, theus_values_in, theus_str, theus_str,
                               theus_error *);
  theus_status (*process_conflict)(theus_engine, theus_process, theus_process, uint32_t *,
                                   theus_error *);
} theus_api;

// theus_get_api returns the table for an ABI version, or NULL if this library does not speak it.
// It starts nothing; the first call through the table waits for the Go runtime.
//
// Returns the table; static, never freed.
// Owns:   nothing.
// Thread: any.
extern const theus_api *theus_get_api(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif // THEUS_H
