package observability_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

func TestHooksAreCountedAndWhatIsDoneToThemIsLogged(t *testing.T) {
	t.Parallel()
	for _, muted := range []bool{false, true} {
		var out bytes.Buffer
		var options []observability.Option
		if muted {
			options = append(options, observability.WithoutMetrics())
		}
		o := observability.NewObserver(slog.New(slog.NewTextHandler(&out, nil)), observability.Build{}, options...)
		p := o.Port()
		p.HookTried(ports.HookBusy, time.Second)
		p.HookActed("h", chat.NotFound)
		p.HookActed("h", chat.Errorf(chat.Invalid, "no such word"))
		p.HooksCounted(3, 1)
		p.HookSignals(ports.HookSignalDropped, 7)
		p.HookFailing("h", errors.New("it answered 500"))
		p.HookFailing("h", nil)
		p.HookSet("root", "h", ports.HookSkippedAct, "tea", "it is poison")
		for _, want := range []string{
			`level=WARN msg="what is sent to a hook does not arrive: it is tried again" hook=h error="it answered 500"`,
			`msg="what is sent to a hook arrives again" hook=h`,
			`level=WARN msg=fault while="do what hook h asks for" error="no such word"`,
			`msg="a hook was skipped" audit=true hook=h act=skipped by=root room=tea why="it is poison"`,
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("muted %v: there is no line %s in\n%s", muted, want, out.String())
			}
		}
		all, err := o.Gatherer().Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range all {
			for _, m := range f.Metric {
				for _, l := range m.Label {
					got[f.GetName()+" "+l.GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
		for name, want := range map[string]float64{
			"parley_hook_tries_total busy": 1, "parley_hook_commands_total not_found": 1, "parley_hooks active": 2, "parley_hook_signals_total dropped": 7, "parley_hooks paused": 1,
		} {
			if is := got[name]; !muted && is != want {
				t.Errorf("%s: got %v, want %v", name, is, want)
			}
		}
	}
}
