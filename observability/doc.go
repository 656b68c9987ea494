// Package observability turns what the core tells its Observer into metrics, spans and log lines,
// and answers whether the service is well.
//
//	core, httpd ── ports.Observer ──► Observer ─┬─► Prometheus registry ──► Metrics() on the admin address
//	                                            ├─► spans ──► Telemetry ──► OTLP, as OTEL_* says
//	                                            └─► slog: faults (once, with an id, and how often they came again), the rest at debug level
//	store, bus ── Observer.Log, Directory, Bus ──► the same, timed and counted on their way to the core
//	store, bus, keys ── ports.Checker ──► Health ──► /healthz, /readyz, parley_part_up
//
// Labels hold closed sets only (types, kinds, reasons): never a room, a user or a session, of which
// there is no end. Which rooms are the hottest is known by a sketch of bounded size. Logs hold ids,
// never a token or a message body.
//
// One trace leads from a command to its readers:
//
//	send ─┬─ check                        may they?
//	      ├─ append ─┬─ commit ── …       one for all that share it, with links to each; below it the database's own
//	      │          └─ announce          to this node's feeds and to other nodes
//	      └─ deliver                      one for each node: how many readers, how soon, how many were behind
//
// Steps go from one goroutine to another, and from node to node, as a chat.Trace: the words of a
// W3C traceparent. So the core knows no tracing library, and a step that nobody records costs a
// method call.
package observability
