package hooks

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	testEvery = 10 * time.Second // one test of a user in that time, in the long run
	testBurst = 5
	testsRun  = 16 // max tests under way on this node
	// Bytes of an answer that are read: more than is shown, so that a secret in it is seen as a
	// whole.
	testPiece  = 4 << 10
	testMarker = "~test." // stands where the ids of batches have a room; no room has this id
)

// tests bounds how many tests are made. Otherwise somebody who may make hooks could use tests to
// scan a network.
type tests struct {
	mu   sync.Mutex
	run  int
	pace map[chat.UserID]*bucket // buckets of users that are not full
}

var errTests = &chat.Error{Kind: chat.RateLimited, Reason: "too many tests of hooks are under way", RetryAfter: time.Second}

// begin lets a user make a test, after which they call end. If it refuses, the error says when they
// may.
func (t *tests) begin(user chat.UserID, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.run >= testsRun {
		return errTests
	}
	maps.DeleteFunc(t.pace, func(_ chat.UserID, b *bucket) bool { return !b.full.After(now) })
	if t.pace == nil {
		t.pace = map[chat.UserID]*bucket{}
	}
	if t.pace[user] == nil {
		t.pace[user] = &bucket{}
	}
	if wait := t.pace[user].take(now, testEvery, testBurst); wait > 0 {
		return &chat.Error{Kind: chat.RateLimited, Reason: "you test hooks too often", RetryAfter: wait}
	}
	t.run++
	return nil
}

func (t *tests) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.run--
}

// TestHook implements ports.HookAdmin. The answer may come from a network that the operator allows.
// So only admins see its text.
func (s *Service) TestHook(ctx context.Context, by chat.Identity, id chat.HookID) (test ports.HookTest, err error) {
	h, err := s.own(ctx, by, id)
	if err != nil {
		return test, err
	}
	if h.Kind == ports.HookPull {
		return test, chat.Errorf(chat.Conflict, "this is a pull hook: nothing is posted to it")
	}
	parcel, err := s.parcel(h)
	if err != nil {
		return test, chat.Errorf(chat.Conflict, "%v", err)
	}
	if err := s.tests.begin(by.User, time.Now()); err != nil {
		return test, err
	}
	defer s.tests.end()
	parcel.ID, parcel.Body, parcel.Piece = idBeside(id, testMarker), s.cfg.Test(nil, id), testPiece
	parcel.Read = func(answer []byte) (ports.HookAnswer, error) { return s.cfg.Read(answer, "") }
	began := time.Now()
	receipt, err := s.untilDrained(ctx, parcel)
	if err != nil && s.drained() {
		return test, chat.Errorf(chat.Unavailable, "the service is stopping: test again")
	}
	test.Status, test.Took = receipt.Status, time.Since(began)
	result := resultOf(receipt, err)
	switch {
	case err != nil:
		test.Error = chat.AsError(err).Reason
	case result != ports.HookOK:
		test.Error = errStatus(receipt.Status).Error()
	}
	if by.Admin {
		test.Body = shownPiece(receipt.Piece, parcel.Secrets)
	}
	s.cfg.Observer.HookSet(by.User, id, ports.HookTestedAct, h.Room, fmt.Sprintf("%s, %d", result, receipt.Status))
	return test, nil
}

// drained reports whether the service is stopping.
func (s *Service) drained() bool {
	select {
	case <-s.leaves:
		return true
	default:
		return false
	}
}

// untilDrained delivers a parcel, and gives up when the service stops.
func (s *Service) untilDrained(ctx context.Context, p ports.Parcel) (ports.HookReceipt, error) {
	ctx, cancel := context.WithTimeout(ctx, postTime)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		select {
		case <-s.leaves:
			cancel()
		case <-ctx.Done():
		}
	})
	return s.cfg.Courier.Deliver(ctx, p)
}

// shownPiece returns the beginning of an answer as it is shown: text, without the hook's secrets.
func shownPiece(piece string, secrets [][]byte) string {
	text := strings.ToValidUTF8(piece, "\uFFFD")
	for _, s := range secrets {
		text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString(s), "…")
	}
	if runes := []rune(text); len(runes) > ports.MaxTestChars {
		text = string(runes[:ports.MaxTestChars])
	}
	return text
}
