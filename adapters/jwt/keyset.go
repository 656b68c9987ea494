package jwt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/core/chat"
)

const (
	maxSetBytes    = 1 << 20
	maxHeaderBytes = 64 << 10
	maxRedirects   = 5
	maxWaiting     = 16               // max tokens that wait for a read of the set
	askGap         = 5 * time.Second  // min time between two reads that tokens asked for
	retryGap       = 30 * time.Second // max time from a failed read to the next
)

// keySet is a key set that is published by URL (RFC 7517). It is cached. One goroutine reads it
// regularly, and sooner if a token names an unknown key. All tokens that miss a key share one read.
// Between two reads is a gap, which grows while they fail, so that forged tokens do not flood the
// publisher with requests. If the set cannot be read any more, the last one stays in use.
//
// A publisher that hangs must not hold up others. Only few tokens wait for a read; for the others,
// and for all shortly after a failed read, Verify fails with Unavailable at once. Tokens whose key
// is known never wait.
type keySet struct {
	url       string
	client    *http.Client
	refresh   time.Duration
	timeout   time.Duration
	onFault   func(error)
	onLeftOut func(kid, why string)
	asked     chan struct{} // of capacity one; empty while wanted is false
	// Unusable keys of the last read, and why; only for the reading goroutine.
	leftOut map[string]string

	version atomic.Uint64 // counts successful reads; keys of an earlier one may be gone

	mu       sync.Mutex
	keys     []publishedKey // nil until the set could be read
	readAt   time.Time      // when it was read last
	next     time.Time      // no token causes a read before this time
	failures int            // failed reads since the last successful one
	wanted   bool           // a read is asked for or under way
	waiting  int            // tokens that wait for it
	err      error          // of the last read
	ended    chan struct{}  // closed and replaced when a read ends
}

// publishedKey is a key of the set, and its use.
type publishedKey struct {
	public    any
	kid       string
	algorithm string // empty: any that fits
}

// newKeySet reads the set, and reads it again until ctx ends.
func newKeySet(ctx context.Context, cfg Config) *keySet {
	s := &keySet{
		url: cfg.JWKSURL, refresh: cmp.Or(cfg.Refresh, 15*time.Minute), timeout: cmp.Or(cfg.HTTPTimeout, 5*time.Second),
		onFault: cfg.OnFault, onLeftOut: cfg.OnLeftOut, asked: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	s.client = &http.Client{Transport: cfg.Transport, Timeout: s.timeout, CheckRedirect: checkRedirect}
	if cfg.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxResponseHeaderBytes = maxHeaderBytes
		s.client.Transport = own
	}
	if s.onFault == nil {
		s.onFault = func(error) {}
	}
	if s.onLeftOut == nil {
		s.onLeftOut = func(string, string) {}
	}
	s.read(ctx)
	go s.run(ctx) // nobody needs to wait for it, and ctx ends its requests too
	return s
}

// checkRedirect allows a few redirects, and none from https to http.
func checkRedirect(to *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("it redirects more than %d times", maxRedirects)
	case via[0].URL.Scheme == "https" && to.URL.Scheme != "https":
		return errors.New("it redirects from https to " + to.URL.Scheme)
	}
	return nil
}

func (s *keySet) run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	for {
		timer := time.NewTimer(s.pause())
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

// pause returns the time until the next read, unless a token asks for one.
func (s *keySet) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return min(s.refresh, time.Until(s.next))
	}
	return s.refresh
}

// read reads the set, and wakes the tokens that wait for it.
func (s *keySet) read(ctx context.Context) {
	s.mu.Lock()
	if s.wanted { // the timer may have fired before asked was received
		select {
		case <-s.asked:
		default:
		}
	}
	began := time.Now()
	s.wanted = true
	s.mu.Unlock()
	keys, leftOut, err := s.fetch(ctx)
	s.mu.Lock()
	if err == nil {
		s.version.Add(1)
		s.keys, s.readAt, s.failures, s.next = keys, time.Now(), 0, began.Add(askGap)
	} else {
		s.next = time.Now().Add(min(askGap<<min(s.failures, 8), retryGap))
		s.failures++
	}
	s.err, s.wanted = err, false
	close(s.ended)
	s.ended = make(chan struct{})
	s.mu.Unlock()
	s.tellLeftOut(leftOut)
	if err != nil && ctx.Err() == nil {
		s.client.CloseIdleConnections() // on a connection that hangs the next read would hang too
		s.onFault(fmt.Errorf("read the key set: %w", err))
	}
}

// tellLeftOut reports unusable keys, each once as long as it is published in that form. nil means
// that the keys are unknown.
func (s *keySet) tellLeftOut(now map[string]string) {
	if now == nil {
		return
	}
	for _, kid := range slices.Sorted(maps.Keys(now)) {
		if s.leftOut[kid] != now[kid] {
			s.onLeftOut(kid, now[kid])
		}
	}
	s.leftOut = now
}

// fetch returns the keys of the set that can verify tokens, and for the others the reason why they
// cannot.
func (s *keySet) fetch(ctx context.Context) ([]publishedKey, map[string]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the answer is %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxSetBytes+1))
	switch {
	case err != nil:
		return nil, nil, err
	case len(body) > maxSetBytes:
		return nil, nil, fmt.Errorf("it is longer than %d bytes", maxSetBytes)
	}
	return parseSet(body)
}

// parseSet leaves out keys that are unknown, weak, secret or not for signatures, with the reason.
// The other keys stay usable.
func parseSet(body []byte) ([]publishedKey, map[string]string, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, nil, err
	}
	var keys []publishedKey
	leftOut := map[string]string{}
	for i, raw := range set.Keys {
		key, err := parseJWK(raw)
		if err == nil {
			keys = append(keys, key)
		} else if len(leftOut) < maxLeftOut {
			leftOut[nameOf(raw, i)] = err.Error()
		}
	}
	if len(keys) == 0 {
		return nil, leftOut, errors.New("it has no key that can verify tokens")
	}
	return keys, leftOut, nil
}

const (
	maxLeftOut  = 50 // max keys that are reported; a set usually has few
	maxKidChars = 100
)

// nameOf returns a name for a key that may be invalid: its kid, or its index in the set.
func nameOf(raw json.RawMessage, place int) string {
	var said struct {
		KID string `json:"kid"`
	}
	if json.Unmarshal(raw, &said) != nil || said.KID == "" {
		return fmt.Sprintf("no. %d of the set", place+1)
	}
	if kid := []rune(said.KID); len(kid) > maxKidChars {
		return string(kid[:maxKidChars]) + "…"
	}
	return said.KID
}

// parseJWK reads a key and its use. It ignores certificates (x5c, x5t, x5u): they are not trusted
// here, and in many sets some cannot be parsed.
func parseJWK(raw json.RawMessage) (publishedKey, error) {
	var said struct {
		KTY    jwkset.KTY      `json:"kty"`
		CRV    jwkset.CRV      `json:"crv"`
		X      string          `json:"x"`
		Y      string          `json:"y"`
		N      string          `json:"n"`
		E      string          `json:"e"`
		KID    string          `json:"kid"`
		ALG    string          `json:"alg"`
		USE    jwkset.USE      `json:"use"`
		KEYOPS []jwkset.KEYOPS `json:"key_ops"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return publishedKey{}, err
	}
	switch {
	case said.USE != "" && said.USE != jwkset.UseSig:
		return publishedKey{}, fmt.Errorf("its use is %q: it is not for signatures", said.USE)
	case len(said.KEYOPS) > 0 && !slices.Contains(said.KEYOPS, jwkset.KeyOpsVerify):
		return publishedKey{}, fmt.Errorf("its key_ops are %q: it is not to verify signatures", said.KEYOPS)
	case said.KTY == jwkset.KtyOct:
		return publishedKey{}, errors.New("it is a shared secret, which should not be published")
	}
	key, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{KTY: said.KTY, CRV: said.CRV, X: said.X, Y: said.Y, N: said.N, E: said.E},
		jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return publishedKey{}, err
	}
	if err := strong(key.Key()); err != nil {
		return publishedKey{}, err
	}
	return publishedKey{public: key.Key(), kid: said.KID, algorithm: said.ALG}, nil
}

// find returns the keys that may have signed a token: the key of its kid, or, if it has no kid, all
// that fit.
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
	if err := s.away(); err != nil {
		return found, err
	}
	return found, refused(unknownKey, "the token is signed by a key that is not known here")
}

// match returns the keys that fit the token. known is false if the set may have to be read again.
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

// ask makes the set be read again and waits for the end, unless the last read was just now.
func (s *keySet) ask(ctx context.Context) error {
	ended, err := s.queue()
	if ended == nil {
		return err
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiting--
	}()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return outOfReach(retryWaiting)
	}
}

// queue asks for a read, or joins the one under way, and returns a channel that is closed at its
// end. It returns nil if the token must not wait.
func (s *keySet) queue() (ended chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch early := time.Until(s.next); {
	case !s.wanted && early > 0 && s.err != nil:
		return nil, outOfReach(early)
	case !s.wanted && early > 0:
		return nil, nil
	case s.waiting >= maxWaiting:
		return nil, outOfReach(retryWaiting)
	}
	if !s.wanted {
		s.wanted = true
		s.asked <- struct{}{} // it does not block: s.wanted was false
	}
	s.waiting++
	return s.ended, nil
}

// retryWaiting is when to come back while the set is being read.
const retryWaiting = time.Second

// outOfReach is the error of a token whose key may exist. It has no cause: the read reports that
// once, for all tokens.
func outOfReach(retry time.Duration) error {
	return &chat.Error{
		Kind: chat.Unavailable, Reason: "the key of this token cannot be looked up now; try again", RetryAfter: max(retry, retryWaiting),
	}
}

// away returns outOfReach if the last read failed.
func (s *keySet) away() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return nil
	}
	return outOfReach(time.Until(s.next))
}

// Check implements ports.Checker: it returns the error of the last read.
func (s *keySet) Check(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return chat.Wrap(chat.Unavailable, s.err, "read the key set")
}

// Since implements ports.Cached.
func (s *keySet) Since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readAt
}
