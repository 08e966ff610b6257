package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// loopback is where servers listen that only this machine asks.
const loopback = "127.0.0.1"

// backend is our server on a database of its own.
type backend struct {
	url     string
	agent   string // id of the agent that asks
	process *exec.Cmd
	output  bytes.Buffer
	client  *http.Client
}

// database is what a server keeps its rows in.
type database struct {
	name string
	args func(dir string) []string
}

var sqlite = database{"SQLite", func(dir string) []string { return []string{"--data", dir} }}

// databases are SQLite and, where e2e/with-postgres has started one, PostgreSQL.
func databases() []database {
	all := []database{sqlite}
	if url := os.Getenv("DOCKER_PREFECT_TEST_POSTGRES"); url != "" {
		all = append(all, database{"PostgreSQL", func(string) []string { return []string{"--database", url} }})
	}
	return all
}

// startBackend starts a server at an address of this machine; dir is its home, and where a file would lie.
func (b *bench) startBackend(ctx context.Context, in database, dir, host string, more ...string) (*backend, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	s := &backend{url: "http://" + address, client: &http.Client{Timeout: patience, Transport: transport}}
	s.process = exec.Command(b.ours.args[0], append(append([]string{"server", "start", "--listen", address}, in.args(dir)...), more...)...)
	s.process.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; {
		if _, err := s.ask(ctx, "{ hello }", nil); err == nil {
			return s, nil
		} else if time.Now().After(deadline) || ctx.Err() != nil {
			_ = s.process.Process.Kill()
			_ = s.process.Wait()
			return nil, fmt.Errorf("the server did not start: %w: %s", err, s.output.Bytes())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop ends the server as a person would, so that the database is whole in its file.
func (s *backend) stop() error {
	s.client.CloseIdleConnections()
	if err := s.process.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := s.process.Wait(); err != nil {
		return fmt.Errorf("the server ended badly: %w: %s", err, s.output.Bytes())
	}
	return nil
}

// ask sends a request, as Prefect's client does with its variables in a string.
func (s *backend) ask(ctx context.Context, query string, variables any) (map[string]json.RawMessage, error) {
	inner, err := json.Marshal(variables)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": string(inner)})
	if err != nil {
		return nil, err
	}
	return s.post(ctx, body)
}

func (s *backend) post(ctx context.Context, body []byte) (_ map[string]json.RawMessage, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if s.agent != "" {
		request.Header.Set("X-PREFECT-AGENT-ID", s.agent)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	var answer struct {
		Data   map[string]json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if len(answer.Errors) > 0 {
		return nil, errors.New(answer.Errors[0].Message)
	}
	return answer.Data, nil
}

// id runs a mutation and gives the id in its payload.
func (s *backend) id(ctx context.Context, mutation string, input map[string]any) (string, error) {
	query := fmt.Sprintf("mutation($input: %s_input!) { %s(input: $input) { id } }", mutation, mutation)
	data, err := s.ask(ctx, query, map[string]any{"input": input})
	if err != nil {
		return "", fmt.Errorf("%s: %w", mutation, err)
	}
	var payload struct{ ID string }
	err = json.Unmarshal(data[mutation], &payload)
	return payload.ID, err
}

// flow registers a flow with one task.
func (s *backend) flow(ctx context.Context) (tenant, flow string, err error) {
	data, err := s.ask(ctx, "{ tenant { id } }", nil)
	if err != nil {
		return "", "", err
	}
	var tenants []struct{ ID string }
	if err := json.Unmarshal(data["tenant"], &tenants); err != nil {
		return "", "", err
	}
	tenant = tenants[0].ID
	project, err := s.id(ctx, "create_project", map[string]any{"tenant_id": tenant, "name": "bench " + time.Now().Format(time.RFC3339Nano)})
	if err != nil {
		return "", "", err
	}
	flow, err = s.id(ctx, "create_flow", map[string]any{"project_id": project, "serialized_flow": map[string]any{
		"name": "bench", "tasks": []any{map[string]any{"slug": "task-1", "name": "task"}}, "edges": []any{},
		"parameters": []any{}, "storage": map[string]any{"type": "Local"}, "__version__": "1.4.1",
	}})
	return tenant, flow, err
}

// repeat calls f from clients at a time until the time is up, and gives how long each call took.
func repeat(ctx context.Context, clients int, length time.Duration, f func(ctx context.Context, client int) error) ([]time.Duration, error) {
	type result struct {
		took []time.Duration
		err  error
	}
	results := make(chan result, clients)
	until := time.Now().Add(length)
	for client := range clients {
		go func() {
			var r result
			for r.err == nil && time.Now().Before(until) {
				began := time.Now()
				r.err = f(ctx, client)
				r.took = append(r.took, time.Since(began))
			}
			results <- r
		}()
	}
	var all []time.Duration
	var errs []error
	for range clients {
		r := <-results
		all, errs = append(all, r.took...), append(errs, r.err)
	}
	return all, errors.Join(errs...)
}

func perSecond(n int, took time.Duration) string {
	return fmt.Sprintf("%.0f/s", float64(n)/took.Seconds())
}
