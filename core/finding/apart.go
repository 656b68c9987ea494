package finding

import (
	"context"
	"slices"
	"sync"

	"github.com/parley-chat/parley/ports"
)

// apartFrom is the number of rooms from which on a query is answered in two parts.
const apartFrom = 50

// Apart answers a query for many rooms in two parts at the same time, each for half of the rooms.
// So it uses two cores, and takes about half as long. The two parts may see the index at different
// moments: that does no harm, as the indexes of two rooms are independent. It is meant for a store
// that works in this process. A database is a second process already, and gains nothing.
func Apart(ctx context.Context, query ports.FindQuery, find func(context.Context, ports.FindQuery) ([]ports.FoundMessage, error)) ([]ports.FoundMessage, error) {
	if query.Public || len(query.Rooms) < apartFrom {
		return find(ctx, query)
	}
	half := len(query.Rooms) / 2
	parts := [2]ports.FindQuery{query, query}
	parts[0].Rooms, parts[1].Rooms = query.Rooms[:half], query.Rooms[half:]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var lists [2][]ports.FoundMessage
	var failed error
	var fails sync.Once
	var both sync.WaitGroup
	for i := range parts {
		both.Go(func() {
			list, err := find(ctx, parts[i])
			if lists[i] = list; err != nil {
				fails.Do(func() { failed = err; cancel() }) // the other part is not needed any more
			}
		})
	}
	both.Wait()
	if failed != nil {
		return nil, failed
	}
	all := slices.Concat(lists[:]...)
	slices.SortFunc(all, newestFirst)
	return all[:min(len(all), query.Limit)], nil
}
