package ledger

import "github.com/parley-chat/parley/core/chat"

// Kind is a kind of fact. Stores keep its number or its name, so neither ever changes. Later
// releases add kinds, which this one reads as chat.Unknown.
type Kind int16

// The kinds.
const (
	KindMessage Kind = iota + 1
	KindEdited
	KindDeleted
	KindReacted
	KindMember
	KindRoom
	KindSet
	// KindSilent is a Message that is Silent. It is a kind of its own, so that a query that counts
	// unread messages does not find it.
	KindSilent
)

// kinds has the name of each kind, and its rule.
var kinds = [...]struct {
	name string
	rule rule
}{
	KindMessage: {"message", messageRule{}},
	KindEdited:  {"edited", editedRule{}},
	KindDeleted: {"deleted", deletedRule{}},
	KindReacted: {"reacted", reactedRule{}},
	KindMember:  {"member", memberRule{}},
	KindRoom:    {"room", roomRule{}},
	KindSilent:  {"silent", messageRule{}},
	KindSet:     {"set", setRule{}},
}

// KindNamed returns the kind of that name, or 0 if this release does not know it.
func KindNamed(name string) Kind {
	for k := KindMessage; int(k) < len(kinds); k++ {
		if kinds[k].name == name && k.known() {
			return k
		}
	}
	return 0
}

// String returns the kind's name, or "" if this release does not know the kind.
func (k Kind) String() string {
	if !k.known() {
		return ""
	}
	return kinds[k].name
}

func (k Kind) known() bool {
	return KindMessage <= k && int(k) < len(kinds) && kinds[k].rule != nil
}

// Columns is a fact as its entry's row holds it. Each kind uses some of the columns; the others
// are zero.
type Columns struct {
	Kind    Kind
	Message chat.Message // of a message; in an edit that is read, only Body, from its message
	Target  chat.Seq
	Emoji   string
	Removed bool
	Total   int
	Change  string
	User    chat.UserID
	Role    chat.Role
	Name    string
	SetType chat.SetType
	Slot    string
	Data    []byte // of a set that is read, while its slot holds it; rows of entries have none
}

// ColumnsOf returns the columns of an entry with the fact. They do not have an edit's text, which
// is stored with the message (see Rewrite). A fact of no known kind is an Internal error.
func ColumnsOf(f chat.Fact) (Columns, error) {
	kind, err := kindOf(f)
	if err != nil {
		return Columns{}, err
	}
	c := kinds[kind].rule.columns(f)
	c.Kind = kind
	return c, nil
}

// Fact returns the fact that the columns hold, or false if a later release made it.
func (c *Columns) Fact() (chat.Fact, bool) {
	if !c.Kind.known() {
		return nil, false
	}
	return kinds[c.Kind].rule.fact(c), true
}
