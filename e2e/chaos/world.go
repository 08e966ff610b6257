package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// world is an engine, an API and agents between which nothing can be relied on.
type world struct {
	options options
	plan    plan
	dir     string // all that is gone afterwards
	logs    string
	say     func(format string, args ...any)

	faults   *injector
	journal  *journal
	engine   *engine
	backend  *backend
	agents   []*agent
	observer *observer
	aimed    map[moment]int // kills by what they waited for

	stop context.CancelCauseFunc // of everything, for what makes the experiment worthless
}

// fail ends the experiment if there is an error.
func (w *world) fail(err error) {
	if err != nil {
		w.stop(err)
	}
}

// How long the world is left alone, for figures of agents that do nothing.
const (
	idleFor    = 4 * time.Second
	settledFor = 8 * time.Second
)

// run does all that is planned and returns what was seen.
func (w *world) run(ctx context.Context) (*record, error) {
	ctx, w.stop = context.WithCancelCause(ctx)
	defer w.stop(nil)
	r := &record{options: w.options}
	if err := w.build(ctx); err != nil {
		return nil, err
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	var watch sync.WaitGroup
	watch.Go(func() { w.observer.watch(watching) })
	for _, a := range w.agents {
		go a.supervise()
	}
	idle, err := w.statuses(ctx, idleFor)
	if err != nil {
		return nil, err
	}
	w.say("agents are idle; %d flow runs, %d kills and %d engine restarts within %s", len(w.plan.runs), len(w.plan.kills), len(w.plan.restarts), w.plan.length.Round(time.Second))
	if err := w.unleash(ctx); err != nil {
		return nil, err
	}
	w.say("all flow runs have ended, or time is up")
	settled, err := w.statuses(ctx, settledFor)
	if err != nil {
		w.say("%v", err) // an invariant says the rest
	}
	r.agents = w.drain(idle, settled)
	left, err := w.engine.list(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range left {
		r.leftovers = append(r.leftovers, fmt.Sprintf("%s %v (%s) of run %s", c.ID[:12], c.Names, c.State, c.Labels[runLabel]))
	}
	stopWatching()
	watch.Wait()
	w.observer.seen(r)
	r.restarts = w.engine.restarts
	if err := w.backend.close(); err != nil {
		return nil, err
	}
	if r.runs, err = readRuns(ctx, w.backend.data); err != nil {
		return nil, fmt.Errorf("read the database: %w", err)
	}
	return r, nil
}

// build starts the engine and the API, and prepares the agents.
func (w *world) build(ctx context.Context) (err error) {
	journalFile, err := os.Create(filepath.Join(w.logs, "proxies.log"))
	if err != nil {
		return err
	}
	w.journal = &journal{to: journalFile} // closed when the program ends
	w.faults = newInjector(newDice(w.options.seed))
	w.aimed = map[moment]int{}
	if w.engine, err = startEngine(ctx, w.dir, filepath.Join(w.logs, "dockerd.log")); err != nil {
		return err
	}
	if err := buildImage(ctx, w.dir, w.engine.engineClient); err != nil {
		return err
	}
	if w.backend, err = startBackend(ctx, w.options.binary, w.dir, filepath.Join(w.logs, "backend.log")); err != nil {
		return err
	}
	w.observer = newObserver(w.engine.engineClient, w.options.limit)
	for i := range w.options.agents {
		a, err := w.newAgent(i)
		if err != nil {
			return err
		}
		w.agents = append(w.agents, a)
	}
	return nil
}

// unleash is the load with all that goes wrong meanwhile.
func (w *world) unleash(ctx context.Context) error {
	during, over := context.WithCancel(ctx)
	defer over()
	var others, cancels sync.WaitGroup
	begin := time.Now()
	w.faults.enable(true)
	w.trouble(during, begin, &others)
	canceller := newCanceller(w.backend)
	cancels.Go(func() { canceller.run(during) })
	if err := w.load(during, begin, canceller); err != nil {
		w.fail(err)
	}
	others.Wait() // each part has its end, before the load's or with ctx
	w.awaitEnds(during, w.options.patience)
	over()
	cancels.Wait()
	w.faults.enable(false)
	w.awaitEmptyEngine(ctx)
	return context.Cause(ctx)
}

// awaitEmptyEngine lets agents remove what they have reported.
func (w *world) awaitEmptyEngine(ctx context.Context) {
	const patience = 20 * time.Second
	until := time.Now().Add(patience)
	for time.Now().Before(until) {
		list, err := w.engine.list(ctx)
		if err == nil && len(list) == 0 || !sleep(ctx, 200*time.Millisecond) {
			return
		}
	}
}

// statuses reads what the agents use, all at the same time.
func (w *world) statuses(ctx context.Context, over time.Duration) ([]agentStatus, error) {
	list := make([]agentStatus, len(w.agents))
	errs := make([]error, len(w.agents))
	var all sync.WaitGroup
	for i, a := range w.agents {
		all.Go(func() { list[i], errs[i] = a.settled(ctx, over) })
	}
	all.Wait()
	return list, errors.Join(errs...)
}

// drain stops the agents as a service manager does.
func (w *world) drain(idle, settled []agentStatus) []agentRecord {
	const patience = 40 * time.Second // --drain-timeout and a little
	list := make([]agentRecord, len(w.agents))
	var all sync.WaitGroup
	for i, a := range w.agents {
		all.Go(func() {
			status, ok := a.drain(patience)
			list[i] = agentRecord{a.name, a.kills, a.ends, idle[i], settled[i], ok, status}
		})
	}
	all.Wait()
	return list
}

// close ends all that still runs. Processes first that would miss others.
func (w *world) close() error {
	var errs []error
	for _, a := range w.agents {
		a.abandon()
	}
	if w.backend != nil && !w.backend.proc.hasEnded() {
		errs = append(errs, w.backend.close())
	}
	if w.engine != nil {
		errs = append(errs, w.engine.close())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// newAgent prepares the i-th agent and opens its proxies.
func (w *world) newAgent(i int) (*agent, error) {
	name := "chaos-" + strconv.Itoa(i+1)
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	a := &agent{
		name: name, binary: w.options.binary, log: filepath.Join(w.logs, name+".log"),
		address: "http://" + address, ended: make(chan struct{}),
		env: environment(w.dir, "PREFECT__CLOUD__REQUEST_TIMEOUT=2"),
	}
	a.ambush = &ambush{kill: a.kill}
	a.api = newAPIProxy(name, w.backend.url, w.faults, a.ambush, w.journal)
	a.engine = newEngineProxy(name, filepath.Join(w.dir, name+".sock"), w.engine.socket(), w.faults, a.ambush, &w.engine.starting, w.journal)
	if err := errors.Join(a.api.open(), a.engine.open()); err != nil {
		return nil, err
	}
	a.args = []string{
		"prefect", "agent", "start", "--name", name, "--api", a.api.url(), "--base-url", a.engine.url(),
		"--network", "host", "--env", "PREFECT__CLOUD__API=" + w.backend.url,
		"--agent-address", a.address, "--log-level", "DEBUG", "--limit", strconv.Itoa(w.options.limit),
		"--cancel-grace", "2s", "--cancel-poll", "1s", "--drain-timeout", "30s",
	}
	return a, nil
}
