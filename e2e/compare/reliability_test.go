//go:build e2e

package compare

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

// reliability are the differences that let an agent see its launches through.
func reliability() []difference {
	return []difference{
		{
			name:   "the container of a retry comes before its claim",
			reason: "no API refuses the second claim of a task run; the engine refuses the second container",
			cases:  []string{"task retry is due"},
			apply: func(_ *testing.T, asked trace) trace {
				at := func(ask string) int { return slices.IndexFunc(asked, func(e event) bool { return e.Ask == ask }) }
				again := asked[at("api flow_run")]
				claim := at("api set_task_run_states")
				after := slices.Insert(slices.Clone(asked[:claim]), claim, asked[claim+1:]...)
				created := slices.IndexFunc(after, func(e event) bool { return e.Ask == create }) + 1
				return slices.Insert(after, created, again, asked[claim])
			},
		},
		{
			name:   "the agent asks for launches that it left unfinished",
			reason: "a restarted agent takes them up; Python's knows nothing of them",
			apply: func(_ *testing.T, asked trace) trace {
				at := slices.IndexFunc(asked, func(e event) bool { return e.Ask == "api get_runs_in_queue" })
				question := event{Ask: "api flow_run", Header: maps.Clone(asked[at].Header), With: object{"where": object{"_or": []any{
					object{"state": object{"_eq": "Submitted"}, "agent_id": object{"_eq": stub.AgentID}},
					object{"state": object{"_eq": "Running"}, "task_runs": object{"state": object{"_eq": "Submitted"}}},
				}}}, Select: []string{
					"flow.core_version", "flow.environment", "flow.id", "flow.name", "flow.storage", "id", "name", "run_config",
					"serialized_state", "state", "task_runs.id", "task_runs.serialized_state", "task_runs.version", "version",
				}}
				return slices.Insert(asked, at, question)
			},
		},
		{
			name:   "claims carry a mark",
			reason: "an agent recognises its own when an answer was lost, or after a restart",
			apply: func(_ *testing.T, asked trace) trace {
				for _, s := range states(asked) {
					if s["type"] == "Submitted" {
						s["context"] = object{"docker_prefect": object{"agent": "IDENTITY", "engine": "STUB", "attempt": attempt(asked)}}
					}
				}
				return asked
			},
		},
		{
			name:   "container names tell executions apart",
			reason: "so that the engine refuses a second container of the same execution",
			apply: func(t *testing.T, asked trace) trace {
				var base string
				return each(create, func(e *event) {
					name := e.With["?name"].(string)
					if base == "" {
						base = name
					}
					unique := base + "-333333333333"
					if base == runID {
						unique = base
					}
					e.With["?name"] = unique + "-" + attempt(asked) + strings.TrimPrefix(name, base)
				})(t, asked)
			},
		},
		{
			name:   "labels of our own, and no removal by the engine",
			reason: "labels are what an agent knows after a restart; it removes containers itself, when their end is told",
			apply: func(t *testing.T, asked trace) trace {
				return each(create, func(e *event) {
					labels, host := e.With["Labels"].(object), e.With["HostConfig"].(object)
					labels["org.docker-prefect.agent"], labels["org.docker-prefect.tenant"] = "IDENTITY", tenant(asked)
					labels["org.docker-prefect.agent-id"], labels["org.docker-prefect.attempt"] = stub.AgentID, attempt(asked)
					if host["AutoRemove"] != true {
						labels["org.docker-prefect.keep"] = "true"
					}
					delete(host, "AutoRemove")
				})(t, asked)
			},
		},
		{
			name:   "a run is looked at before it is marked as Failed",
			reason: "it may have been cancelled; and Cloud compares the version of its state",
			apply: func(_ *testing.T, asked trace) trace {
				version := 1.0
				for i := 0; i < len(asked); i++ {
					if asked[i].Ask != "api set_flow_run_states" {
						continue
					}
					element := asked[i].With["input"].(object)["states"].([]any)[0].(object)
					if element["state"].(object)["type"] == "Failed" {
						element["version"] = version
						asked = slices.Insert(asked, i, event{Ask: "api flow_run", Header: maps.Clone(asked[i].Header), With: object{
							"where": object{"id": object{"_eq": runID}},
						}, Select: []string{
							"agent_id", "heartbeat", "id", "serialized_state", "state", "states.version", "task_runs.id", "version",
						}})
						i++
					}
					version++
				}
				return asked
			},
		},
	}
}

// states are those that flow runs and task runs are set to.
func states(asked trace) []object {
	var list []object
	for _, e := range asked {
		if input, _ := e.With["input"].(object); strings.HasPrefix(e.Ask, "api set_") {
			for _, element := range input["states"].([]any) {
				list = append(list, element.(object)["state"].(object))
			}
		}
	}
	return list
}

// attempt is the name of the execution: by the run's version, or by that of the task run that is retried.
func attempt(asked trace) string {
	if slices.ContainsFunc(asked, func(e event) bool { return e.Ask == "api set_task_run_states" }) {
		return "4.5555.3"
	}
	return "1"
}

// tenant is what the agent registered for.
func tenant(asked trace) any {
	for _, e := range asked {
		if e.Ask == "api register_agent" {
			return e.With["input"].(object)["tenant_id"]
		}
	}
	return nil
}
