// Package wire is protocol v1 as data: what a client's frames mean, what the service's frames look like, and which code each error
// and each end of a session has. It knows JSON and nothing of WebSocket or HTTP.
//
// Specimens of every frame stand in specimens/; tests, the page and the documents share them.
package wire
