package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/docker/cli/cli-plugins/metadata"
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
	if os.Getenv(metadata.ReexecEnvvar) != "" {
		go endWithDocker(ctx, cancel)
	}
	return ctx
}

// parentInterval is how often endWithDocker looks.
const parentInterval = time.Second

// endWithDocker cancels when the docker CLI that started this process is gone. Since version 25 it has a
// socket that tells; a 20.10, which Debian 12 has, dies without a word.
func endWithDocker(ctx context.Context, cancel context.CancelCauseFunc) {
	docker := os.Getppid()
	ticks := time.NewTicker(parentInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			if os.Getppid() != docker {
				cancel(errors.New("the docker CLI is gone"))
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
