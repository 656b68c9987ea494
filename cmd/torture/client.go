package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/cmd/torture/history"
)

// client is the common part of writers and readers.
type client struct {
	run   *run
	name  string // of the client and its user
	token string
	rand  *rand.Rand
}

func (r *run) client(name string, number int) (client, error) {
	return r.clientOf(name, number, "")
}

// admin returns a client that may make hooks.
func (r *run) admin(name string, number int) (client, error) {
	return r.clientOf(name, number, "chat:admin")
}

func (r *run) clientOf(name string, number int, scope string) (client, error) {
	token, err := r.cluster.keys.Sign(jwt.Grant{Subject: name, Scope: scope, TTL: 24 * time.Hour})
	return client{r, name, token, rand.New(rand.NewPCG(uint64(r.cfg.Seed), uint64(100+number)))}, err
}

// somewhere returns a node that may be up.
func (c *client) somewhere() *node {
	nodes := c.run.cluster.nodes
	n := nodes[c.rand.IntN(len(nodes))]
	for range 3 { // like a load balancer that usually knows which nodes are up
		if n.up.Load() {
			break
		}
		n = nodes[c.rand.IntN(len(nodes))]
	}
	return n
}

func (c *client) between(shortest, longest time.Duration) time.Duration {
	return shortest + time.Duration(c.rand.Int64N(int64(longest-shortest)))
}

const (
	dialTime   = 3 * time.Second
	answerTime = 4 * time.Second // after this time without an answer, a client gives up its connection
)

// dial makes a connection to a node.
func (c *client) dial(ctx context.Context, n *node) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, answer, err := websocket.Dial(ctx, "ws://"+n.addr+"/ws", &websocket.DialOptions{
		Subprotocols: []string{"parley.v1.json"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + c.token}},
	})
	if answer != nil && answer.Body != nil {
		defer answer.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	return conn, nil
}

// frame has the members of all the service's frames.
type frame struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Room   string `json:"room"`
	Seq    int64  `json:"seq"`
	Author struct {
		ID string `json:"id"`
	} `json:"author"`
	Key       string     `json:"key"`
	Body      string     `json:"body"`
	Target    int64      `json:"target"`
	Emoji     string     `json:"emoji"`
	Removed   bool       `json:"removed"`
	Count     int        `json:"count"`
	EditedAt  string     `json:"edited_at"`
	DeletedAt string     `json:"deleted_at"`
	Reactions []reaction `json:"reactions"`

	From      int64  `json:"from"`
	Head      int64  `json:"head"`
	Truncated bool   `json:"truncated"`
	Duplicate bool   `json:"duplicate"`
	Code      string `json:"code"`
	RetryMS   int64  `json:"retry_after_ms"`
}

type reaction struct {
	Emoji string `json:"emoji"`
	Count int    `json:"count"`
}

func (f *frame) entry() bool {
	switch f.Type {
	case "message", "edited", "deleted", "reacted", "member", "room":
		return true
	}
	return false
}

// record returns a history's record of an entry.
func (f *frame) record(kind history.Kind, room string) history.Record {
	r := history.Record{
		Kind: kind, Room: room, Entry: f.Type, Seq: f.Seq, User: f.Author.ID, Key: f.Key, Body: f.Body, Target: f.Target,
		Emoji: f.Emoji, Removed: f.Removed, Count: f.Count, Edited: f.EditedAt != "", Deleted: f.DeletedAt != "",
	}
	for _, one := range f.Reactions {
		if r.Reactions == nil {
			r.Reactions = map[string]int{}
		}
		r.Reactions[one.Emoji] = one.Count
	}
	return r
}

// hear reads one frame.
func hear(ctx context.Context, conn *websocket.Conn) (f frame, err error) {
	_, b, err := conn.Read(ctx)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, fmt.Errorf("a frame that cannot be read: %w", err)
	}
	return f, nil
}

func say(ctx context.Context, conn *websocket.Conn, ask map[string]any) error {
	b, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, b)
}
