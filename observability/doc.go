// Package observability turns the core's calls of its Observer into metrics, spans and log lines,
// and reports the service's health.
//
//	core, httpd ── ports.Observer ──► Observer ─┬─► Prometheus registry ──► Metrics() on the admin address
//	                                            ├─► spans ──► Telemetry ──► OTLP, as OTEL_* says
//	                                            └─► slog: faults (once, with an id, and how often they came again), the rest at debug level
//	store, bus ── Observer.Log, Directory, Bus ──► the same, timed and counted on their way to the core
//	store, bus, keys ── ports.Checker ──► Health ──► /healthz, /readyz, parley_part_up
//
// Labels have only values of closed sets (types, kinds, reasons): never a room, a user or a
// session, whose number is unbounded. A sketch of bounded size knows the hottest rooms. Logs
// contain ids, never a token or a message body.
//
// One trace leads from a command to its readers:
//
//	send ─┬─ check                        may they?
//	      ├─ append ─┬─ commit ── …       one for all that share it, with links to each; below it the database's own
//	      │          └─ announce          to this node's feeds and to other nodes
//	      └─ deliver                      one for each node: how many readers, how soon, how many were behind
//
// Steps go from one goroutine to another, and from node to node, as a chat.Trace: the text of a W3C
// traceparent. So the core needs no tracing library, and a step that is not recorded costs one
// method call.
package observability
