// Package server composes the service: it plugs adapters into the core by what the settings say,
// starts everything in order, watches over it, and stops it in order.
//
//	start:  store ─► admin listener ─► bus ─► feeds ─► revocations ─► journal ─► HTTP listener
//	stop:   readiness red ─► drain ─► HTTP listener ─► journal flushed ─► revocations ─► feeds ─► bus ─► admin listener ─► store closed
//
// Whoever has an adapter of their own writes a main that calls Run with an fx.Decorate of the port
// that it is for.
package server
