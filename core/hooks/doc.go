// Package hooks tells back ends of others what is recorded in rooms. Each hook is a consumer (see
// core/consuming). So it gets the entries of each of its rooms in order and loses none, whichever
// node or endpoint fails meanwhile.
//
//	log ──► consuming ──► batch ──► courier ──► the hook's URL      a push hook
//	                        │           └─ 2xx: cursor moves; {"ack":n}: up to n; {"do":[…]}: its bot acts
//	                        └─ is left where it is, until GET …/entries takes it and POST …/ack moves it   a pull hook
//
// # What is sent
//
// A batch's bounds are fixed before its first attempt. Its entries are read at each attempt, in
// their present form. So a message that was deleted while an endpoint was away never reaches it. A
// batch's id has its hook, room and bounds, and a digest of its bytes. So one id has the same bytes
// for ever. As long as no entry in it has changed, a later attempt has the same id and the same
// bytes.
//
// # Answers that act
//
// An answer may have commands for the hook's bot. A command without a key of its own gets one, made
// from the batch's name and the command's place in the answer. So it is done once although the
// batch may be sent again, as when a node dies after the answer and before the cursor has moved.
//
// # Who sees what
//
// An admin's hook sees each room that its patterns fit, public or not, and also rooms that are
// hidden later. A moderator's hook sees one room, and only for as long as its maker moderates
// there: their place is checked before each attempt. A maker who moderates by a token alone has no
// place that could be checked. Such a hook ends when its maker is banned, or when a moderator
// removes it.
//
// # Signals
//
// A hook may also be told signals, as they arise on a node, in parcels of their own. They have
// nothing to do with cursors: each signal is posted once, or dropped if it cannot be posted at
// once.
//
// # Secrets
//
// The secrets that sign parcels are stored encrypted (AES-256-GCM), under a key that the store does
// not have. A secret is shown once, to whoever makes the hook or changes its secret. It is in no
// log and no trace. A private key is never shown; its public key can be seen at any time.
package hooks
