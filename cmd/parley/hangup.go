package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// pastHangups keeps SIGHUP from ending the process, and reports each. The context ends only if the
// process has lost its terminal: otherwise a service that nobody sees any more would hold its port.
// With nohup the process goes on even then.
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
				default: // one is waiting already
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

// hasTerminal reports whether the process has a controlling terminal.
func hasTerminal() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	return terminal.Close() == nil
}
