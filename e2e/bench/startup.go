package main

import (
	"context"
	"fmt"
	"time"
)

// startUp measures from the start of the process to the first question for runs, alternating between
// the programs.
func (b *bench) startUp(ctx context.Context) error {
	programs := []*program{&b.ours, &b.docker}
	if b.python != nil {
		programs = append(programs, b.python)
	}
	took := map[*program][]time.Duration{}
	const rounds = 7
	for range rounds {
		for _, p := range programs {
			d, err := b.firstPoll(ctx, p)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			took[p] = append(took[p], d)
		}
	}
	python := ""
	if b.python != nil {
		python = seconds(median(took[b.python]))
	}
	b.table.add(row{"start-up to first poll", seconds(median(took[&b.ours])), python, "0.08 s"})
	b.table.add(row{"through docker", seconds(median(took[&b.docker])), "", ""})
	return nil
}

func (b *bench) firstPoll(ctx context.Context, p *program) (time.Duration, error) {
	s, err := b.newScene(0, "")
	if err != nil {
		return 0, err
	}
	defer s.close()
	proc, err := p.start(s)
	if err != nil {
		return 0, err
	}
	defer proc.stop()
	if err := proc.await(ctx, "first poll", s.polled); err != nil {
		return 0, err
	}
	return time.Since(proc.started), nil
}
