// Package server composes the service: it plugs adapters into the core according to the settings,
// starts all parts in order, watches them, and stops them in order.
//
//	start:  store ─► admin listener ─► bus ─► feeds ─► revocations ─► journal ─► HTTP listener
//	stop:   readiness red ─► drain ─► HTTP listener ─► journal flushed ─► revocations ─► feeds ─► bus ─► admin listener ─► store closed
//
// To use your own adapter, write a main that calls Run with an fx.Decorate of its port.
package server
