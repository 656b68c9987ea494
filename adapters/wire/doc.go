// Package wire is protocol v1 as data: what a client's frames mean, what the service's frames look
// like, and which code each error and each end of a session has. It knows JSON, and not WebSocket
// or HTTP.
//
// The document AsyncAPI describes every frame. The folder specimens has each of them as a file, for
// clients in any language to test against; tests hold the code and the document to those files.
package wire
