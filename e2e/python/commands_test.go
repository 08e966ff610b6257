//go:build e2e && python

package python

import (
	"regexp"
	"testing"

	"gotest.tools/v3/assert"
)

func TestRunAndWatch(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	out := user.prefect(t, "run", "--name", "sequence", "--project", project, "--run-name", "watched", "--param", "x=1",
		"--param", "greeting=salut", "--context", `why={"because": [1, "ü"]}`, "--log-level", "DEBUG", "--watch")
	contains(t, out, "Name: watched", "'x': 1", "'greeting': 'salut'", "URL: http://localhost:8080/default/flow-run/",
		"Entered state <Scheduled>: Flow run scheduled.", "Entered state <Submitted>: ", "Entered state <Running>: Running flow.",
		"Entered state <Success>: All reference tasks succeeded.", "Flow run succeeded!",
		// A line of the agent's. The process sends its own when it ends, which the command does not wait for.
		"Submitted for execution: Container ID: ")
	id := regexp.MustCompile(`UUID: (\S+)`).FindStringSubmatch(out)[1]
	waitFor(t, id, "Success")

	contains(t, user.prefect(t, "get", "flow-runs", "--flow", "sequence", "--project", project, "--started"), "watched", id, "Success")
	for _, args := range [][]string{{"--name", "watched"}, {"--id", id}} {
		contains(t, user.prefect(t, append([]string{"get", "logs"}, args...)...), "Beginning Flow run for 'sequence'", "salut 2")
	}
	contains(t, user.prefect(t, "describe", "flow-runs", "--name", "watched", "--flow-name", "sequence"),
		`"greeting": "salut"`, `"auto_scheduled": false`, `"type": "Success"`)
}

func TestRunOfFailingFlowFails(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	out, status := command(t, user.env, prefect(), "run", "--name", "failure", "--project", project, "--watch")
	assert.Equal(t, status, 1, out)
	contains(t, out, "Entered state <Failed>: Some reference tasks failed.", "Flow run failed!")
}

func TestRunWithoutRequiredParameter(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	out, status := command(t, user.env, prefect(), "run", "--name", "child", "--project", project)
	assert.Equal(t, status, 1, out)
	contains(t, out, "Required parameters were not supplied: {'x'}")
}

// Without an agent, Prefect executes a registered flow itself.
func TestRunAndExecute(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	user.prefect(t, "create", "project", "executed here")
	user.prefect(t, "register", "--project", "executed here", "--path", user.flow(t, "agentless"))
	out := user.prefect(t, "run", "--name", "agentless", "--project", "executed here", "--param", "x=3", "--execute")
	contains(t, out, "said 3", "Flow run succeeded!")
	id := regexp.MustCompile(`UUID: (\S+)`).FindStringSubmatch(out)[1]
	run := read(t, id)
	assert.DeepEqual(t, run.States, []string{"Scheduled", "Running", "Success"})
	logged(t, run, "said 3")
}
