package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/observability"
)

// diary records events in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// until returns a Run that returns when its context ends.
func (d *diary) until(name string, atEnd error) func(context.Context) error {
	return func(ctx context.Context) error {
		d.note(name + " runs")
		<-ctx.Done()
		d.note(name + " ends")
		return atEnd
	}
}

// build makes an application with a life that fill fills.
func build(t *testing.T, fill func(*life, fx.Lifecycle)) (*life, *fx.App) {
	t.Helper()
	var l *life
	app := fx.New(fx.NopLogger, fx.Supply(&observability.Telemetry{}, slog.New(slog.DiscardHandler)), fx.Provide(newLife), fx.Populate(&l),
		fx.Invoke(fill))
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	return l, app
}

func TestWhatLivesStopsInTheReverseOrderAndIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		_, app := build(t, func(l *life, lc fx.Lifecycle) {
			l.opened(func() error { d.note("store closed"); return nil })
			l.keep(lc, "bus", d.until("bus", nil))
			l.keep(lc, "listener", d.until("listener", context.Canceled))
			l.opened(func() error { d.note("search closed"); return nil })
		})
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := app.Stop(t.Context()); err != nil {
			t.Errorf("got %v, want nil: to end for the reason that one was told to is no error", err)
		}
		slices.Sort(d.lines[:2]) // they begin concurrently
		if want := []string{"bus runs", "listener runs", "listener ends", "bus ends", "search closed", "store closed"}; !slices.Equal(d.lines, want) {
			t.Errorf("got %v, want %v", d.lines, want)
		}
	})
}

func TestAPartThatEndsBeforeItsTurnIsToldOf(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]error{"ended by itself": nil, "the port was taken away": errors.New("the port was taken away")} {
		synctest.Test(t, func(t *testing.T) {
			l, app := build(t, func(l *life, lc fx.Lifecycle) {
				l.keep(lc, "other", (&diary{}).until("other", nil))
				l.keep(lc, "listener", func(context.Context) error { return end })
			})
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-l.failed; !strings.Contains(err.Error(), "listener") || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want it to say listener and %q", err, name)
			}
			if err := app.Stop(t.Context()); err != nil {
				t.Errorf("stop: got %v, want nil: what failed was told already", err)
			}
		})
	}
}

func TestAnErrorOfStoppingIsReturned(t *testing.T) {
	t.Parallel()
	lost, kept := errors.New("entries were lost"), errors.New("the disk is full")
	_, app := build(t, func(l *life, lc fx.Lifecycle) {
		l.opened(func() error { return kept })
		l.keep(lc, "journal", (&diary{}).until("journal", lost))
	})
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); !errors.Is(err, lost) || !errors.Is(err, kept) {
		t.Errorf("got %v, want both %v and %v", err, lost, kept)
	}
}

func TestAPartThatDoesNotStopIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		_, app := build(t, func(l *life, lc fx.Lifecycle) {
			l.keep(lc, "listener", func(context.Context) error { <-released; return nil })
		})
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := app.Stop(ctx); err == nil {
			t.Error("got nil, want an error: it still runs")
		}
		close(released)
	})
}
