package jwt_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestVerifierWithAKeySetKeepsItsContract(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES384", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			portstest.TokenVerifier(t, func(t *testing.T) portstest.VerifierUnderTest {
				i := newIssuer(t, alg)
				i.kid = "key 1"
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, setOf(i.jwk(nil)))
				}))
				t.Cleanup(server.Close)
				ctx, cancel := context.WithCancel(context.Background())
				t.Cleanup(cancel)
				v, err := jwt.New(ctx, jwt.Config{JWKSURL: server.URL, Algorithms: []string{alg}, Transport: server.Client().Transport})
				if err != nil {
					t.Fatal(err)
				}
				return portstest.VerifierUnderTest{Verifier: v, Issue: i.issue, Forge: i.forger(t).issue}
			})
		})
	}
}

func setOf(keys ...map[string]any) string {
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// publisher is a transport that serves a key set, without a network.
type publisher struct {
	reads atomic.Int32

	mu     sync.Mutex
	status int // 0: not reachable
	body   string
	stalls bool
	drips  bool // the body comes a byte a second

	location string // of a redirect
}

func publishes(keys ...map[string]any) *publisher {
	return &publisher{status: 200, body: setOf(keys...)}
}

func (p *publisher) now(change func(*publisher)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// RoundTrip answers after a tenth of a second.
func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	p.reads.Add(1)
	p.mu.Lock()
	status, body, stalls, drips, location := p.status, p.body, p.stalls, p.drips, p.location
	p.mu.Unlock()
	if stalls {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	time.Sleep(time.Second / 10)
	if status == 0 {
		return nil, errors.New("no route to host")
	}
	var reader io.Reader = strings.NewReader(body)
	if drips {
		reader = dripping{r.Context(), reader}
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Location": {location}}, Body: io.NopCloser(reader), Request: r,
	}, nil
}

// dripping reads a byte a second.
type dripping struct {
	ctx context.Context
	io.Reader
}

func (d dripping) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		return d.Reader.Read(p[:1])
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

// inBubble runs a test in a bubble, with a verifier that reads its keys from p.
func inBubble(t *testing.T, p *publisher, test func(t *testing.T, v *jwt.Verifier, faults *atomic.Int32)) {
	t.Helper()
	_ = rsaKeys[0]() // they must be made outside of a bubble
	_ = rsaKeys[1]()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var faults atomic.Int32
		v, err := jwt.New(ctx, jwt.Config{
			JWKSURL: "https://id.example/jwks.json", Algorithms: []string{"RS256", "ES256", "EdDSA"}, Transport: p,
			OnFault: func(error) { faults.Add(1) },
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, v, &faults)
		cancel()
		synctest.Wait()
	})
}

const unknownKey = "the token is signed by a key that is not known here"

func named(t *testing.T, kid string) issuer {
	t.Helper()
	i := newIssuer(t, "EdDSA")
	i.kid = kid
	return i
}

func TestKeysThatRotateAreReadByTheFirstTokenThatNamesThem(t *testing.T) {
	t.Parallel()
	first, second := named(t, "1"), named(t, "2")
	p := publishes(first.jwk(nil))
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		if got := outcome(t, v, first.sign(t, alice())); got != "alice" {
			t.Fatalf("got %q, want alice", got)
		}
		time.Sleep(10 * time.Second)
		p.now(func(p *publisher) { p.body = setOf(second.jwk(nil)) })
		before := p.reads.Load()
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if got := outcome(t, v, second.sign(t, alice())); got != "alice" {
					t.Errorf("got %q, want alice", got)
				}
			})
		}
		wg.Wait()
		if got := p.reads.Load() - before; got != 1 {
			t.Errorf("sixteen tokens read the set %d times, want once", got)
		}
		if got := outcome(t, v, first.sign(t, alice())); got != unknownKey {
			t.Errorf("a key that was withdrawn: got %q, want %q", got, unknownKey)
		}
	})
}

// TestAPublisherThatIsAwayShutsTheDoorOnNobodyElse tries all kinds of failure while some keys are
// known, and many tokens with unknown keys arrive.
func TestAPublisherThatIsAwayShutsTheDoorOnNobodyElse(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*publisher){
		"it stalls":     func(p *publisher) { p.stalls = true },
		"slow bodies":   func(p *publisher) { p.drips = true },
		"no route":      func(p *publisher) { p.status = 0 },
		"a status":      func(p *publisher) { p.status = 500 },
		"a long body":   func(p *publisher) { p.body += strings.Repeat(" ", 2<<20) },
		"redirects":     func(p *publisher) { p.status, p.location = 302, "https://id.example/jwks.json" },
		"a way to http": func(p *publisher) { p.status, p.location = 302, "http://id.example/jwks.json" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known, unheard := named(t, "known"), named(t, "unheard")
			p := publishes(known.jwk(nil))
			inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
				time.Sleep(10 * time.Second)
				p.now(breaks)
				began, before, good, bad := time.Now(), p.reads.Load(), known.sign(t, alice()), unheard.sign(t, alice())
				var waited, refused atomic.Int32
				for time.Since(began) < 5*time.Minute {
					var crowd sync.WaitGroup
					for range 40 {
						crowd.Go(func() {
							came := time.Now()
							_, err := v.Verify(t.Context(), bad)
							if e := chat.AsError(err); e.Kind != chat.Unavailable || e.RetryAfter <= 0 || e.Cause != nil {
								t.Errorf("got %#v, want Unavailable, when to come again, and nothing to log", e)
							}
							if refused.Add(1); time.Since(came) > 0 {
								waited.Add(1)
							}
						})
					}
					synctest.Wait()
					came := time.Now()
					if got := outcome(t, v, good); got != "alice" || time.Since(came) > 0 {
						t.Fatalf("meanwhile: got %q after %v, want alice at once", got, time.Since(came))
					}
					crowd.Wait()
					time.Sleep(3 * time.Second)
				}
				reads := p.reads.Load() - before
				if limit := int32(16); p.location == "" && reads > limit || reads > 6*limit {
					t.Errorf("it was asked %d times in 5 minutes; half a minute after each failure is due at last", reads)
				}
				if readings := reads; waited.Load() > 16*readings || waited.Load() == 0 {
					t.Errorf("%d of %d waited for %d readings, want 16 for each at most", waited.Load(), refused.Load(), readings)
				}
				p.now(func(p *publisher) {
					p.status, p.body, p.stalls, p.drips, p.location = 200, setOf(known.jwk(nil), unheard.jwk(nil)), false, false, ""
				})
				time.Sleep(31 * time.Second)
				if got := outcome(t, v, unheard.sign(t, alice())); got != "alice" {
					t.Errorf("once it is back: got %q, want alice", got)
				}
			})
		})
	}
}

func TestForgedKidsDoNotFloodThePublisher(t *testing.T) {
	t.Parallel()
	good, forged := named(t, "good"), named(t, "forged")
	p := publishes(good.jwk(nil))
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		began := time.Now()
		for time.Since(began) < time.Minute {
			if got := outcome(t, v, forged.sign(t, alice())); got != unknownKey {
				t.Fatalf("got %q, want %q", got, unknownKey)
			}
			if got := outcome(t, v, good.sign(t, alice())); got != "alice" {
				t.Fatalf("got %q, want alice", got)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if got := p.reads.Load(); got > 13 {
			t.Errorf("the set was read %d times in a minute, want once in 5 s at most", got)
		}
	})
}

func TestKeysAreReadAnewAtTimes(t *testing.T) {
	t.Parallel()
	first, second := named(t, "1"), named(t, "2")
	p := publishes(first.jwk(nil))
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		p.now(func(p *publisher) { p.body = setOf(second.jwk(nil)) })
		time.Sleep(16 * time.Minute)
		if got := p.reads.Load(); got != 2 {
			t.Errorf("the set was read %d times, want twice", got)
		}
		if got := outcome(t, v, second.sign(t, alice())); got != "alice" {
			t.Errorf("got %q, want alice", got)
		}
	})
}

func TestKeysOutOfReachFromTheStart(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*publisher){
		"no route":       func(p *publisher) { p.status = 0 },
		"a status":       func(p *publisher) { p.status = 503 },
		"no JSON":        func(p *publisher) { p.body = "<html>" },
		"a set too long": func(p *publisher) { p.body = setOf() + strings.Repeat(" ", 1<<20) },
		"an empty set":   func(p *publisher) { p.body = setOf() },
		"it stalls":      func(p *publisher) { p.stalls = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withKid := named(t, "1")
			withoutKid := issuer{withKid.alg, "", withKid.key}
			p := publishes()
			breaks(p)
			inBubble(t, p, func(t *testing.T, v *jwt.Verifier, faults *atomic.Int32) {
				for _, i := range []issuer{withKid, withoutKid} {
					began := time.Now()
					portstest.TokensOutOfReach(t, v, i.sign(t, alice()))
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("it took %v, want 5 s at most", took)
					}
				}
				if faults.Load() == 0 {
					t.Error("nobody was told of the fault")
				}
				p.now(func(p *publisher) { p.status, p.body, p.stalls = 200, setOf(withKid.jwk(nil)), false })
				time.Sleep(31 * time.Second)
				for _, i := range []issuer{withKid, withoutKid} {
					if got := outcome(t, v, i.sign(t, alice())); got != "alice" {
						t.Errorf("half a minute after the end of the fault: got %q, want alice", got)
					}
				}
			})
		})
	}
}

func TestKeysThatGoOutOfReachStayInUse(t *testing.T) {
	t.Parallel()
	known, unheard := named(t, "known"), named(t, "unheard")
	p := publishes(known.jwk(nil))
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		p.now(func(p *publisher) { p.status = 0 })
		time.Sleep(time.Hour)
		if got := outcome(t, v, known.sign(t, alice())); got != "alice" {
			t.Errorf("got %q, want alice", got)
		}
		if got := outcome(t, v, unheard.sign(t, alice())); got != string(chat.Unavailable) {
			t.Errorf("a key that nothing can be known of: got %q, want unavailable", got)
		}
	})
}

func TestWhoWaitsForKeysCanGiveUp(t *testing.T) {
	t.Parallel()
	known, unheard := named(t, "known"), named(t, "unheard")
	p := publishes(known.jwk(nil))
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		time.Sleep(10 * time.Second)
		p.now(func(p *publisher) { p.stalls = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := v.Verify(ctx, unheard.sign(t, alice()))
		if !errors.Is(err, chat.Unavailable) || time.Since(began) != time.Second {
			t.Errorf("got %v after %v, want Unavailable after a second", err, time.Since(began))
		}
		if got := outcome(t, v, known.sign(t, alice())); got != "alice" || time.Since(began) != time.Second {
			t.Errorf("meanwhile others waited: got %q after %v", got, time.Since(began))
		}
	})
}

func TestKeysThatAreOfNoUseSpoilNoOthers(t *testing.T) {
	t.Parallel()
	good := named(t, "good")
	enc, sealed, other := named(t, "enc"), named(t, "sealed"), named(t, "other")
	small := issuer{"RS256", "small", rsaKeys[0]()}
	smallJWK := small.jwk(nil)
	damaged := named(t, "damaged").jwk(map[string]any{"x": "AAAA"})
	smallJWK["n"] = base64.RawURLEncoding.EncodeToString(rsaKeys[0]().N.Bytes()[:128])
	p := publishes(
		map[string]any{"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}, map[string]any{"kty": "lattice", "kid": "new"},
		map[string]any{"kty": 1}, enc.jwk(map[string]any{"use": "enc"}), sealed.jwk(map[string]any{"key_ops": []string{"sign"}}),
		smallJWK, damaged, other.jwk(map[string]any{"alg": "ES256"}), good.jwk(map[string]any{"key_ops": []string{"verify"}}),
	)
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		for _, test := range []struct {
			by   issuer
			want string
		}{
			{good, "alice"},
			{enc, unknownKey},
			{sealed, unknownKey},
			{small, unknownKey},
			{other, "the token's algorithm does not fit its key"},
			{issuer{"RS256", "good", rsaKeys[0]()}, "the token's algorithm does not fit its key"},
		} {
			if got := outcome(t, v, test.by.sign(t, alice())); got != test.want {
				t.Errorf("%s: got %q, want %q", test.by.kid, got, test.want)
			}
		}
		if got, want := outcome(t, v, good.sign(t, alice(), says{"kid": 1})), "the token's kid is no string"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCertificatesThatCannotBeReadSpoilNoKey(t *testing.T) {
	t.Parallel()
	for _, with := range []map[string]any{
		{"x5c": []string{"MIIC not base64"}},
		{"x5c": []string{"AAAA"}},
		{"x5c": "MIIC"},
		{"x5c": []int{1}},
		{"x5c": []string{}},
		{"x5t": 1, "x5t#S256": []int{}, "x5u": "::"},
	} {
		i := issuer{"RS256", "1", rsaKeys[0]()}
		p := publishes(i.jwk(with))
		inBubble(t, p, func(t *testing.T, v *jwt.Verifier, faults *atomic.Int32) {
			if got := outcome(t, v, i.sign(t, alice())); got != "alice" || faults.Load() != 0 {
				t.Errorf("%v: got %q and %d faults, want alice", with, got, faults.Load())
			}
		})
	}
}

func TestAKeyThatIsLeftOutIsNamedOnceWithTheReason(t *testing.T) {
	t.Parallel()
	good, enc := named(t, "good"), named(t, "enc")
	long := strings.Repeat("k", 1000)
	p := publishes(good.jwk(nil), enc.jwk(map[string]any{"use": "enc"}), map[string]any{"kty": "lattice"},
		map[string]any{"kty": "oct", "kid": long, "k": "c2VjcmV0"}, map[string]any{"kty": "RSA", "kid": "odd", "n": "____", "e": "AQAB"})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var told []string
		_, err := jwt.New(ctx, jwt.Config{
			JWKSURL: "https://id.example/jwks.json", Transport: p, OnLeftOut: func(kid, why string) { told = append(told, kid+": "+why) },
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		p.now(func(p *publisher) {
			p.body = setOf(good.jwk(nil), enc.jwk(map[string]any{"key_ops": []string{"sign"}}))
		})
		time.Sleep(time.Hour)
		cancel()
		synctest.Wait()
		want := []string{
			`enc: its use is "enc"`, strings.Repeat("k", 100) + "…: it is a shared secret", "no. 3 of the set: ", "odd: its RSA key has 24 bits",
			`enc: its key_ops are ["sign"]`,
		}
		if len(told) != len(want) {
			t.Fatalf("told was %q, want each once", told)
		}
		for i := range want {
			if !strings.HasPrefix(told[i], want[i]) {
				t.Errorf("got %q, want %q", told[i], want[i])
			}
		}
	})
}

func TestTokensThatNameNoKeyAreTriedWithAll(t *testing.T) {
	t.Parallel()
	first, second := newIssuer(t, "EdDSA"), newIssuer(t, "EdDSA")
	p := publishes(first.jwk(map[string]any{"kid": "1"}), second.jwk(map[string]any{"kid": "2"}))
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		for _, i := range []issuer{first, second} {
			if got := outcome(t, v, i.sign(t, alice())); got != "alice" {
				t.Errorf("got %q, want alice", got)
			}
		}
		if got, want := outcome(t, v, newIssuer(t, "EdDSA").sign(t, alice())), "the token's signature is not good"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := outcome(t, v, newIssuer(t, "ES256").sign(t, alice())); got != unknownKey {
			t.Errorf("got %q, want %q", got, unknownKey)
		}
	})
}
