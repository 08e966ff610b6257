//go:build e2e

package compare

import (
	"net/http"
	"strings"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

// testCase is a way to start an agent and the flow run that it finds at its first poll, after which it ends.
type testCase struct {
	name      string
	args      []string
	env       []string                           // $API is the stub's URL
	run       func() stub.FlowRun                // nil: the queue is empty
	refuse    func(r stub.Request) *stub.Refusal // what the engine does not do
	pullError string                             // ends the progress of a pull
	taken     []string                           // names of containers that are there before
}

const (
	runID  = "33333333-3333-4333-8333-333333333333"
	flowID = "44444444-4444-4444-8444-444444444444"
	taskID = "55555555-5555-4555-8555-555555555555"
)

type object = map[string]any

// scheduledRun is a run that has been due since long, of a flow with the defaults of Prefect 1.4.1.
func scheduledRun(change ...func(*stub.FlowRun)) func() stub.FlowRun {
	return func() stub.FlowRun {
		start := time.Date(2021, 3, 4, 5, 6, 7, 123456000, time.UTC)
		version := "1.4.1"
		run := stub.FlowRun{
			ID: runID, Name: "misty-heron", Version: 1, State: "Scheduled", SerializedState: stub.ScheduledState(start),
			ScheduledStart: start, Parameters: object{}, TaskRuns: []stub.TaskRun{},
			Flow: stub.Flow{
				ID: flowID, Name: "etl nightly", Version: 3, CoreVersion: &version,
				Storage: object{"type": "Local", "directory": "/flows", "flows": object{}, "secrets": []any{}, "stored_as_script": false, "path": nil, "__version__": "1.4.1"},
			},
		}
		for _, c := range change {
			c(&run)
		}
		return run
	}
}

func runConfig(kind string, members object) func(*stub.FlowRun) {
	return func(r *stub.FlowRun) {
		r.RunConfig = object{"type": kind, "labels": []any{}, "env": nil, "__version__": "1.4.1"}
		if kind == "DockerRun" {
			r.RunConfig["image"], r.RunConfig["ports"], r.RunConfig["host_config"] = nil, nil, nil
		}
		for key, value := range members {
			r.RunConfig[key] = value
		}
	}
}

func named(name string) func(*stub.FlowRun) { return func(r *stub.FlowRun) { r.Name = name } }

func coreVersion(version *string) func(*stub.FlowRun) {
	return func(r *stub.FlowRun) { r.Flow.CoreVersion = version }
}

func dockerStorage(r *stub.FlowRun) {
	r.Flow.Storage = object{
		"type": "Docker", "registry_url": "registry.example.com/team", "image_name": "etl", "image_tag": "7", "flows": object{"etl nightly": "/opt/etl.prefect"},
		"prefect_version": "1.4.1", "path": nil, "stored_as_script": false, "secrets": []any{}, "__version__": "1.4.1",
	}
}

// retrying is a Running flow run with a task run whose retry is due.
func retrying(r *stub.FlowRun) {
	r.State, r.Version = "Running", 4
	r.SerializedState = object{
		"type": "Running", "message": "Running flow.", "context": object{}, "cached_inputs": object{}, "__version__": "1.4.1",
		"_result": object{"type": "NoResultType", "__version__": "1.4.1"},
	}
	state := stub.ScheduledState(r.ScheduledStart)
	state["type"], state["message"], state["run_count"] = "Retrying", "Retrying Task (after attempt 1 of 3)", 1
	state["context"] = object{"tags": []any{"db"}, "task_run_count": 1}
	r.TaskRuns = []stub.TaskRun{{ID: taskID, Version: 3, TaskID: flowID, SerializedState: state}}
}

// refusing makes the engine refuse requests to a path.
func refusing(method, path string, status int, message string) func(stub.Request) *stub.Refusal {
	return func(r stub.Request) *stub.Refusal {
		if r.Method == method && strings.HasSuffix(r.Path, path) {
			return &stub.Refusal{Status: status, Message: message}
		}
		return nil
	}
}

func testCases() []testCase {
	old, suffixed := "0.12.6", "0.13.0+5.gabc"
	cloud := func(env ...string) []string { return append([]string{"PREFECT__BACKEND=cloud"}, env...) }
	return []testCase{
		{name: "empty queue"},
		{name: "defaults", run: scheduledRun()},
		{
			name: "env labels and name",
			args: []string{"--env", "STAGE=test", "-e", "URL=a=b=c", "-e", "EMPTY=", "-e", "STAGE=prod", "--label", "gpu", "-l", "dev", "-l", "gpu", "--name", "my agent"},
			run:  scheduledRun(runConfig("DockerRun", object{"image": "etl:7", "env": object{"STAGE": "run", "FLAG": true, "N": 1.5, "UNSET": nil}})),
		},
		{
			name: "configuration from the environment",
			env: []string{
				`PREFECT__CLOUD__AGENT__LABELS=["b", "a", "b"]`, "PREFECT__CLOUD__AGENT__NAME=from env", "PREFECT__CLOUD__AGENT__ENV_VARS={'A': 'x', 'B': 'it\\'s'}",
				"PREFECT__LOGGING__LEVEL=DEBUG", "PREFECT__CLOUD__SEND_FLOW_RUN_LOGS=false",
			},
			run: scheduledRun(),
		},
		{
			name: "volumes",
			args: []string{"--volume", "data:/data", "--volume", "/host/dir:/ctr:ro", "--volume", "/same", "--volume", " /a/../b/ : /c/./d "},
			run:  scheduledRun(),
		},
		{name: "two networks", args: []string{"--network", "n1", "--network", "n2"}, run: scheduledRun()},
		{name: "host network", args: []string{"--network", "host"}, run: scheduledRun()},
		{name: "prefect server network", args: []string{"--network", "prefect-server"}, run: scheduledRun()},
		{name: "unknown network", args: []string{"--network", "n1", "--network", "n2"}, run: scheduledRun(), refuse: refusing(http.MethodPost, "/networks/n2/connect", http.StatusNotFound, "network n2 not found")},
		{name: "no pull", args: []string{"--no-pull"}, run: scheduledRun()},
		{name: "no cloud logs", args: []string{"--no-cloud-logs"}, run: scheduledRun()},
		{name: "no cloud logs for one run", run: scheduledRun(runConfig("DockerRun", object{"env": object{"PREFECT__CLOUD__SEND_FLOW_RUN_LOGS": "false"}}))},
		{name: "API by address", args: []string{"--api", "http://10.1.2.3:4200"}, env: []string{"HTTP_PROXY=$API", "http_proxy=$API"}, run: scheduledRun()},
		{name: "API on a loopback address", env: []string{"PREFECT__CLOUD__API=$API"}, run: scheduledRun()},
		{name: "local image", run: scheduledRun(runConfig("DockerRun", object{"image": "etl:7"}))},
		{name: "digest", run: scheduledRun(runConfig("DockerRun", object{"image": "reg.example.com:5000/etl@sha256:" + strings.Repeat("a", 64)}))},
		{name: "Docker storage", run: scheduledRun(dockerStorage, runConfig("DockerRun", object{"image": "ignored:1"}))},
		{name: "UniversalRun", run: scheduledRun(runConfig("UniversalRun", object{"env": object{"STAGE": "prod"}}))},
		{name: "LocalRun", run: scheduledRun(runConfig("LocalRun", object{"working_dir": nil}))},
		{name: "run config of unknown type", run: scheduledRun(runConfig("MoonRun", nil))},
		{name: "storage of unknown type", run: scheduledRun(func(r *stub.FlowRun) { r.Flow.Storage = object{"type": "Floppy"} })},
		{name: "state of unknown type", run: scheduledRun(func(r *stub.FlowRun) { r.SerializedState["type"] = "Dreaming" })},
		{
			name: "host config",
			run: scheduledRun(runConfig("DockerRun", object{"image": "etl:7", "ports": []any{8080, 9090}, "host_config": object{
				"mem_limit": "1.5g", "shm_size": "128m", "nano_cpus": 500000000, "port_bindings": object{"8080": 18080, "9090/udp": nil},
				"binds": object{"/data": object{"bind": "/d", "mode": "ro"}}, "extra_hosts": object{"db": "10.0.0.5"}, "auto_remove": false,
				"ulimits": []any{object{"name": "nofile", "soft": 1024, "hard": 2048}}, "devices": []any{"/dev/null:/dev/zilch"}, "cap_add": []any{"SYS_PTRACE"},
				"restart_policy": object{"Name": "on-failure", "MaximumRetryCount": 2}, "log_config": object{"type": "json-file", "config": object{"max-size": "1m"}},
				"sysctls": object{"net.core.somaxconn": 1024}, "tmpfs": []any{"/scratch:size=64m"}, "init": true, "network_mode": "none",
				"device_requests": []any{object{"count": -1, "capabilities": []any{[]any{"gpu"}}}}, "security_opt": []any{"no-new-privileges"},
			}})),
		},
		{name: "host config with an unknown key", run: scheduledRun(runConfig("DockerRun", object{"image": "etl:7", "host_config": object{"Memory": 1}}))},
		{name: "name with accents", run: scheduledRun(named("Été 1,000 it's (über)"))},
		{name: "name of nothing", run: scheduledRun(named("._-"))},
		{name: "name taken", run: scheduledRun(), taken: []string{"misty-heron", "misty-heron-333333333333-1"}},
		{name: "flow from before 0.13", run: scheduledRun(coreVersion(&old))},
		{name: "flow from a development version", run: scheduledRun(coreVersion(&suffixed))},
		{name: "flow of unknown version", run: scheduledRun(coreVersion(nil))},
		{name: "task retry is due", run: scheduledRun(retrying)},
		{name: "somebody else was first", run: scheduledRun(func(r *stub.FlowRun) { r.Taken = true })},
		{name: "create fails", run: scheduledRun(), refuse: refusing(http.MethodPost, "/containers/create", http.StatusInternalServerError, "the storage driver is broken")},
		{name: "start fails", run: scheduledRun(), refuse: refusing(http.MethodPost, "/start", http.StatusBadRequest, "OCI runtime create failed")},
		{name: "image is missing", run: scheduledRun(runConfig("DockerRun", object{"image": "etl:7"})), refuse: refusing(http.MethodPost, "/containers/create", http.StatusNotFound, "No such image: etl:7")},
		{name: "pull is denied", run: scheduledRun(), refuse: refusing(http.MethodPost, "/images/create", http.StatusNotFound, "pull access denied for prefecthq/prefect")},
		{name: "pull breaks off", run: scheduledRun(), pullError: "manifest unknown"},
		{name: "agent config", args: []string{"--agent-config-id", taskID}, run: scheduledRun()},
		{name: "cloud with key and tenant", args: []string{"--key", "secret", "--tenant-id", stub.TenantID}, env: cloud(), run: scheduledRun()},
		{name: "cloud with key", env: cloud("PREFECT__CLOUD__API_KEY=secret"), run: scheduledRun()},
		{name: "server with key", args: []string{"-k", "secret"}, run: scheduledRun()},
	}
}
