package redis_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/redis"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports/portstest"
)

// node runs a node on the bus at a URL.
func node(t testing.TB, url string) *bustest.Node {
	t.Helper()
	return bustest.Run(t, open(t, url))
}

func TestURLsThatMakeNoSenseAreRefusedWithoutTheirPasswords(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "redis://", "http://host", "redis://u:secret@", "redis://a,b", "redis+ring://a", "redis://h?color=red", "redis://h?tls_ca=x",
		"redis://u:secret@h:port", "redis://u:secret@h/x", "rediss://h?tls_ca=/does/not/exist", "redis://u:%zzsecret@h",
	} {
		_, err := redis.New(redis.Config{URL: url})
		if err == nil {
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v tells the password", url, err)
		}
	}
}

func TestABusOnACluster(t *testing.T) {
	t.Parallel()
	servers := bustest.RedisCluster(t)
	url := "redis+cluster://" + servers[0].Addr + "," + servers[1].Addr
	portstest.Bus(t, func(t *testing.T, at portstest.BusPlace) (portstest.BusUnderTest, portstest.Link) {
		return openAt(t, url, at), nil
	}, portstest.Uncut())
	t.Run("each message goes to one shard", func(t *testing.T) {
		a, b := node(t, url).Connected(), node(t, url).Connected()
		b.HearsOf(a)
		for _, s := range servers {
			host, port, _ := net.SplitHostPort(s.Addr)
			if plain := strings.TrimSpace(bustest.RedisCLI(t, "-h", host, "-p", port, "pubsub", "channels")); plain != "" {
				t.Errorf("%s has subscriptions that are not sharded: %s", s.Addr, plain)
			}
		}
	})
}

func TestChannelsThatMoveAreFollowed(t *testing.T) {
	t.Parallel()
	servers := bustest.RedisCluster(t)
	url := "redis+cluster://" + servers[0].Addr
	a, b := node(t, url).Connected(), node(t, url).Connected()
	const rooms = 40
	for i := range rooms {
		if err := b.Follow(t.Context(), chat.RoomID(fmt.Sprint("room", i))); err != nil {
			t.Fatal(err)
		}
	}
	// All slots of the last server move to the first.
	bustest.RedisCLI(t, "--cluster", "rebalance", servers[0].Addr, "--cluster-use-empty-masters", "--cluster-weight",
		bustest.RedisNodeID(t, servers[2])+"=0")
	var seq chat.Seq
	bustest.Eventually(t, "all rooms are heard of", func() bool {
		seq++
		for i := range rooms {
			_ = a.Announce(t.Context(), []chat.Entry{bustest.Message(chat.RoomID(fmt.Sprint("room", i)), seq, 1)})
		}
		time.Sleep(20 * time.Millisecond)
		for i := range rooms {
			if b.Heard(chat.RoomID(fmt.Sprint("room", i))) == 0 {
				return false
			}
		}
		return true
	})
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	acl := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(acl, []byte("user default off\nuser parley on >s3cret resetchannels &parley:* +@pubsub +@connection +command +cluster\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := bustest.Redis(t, "--aclfile", acl)
	a, b := node(t, "redis://parley:s3cret@"+server.Addr).Connected(), node(t, "redis://parley:s3cret@"+server.Addr).Connected()
	b.HearsOf(a)

	wrong := node(t, "redis://parley:wr0ng@"+server.Addr)
	bustest.Eventually(t, "it says why", func() bool {
		err := wrong.Check(t.Context())
		if err == nil || strings.Contains(err.Error(), "wr0ng") {
			t.Fatalf("a wrong password: %v", err)
		}
		return errors.Is(err, chat.Unavailable) && strings.Contains(err.Error(), "WRONGPASS")
	})
}

func TestTLSWithACertificateOfOnesOwn(t *testing.T) {
	t.Parallel()
	cert, key := bustest.Certificate(t)
	server := bustest.Redis(t, "--tls-port", "{port}", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	url := "rediss://" + server.Addr
	a, b := node(t, url+"?tls_ca="+cert).Connected(), node(t, url+"?tls_ca="+cert).Connected()
	b.HearsOf(a)

	stranger := node(t, url)
	bustest.Eventually(t, "it says why", func() bool {
		err := stranger.Check(t.Context())
		return err != nil && strings.Contains(err.Error(), "certificate")
	})
}

func TestAServerThatRestartsIsFoundAgain(t *testing.T) {
	t.Parallel()
	server := bustest.Redis(t)
	server.Restart(t, func() *bustest.Node { return node(t, "redis://"+server.Addr) })
}

func TestAServerThatDoesNotAnswerIsMissed(t *testing.T) {
	t.Parallel()
	server := bustest.Redis(t)
	server.Hang(t, func() *bustest.Node { return node(t, "redis://"+server.Addr) })
}

func TestServicesWithOtherPrefixesDoNotHearEachOther(t *testing.T) {
	t.Parallel()
	server := bustest.Redis(t)
	bustest.Apart(t, func(prefix string) *bustest.Node {
		b, err := redis.New(redis.Config{URL: "redis://" + server.Addr, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		return bustest.Run(t, b)
	})
}

func BenchmarkAnnounce(b *testing.B) {
	server := bustest.Redis(b)
	bustest.Benchmark(b, func() bustest.Bus { return open(b, "redis://"+server.Addr) })
}
