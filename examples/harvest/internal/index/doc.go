// Package index is a small index service: a store that keeps documents in a
// file, and a web server in front of it.
//
// The store appends one JSON record a line. Documents are known by their path:
// what is stored already is acknowledged and not written again, so a client
// that is in doubt may send a batch twice. [Store.Add] returns when the records
// are written and fsynced, one fsync a batch; what was acknowledged survives a
// crash of the program and of the machine. A crash in the middle of a write
// leaves a torn last line, which was never acknowledged: [Open] cuts it off.
//
// The server:
//
//	POST /documents   {"documents": [...]}  ->  {"stored": 20, "known": 5}
//	GET  /documents   a line for each path in the file: {"path": "a.go", "copies": 1}
//	GET  /count       {"documents": 6480, "records": 6480}
//
// Both GETs read the file again rather than the memory, so they tell what is
// really there: exactly once means copies 1, and as many records as documents.
package index
