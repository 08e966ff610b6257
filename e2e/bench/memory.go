package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// settle is how long an agent that found nothing is left alone before its memory is read.
	settle = 3 * time.Second
	// ahead is a start time within the 10 s for which agents look ahead.
	ahead = 5 * time.Second
	many  = 1000
)

// memory reads the resident set: idle, with runs that wait for their start time, and after their launch.
func (b *bench) memory(ctx context.Context) error {
	s, err := b.newScene(many, "")
	if err != nil {
		return err
	}
	defer s.close()
	proc, idle, err := b.idle(ctx, &b.ours, s)
	if err != nil {
		return err
	}
	defer proc.stop()
	python := ""
	if b.python != nil {
		if python, err = b.pythonIdle(ctx); err != nil {
			return err
		}
	}
	b.table.add(row{"RSS idle", megabytes(idle), python, "22 MB"})

	at := time.Now().Add(ahead)
	s.add(many, at, "run")
	done := s.expect(many)
	if err := s.poke(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, time.Until(at)-time.Second/2); err != nil {
		return err
	}
	waiting, _, err := proc.memory()
	if err != nil {
		return err
	}
	if err := proc.await(ctx, fmt.Sprintf("%d launches", many), done); err != nil {
		return err
	}
	after, peak, err := proc.memory()
	if err != nil {
		return err
	}
	b.table.add(row{fmt.Sprintf("RSS with %d runs waiting for their start time", many), megabytes(waiting), "", ""})
	b.table.add(row{fmt.Sprintf("RSS after these %d launches (peak)", many), megabytes(after) + " (" + megabytes(peak) + ")", "", ""})
	return nil
}

// idle starts an agent that finds nothing, and returns its memory.
func (b *bench) idle(ctx context.Context, p *program, s *scene) (*process, int64, error) {
	proc, err := p.start(s)
	if err != nil {
		return nil, 0, err
	}
	err = proc.await(ctx, "first poll", s.polled)
	if err == nil {
		err = sleep(ctx, settle)
	}
	var now int64
	if err == nil {
		now, _, err = proc.memory()
	}
	if err != nil {
		proc.stop()
		return nil, 0, err
	}
	return proc, now, nil
}

func (b *bench) pythonIdle(ctx context.Context) (string, error) {
	s, err := b.newScene(0, "")
	if err != nil {
		return "", err
	}
	defer s.close()
	proc, now, err := b.idle(ctx, b.python, s)
	if err != nil {
		return "", err
	}
	proc.stop()
	return megabytes(now), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
