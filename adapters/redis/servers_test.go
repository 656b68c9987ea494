package redis

import (
	"slices"
	"testing"
)

// The values are those of CLUSTER KEYSLOT of Redis 7.
func TestSlots(t *testing.T) {
	t.Parallel()
	for channel, want := range map[string]int64{
		"123456789": 12739, "": 0, "foo": 12182, "{user1000}.following": 3443, "{user1000}.followers": 3443, "foo{}{bar}": 8363, "foo{{bar}}zap": 4015,
	} {
		if got := slotOf(channel); got != want {
			t.Errorf("%q: got %d, want %d", channel, got, want)
		}
	}
}

func TestServersOfAClusterAreReadFromItsAnswer(t *testing.T) {
	t.Parallel()
	answer := []any{
		[]any{int64(0), int64(5460), []any{[]byte("10.0.0.1"), int64(7000), []byte("id")}, []any{[]byte("10.0.0.9"), int64(7001), []byte("replica")}},
		[]any{int64(5461), int64(9000), []any{nil, int64(7002), []byte("id")}},
		[]any{int64(9001), int64(9002), []any{[]byte("?"), int64(7003), []byte("id")}},
		[]any{int64(9003), int64(16383), []any{[]byte("fd00::1"), int64(7004), []byte("id")}},
		[]any{int64(1)},
		"nonsense",
	}
	got := readSlots(answer, "asked:6379")
	want := []slotRange{{0, 5460, "10.0.0.1:7000"}, {5461, 9000, "asked:7002"}, {9001, 9002, "asked:7003"}, {9003, 16383, "[fd00::1]:7004"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
