//go:build e2e && python

package python

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// site is two servers on one database, with services that work every second, and an agent that says nothing of
// containers that die. The database is PostgreSQL where DOCKER_PREFECT_TEST_POSTGRES names one, else a file.
type site struct {
	env     []string
	session *session
}

// staleAfter is more than a container needs to start on a busy machine.
const staleAfter = "30s"

func newSite(t *testing.T) *site {
	t.Helper()
	gateway, err := bridgeGateway()
	assert.NilError(t, err)
	dir := t.TempDir()
	database := []string{"--data", filepath.Join(dir, "data")}
	if url := os.Getenv("DOCKER_PREFECT_TEST_POSTGRES"); url != "" {
		database = []string{"--database", url}
	}
	var ports [2]string
	for i := range ports {
		ports[i], err = freePort()
		assert.NilError(t, err)
		server, err := start(environment(dir), "docker", append([]string{
			"prefect", "server", "start", "--insecure",
			"--listen", "127.0.0.1:" + ports[i], "--listen", net.JoinHostPort(gateway, ports[i]),
			"--scheduler-interval", "1s", "--lazarus-interval", "1s", "--zombie-killer-interval", "1s", "--stale-after", staleAfter,
		}, database...)...)
		assert.NilError(t, err)
		endWith(t, server)
		assert.NilError(t, server.until("answers", func() bool {
			resp, err := http.Get("http://localhost:" + ports[i] + "/health")
			return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
		}))
	}
	s := &site{env: environment(filepath.Join(dir, "home"), "PREFECT__CLOUD__API=http://localhost:"+ports[0], "PREFECT__SERVER__PORT="+ports[0], "PYTHONPATH=flows")}
	s.prefect(t, "create", "project", project)
	s.prefect(t, "register", "--project", project, "--path", "flows/services")
	s.session, err = startSession(s.env)
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, s.session.stop()) })

	flows, err := filepath.Abs("flows")
	assert.NilError(t, err)
	api := "http://localhost:" + ports[1]
	agent, err := start(append(s.env, "PREFECT__CLOUD__API="+api, "PREFECT__SERVER__PORT="+ports[1]), "docker", "prefect", "agent", "start",
		"--api", api, "--name", "services", "--no-pull", "--on-crash", "ignore", "--volume", flows+":/flows:ro", "--volume", path("results")+":/results",
		"--env", "PYTHONPATH=/flows", "--env", "PYTHONDONTWRITEBYTECODE=1",
		"--env", "PREFECT__CLOUD__HEARTBEAT_INTERVAL=1", "--env", "PREFECT__CLOUD__HEARTBEAT_MODE=thread")
	assert.NilError(t, err)
	endWith(t, agent)
	labelled, err := start(append(s.env, "PREFECT__CLOUD__API="+api, "PREFECT__SERVER__PORT="+ports[1]), "docker", "prefect", "agent", "start",
		"--api", api, "--name", "special", "--label", "special", "--no-pull", "--volume", flows+":/flows:ro", "--volume", path("results")+":/results",
		"--env", "PYTHONPATH=/flows", "--env", "PYTHONDONTWRITEBYTECODE=1")
	assert.NilError(t, err)
	endWith(t, labelled)
	return s
}

// endWith ends a process with the test, and shows what it printed if the test failed.
func endWith(t *testing.T, p *process) {
	t.Helper()
	t.Cleanup(func() {
		assert.Check(t, p.stop())
		output := p.Output()
		assert.Check(t, !strings.Contains(output, "WARNING: DATA RACE"))
		if t.Failed() {
			t.Logf("%v printed\n%s", p.cmd.Args, output)
		}
	})
}

func (s *site) prefect(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), prefect(), args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	assert.NilError(t, err, string(out))
}

// finish waits for the end of a run and of its container, which sends the last logs, and returns the run.
func (s *site) finish(t *testing.T, id, state string) flowRun {
	t.Helper()
	var run flowRun
	read := func() { assert.NilError(t, s.session.call(&run, object{"id": id}, `return flow_run(id)`)) }
	eventually(t, fmt.Sprintf("run %s has ended", id), func() bool {
		read()
		return slices.Contains(finished, run.State)
	})
	awaitContainers(t, id)
	read()
	assert.Equal(t, run.State, state, "%s\n%s", run.Message, strings.Join(run.Logs, "\n"))
	return run
}

func (s *site) run(t *testing.T, flow string) string {
	t.Helper()
	var id string
	assert.NilError(t, s.session.call(&id, object{"name": flow, "project": project}, `
		return client.create_flow_run(flow_id=FlowView.from_flow_name(name, project_name=project).flow_id)`))
	return id
}

func TestServices(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	// At once, since each waits for a heartbeat to become stale.
	between, retries, fails := s.run(t, "dies-before-its-tasks"), s.run(t, "dies-in-a-task-with-retries"), s.run(t, "dies-in-a-task-without")
	t.Run("schedules of a group", func(t *testing.T) { groupSchedule(t, s) })
	t.Run("a schedule", func(t *testing.T) { runsOfASchedule(t, s) })
	t.Run("Lazarus", func(t *testing.T) { lazarus(t, s.finish(t, between, "Success")) })
	t.Run("the zombie killer retries", func(t *testing.T) { zombieWithRetries(t, s.finish(t, retries, "Success")) })
	t.Run("the zombie killer fails", func(t *testing.T) { zombieWithoutRetries(t, s.finish(t, fails, "Failed")) })
}

// Two servers create runs of one schedule, each run once.
func runsOfASchedule(t *testing.T, s *site) {
	type scheduledRun struct {
		ID, Key    string
		Parameters object
		Labels     []string
	}
	var runs []scheduledRun
	assert.NilError(t, s.session.call(&runs, nil, `
		found = client.graphql("""{ flow_run(where: {flow: {name: {_eq: "scheduled"}}, auto_scheduled: {_eq: true}}, order_by: {scheduled_start_time: asc}) {
			id idempotency_key parameters labels } }""").data.flow_run
		return [{"id": r.id, "key": r.idempotency_key, "parameters": r.parameters, "labels": r.labels} for r in found]`))
	assert.Equal(t, len(runs), 3, "%v", runs)
	greetings := map[string]int{}
	for _, r := range runs {
		run := s.finish(t, r.ID, "Success")
		assert.DeepEqual(t, run.States, through("Success"))
		for _, line := range run.Logs {
			if strings.HasPrefix(line, "hello ") {
				greetings[fmt.Sprint(line, r.Labels)]++
			}
		}
	}
	assert.DeepEqual(t, greetings, map[string]int{"hello default[]": 2, "hello clock[special]": 1})
}

// A process that dies before it says that it runs is missed by nobody but Lazarus.
func lazarus(t *testing.T, run flowRun) {
	t.Helper()
	assert.DeepEqual(t, run.States, []string{"Scheduled", "Submitted", "Scheduled", "Submitted", "Running", "Success"})
	logged(t, run, "Rescheduled by a Lazarus process. This is attempt 1.")
}

func zombieWithRetries(t *testing.T, run flowRun) {
	t.Helper()
	assert.DeepEqual(t, run.States, through("Success"))
	history(t, run, "dies_and_retries-1", "Pending", "Running", "Retrying", "Submitted", "Running", "Success")
	logged(t, run, "No heartbeat detected from the remote task; retrying the run. This will be retry 1 of 1.")
}

// The task fails; the flow run, in which nothing runs any more, gets another process, which draws the conclusion.
func zombieWithoutRetries(t *testing.T, run flowRun) {
	t.Helper()
	history(t, run, "dies-1", "Pending", "Running", "Failed")
	history(t, run, "follows-1", "Pending", "TriggerFailed")
	logged(t, run, "as failed.")
	logged(t, run, "Rescheduled by a Lazarus process. This is attempt 1.")
}

// The schedule of a flow group stands in for the flow's, and can be switched off.
func groupSchedule(t *testing.T, s *site) {
	var counts []int
	err := s.session.call(&counts, object{"project": project}, `
		flow = FlowView.from_flow_name("dies-before-its-tasks", project_name=project)
		group = client.graphql('{ flow_by_pk(id: "%s") { flow_group_id } }' % flow.flow_id).data.flow_by_pk.flow_group_id
		def waiting():
			return len(client.graphql('{ flow_run(where: {flow_id: {_eq: "%s"}, auto_scheduled: {_eq: true}}) { id } }' % flow.flow_id).data.flow_run)
		counts = [waiting()]
		client.graphql("mutation($input: set_flow_group_schedule_input!) { set_flow_group_schedule(input: $input) { success } }",
			variables={"input": {"flow_group_id": group, "cron_clocks": [{"cron": "0 3 * * MON"}], "timezone": "Europe/Berlin"}})
		client.graphql('mutation { set_schedule_active(input: {flow_id: "%s"}) { success } }' % flow.flow_id)
		counts.append(waiting())
		client.graphql('mutation { set_schedule_inactive(input: {flow_id: "%s"}) { success } }' % flow.flow_id)
		counts.append(waiting())
		return counts`)
	assert.NilError(t, err)
	assert.DeepEqual(t, counts, []int{0, 10, 0})
}
