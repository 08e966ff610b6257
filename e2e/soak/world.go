package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

// world is the API, the engine, and what is to become of the flow runs.
type world struct {
	api       *stub.API
	engine    *stub.Engine
	apiURL    string
	engineURL string
	closers   []func() error

	mu      sync.Mutex
	random  *rand.Rand
	added   int
	runs    map[string]*flowRun // those that are not settled
	settled map[string]int      // by what was to become of them
	wrong   []string            // in a sentence each
}

const (
	runLabel = "io.prefect.flow-run-id"
	image    = "soak" // no slash in it: not pulled
	// afterlife is how long a finished run is looked at: nobody may touch its state any more.
	afterlife = 3 * time.Second
	// maxWrong bounds what is told of one mistake made many times.
	maxWrong = 10
)

func newWorld(dir string, seed uint64) (*world, error) {
	w := &world{api: &stub.API{}, random: rand.New(rand.NewPCG(seed, 0)), runs: map[string]*flowRun{}, settled: map[string]int{}}
	w.engine = &stub.Engine{Life: w.life, Refuse: w.refuse}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: w.api}
	go func() { _ = server.Serve(listener) }() // ends when it is closed
	w.apiURL = "http://" + listener.Addr().String()
	socket := filepath.Join(dir, "engine.sock")
	w.engineURL = "unix://" + socket
	engine, err := w.engine.Listen(socket)
	if err != nil {
		return nil, err
	}
	w.closers = []func() error{server.Close, engine.Close}
	return w, nil
}

func (w *world) close() {
	for _, c := range w.closers {
		_ = c() // the program ends
	}
}

// add puts runs into the queue that are due now.
func (w *world) add(n int) {
	version, start := "1.4.1", time.Now()
	for range n {
		w.mu.Lock()
		w.added++
		run := &flowRun{id: fmt.Sprintf("33333333-3333-4333-8333-%012d", w.added), fate: pickFate(w.random)}
		run.prepare(w.random)
		w.runs[run.id] = run
		number := w.added
		w.mu.Unlock()
		w.api.Add(stub.FlowRun{
			ID: run.id, Name: fmt.Sprintf("soak-%d", number), Version: 1, State: "Scheduled", SerializedState: stub.ScheduledState(start), ScheduledStart: start,
			RunConfig: map[string]any{"type": "DockerRun", "image": image, "labels": []any{}, "env": nil, "ports": nil, "host_config": nil, "__version__": "1.4.1"},
			Flow: stub.Flow{
				ID: "44444444-4444-4444-8444-444444444444", Name: "soak", Version: 1, CoreVersion: &version,
				Storage: map[string]any{"type": "Local", "__version__": "1.4.1"},
			},
		})
	}
}

// runOf finds the run of a container.
func (w *world) runOf(config map[string]any) *flowRun {
	labels, _ := config["Labels"].(map[string]any)
	id, _ := labels[runLabel].(string)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.runs[id]
}

// life is how the container of a run goes. It is called at its start.
func (w *world) life(name string, config map[string]any) stub.Life {
	run := w.runOf(config)
	if run == nil {
		w.complain("container %s is of no run that is still to be done", name)
		return stub.Life{For: time.Millisecond}
	}
	w.mu.Lock()
	run.starts++
	starts := run.starts
	w.mu.Unlock()
	if starts > 1 {
		w.complain("run %s was started %d times", run.id, starts)
	}
	return run.begin(w.api)
}

// refuse is for runs that no engine would take.
func (w *world) refuse(r stub.Request) *stub.Refusal {
	if r.Path != "/containers/create" {
		return nil
	}
	if run := w.runOf(r.Body); run != nil && run.fate == refused {
		return &stub.Refusal{Status: http.StatusBadRequest, Message: tooManyCPUs}
	}
	return nil
}

func (w *world) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch sentence := fmt.Sprintf(format, args...); {
	case len(w.wrong) < maxWrong:
		w.wrong = append(w.wrong, sentence)
	case len(w.wrong) == maxWrong:
		w.wrong = append(w.wrong, "and more")
	}
}

// open counts the runs that are not settled.
func (w *world) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.runs)
}

// settle takes the runs that are over out of the books, and out of the API.
func (w *world) settle() {
	w.mu.Lock()
	open := slices.Collect(maps.Values(w.runs))
	w.mu.Unlock()
	var done []string
	for _, run := range open {
		stored, _ := w.api.Run(run.id)
		if !finished(stored.State) {
			run.since = time.Time{}
			continue
		}
		if run.since.IsZero() {
			run.since = time.Now()
		}
		if time.Since(run.since) < afterlife {
			continue
		}
		w.mu.Lock()
		starts := run.starts
		w.mu.Unlock()
		if fault := run.verdict(stored, starts); fault != "" {
			w.complain("run %s: %s", run.id, fault)
		}
		done = append(done, run.id)
	}
	w.api.Forget(done...)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range done {
		w.settled[w.runs[id].fate.String()]++
		delete(w.runs, id)
	}
}

// faults are what is wrong once all should be over.
func (w *world) faults() []string {
	w.mu.Lock()
	faults := slices.Clone(w.wrong)
	for id, run := range w.runs {
		if len(faults) > 2*maxWrong {
			break
		}
		stored, _ := w.api.Run(id)
		faults = append(faults, fmt.Sprintf("run %s, which was to end as %s, is %s: %v", id, run.fate, stored.State, stored.SerializedState["message"]))
	}
	w.mu.Unlock()
	if n := w.engine.Containers(); n > 0 {
		faults = append(faults, fmt.Sprintf("%d containers are left", n))
	}
	return faults
}

// summary says how far the runs are.
func (w *world) summary() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parts []string
	for _, fate := range slices.Sorted(maps.Keys(w.settled)) {
		parts = append(parts, fmt.Sprintf("%d %s", w.settled[fate], fate))
	}
	parts = append(parts, fmt.Sprintf("%d open", len(w.runs)))
	return fmt.Sprintf("%d runs: %s; %d containers", w.added, strings.Join(parts, ", "), w.engine.Containers())
}
