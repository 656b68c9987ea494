// Command centrifuge is a chat server on the centrifuge library, for a comparison: channels with
// history and recovery on the memory engine, which is not durable. A client with a token, signed
// with RS256 like Parley's, may subscribe and publish.
package main

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
)

type options struct {
	addr, key      string
	historySize    int
	writeDelay     time.Duration
	messagesAFrame int
	queueBytes     int
}

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:8000", "where to listen")
	flag.StringVar(&o.key, "key", "", "a file with the RSA key (PEM, PKCS #8) that tokens are signed with")
	flag.IntVar(&o.historySize, "history-size", 1000, "publications that a channel keeps")
	flag.DurationVar(&o.writeDelay, "write-delay", 0, "how long a connection's writer collects messages; the library advises some where CPU matters")
	flag.IntVar(&o.messagesAFrame, "messages-a-frame", 0, "most messages in one frame; 0: the library's 16; -1: no limit")
	flag.IntVar(&o.queueBytes, "queue-bytes", 64<<20, "a connection's queue; one that is fuller is closed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, o options) error {
	key, err := readKey(o.key)
	if err != nil {
		return err
	}
	node, err := newNode(o)
	if err != nil {
		return err
	}
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", authenticated(key, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin: func(*http.Request) bool { return true }, UseWriteBufferPool: true,
	})))
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	fmt.Println("ready", listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	bounded, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = node.Shutdown(bounded) // the benchmark is over
	return nil
}

func newNode(o options) (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: o.queueBytes})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			WriteDelay: o.writeDelay, WriteWithTimer: o.writeDelay > 0, MaxMessagesInFrame: o.messagesAFrame,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, cb centrifuge.SubscribeCallback) {
			cb(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{EnableRecovery: true, EnablePositioning: true}}, nil)
		})
		client.OnPublish(func(e centrifuge.PublishEvent, cb centrifuge.PublishCallback) {
			cb(centrifuge.PublishReply{Options: centrifuge.PublishOptions{HistorySize: o.historySize, HistoryTTL: time.Hour, ClientInfo: e.ClientInfo}}, nil)
		})
		client.OnHistory(func(_ centrifuge.HistoryEvent, cb centrifuge.HistoryCallback) { cb(centrifuge.HistoryReply{}, nil) })
	})
	return node, nil
}

// readKey reads the public part of a key pair.
func readKey(path string) (*rsa.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("-key: no PEM in the file")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("-key: not an RSA key")
	}
	return &private.PublicKey, nil
}

// authenticated verifies a client's token, like Parley.
func authenticated(key *rsa.PublicKey, next http.Handler) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := parser.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &jwt.RegisteredClaims{},
			func(*jwt.Token) (any, error) { return key, nil })
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		user, _ := token.Claims.GetSubject()
		ctx := centrifuge.SetCredentials(r.Context(), &centrifuge.Credentials{UserID: user})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
