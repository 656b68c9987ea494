package report

import (
	"math"
	"testing"
	"time"
)

func TestNumbersShowThreeDigits(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		got, want string
	}{
		{quantity(0), "0"},
		{quantity(math.Copysign(0, -1)), "0"},
		{quantity(7), "7"},
		{quantity(999), "999"},
		{quantity(999.4), "999"},
		{quantity(999.6), "1.00 k"},
		{quantity(1000), "1.00 k"},
		{quantity(2_314_159), "2.31 M"},
		{quantity(23_141_590), "23.1 M"},
		{quantity(999_999), "1.00 M"},
		{quantity(5e15), "5000 T"},
		{quantity(0.391), "0.391"},
		{quantity(0.01234), "0.0123"},
		{quantity(0.000001234), "0.00000123"},
		{quantity(1.234e-12), "1.23e-12"},
		{quantity(9.996), "10.0"},
		{quantity(-1234), "-1.23 k"},
		{quantity(math.NaN()), "–"},
		{quantity(math.Inf(-1)), "–"},
		{quantity(math.MaxFloat64), "1.80e+296 T"},
		{duration(0), "0 ns"},
		{duration(999), "999 ns"},
		{duration(1500), "1.50 µs"},
		{duration(999_960), "1.00 ms"},
		{duration(30_123 * time.Microsecond), "30.1 ms"},
		{duration(time.Minute), "60.0 s"},
		{duration(-2 * time.Second), "-2.00 s"},
		{scaled(1023, 1024, binary), "1020 B"},
		{scaled(1024, 1024, binary), "1.00 KiB"},
		{scaled(11_366, 1024, binary), "11.1 KiB"},
		{scaled(24_684_096*1024, 1024, binary), "23.5 GiB"},
		{key{"memory", "bytes/socket"}.formatted(true)(-4096), "-4.00 KiB"},
		{key{"server CPU", "s/M deliveries"}.formatted(false)(2), "2.00"},
		{key{"closed", "connections"}.formatted(true)(10), "10"},
		{significant(0), "0"},
		{significant(12345), "12300"},
		{significant(math.Inf(1)), "–"},
	} {
		if r.got != r.want {
			t.Errorf("got %q, want %q", r.got, r.want)
		}
	}
}

func TestLabelsReadNaturally(t *testing.T) {
	t.Parallel()
	for _, r := range []struct{ name, unit, want string }{
		{"deliveries", "/s", "deliveries/s"},
		{"writes", "/delivery", "writes/delivery"},
		{"server CPU", "s/M deliveries", "server CPU (s/M deliveries)"},
		{"memory", "bytes", "memory"},
		{"memory", "bytes/socket", "memory/socket"},
		{"memory", "bytes more", "memory more"},
		{"rooms", "", "rooms"},
	} {
		if got := (key{r.name, r.unit}).label(); got != r.want {
			t.Errorf("%q with unit %q: got %q, want %q", r.name, r.unit, got, r.want)
		}
	}
}

func TestMedianIsInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{4}, 4},
		{[]float64{1, 4}, 2.5},
		{[]float64{1, 2, 9}, 2},
		{[]float64{1, 2, 4, 9}, 3},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64},
	} {
		if got := median(r.values); got != r.want {
			t.Errorf("of %v: got %v, want %v", r.values, got, r.want)
		}
	}
}

func TestCommandLineHidesPasswordsAndPlaces(t *testing.T) {
	t.Parallel()
	got := commandLine([]string{
		"/home/me/bin/parley-bench", "-postgres", "postgres://u:s3cret:x@db:5432/p?sslmode=disable",
		"-set=PARLEY_STORE_URL=postgres://u:s3cret@db/p", "-postgres=host=db user=u password=s3cret dbname=p",
		"-set", "PARLEY_BUS_URL=nats://db:4222", "-postgres", "postgres://u@db/p?password=s3cret&x=1", "-run", "fan-out",
	})
	want := []string{
		"parley-bench", "-postgres", "postgres://u:xxxxx@db:5432/p?sslmode=disable",
		"-set=PARLEY_STORE_URL=postgres://u:xxxxx@db/p", "-postgres=host=db user=u password=xxxxx dbname=p",
		"-set", "PARLEY_BUS_URL=nats://db:4222", "-postgres", "postgres://u@db/p?password=xxxxx&x=1", "-run", "fan-out",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}
