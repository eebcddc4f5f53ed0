// dlpack.h: the memory layout that DLPack agrees on, as far as CPU memory needs it.
//
// A tensor travels in a capsule. Who takes it out renames the capsule and owns the tensor from then
// on, and calls its deleter once.
#ifndef THEUS_EXT_DLPACK_H
#define THEUS_EXT_DLPACK_H

#include <stdint.h>

enum { DL_CPU = 1 };
enum { DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_COMPLEX = 5, DL_BOOL = 6 };
enum { DL_READ_ONLY = 1 }; // a flag of dl_versioned
enum { DL_MAJOR = 1, DL_MINOR = 0 };

#define DL_OLD "dltensor"
#define DL_OLD_USED "used_dltensor"
#define DL_NEW "dltensor_versioned"
#define DL_NEW_USED "used_dltensor_versioned"

typedef struct {
  void *data;
  struct {
    int32_t type, id;
  } device;
  int32_t ndim;
  struct {
    uint8_t code, bits;
    uint16_t lanes;
  } dtype;
  int64_t *shape;
  int64_t *strides; // in elements; NULL: contiguous
  uint64_t byte_offset;
} dl_tensor;

typedef struct dl_managed {
  dl_tensor tensor;
  void *context;
  void (*deleter)(struct dl_managed *);
} dl_managed;

typedef struct dl_versioned {
  struct {
    uint32_t major, minor;
  } version;
  void *context;
  void (*deleter)(struct dl_versioned *);
  uint64_t flags;
  dl_tensor tensor;
} dl_versioned;

#endif
