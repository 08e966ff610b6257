//go:build e2e

package compare

import (
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/golden"
)

// difference is where we ask for something else than Python's agent, on purpose. docs/compatibility.md
// says the same in prose.
type difference struct {
	name   string
	reason string
	cases  []string                              // where it shows; empty: anywhere
	apply  func(t *testing.T, asked trace) trace // from what Python asks to what we ask
}

// shows reports whether the difference is to be seen in a case.
func (d difference) shows(c testCase) bool {
	return len(d.cases) == 0 || slices.Contains(d.cases, c.name)
}

func differences() []difference {
	return slices.Concat([]difference{
		{
			name:   "the API's storage type is not checked",
			reason: "only Docker storage says anything about the container; what else there is, the flow's own Prefect knows",
			cases:  []string{"storage of unknown type"},
			apply:  likeCase("defaults"),
		},
		{
			name:   "a pull that breaks off fails the run",
			reason: "Python overlooks errors inside the progress of a pull and starts an old image, or none",
			cases:  []string{"pull breaks off"},
			apply:  likeCase("pull is denied"),
		},
		{
			name:   "a container that could not be started is removed",
			reason: "Python leaves it behind, and its name taken",
			cases:  []string{"start fails", "unknown network"},
			apply:  removesContainer,
		},
		{
			name:   "fewer fields of a flow run",
			reason: "Python fetches fields that it does not use",
			apply: each("api flow_run", func(e *event) {
				unused := []string{"flow.version", "parameters", "scheduled_start_time", "task_runs.task_id"}
				e.Select = slices.DeleteFunc(e.Select, func(field string) bool { return slices.Contains(unused, field) })
			}),
		},
		{
			name:   "registry and credentials of a pull",
			reason: "Docker's own client names Docker Hub in full and sends an empty object for no credentials",
			apply: each("engine POST /images/create", func(e *event) {
				e.Header = map[string]string{"X-Registry-Auth": "e30="}
				if image, _ := e.With["?fromImage"].(string); !strings.Contains(strings.Split(image, "/")[0], ".") {
					e.With["?fromImage"] = "docker.io/" + image
				}
			}),
		},
		{
			name:   "the agent's id from its registration on",
			reason: "Python attaches it one request later; the API does not care",
			cases:  []string{"agent config"},
			apply:  each("api agent_config", func(e *event) { e.Header["X-Prefect-Agent-Id"] = "22222222-2222-4222-8222-222222222222" }),
		},
		{
			name:   "loopback addresses are treated like localhost",
			reason: "in a container, 127.0.0.1 is the container itself",
			cases:  []string{"API on a loopback address", "cloud with key", "cloud with key and tenant"},
			apply:  each(create, replaceInEnv("PREFECT__CLOUD__API=http://127.0.0.1:", "PREFECT__CLOUD__API=http://host.docker.internal:")),
		},
		{
			name:   "localhost stays localhost in the host's network",
			reason: "a container there reaches the API as the agent does, and has no host.docker.internal on some engines",
			cases:  []string{"host network"},
			apply:  each(create, replaceInEnv("http://host.docker.internal:", "http://localhost:")),
		},
		{
			name:   "a flow of unknown version gets the present command",
			reason: "Python runs prefect:latest with a command that this image does not know",
			cases:  []string{"flow of unknown version"},
			apply:  each(create, func(e *event) { e.With["Cmd"] = []any{"prefect", "execute", "flow-run"} }),
		},
		{
			name:   "extra hosts of a run are added to the agent's",
			reason: "in Python they replace host.docker.internal, and with it the way to a local API",
			cases:  []string{"host config"},
			apply: each(create, func(e *event) {
				host := e.With["HostConfig"].(object)
				host["ExtraHosts"] = append(host["ExtraHosts"].([]any), "host.docker.internal:host-gateway")
			}),
		},
		{
			name:   "capabilities are written in full",
			reason: "Docker's own client does; the engine reads both alike",
			cases:  []string{"host config"},
			apply:  each(create, func(e *event) { e.With["HostConfig"].(object)["CapAdd"] = []any{"CAP_SYS_PTRACE"} }),
		},
	}, reliability(), reworded("what failed, in our words", "Python's texts name HTTP and Python internals; ours name the step, the value and the way out", map[string]string{
		"create fails":                    `create container "misty-heron-333333333333-1": the storage driver is broken`,
		"start fails":                     `start container 6b86b273ff34: OCI runtime create failed`,
		"image is missing":                `create container "misty-heron-333333333333-1": No such image: etl:7`,
		"unknown network":                 `connect container 6b86b273ff34 to network "n2": network n2 not found`,
		"pull is denied":                  `pull image "prefecthq/prefect:1.4.1": pull access denied for prefecthq/prefect`,
		"pull breaks off":                 `pull image "prefecthq/prefect:1.4.1": manifest unknown`,
		"run config of unknown type":      `run_config: unsupported type 'MoonRun'; write "DockerRun" or "UniversalRun"`,
		"state of unknown type":           `serialized_state of the flow run: state has the unknown type "Dreaming"`,
		"host config with an unknown key": `run_config: host_config: unknown key "Memory"; write "mem_limit", as in docker-py's create_host_config`,
	}))
}

const create = "engine POST /containers/create"

// each changes the events of one kind.
func each(ask string, change func(*event)) func(*testing.T, trace) trace {
	return func(_ *testing.T, asked trace) trace {
		for i := range asked {
			if asked[i].Ask == ask {
				change(&asked[i])
			}
		}
		return asked
	}
}

// likeCase takes what Python asks in another case.
func likeCase(name string) func(*testing.T, trace) trace {
	return func(t *testing.T, _ trace) trace {
		return decode(t, golden.Get(t, recordingOf(testCase{name: name})))
	}
}

func removesContainer(_ *testing.T, asked trace) trace {
	removal := event{
		Ask:  "engine DELETE /containers/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
		With: object{"?force": "1", "?v": "1"},
	}
	report := slices.IndexFunc(asked, func(e event) bool { return e.Ask == "api write_run_logs" })
	return slices.Insert(asked, report, removal)
}

func replaceInEnv(from, to string) func(*event) {
	return func(e *event) {
		env := e.With["Env"].([]any)
		for i := range env {
			env[i] = strings.Replace(env[i].(string), from, to, 1)
		}
	}
}

// reworded is a difference in the text of a failure, in the run's log and in its state: one for each case.
func reworded(name, reason string, texts map[string]string) []difference {
	var list []difference
	for c, text := range texts {
		list = append(list, difference{name: name, reason: reason, cases: []string{c}, apply: func(_ *testing.T, asked trace) trace {
			for _, e := range asked {
				switch input, _ := e.With["input"].(object); e.Ask {
				case "api write_run_logs":
					input["logs"].([]any)[0].(object)["message"] = text
				case "api set_flow_run_states":
					if state := input["states"].([]any)[0].(object)["state"].(object); state["type"] == "Failed" {
						state["message"] = text
					}
				}
			}
			return asked
		}})
	}
	return list
}
