package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

// scene is an API and an engine for one agent, and what they saw.
type scene struct {
	api       *stub.API
	apiURL    string
	engineURL string
	agentURL  string // where the agent serves its health
	home      string

	added   int // flow runs so far
	closers []func()

	mu       sync.Mutex
	creates  []time.Time // when containers were asked for
	starts   []time.Time // when they were told to start
	reports  int         // runs whose launch was reported
	want     int         // reports that finish the work
	polled   chan struct{}
	finished chan struct{}
	body     map[string]any // of the last create
}

// newScene has the stub engine unless engineURL names another.
func (b *bench) newScene(perPoll int, engineURL string) (*scene, error) {
	dir, err := os.MkdirTemp(b.dir, "scene")
	if err != nil {
		return nil, err
	}
	s := &scene{home: dir, engineURL: engineURL, polled: make(chan struct{}), finished: make(chan struct{})}
	var first sync.Once
	s.api = &stub.API{PerPoll: perPoll, OnCall: func(c stub.Call) {
		switch c.Field {
		case "get_runs_in_queue":
			first.Do(func() { close(s.polled) })
		case "write_run_logs":
			s.reported()
		}
	}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { _ = http.Serve(listener, s.api) }() // ends with the listener's error
	s.closers = append(s.closers, func() { _ = listener.Close() })
	s.apiURL = "http://" + listener.Addr().String()
	if s.agentURL, err = freeURL(); err != nil {
		return nil, err
	}
	if engineURL != "" {
		return s, nil
	}
	socket := filepath.Join(dir, "engine.sock")
	engine := &stub.Engine{OnRequest: s.requested}
	engineListener, err := engine.Listen(socket)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() { _ = engineListener.Close() })
	s.engineURL = "unix://" + socket
	return s, nil
}

func (s *scene) close() {
	for _, c := range s.closers {
		c()
	}
}

func freeURL() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return "http://" + l.Addr().String(), l.Close()
}

func (s *scene) requested(r stub.Request) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Path == "/containers/create":
		s.creates, s.body = append(s.creates, now), r.Body
	case strings.HasSuffix(r.Path, "/start"):
		s.starts = append(s.starts, now)
	}
}

func (s *scene) reported() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reports++; s.reports == s.want {
		close(s.finished)
	}
}

// expect says how many reports from now on close the channel that it returns.
func (s *scene) expect(n int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports, s.want, s.finished = 0, n, make(chan struct{})
	return s.finished
}

// add queues n runs of one flow that start at the given time.
func (s *scene) add(n int, start time.Time, prefix string) {
	runs := make([]stub.FlowRun, 0, n)
	version := "1.4.1"
	for range n {
		s.added++
		runs = append(runs, stub.FlowRun{
			ID: fmt.Sprintf("33333333-3333-4333-8333-%012d", s.added), Name: fmt.Sprintf("%s-%d", prefix, s.added), Version: 1,
			State: "Scheduled", SerializedState: stub.ScheduledState(start), ScheduledStart: start,
			Parameters: map[string]any{}, TaskRuns: []stub.TaskRun{},
			RunConfig: map[string]any{"type": "DockerRun", "image": image, "labels": []any{}, "env": nil, "ports": nil, "host_config": nil, "__version__": "1.4.1"},
			Flow: stub.Flow{
				ID: flowID, Name: "bench", Version: 1, CoreVersion: &version,
				Storage: map[string]any{"type": "Local", "directory": "/flows", "flows": map[string]any{}, "secrets": []any{}, "stored_as_script": false, "path": nil, "__version__": "1.4.1"},
			},
		})
	}
	s.api.Add(runs...)
}

// poke makes the agent poll.
func (s *scene) poke(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.agentURL+"/api/poke", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("poke the agent: %w", err)
	}
	return resp.Body.Close()
}

// flowID is the label by which the containers on a real engine are found.
const flowID = "be9c4be9-c4be-4c4b-8c4b-e9c4be9c4be9"

// image has no slash in its name, so that no agent pulls it.
const image = "docker-prefect-bench"
