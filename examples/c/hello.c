// hello.c: a host of the kernel in plain C. It has one number as its state and runs one process on
// it: the kernel says what the process may do, when to write and when not to.
//
//   gcc -I capi -o hello examples/c/hello.c -ldl && ./hello python/theus/libtheus.so
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "theus.h"

static const theus_api *api;
static long balance = 100; // the state: domain.balance
// One transaction at a time, so nobody can change what it read: the kernel has nothing to compare.
static theus_reads reads = {.oldest = THEUS_ALONE};

static theus_str str(const char *text) { return (theus_str){text, strlen(text)}; }

// Every call answers with a status; an error is released once.
static void must(theus_status status, theus_error *err) {
  if (status == THEUS_OK)
    return;
  fprintf(stderr, "%.*s\n", (int)err->message.len, err->message.data);
  api->error_release(err);
  exit(1);
}

// Takes an amount; the write waits in the host until the kernel says how the run ended.
static void pay(theus_engine engine, theus_process process, long amount) {
  theus_error err = {0};
  theus_action next = {0};
  must(api->tx_begin(engine, process, 0, NULL, &next, &err), &err); // next says: run it
  theus_tx tx = next.tx;

  theus_shape shape = {0};
  must(api->decide(engine, process, str("domain.balance"), &shape, &err), &err);
  long pending = balance - amount;
  theus_record written = {.op = THEUS_OP_SET, .shape = shape.id, .object = 1, .key = 16};

  theus_outcome outcome = pending < 0 ? THEUS_DECLARED : THEUS_RETURNED;
  must(api->tx_finish(tx, outcome, &written, 1, &reads, &next, &err), &err);
  if (next.kind == THEUS_COMMIT) {
    balance = pending;
    reads.seen = next.version;
    printf("paid %ld: commit %llu, the balance is %ld\n", amount, (unsigned long long)next.version,
           balance);
  } else if (next.kind == THEUS_DROP) {
    printf("not paid %ld: the balance is still %ld\n", amount, balance);
  }
}

// Asks the kernel for the words of a refusal, as a host does before it raises.
static void sneak(theus_engine engine, theus_process process) {
  theus_error err = {0};
  theus_action next = {0};
  theus_shape shape = {0};
  must(api->tx_begin(engine, process, 0, NULL, &next, &err), &err);
  must(api->decide(engine, process, str("domain.balanse"), &shape, &err), &err);
  if (!(shape.bits & THEUS_MAY_WRITE)) {
    theus_segment path[] = {{.kind = THEUS_ATTR, .text = str("domain_ctx")},
                            {.kind = THEUS_ATTR, .text = str("balanse")}};
    if (api->deny(engine, next.tx, THEUS_TRY_WRITE, path, 2, str(""), &err) != THEUS_OK)
      printf("%.*s\n", (int)err.message.len, err.message.data);
    api->error_release(&err);
  }
  must(api->tx_finish(next.tx, THEUS_REFUSED, NULL, 0, NULL, &next, &err), &err);
}

int main(int argc, char **argv) {
  void *library = dlopen(argc > 1 ? argv[1] : "libtheus.so", RTLD_NOW);
  const theus_api *(*get_api)(uint32_t) = NULL;
  if (library != NULL)
    *(void **)&get_api = dlsym(library, "theus_get_api");
  if (get_api == NULL || (api = get_api(THEUS_ABI_VERSION)) == NULL) {
    fprintf(stderr, "no kernel of version %u: %s\n", THEUS_ABI_VERSION, dlerror());
    return 1;
  }
  theus_error err = {0};
  theus_options options = {0};
  theus_engine engine = 0;
  theus_process process = 0;
  theus_str outputs[] = {str("domain.balance")};
  theus_contract contract = {.name = str("pay"), .outputs = outputs, .n_outputs = 1};
  must(api->engine_new(&options, &engine, &err), &err);
  must(api->process_register(engine, &contract, &process, &err), &err);

  pay(engine, process, 30);
  pay(engine, process, 500);
  sneak(engine, process);
  must(api->engine_close(engine, &err), &err);
  printf("open handles: %llu\n", (unsigned long long)api->live());
  return 0;
}

// Output:
// paid 30: commit 1, the balance is 70
// not paid 500: the balance is still 70
// Illegal Write: 'domain_ctx.balanse' by process 'pay'
//   it may write:  domain_ctx.balance
//   did you mean:  domain_ctx.balance
//   fix:           write domain_ctx.balance, or add "domain_ctx.balanse" to the outputs of @process
// open handles: 0
