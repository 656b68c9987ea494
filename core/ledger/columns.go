package ledger

import "github.com/parley-chat/parley/core/chat"

// Kind is a kind of fact as stores keep it, by its number or by its name. Neither ever changes.
// Later releases add kinds, which this one reads as chat.Unknown.
type Kind int16

// The kinds.
const (
	KindMessage Kind = iota + 1
	KindEdited
	KindDeleted
	KindReacted
	KindMember
	KindRoom
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
}

// KindNamed returns the kind of that name, or 0 where this release knows none.
func KindNamed(name string) Kind {
	for k := KindMessage; k.known(); k++ {
		if kinds[k].name == name {
			return k
		}
	}
	return 0
}

// String returns the kind's name, or nothing where this release knows none.
func (k Kind) String() string {
	if !k.known() {
		return ""
	}
	return kinds[k].name
}

func (k Kind) known() bool { return KindMessage <= k && int(k) < len(kinds) }

// Columns is a fact as the row of its entry has it. Each kind has some of the columns, and the zero
// value in the others.
type Columns struct {
	Kind    Kind
	Message chat.Message // of a message; of an edit that is read, its Body is that of the message
	Target  chat.Seq
	Emoji   string
	Removed bool
	Total   int
	Change  string
	User    chat.UserID
	Role    chat.Role
	Name    string
}

// ColumnsOf returns what the row of an entry with the fact says. An edit's text is not among it:
// that is kept as its message's (see Rewrite).
func ColumnsOf(f chat.Fact) (Columns, error) {
	kind, err := kindOf(f)
	if err != nil {
		return Columns{}, err
	}
	c := kinds[kind].rule.columns(f)
	c.Kind = kind
	return c, nil
}

// Fact returns the fact of an entry with such a row, or false where a later release made it.
func (c *Columns) Fact() (chat.Fact, bool) {
	if !c.Kind.known() {
		return nil, false
	}
	return kinds[c.Kind].rule.fact(c), true
}
