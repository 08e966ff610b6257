//go:build e2e

// Package e2e tests the whole from outside: the docker CLI with the plugin, the real engine, the real API.
package e2e

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
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/poll"
)

const (
	demoImage = "docker-prefect-demo:latest"
	runLabel  = "io.prefect.flow-run-id"
	patience  = 20 * time.Second
)

// binary is the plugin that DOCKER_PREFECT_BINARY names, else the one that `make build` made.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("DOCKER_PREFECT_BINARY")
	if path == "" {
		path = "../bin/docker-prefect"
	}
	path, err := filepath.Abs(path)
	assert.NilError(t, err)
	_, err = os.Stat(path)
	assert.NilError(t, err, "run make build first")
	return path
}

// plainBinary is the plugin as people have it: static.
func plainBinary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../bin/docker-prefect")
	assert.NilError(t, err)
	return path
}

// dockerConfig is a configuration directory of the docker CLI that finds the plugin.
func dockerConfig(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`{"cliPluginsExtraDirs": [%q]}`, filepath.Dir(binary(t)))
	assert.NilError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600))
	return dir
}

// environment is this process's without what would reach into the test, with a home of its own.
func environment(t *testing.T, dockerConfig string, more ...string) []string {
	t.Helper()
	env := []string{"HOME=" + t.TempDir(), "DOCKER_CONFIG=" + dockerConfig}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "PREFECT__") && name != "HOME" && name != "DOCKER_CONFIG" {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// process is a program that runs while a test looks at what it prints.
type process struct {
	cmd    *exec.Cmd
	mu     sync.Mutex
	output bytes.Buffer
	ended  chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

// Output is what the process has printed so far, both streams.
func (p *process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// start runs a program in a process group of its own, and kills the group when the test ends.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 5 * time.Second
	assert.NilError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the status is read from ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
		if strings.Contains(p.Output(), "WARNING: DATA RACE") {
			t.Errorf("%s has a data race", filepath.Base(name))
		}
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", filepath.Base(name), strings.Join(args, " "), p.Output())
		}
	})
	return p
}

// status waits for the end and returns the exit status.
func (p *process) status(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("still running after %s", patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// waitFor waits until the process has printed the text.
func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	eventually(t, "output has "+text, func() bool { return strings.Contains(p.Output(), text) })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll.WaitOn(t, func(poll.LogT) poll.Result {
		if ok() {
			return poll.Success()
		}
		return poll.Continue("%s", what)
	}, poll.WithTimeout(patience), poll.WithDelay(50*time.Millisecond))
}

// run runs a program to its end and returns its output and its status.
func run(t *testing.T, env []string, name string, args ...string) (string, int) {
	t.Helper()
	p := start(t, env, name, args...)
	status := p.status(t)
	return p.Output(), status
}

// docker runs the docker CLI against the real engine and fails the test if it fails.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	assert.NilError(t, err, "docker %s: %s", strings.Join(args, " "), out)
	return strings.TrimSpace(string(out))
}

// world is an API and a docker CLI with the plugin.
type world struct {
	env    []string
	api    string // as the agent is told: localhost
	url    string // as this test reaches it
	server *process
	flowID string
	runs   []string
}

// newWorld starts the local backend through the docker CLI, reachable from containers.
func newWorld(t *testing.T) *world {
	t.Helper()
	port := freePort(t)
	gateway := bridgeGateway(t)
	w := &world{env: environment(t, dockerConfig(t)), api: "http://localhost:" + port, url: "http://127.0.0.1:" + port}
	w.env = append(w.env, "PREFECT__BACKEND=server")
	w.server = start(t, w.env, "docker", "prefect", "server", "start", "--data", t.TempDir(),
		"--listen", "127.0.0.1:"+port, "--listen", net.JoinHostPort(gateway, port), "--insecure")
	eventually(t, "the API answers", func() bool {
		select {
		case <-w.server.ended:
			t.Fatalf("the server ended: %s", w.server.Output())
		default:
		}
		resp, err := http.Get(w.url + "/health")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	w.flowID = w.registerFlow(t)
	t.Cleanup(func() {
		for _, run := range w.runs {
			removeContainers(t, run)
		}
	})
	return w
}

// removeContainers takes away what is left of a run, which may be going away by itself at the same time;
// of a failed test it shows what became of it.
func removeContainers(t *testing.T, runID string) {
	t.Helper()
	for _, id := range strings.Fields(docker(t, "ps", "-aq", "--filter", "label="+runLabel+"="+runID)) {
		commands := [][]string{{"rm", "-f", id}}
		if t.Failed() {
			commands = [][]string{{"inspect", "--format", "{{json .State}}", id}, {"logs", id}, {"rm", "-f", id}}
		}
		for _, args := range commands {
			if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil || t.Failed() {
				t.Logf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		}
	}
	eventually(t, "the containers of run "+runID+" are gone", func() bool { return containers(t, runID) == 0 })
}

// bridgeGateway is where containers reach this machine: the first address of the bridge's subnet.
func bridgeGateway(t *testing.T) string {
	t.Helper()
	subnet, err := netip.ParsePrefix(docker(t, "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}"))
	assert.NilError(t, err)
	return subnet.Masked().Addr().Next().String()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer func() { assert.NilError(t, l.Close()) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	assert.NilError(t, err)
	return port
}

// agent starts an agent of this world through the docker CLI and waits until it looks for runs.
func (w *world) agent(t *testing.T, args ...string) *process {
	t.Helper()
	args = append([]string{"prefect", "agent", "start", "--api", w.api}, args...)
	p := start(t, w.env, "docker", args...)
	p.waitFor(t, "Waiting for flow runs...")
	return p
}

// object is a JSON object.
type object = map[string]any

// query sends GraphQL and returns data; errors of the API fail the test.
func (w *world) query(t *testing.T, query string, variables object) object {
	t.Helper()
	body, err := json.Marshal(object{"query": query, "variables": variables})
	assert.NilError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	assert.NilError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	assert.NilError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	assert.NilError(t, err)
	var answer struct {
		Data   object
		Errors []any
	}
	assert.NilError(t, json.Unmarshal(text, &answer), string(text))
	assert.Equal(t, len(answer.Errors), 0, string(text))
	return answer.Data
}

func (w *world) registerFlow(t *testing.T) string {
	t.Helper()
	tenants := w.query(t, `{ tenant { id } }`, nil)["tenant"].([]any)
	tenant := tenants[0].(object)["id"]
	created := w.query(t, `mutation($input: create_project_input!) { create_project(input: $input) { id } }`,
		object{"input": object{"name": "e2e", "tenant_id": tenant}})
	flow := object{
		"name": "e2e flow", "type": "prefect.core.flow.Flow", "parameters": []any{}, "edges": []any{}, "__version__": "1.4.1",
		"tasks":   []any{object{"name": "greet", "slug": "greet-1", "type": "prefect.core.task.Task"}},
		"storage": object{"type": "Local", "__version__": "1.4.1"},
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	assert.NilError(t, json.NewEncoder(zip).Encode(flow))
	assert.NilError(t, zip.Close())
	registered := w.query(t, `mutation($input: create_flow_from_compressed_string_input!) {
		create_flow_from_compressed_string(input: $input) { id } }`, object{"input": object{
		"project_id":      created["create_project"].(object)["id"],
		"serialized_flow": base64.StdEncoding.EncodeToString(packed.Bytes()),
	}})
	return registered["create_flow_from_compressed_string"].(object)["id"].(string)
}

// flowRun describes a run to create; the zero value greets in the demo image.
type flowRun struct {
	name       string
	runConfig  object // on top of a DockerRun of the demo image whose container stays
	parameters object
	labels     []string
	in         time.Duration // until its start time
}

// create creates a flow run and returns its id.
func (w *world) create(t *testing.T, r flowRun) string {
	t.Helper()
	config := object{"type": "DockerRun", "image": demoImage, "host_config": object{"auto_remove": false}, "__version__": "1.4.1"}
	for k, v := range r.runConfig {
		config[k] = v
	}
	input := object{
		"flow_id": w.flowID, "run_config": config, "parameters": r.parameters, "labels": append([]string{}, r.labels...),
		"scheduled_start_time": time.Now().Add(r.in).UTC().Format(time.RFC3339Nano),
	}
	if r.name != "" {
		input["flow_run_name"] = r.name
	}
	data := w.query(t, `mutation($input: create_flow_run_input!) { create_flow_run(input: $input) { id } }`, object{"input": input})
	id := data["create_flow_run"].(object)["id"].(string)
	w.runs = append(w.runs, id)
	return id
}

// state is a run's state type.
func (w *world) state(t *testing.T, id string) string {
	t.Helper()
	run := w.query(t, `query($id: uuid!) { flow_run_by_pk(id: $id) { state } }`, object{"id": id})["flow_run_by_pk"]
	return run.(object)["state"].(string)
}

// waitState waits until the run is in the state.
func (w *world) waitState(t *testing.T, id, state string) {
	t.Helper()
	eventually(t, "run is "+state, func() bool { return w.state(t, id) == state })
}

// history is a run's states and log messages, each in order.
func (w *world) history(t *testing.T, id string) (states, logs []string) {
	t.Helper()
	run := w.query(t, `query($id: uuid!) { flow_run_by_pk(id: $id) {
		states(order_by: {version: asc}) { state message } logs(order_by: {timestamp: asc}) { level name message } } }`,
		object{"id": id})["flow_run_by_pk"].(object)
	for _, s := range run["states"].([]any) {
		states = append(states, s.(object)["state"].(string))
	}
	for _, l := range run["logs"].([]any) {
		line := l.(object)
		logs = append(logs, fmt.Sprintf("%v %v: %v", line["level"], line["name"], line["message"]))
	}
	return states, logs
}

// container is the inspected container of a run.
func container(t *testing.T, runID string) object {
	t.Helper()
	id := docker(t, "ps", "-aq", "--no-trunc", "--filter", "label="+runLabel+"="+runID)
	assert.Equal(t, len(strings.Fields(id)), 1, "containers of run %s: %q", runID, id)
	var found []object
	assert.NilError(t, json.Unmarshal([]byte(docker(t, "inspect", id)), &found))
	return found[0]
}

// containers counts the containers of a run.
func containers(t *testing.T, runID string) int {
	t.Helper()
	return len(strings.Fields(docker(t, "ps", "-aq", "--filter", "label="+runLabel+"="+runID)))
}

// at follows keys into a JSON object.
func at(t *testing.T, o object, keys ...string) any {
	t.Helper()
	var v any = o
	for _, k := range keys {
		m, ok := v.(object)
		assert.Assert(t, ok, "no object at %s", k)
		v = m[k]
	}
	return v
}
