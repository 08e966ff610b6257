package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

// fakeAPI is a Prefect API in memory: a queue that a Submitted state takes a run from, histories and
// logs. Errors are served from the lists before anything else happens.
type fakeAPI struct {
	mu          sync.Mutex
	runs        []graphql.FlowRun
	taken       map[string]bool
	states      map[string][]string // by run: "Type: message"
	logs        []graphql.RunLog
	beats       map[string]int // heartbeats by run
	polls       []time.Time
	due         []time.Time // of task runs, by metadata query
	tasks       map[string][]graphql.TaskRun
	status      func(runID string) graphql.RunStatus // instead of what the run's history says
	claimed     []graphql.FlowRun
	claimedErrs []error
	onDue       func(times int)
	onClaimed   func()            // after they were read, before they are answered
	running     []graphql.TaskRun // task runs that are Running
	queue       []graphql.QueuedRun
	lastLog     time.Time
	onState     func(runID string, state graphql.State) error // before the state is stored
	pollErrs    []error
	logErrs     []error
	connErrs    []error
}

func newFakeAPI(runs ...graphql.FlowRun) *fakeAPI {
	return &fakeAPI{runs: runs, taken: map[string]bool{}, states: map[string][]string{}, tasks: map[string][]graphql.TaskRun{}, beats: map[string]int{}}
}

// next pops an error that a list holds for this call.
func next(list *[]error) error {
	if len(*list) == 0 {
		return nil
	}
	err := (*list)[0]
	*list = (*list)[1:]
	return err
}

func (f *fakeAPI) DefaultTenant(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return "tenant", next(&f.connErrs)
}

func (f *fakeAPI) RegisterAgent(context.Context, string, []string, string) (string, error) {
	return "agent-id", nil
}

func (f *fakeAPI) AgentConfig(context.Context, string) (json.RawMessage, error) { return nil, nil }
func (f *fakeAPI) Hello(context.Context) error                                  { return nil }

func (f *fakeAPI) RunsInQueue(_ context.Context, before time.Time, _ []string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls = append(f.polls, time.Now())
	if err := next(&f.pollErrs); err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range f.runs {
		state, err := graphql.ParseState(r.SerializedState)
		if !f.taken[r.ID] && len(ids) < 25 && (err != nil || !state.StartTime.After(before)) {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

func (f *fakeAPI) DueFlowRuns(_ context.Context, ids []string, due time.Time) ([]graphql.FlowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due = append(f.due, due)
	if f.onDue != nil {
		f.onDue(len(f.due))
	}
	var found []graphql.FlowRun
	for _, r := range f.runs {
		if slices.Contains(ids, r.ID) && !f.taken[r.ID] {
			found = append(found, r)
		}
	}
	return found, nil
}

func (f *fakeAPI) ClaimedRuns(context.Context) ([]graphql.FlowRun, error) {
	if err := next(&f.claimedErrs); err != nil {
		return nil, err
	}
	var claimed []graphql.FlowRun
	for _, r := range f.claimed {
		if len(f.history(r.ID)) == 0 || f.current(r.ID) == "Submitted" {
			claimed = append(claimed, r)
		}
	}
	if f.onClaimed != nil {
		f.onClaimed()
	}
	return claimed, nil
}

func (f *fakeAPI) FlowRunStatus(_ context.Context, runID string) (graphql.RunStatus, error) {
	if f.status != nil {
		return f.status(runID), nil
	}
	status := graphql.RunStatus{State: f.current(runID), AgentID: "agent-id"}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.runs {
		if r.ID == runID {
			status.Version = r.Version + len(f.states[runID])
		}
	}
	return status, nil
}

func (f *fakeAPI) FlowRunStates(_ context.Context, ids []string) (map[string]string, error) {
	states := map[string]string{}
	for _, id := range ids {
		if state := f.current(id); state != "" {
			states[id] = state
		}
	}
	return states, nil
}

// current is the type of the last state that was set.
func (f *fakeAPI) current(runID string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if states := f.states[runID]; len(states) > 0 {
		kind, _, _ := strings.Cut(states[len(states)-1], ":")
		return kind
	}
	return "Scheduled"
}

// become sets a state as the flow's own process, or a user, would.
func (f *fakeAPI) become(runID, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.states[runID] = append(f.states[runID], state+": by somebody else")
}

func (f *fakeAPI) DueOfTenant(context.Context, time.Time, int) ([]graphql.QueuedRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queue, nil
}

func (f *fakeAPI) LastLogTime(context.Context, string, string) (time.Time, error) {
	return f.lastLog, nil
}

func (f *fakeAPI) RunningTaskRuns(context.Context, string) ([]graphql.TaskRun, error) {
	return f.running, nil
}

func (f *fakeAPI) TaskRuns(_ context.Context, runID string) ([]graphql.TaskRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tasks[runID], nil
}

func (f *fakeAPI) SetFlowRunState(ctx context.Context, runID string, _ int, state graphql.State) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set(runID, state)
}

func (f *fakeAPI) SetTaskRunState(_ context.Context, taskRunID string, _ int, state graphql.State) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set(taskRunID, state)
}

func (f *fakeAPI) set(id string, state graphql.State) error {
	if f.onState != nil {
		if err := f.onState(id, state); err != nil {
			return err
		}
	}
	f.states[id] = append(f.states[id], state.Type+": "+state.Message)
	f.taken[id] = true
	return nil
}

func (f *fakeAPI) UpdateFlowRunHeartbeat(_ context.Context, runID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats[runID]++
	return nil
}

func (f *fakeAPI) WriteRunLogs(_ context.Context, lines ...graphql.RunLog) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := next(&f.logErrs); err != nil {
		return err
	}
	f.logs = append(f.logs, lines...)
	return nil
}

// messages are the lines written for a run, with their levels.
func (f *fakeAPI) messages(runID string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, l := range f.logs {
		if l.FlowRunID == runID {
			lines = append(lines, l.Level+": "+l.Message)
		}
	}
	return lines
}

func (f *fakeAPI) history(id string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.states[id])
}

// fakeLauncher records specs, and is an engine in memory; what a launch does is the test's to say.
type fakeLauncher struct {
	mu       sync.Mutex
	specs    []Spec
	started  []time.Time
	launch   func(Spec) (id string, err error)
	reserve  func(Spec) (Container, error)
	exits    func(Spec) (code int, at once) // how each container ends
	checkErr func() error
	listErr  func() error
	output   string // of every container
	stopped  []string
	removed  []string
	known    map[string]*ContainerDetails
	streams  []chan error
	events   []chan Event
	listed   int
}

// once tells whether something happens at once.
type once bool

func (f *fakeLauncher) Check(context.Context) error {
	if f.checkErr != nil {
		return f.checkErr()
	}
	return nil
}

func (f *fakeLauncher) Info(context.Context) (EngineInfo, error) {
	return EngineInfo{ID: "ENGINE", Name: "engine", Version: "28.5.2", APIVersion: "1.51", OSType: "linux"}, nil
}

func (f *fakeLauncher) Reserve(_ context.Context, spec Spec) (Container, error) {
	if f.reserve != nil {
		if c, err := f.reserve(spec); err != nil || c.ID != "" {
			return c, err
		}
	}
	c := ContainerDetails{Container: Container{ID: "reserved", Name: spec.Name, State: stateCreated, Labels: spec.Labels}}
	f.put(c)
	return c.Container, nil
}

func (f *fakeLauncher) Launch(ctx context.Context, spec Spec) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f.mu.Lock()
	f.specs = append(f.specs, spec)
	f.started = append(f.started, time.Now())
	launch, n := f.launch, len(f.specs)
	f.mu.Unlock()
	id := "c0ffee"
	if n > 1 {
		id += fmt.Sprint(n)
	}
	if launch != nil {
		given, err := launch(spec)
		if err != nil {
			return "", err
		}
		if given != "" {
			id = given
		}
	}
	f.put(ContainerDetails{Container: Container{ID: id, Name: spec.Name, State: stateRunning, Labels: spec.Labels}, Image: spec.Image, ImageID: "sha256:1"})
	if f.exits != nil {
		if code, now := f.exits(spec); now {
			f.die(id, code)
		}
	}
	return id, nil
}

// put makes a container known, without an event.
func (f *fakeLauncher) put(c ContainerDetails) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = map[string]*ContainerDetails{}
	}
	c.Created = time.Now()
	f.known[c.ID] = &c
}

// die ends a container, and tells those who watch.
func (f *fakeLauncher) die(id string, code int) {
	f.mu.Lock()
	c := f.known[id]
	c.State, c.ExitCode, c.FinishedAt = stateExited, code, time.Now()
	e := Event{Kind: EventDie, Container: c.Container, ExitCode: code}
	f.mu.Unlock()
	f.tell(e)
}

// tell sends an event to those who watch.
func (f *fakeLauncher) tell(e Event) {
	f.mu.Lock()
	watchers := slices.Clone(f.events)
	f.mu.Unlock()
	for _, w := range watchers {
		w <- e
	}
}

// dieUnseen ends a container as while the engine is down: no event tells it.
func (f *fakeLauncher) dieUnseen(id string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.known[id]
	c.State, c.ExitCode, c.FinishedAt = stateExited, code, time.Now()
}

// breakStreams ends all streams of events.
func (f *fakeLauncher) breakStreams() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.streams {
		s <- fmt.Errorf("the connection broke: %w", errdefs.ErrUnavailable)
	}
	f.streams, f.events = nil, nil
}

func (f *fakeLauncher) Events(context.Context) (<-chan Event, <-chan error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events, broken := make(chan Event, 100), make(chan error, 1)
	f.events, f.streams = append(f.events, events), append(f.streams, broken)
	return events, broken
}

func (f *fakeLauncher) List(context.Context) ([]Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed++
	if f.listErr != nil {
		if err := f.listErr(); err != nil {
			return nil, err
		}
	}
	var list []Container
	for _, c := range f.known {
		list = append(list, c.Container)
	}
	return list, nil
}

func (f *fakeLauncher) Inspect(_ context.Context, id string) (ContainerDetails, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.known[id]; c != nil {
		return *c, nil
	}
	return ContainerDetails{}, fmt.Errorf("no such container: %w", errdefs.ErrNotFound)
}

func (f *fakeLauncher) ImageDigest(_ context.Context, id string) (string, error) {
	return "repo@" + id, nil
}

func (f *fakeLauncher) Logs(_ context.Context, _ string, opts LogsOptions, w io.Writer) error {
	for _, line := range strings.SplitAfter(f.output, "\n") {
		if opts.Timestamps && line != "" {
			line = time.Now().Format(time.RFC3339Nano) + " " + line
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeLauncher) Stop(_ context.Context, id string, _ time.Duration) error {
	f.mu.Lock()
	f.stopped = append(f.stopped, id)
	f.mu.Unlock()
	f.die(id, 143)
	return nil
}

func (f *fakeLauncher) Remove(_ context.Context, id string) error {
	f.mu.Lock()
	f.removed = append(f.removed, id)
	c := f.known[id]
	delete(f.known, id)
	f.mu.Unlock()
	if c != nil {
		f.tell(Event{Kind: EventDestroy, Container: c.Container})
	}
	return nil
}

func (f *fakeLauncher) removals() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.removed)
}

func (f *fakeLauncher) stops() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.stopped)
}

// starts is how many containers were launched.
func (f *fakeLauncher) starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.specs)
}

// scheduledRun is a run that starts at the given time; zero: at once.
func scheduledRun(id string, start time.Time) graphql.FlowRun {
	doc := `{"type": "Scheduled"}`
	if !start.IsZero() {
		doc = fmt.Sprintf(`{"type": "Scheduled", "start_time": %q}`, graphql.FormatTimestamp(start))
	}
	return graphql.FlowRun{
		ID: id, Name: "run-" + id, Version: 1, State: "Scheduled", SerializedState: json.RawMessage(doc),
		RunConfig: json.RawMessage(`{"type": "DockerRun", "image": "flow"}`),
		Flow:      graphql.Flow{ID: "f", Name: "flow", CoreVersion: "1.4.1", Storage: json.RawMessage(`{"type": "Local"}`)},
	}
}

// testLog is a log that a test can look into.
type testLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// count tells how many lines hold the text.
func (l *testLog) count(text string) int { return strings.Count(l.String(), text) }

func newTestAgent(t *testing.T, cfg Config, api API, launcher Launcher) (*Agent, *testLog) {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "agent"
	}
	if cfg.Backend == "" {
		cfg.Backend = "server"
	}
	if cfg.OnCrash == "" {
		cfg.OnCrash = CrashFails
	}
	if cfg.StuckAfter == 0 {
		cfg.StuckAfter = time.Hour
	}
	log := &testLog{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := New(cfg, api, launcher, logger, io.Discard)
	assert.NilError(t, err)
	return a, log
}
