package jwt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/core/chat"
)

const (
	maxSetBytes = 1 << 20
	askGap      = 5 * time.Second  // least time from one reading that a token asked for to the next
	retryGap    = 30 * time.Second // from a reading that failed to the next, where nobody asks
)

// keySet is a key set that is published by URL (RFC 7517). It is cached; one goroutine reads it, at times, and sooner when a token
// names a key that is not in it. All tokens that miss a key share one reading, and between two there is a gap, so that forged
// tokens do not become a flood of requests to whoever publishes it. A set that cannot be read any more stays in use.
type keySet struct {
	url     string
	client  *http.Client
	refresh time.Duration
	timeout time.Duration
	onFault func(error)
	asked   chan struct{} // room for one; empty while wanted is false

	mu     sync.Mutex
	keys   []publishedKey // nil until the set could be read
	began  time.Time      // the last reading
	wanted bool           // a reading is asked for or under way
	err    error          // of the last reading that ended
	ended  chan struct{}  // closed and replaced when a reading ends
}

// publishedKey is a key of the set, and what that says of its use.
type publishedKey struct {
	public    any
	kid       string
	algorithm string // empty: any that fits
}

// newKeySet reads the set, and lives until ctx ends.
func newKeySet(ctx context.Context, cfg Config) *keySet {
	s := &keySet{
		url: cfg.JWKSURL, refresh: cmp.Or(cfg.Refresh, 15*time.Minute), timeout: cmp.Or(cfg.HTTPTimeout, 5*time.Second),
		onFault: cfg.OnFault, asked: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	s.client = &http.Client{Transport: cfg.Transport, Timeout: s.timeout}
	if s.onFault == nil {
		s.onFault = func(error) {}
	}
	s.read(ctx)
	go s.run(ctx) // it holds nothing that anybody waits for, and ctx ends its requests too
	return s
}

func (s *keySet) run(ctx context.Context) {
	for {
		next := s.refresh
		if s.failed() != nil {
			next = min(next, retryGap)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.asked:
			timer.Stop()
		}
		s.read(ctx)
	}
}

// read reads the set, and tells who waits for it.
func (s *keySet) read(ctx context.Context) {
	s.mu.Lock()
	if s.wanted { // perhaps it is the clock that came first
		select {
		case <-s.asked:
		default:
		}
	}
	s.began, s.wanted = time.Now(), true
	s.mu.Unlock()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	if err == nil {
		s.keys = keys
	}
	s.err, s.wanted = err, false
	close(s.ended)
	s.ended = make(chan struct{})
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		s.onFault(fmt.Errorf("read the key set: %w", err))
	}
}

// fetch returns the keys of the set that can verify tokens.
func (s *keySet) fetch(ctx context.Context) ([]publishedKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxSetBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxSetBytes:
		return nil, fmt.Errorf("it is longer than %d bytes", maxSetBytes)
	}
	return parseSet(body)
}

// parseSet leaves out keys that are unknown, weak, secret or not for signatures: one of them spoils no other.
func parseSet(body []byte) ([]publishedKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	var keys []publishedKey
	for _, raw := range set.Keys {
		var said jwkset.JWKMarshal
		if json.Unmarshal(raw, &said) != nil || !forSignatures(said) {
			continue
		}
		key, err := jwkset.NewJWKFromMarshal(said, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil || strong(key.Key()) != nil {
			continue
		}
		keys = append(keys, publishedKey{public: key.Key(), kid: said.KID, algorithm: said.ALG.String()})
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key in it that could verify tokens")
	}
	return keys, nil
}

func forSignatures(said jwkset.JWKMarshal) bool {
	return (said.USE == "" || said.USE == jwkset.UseSig) &&
		(len(said.KEYOPS) == 0 || slices.Contains(said.KEYOPS, jwkset.KeyOpsVerify))
}

// find returns the keys that may have signed a token: that of its kid, or, where it names none, all that fit.
func (s *keySet) find(ctx context.Context, token *jwt.Token) (found jwt.VerificationKeySet, err error) {
	kid, named := token.Header["kid"]
	name, isText := kid.(string)
	if named && !isText {
		return found, refused(malformed, "the token's kid is no string")
	}
	found, known := s.match(token, name, named)
	if !known {
		if err := s.ask(ctx); err != nil {
			return found, err
		}
		found, known = s.match(token, name, named)
	}
	switch {
	case len(found.Keys) > 0:
		return found, nil
	case known:
		return found, refused(badAlgorithm, "the token's algorithm does not fit its key")
	}
	if err := s.failed(); err != nil {
		return found, chat.Wrap(chat.Unavailable, err, "look for a token's key")
	}
	return found, refused(unknownKey, "the token is signed by a key that is not known here")
}

// match returns the keys that fit the token. known is false where the set may have to be read anew for it.
func (s *keySet) match(token *jwt.Token, kid string, named bool) (found jwt.VerificationKeySet, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if named && k.kid != kid {
			continue
		}
		known = known || named
		if fits(token.Method, k.public) && (k.algorithm == "" || k.algorithm == token.Method.Alg()) {
			found.Keys = append(found.Keys, k.public)
		}
	}
	return found, known || len(found.Keys) > 0
}

// ask has the set read anew and waits for that, unless the last reading was just now.
func (s *keySet) ask(ctx context.Context) error {
	s.mu.Lock()
	ended, under, recent := s.ended, s.wanted, time.Since(s.began) < askGap
	if !under && recent {
		s.mu.Unlock()
		return nil
	}
	if !under {
		s.wanted = true
		s.asked <- struct{}{} // there is room: s.wanted was false
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return chat.Wrap(chat.Unavailable, ctx.Err(), "wait for the key set")
	}
}

// failed returns why the last reading failed, if it did.
func (s *keySet) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
