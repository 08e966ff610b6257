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

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

// fakeAPI is a Prefect API in memory: a queue that a Submitted state takes a run from, histories and
// logs. Errors are served from the lists before anything else happens.
type fakeAPI struct {
	mu       sync.Mutex
	runs     []graphql.FlowRun
	taken    map[string]bool
	states   map[string][]string // by run: "Type: message"
	logs     []graphql.RunLog
	polls    []time.Time
	due      []time.Time // of task runs, by metadata query
	tasks    map[string][]graphql.TaskRun
	holder   func(runID string) (state, agentID string)
	onState  func(runID string, state graphql.State) error // before the state is stored
	pollErrs []error
	logErrs  []error
	connErrs []error
}

func newFakeAPI(runs ...graphql.FlowRun) *fakeAPI {
	return &fakeAPI{runs: runs, taken: map[string]bool{}, states: map[string][]string{}, tasks: map[string][]graphql.TaskRun{}}
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
	var found []graphql.FlowRun
	for _, r := range f.runs {
		if slices.Contains(ids, r.ID) && !f.taken[r.ID] {
			found = append(found, r)
		}
	}
	return found, nil
}

func (f *fakeAPI) Holder(_ context.Context, runID string) (string, string, error) {
	if f.holder == nil {
		return "Running", "agent-id", nil
	}
	state, agentID := f.holder(runID)
	return state, agentID, nil
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

// fakeLauncher records specs; what a launch does is the test's to say.
type fakeLauncher struct {
	mu       sync.Mutex
	specs    []Spec
	started  []time.Time
	launch   func(Spec) (Launched, error)
	checkErr func() error
	output   string // of every container
	removed  []string
}

func (f *fakeLauncher) Check(context.Context) error {
	if f.checkErr != nil {
		return f.checkErr()
	}
	return nil
}

func (f *fakeLauncher) Info(context.Context) (EngineInfo, error) {
	return EngineInfo{Name: "engine", Version: "28.5.2", APIVersion: "1.51", OSType: "linux"}, nil
}

func (f *fakeLauncher) Launch(ctx context.Context, spec Spec) (Launched, error) {
	if err := ctx.Err(); err != nil {
		return Launched{}, err
	}
	f.mu.Lock()
	f.specs = append(f.specs, spec)
	f.started = append(f.started, time.Now())
	launch := f.launch
	f.mu.Unlock()
	if launch == nil {
		return Launched{ID: "c0ffee"}, nil
	}
	return launch(spec)
}

func (f *fakeLauncher) Logs(_ context.Context, _ string, w io.Writer) error {
	_, err := io.WriteString(w, f.output)
	return err
}

func (f *fakeLauncher) Remove(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removed = append(f.removed, id)
	return nil
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
	log := &testLog{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := New(cfg, api, launcher, logger, io.Discard)
	assert.NilError(t, err)
	return a, log
}
