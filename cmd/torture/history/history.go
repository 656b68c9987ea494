// Package history has the records of what clients of a torture run did and saw, and the checks of
// them.
//
// A history is a file of JSON lines, one Record each, in the order in which the run wrote them;
// times are of the run's clock. It has all that the checker needs, so a file can be checked again.
package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Record is one line of a history. Which fields are set depends on Kind.
type Record struct {
	At     time.Duration `json:"at"` // since the run began, in nanoseconds
	Kind   Kind          `json:"kind"`
	Client string        `json:"client,omitempty"` // one client's life over all of its connections: "w3", "r12"; or a webhook: "h1"
	Node   string        `json:"node,omitempty"`   // the node that the client spoke to, or that a fault struck
	Room   string        `json:"room,omitempty"`

	ID   string `json:"id,omitempty"`   // Asked, Acked, Refused, Unknown: which ask; unique in the history. A retry is an Asked of its own. Told, Answered: the webhook-id
	Op   string `json:"op,omitempty"`   // Asked: send, edit, delete, react
	Key  string `json:"key,omitempty"`  // Asked (send): as sent. Saw, Stored: the message's
	Body string `json:"body,omitempty"` // Asked, Saw, Stored
	User string `json:"user,omitempty"` // Asked: who asks. Saw, Stored: the entry's author

	Seq       int64  `json:"seq,omitempty"`       // Acked: the entry's. Saw, Stored: the entry's. Joined: from
	Target    int64  `json:"target,omitempty"`    // Asked, Saw, Stored: the message that is changed
	Emoji     string `json:"emoji,omitempty"`     // Asked, Saw, Stored
	Removed   bool   `json:"removed,omitempty"`   // Asked, Saw, Stored
	Count     int    `json:"count,omitempty"`     // Saw, Stored: of a reaction. Behind: of entries
	Duplicate bool   `json:"duplicate,omitempty"` // Acked: the service said that it had it before
	Entry     string `json:"entry,omitempty"`     // Saw, Stored: the frame's type: message, edited, deleted, reacted, member, room
	Edited    bool   `json:"edited,omitempty"`    // Saw, Stored: a message that says edited_at
	Deleted   bool   `json:"deleted,omitempty"`   // Saw, Stored: a message that says deleted_at

	Reactions map[string]int `json:"reactions,omitempty"` // Saw, Stored: a message's

	After     int64  `json:"after,omitempty"`     // Joined: the cursor that the client came with
	Head      int64  `json:"head,omitempty"`      // Joined, Stored's end: the room's last entry as the service said
	Truncated bool   `json:"truncated,omitempty"` // Joined
	Code      string `json:"code,omitempty"`      // Refused: the error's code. Closed: the close code, or why the connection broke
	Text      string `json:"text,omitempty"`      // Began: the run's settings. Fault: what was done, in words

	First   int64    `json:"first,omitempty"`   // Told: the batch's first entry
	Last    int64    `json:"last,omitempty"`    // Told: the last one that it reaches to
	Hash    string   `json:"hash,omitempty"`    // Told: of the request's body
	Signed  bool     `json:"signed,omitempty"`  // Told: by the hook's secret
	Entries []Record `json:"entries,omitempty"` // Told: those of the batch, with the fields of Saw
	Ack     int64    `json:"ack,omitempty"`     // Answered: how far the receiver got; 0: all of the batch
	Rooms   []string `json:"rooms,omitempty"`   // Hooked: the patterns of rooms that the hook follows
	Types   []string `json:"types,omitempty"`   // Hooked: of the entries that it takes; none: all

	Seed int64 `json:"seed,omitempty"` // Began
}

// Kind is the kind of a record.
type Kind string

// The kinds of records.
const (
	Began   Kind = "began"   // the run: Seed, Text
	Fault   Kind = "fault"   // something was broken or mended: Node, Text
	Asked   Kind = "asked"   // a client is about to ask for a change: ID, Op, Room, User, …
	Acked   Kind = "acked"   // the change's ok has come: ID, Seq, Duplicate
	Refused Kind = "refused" // its error has come: ID, Code
	Unknown Kind = "unknown" // its connection ended before any answer: ID
	Joined  Kind = "joined"  // the ok to a join: Client, Room, After, Seq (from), Head, Truncated
	Saw     Kind = "saw"     // an entry came to a reader: Client, Room, Seq, …
	Closed  Kind = "closed"  // a client's connection ended: Client, Code
	Stored  Kind = "stored"  // an entry of the log, read when all was over, in order: Room, Seq, …
	Final   Kind = "final"   // a room's log was read to its end: Room, Head

	Hooked   Kind = "hooked"   // a webhook was made that begins with the first entries: Client, Rooms, Types
	Mood     Kind = "mood"     // a webhook's receiver answers in another way from now on: Client, Text
	Told     Kind = "told"     // a whole request came to a receiver: Client, ID, Room, First, Last, Head, Hash, Signed, Entries
	Answered Kind = "answered" // a receiver is about to answer: Client, ID, Room, Code (the status, or what it does instead), Ack
	Behind   Kind = "behind"   // at the end, how many entries a webhook is behind, as the service says: Client, Count (-1: not known)

	Ended Kind = "ended" // the run is over, all faults are mended, all readers had their time to catch up
)

// Writer writes a history. Its methods may be called concurrently.
type Writer struct {
	began time.Time

	mu  sync.Mutex
	out *bufio.Writer
	enc *json.Encoder
	err error
}

// NewWriter returns a writer to out. The run begins now.
func NewWriter(out io.Writer) *Writer {
	buffered := bufio.NewWriterSize(out, 1<<16)
	return &Writer{began: time.Now(), out: buffered, enc: json.NewEncoder(buffered)}
}

// Write adds a record and sets its time. An error is kept for Flush.
func (w *Writer) Write(r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.At = time.Since(w.began)
	if err := w.enc.Encode(r); err != nil && w.err == nil {
		w.err = err
	}
}

// Flush flushes the buffer, and returns the first error of the writer.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.out.Flush(); err != nil && w.err == nil {
		w.err = err
	}
	return w.err
}

// Read returns the records of a history. An incomplete last line, as of a killed run, is left out;
// any other invalid line is an error.
func Read(in io.Reader) (records []Record, err error) {
	dec := json.NewDecoder(bufio.NewReaderSize(in, 1<<16))
	for line := 1; ; line++ {
		var r Record
		switch err := dec.Decode(&r); {
		case err == nil:
			records = append(records, r)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return records, nil
		default:
			return nil, fmt.Errorf("record %d: %w", line, err)
		}
	}
}
