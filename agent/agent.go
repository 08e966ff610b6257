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
	"sync/atomic"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// Agent takes flow runs from an API and launches them, and sees to it that the API learns how their
// containers end. The methods named in Prefect's documentation of DockerAgent carry its names: DeployFlow,
// Heartbeat, OnShutdown, PopulateEnvVars, StreamContainerLogs.
type Agent struct {
	cfg      Config
	volumes  Volumes
	api      API
	launcher Launcher
	log      *slog.Logger
	out      io.Writer // where ShowFlowLogs copies container output

	owner     Owner // known once the agent is registered
	roster    *roster
	gate      *gate
	watchdog  watchdog
	hunger    starvation
	full      atLimit
	poke      chan struct{} // wakes the poll loop
	slots     chan struct{} // bounds the launches that are between claim and start
	telling   chan struct{} // bounds the ends that are being told at the same time
	inFlight  inFlight
	refused   refusals
	lastPoll  atomic.Pointer[time.Time]
	followers followers
	sawTwin   bool           // for the watcher's goroutine alone
	launches  sync.WaitGroup // runs handed out by the poll loop, or taken up again
	reports   sync.WaitGroup // ends that are being told
	following sync.WaitGroup // supervised containers and log streams

	streams     context.Context // ends the log streams
	stopStreams context.CancelFunc
}

const (
	// maxLaunches is the size of the Python agent's thread pool on a large machine (1.4.1 agent.py). Slow
	// pulls hold a slot each, so it is far above what an engine starts in parallel.
	maxLaunches = 32
	// maxTelling keeps an API that is back after an outage from being flooded with what happened meanwhile.
	maxTelling = 16
)

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
		roster: newRoster(), gate: newGate(launcher.Check, log),
		poke: make(chan struct{}, 1), slots: make(chan struct{}, maxLaunches), telling: make(chan struct{}, maxTelling),
		inFlight: inFlight{runs: map[string]chan struct{}{}},
	}
	a.streams, a.stopStreams = context.WithCancel(context.Background())
	return a, nil
}

// Run serves until ctx ends, then drains: no new work, launches in flight finish, reports are delivered,
// containers go on unless cfg.KillOnStop. It returns nil after a drain and after the last of cfg.MaxPolls
// polls; otherwise why the agent cannot go on, graphql.ErrUnauthorized, ErrStuck and ErrNotDrained among
// the reasons.
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
	a.owner = Owner{Identity: identity(a.cfg.TenantID, a.cfg.Name, a.cfg.Labels), Tenant: a.cfg.TenantID, AgentID: a.owner.AgentID}
	a.roster.belongTo(a.owner)

	// What began is finished after ctx has ended; abandon ends that, too.
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	watcher := a.startWatching(work)
	defer watcher.stop()
	if err := watcher.awaitReady(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	a.announce()
	if err := a.takeUp(ctx, work); err != nil {
		return unlessStopped(ctx, err)
	}
	return a.serve(ctx, work, func() error { return a.drain(work, abandon, watcher.stop) })
}

// serve polls until ctx ends, the polls are used up, or the agent cannot go on; then it drains.
func (a *Agent) serve(ctx, work context.Context, drain func() error) error {
	loops, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	beats := make(chan error, 1)
	go func() {
		err := a.heartbeats(loops)
		if err != nil {
			cancel(err)
		}
		beats <- err
	}()
	polled := make(chan error, 1)
	a.watchdog.expect(0, a.cfg.StuckAfter)
	go func() { polled <- a.poll(loops, work) }()
	var pollErr error
	select {
	case pollErr = <-polled:
	case <-a.watchdog.barks(loops):
		return ErrStuck
	}
	if ctx.Err() != nil {
		a.log.Info("Shutting down: no new flow runs are taken", "launches_in_flight", a.inFlight.count(), "containers", len(a.roster.live(true)))
	}
	drainErr := drain()
	cancel(nil)
	return errors.Join(<-beats, pollErr, drainErr)
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
	waitAtMost(shutdownTimeout, a.following.Wait)
}

// shutdownTimeout is for what does not end though it was told to.
const shutdownTimeout = 5 * time.Second

func waitAtMost(d time.Duration, wait func()) {
	ended := make(chan struct{})
	go func() {
		wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(d):
	}
}

// Poke makes the agent look for flow runs at once.
func (a *Agent) Poke() {
	select {
	case a.poke <- struct{}{}:
	default: // a look is due already
	}
}

// DeployFlow launches a flow run as a container and returns information about the deployment,
// "Container ID: …". Claiming the run and telling the API are the caller's. To repeat it is safe: an execution
// of a run that has its container gets no second one.
func (a *Agent) DeployFlow(ctx context.Context, run graphql.FlowRun) (string, error) {
	_, info, err := a.deployFlow(ctx, run, "")
	return info, err
}

func (a *Agent) buildSpec(ctx context.Context, run graphql.FlowRun) (Spec, error) {
	engine, err := a.launcher.Info(ctx)
	if err != nil {
		return Spec{}, err
	}
	return buildSpec(a.cfg, a.volumes, a.owner, engine, run)
}

// deployFlow launches a run, in the container that is reserved for it, if one is.
func (a *Agent) deployFlow(ctx context.Context, run graphql.FlowRun, reserved string) (Container, string, error) {
	spec, err := a.buildSpec(ctx, run)
	if err != nil {
		return Container{}, "", err
	}
	spec.Pull, spec.Reserved = spec.Pull && reserved == "", reserved
	id, err := a.launcher.Launch(ctx, spec)
	if err != nil {
		return Container{}, "", err
	}
	launched := Container{ID: id, Name: spec.Name, State: stateRunning, Created: time.Now(), Labels: spec.Labels}
	a.roster.enter(launched)
	if a.cfg.ShowFlowLogs {
		a.follow(id, func(ctx context.Context) { a.StreamContainerLogs(ctx, id) })
	}
	return launched, "Container ID: " + id, nil
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
	a.streamContainerLogs(ctx, containerID, LogsOptions{Follow: true})
}

func (a *Agent) streamContainerLogs(ctx context.Context, containerID string, opts LogsOptions) {
	if err := copyLines(ctx, a.launcher, containerID, opts, a.out); err != nil && ctx.Err() == nil {
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
