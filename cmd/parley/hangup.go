package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// pastHangups keeps SIGHUP from ending the process, and tells of each. Only where it means that the
// terminal is gone which the process was started from does the context end: a service that nobody
// sees any more would hold its port. With nohup, even then it goes on.
func pastHangups(ctx context.Context) (_ context.Context, told <-chan struct{}, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	onTerminal := hasTerminal() && !signal.Ignored(syscall.SIGHUP)
	signals, ended, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	hangups := make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer close(done)
		for {
			select {
			case <-signals:
				if onTerminal && !hasTerminal() {
					cancel()
				}
				select {
				case hangups <- struct{}{}:
				default: // one is to be told of
				}
			case <-ended:
				return
			}
		}
	}()
	return ctx, hangups, func() {
		close(ended)
		<-done
		signal.Stop(signals)
		cancel()
	}
}

// hasTerminal reports whether the process has a terminal that controls it.
func hasTerminal() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	return terminal.Close() == nil
}
