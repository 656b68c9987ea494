package load

// Dialect is how a server speaks: what a client says to it, and what its frames mean. Methods
// append to dst and return it; they make the payload of text frames, not the frames. All are pure.
type Dialect interface {
	// Path is that of the handshake request: "/ws".
	Path(room string, history int) string
	// Header returns header lines for the handshake request: "Authorization: Bearer …".
	Header(user string) []string
	// Open is the first payload after the handshake; empty where none is needed.
	Open(dst []byte, user string) []byte
	// Join asks for a room and its newest entries; empty where the handshake has done so.
	Join(dst []byte, id int, room string, history int) []byte
	// Send sends a message. The body is plain ASCII without quotes and backslashes.
	Send(dst []byte, id int, room, body string) []byte
	// Ping answers a ping of the protocol's own, with its payload; empty where it has none.
	Ping(dst []byte, payload []byte) []byte
	// Next reads the first message of a text frame's payload; rest is what is left of it.
	Next(payload []byte) (m Message, rest []byte)
}

// Message is what a load generator has to know of a server's message.
type Message struct {
	Kind    Kind
	ID      int    // of the command that it answers
	Room    []byte // of an Entry; aliases the payload
	Seq     int    // of an Entry; the head, of a Joined
	Body    []byte // of an Entry; the whole message, of a Failed; aliases the payload
	History int    // of a Joined: the entries that came inside it; 0 where they follow as messages of their own
}

// Kind is a kind of message.
type Kind uint8

// The kinds.
const (
	Other    Kind = iota
	Opened        // the session has begun
	Joined        // a join is answered
	Accepted      // a send is acknowledged
	Entry         // a delivery
	Failed        // the server refused something
	PingDue       // the server wants an answer to its ping
)

// The ids of the commands that a Client makes by itself. A Dialect's Open has the first.
const (
	OpenID = 1
	JoinID = 2
)
