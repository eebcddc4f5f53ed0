//go:build ignore

// driver.c: a host in C, as small as can be. It holds theus.h to its word.
//
//   driver LIB                 checks what each function promises; prints each broken promise
//   driver LIB bench [ROUNDS]  prints nanoseconds per crossing
//
// Objects a host would hold are left out: what crosses the border is numbers, spans and records.
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../theus.h"

static const theus_api *api;
static int broken;

#define CHECK(promise)                                                           \
  do {                                                                           \
    if (!(promise)) {                                                            \
      broken++;                                                                  \
      fprintf(stderr, "%s:%d: broken: %s\n", __func__, __LINE__, #promise);      \
    }                                                                            \
  } while (0)

static theus_str str(const char *text) { return (theus_str){text, strlen(text)}; }

// says tells whether an error's message contains text.
static bool says(const theus_error *err, const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; i + n <= err->message.len; i++) {
    if (memcmp(err->message.data + i, text, n) == 0) return true;
  }
  return false;
}

// same tells whether a span holds exactly text.
static bool same(theus_str span, const char *text) {
  return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

// REFUSED checks that a call fails with a status, fills the error, and that releasing it twice is
// harmless. TEXT must be in the message.
#define REFUSED(STATUS, TEXT, CALL)                                              \
  do {                                                                           \
    theus_error err = {0};                                                       \
    theus_status got = (CALL);                                                   \
    CHECK(got == (STATUS));                                                      \
    CHECK(err.storage != NULL && err.message.len > 0);                           \
    if (got != (STATUS) || !says(&err, TEXT))                                    \
      broken++, fprintf(stderr, "%s:%d: status %d, message: %.*s\n", __func__,   \
                        __LINE__, (int)got, (int)err.message.len,                \
                        err.message.len ? err.message.data : "");                \
    api->error_release(&err);                                                    \
    CHECK(err.storage == NULL && err.message.data == NULL);                      \
    api->error_release(&err);                                                    \
  } while (0)

// OK checks that a call succeeds and leaves the error alone.
#define OK(CALL)                                                                 \
  do {                                                                           \
    theus_error err = {0};                                                       \
    theus_status got = (CALL);                                                   \
    if (got != THEUS_OK)                                                         \
      broken++, fprintf(stderr, "%s:%d: status %d: %.*s\n", __func__, __LINE__,  \
                        (int)got, (int)err.message.len,                          \
                        err.message.len ? err.message.data : "");                \
    CHECK(err.storage == NULL);                                                  \
    api->error_release(&err);                                                    \
  } while (0)

// ---- small helpers ------------------------------------------------------------------------------

static theus_engine open_engine(void) {
  theus_engine engine = 0;
  OK(api->engine_new(NULL, &engine, &err));
  return engine;
}

static theus_process process(theus_engine engine, const char *name, const char *in, const char *out) {
  theus_str inputs[1] = {str(in ? in : "")}, outputs[1] = {str(out ? out : "")};
  theus_contract c = {.name = str(name), .inputs = inputs, .n_inputs = in != NULL,
                      .outputs = outputs, .n_outputs = out != NULL};
  theus_process p = 0;
  OK(api->process_register(engine, &c, &p, &err));
  return p;
}

static theus_engine used; // where something began last

static theus_action begin(theus_engine engine, theus_process p, theus_tx outer) {
  used = engine;
  theus_action next = {0};
  OK(api->tx_begin(engine, p, outer, NULL, &next, &err));
  return next;
}

// A transaction beside which no other is open, and which read nothing.
static theus_reads alone = {.oldest = THEUS_ALONE};

static const theus_reads *reads_of(theus_engine engine) {
  theus_counts counts = {0};
  theus_error none = {0};
  (void)api->stats(engine, &counts, &none); // of an engine that is closed or poisoned: all 0
  api->error_release(&none);
  alone.seen = counts.commits; // as many as there are versions
  return &alone;
}
#define READS reads_of(engine)

static theus_action finish(theus_tx tx, theus_outcome how, const theus_record *log, size_t n) {
  theus_action next = {0};
  OK(api->tx_finish(tx, how, log, n, reads_of(used), &next, &err));
  return next;
}

static theus_shape child(theus_engine engine, theus_shape from, const char *name) {
  theus_segment seg = {.kind = THEUS_ATTR, .text = str(name)};
  theus_shape out = {0};
  OK(api->shape_child(engine, from.id, &seg, &out, &err));
  return out;
}

static theus_record set(theus_shape shape) {
  return (theus_record){.op = THEUS_OP_SET, .shape = shape.id, .object = 1, .key = 7};
}

// ---- the promises -------------------------------------------------------------------------------

static void table(theus_api *(*get)(uint32_t)) {
  CHECK(get(THEUS_ABI_VERSION + 1) == NULL);
  CHECK(get(0) == NULL);
  CHECK(api->abi_version == THEUS_ABI_VERSION);
  CHECK(api->struct_size == sizeof(theus_api));
  const unsigned char *functions = (const unsigned char *)api + offsetof(theus_api, describe);
  for (size_t i = 0; i < sizeof *api - offsetof(theus_api, describe); i += sizeof(void *)) {
    void *function;
    memcpy(&function, functions + i, sizeof function);
    CHECK(function != NULL);
  }
  theus_info info = {0};
  CHECK(api->describe(&info) == THEUS_OK);
  CHECK(info.version && info.version[0] != 0);
  CHECK(info.go_version && strncmp(info.go_version, "go", 2) == 0);
  CHECK(info.zone_prefixes && strcmp(info.zone_prefixes, "sig_ cmd_ meta_ heavy_") == 0);
  theus_info again = {0};
  CHECK(api->describe(&again) == THEUS_OK && again.version == info.version);
  theus_build build = {0};
  CHECK(api->built(&build) == THEUS_OK);
  CHECK(build.platform && strchr(build.platform, '/') != NULL);
  CHECK(build.modules && strstr(build.modules, "gopkg.in/yaml.v3 v") != NULL);
  CHECK(build.settings && strstr(build.settings, "CGO_ENABLED=1\n") != NULL);
  CHECK(api->live() == 0);
}

static void engines(void) {
  theus_options zero = {0}, wild = {.max_depth = 4000000000u};
  theus_engine a = 0, b = 0;
  OK(api->engine_new(&zero, &a, &err));
  OK(api->engine_new(NULL, &b, &err));
  CHECK(a != b && a > UINT32_MAX && b > UINT32_MAX);
  CHECK(api->live() == 2);
  theus_engine untouched = 5;
  REFUSED(THEUS_INVALID, "max_depth", api->engine_new(&wild, &untouched, &err));
  CHECK(untouched == 5);
  OK(api->engine_close(a, &err));
  REFUSED(THEUS_CLOSED, "closed", api->engine_close(a, &err));
  // The table uses a's place again; the old handle still leads nowhere.
  theus_engine c = open_engine();
  REFUSED(THEUS_CLOSED, "closed", api->engine_close(a, &err));
  theus_engine never[] = {0, 1, 42, UINT64_MAX, b ^ (1ull << 63)};
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
    REFUSED(THEUS_CLOSED, "closed", api->engine_close(never[i], &err));
  }
  OK(api->engine_close(b, &err));
  OK(api->engine_close(c, &err));
  CHECK(api->live() == 0);
}

static void contracts(void) {
  theus_engine engine = open_engine();
  theus_process debit = process(engine, "debit", "domain.rate", "domain.balance");
  theus_process found = 0;
  OK(api->process_find(engine, str("debit"), &found, &err));
  CHECK(found == debit && debit != 0);
  REFUSED(THEUS_NOT_FOUND, "debit", api->process_find(engine, str("debt"), &found, &err));
  CHECK(process(engine, "debit", NULL, "domain.balance") != debit);

  theus_str bad[1] = {str("domain..x")}, signal[1] = {str("domain.sig_stop")};
  theus_contract c = {.name = str("p"), .inputs = bad, .n_inputs = 1};
  theus_process out = 9;
  REFUSED(THEUS_INVALID, "domain..x", api->process_register(engine, &c, &out, &err));
  c.inputs = signal;
  REFUSED(THEUS_ZONE, "sig_stop", api->process_register(engine, &c, &out, &err));
  c.inputs = NULL;
  REFUSED(THEUS_INVALID, "inputs", api->process_register(engine, &c, &out, &err));
  REFUSED(THEUS_INVALID, "NULL", api->process_register(engine, NULL, &out, &err));
  CHECK(out == 9);
  OK(api->engine_close(engine, &err));
}

static void paths(void) {
  char buf[64];
  size_t len = 0;
  OK(api->path_canonical(str("domain.a"), buf, sizeof buf, &len, &err));
  CHECK(len == 12 && memcmp(buf, "domain_ctx.a", 12) == 0);
  buf[0] = '#';
  OK(api->path_canonical(str("domain.a"), buf, 3, &len, &err));
  CHECK(len == 12 && buf[0] == '#');
  OK(api->path_canonical(str("domain.a"), NULL, 0, &len, &err));
  CHECK(len == 12);
  REFUSED(THEUS_INVALID, "", api->path_canonical(str("a..b"), buf, sizeof buf, &len, &err));
  theus_segment walked[3] = {{.kind = THEUS_ATTR, .text = str("domain_ctx")},
                             {.kind = THEUS_TEXT, .text = str("a.b")},
                             {.kind = THEUS_INT, .number = -1}};
  OK(api->path_spell(walked, 3, buf, sizeof buf, &len, &err));
  CHECK(len == 21 && memcmp(buf, "domain_ctx[\"a.b\"][-1]", len) == 0);
  buf[0] = '#';
  OK(api->path_spell(walked, 3, buf, len - 1, &len, &err));
  CHECK(len == 21 && buf[0] == '#');
  REFUSED(THEUS_INVALID, "segments", api->path_spell(NULL, 3, buf, sizeof buf, &len, &err));
  walked[1].kind = 0;
  REFUSED(THEUS_INVALID, "kind", api->path_spell(walked, 3, buf, sizeof buf, &len, &err));
  uint32_t zone = 99;
  OK(api->zone_of(str("domain.heavy_net.meta_loss"), &zone, &err));
  CHECK(zone == THEUS_HEAVY);
  OK(api->zone_of(str("domain.cmd_go"), &zone, &err));
  CHECK(zone == THEUS_SIGNAL);
  REFUSED(THEUS_INVALID, "NULL", api->zone_of((theus_str){NULL, 3}, &zone, &err));
}

static void shapes(void) {
  theus_engine engine = open_engine();
  theus_process p = process(engine, "p", "domain.rate", "domain.account");
  theus_action run = begin(engine, p, 0);
  theus_shape domain = child(engine, run.root, "domain_ctx");
  CHECK((domain.bits & (THEUS_MAY_READ | THEUS_MAY_WRITE | THEUS_MAY_WALK)) == THEUS_MAY_WALK);
  CHECK(domain.layer == THEUS_LAYER_DOMAIN);
  CHECK(child(engine, run.root, "domain").id == domain.id);
  theus_shape account = child(engine, domain, "account"), rate = child(engine, domain, "rate");
  CHECK((account.bits & (THEUS_MAY_READ | THEUS_MAY_WRITE)) == (THEUS_MAY_READ | THEUS_MAY_WRITE));
  CHECK((rate.bits & (THEUS_MAY_READ | THEUS_MAY_WRITE)) == THEUS_MAY_READ);
  CHECK((child(engine, domain, "other").bits & ~THEUS_IS_PRIVATE) == 0);
  theus_shape items = {0}, again = {0};
  OK(api->shape_items(engine, account.id, &items, &err));
  OK(api->shape_items(engine, account.id, &again, &err));
  CHECK(items.id == again.id && items.bits & THEUS_MAY_WRITE);
  theus_segment seg = {.kind = 9};
  REFUSED(THEUS_INVALID, "kind", api->shape_child(engine, domain.id, &seg, &items, &err));
  seg.kind = THEUS_ATTR;
  REFUSED(THEUS_INVALID, "shape", api->shape_child(engine, 123456, &seg, &items, &err));
  theus_shape decided = {0};
  OK(api->decide(engine, p, str("domain.account.x[3]"), &decided, &err));
  CHECK(decided.bits & THEUS_MAY_WRITE);
  REFUSED(THEUS_NOT_FOUND, "process", api->decide(engine, 77, str("domain"), &decided, &err));

  theus_segment path[2] = {{.kind = THEUS_ATTR, .text = str("domain_ctx")},
                           {.kind = THEUS_ATTR, .text = str("acount")}};
  REFUSED(THEUS_WRITE, "acount",
          api->deny(engine, run.tx, THEUS_TRY_WRITE, path, 2, str(""), &err));
  REFUSED(THEUS_READ, "account", api->deny(engine, run.tx, THEUS_TRY_READ, path, 2, str(""), &err));
  theus_error parts = {0};
  CHECK(api->deny(engine, run.tx, THEUS_TRY_READ, path, 2, str(""), &parts) == THEUS_READ);
  CHECK(same(parts.process, "p") && same(parts.path, "domain_ctx.acount"));
  CHECK(same(parts.operation, "read") && same(parts.nearest, "domain_ctx.account"));
  CHECK(same(parts.allowed, "domain_ctx.rate\ndomain_ctx.account"));
  api->error_release(&parts);
  CHECK(parts.operation.data == NULL && parts.nearest.len == 0 && parts.allowed.len == 0);
  REFUSED(THEUS_INVALID, "", api->deny(engine, run.tx, 99, path, 2, str(""), &err));
  finish(run.tx, THEUS_REFUSED, NULL, 0);
  REFUSED(THEUS_ENDED, "ended", api->deny(engine, run.tx, THEUS_TRY_READ, path, 2, str(""), &err));
  OK(api->engine_close(engine, &err));
}

static void learning(void) {
  theus_engine engine = open_engine(), late = open_engine();
  OK(api->learn(engine, &err));
  theus_process p = process(engine, "p", NULL, NULL);
  theus_action run = begin(engine, p, 0);
  theus_shape domain = child(engine, run.root, "domain_ctx"), n = child(engine, domain, "n");
  CHECK(n.bits & THEUS_MAY_WRITE && n.flags & THEUS_LEARNS && n.id != domain.id);
  CHECK(child(engine, domain, "n").id == n.id);
  finish(run.tx, THEUS_RETURNED, NULL, 0);
  theus_str json = {0};
  theus_storage storage = NULL;
  OK(api->learned(engine, &json, &storage, &err));
  CHECK(json.len > 2 && json.data[0] == '[' && storage != NULL);
  api->audit_release(&storage);
  REFUSED(THEUS_INVALID, "storage", api->learned(engine, NULL, NULL, &err));
  OK(api->learned(late, &json, &storage, &err));
  CHECK(same(json, "[]"));
  api->audit_release(&storage);
  process(late, "p", NULL, NULL);
  REFUSED(THEUS_INVALID, "first process", api->learn(late, &err));
  OK(api->engine_close(engine, &err));
  OK(api->engine_close(late, &err));
}

static void commits(void) {
  theus_engine engine = open_engine();
  theus_process p = process(engine, "p", "domain.rate", "domain.account");
  theus_action run = begin(engine, p, 0);
  CHECK(run.kind == THEUS_RUN && run.tx > UINT32_MAX && run.version == 0);
  theus_action beside = begin(engine, p, 0);
  CHECK(beside.kind == THEUS_RUN && api->live() == 3);
  CHECK(finish(beside.tx, THEUS_REFUSED, NULL, 0).kind == THEUS_DROP);
  theus_shape domain = child(engine, run.root, "domain_ctx");
  theus_record log[2] = {set(child(engine, domain, "account")), set(child(engine, domain, "rate"))};

  theus_action next = finish(run.tx, THEUS_RETURNED, log, 1);
  CHECK(next.kind == THEUS_COMMIT && next.version == 1 && next.raise == THEUS_RAISE_NOTHING);
  REFUSED(THEUS_ENDED, "ended", api->tx_finish(run.tx, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  OK(api->tx_retract(engine, 1, &err));
  REFUSED(THEUS_ENDED, "version", api->tx_retract(engine, 1, &err));

  run = begin(engine, p, 0);
  CHECK(finish(run.tx, THEUS_RETURNED, log, 1).version == 1);
  REFUSED(THEUS_ENDED, "version", api->tx_retract(engine, 0, &err));
  run = begin(engine, p, 0);
  next = finish(run.tx, THEUS_RETURNED, NULL, 0);
  CHECK(next.kind == THEUS_DONE && next.version == 0);

  // A record that must not be there ends the transaction.
  run = begin(engine, p, 0);
  REFUSED(THEUS_WRITE, "record 1", api->tx_finish(run.tx, THEUS_RETURNED, log, 2, READS, &next, &err));
  CHECK(next.kind == THEUS_DROP);
  run = begin(engine, p, 0);
  theus_record odd = log[0];
  odd.op = THEUS_OP_LAST + 1;
  next.kind = 0;
  REFUSED(THEUS_INVALID, "operation", api->tx_finish(run.tx, THEUS_RETURNED, &odd, 1, READS, &next, &err));
  CHECK(next.kind == THEUS_DROP);

  // Writes that may run user code are tried first.
  log[0].flags = THEUS_RECORD_FOREIGN;
  for (uint32_t stand = 0; stand < 2; stand++) {
    run = begin(engine, p, 0);
    next = finish(run.tx, THEUS_RETURNED, log, 1);
    CHECK(next.kind == THEUS_APPLY && next.version == 2);
    beside = begin(engine, p, 0);
    theus_record plain = log[0];
    plain.flags = 0;
    CHECK(finish(beside.tx, THEUS_RETURNED, &plain, 1).kind == THEUS_WAIT);
    CHECK(finish(beside.tx, THEUS_REFUSED, NULL, 0).kind == THEUS_DROP);
    OK(api->tx_applied(run.tx, stand, &next, &err));
    CHECK(next.kind == (stand ? THEUS_DONE : THEUS_DROP));
    CHECK(next.version == (stand ? 2u : 0u));
    CHECK(next.raise == (stand ? THEUS_RAISE_NOTHING : THEUS_RAISE_AS_IS));
    REFUSED(THEUS_ENDED, "ended", api->tx_applied(run.tx, stand, &next, &err));
  }

  static const struct { theus_outcome how; uint32_t raise; } ends[] = {
      {THEUS_DECLARED, THEUS_RAISE_AS_IS},    {THEUS_UNDECLARED, THEUS_RAISE_WRAPPED},
      {THEUS_REFUSED, THEUS_RAISE_AS_IS},     {THEUS_INTERRUPTED, THEUS_RAISE_AS_IS},
      {THEUS_UNSTARTED, THEUS_RAISE_AS_IS}};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    run = begin(engine, p, 0);
    next = finish(run.tx, ends[i].how, log, 1);
    CHECK(next.kind == THEUS_DROP && next.raise == ends[i].raise);
  }
  CHECK(api->live() == 1);
  OK(api->engine_close(engine, &err));
}

static void leases(void) {
  theus_engine engine = open_engine();
  theus_process p = process(engine, "p", "domain.rate", "domain.account");
  theus_action edit = begin(engine, 0, 0), next = {0};
  CHECK(edit.leased == 0);
  CHECK(begin(engine, p, edit.tx).leased == 0); // only what nests in nothing
  OK(api->engine_close(engine, &err));

  engine = open_engine();
  p = process(engine, "p", "domain.rate", "domain.account");
  theus_action run = begin(engine, p, 0);
  CHECK(run.leased == 1);
  theus_shape domain = child(engine, run.root, "domain_ctx");
  theus_record log = set(child(engine, domain, "account")), bad = set(child(engine, domain, "rate"));
  theus_action block = begin(engine, 0, 0);
  OK(api->tx_report(engine, p, THEUS_RETURNED, &log, 1, READS, &next, &err));
  CHECK(next.kind == THEUS_WAIT); // a block has priority
  CHECK(finish(block.tx, THEUS_INTERRUPTED, NULL, 0).kind == THEUS_DROP);
  CHECK(finish(run.tx, THEUS_RETURNED, NULL, 0).kind == THEUS_DONE);

  OK(api->tx_report(engine, p, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  CHECK(next.kind == THEUS_DONE && next.version == 0);
  OK(api->tx_report(engine, p, THEUS_RETURNED, &log, 1, READS, &next, &err));
  CHECK(next.kind == THEUS_COMMIT && next.version == 1);
  OK(api->tx_retract(engine, 1, &err));
  OK(api->tx_report(engine, p, THEUS_UNDECLARED, &log, 1, READS, &next, &err));
  CHECK(next.kind == THEUS_DROP && next.raise == THEUS_RAISE_WRAPPED);
  REFUSED(THEUS_WRITE, "record 0", api->tx_report(engine, p, THEUS_RETURNED, &bad, 1, READS, &next, &err));
  CHECK(next.kind == THEUS_DROP);
  REFUSED(THEUS_NOT_FOUND, "process", api->tx_report(engine, 77, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  CHECK(api->live() == 1);

  log.flags = THEUS_RECORD_FOREIGN;
  OK(api->tx_report(engine, p, THEUS_RETURNED, &log, 1, READS, &next, &err));
  CHECK(next.kind == THEUS_APPLY && next.version == 1 && next.tx != 0);
  OK(api->tx_applied(next.tx, 1, &next, &err));
  CHECK(next.kind == THEUS_DONE && next.version == 1);
  OK(api->engine_close(engine, &err));
}

// The first to commit wins; who lost hears of it, and against whom where it matters.
static void conflicts(void) {
  theus_engine engine = open_engine();
  theus_process p = process(engine, "p", NULL, "domain.a");
  theus_str out[1] = {str("domain.a")};
  theus_contract contract = {.name = str("sends"), .outputs = out, .n_outputs = 1, .side_effects = 1};
  theus_process sends = 0;
  OK(api->process_register(engine, &contract, &sends, &err));
  theus_read slots[4] = {{1, THEUS_ANY_KEY}, {1, 16}, {1, THEUS_ANY_KEY}, {1, 16}};
  theus_reads reads = {.slots = slots, .n_slots = 4};
  theus_action slow = begin(engine, p, 0), loud = begin(engine, sends, 0), next = {0};
  CHECK(slow.reader == 0);
  theus_record log = set(child(engine, child(engine, slow.root, "domain_ctx"), "a"));
  theus_record loud_log = set(child(engine, child(engine, loud.root, "domain_ctx"), "a"));
  log.object = loud_log.object = 1;
  log.key = loud_log.key = 16;
  OK(api->tx_report(engine, p, THEUS_RETURNED, &log, 1, &reads, &next, &err));
  CHECK(next.kind == THEUS_COMMIT && next.version == 1);

  OK(api->tx_catch_up(engine, p, &reads, &next, &err));
  CHECK(next.kind == THEUS_AGAIN);
  OK(api->tx_finish(slow.tx, THEUS_RETURNED, &log, 1, &reads, &next, &err));
  CHECK(next.kind == THEUS_AGAIN);
  REFUSED(THEUS_CONFLICT, "process 'p', which committed version 1",
          api->tx_finish(loud.tx, THEUS_RETURNED, &loud_log, 1, &reads, &next, &err));
  CHECK(next.kind == THEUS_DROP);
  slots[1].key = slots[3].key = 20; // another field
  OK(api->tx_catch_up(engine, p, &reads, &next, &err));
  CHECK(next.kind == THEUS_DONE && next.version == 1);
  reads.n_slots = 3;
  REFUSED(THEUS_INVALID, "slots", api->tx_catch_up(engine, p, &reads, &next, &err));

  theus_start again = {.lost = 100}, hasty = {.lost = 100, .hasty = 1};
  OK(api->tx_begin(engine, p, 0, &again, &next, &err));
  CHECK(next.kind == THEUS_RUN && next.leased == 0);
  OK(api->tx_begin(engine, p, 0, &again, &slow, &err));
  CHECK(slow.kind == THEUS_WAIT);
  OK(api->tx_begin(engine, p, 0, &hasty, &slow, &err));
  CHECK(slow.kind == THEUS_RUN);
  theus_counts counts = {0};
  OK(api->stats(engine, &counts, &err));
  CHECK(counts.commits == 1 && counts.conflicts == 3 && counts.retries == 2 && counts.priorities == 1);
  OK(api->engine_close(engine, &err));
}

static void nesting(void) {
  theus_options shallow = {.max_depth = 3};
  theus_engine engine = 0, other = open_engine();
  OK(api->engine_new(&shallow, &engine, &err));
  theus_process outer = process(engine, "outer", NULL, "domain.a");
  theus_process inner = process(engine, "inner", NULL, "domain");
  theus_action a = begin(engine, outer, 0), b = begin(engine, inner, a.tx), next = {0};
  theus_shape domain = child(engine, b.root, "domain_ctx");
  CHECK(child(engine, domain, "a").bits & THEUS_MAY_WRITE);
  CHECK(child(engine, domain, "b").bits == 0);
  REFUSED(THEUS_ENDED, "inside", api->tx_finish(a.tx, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  theus_action c = begin(engine, inner, b.tx);
  REFUSED(THEUS_LIMIT, "nested", api->tx_begin(engine, inner, c.tx, NULL, &next, &err));
  CHECK(finish(c.tx, THEUS_UNDECLARED, NULL, 0).kind == THEUS_DROP);
  theus_record log = set(child(engine, domain, "a"));
  CHECK(finish(b.tx, THEUS_RETURNED, &log, 1).kind == THEUS_KEEP);
  REFUSED(THEUS_ENDED, "ended", api->tx_begin(engine, inner, b.tx, NULL, &next, &err));
  REFUSED(THEUS_CLOSED, "engine", api->tx_begin(other, 0, a.tx, NULL, &next, &err));
  CHECK(finish(a.tx, THEUS_RETURNED, &log, 1).kind == THEUS_COMMIT);

  // An engine that is closed takes its transactions with it, also when its place is used again.
  a = begin(engine, 0, 0);
  CHECK(api->live() == 3);
  OK(api->engine_close(engine, &err));
  REFUSED(THEUS_CLOSED, "closed", api->tx_finish(a.tx, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  engine = open_engine();
  b = begin(engine, 0, 0);
  CHECK(b.tx != a.tx);
  REFUSED(THEUS_ENDED, "ended", api->tx_finish(a.tx, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  REFUSED(THEUS_CLOSED, "closed", api->tx_finish(engine, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  OK(api->engine_close(engine, &err));
  OK(api->engine_close(other, &err));
  CHECK(api->live() == 0);
}

// arrays are read where they lie; what cannot be is refused before anything is read.
static void arrays(void) {
  float numbers[6] = {3, -1, 2, 7, 0, 5};
  int64_t shape[2] = {3, 2}, strides[2] = {8, 4};
  theus_array array = {.memory = numbers, .len = sizeof numbers, .kind = THEUS_ELEMENT_FLOAT,
                       .size = 4, .n_dims = 2, .shape = shape, .strides = strides};
  theus_facts facts = {0};
  double least, greatest;
  OK(api->heavy_scan(&array, THEUS_ASK_EXTREME, &facts, &err));
  memcpy(&least, &facts.least, sizeof least);
  memcpy(&greatest, &facts.greatest, sizeof greatest);
  CHECK(facts.finite && !facts.nan && !facts.empty && least == -1 && greatest == 7);
  numbers[5] = (float)(1e300 * 1e300);
  OK(api->heavy_scan(&array, THEUS_ASK_FINITE, &facts, &err));
  CHECK(!facts.finite);
  strides[0] = -8;
  REFUSED(THEUS_INVALID, "outside", api->heavy_scan(&array, THEUS_ASK_FINITE, &facts, &err));
  array.first = 16;
  OK(api->heavy_scan(&array, THEUS_ASK_EXTREME, &facts, &err));
  shape[0] = 0;
  OK(api->heavy_scan(&array, THEUS_ASK_EXTREME, &facts, &err));
  CHECK(facts.finite && facts.empty);
  array.memory = NULL;
  REFUSED(THEUS_INVALID, "malformed", api->heavy_scan(&array, THEUS_ASK_FINITE, &facts, &err));
  REFUSED(THEUS_INVALID, "NULL", api->heavy_scan(NULL, THEUS_ASK_FINITE, &facts, &err));
  char *large = calloc(1, 1 << 24); // in parts, on all cores
  int64_t many = 1 << 24, step = 1;
  theus_array bytes = {.memory = large, .len = 1 << 24, .kind = THEUS_ELEMENT_INT, .size = 1,
                       .n_dims = 1, .shape = &many, .strides = &step};
  large[(1 << 24) - 1] = -7;
  OK(api->heavy_scan(&bytes, THEUS_ASK_EXTREME, &facts, &err));
  CHECK((int64_t)facts.least == -7 && facts.greatest == 0);
  free(large);
}

// A check asks for what is certain with the plan, and for the rest when it gets there.
static void checks(void) {
  theus_engine engine = open_engine();
  theus_process p = process(engine, "p", NULL, "domain");
  theus_recipe recipe = {str("r.yaml"), str("process_recipes: {p: {outputs: [{level: B, check: "
                                            "\"domain.a > 1 and (2, 'x', 100000000000000000000) in domain.b\"}]}}"),
                         0, 0};
  theus_recipe bad = {str("r.yaml"), str("process_recipes: {p: {outputs: [{check: domain.a >}]}}"),
                      0, 0};
  theus_plan out = {0};
  theus_judgement said = {0};
  REFUSED(THEUS_CONFIG, "r.yaml:1:51: check: ", api->audit_load(engine, &bad, &err));
  OK(api->audit_load(engine, &recipe, &err));
  OK(api->audit_plan(engine, p, THEUS_GATE_OUTPUT, &out, &err));
  CHECK(out.n_needs == 1 && out.needs[0].ask == THEUS_NEED_PLACE && same(out.needs[0].field, "domain_ctx.a"));
  CHECK(out.needs[0].steps[1].segment.kind == THEUS_ATTR && out.needs[0].key == NULL);
  theus_value values[2] = {{.kind = THEUS_VALUE_INT, .number = 5}};
  OK(api->audit_judge(engine, p, 0, 1, out.generation, 1, values, 1, &said, &err));
  CHECK(said.n_needs == 1 && said.events == 0 && said.needs[0].ask == THEUS_NEED_HAS);
  const theus_value *key = said.needs[0].key;
  CHECK(key->kind == THEUS_VALUE_LIST && key->n_items == 3 && key->items[0].number == 2);
  CHECK(same(key->items[1].text, "x") && same(key->items[2].text, "100000000000000000000"));
  api->audit_release(&said.storage);
  values[1] = (theus_value){.kind = THEUS_VALUE_BOOL, .number = 1};
  OK(api->audit_judge(engine, p, 0, 1, out.generation, 1, values, 2, &said, &err));
  CHECK(said.n_needs == 0 && said.events == 0);
  values[1].number = 0;
  REFUSED(THEUS_AUDIT_BLOCK, "in domain.b is False",
          api->audit_judge(engine, p, 0, 1, out.generation, 1, values, 2, &said, &err));
  api->audit_release(&out.storage);
  OK(api->engine_close(engine, &err));
}

// A schema is a table that the host keeps; what it does not accept, the kernel judges.
static void schemas(void) {
  theus_engine engine = open_engine();
  theus_str classes[] = {str("Bed")};
  theus_schema given = {.name = str("s.yaml"), .classes = classes, .n_classes = 1,
                        .text = str("domain: {a: {type: integer}, b: {type: \"list[Bed | none]\"}, "
                                    "c: {type: \"Literal['x'] | none\"}}\n"
                                    "objects: {Bed: {water: {type: float}}}")};
  theus_schema bad = {.name = str("s.yaml"), .text = str("domain: {a: {type: intger}}")};
  theus_types types = {0};
  theus_value value = {.kind = THEUS_VALUE_STRING, .text = str("x")};
  theus_str none = {0}, json = {0}, p = str("p"), path = str("domain_ctx.a");
  theus_storage storage = NULL;
  REFUSED(THEUS_INVALID, "no schema", api->schema_judge(engine, 1, &value, none, none, &err));
  REFUSED(THEUS_CONFIG, "s.yaml:1:20: type \"intger\"", api->schema_load(engine, &bad, &types, &err));
  REFUSED(THEUS_INVALID, "NULL", api->schema_load(engine, NULL, &types, &err));
  OK(api->schema_describe(&bad, &json, &storage, &err)); // types are not looked at
  CHECK(json.len > 2 && json.data[0] == '{');
  api->audit_release(&storage);
  OK(api->schema_load(engine, &given, &types, &err));
  const theus_typing *root = &types.types[THEUS_TYPE_ROOT];
  CHECK(root->n_fields == 1 && same(root->fields[0].name, "domain_ctx"));
  const theus_typing *domain = &types.types[root->fields[0].type];
  CHECK(domain->n_fields == 3 && same(domain->fields[1].name, "b"));
  CHECK(types.types[domain->fields[0].type].accepts == (THEUS_TYPE_INT | THEUS_TYPE_BOOL));
  const theus_typing *list = &types.types[domain->fields[1].type];
  CHECK(list->accepts == THEUS_TYPE_LIST && types.types[list->item].n_members == 2);
  const theus_typing *bed = &types.types[types.types[list->item].members[0]];
  CHECK(same(bed->class_name, "Bed") && same(bed->fields[0].name, "water"));
  uint32_t literal = types.types[domain->fields[2].type].members[0];
  CHECK(types.types[literal].asked == 1);
  OK(api->schema_judge(engine, literal, &value, p, path, &err));
  value.text = str("y");
  REFUSED(THEUS_SCHEMA, "process 'p' leaves domain_ctx.a as str 'y'",
          api->schema_judge(engine, literal, &value, p, path, &err));
  REFUSED(THEUS_INVALID, "no type", api->schema_judge(engine, 999, &value, p, path, &err));
  api->audit_release(&types.storage);
  OK(api->engine_close(engine, &err));
}

static void audits(void) {
  theus_engine engine = open_engine();
  theus_process p = process(engine, "p", NULL, "domain");
  theus_recipe recipe = {str("r.yaml"),
                         str("process_recipes: {p: {inputs: [{field: n, min: 1, level: B}], outputs: ["
                             "{field: 'domain.a.*.b()', finite: true, level: S}, "
                             "{field: domain.name, in: [x, [1, {k: 2}]], level: C}]}}"),
                         0, 0};
  theus_recipe bad = {str("r.yaml"), str("process_recipes: {p: {inputs: [{field: n, mn: 1}]}}"), 0, 0};
  theus_plan in = {0}, out = {0}, none = {0};
  theus_judgement said = {0};
  theus_action next = {0};
  uint32_t stopped = 9;
  OK(api->audit_plan(engine, p, THEUS_GATE_INPUT, &none, &err));
  CHECK(none.n_needs == 0 && none.storage == NULL);
  OK(api->audit_load(engine, &recipe, &err));
  REFUSED(THEUS_CONFIG, "r.yaml:1:43: \"mn\"", api->audit_load(engine, &bad, &err));
  bad.built = 1;
  REFUSED(THEUS_CONFIG, "p: input rule 1", api->audit_load(engine, &bad, &err));
  REFUSED(THEUS_INVALID, "NULL", api->audit_load(engine, NULL, &err));
  theus_str json = {0};
  theus_storage storage = NULL;
  OK(api->audit_describe(&recipe, &json, &storage, &err));
  CHECK(json.len > 2 && json.data[0] == '[' && storage != NULL);
  api->audit_release(&storage);
  CHECK(storage == NULL);
  api->audit_release(&storage);
  REFUSED(THEUS_INVALID, "gate", api->audit_plan(engine, p, 2, &in, &err));
  OK(api->audit_plan(engine, p, THEUS_GATE_INPUT, &in, &err));
  OK(api->audit_plan(engine, p, THEUS_GATE_OUTPUT, &out, &err));
  CHECK(in.n_needs == 1 && same(in.needs[0].argument, "n") && in.needs[0].n_steps == 1);
  CHECK(out.n_needs == 2 && out.needs[0].n_steps == 4 && same(out.needs[0].field, "domain_ctx.a.*.b()"));
  CHECK(same(out.needs[0].steps[0].segment.text, "domain_ctx"));
  CHECK(out.needs[0].steps[2].segment.kind == THEUS_ANY && out.needs[0].steps[3].call == 1);
  CHECK(out.needs[0].ask & THEUS_NEED_FINITE);
  CHECK(out.root.bits == THEUS_MAY_READ && in.generation == out.generation);

  theus_value one = {.kind = THEUS_VALUE_INT, .number = 1}, odd = {.kind = 99}, zero = {0};
  theus_action run = begin(engine, p, 0);
  OK(api->audit_judge(engine, p, run.tx, 0, in.generation, 1, &one, 1, &said, &err));
  CHECK(said.stale == 0 && said.events == 0);
  OK(api->audit_judge(engine, p, run.tx, 0, in.generation + 1, 1, &one, 1, &said, &err));
  CHECK(said.stale == 1);
  REFUSED(THEUS_INVALID, "99", api->audit_judge(engine, p, run.tx, 0, in.generation, 1, &odd, 1, &said, &err));
  REFUSED(THEUS_AUDIT_BLOCK, "n is missing",
          api->audit_judge(engine, p, run.tx, 0, in.generation, 1, &zero, 1, &said, &err));
  REFUSED(THEUS_INVALID, "not asked", api->tx_finish(run.tx, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  CHECK(next.kind == THEUS_DROP);

  double numbers[4] = {1, 2, 3, 4};
  int64_t shape[2] = {2, 2}, strides[2] = {16, 8};
  theus_array array = {.memory = numbers, .len = sizeof numbers, .kind = THEUS_ELEMENT_FLOAT, .size = 8,
                       .n_dims = 2, .shape = shape, .strides = strides};
  theus_value found[2] = {
      {.kind = THEUS_VALUE_ARRAY, .number = THEUS_NEED_FINITE, .array = &array, .path = str("domain.a.q.b()")},
      {.kind = THEUS_VALUE_FLOAT, .real = 2.5, .path = str("domain.a.r.b()")}};
  theus_value values[2] = {{.kind = THEUS_VALUE_EACH, .items = found, .n_items = 2},
                           {.kind = THEUS_VALUE_STRING, .text = str("x")}};
  OK(api->audit_judge(engine, p, 0, 1, out.generation, 2, values, 2, &said, &err));
  CHECK(said.events == 0);
  OK(api->tx_report(engine, p, THEUS_RETURNED, NULL, 0, READS, &next, &err));
  values[1] = (theus_value){.kind = THEUS_VALUE_EXACT, .text = str("1e3")};
  said.run = 0;
  OK(api->audit_judge(engine, p, 0, 1, out.generation, 3, values, 2, &said, &err));
  CHECK(said.events == 1 && said.run != 0);
  uint64_t counted = said.run;
  OK(api->audit_judge(engine, p, 0, 1, out.generation, 3, values, 2, &said, &err));
  CHECK(said.events == 0 && said.run == counted);
  OK(api->audit_forget(engine, counted, &err));
  OK(api->audit_forget(engine, counted, &err));
  REFUSED(THEUS_ENDED, "forgotten",
          api->audit_judge(engine, p, 0, 1, out.generation, 3, values, 2, &said, &err));
  said.run = 0;
  numbers[3] = numbers[3] / 0.0;
  REFUSED(THEUS_AUDIT_INTERLOCK, "domain.a.q.b()",
          api->audit_judge(engine, p, 0, 1, out.generation, 4, values, 2, &said, &err));
  REFUSED(THEUS_AUDIT_INTERLOCK, "stopped", api->tx_begin(engine, p, 0, NULL, &next, &err));
  CHECK(finish(begin(engine, 0, 0).tx, THEUS_RETURNED, NULL, 0).kind == THEUS_DONE);
  OK(api->audit_stopped(engine, &stopped, &err));
  CHECK(stopped == 1);
  OK(api->audit_reset(engine, &stopped, &err));
  CHECK(stopped == 1);
  OK(api->audit_reset(engine, &stopped, &err));
  CHECK(stopped == 0);

  theus_audit_query query = {.after = 1};
  theus_audit_events events = {0};
  OK(api->audit_log(engine, &query, &events, &err));
  CHECK(events.n_events == 3 && events.all == 4 && events.lost == 0);
  CHECK(events.events[0].serial == 2 && events.events[0].stamp == 3);
  CHECK(same(events.events[0].condition, "in") && same(events.events[0].value, "1000"));
  api->audit_release(&events.storage);
  query = (theus_audit_query){.path = str("domain..a")};
  REFUSED(THEUS_INVALID, "name", api->audit_log(engine, &query, &events, &err));
  api->audit_release(&in.storage);
  api->audit_release(&out.storage);
  OK(api->engine_close(engine, &err));
  REFUSED(THEUS_CLOSED, "closed", api->audit_load(engine, &recipe, &err));
}

static void machines(void) {
  theus_definition m = {.name = str("m.yaml"),
                        .text = str("states: {IDLE: {entry: [act, {process: act, args: {n: 1}}], on: {GO: IDLE}}}"),
                        .processes = str("{\"act\": [\"n\"], \"learn\": null}")};
  theus_str json = {0};
  theus_storage storage = NULL;
  OK(api->fsm_load(&m, &json, &storage, &err));
  CHECK(json.len > 2 && json.data[0] == '{' && storage != NULL);
  api->audit_release(&storage);
  m.text = str("states: {IDLE: {entry: [lern, {process: act, args: {m: 1}}], on: {GO: IDLE}}}");
  REFUSED(THEUS_CONFIG, "m.yaml:1:25: there is no process \"lern\"", api->fsm_load(&m, &json, &storage, &err));
  REFUSED(THEUS_CONFIG, "takes no argument \"m\"", api->fsm_load(&m, &json, &storage, &err));
  m.processes = str("");
  OK(api->fsm_load(&m, &json, &storage, &err));
  api->audit_release(&storage);
  m.start = str("BUSY");
  REFUSED(THEUS_CONFIG, "no state", api->fsm_load(&m, &json, &storage, &err));
  m.processes = str("[");
  REFUSED(THEUS_INVALID, "processes", api->fsm_load(&m, &json, &storage, &err));
  REFUSED(THEUS_INVALID, "NULL", api->fsm_load(NULL, &json, &storage, &err));
  m = (theus_definition){.name = str("w"), .text = str("[\"act\", {\"flux\": \"run\", \"steps\": []}]"), .dict = 1};
  OK(api->flux_outline(&m, &json, &storage, &err));
  CHECK(json.len > 2 && json.data[0] == '[' && storage != NULL);
  api->audit_release(&storage);
  m.text = str("[5]");
  REFUSED(THEUS_CONFIG, "w: [0]: a step", api->flux_outline(&m, &json, &storage, &err));
  m.text = str("[]");
  REFUSED(THEUS_INVALID, "out", api->flux_outline(&m, NULL, &storage, &err));
}

// step takes the next action of a run.
static theus_flux_action step(theus_flux run, const theus_flux_answer *answer) {
  theus_flux_action next = {0};
  OK(api->flux_step(run, answer, &next, &err));
  return next;
}

// program loads a workflow, telling what it wants: the process p, which takes n, and one file.
static theus_flux program(theus_engine engine, const char *text) {
  theus_str arguments[] = {str("n")};
  theus_flux_process known[] = {{.name = str("p"), .arguments = arguments, .n_arguments = 1}};
  theus_flux_file files[] = {{.wanted = str("other.yaml"), .from = str("w.yaml"),
                              .name = str("other.yaml"), .text = str("- p")}};
  theus_flux_text in = {.name = str("w.yaml"), .text = str(text)};
  theus_flux_program out = {0};
  OK(api->flux_load(engine, &in, &out, &err));
  CHECK(out.program == 0 && out.n_wants > 0 && out.wants[0].name.len > 0);
  api->flux_free(&out.storage);
  CHECK(out.storage == NULL);
  in.processes = known, in.n_processes = 1, in.files = files, in.n_files = 1;
  out = (theus_flux_program){0};
  OK(api->flux_load(engine, &in, &out, &err));
  CHECK(out.program != 0 && out.n_wants == 0 && out.n_processes == 1 && same(out.processes[0], "p"));
  CHECK(same(out.files[0], "w.yaml"));
  api->flux_free(&out.storage);
  return out.program;
}

// A workflow is stepped: what comes next, what it needs, what it fails with.
static void workflows(void) {
  theus_engine engine = open_engine();
  process(engine, "p", NULL, "domain.a");
  uint64_t before = api->live();
  theus_flux loop = program(engine, "- {flux: while, condition: domain.a < 3, do: p}\n"
                                    "- {process: p, args: {n: '${{ [domain.b, -1.5, \"x\", None, 2 ** 70] }}'}}\n"
                                    "- {flux: call, workflow: other.yaml}\n");
  theus_flux run = 0;
  theus_flux_options options = {.max_loops = 100};
  OK(api->flux_start(loop, &options, &run, &err));
  CHECK(api->live() == before + 2);
  theus_flux_action next = step(run, NULL);
  CHECK(next.kind == THEUS_FLUX_READ && next.n_needs == 1 && next.needs == NULL && next.storage == NULL);
  theus_flux_need need = {0};
  theus_storage storage = NULL;
  OK(api->flux_need_of(loop, next.first, &need, &storage, &err));
  CHECK(need.what == THEUS_FLUX_GET && need.n_path == 2 && same(need.path[1].text, "a"));
  api->flux_free(&storage);
  REFUSED(THEUS_INVALID, "no need", api->flux_need_of(loop, 99, &need, &storage, &err));

  theus_flux_value reading = {.kind = THEUS_FLUX_INT, .number = 1};
  theus_flux_answer answer = {.readings = &reading, .n_readings = 1};
  next = step(run, &answer);
  CHECK(next.kind == THEUS_FLUX_RUN && next.process == 0 && next.n_needs == 1 && next.n_args == 0);
  CHECK(next.repeat == THEUS_FLUX_LESS && next.bound == 3 && next.times == 99);
  theus_str place = {0};
  OK(api->flux_place(loop, next.step, &place, &storage, &err));
  CHECK(same(place, "w.yaml:1:46"));
  api->flux_free(&storage);
  REFUSED(THEUS_INVALID, "no step", api->flux_place(loop, 99, &place, &storage, &err));
  reading.number = 3; // it ran three times, and read 3 after the last one
  answer.turns = 2;
  next = step(run, &answer);
  uint64_t loops = 0;
  OK(api->flux_loops(run, &loops, &err));
  CHECK(loops == 3);
  theus_flux_value told = {.kind = THEUS_FLUX_LIST, .number = 2, .flags = THEUS_FLUX_TRUTH};
  CHECK(next.kind == THEUS_FLUX_READ && next.n_needs == 1);
  answer = (theus_flux_answer){.readings = &told, .n_readings = 1};
  next = step(run, &answer);
  CHECK(next.kind == THEUS_FLUX_RUN && next.n_args == 1 && same(next.args[0].name, "n"));
  const theus_flux_value *list = &next.args[0].value;
  CHECK(list->kind == THEUS_FLUX_LIST && (list->flags & THEUS_FLUX_TOLD) && list->n_items == 5);
  CHECK(list->items[0].kind == THEUS_FLUX_PLACE && list->items[0].n_path == 2);
  CHECK(list->items[1].real == -1.5 && same(list->items[2].text, "x"));
  CHECK(list->items[3].kind == THEUS_FLUX_NONE);
  CHECK((list->items[4].flags & THEUS_FLUX_BIG) && same(list->items[4].text, "0x400000000000000000"));
  api->flux_free(&next.storage);
  next = step(run, NULL);
  CHECK(next.kind == THEUS_FLUX_RUN);
  answer = (theus_flux_answer){.failed = str("ValueError\nException"), .token = 7};
  next = step(run, &answer);
  CHECK(next.kind == THEUS_FLUX_FAIL && next.token == 7 && same(next.place, "other.yaml:1:3"));
  CHECK(same(next.failed, "ValueError\nException"));
  api->flux_free(&next.storage);
  uint32_t holds = 0;
  OK(api->flux_holds(run, 7, &holds, &err));
  CHECK(holds == 1);
  OK(api->flux_holds(run, 8, &holds, &err));
  CHECK(holds == 0);
  answer = (theus_flux_answer){.readings = NULL, .n_readings = 2};
  REFUSED(THEUS_INVALID, "malformed", api->flux_step(run, &answer, &next, &err));
  REFUSED(THEUS_CLOSED, "no run", api->flux_step(loop, NULL, &next, &err));
  api->flux_release(run);
  api->flux_release(run);
  REFUSED(THEUS_CLOSED, "released", api->flux_step(run, NULL, &next, &err));
  api->flux_release(loop);
  CHECK(api->live() == before);
  OK(api->engine_close(engine, &err));
}

// Branches are runs of their own; a question ends with a value; a cancelled run ends.
static void branches(void) {
  theus_engine engine = open_engine();
  process(engine, "p", NULL, NULL);
  theus_flux fork = program(engine, "- {flux: parallel, branches: [p, {flux: call, workflow: other.yaml}]}\n"), run = 0;
  OK(api->flux_start(fork, NULL, &run, &err));
  api->flux_release(fork); // the run goes on
  theus_flux_action next = step(run, NULL), inner = {0};
  CHECK(next.kind == THEUS_FLUX_FORK && next.n_branches == 2);
  for (size_t i = 0; i < next.n_branches; i++) {
    inner = step(next.branches[i], NULL);
    CHECK(inner.kind == THEUS_FLUX_RUN && inner.repeat == 0);
    inner = step(next.branches[i], NULL);
    CHECK(inner.kind == THEUS_FLUX_DONE);
    api->flux_release(next.branches[i]);
  }
  api->flux_free(&next.storage);
  next = step(run, NULL);
  CHECK(next.kind == THEUS_FLUX_DONE && step(run, NULL).kind == THEUS_FLUX_DONE);
  api->flux_release(run);

  theus_flux_program asked = {0};
  REFUSED(THEUS_CONFIG, "column 4", api->flux_ask(engine, str("1 +"), &asked, &err));
  OK(api->flux_ask(engine, str("'x' in domain.d and ctx.c"), &asked, &err));
  OK(api->flux_start(asked.program, NULL, &run, &err));
  next = step(run, NULL);
  CHECK(next.kind == THEUS_FLUX_READ && next.step == 0 && next.n_needs == 1 && next.needs != NULL);
  CHECK(next.needs->what == THEUS_FLUX_HAS && next.needs->n_path == 2);
  CHECK(next.needs->key.kind == THEUS_FLUX_TEXT && same(next.needs->key.text, "x"));
  api->flux_free(&next.storage);
  theus_flux_value readings[] = {{.kind = THEUS_FLUX_BOOL, .number = 1}};
  theus_flux_answer answer = {.readings = readings, .n_readings = 1};
  next = step(run, &answer);
  CHECK(next.kind == THEUS_FLUX_READ && next.needs == NULL && next.n_needs == 1);
  readings[0] = (theus_flux_value){.kind = THEUS_FLUX_FAILED, .text = str("KeyError\nException"), .number = 5};
  next = step(run, &answer);
  CHECK(next.kind == THEUS_FLUX_FAIL && next.token == 5 && next.text.len > 0);
  api->flux_free(&next.storage);
  api->flux_release(run);
  api->flux_free(&asked.storage);

  OK(api->flux_start(asked.program, NULL, &run, &err));
  OK(api->flux_cancel(run, &err));
  next = step(run, NULL);
  CHECK(next.kind == THEUS_FLUX_FAIL && next.token == 0 && next.failed.len > 0);
  api->flux_free(&next.storage);
  OK(api->engine_close(engine, &err));
  REFUSED(THEUS_CLOSED, "closed", api->flux_step(run, NULL, &next, &err));
  api->flux_release(run); // what an engine left behind is released all the same
  api->flux_release(asked.program);

  engine = open_engine();
  process(engine, "water", NULL, NULL);
  theus_flux_text in = {.name = str("w.yaml"), .text = str("- watr")};
  theus_flux_process unknown[] = {{.name = str("watr"), .unknown = 1}};
  in.processes = unknown, in.n_processes = 1;
  REFUSED(THEUS_CONFIG, "did you mean \"water\"", api->flux_load(engine, &in, &asked, &err));
  in.part = 9;
  REFUSED(THEUS_CONFIG, "there is no part 9", api->flux_load(engine, &in, &asked, &err));
  OK(api->engine_close(engine, &err));
}

static void panics(void) {
  theus_engine sick = open_engine(), well = open_engine();
  theus_action run = begin(sick, 0, 0), next = {0};
  REFUSED(THEUS_PANIC, "please report", api->panic(sick, &err));
  REFUSED(THEUS_POISONED, "panicked", api->panic(sick, &err));
  REFUSED(THEUS_POISONED, "panicked", api->tx_begin(sick, 0, 0, NULL, &next, &err));
  REFUSED(THEUS_POISONED, "panicked", api->tx_finish(run.tx, 1, NULL, 0, NULL, &next, &err));
  theus_process found;
  REFUSED(THEUS_POISONED, "panicked", api->process_find(sick, str("p"), &found, &err));
  CHECK(begin(well, 0, 0).kind == THEUS_RUN);
  CHECK(api->panic(sick, NULL) == THEUS_POISONED); // a host that wants no error gets none
  OK(api->engine_close(sick, &err));
  OK(api->engine_close(well, &err));
  REFUSED(THEUS_CLOSED, "closed", api->panic(sick, &err));
  CHECK(api->live() == 0);
}

// ---- timing -------------------------------------------------------------------------------------

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// REPORT prints the fastest of many short rounds: one that nobody disturbed.
#define REPORT(NAME, CROSSINGS, BODY)                                            \
  do {                                                                           \
    enum { TIMES = 2000 };                                                       \
    double best = 1e18;                                                          \
    for (int round = 0; round < rounds; round++) {                               \
      double start = now();                                                      \
      for (int i = 0; i < TIMES; i++) {                                          \
        BODY;                                                                    \
      }                                                                          \
      double took = (now() - start) / TIMES;                                     \
      if (took < best) best = took;                                              \
    }                                                                            \
    printf("%-28s %7.1f ns   %6.1f ns per crossing\n", NAME, best, best / (CROSSINGS)); \
  } while (0)

static void bench(int rounds) {
  theus_engine engine = open_engine();
  theus_process p = process(engine, "p", "domain.rate", "domain.account");
  theus_error err = {0};
  theus_action run = begin(engine, p, 0), next = {0}, in = {0};
  theus_segment seg = {.kind = THEUS_ATTR, .text = str("account")};
  theus_shape domain = child(engine, run.root, "domain_ctx"), shape = {0};
  theus_record log[8];
  for (size_t i = 0; i < 8; i++) log[i] = set(child(engine, domain, "account"));

  theus_info info;
  REPORT("describe, the bare crossing", 1, api->describe(&info));
  REPORT("shape_child", 1, api->shape_child(engine, domain.id, &seg, &shape, &err));
  theus_reads reads = {.oldest = THEUS_ALONE};
  REPORT("savepoint begin + finish", 2, {
    api->tx_begin(engine, p, run.tx, NULL, &in, &err);
    api->tx_finish(in.tx, THEUS_RETURNED, NULL, 0, &reads, &next, &err);
  });
  finish(run.tx, THEUS_RETURNED, NULL, 0);
  REPORT("begin + finish, no write", 2, {
    api->tx_begin(engine, p, 0, NULL, &in, &err);
    api->tx_finish(in.tx, THEUS_RETURNED, NULL, 0, &reads, &next, &err);
  });
  REPORT("begin + finish, 1 write", 2, {
    api->tx_begin(engine, p, 0, NULL, &in, &err);
    api->tx_finish(in.tx, THEUS_RETURNED, log, 1, &reads, &next, &err);
    reads.seen = next.version;
  });
  REPORT("begin + finish, 8 writes", 2, {
    api->tx_begin(engine, p, 0, NULL, &in, &err);
    api->tx_finish(in.tx, THEUS_RETURNED, log, 8, &reads, &next, &err);
    reads.seen = next.version;
  });
  REPORT("report, 1 write", 1, {
    api->tx_report(engine, p, THEUS_RETURNED, log, 1, &reads, &next, &err);
    reads.seen = next.version;
  });
  CHECK(next.kind == THEUS_COMMIT);
  run = begin(engine, p, 0);
  theus_segment path[2] = {{.kind = THEUS_ATTR, .text = str("domain_ctx")},
                           {.kind = THEUS_ATTR, .text = str("acount")}};
  REPORT("deny + release", 2, {
    api->deny(engine, run.tx, THEUS_TRY_WRITE, path, 2, str(""), &err);
    api->error_release(&err);
  });
  OK(api->engine_close(engine, &err));
}

int main(int argc, char **argv) {
  if (argc < 2) return fprintf(stderr, "usage: %s LIB [bench [ROUNDS]]\n", argv[0]), 2;
  void *lib = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (lib == NULL) return fprintf(stderr, "%s\n", dlerror()), 2;
  theus_api *(*get)(uint32_t);
  *(void **)&get = dlsym(lib, "theus_get_api");
  if (get == NULL || (api = get(THEUS_ABI_VERSION)) == NULL) {
    return fprintf(stderr, "%s does not speak ABI version %u\n", argv[1], THEUS_ABI_VERSION), 2;
  }
  CHECK(dlsym(lib, "theus_engine_new") == NULL); // one door
  if (argc > 2 && strcmp(argv[2], "bench") == 0) {
    bench(argc > 3 ? atoi(argv[3]) : 300);
  } else {
    table(get);
    engines();
    contracts();
    paths();
    shapes();
    learning();
    commits();
    leases();
    conflicts();
  nesting();
    audits();
    checks();
    machines();
    schemas();
    arrays();
    workflows();
    branches();
    panics();
  }
  CHECK(api->live() == 0);
  if (broken == 0) puts("ok");
  return broken != 0;
}
