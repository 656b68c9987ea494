// Package hooks has the back ends of others told what is recorded in rooms: each hook is a consumer
// (see core/consuming), so that it gets the entries of each of its rooms in order and loses none,
// whichever node or endpoint fails meanwhile.
//
//	log ──► consuming ──► batch ──► courier ──► the hook's URL      a push hook
//	                        │           └─ 2xx: cursor moves; {"ack":n}: up to n; {"do":[…]}: its bot acts
//	                        └─ is left where it is, until GET …/entries takes it and POST …/ack moves it   a pull hook
//
// # What is sent
//
// A batch's bounds are fixed before its first try, and its entries are read at each try, in present
// form: what was deleted while an endpoint was away never reaches it. A batch is named by its hook,
// room and bounds and by a digest of its bytes, so that one id has the same bytes for ever. As long
// as nothing in it was changed a later try is the same id and the same bytes.
//
// # Answers that act
//
// An answer may say what the hook's bot is to do. Each command has a key made of the batch's name
// and its place in the answer, unless it brings one. So it is done once although the batch may be
// sent again, as when a node dies between the answer and the move of the cursor.
//
// # Who sees what
//
// An admin's hook sees each room that its patterns fit, public or not, hidden later or not. A
// moderator's sees that one room, and only for as long as its maker moderates there: their place is
// looked at before each try. Who moderates by a token alone has no place that could be looked at:
// such a hook ends when they are banned, or when another moderator removes it.
//
// # Signals
//
// A hook may also be told signals, as they arise on a node, in parcels of their own. They have
// nothing to do with cursors: each is posted once, or dropped where that is not possible at once.
//
// # Secrets
//
// What parcels are signed with is kept encrypted (AES-256-GCM) under a key that the store does not
// have. A secret is shown once, to who makes the hook or has it changed, and is in no log and no
// trace. A private key is never shown; its public one is at any time.
package hooks
