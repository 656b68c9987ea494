// Package people knows what users are called, and tells those who look at them when that changes.
//
// A profile comes from what tokens say of their user, or is set by a request:
//
//	a token that was verified ─► Heard ─► what is new, gathered ─► People.Learn ─┐
//	PUT /v1/users/{user} ─► SetProfile ─► People.SetProfile ─────────────────────┴─► ProfileChanged:
//	                                                                                 this node, the bus
//
// A request with a token does not wait until its claim is written. The claim is noted, unless it
// was heard lately, and one goroutine writes what was noted, a batch at a time. If a claim cannot
// be written, or too many wait, it is lost. The next request with that token brings it again.
//
// A notice says who has changed, and which version is the latest, but not what has changed. Nodes
// where somebody looks at that user read the profile from the store. So they always show the
// latest one, in whatever order notices come.
package people
