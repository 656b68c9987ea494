package load

// Dialect is a server's protocol: the client's commands, and the meaning of its frames. Methods
// append to dst and return it; they make the payload of text frames, not the frames. All are pure.
type Dialect interface {
	// Path returns the path of the handshake request: "/ws".
	Path(room string, history int) string
	// Header returns header lines for the handshake request: "Authorization: Bearer …".
	Header(user string) []string
	// Open is the first payload after the handshake; empty if none is needed.
	Open(dst []byte, user string) []byte
	// Join joins a room and requests its newest entries; empty if the handshake has done so.
	Join(dst []byte, id int, room string, history int) []byte
	// Send sends a message. The body is plain ASCII without quotes and backslashes.
	Send(dst []byte, id int, room, body string) []byte
	// Ping answers a ping of the protocol, with its payload; empty if the protocol has none.
	Ping(dst []byte, payload []byte) []byte
	// Next reads the first message of a text frame's payload; rest is what is left of it.
	Next(payload []byte) (m Message, rest []byte)
}

// Message holds the parts of a server's message that a load generator needs.
type Message struct {
	Kind    Kind
	ID      int    // of the command that it answers
	Room    []byte // of an Entry; aliases the payload
	Seq     int    // of an Entry; of a Joined: the head
	Body    []byte // of an Entry; of a Failed: the whole message; aliases the payload
	History int    // of a Joined: number of entries inside it; 0 if they follow as messages
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
