package chat

import (
	"bytes"
	"time"
)

// MaxPinAhead is how far ahead the end of a pin may lie.
const MaxPinAhead = 366 * 24 * time.Hour

// Pin is what a set of the type Pinned says.
type Pin struct {
	By    UserID
	Until time.Time // when it ends by itself, in milliseconds; zero: it does not
}

// pinTime is how a pin writes its end, in UTC.
const pinTime = "2006-01-02T15:04:05.000Z"

// Data returns the pin as the data of a set.
func (p Pin) Data() []byte {
	b := appendText([]byte(`{"by":`), string(p.By))
	if !p.Until.IsZero() {
		b = append(b, `,"until":"`...)
		b = p.Until.UTC().AppendFormat(b, pinTime)
		b = append(b, '"')
	}
	return append(b, '}')
}

// ParsePin reads what Data has written. What is written in another way is Invalid.
func ParsePin(data []byte) (Pin, error) {
	bad := Errorf(Invalid, "data of the type %s must be as the service writes it", Pinned)
	rest, ok := bytes.CutPrefix(data, []byte(`{"by":`))
	if !ok {
		return Pin{}, bad
	}
	by, rest, ok := cutText(rest)
	if !ok || by == "" {
		return Pin{}, bad
	}
	p := Pin{By: UserID(by)}
	if end, ends := bytes.CutPrefix(rest, []byte(`,"until":`)); ends {
		text, after, ok := cutText(end)
		until, err := time.Parse(pinTime, text)
		if !ok || err != nil {
			return Pin{}, bad
		}
		p.Until, rest = until, after
	}
	if string(rest) != "}" {
		return Pin{}, bad
	}
	return p, nil
}

func checkPin(data []byte, now time.Time) error {
	p, err := ParsePin(data)
	switch {
	case err != nil:
		return err
	case p.Until.IsZero():
		return nil
	case !p.Until.After(now):
		return Errorf(Invalid, "until must lie in the future")
	case p.Until.After(now.Add(MaxPinAhead)):
		return Errorf(Invalid, "until must lie a year ahead at most")
	}
	return nil
}
