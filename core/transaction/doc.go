// Package transaction decides how the writes of processes become history: all of them, in one
// order, or none.
//
// A Transaction begins, runs, and is over. While it runs, the host keeps its writes to itself and
// appends a Record for each; when the process ends, the records come here and Finish answers with
// the next Step:
//
//	   begin
//	     |  (Wait: another one is in charge)
//	     v
//	 [running] -- failed ------------------------------> Drop
//	     |
//	     +-- a savepoint returned ---------------------> Keep
//	     +-- nothing to write -------------------------> Done, no new version
//	     +-- writes, none can run user code -----------> Commit (may be retracted)
//	     v  writes that can run user code: Apply
//	[applying] -- some did not stand ------------------> Drop
//	     +-- all stand --------------------------------> Done
//
// Its few types:
//
//   - Lane orders the transactions of one engine. In this form one top-level transaction is in
//     charge at a time, which makes the order serial; the others are told to wait, never blocked.
//   - Transaction is a node of the stack below the one in charge: its savepoints.
//   - Record is one write, 32 bytes, laid out like theus_record of capi/theus.h.
//   - Versions numbers the commits.
//
// Nothing here is safe for concurrent use: the engine's mutex protects a Lane and all below it.
package transaction
