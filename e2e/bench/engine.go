package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	rounds   = 6
	perRound = 10
	// ourParallel is the agent's own bound (plugin.parallelStarts): its floor is the loop with the same.
	ourParallel = 4
)

// others are the bounds beside which ours was chosen; each gets a part of the rounds.
var others = []int{1, 2, 8}

// launchOnEngine compares the agent with bare loops that create and start the same containers. They take
// turns, in an order that changes, because engines and machines are moody.
func (b *bench) launchOnEngine(ctx context.Context) (err error) {
	engine, address, err := findEngine(ctx)
	if err != nil {
		return err
	}
	if err := b.buildImage(ctx); err != nil {
		return err
	}
	defer func() {
		cleanUp := context.WithoutCancel(ctx)
		err = errors.Join(err, engine.clear(cleanUp), exec.CommandContext(cleanUp, "docker", "image", "rm", "-f", image).Run())
	}()
	body, err := b.createBody(ctx)
	if err != nil {
		return err
	}
	s, err := b.newScene(0, address)
	if err != nil {
		return err
	}
	defer s.close()
	proc, err := b.ours.start(s)
	if err != nil {
		return err
	}
	defer proc.stop()
	if err := proc.await(ctx, "first poll", s.polled); err != nil {
		return err
	}

	agent := func(round int) error { return s.launchTen(ctx, proc, round) }
	bare := func(parallel int) func(int) error {
		return func(round int) error {
			return inParallel(ctx, parallel, perRound, func(ctx context.Context, i int) error {
				return engine.run(ctx, fmt.Sprintf("bench-floor-%d-%d-%d", parallel, round, i), body)
			})
		}
	}
	rates := map[int][]float64{} // by parallel; 0: the agent
	for round := range rounds {
		other := others[round%len(others)]
		turns := []turn{{0, agent}, {ourParallel, bare(ourParallel)}, {other, bare(other)}}
		for i := range turns {
			turn := turns[(i+round)%len(turns)]
			began := time.Now()
			if err := turn.launch(round); err != nil {
				return err
			}
			rates[turn.parallel] = append(rates[turn.parallel], perRound/time.Since(began).Seconds())
			if err := engine.clear(ctx); err != nil {
				return err
			}
		}
	}
	b.table.addEngine(rates)
	return nil
}

// turn launches one round's containers.
type turn struct {
	parallel int
	launch   func(round int) error
}

func (t *table) addEngine(rates map[int][]float64) {
	ours, floor := rates[0], rates[ourParallel]
	share := make([]float64, 0, rounds)
	for round := range ours {
		share = append(share, ours[round]/floor[round])
	}
	t.add(row{fmt.Sprintf("real engine, %d runs: launches", rounds*perRound), fmt.Sprintf("%.2f/s", mean(ours)), "", ""})
	t.add(row{"share of a bare loop beside it", fmt.Sprintf("%.2f", mean(ours)/mean(floor)), "", "0.97"})
	t.add(row{"the same, lowest and highest of the rounds", fmt.Sprintf("%.2f, %.2f", quantile(share, 0), quantile(share, 1)), "", ""})
	for _, parallel := range slices.Sorted(maps.Keys(rates)) {
		if parallel > 0 {
			t.add(row{fmt.Sprintf("bare loop, %d at a time", parallel), fmt.Sprintf("%.2f/s", mean(rates[parallel])), "", ""})
		}
	}
}

// mean is the harmonic one: rates of rounds of equal size add up by their times.
func mean(rates []float64) float64 {
	var sum float64
	for _, r := range rates {
		sum += 1 / r
	}
	return float64(len(rates)) / sum
}

// launchTen has the agent launch one round's runs.
func (s *scene) launchTen(ctx context.Context, proc *process, round int) error {
	done := s.expect(perRound)
	s.add(perRound, time.Now().Add(-time.Minute), fmt.Sprintf("bench-agent-%d", round))
	if err := s.poke(ctx); err != nil {
		return err
	}
	return proc.await(ctx, "launches", done)
}

// createBody is what our agent asks an engine for.
func (b *bench) createBody(ctx context.Context) (map[string]any, error) {
	s, err := b.newScene(0, "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.add(1, time.Now().Add(-time.Minute), "body")
	done := s.expect(1)
	proc, err := b.ours.start(s)
	if err != nil {
		return nil, err
	}
	defer proc.stop()
	if err := proc.await(ctx, "a launch", done); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body, nil
}

// buildImage makes an image of one static program, under the name that agents start.
func (b *bench) buildImage(ctx context.Context) error {
	path := filepath.Join(b.dir, "prefect")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", path, "./e2e/bench/pause")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build e2e/bench/pause: %w", err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	err = w.WriteHeader(&tar.Header{Name: "bin/prefect", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write(program)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	load := exec.CommandContext(ctx, "docker", "import", "-c", "ENV PATH=/bin", "-", image)
	load.Stdin, load.Stderr = &layer, os.Stderr
	if err := load.Run(); err != nil {
		return fmt.Errorf("docker import: %w", err)
	}
	return nil
}

// inParallel calls do for 0 … n-1, so many at a time.
func inParallel(ctx context.Context, parallel, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
