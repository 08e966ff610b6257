// Package agent polls a Prefect API for flow runs that are due and has each started as a container.
//
// It decides what to run; a Launcher runs it. It knows neither flags nor files nor terminals.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// Agent takes flow runs from an API and launches them. The methods named in Prefect's documentation
// of DockerAgent carry its names: DeployFlow, Heartbeat, OnShutdown, PopulateEnvVars, StreamContainerLogs.
type Agent struct {
	cfg      Config
	volumes  Volumes
	api      API
	launcher Launcher
	log      *slog.Logger
	out      io.Writer // where ShowFlowLogs copies container output

	id       string        // given by the API on registration
	poke     chan struct{} // wakes the poll loop
	slots    chan struct{} // bounds the launches that are between claim and start
	gate     *gate
	inFlight inFlight
	launches sync.WaitGroup // runs handed out by the poll loop
	watched  sync.WaitGroup // supervised containers and log streams

	streams     context.Context // ends the log streams
	stopStreams context.CancelFunc
}

// maxLaunches is the size of the Python agent's thread pool on a large machine (1.4.1 agent.py). Slow
// pulls hold a slot each, so it is far above what an engine starts in parallel.
const maxLaunches = 32

// New checks what can be checked without a connection: a malformed volume specification is an error, and
// so are networks that exclude each other and default limits above their ceilings.
func New(cfg Config, api API, launcher Launcher, log *slog.Logger, out io.Writer) (*Agent, error) {
	volumes, err := ParseVolumes(cfg.Volumes, cfg.Windows)
	if err != nil {
		return nil, err
	}
	if err := checkTargets(volumes); err != nil {
		return nil, err
	}
	if err := checkNetworks(cfg.Networks); err != nil {
		return nil, err
	}
	if err := cfg.Resources.check(); err != nil {
		return nil, err
	}
	a := &Agent{
		cfg: cfg, volumes: volumes, api: api, launcher: launcher, log: log, out: &lineWriter{w: out},
		poke: make(chan struct{}, 1), slots: make(chan struct{}, maxLaunches),
		gate:     newGate(launcher.Check, log),
		inFlight: inFlight{ids: map[string]struct{}{}},
	}
	a.streams, a.stopStreams = context.WithCancel(context.Background())
	return a, nil
}

// Run serves until ctx ends, then drains: no new work, launches in flight finish, containers go on.
// It returns nil after a drain and after the last of cfg.MaxPolls polls; otherwise why the agent cannot
// go on, graphql.ErrUnauthorized among the reasons.
func (a *Agent) Run(ctx context.Context) error {
	defer a.OnShutdown()
	a.logConfig(ctx)
	if err := a.Heartbeat(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	health, err := a.listen()
	if err != nil {
		return err
	}
	defer health.close()
	if err := a.connect(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	a.announce()

	// The heartbeat goes on while launches drain: it is what notices that they cannot finish.
	loops, cancel := context.WithCancelCause(ctx)
	beats := make(chan error, 1)
	beatCtx, stopBeat := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		err := a.heartbeats(beatCtx)
		if err != nil {
			cancel(err)
		}
		beats <- err
	}()
	pollErr := a.poll(loops)
	if ctx.Err() != nil {
		a.log.Info("Shutting down: no new flow runs are taken", "launches_in_flight", a.inFlight.count())
	}
	a.launches.Wait()
	stopBeat()
	cancel(nil)
	return errors.Join(<-beats, pollErr)
}

// unlessStopped drops the error of something that ended because ctx did: being told to stop is none.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// OnShutdown ends the copying of container output, so that nothing is printed after the agent ended.
func (a *Agent) OnShutdown() {
	a.stopStreams()
	a.watched.Wait()
}

// Poke makes the agent look for flow runs at once.
func (a *Agent) Poke() {
	select {
	case a.poke <- struct{}{}:
	default: // a look is due already
	}
}

// DeployFlow launches a flow run as a container and returns information about the deployment,
// "Container ID: …". Claiming the run and telling the API are the caller's.
func (a *Agent) DeployFlow(ctx context.Context, run graphql.FlowRun) (string, error) {
	_, info, err := a.deployFlow(ctx, run)
	return info, err
}

func (a *Agent) deployFlow(ctx context.Context, run graphql.FlowRun) (Launched, string, error) {
	engine, err := a.launcher.Info(ctx)
	if err != nil {
		return Launched{}, "", err
	}
	spec, err := buildSpec(a.cfg, a.volumes, engine, run)
	if err != nil {
		return Launched{}, "", err
	}
	launched, err := a.launcher.Launch(ctx, spec)
	if err != nil {
		return Launched{}, "", err
	}
	if a.cfg.ShowFlowLogs {
		a.watched.Go(func() { a.StreamContainerLogs(a.streams, launched.ID) })
	}
	return launched, "Container ID: " + launched.ID, nil
}

// PopulateEnvVars returns the environment of a run's container as "KEY=VALUE", or a bare "KEY" that unsets
// a variable of the image. The API key is in it. A run config or storage that cannot be read is an error.
func (a *Agent) PopulateEnvVars(run graphql.FlowRun) ([]string, error) {
	rc, err := parseRunConfig(run)
	if err != nil {
		return nil, err
	}
	image, err := resolveImage(run, rc)
	if err != nil {
		return nil, err
	}
	return populateEnvVars(a.cfg, run, rc, image), nil
}

// StreamContainerLogs copies a container's output to the agent's until either ends.
func (a *Agent) StreamContainerLogs(ctx context.Context, containerID string) {
	if err := streamContainerLogs(ctx, a.launcher, containerID, a.out); err != nil && ctx.Err() == nil {
		a.log.Warn("Copying the output of a container ended early", "container", short(containerID), "reason", err)
	}
}

// Heartbeat asks the engine once whether it answers.
func (a *Agent) Heartbeat(ctx context.Context) error {
	if err := a.launcher.Check(ctx); err != nil {
		return fmt.Errorf("the container engine does not answer; is it running? %w", err)
	}
	return nil
}

// short is the form of a container id that docker prints.
func short(id string) string { return id[:min(12, len(id))] }

// inFlight holds the runs between the poll that found them and their launch, so that no later poll
// takes them again.
type inFlight struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

// add reports false if the run is in flight already.
func (f *inFlight) add(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.ids[id]; there {
		return false
	}
	f.ids[id] = struct{}{}
	return true
}

func (f *inFlight) has(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, there := f.ids[id]
	return there
}

func (f *inFlight) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ids, id)
}

func (f *inFlight) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ids)
}

// sleep waits and reports whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
