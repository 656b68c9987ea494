package proc

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStatIsReadWhateverTheNameIs(t *testing.T) {
	t.Parallel()
	const rest = " S 9409 9409 5011 0 -1 4194304 101 0 0 0 1234 567 89 10 20 0 17 0 1283168 3133440 384 18446744073709551615 94089331453952 1 2 3"
	want := stat{
		state: 'S', parent: 9409, user: 12340 * time.Millisecond, system: 5670 * time.Millisecond,
		childUser: 890 * time.Millisecond, childSystem: 100 * time.Millisecond, threads: 17, birth: 1283168,
	}
	for _, name := range []string{"cat", "", "a b", "(sd-pam)", ") S 1 (", "tmux: server", "a\nb) R 2", "))) (((", "Web Content"} {
		got, err := parseStat([]byte("9414 (" + name + ")" + rest + "\n"))
		if err != nil || got != want {
			t.Errorf("of %q: got %+v, %v", name, got, err)
		}
	}
}

func TestStatRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "1", "1 (a", "1 (a) ", "1 (a) S 1 2 3", "1 a S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22",
		"1 (a) S x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22",
		"1 (a) S 1 2 3 4 5 6 7 8 9 10 99999999999999999999 12 13 14 15 16 17 18 19 20 21 22",
		"1 (a) SS 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22",
	} {
		if got, err := parseStat([]byte(text)); err == nil {
			t.Errorf("of %q: got %+v", text, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("cat", "1283168 3133440", false)
	f.Add(") S 1 2 3", "-1", true)
	f.Fuzz(func(t *testing.T, name, rest string, whole bool) {
		const numbers = " R 5 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
		_, _ = parseStat([]byte("7 (" + name + ")" + numbers + rest)) // it may fail, but not panic
		if !whole {
			return
		}
		got, err := parseStat([]byte("7 (" + name + ")" + numbers + "19 20"))
		if err != nil || got.parent != 5 || got.birth != 19 || got.threads != 17 || got.state != 'R' {
			t.Errorf("of %q: got %+v, %v", name, got, err)
		}
	})
}

func TestFieldsAreReadInBytes(t *testing.T) {
	t.Parallel()
	got := parseFields([]byte("Name:\tVmRSS: 5 kB\nState:\tS (sleeping)\nGroups:\t \nVmRSS:\t    1748 kB\nThreads:\t3\nUid:\t0\t0\t0\t0\n" +
		"55e230d2d000-7ffce7879000 ---p 00000000 00:00 0                          [rollup]\nPss:                 412 kB\n" +
		"syscw: 12\nHuge: 2 MB\nMask:\t0022\nvoluntary_ctxt_switches:\t7\nSigBlk:\t00000000fffeffff\nVmRSS:\t1 kB\nlast: 9"))
	want := map[string]int64{
		"VmRSS": 1748 << 10, "Threads": 3, "Pss": 412 << 10, "syscw": 12, "Mask": 22, "voluntary_ctxt_switches": 7, "last": 9,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestPSIsRead(t *testing.T) {
	t.Parallel()
	got, err := parsePS([]byte("    1     0   9876 Ss   1-02:03:04\n  501     1      0 Z      00:00\n  502   501 123456 R+     0:01.25\n99999   502      8 S    123:04.50\n"))
	want := map[int]psLine{
		1:     {parent: 0, resident: 9876 << 10, cpu: 26*time.Hour + 3*time.Minute + 4*time.Second},
		501:   {parent: 1, ended: true},
		502:   {parent: 501, resident: 123456 << 10, cpu: 1250 * time.Millisecond},
		99999: {parent: 502, resident: 8 << 10, cpu: 123*time.Minute + 4500*time.Millisecond},
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{
		"1 0 1 S\n", "1 0 1 S 0:00 more\n", "x 0 1 S 0:00\n", "1 0 - S 0:00\n", "1 0 1 S 12\n", "1 0 1 S 1:2:3:4\n", "1 0 1 S x-0:00\n",
		"1 0 1 S 0:-1\n", "1 0 1 S -1:00\n", "1 0 1 S 0:\n", "\n",
	} {
		if got, err := parsePS([]byte(text)); err == nil {
			t.Errorf("of %q: got %v", text, got)
		}
	}
}

func TestPSKnowsThisProcess(t *testing.T) {
	t.Parallel()
	for _, tree := range []bool{false, true} {
		u, err := psUsage(os.Getpid(), tree)
		if err != nil {
			t.Fatal(err)
		}
		if u.Resident < 1<<20 || u.CPU() < 0 || u.Processes < 1 || !tree && u.Processes != 1 {
			t.Errorf("tree %v: got %+v", tree, u)
		}
	}
	if _, err := psUsage(1<<30, false); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("of a process that there is not: %v", err)
	}
}

func TestDescendantsComeBehindTheirParents(t *testing.T) {
	t.Parallel()
	got := descendants(10, map[int]int{1: 0, 10: 1, 11: 10, 12: 10, 13: 11, 14: 13, 20: 1, 21: 20})
	for child, parent := range map[int]int{11: 10, 12: 10, 13: 11, 14: 13} {
		if i, j := slices.Index(got, parent), slices.Index(got, child); i < 0 || j < i {
			t.Errorf("%d is not behind its parent %d in %v", child, parent, got)
		}
	}
	if len(got) != 5 || got[0] != 10 {
		t.Errorf("got %v", got)
	}
	// A table of processes is like this only if it changed while it was read.
	if got := descendants(1, map[int]int{1: 2, 2: 1, 3: 3}); !slices.Equal(got, []int{1, 2, 1}) && !slices.Equal(got, []int{1, 2}) {
		t.Errorf("of a ring: got %v", got)
	}
}

func TestUsageSubtracts(t *testing.T) {
	t.Parallel()
	a := Usage{
		User: 10, System: 20, Resident: 30, PeakResident: 40, Private: 50, Proportional: 60, Threads: 7, Files: 8, Voluntary: 9,
		Involuntary: 10, Processes: 1,
	}
	if got := a.plus(a, 1).Sub(a); got != a {
		t.Errorf("got %+v, want %+v", got, a)
	}
	if got := (Usage{}).Sub(a).Resident; got != -30 {
		t.Errorf("less memory shows as %d", got)
	}
	if got := a.Sub(a); got != (Usage{}) {
		t.Errorf("nothing shows as %+v", got)
	}
	if a.CPU() != 30 {
		t.Errorf("CPU time is %v", a.CPU())
	}
}

func TestLinesKeepTheLast(t *testing.T) {
	t.Parallel()
	l := newLines(nil)
	var all []string
	for i := range 3*keptLines + 7 {
		line := strings.Repeat("x", i%5) + time.Duration(i).String()
		all = append(all, line)
		// In pieces, like from a pipe.
		for _, piece := range []string{line[:1], line[1:] + "\n"} {
			if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
		}
	}
	if got, want := l.String(), strings.Join(all[len(all)-keptLines:], "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProcessorsAreNamed(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct{ text, want string }{
		"amd64":      {"processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC  7763\n", "AMD EPYC 7763"},
		"arm64":      {"processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "arm64"},
		"raspberry":  {"processor\t: 0\nCPU implementer\t: 0x41\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n", "Raspberry Pi 4 Model B Rev 1.4"},
		"mips":       {"system type\t: x\ncpu model\t\t: Cavium Octeon\n", "Cavium Octeon"},
		"riscv":      {"processor\t: 0\nisa\t: rv64\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc"},
		"power":      {"processor\t: 0\ncpu\t\t: POWER9\n", "POWER9"},
		"an empty":   {"model name\t:\n", "arm64"},
		"not at all": {"", "arm64"},
	} {
		if got := cpuModel(r.text, "arm64"); got != r.want {
			t.Errorf("%s: got %q, want %q", name, got, r.want)
		}
	}
}

func TestSystemsAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n": "Debian GNU/Linux 12 (bookworm)",
		"PRETTY_NAME='Alpine Linux v3.20'\n":                       "Alpine Linux v3.20",
		"PRETTY_NAME=Void":                                         "Void",
		"NAME=x\n":                                                 "linux",
	} {
		if got := osName(text, "linux"); got != want {
			t.Errorf("of %q: got %q, want %q", text, got, want)
		}
	}
}

func TestMachineSaysWhatItIs(t *testing.T) {
	t.Parallel()
	m := Machine()
	if m.CPU == "" || m.Cores < 1 || m.GOMAXPROCS < 1 || m.OS == "" || !strings.HasPrefix(m.Go, "go") && !strings.HasPrefix(m.Go, "devel") {
		t.Errorf("got %+v", m)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{m.CPU, m.OS, m.Kernel, m.Go} {
		if len(host) > 3 && strings.Contains(text, host) { // a short one may be part of any word
			t.Errorf("the host is named in %q", text)
		}
	}
}
