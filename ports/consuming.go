package ports

import "time"

// ConsumingObserver is told what consumers do. Consumers are named; there are few.
type ConsumingObserver interface {
	FaultObserver

	// Took tells of one attempt of a consumer to take a batch: how many entries it had, how long it
	// took, and what came of it.
	Took(consumer string, entries int, took time.Duration, result TakeResult)
	// Lagging tells every few seconds, on one of the nodes, how far consumers are behind on all of
	// them; on a node that ceases to be that one, once, of none.
	Lagging(all []ConsumerLag)
	// Leasing tells how many shares the node holds, and how many nodes run consumers.
	Leasing(shares, nodes int)
	// TookOver tells that the node took over shares of nodes that fell silent.
	TookOver(shares int)
	// Forgot tells that a consumer is there no more: nothing need be kept of it.
	Forgot(consumer string)
}

// TakeResult is what came of an attempt: a word of a closed set.
type TakeResult string

// The results of attempts.
const (
	TakeOK      TakeResult = "ok"
	TakeFailed  TakeResult = "failed"  // it is tried again
	TakeStalled TakeResult = "stalled" // it has failed for too long
	TakePaused  TakeResult = "paused"  // the consumer as a whole rests
)

// ConsumerLag is how far a consumer is behind.
type ConsumerLag struct {
	Consumer string
	Entries  int64         // that it has yet to take, or to pass over
	Rooms    int           // where it is behind
	Waiting  int           // of them, where it waits to try again
	Stalled  int           // where nothing is tried any more
	Oldest   time.Duration // how old the oldest of the entries is
}
