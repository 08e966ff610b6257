//go:build e2e && python

package python

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// flowRun is what session.py tells of a flow run: states by type, oldest first; task runs by slug, those of mapped
// tasks by slug/index; messages of its log, oldest first.
type flowRun struct {
	ID, Name, State, Message string
	States, Messages, Logs   []string
	Parameters               object
	Tasks                    map[string]taskRun
}

type taskRun struct {
	ID, Name         string
	States, Messages []string
}

var finished = []string{"Success", "Failed", "Cancelled", "Cached", "Skipped", "TimedOut"}

// runFlow creates a run of a registered flow, which the agent starts, and returns its id.
func runFlow(t *testing.T, flow string, parameters object) string {
	t.Helper()
	id := do[string](t, object{"name": flow, "project": project, "parameters": parameters}, `
		flow = FlowView.from_flow_name(name, project_name=project)
		return client.create_flow_run(flow_id=flow.flow_id, parameters=parameters)`)
	poke(t)
	return id
}

// waitFor waits for one of the states, and then for the end of the container, which sends the last logs.
func waitFor(t *testing.T, id string, states ...string) {
	t.Helper()
	waitForState(t, id, states...)
	awaitContainers(t, id)
}

func awaitContainers(t *testing.T, runID string) {
	t.Helper()
	for _, container := range containers(t, runID) {
		_ = exec.CommandContext(t.Context(), "docker", "wait", container).Run() // it may be gone meanwhile
	}
}

func waitForState(t *testing.T, id string, states ...string) {
	t.Helper()
	var last string
	eventually(t, fmt.Sprintf("run %s is %s", id, strings.Join(states, " or ")), func() bool {
		last = stateOf(t, id)
		return slices.Contains(states, last)
	})
}

func stateOf(t *testing.T, id string) string {
	t.Helper()
	var data struct {
		Run struct{ State string } `json:"flow_run_by_pk"`
	}
	query(t, fmt.Sprintf(`{ flow_run_by_pk(id: %q) { state } }`, id), &data)
	return data.Run.State
}

// waitForTask waits until a task run, by its slug, is in the state.
func waitForTask(t *testing.T, runID, slug, state string) {
	t.Helper()
	eventually(t, fmt.Sprintf("task %s of run %s is %s", slug, runID, state), func() bool {
		var data struct {
			Runs []struct{ ID string } `json:"task_run"`
		}
		query(t, fmt.Sprintf(`{ task_run(where: {flow_run_id: {_eq: %q}, map_index: {_eq: -1}, state: {_eq: %q}, task: {slug: {_eq: %q}}}) { id } }`,
			runID, state, slug), &data)
		return len(data.Runs) == 1
	})
}

// finish waits for the end of a run and returns it; one that does not end in the state fails the test.
func finish(t *testing.T, id, state string) flowRun {
	t.Helper()
	waitFor(t, id, finished...)
	run := read(t, id)
	assert.Equal(t, run.State, state, "%s\n%s", run.Message, strings.Join(run.Logs, "\n"))
	return run
}

// read is a run as it is now, through Prefect's own API.
func read(t *testing.T, id string) flowRun {
	t.Helper()
	return do[flowRun](t, object{"id": id}, `return flow_run(id)`)
}

// containers are the ids of the containers of a run.
func containers(t *testing.T, runID string) []string {
	t.Helper()
	out, err := exec.Command("docker", "ps", "-aq", "--filter", "label=io.prefect.flow-run-id="+runID).Output()
	assert.NilError(t, err)
	return strings.Fields(string(out))
}

// logged asserts that a line of the run's log contains the text.
func logged(t *testing.T, run flowRun, text string) {
	t.Helper()
	for _, line := range run.Logs {
		if strings.Contains(line, text) {
			return
		}
	}
	t.Errorf("no line of the log has %q:\n%s", text, strings.Join(run.Logs, "\n"))
}

// through is the history of a flow run that an agent started, without what comes after Running.
func through(states ...string) []string {
	return append([]string{"Scheduled", "Submitted", "Running"}, states...)
}

// history asserts the states that a task run went through.
func history(t *testing.T, run flowRun, task string, states ...string) {
	t.Helper()
	assert.DeepEqual(t, run.Tasks[task].States, states)
}
