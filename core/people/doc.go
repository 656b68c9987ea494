// Package people knows what users are called, and tells those who look at them when that changes.
//
// A profile comes of what a token says of its user, or is set by itself:
//
//	a token that was verified ─► Heard ─► what is new, gathered ─► People.Learn ─┐
//	PUT /v1/users/{user} ─► SetProfile ─► People.SetProfile ─────────────────────┴─► ProfileChanged:
//	                                                                                 this node, the bus
//
// Nobody who shows a token waits for that: what it says is noted, unless it was heard lately, and
// written by one goroutine, a batch at a time. Of what cannot be written now, or is too much, the
// next request with that token tells again.
//
// A notice says who has changed and to which version, and not how: nodes where somebody looks at
// that user read what is there, so that what they show is the latest, however notices come.
package people
