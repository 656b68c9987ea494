// Package wire is protocol v1 as data: what a client's frames mean, what the service's frames look like, and which code each error
// and each end of a session has. It knows JSON and nothing of WebSocket or HTTP.
//
// The document AsyncAPI describes every frame, with an example of each that tests hold against the code.
package wire
