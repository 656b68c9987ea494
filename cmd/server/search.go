package server

import (
	"context"
	"time"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/logwatch"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/search"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/ports"
)

type searchParts struct {
	fx.In
	Store     Store
	Log       ports.Log
	Directory ports.Directory
	Lists     ports.RoomLists
	Messaging *messaging.Service
	Runner    *consuming.Runner
	Observer  ports.Observer
	Watch     *logwatch.Watch
	Rate      *work.Rate
}

// newSearch returns the search. It returns nil if search is off, or if the store has no index.
func newSearch(cfg Config, p searchParts) *search.Service {
	index, has := p.Store.(ports.SearchIndex)
	if cfg.NoSearch || !has {
		return nil
	}
	return search.New(search.Config{
		Index: index, Words: words.Reader{}, Log: p.Log, Directory: p.Directory, Lists: p.Lists, Cursors: p.Store, Observer: p.Observer,
		Behind: p.Runner.Behind, Charge: p.Messaging.ChargeSearch, Which: p.Watch.Log, Rate: p.Rate.PerSecond, Nodes: p.Messaging.Writing,
		Measure: wire.MeasureEntry, AnswerBytes: cfg.AnswerBytes,
	})
}

// newSearcher returns the search as a port, which is nil if there is none.
func newSearcher(s *search.Service) ports.Searcher {
	if s == nil {
		return nil
	}
	return s
}

// searching runs the search, and adds its indexer to the runner.
func searching(s *search.Service, r *consuming.Runner, store ports.Consumers, o ports.FaultObserver) func(context.Context) error {
	return func(ctx context.Context) error {
		t := search.Tidy{Consumers: store, Runner: r, Observer: o, Own: s != nil, Wait: forgetAfter}
		if s == nil {
			return t.Run(ctx)
		}
		if err := r.Add(s.Indexer()); err != nil {
			return err
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = t.Run(ctx) }()
		err := s.Run(ctx)
		<-done
		return err
	}
}

// forgetAfter is when a node forgets the cursors of an index that is not written any more. By then
// all nodes have the same release and settings.
const forgetAfter = 5 * time.Minute
