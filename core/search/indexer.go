package search

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

// Consumer is the name of the consumer that writes the index. The number in it grows when tokens
// are made in another way. Then a new consumer indexes all rooms from their first entries.
const Consumer = "search:1"

const (
	batchBytes = 256 << 10
	inFlight   = 64
	takeTime   = 30 * time.Second
	awayTime   = 2 * time.Second // pause when the store cannot be reached
)

// indexer is the consumer that writes the index.
type indexer struct{ s *Service }

var _ consuming.Consumer = indexer{}

// Indexer returns the consumer that writes the index, for a runner. It works only while Run runs.
func (s *Service) Indexer() consuming.Consumer { return indexer{s} }

// Name implements consuming.Consumer.
func (indexer) Name() string { return Consumer }

// Wants implements consuming.Consumer.
func (indexer) Wants(chat.RoomID) bool { return true }

// From implements consuming.Consumer.
func (indexer) From() consuming.From { return consuming.Start() }

// Limits implements consuming.Consumer.
func (indexer) Limits() consuming.Limits {
	return consuming.Limits{Entries: 100, Bytes: batchBytes, Rooms: inFlight, Time: takeTime}
}

// Filter implements consuming.Consumer.
func (indexer) Filter(e *chat.Entry) bool { return concerns(e) }

// concerns reports whether an entry changes what can be found.
func concerns(e *chat.Entry) bool {
	switch e.Fact.(type) {
	case chat.Message, chat.Edited, chat.Deleted:
		return true
	}
	return false
}

// Seal implements consuming.Consumer.
func (indexer) Seal(consuming.Batch) []byte { return nil }

// Take implements consuming.Consumer.
func (i indexer) Take(ctx context.Context, b consuming.Batch) (consuming.Taken, error) {
	docs := i.s.docs(b.Room, b.Entries)
	err := i.s.gather.put(ctx, docs)
	switch {
	case errors.Is(err, chat.Unavailable):
		// This is no fault of the room.
		return consuming.Taken{}, consuming.Pause{For: awayTime, Cause: err}
	case err != nil:
		return consuming.Taken{}, err
	}
	return b.All(), nil
}

// docs returns the new documents of the messages that the entries are about, each message once.
// Entries come in their present form: an edit has its message's present body. Only a message's
// author edits it.
func (s *Service) docs(room chat.RoomID, entries []chat.Entry) []ports.SearchDoc {
	docs := make([]ports.SearchDoc, 0, len(entries))
	var words []ports.Word
	for n := range slices.Backward(entries) { // the last entry about a message counts
		e := &entries[n]
		doc := ports.SearchDoc{Room: room, Seq: e.Seq}
		body := ""
		switch f := e.Fact.(type) {
		case chat.Message:
			body = f.Body
		case chat.Edited:
			doc.Seq, body = f.Target, f.Body
		case chat.Deleted:
			doc.Seq = f.Target
		default:
			continue
		}
		if slices.ContainsFunc(docs, func(is ports.SearchDoc) bool { return is.Seq == doc.Seq }) {
			continue
		}
		if body != "" {
			words = s.cfg.Words.Words(words[:0], body)
			doc.Tokens = tokens(e.Author.ID, body, words)
		}
		docs = append(docs, doc)
	}
	return docs
}
