package main

import (
	"context"
	"fmt"
	"time"
)

// launchOnStub measures the agent alone: API and engine answer at once.
func (b *bench) launchOnStub(ctx context.Context) error {
	for _, c := range []struct {
		due, perPoll int
	}{{500, 25}, {500, 500}, {200, 25}, {200, 200}} {
		rates, cpu := map[*program]string{}, map[*program]string{}
		for _, p := range b.all() {
			rounds := 9
			if p == b.python {
				rounds = 1 // it takes seconds and varies little
			}
			var rate []float64
			var each []time.Duration
			for range rounds {
				l, err := b.launch(ctx, p, c.due, c.perPoll)
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				rate, each = append(rate, l.perSecond), append(each, l.cpu)
			}
			rates[p], cpu[p] = fmt.Sprintf("%.0f/s", median(rate)), milliseconds(median(each))
		}
		what := fmt.Sprintf("%d due, %d per poll: ", c.due, c.perPoll)
		b.table.add(row{what + "launches", rates[&b.ours], rates[b.python], "1500/s"})
		b.table.add(row{"CPU per launch", cpu[&b.ours], cpu[b.python], "0.50 ms"})
	}
	return nil
}

type launched struct {
	perSecond float64       // from the first poll to the last start
	cpu       time.Duration // of the agent per launch, from the first poll to the last report
}

func (b *bench) launch(ctx context.Context, p *program, due, perPoll int) (launched, error) {
	s, err := b.newScene(perPoll, "")
	if err != nil {
		return launched{}, err
	}
	defer s.close()
	s.add(due, time.Now().Add(-time.Minute), "run")
	done := s.expect(due)
	proc, err := p.start(s)
	if err != nil {
		return launched{}, err
	}
	defer proc.stop()
	if err := proc.await(ctx, "first poll", s.polled); err != nil {
		return launched{}, err
	}
	began := time.Now()
	before, err := proc.cpu()
	if err != nil {
		return launched{}, err
	}
	if err := proc.await(ctx, fmt.Sprintf("%d launches", due), done); err != nil {
		return launched{}, err
	}
	after, err := proc.cpu()
	if err != nil {
		return launched{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.starts) != due {
		return launched{}, fmt.Errorf("%d containers were started for %d runs", len(s.starts), due)
	}
	last := s.starts[len(s.starts)-1].Sub(began).Seconds()
	return launched{float64(due) / last, (after - before) / time.Duration(due)}, nil
}

// delay measures from the start time of runs to the requests that start their containers, for runs of
// one second that were found beforehand.
func (b *bench) delay(ctx context.Context) error {
	const due = 200
	for _, perPoll := range []int{due, 25} {
		s, err := b.newScene(perPoll, "")
		if err != nil {
			return err
		}
		at := time.Now().Truncate(time.Second).Add(3 * time.Second)
		s.add(due, at, "run")
		done := s.expect(due)
		proc, err := b.ours.start(s)
		if err != nil {
			return err
		}
		err = proc.await(ctx, "launches on time", done)
		proc.stop()
		s.close()
		if err != nil {
			return err
		}
		var late []time.Duration
		for _, t := range s.starts {
			late = append(late, t.Sub(at))
		}
		b.table.add(row{
			fmt.Sprintf("%d due in one second, %d per poll: delay p50, p99, max", due, perPoll),
			fmt.Sprintf("%.0f, %.0f, %.0f ms", ms(quantile(late, .5)), ms(quantile(late, .99)), ms(quantile(late, 1))), "", "",
		})
	}
	return nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }
