package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

// backend is the API that all work for: docker prefect server start.
type backend struct {
	url    string
	data   string // directory of the database
	flowID string
	proc   *process
}

// object is a JSON object.
type object = map[string]any

// startBackend starts the API and registers the flow.
func startBackend(ctx context.Context, binary, dir, log string) (*backend, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	b := &backend{url: "http://" + address, data: filepath.Join(dir, "data")}
	b.proc, err = startProcess(log, environment(dir), binary, "prefect", "server", "start", "--data", b.data, "--listen", address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if err = b.query(ctx, `{ hello }`, nil, nil); err == nil {
			break
		}
		if b.proc.hasEnded() || !sleep(ctx, 50*time.Millisecond) {
			return b, fmt.Errorf("start the API: see %s: %w", log, err)
		}
	}
	return b, b.register(ctx)
}

// close ends the API; the database stays.
func (b *backend) close() error { return b.proc.terminate(10 * time.Second) }

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// query sends GraphQL and decodes the data of the answer.
func (b *backend) query(ctx context.Context, query string, variables object, data any) error {
	body, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Data   any
		Errors []json.RawMessage
	}{Data: data}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("the API refuses: %s", answer.Errors[0])
	}
	return nil
}

// identified is what most mutations answer.
type identified struct {
	ID string `json:"id"`
}

// register makes a project with a flow of one task.
func (b *backend) register(ctx context.Context) error {
	var tenants struct{ Tenant []identified }
	if err := b.query(ctx, `{ tenant { id } }`, nil, &tenants); err != nil {
		return err
	}
	var project struct {
		Created identified `json:"create_project"`
	}
	if err := b.query(ctx, `mutation($input: create_project_input!) { create_project(input: $input) { id } }`,
		object{"input": object{"name": "chaos", "tenant_id": tenants.Tenant[0].ID}}, &project); err != nil {
		return err
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if err := json.NewEncoder(zip).Encode(object{
		"name": "chaos", "type": "prefect.core.flow.Flow", "parameters": []any{}, "edges": []any{}, "__version__": "1.4.1",
		"tasks":   []any{object{"name": "work", "slug": "work-1", "type": "prefect.core.task.Task"}},
		"storage": object{"type": "Local", "__version__": "1.4.1"},
	}); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	var flow struct {
		Created identified `json:"create_flow_from_compressed_string"`
	}
	err := b.query(ctx, `mutation($input: create_flow_from_compressed_string_input!) {
		create_flow_from_compressed_string(input: $input) { id } }`,
		object{"input": object{"project_id": project.Created.ID, "serialized_flow": base64.StdEncoding.EncodeToString(packed.Bytes())}}, &flow)
	b.flowID = flow.Created.ID
	return err
}

// create makes a flow run that is due now.
func (b *backend) create(ctx context.Context, name string, s script.Script) (string, error) {
	config := object{"type": "DockerRun", "image": image, "__version__": "1.4.1"}
	switch s.Kind {
	case script.Missing:
		config["image"] = missingImage
	case script.OOM:
		config["host_config"] = object{"mem_limit": script.MemoryLimit, "memswap_limit": script.MemoryLimit}
	}
	var run struct {
		Created identified `json:"create_flow_run"`
	}
	err := b.query(ctx, `mutation($input: create_flow_run_input!) { create_flow_run(input: $input) { id } }`,
		object{"input": object{"flow_id": b.flowID, "flow_run_name": name, "run_config": config, "parameters": object{"script": s}}}, &run)
	return run.Created.ID, err
}

// cancel asks a Running run to stop.
func (b *backend) cancel(ctx context.Context, id string) error {
	return b.query(ctx, `mutation($input: cancel_flow_run_input!) { cancel_flow_run(input: $input) { state } }`,
		object{"input": object{"flow_run_id": id}}, nil)
}

// states gives the state of every flow run, by id.
func (b *backend) states(ctx context.Context) (map[string]string, error) {
	var answer struct {
		Runs []struct{ ID, State string } `json:"flow_run"`
	}
	if err := b.query(ctx, `{ flow_run(limit: 100000) { id state } }`, nil, &answer); err != nil {
		return nil, err
	}
	states := make(map[string]string, len(answer.Runs))
	for _, run := range answer.Runs {
		states[run.ID] = run.State
	}
	return states, nil
}
