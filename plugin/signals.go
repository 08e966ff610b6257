package plugin

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// signalContext returns a context that the first SIGINT or SIGTERM ends; commands then drain. The second
// leaves at once: what is under way is in the engine's and the API's hands.
func signalContext(parent context.Context, stderr io.Writer) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		first := <-signals
		cancel(fmt.Errorf("received signal %q", first))
		second := <-signals
		_, _ = fmt.Fprintf(stderr, "received signal %q again: leaving at once\n", second)
		os.Exit(exitAborted)
	}()
	return ctx
}
