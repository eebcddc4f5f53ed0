// meter.c: what bench_count.py counts with. It is no part of theus; bench_count.py compiles it.
//
//   meter_mark      begins a stretch whose instructions callgrind counts, or ends it under a name
//   meter_watch     begins to count events, of two kinds
//   meter_events    both counts so far: crossings << 40 | blocks
//
// A block is a question to one of Python's allocators; an answer from a free list (a frame, a small
// tuple) asks none. A crossing is a call through the table of the C ABI, from whomever it comes:
// each entry of the table is replaced by a few instructions that count and jump on.
#define _GNU_SOURCE
#include <Python.h>
#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "theus.h"

#ifndef __x86_64__
#error "crossings are counted on x86-64 only: the thunks below are machine code"
#endif

void meter_mark(const char *name) {
  if (name == NULL) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
  } else {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
  }
}

static int64_t blocks, crossings;

int64_t meter_events(void) { return crossings << 40 | blocks; }

// ---- blocks --------------------------------------------------------------------------------------

static PyMemAllocatorEx behind[3]; // by domain

static void *count_malloc(void *ctx, size_t size) {
  PyMemAllocatorEx *a = ctx;
  blocks++;
  return a->malloc(a->ctx, size);
}

static void *count_calloc(void *ctx, size_t n, size_t size) {
  PyMemAllocatorEx *a = ctx;
  blocks++;
  return a->calloc(a->ctx, n, size);
}

static void *count_realloc(void *ctx, void *block, size_t size) {
  PyMemAllocatorEx *a = ctx;
  blocks++;
  return a->realloc(a->ctx, block, size);
}

static void pass_free(void *ctx, void *block) {
  PyMemAllocatorEx *a = ctx;
  a->free(a->ctx, block);
}

static void watch_blocks(void) {
  static const PyMemAllocatorDomain domains[] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
  for (int i = 0; i < 3; i++) {
    PyMem_GetAllocator(domains[i], &behind[i]);
    PyMemAllocatorEx counting = {&behind[i], count_malloc, count_calloc, count_realloc, pass_free};
    PyMem_SetAllocator(domains[i], &counting);
  }
}

// ---- crossings -----------------------------------------------------------------------------------

#define THUNK 32 // bytes

static void put(unsigned char **at, const void *bytes, size_t n) {
  memcpy(*at, bytes, n);
  *at += n;
}

// mov rax, &crossings; inc qword [rax]; mov rax, target; jmp rax. No argument travels in rax.
static void write_thunk(unsigned char *at, void *target) {
  int64_t *counter = &crossings;
  put(&at, "\x48\xb8", 2);
  put(&at, &counter, sizeof counter);
  put(&at, "\x48\xff\x00\x48\xb8", 5);
  put(&at, &target, sizeof target);
  put(&at, "\xff\xe0", 2);
}

// 0, or -1: the library is not there, or memory refuses.
static int watch_crossings(const char *library) {
  void *kernel = dlopen(library, RTLD_NOW | RTLD_LOCAL); // the extension finds this very one
  const theus_api *(*get_api)(uint32_t) = NULL;
  if (kernel != NULL)
    *(void **)&get_api = dlsym(kernel, "theus_get_api");
  const theus_api *api = get_api == NULL ? NULL : get_api(THEUS_ABI_VERSION);
  if (api == NULL)
    return -1;
  void **first = (void **)&api->describe, **end = (void **)((char *)api + api->struct_size);
  uintptr_t page = (uintptr_t)api & ~((uintptr_t)getpagesize() - 1);
  unsigned char *thunks = mmap(NULL, (size_t)(end - first) * THUNK, PROT_READ | PROT_WRITE | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (thunks == MAP_FAILED || mprotect((void *)page, (uintptr_t)end - page, PROT_READ | PROT_WRITE) < 0)
    return -1;
  for (void **entry = first; entry < end; entry++, thunks += THUNK) {
    write_thunk(thunks, *entry);
    *entry = thunks;
  }
  return 0;
}

int meter_watch(const char *library) {
  watch_blocks();
  return watch_crossings(library);
}
