// Package transaction decides how the writes of processes become history: all of them, in one
// order, or none.
//
// A Transaction begins, runs, and is over. While it runs, the host keeps its writes to itself and
// appends a Record for each; when the process ends, the records come here and Finish answers with
// the next Step:
//
//	   begin
//	     |  (Wait: it lost so often that it gets priority, once the one that has it is over)
//	     v
//	 [running] -- failed ------------------------------> Drop
//	     |
//	     +-- a savepoint returned ---------------------> Keep
//	     +-- nothing to write -------------------------> Done, no new version
//	     +-- what it read was changed by a commit -----> Again: drop, and begin again
//	     +-- writes, none can run user code -----------> Commit (may be retracted)
//	     v  writes that can run user code: Apply
//	[applying] -- some did not stand ------------------> Drop
//	     +-- all stand --------------------------------> Done
//
// Transactions run at once and are compared when they commit: optimistic concurrency control with
// backward validation (Kung and Robinson, On Optimistic Methods for Concurrency Control, 1981). In
// between, a host asks CatchUp before it reads on after somebody else's commit, so no process ever
// sees parts of two versions, not even one that will run again.
//
// Its few types:
//
//   - Lane orders the transactions of one engine.
//   - Transaction is a node of a stack: a top-level one and its savepoints.
//   - Record is one write, 32 bytes, laid out like theus_record of capi/theus.h.
//   - Reads is what a transaction has read: a table that the host keeps, in shared memory.
//   - Versions numbers the commits; history is what the newest of them changed.
//
// Nothing here is safe for concurrent use: the engine's mutex protects a Lane and all below it.
package transaction
