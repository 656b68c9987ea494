// Package ports says what the core needs from the world, and what it offers to it. Each interface's
// comment is its contract. Package portstest tests an implementation against the contract.
//
// Driven ports (adapters implement them): Log, LogIdentity, Directory, Revocations, Cursors,
// Consumers, Leases, Hooks, Courier, Bus, TokenVerifier, Conn, Encoder, Observer, Checker. Driving
// ports (the core implements them): Writer, Reader, Rooms, Members, HookAdmin, HookCursors,
// Sessions and Session.
//
// Unless a comment says otherwise, every method may be called concurrently, waits no longer than
// its context, and fails with an error that has a chat.Kind.
package ports
