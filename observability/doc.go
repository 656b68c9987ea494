// Package observability turns what the core tells its Observer into metrics and logs, and answers whether the service is well.
//
//	core ── ports.Observer ──► Observer ─┬─► Prometheus registry ──► Metrics() on the admin address
//	                                     └─► slog: faults (once, with an id), sessions and commands at debug level
//	store, bus ── ports.Checker ──► Health ──► /healthz, /readyz
//
// Labels hold closed sets only (types, kinds, reasons): never a room, a user or a session, of which there is no end. Logs hold
// ids, never a token or a message body.
package observability
