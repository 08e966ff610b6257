package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"gotest.tools/v3/assert"
)

// fakeEngine records its calls; the functions, where set, answer instead of success.
type fakeEngine struct {
	mu    sync.Mutex
	calls []string

	progress []PullProgress // one a second
	pull     func(image string) error
	create   func(Spec) (string, error)
	connect  func() error
	start    func() error
	remove   func() error
	inspect  func(name string) (ContainerDetails, error)
}

func (f *fakeEngine) record(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeEngine) Ping(context.Context) error               { return nil }
func (f *fakeEngine) Info(context.Context) (EngineInfo, error) { return EngineInfo{}, nil }

func (f *fakeEngine) Pull(_ context.Context, image string, progress func(PullProgress)) error {
	f.record("pull " + image)
	for _, p := range f.progress {
		time.Sleep(time.Second)
		progress(p)
	}
	if f.pull != nil {
		return f.pull(image)
	}
	return nil
}

func (f *fakeEngine) EnsureVolume(_ context.Context, name string) error {
	f.record("volume " + name)
	return nil
}

func (f *fakeEngine) Create(_ context.Context, spec Spec) (string, error) {
	f.record("create " + spec.Name)
	if f.create != nil {
		return f.create(spec)
	}
	return "id", nil
}

func (f *fakeEngine) Connect(_ context.Context, network, id string) error {
	f.record("connect " + id + " to " + network)
	if f.connect != nil {
		return f.connect()
	}
	return nil
}

func (f *fakeEngine) Start(_ context.Context, id string) error {
	f.record("start " + id)
	if f.start != nil {
		return f.start()
	}
	return nil
}

func (f *fakeEngine) Remove(_ context.Context, id string) error {
	f.record("remove " + id)
	if f.remove != nil {
		return f.remove()
	}
	return nil
}

func (f *fakeEngine) Inspect(_ context.Context, name string) (ContainerDetails, error) {
	f.record("inspect " + name)
	if f.inspect != nil {
		return f.inspect(name)
	}
	return ContainerDetails{}, nil
}

func (f *fakeEngine) Events(context.Context) (<-chan Event, <-chan error)        { return nil, nil }
func (f *fakeEngine) List(context.Context) ([]Container, error)                  { return nil, nil }
func (f *fakeEngine) ImageDigest(context.Context, string) (string, error)        { return "", nil }
func (f *fakeEngine) Logs(context.Context, string, LogsOptions, io.Writer) error { return nil }
func (f *fakeEngine) Stop(context.Context, string, time.Duration) error          { return nil }

// launchable has the labels that a container is recognised by.
func launchable(s Spec) Spec {
	s.Labels = map[string]string{labelFlowRunID: "r1", labelAttempt: "1", labelAgent: "me"}
	return s
}

func launchWith(t *testing.T, engine *fakeEngine, spec Spec) (string, error) {
	t.Helper()
	return NewEngineLauncher(engine, 1, slog.New(slog.DiscardHandler)).Launch(t.Context(), launchable(spec))
}

func TestLaunchOrder(t *testing.T) {
	engine := &fakeEngine{}
	got, err := launchWith(t, engine, Spec{
		Name: "run", Image: "org/flow", Pull: true, NamedVolumes: []string{"v1", "v2"},
		Networks: []string{"n1", "n2", "n3"},
	})
	assert.NilError(t, err)
	assert.Equal(t, got, "id")
	assert.DeepEqual(t, engine.calls, []string{
		"pull org/flow", "volume v1", "volume v2", "create run", "connect id to n2", "connect id to n3", "start id",
	})
}

func TestLaunchPullsOnlyWhenTold(t *testing.T) {
	engine := &fakeEngine{}
	_, err := launchWith(t, engine, Spec{Name: "run", Image: "org/flow"})
	assert.NilError(t, err)
	assert.DeepEqual(t, engine.calls, []string{"create run", "start id"})
}

func TestAFailedPullCreatesNothing(t *testing.T) {
	engine := &fakeEngine{pull: func(string) error { return errors.New("manifest unknown") }}
	_, err := launchWith(t, engine, Spec{Image: "org/flow", Pull: true})
	assert.ErrorContains(t, err, "manifest unknown")
	assert.DeepEqual(t, engine.calls, []string{"pull org/flow"})
}

func TestTakenNamesAreNumbered(t *testing.T) {
	taken := map[string]bool{"run": true, "run-1": true}
	engine := &fakeEngine{create: func(s Spec) (string, error) {
		if taken[s.Name] {
			return "", ErrNameTaken
		}
		return "id", nil
	}}
	_, err := launchWith(t, engine, Spec{Name: "run"})
	assert.NilError(t, err)
	assert.DeepEqual(t, engine.calls, []string{
		"create run", "inspect run", "create run-1", "inspect run-1", "create run-2", "start id",
	})
}

func TestTheSearchForANameEnds(t *testing.T) {
	engine := &fakeEngine{create: func(Spec) (string, error) { return "", ErrNameTaken }}
	_, err := launchWith(t, engine, Spec{Name: "run"})
	assert.ErrorContains(t, err, `"run" and 1000 names after it are taken`)
}

// The name is the lock: the engine refuses a second container of one execution, and the first is looked at.
func TestAnExecutionHasOneContainer(t *testing.T) {
	ours := launchable(Spec{}).Labels
	for _, tc := range []struct {
		name, state string
		labels      map[string]string
		calls       []string
		err         error
	}{
		{"created and not started", stateCreated, ours, []string{"create run", "inspect run", "connect old to n2", "start old"}, nil},
		{"running", stateRunning, ours, []string{"create run", "inspect run"}, nil},
		{"ended already", stateExited, ours, []string{"create run", "inspect run"}, nil},
		{"another agent's", stateRunning, map[string]string{labelFlowRunID: "r1", labelAttempt: "1", labelAgent: "other"}, []string{"create run", "inspect run"}, ErrElsewhere},
	} {
		t.Run(tc.name, func(t *testing.T) {
			engine := &fakeEngine{
				create: func(Spec) (string, error) { return "", ErrNameTaken },
				inspect: func(string) (ContainerDetails, error) {
					return ContainerDetails{Container: Container{ID: "old", State: tc.state, Labels: tc.labels}}, nil
				},
			}
			id, err := launchWith(t, engine, Spec{Name: "run", Networks: []string{"n1", "n2"}})
			if assert.Check(t, errors.Is(err, tc.err)); tc.err == nil {
				assert.Equal(t, id, "old")
			}
			assert.DeepEqual(t, engine.calls, tc.calls)
		})
	}
}

func TestAReservationIsStarted(t *testing.T) {
	for name, tc := range map[string]struct {
		found ContainerDetails
		err   error
		calls []string
	}{
		"there": {ContainerDetails{Container: Container{ID: "old", State: stateCreated}}, nil, []string{"inspect old", "start old"}},
		"begun": {ContainerDetails{Container: Container{ID: "old", State: stateRunning}}, nil, []string{"inspect old"}},
		"gone":  {ContainerDetails{}, errdefs.ErrNotFound, []string{"inspect old", "create run", "start id"}},
	} {
		t.Run(name, func(t *testing.T) {
			engine := &fakeEngine{inspect: func(string) (ContainerDetails, error) { return tc.found, tc.err }}
			_, err := launchWith(t, engine, Spec{Name: "run", Reserved: "old"})
			assert.NilError(t, err)
			assert.DeepEqual(t, engine.calls, tc.calls)
		})
	}
}

// What an engine did that went away in the middle is not known: nothing is removed, the launch is repeated.
func TestALaunchWithoutAnAnswerLeavesWhatThereIs(t *testing.T) {
	engine := &fakeEngine{start: func() error { return fmt.Errorf("no answer: %w", errdefs.ErrUnavailable) }}
	_, err := launchWith(t, engine, Spec{Name: "run"})
	assert.Assert(t, errdefs.IsUnavailable(err))
	assert.DeepEqual(t, engine.calls, []string{"create run", "start id"})
}

func TestWhatCannotBeStartedIsRemoved(t *testing.T) {
	for name, engine := range map[string]*fakeEngine{
		"connect": {connect: func() error { return errors.New("no such network") }},
		"start":   {start: func() error { return errors.New("no such executable") }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := launchWith(t, engine, Spec{Name: "run", Networks: []string{"n1", "n2"}})
			assert.ErrorContains(t, err, "no such")
			assert.Equal(t, engine.calls[len(engine.calls)-1], "remove id")
		})
	}
}

func TestAContainerLeftBehindIsNamed(t *testing.T) {
	engine := &fakeEngine{
		start:  func() error { return errors.New("no such executable") },
		remove: func() error { return errors.New("engine is away") },
	}
	_, err := launchWith(t, engine, Spec{Name: "run"})
	assert.ErrorContains(t, err, "no such executable")
	assert.ErrorContains(t, err, "container id is left behind: engine is away")
}

func TestOnePullServesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &fakeEngine{pull: func(string) error {
			time.Sleep(time.Minute)
			return nil
		}}
		launcher := NewEngineLauncher(engine, 8, slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				_, err := launcher.Launch(t.Context(), Spec{Image: "org/flow", Pull: true})
				assert.Check(t, err)
			})
		}
		wg.Wait()
		pulls := 0
		for _, call := range engine.calls {
			if call == "pull org/flow" {
				pulls++
			}
		}
		assert.Equal(t, pulls, 1)
	})
}

func TestStartsAreBoundedAndPullsAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var mu sync.Mutex
		now, most := 0, 0
		engine := &fakeEngine{
			pull: func(string) error { time.Sleep(time.Minute); return nil },
			start: func() error {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
				return nil
			},
		}
		launcher := NewEngineLauncher(engine, 2, slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		for _, image := range []string{"a/1", "a/2", "a/3", "a/4"} {
			wg.Go(func() {
				_, err := launcher.Launch(t.Context(), Spec{Image: image, Pull: true})
				assert.Check(t, err)
			})
		}
		wg.Wait()
		assert.Equal(t, most, 2)
		assert.Equal(t, time.Since(begin), time.Minute+2*time.Second)
	})
}

func TestASlowPullSaysHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &fakeEngine{}
		for range 12 {
			engine.progress = append(engine.progress, PullProgress{Layer: "abc", Status: "Downloading", Detail: "1MB/9MB"})
		}
		log := &testLog{}
		launcher := NewEngineLauncher(engine, 1, slog.New(slog.NewTextHandler(log, nil)))
		_, err := launcher.Launch(t.Context(), Spec{Image: "org/flow", Pull: true})
		assert.NilError(t, err)
		assert.Equal(t, log.count(`msg=Downloading image=org/flow layer=abc progress=1MB/9MB`), 2)
	})
}
