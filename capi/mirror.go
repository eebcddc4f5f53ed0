package main

// #include "theus.h"
import "C"

import (
	"unsafe"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/heavy"
	"github.com/theus-project/theus/core/host"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/transaction"
	"github.com/theus-project/theus/core/zone"
)

// The kernel and theus.h write the same numbers and the same layout down, each for its own
// readers. Here the compiler compares them: where two differ, the constant is not 0, its negative
// is no unsigned number, and the library does not build.

// A record is read where the host wrote it.
const (
	_ = -(unsafe.Offsetof(transaction.Record{}.Op) ^ unsafe.Offsetof(C.theus_record{}.op))
	_ = -(unsafe.Offsetof(transaction.Record{}.Flags) ^ unsafe.Offsetof(C.theus_record{}.flags))
	_ = -(unsafe.Offsetof(transaction.Record{}.Shape) ^ unsafe.Offsetof(C.theus_record{}.shape))
	_ = -(unsafe.Offsetof(transaction.Record{}.Object) ^ unsafe.Offsetof(C.theus_record{}.object))
	_ = -(unsafe.Offsetof(transaction.Record{}.Key) ^ unsafe.Offsetof(C.theus_record{}.key))
	_ = -(unsafe.Offsetof(transaction.Record{}.Bytes) ^ unsafe.Offsetof(C.theus_record{}.nbytes))
	_ = -(unsafe.Sizeof(transaction.Record{}) ^ unsafe.Sizeof(C.theus_record{}))
	_ = -(unsafe.Offsetof(transaction.Read{}.Object) ^ unsafe.Offsetof(C.theus_read{}.object))
	_ = -(unsafe.Offsetof(transaction.Read{}.Key) ^ unsafe.Offsetof(C.theus_read{}.key))
	_ = -(unsafe.Sizeof(transaction.Read{}) ^ unsafe.Sizeof(C.theus_read{}))
)

// Statuses are kinds of faults.
const (
	_ = -(uint(fault.Invalid) ^ C.THEUS_INVALID)
	_ = -(uint(fault.NotFound) ^ C.THEUS_NOT_FOUND)
	_ = -(uint(fault.Read) ^ C.THEUS_READ)
	_ = -(uint(fault.Write) ^ C.THEUS_WRITE)
	_ = -(uint(fault.Frozen) ^ C.THEUS_FROZEN)
	_ = -(uint(fault.Private) ^ C.THEUS_PRIVATE)
	_ = -(uint(fault.Zone) ^ C.THEUS_ZONE)
	_ = -(uint(fault.Unsupported) ^ C.THEUS_UNSUPPORTED)
	_ = -(uint(fault.Ended) ^ C.THEUS_ENDED)
	_ = -(uint(fault.Closed) ^ C.THEUS_CLOSED)
	_ = -(uint(fault.Busy) ^ C.THEUS_BUSY)
	_ = -(uint(fault.Limit) ^ C.THEUS_LIMIT)
	_ = -(uint(fault.Poisoned) ^ C.THEUS_POISONED)
	_ = -(uint(fault.Panic) ^ C.THEUS_PANIC)
	_ = -(uint(fault.AuditBlock) ^ C.THEUS_AUDIT_BLOCK)
	_ = -(uint(fault.AuditInterlock) ^ C.THEUS_AUDIT_INTERLOCK)
	_ = -(uint(fault.Config) ^ C.THEUS_CONFIG)
	_ = -(uint(fault.Conflict) ^ C.THEUS_CONFLICT)
	_ = -(uint(fault.Schema) ^ C.THEUS_SCHEMA)
)

// Segments and shapes.
const (
	_ = -(uint(path.Attr) ^ C.THEUS_ATTR)
	_ = -(uint(path.Text) ^ C.THEUS_TEXT)
	_ = -(uint(path.Int) ^ C.THEUS_INT)
	_ = -(uint(path.Other) ^ C.THEUS_OTHER)
	_ = -(uint(zone.Data) ^ C.THEUS_DATA)
	_ = -(uint(zone.Signal) ^ C.THEUS_SIGNAL)
	_ = -(uint(zone.Meta) ^ C.THEUS_META)
	_ = -(uint(zone.Heavy) ^ C.THEUS_HEAVY)
	_ = -(uint(guard.MayRead) ^ C.THEUS_MAY_READ)
	_ = -(uint(guard.MayWrite) ^ C.THEUS_MAY_WRITE)
	_ = -(uint(guard.MayWalk) ^ C.THEUS_MAY_WALK)
	_ = -(uint(guard.IsPrivate) ^ C.THEUS_IS_PRIVATE)
	_ = -(uint(guard.LayerGlobal) ^ C.THEUS_LAYER_GLOBAL)
	_ = -(uint(guard.LayerDomain) ^ C.THEUS_LAYER_DOMAIN)
	_ = -(uint(guard.ItemsVary) ^ C.THEUS_ITEMS_VARY)
	_ = -(uint(guard.Learns) ^ C.THEUS_LEARNS)
	_ = -(uint(guard.Read) ^ C.THEUS_TRY_READ)
	_ = -(uint(guard.Write) ^ C.THEUS_TRY_WRITE)
	_ = -(uint(guard.Delete) ^ C.THEUS_TRY_DELETE)
	_ = -(uint(guard.Mutate) ^ C.THEUS_TRY_MUTATE)
	_ = -(uint(guard.Iterate) ^ C.THEUS_TRY_ITERATE)
	_ = -(uint(guard.Store) ^ C.THEUS_TRY_STORE)
)

// Transactions.
const (
	_ = -(uint(transaction.Set) ^ C.THEUS_OP_SET)
	_ = -(uint(transaction.Delete) ^ C.THEUS_OP_DELETE)
	_ = -(uint(transaction.SetItem) ^ C.THEUS_OP_SET_ITEM)
	_ = -(uint(transaction.Append) ^ C.THEUS_OP_APPEND)
	_ = -(uint(transaction.Insert) ^ C.THEUS_OP_INSERT)
	_ = -(uint(transaction.Extend) ^ C.THEUS_OP_EXTEND)
	_ = -(uint(transaction.Pop) ^ C.THEUS_OP_POP)
	_ = -(uint(transaction.PopItem) ^ C.THEUS_OP_POPITEM)
	_ = -(uint(transaction.Remove) ^ C.THEUS_OP_REMOVE)
	_ = -(uint(transaction.Clear) ^ C.THEUS_OP_CLEAR)
	_ = -(uint(transaction.Sort) ^ C.THEUS_OP_SORT)
	_ = -(uint(transaction.Reverse) ^ C.THEUS_OP_REVERSE)
	_ = -(uint(transaction.LastOp) ^ C.THEUS_OP_LAST)
	_ = -(uint(transaction.Foreign) ^ C.THEUS_RECORD_FOREIGN)
	_ = -(uint(transaction.Heavy) ^ C.THEUS_RECORD_HEAVY)
	_ = -(uint(transaction.Resizes) ^ C.THEUS_RECORD_RESIZES)
	_ = -(uint(host.Any) ^ C.THEUS_ANY_KEY)
	_ = -(uint(host.Whole) ^ C.THEUS_WHOLE_KEY)
	_ = -(uint(host.Size) ^ C.THEUS_SIZE_KEY)
	_ = -(uint(transaction.Returned) ^ C.THEUS_RETURNED)
	_ = -(uint(transaction.Declared) ^ C.THEUS_DECLARED)
	_ = -(uint(transaction.Undeclared) ^ C.THEUS_UNDECLARED)
	_ = -(uint(transaction.Refused) ^ C.THEUS_REFUSED)
	_ = -(uint(transaction.Interrupted) ^ C.THEUS_INTERRUPTED)
	_ = -(uint(transaction.Unstarted) ^ C.THEUS_UNSTARTED)
	_ = -(uint(transaction.Run) ^ C.THEUS_RUN)
	_ = -(uint(transaction.Wait) ^ C.THEUS_WAIT)
	_ = -(uint(transaction.Apply) ^ C.THEUS_APPLY)
	_ = -(uint(transaction.Done) ^ C.THEUS_DONE)
	_ = -(uint(transaction.Commit) ^ C.THEUS_COMMIT)
	_ = -(uint(transaction.Keep) ^ C.THEUS_KEEP)
	_ = -(uint(transaction.Drop) ^ C.THEUS_DROP)
	_ = -(uint(transaction.Again) ^ C.THEUS_AGAIN)
	_ = -(uint(transaction.Patience) ^ C.THEUS_PATIENCE)
	_ = -(uint(engine.RaiseNothing) ^ C.THEUS_RAISE_NOTHING)
	_ = -(uint(engine.RaiseAsIs) ^ C.THEUS_RAISE_AS_IS)
	_ = -(uint(engine.RaiseWrapped) ^ C.THEUS_RAISE_WRAPPED)
)

// Arrays.
const (
	_ = -(uint(heavy.Int) ^ C.THEUS_ELEMENT_INT)
	_ = -(uint(heavy.Uint) ^ C.THEUS_ELEMENT_UINT)
	_ = -(uint(heavy.Float) ^ C.THEUS_ELEMENT_FLOAT)
	_ = -(uint(heavy.AskFinite) ^ C.THEUS_ASK_FINITE)
	_ = -(uint(heavy.AskExtreme) ^ C.THEUS_ASK_EXTREME)
)

// The audit.
const (
	_ = -(uint(path.Name) ^ C.THEUS_NAME)
	_ = -(uint(path.Any) ^ C.THEUS_ANY)
	_ = -(uint(audit.Input) ^ C.THEUS_GATE_INPUT)
	_ = -(uint(audit.Output) ^ C.THEUS_GATE_OUTPUT)
	_ = -(uint(audit.Info) ^ C.THEUS_LEVEL_I)
	_ = -(uint(audit.Caution) ^ C.THEUS_LEVEL_C)
	_ = -(uint(audit.Block) ^ C.THEUS_LEVEL_B)
	_ = -(uint(audit.Abort) ^ C.THEUS_LEVEL_A)
	_ = -(uint(audit.Safety) ^ C.THEUS_LEVEL_S)
	_ = -(uint(audit.Acted) ^ C.THEUS_ACTED)
	_ = -(uint(audit.Warned) ^ C.THEUS_WARNED)
	_ = -(uint(audit.Counted) ^ C.THEUS_COUNTED)
	_ = -(uint(audit.AskValue) ^ C.THEUS_NEED_VALUE)
	_ = -(uint(audit.AskType) ^ C.THEUS_NEED_TYPE)
	_ = -(uint(audit.AskLen) ^ C.THEUS_NEED_LEN)
	_ = -(uint(audit.AskItems) ^ C.THEUS_NEED_ITEMS)
	_ = -(uint(audit.AskFinite) ^ C.THEUS_NEED_FINITE)
	_ = -(uint(audit.AskExtreme) ^ C.THEUS_NEED_EXTREME)
	_ = -(uint(audit.AskLayout) ^ C.THEUS_NEED_LAYOUT)
	_ = -(uint(audit.AskPlace) ^ C.THEUS_NEED_PLACE)
	_ = -(uint(audit.AskContents) ^ C.THEUS_NEED_CONTENTS)
	_ = -(uint(audit.AskHas) ^ C.THEUS_NEED_HAS)
	_ = -(uint(audit.Absent) ^ C.THEUS_VALUE_ABSENT)
	_ = -(uint(audit.Raised) ^ C.THEUS_VALUE_RAISED)
	_ = -(uint(audit.Null) ^ C.THEUS_VALUE_NULL)
	_ = -(uint(audit.Bool) ^ C.THEUS_VALUE_BOOL)
	_ = -(uint(audit.Int) ^ C.THEUS_VALUE_INT)
	_ = -(uint(audit.Float) ^ C.THEUS_VALUE_FLOAT)
	_ = -(uint(audit.Exact) ^ C.THEUS_VALUE_EXACT)
	_ = -(uint(audit.String) ^ C.THEUS_VALUE_STRING)
	_ = -(uint(audit.Bytes) ^ C.THEUS_VALUE_BYTES)
	_ = -(uint(audit.List) ^ C.THEUS_VALUE_LIST)
	_ = -(uint(audit.Map) ^ C.THEUS_VALUE_MAP)
	_ = -(uint(audit.Array) ^ C.THEUS_VALUE_ARRAY)
	_ = -(uint(audit.Object) ^ C.THEUS_VALUE_OBJECT)
	_ = -(uint(audit.Each) ^ C.THEUS_VALUE_EACH)
)

// Schemas.
const (
	_ = -(uint(audit.Root) ^ C.THEUS_TYPE_ROOT)
	_ = -(uint(audit.IsNone) ^ C.THEUS_TYPE_NONE)
	_ = -(uint(audit.IsBool) ^ C.THEUS_TYPE_BOOL)
	_ = -(uint(audit.IsInt) ^ C.THEUS_TYPE_INT)
	_ = -(uint(audit.IsFloat) ^ C.THEUS_TYPE_FLOAT)
	_ = -(uint(audit.IsText) ^ C.THEUS_TYPE_TEXT)
	_ = -(uint(audit.IsBytes) ^ C.THEUS_TYPE_BYTES)
	_ = -(uint(audit.IsList) ^ C.THEUS_TYPE_LIST)
	_ = -(uint(audit.IsTuple) ^ C.THEUS_TYPE_TUPLE)
	_ = -(uint(audit.IsDict) ^ C.THEUS_TYPE_DICT)
	_ = -(uint(audit.IsSet) ^ C.THEUS_TYPE_SET)
	_ = -(uint(audit.IsFrozenset) ^ C.THEUS_TYPE_FROZENSET)
	_ = -(uint(audit.IsDeque) ^ C.THEUS_TYPE_DEQUE)
	_ = -(uint(audit.IsBytearray) ^ C.THEUS_TYPE_BYTEARRAY)
	_ = -(uint(audit.IsObject) ^ C.THEUS_TYPE_OBJECT)
)
