package ports

import "time"

// ConsumingObserver is told what consumers do. Consumers are named; there are few.
type ConsumingObserver interface {
	FaultObserver

	// Took tells of one attempt of a consumer to take a batch: how many entries it had, how long it
	// took, and its result.
	Took(consumer string, entries int, took time.Duration, result TakeResult)
	// Lagging tells, every few seconds, how far consumers are behind on all nodes. Only one of the
	// nodes does so. When that changes, the former one calls it once more, with none.
	Lagging(all []ConsumerLag)
	// Leasing tells how many shares the node holds, and how many nodes run consumers.
	Leasing(shares, nodes int)
	// TookOver tells that the node took over shares of nodes that fell silent.
	TookOver(shares int)
	// Forgot tells that a consumer does not exist any more. Whatever is kept of it can be dropped.
	Forgot(consumer string)
}

// TakeResult is the result of an attempt: one of a closed set of words.
type TakeResult string

// The results of attempts.
const (
	TakeOK      TakeResult = "ok"
	TakeFailed  TakeResult = "failed"  // it will be tried again
	TakeStalled TakeResult = "stalled" // it has failed for too long
	TakePaused  TakeResult = "paused"  // the whole consumer pauses
)

// ConsumerLag is how far a consumer is behind.
type ConsumerLag struct {
	Consumer string
	Entries  int64         // that it has yet to take or pass over
	Rooms    int           // where it is behind
	Waiting  int           // rooms where it waits to try again
	Stalled  int           // rooms where it is stalled
	Oldest   time.Duration // the age of the oldest of the entries
}
