package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// oneMember are values of a member x, and whether they are I-JSON.
var oneMember = []struct {
	value string
	good  bool
}{
	{`"\ud83d\udc4b"`, true},
	{`"\uD83D\uDC4B"`, true},
	{`"\\ud800"`, true},
	{`"\ufffd \uffff"`, true},
	{`"👋"`, true},
	{`"\ud800"`, false},
	{`"\udbff"`, false},
	{`"\udc00"`, false},
	{`"\udfff"`, false},
	{`"\ud800\ud800\udc00"`, false},
	{`"\udc00\ud800"`, false},
	{`"\ud800 \udc00"`, false},
	{`"\ud800\\udc00"`, false},
	{`"\ud83d\udc4b\udc4b"`, false},
	{`"\\\ud800"`, false},
	{`["\ud800"]`, false},
	{`{"a":{"b":["\udead"]}}`, false},
	{`{"\ud800":1}`, false},
	{`[{"a":[{"\udfff":null}]}]`, false},
	{"\"\xff\"", false},
	{"\"\xed\xa0\x80\"", false},
	{"{\"\xc0\x80\":1}", false},

	{`0`, true},
	{`-0`, true},
	{`-0.0`, true},
	{`0e5`, true},
	{`0.0E-99`, true},
	{`1e308`, true},
	{`-1.7976931348623157e308`, true},
	{`5e-324`, true},
	{`12345678901234567890`, true},
	{`3.141592653589793238462643383279`, true},
	{strings.Repeat("9", 308), true},
	{"0." + strings.Repeat("0", 400), true},
	{"1" + strings.Repeat("0", 400) + "e-400", true},
	{`1e999`, false},
	{`-1e309`, false},
	{`1.8e308`, false},
	{`1E+400`, false},
	{`1e99999999999999999999`, false},
	{`[1,[1e999]]`, false},
	{strings.Repeat("9", 310), false},
	{`1e-400`, false},
	{`-1e-999999999999`, false},
	{"0." + strings.Repeat("0", 400) + "1", false},
	{`0e20000`, false},
	{`0e-20000`, false},
	{`{"a":-1e999}`, false},

	{`{"a":1,"A":1,"b":{"a":1}}`, true},
	{`[{"a":1},{"a":1}]`, true},
	{`{"":1," ":1}`, true},
	{`{"a":1,"a":1}`, false},
	{`{"a":1,"\u0061":2}`, false},
	{`{"é":1,"\u00E9":2}`, false},
	{`[{"b":{"a":{},"c":1,"a":{}}}]`, false},
	{manyNames(400, ""), true},
	{manyNames(400, `,"n7":1`), false},
	{manyNames(400, `,"n399":1`), false},
	{manyNames(400, `,"\u006e399":1`), false},
	{manyNames(15, `,"n14":1`), false},
	{manyNames(16, `,"n0":1`), false},
	{manyNames(17, `,"n16":1`), false},
	{`{"a\u0000":1}`, false},
	{`{"a":{"\u0000":1}}`, false},
	{`{"a":"\u0000"}`, true}, // as a value; only meta must not have it
}

// manyNames is an object with n members, and more.
func manyNames(n int, more string) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf(`"n%d":{"a":[]}`, i))
	}
	return "{" + strings.Join(names, ",") + more + "}"
}

// TestBothWaysInTakeIJSONOnly has a frame and a body with the same member, which neither of them
// knows.
func TestBothWaysInTakeIJSONOnly(t *testing.T) {
	t.Parallel()
	for _, c := range oneMember {
		text := []byte(`{"type":"ping","id":"7","x":` + c.value + `}`)
		_, err := ReadBody(text)
		got := Decode(text)
		bad, refused := got.Ask.(ports.Malformed)
		if !utf8.Valid(text) { // a socket refuses it earlier; as a body it is not JSON
			if !refused || chat.AsError(err).Kind != chat.BadRequest {
				t.Errorf("%.80q: %+v, %v", text, got, err)
			}
			continue
		}
		if refused == c.good || (err == nil) != c.good {
			t.Errorf("%.80s: %+v, %v", c.value, got, err)
			continue
		}
		if c.good {
			continue
		}
		for way, err := range map[string]error{"frame": bad.Err, "body": err} {
			if e := chat.AsError(err); e.Kind != chat.Invalid || !strings.HasPrefix(e.Reason, "x ") {
				t.Errorf("%.80s in a %s: %v, want it invalid, naming x", c.value, way, err)
			}
		}
		if got.ID != "7" {
			t.Errorf("%.80s: the answer has the id %q", c.value, got.ID)
		}
	}
}

func TestWhatIsNoIJSONIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"type":"send","room":"tea","body":"\ud800"}`:                               "invalid: body must",
		`{"type":"send","room":"tea","body":"x","key":"\ud800"}`:                     "invalid: key must",
		`{"type":"send","room":"tea","body":"x","key":"\udbff"}`:                     "invalid: key must",
		`{"type":"send","room":"\udbff","body":"x"}`:                                 "invalid: room must",
		`{"type":"react","room":"tea","seq":1,"emoji":"\udbff"}`:                     "invalid: emoji must",
		`{"type":"auth","token":"\udbff"}`:                                           "invalid: token must",
		`{"type":"\udbff"}`:                                                          "invalid: type must",
		`{"type":"ping","id":"\udbff"}`:                                              "invalid: id must",
		`{"type":"ping","\udbff":1}`:                                                 "invalid: the name of a member must",
		`{"type":"ping","a\u0000":1}`:                                                "invalid: the name of a member must",
		`{"type":"ping","type":"ping"}`:                                              "invalid: type must not be there twice",
		`{"type":"ping","x":1,"\u0078":1}`:                                           "invalid: x must not be there twice",
		`{"type":"ping","x":null,"x":1}`:                                             "invalid: x must not be there twice",
		`{"type":"send","room":"tea","body":"x","meta":{"a":1e999}}`:                 "invalid: meta must",
		`{"type":"send","room":"tea","body":"x","meta":{"\ud800":1}}`:                "invalid: meta must",
		`{"type":"send","room":"tea","body":"x","meta":{"a":"\u0000"}}`:              "invalid: meta must",
		`{"type":"send","room":"tea","body":"x","meta":{"a":["\u0000"]}}`:            "invalid: meta must",
		`{"type":"send","room":"tea","body":"x","meta":{"a":1,"a":1}}`:               "invalid: meta must",
		`{"type":"send","room":"tea","body":"x","meta":{"a":` + nested(31) + `}}`:    "",
		`{"type":"send","room":"tea","body":"x","meta":{"a":` + nested(32) + `}}`:    "invalid: meta must not nest deeper than 32 levels",
		`{"type":"send","room":"tea","body":"x","meta":{"a":` + nested(100) + `}}`:   "invalid: meta must not nest deeper than 32 levels",
		`{"type":"send","room":"tea","body":"x","meta":{"a":` + nested(2000) + `}}`:  "invalid: meta must not nest deeper than 32 levels",
		`{"type":"send","room":"tea","body":"x","meta":` + objects(32) + `}`:         "",
		`{"type":"send","room":"tea","body":"x","meta":` + objects(33) + `}`:         "invalid: meta must not nest deeper than 32 levels",
		`{"type":"send","room":"tea","body":"x","meta":{"a":{},"b":[[]],"c":[{}]}}`:  "",
		`{"type":"send","room":"tea","body":"x","meta":{"a":"[[[[[[[[[[[[[[[[["}}`:   "",
		`{"type":"send","room":"tea","body":"x","x":` + nested(40) + `,"meta":{}}`:   "",
		`{"type":"send","room":"tea","body":"x","x":` + nested(40000) + `,"id":"7"}`: "bad_request: a frame must not nest deeper than 64 levels",
	} {
		got := ""
		command := Decode([]byte(text))
		if bad, refused := command.Ask.(ports.Malformed); refused {
			got = bad.Err.Error()
		}
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%.90s: %q, want %q", text, got, want)
		}
		if strings.Contains(text, `"id":"7"`) && command.ID != "7" {
			t.Errorf("%.90s: the id is lost", text)
		}
		if !strings.Contains(text, `"meta"`) {
			continue
		}
		body, err := ReadBody([]byte(text))
		if err == nil {
			_, err = body.Meta()
		}
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.90s as a body: %v, want %q", text, err, want)
		}
	}
}

// objects is an object in objects, n deep.
func objects(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }

func TestGoodMetaIsWhatClientsMaySend(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{}`: true, ` {"a": [1, null]}`: true, objects(32): true, `{"a":"\ud83d\udc4b"}`: true, `{"a":1} `: false,
		``: false, `[]`: false, `null`: false, `{"a":1`: false, `{}{}`: false, objects(33): false, `{"a":1e999}`: false, `{"a":"\ud800"}`: false,
		`{"\udfff":1}`: false, `{"a":"\u0000"}`: false, `{"\u0000":1}`: false, `{"a":1,"a":2}`: false, "{\"a\":\"\xff\"}": false, objects(2000): false,
		`{"a":"` + strings.Repeat("x", chat.MaxMetaBytes) + `"}`: false,
	} {
		if got := GoodMeta([]byte(text)); got != want {
			t.Errorf("%.80q: %v", text, got)
		}
	}
}

func TestWholeNumbersHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		`5`: 5, `5.0`: 5, `5e0`: 5, `5E+0`: 5, `5.000`: 5, `0.5e1`: 5, `50e-1`: 5, `500.0e-2`: 5, `0`: 0, `0.0`: 0, `-0`: 0, `-0.0`: 0, `0e9`: 0,
		`1e3`: 1000, `9007199254740991`: 1<<53 - 1, `9007199254740991.0`: 1<<53 - 1, `9.007199254740991e15`: 1<<53 - 1, `9007199254740991e0`: 1<<53 - 1,
		`5.5`: -1, `5.05e1`: -1, `5e-1`: -1, `0.1`: -1, `-5`: -1, `-5.0`: -1, `9007199254740992`: -1, `9007199254740992.0`: -1, `9.007199254740992e15`: -1,
		`9007199254740991.5`: -1, `9007199254740990.9999999999999999`: -1, `1e16`: -1, `1e300`: -1, `18446744073709551621`: -1, `5.0000000000000000000001`: -1,
	} {
		got := Decode([]byte(`{"type":"join","room":"tea","after":` + text + `}`)).Ask
		join, ok := got.(ports.Join)
		if ok != (want >= 0) || ok && *join.After != chat.Seq(want) {
			t.Errorf("after %s is %+v, want %d", text, got, want)
		}
		body, err := ReadBody([]byte(`{"reply_to":` + text + `}`))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		seq, err := body.Seq("reply_to")
		if (err == nil) != (want > 0) || err == nil && seq != chat.Seq(want) || err != nil && chat.AsError(err).Kind != chat.Invalid {
			t.Errorf("reply_to %s is %d, %v, want %d", text, seq, err, want)
		}
	}
}

func TestNumbersInAddressesAreWrittenInOneWay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "200": 200, "9007199254740991": 1<<53 - 1,
		"": -1, "01": -1, "00": -1, "+1": -1, "-1": -1, "-0": -1, " 1": -1, "1 ": -1, "1e1": -1, "1.0": -1, "0x1": -1, "1_0": -1, "٣": -1, "１": -1,
		"9007199254740992": -1, "18446744073709551617": -1, "1\x00": -1, "1\n": -1,
	} {
		got, err := ParseWhole("limit", text, 0, int64(chat.MaxSeq))
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q is %d, %v", text, got, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "invalid: limit ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNumbersInQueriesMayEndInZerosBehindAPoint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "5": 5, "5.0": 5, "0.0": 0, "5.000": 5, "9007199254740991.0": 1<<53 - 1, "5." + strings.Repeat("0", 400): 5,
		"": -1, "5.": -1, ".0": -1, ".": -1, "5.1": -1, "5.01": -1, "5.0.0": -1, "05.0": -1, "-5.0": -1, "-0.0": -1, "+5.0": -1, "5,0": -1,
		"5.0\t": -1, "5.0e0": -1, "5e0": -1, "9007199254740992.0": -1, "9007199254740991.5": -1, "5.٠": -1, "5.-0": -1, "5.+0": -1,
	} {
		got, err := ParseQuery("after", text, 0, int64(chat.MaxSeq))
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q is %d, %v", text, got, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "invalid: after ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAByteOrderMarkIsPassedOver(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"\ufeff{\"type\":\"ping\"}": true, "\ufeff \n{\"type\":\"ping\"}": true, "\ufeff\ufeff{\"type\":\"ping\"}": false, " \ufeff{\"type\":\"ping\"}": false,
		"{\"type\":\"ping\"}\ufeff": false, "\ufeff": false, "\xef\xbb": false, "\xff\xfe{\x00}\x00": false,
	} {
		if _, got := Decode([]byte(text)).Ask.(ports.Ping); got != want {
			t.Errorf("the frame %q: %v", text, got)
		}
		if _, err := ReadBody([]byte(text)); (err == nil) != want {
			t.Errorf("the body %q: %v", text, err)
		}
	}
}

// FuzzIJSON compares what is accepted with a slow implementation of RFC 7493, which shares no code
// with the scanner.
func FuzzIJSON(f *testing.F) {
	for _, c := range oneMember {
		f.Add([]byte(`{"type":"send","room":"tea","body":"x","meta":{"x":` + c.value + `}}`))
	}
	for _, text := range []string{nested(31), nested(32), nested(63), nested(64), objects(31), objects(32), `"\u0000"`} {
		f.Add([]byte(`{"type":"send","meta":{"x":` + text + `},"room":"tea","body":"x"}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var members map[string]json.RawMessage
		if json.Unmarshal(data, &members) != nil || members == nil || !utf8.Valid(data) {
			return // FuzzDecode covers it
		}
		body, err := ReadBody(data)
		if want := strictly(data, maxDepth); (err == nil) != (want == "") {
			t.Fatalf("%q: %v, want %q", data, err, want)
		}
		if bad, refused := Decode(data).Ask.(ports.Malformed); err != nil && (!refused || bad.Err.Error() != err.Error() && !sameBut(bad.Err, err)) {
			t.Fatalf("%q: the frame %v, the body %v", data, bad.Err, err)
		}
		raw := bytes.TrimSpace(members["meta"])
		if err != nil || len(raw) == 0 || raw[0] != '{' {
			return
		}
		want := strictly(raw, MaxMetaDepth) == "" && len(raw) <= chat.MaxMetaBytes && !hasNUL(raw)
		meta, err := body.Meta()
		if (err == nil) != want || GoodMeta(raw) != want || want && !bytes.Equal(meta, raw) {
			t.Fatalf("%q: meta %q, %v, want %v", data, meta, err, want)
		}
	})
}

// sameBut reports whether a frame and a body are refused for the same reason, or the frame for its
// id, which a body does not have.
func sameBut(frame, body error) bool {
	id := strings.HasPrefix(frame.Error(), "invalid: id ") || strings.HasPrefix(frame.Error(), "bad_request: id ")
	return id || strings.ReplaceAll(frame.Error(), "a frame", "the body") == body.Error()
}

var escapes = regexp.MustCompile(`(?s)\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.`)

// strictly returns what in a JSON object in UTF-8 is not I-JSON.
func strictly(data []byte, maxNested int) string {
	for _, escape := range escapes.FindAllString(string(data), -1) {
		if len(escape) == 6 && (escape[2] == 'd' || escape[2] == 'D') && escape[3] >= '8' { // or a letter
			return "half of a pair"
		}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return strictValue(d, 1, maxNested)
}

func strictValue(d *json.Decoder, depth, maxNested int) string {
	token, err := d.Token()
	if err != nil {
		return err.Error()
	}
	switch token := token.(type) {
	case json.Number:
		n, err := token.Float64()
		mantissa, exponent, _ := strings.Cut(strings.ToLower(token.String()), "e")
		zero := strings.Trim(mantissa, "-0.") == ""
		if err != nil || (n == 0) != zero || zero && len(strings.TrimLeft(exponent, "+-0")) > 3 {
			return "a number"
		}
	case json.Delim:
		if depth > maxNested {
			return "deep"
		}
		names := map[string]bool{}
		for d.More() {
			if token == '{' {
				name, _ := d.Token()
				text, _ := name.(string)
				if names[text] || strings.ContainsRune(text, 0) {
					return "a name"
				}
				names[text] = true
			}
			if wrong := strictValue(d, depth+1, maxNested); wrong != "" {
				return wrong
			}
		}
		if _, err := d.Token(); err != nil {
			return err.Error()
		}
	}
	return ""
}

func hasNUL(data []byte) bool {
	return slices.Contains(escapes.FindAllString(string(data), -1), `\u0000`)
}
