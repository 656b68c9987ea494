package wire

import (
	"strconv"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// object writes the members of one JSON object.
type object struct{ dst []byte }

func (o *object) name(name string) {
	if o.dst[len(o.dst)-1] != '{' {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

func (o *object) text(name, s string) { o.name(name); o.dst = appendString(o.dst, s) }
func (o *object) texts(name string, list []string) {
	o.name(name)
	o.dst = append(o.dst, '[')
	for i, s := range list {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = appendString(o.dst, s)
	}
	o.dst = append(o.dst, ']')
}

func (o *object) number(name string, n int64)  { o.name(name); o.dst = strconv.AppendInt(o.dst, n, 10) }
func (o *object) seq(name string, n chat.Seq)  { o.number(name, int64(n)) }
func (o *object) flag(name string, yes bool)   { o.name(name); o.dst = strconv.AppendBool(o.dst, yes) }
func (o *object) raw(name string, json []byte) { o.name(name); o.dst = append(o.dst, json...) }
func (o *object) open(name string)             { o.name(name); o.dst = append(o.dst, '{') }
func (o *object) close()                       { o.dst = append(o.dst, '}') }

// TimeLayout is the layout of the protocol's times, which must be in UTC: RFC 3339 with
// milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

func (o *object) time(name string, at time.Time) {
	o.name(name)
	o.dst = append(o.dst, '"')
	o.dst = at.UTC().AppendFormat(o.dst, TimeLayout)
	o.dst = append(o.dst, '"')
}

// author writes the id as the name if there is no name.
func (o *object) author(name string, a chat.Author) {
	o.open(name)
	o.user(a)
	o.close()
}

func (o *object) user(a chat.Author) {
	o.text("id", string(a.ID))
	if a.Name == "" {
		a.Name = string(a.ID)
	}
	o.text("name", a.Name)
}
