// Command soak runs the agent against stubs of engine and API in this process, with thousands of short
// flow runs, and looks whether it keeps up, keeps its word and keeps its size. `make soak` runs it for half
// an hour, in the root of the checkout; -for 20s is a smoke test. It reads /proc, so it needs Linux.
//
// Status 0: every run ended as it should, no container is left, memory and goroutines are flat.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	length time.Duration
	rate   int // runs per second
	seed   uint64
	binary string
	log    string
}

func main() {
	var o options
	flag.DurationVar(&o.length, "for", 30*time.Minute, "how long to feed runs")
	flag.IntVar(&o.rate, "rate", 10, "flow runs per second")
	flag.Uint64Var(&o.seed, "seed", 1, "what becomes of which run")
	flag.StringVar(&o.binary, "binary", "bin/docker-prefect", "the plugin")
	flag.StringVar(&o.log, "log", "", "file for the agent's output (default: its end is shown if something is wrong)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.length < minLength || o.rate < 1 {
		return fmt.Errorf("-for %v, -rate %d: needs at least %v and one run a second", o.length, o.rate, minLength)
	}
	dir, err := os.MkdirTemp("", "docker-prefect-soak")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := newWorld(dir, o.seed)
	if err != nil {
		return err
	}
	defer w.close()
	agent, err := startAgent(o, w, dir)
	if err != nil {
		return err
	}
	defer agent.kill()
	if err := agent.awaitReady(ctx); err != nil {
		return err
	}
	samples, err := soak(ctx, o, w, agent, out)
	if err != nil {
		return errors.Join(err, agent.lastWords())
	}
	faults := append(w.faults(), judge(samples, o.length)...)
	if err := agent.drain(ctx); err != nil {
		faults = append(faults, err.Error())
	}
	printVerdict(out, w, samples, faults)
	if len(faults) > 0 {
		return errors.Join(fmt.Errorf("%d faults", len(faults)), agent.lastWords())
	}
	return nil
}

// soak feeds runs until the time is over and all are settled.
func soak(ctx context.Context, o options, w *world, agent *agent, out io.Writer) ([]sample, error) {
	const beat = 100 * time.Millisecond
	began := time.Now()
	beats := time.NewTicker(beat)
	defer beats.Stop()
	every, lineEvery := sampleInterval(o.length), min(time.Minute, o.length/4)
	var samples []sample
	nextSample, nextLine, nextCut, fed := every, lineEvery, cutInterval, 0
	for {
		select {
		case <-ctx.Done():
			return nil, errors.New("interrupted")
		case <-agent.ended:
			return nil, fmt.Errorf("the agent ended by itself with status %d", agent.status())
		case <-beats.C:
		}
		now := time.Since(began)
		if want := int(min(now, o.length).Seconds() * float64(o.rate)); want > fed && w.open() < maxOpen(o.rate) {
			w.add(want - fed)
			fed = want
		}
		w.settle()
		if now >= nextCut {
			w.engine.CutEvents()
			nextCut = now + cutInterval
		}
		if now >= nextSample && now <= o.length {
			s, err := agent.sample(ctx, now)
			if err != nil {
				return nil, err
			}
			samples = append(samples, s)
			nextSample += every
			if now >= nextLine {
				_, _ = fmt.Fprintf(out, "%6s  %s  %s\n", now.Round(time.Second), w.summary(), s)
				nextLine += lineEvery
			}
		}
		switch {
		case now >= o.length && w.open() == 0:
			return samples, nil
		case now >= o.length+patience:
			return samples, nil // the world tells which are missing
		}
	}
}

const (
	minLength = 10 * time.Second
	// patience is how long the last runs may take.
	patience = time.Minute
	// cutInterval is the time between two breaks of the engine's event stream, after which the agent has to
	// look what it missed.
	cutInterval = 7 * time.Second
)

// maxOpen bounds what an agent that does not keep up is given.
func maxOpen(rate int) int { return 60 * rate }

// sampleInterval gives some hundred samples, less often than they cost anything.
func sampleInterval(length time.Duration) time.Duration {
	return max(250*time.Millisecond, min(length/400, 5*time.Second))
}

func printVerdict(out io.Writer, w *world, samples []sample, faults []string) {
	_, _ = fmt.Fprintln(out, w.summary())
	for _, m := range measures {
		_, _ = fmt.Fprintln(out, m.compare(samples))
	}
	for _, fault := range faults {
		_, _ = fmt.Fprintln(out, "FAULT:", fault)
	}
	if len(faults) == 0 {
		_, _ = fmt.Fprintln(out, "soak: passed")
	}
}
