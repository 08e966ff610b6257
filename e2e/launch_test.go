//go:build e2e

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestARunGoesFromScheduledToSuccess(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t, "--name", "tester")
	id := w.create(t, flowRun{name: "first run", parameters: object{"name": "e2e"}})
	w.waitState(t, id, "Success")

	states, logs := w.history(t, id)
	assert.DeepEqual(t, states, []string{"Scheduled", "Submitted", "Running", "Success"})
	ctr := container(t, id)
	assert.Assert(t, is.Contains(logs, "INFO tester: Submitted for execution: Container ID: "+ctr["Id"].(string)))
	assert.Equal(t, ctr["Name"], "/"+containerName("first-run", id))
	assert.Equal(t, at(t, ctr, "State", "ExitCode"), 0.0)
	labels := at(t, ctr, "Config", "Labels").(object)
	assert.Equal(t, labels["io.prefect.flow-name"], "e2e flow")
	assert.Equal(t, labels["io.prefect.flow-id"], w.flowID)
	for _, line := range []string{
		"[", "INFO - tester | Deploying flow run " + id + " to execution environment...",
		"INFO - tester | Completed deployment of flow run " + id,
	} {
		assert.Assert(t, is.Contains(agent.Output(), line))
	}
}

func TestContainersRemoveThemselvesUnlessToldOtherwise(t *testing.T) {
	w := newWorld(t)
	w.agent(t)
	id := w.create(t, flowRun{runConfig: object{"host_config": nil}})
	w.waitState(t, id, "Success")
	eventually(t, "the container is gone", func() bool { return containers(t, id) == 0 })
}

func TestScheduledRunsStartOnTheSecond(t *testing.T) {
	w := newWorld(t)
	w.agent(t)
	due := time.Now().Add(6 * time.Second) // a little before the run's start time
	id := w.create(t, flowRun{in: 6 * time.Second})
	w.waitState(t, id, "Success")
	created, err := time.Parse(time.RFC3339Nano, container(t, id)["Created"].(string))
	assert.NilError(t, err)
	late := created.Sub(due)
	assert.Assert(t, late >= 0 && late < 2*time.Second, "created %s after the start time", late)
}

func TestLabelsSelectRuns(t *testing.T) {
	w := newWorld(t)
	other := w.create(t, flowRun{labels: []string{"gpu"}})
	ours := w.create(t, flowRun{labels: []string{"b", "a"}})
	w.agent(t, "-l", "a", "--label", "b", "-l", "c")
	w.waitState(t, ours, "Success")
	assert.Equal(t, w.state(t, other), "Scheduled")
}

func TestVolumesReachTheContainer(t *testing.T) {
	dir := t.TempDir()
	volume := "e2e-" + filepath.Base(dir) + "-" + freePort(t)
	t.Cleanup(func() { docker(t, "volume", "rm", "-f", volume) }) // after the world's containers
	w := newWorld(t)
	w.agent(t, "--volume", dir+":/host:ro", "--volume", volume+":/data")
	id := w.create(t, flowRun{})
	w.waitState(t, id, "Success")

	ctr := container(t, id)
	assert.DeepEqual(t, at(t, ctr, "HostConfig", "Binds"), []any{dir + ":/host:ro", volume + ":/data:rw"})
	var mounts []string
	for _, m := range ctr["Mounts"].([]any) {
		mount := m.(object)
		mounts = append(mounts, strings.Join([]string{mount["Type"].(string), mount["Destination"].(string)}, " "))
	}
	slices.Sort(mounts)
	assert.DeepEqual(t, mounts, []string{"bind /host", "volume /data"})
	assert.Equal(t, docker(t, "volume", "inspect", volume, "--format", `{{index .Labels "prefect_created"}}`), "true")
}

func TestNetworksAreAttachedBeforeTheStart(t *testing.T) {
	w := newWorld(t)
	var args []string
	for _, name := range []string{"e2e-one-" + freePort(t), "e2e-two-" + freePort(t)} {
		docker(t, "network", "create", name)
		t.Cleanup(func() { docker(t, "network", "rm", name) })
		args = append(args, "--network", name)
	}
	// Containers on such networks reach the host all the same.
	w.agent(t, args...)
	id := w.create(t, flowRun{})
	w.waitState(t, id, "Success")
	networks := at(t, container(t, id), "NetworkSettings", "Networks").(object)
	assert.Equal(t, len(networks), 2)
	assert.Assert(t, networks[args[1]] != nil && networks[args[3]] != nil, "%v", networks)
	docker(t, "rm", "-f", container(t, id)["Id"].(string))
}

func TestTheHostNetworkReachesALocalAPI(t *testing.T) {
	w := newWorld(t)
	w.agent(t, "--network", "host")
	id := w.create(t, flowRun{})
	w.waitState(t, id, "Success")
	ctr := container(t, id)
	assert.Equal(t, at(t, ctr, "HostConfig", "NetworkMode"), "host")
}

func TestPortsAreExposedAndPublishedAsAsked(t *testing.T) {
	w := newWorld(t)
	w.agent(t)
	port := freePort(t)
	id := w.create(t, flowRun{
		parameters: object{"sleep": "3s"},
		runConfig: object{"ports": []int{8080}, "host_config": object{
			"auto_remove": false, "port_bindings": object{"8080": port}, "mem_limit": "64m",
		}},
	})
	w.waitState(t, id, "Running")
	ctr := container(t, id)
	assert.Equal(t, at(t, ctr, "HostConfig", "Memory"), float64(64<<20))
	binding := at(t, ctr, "HostConfig", "PortBindings", "8080/tcp").([]any)[0].(object)
	assert.Equal(t, binding["HostPort"], port)
	w.waitState(t, id, "Success")
}

func TestEnvironmentHasPrefectsPrecedence(t *testing.T) {
	w := newWorld(t)
	w.agent(t, "--env", "A=agent", "-e", "B=agent=more", "--env", "PREFECT__CONTEXT__FLOW_RUN_ID=stolen", "--env", "PREFECT__LOGGING__LEVEL=DEBUG")
	id := w.create(t, flowRun{runConfig: object{"env": object{"A": "run", "C": true}}})
	w.waitState(t, id, "Success")
	var env []string
	for _, v := range at(t, container(t, id), "Config", "Env").([]any) {
		env = append(env, v.(string))
	}
	for _, want := range []string{
		"A=run", "B=agent=more", "C=True", "PREFECT__CONTEXT__FLOW_RUN_ID=" + id, "PREFECT__LOGGING__LEVEL=DEBUG",
		"PREFECT__BACKEND=server", "PREFECT__CLOUD__API=" + strings.Replace(w.api, "localhost", "host.docker.internal", 1),
		"PREFECT__CLOUD__AGENT__LABELS=[]", "PREFECT__CONTEXT__IMAGE=" + demoImage, "PREFECT__CLOUD__SEND_FLOW_RUN_LOGS=true",
	} {
		assert.Assert(t, is.Contains(env, want))
	}
}

// containerName is that of the first execution of a run.
func containerName(runName, runID string) string {
	return runName + "-" + runID[len(runID)-12:] + "-1"
}

func TestATakenNameIsNumbered(t *testing.T) {
	w := newWorld(t)
	id := w.create(t, flowRun{name: "taken"})
	name := containerName("taken", id)
	docker(t, "create", "--name", name, demoImage, "prefect")
	t.Cleanup(func() { docker(t, "rm", name) })
	w.agent(t)
	w.waitState(t, id, "Success")
	assert.Equal(t, container(t, id)["Name"], "/"+name+"-1")
}

func TestShowFlowLogsCopiesTheOutput(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t, "--show-flow-logs")
	id := w.create(t, flowRun{runConfig: object{"command": []string{"prefect", "no", "such", "command"}, "host_config": nil}})
	w.waitState(t, id, "Failed")
	agent.waitFor(t, "usage: prefect execute flow-run")
}

func TestMaxPollsEndsTheAgent(t *testing.T) {
	w := newWorld(t)
	id := w.create(t, flowRun{})
	agent := w.agent(t, "--max-polls", "1")
	assert.Equal(t, agent.status(t), 0)
	w.waitState(t, id, "Success")
}

func TestAPokeMakesAnIdleAgentLook(t *testing.T) {
	w := newWorld(t)
	address := "http://127.0.0.1:" + freePort(t)
	agent := w.agent(t, "--agent-address", address, "--log-level", "debug")
	agent.waitFor(t, "Sleeping flow run poller for 8 seconds...")
	begin := time.Now()
	id := w.create(t, flowRun{})
	assert.Equal(t, get(t, address+"/api/poke"), "")
	w.waitState(t, id, "Success")
	assert.Assert(t, time.Since(begin) < 6*time.Second, "took %s", time.Since(begin))
	assert.Equal(t, get(t, address+"/api/health"), "{}")
}

func TestACommandRunsInAnyImage(t *testing.T) {
	w := newWorld(t)
	w.agent(t)
	out, status := run(t, w.env, "docker", "prefect", "run", "--api", w.api, "--watch", demoImage, "--", "/bin/prefect", "nonsense")
	assert.Equal(t, status, 1, out)
	for _, line := range []string{"| Running: ", "INFO - output | usage: prefect execute flow-run", "ended as Failed: The container exited with status 2."} {
		assert.Assert(t, is.Contains(out, line))
	}
	awaitRemoval(t, out)
}

func TestRunFollowsAFlowImageToItsEnd(t *testing.T) {
	w := newWorld(t)
	w.agent(t, "-l", "e2e")
	out, status := run(t, w.env, "docker", "prefect", "run", "--api", w.api, "-w", "-l", "e2e", "--param", "name=you", demoImage)
	assert.Equal(t, status, 0, out)
	assert.Assert(t, is.Contains(out, "Hello, you"))
	awaitRemoval(t, out)
	out, status = run(t, w.env, "docker", "prefect", "run", "--api", w.api, "-w", "-l", "e2e", "--param", "fail=true", demoImage)
	assert.Equal(t, status, 1, out)
	assert.Assert(t, is.Contains(out, "ended as Failed: "))
	awaitRemoval(t, out)
}

// awaitRemoval waits until the agent has removed the container of the run that `docker prefect run` tells first.
func awaitRemoval(t *testing.T, output string) {
	t.Helper()
	id, _, _ := strings.Cut(output, "\n")
	eventually(t, "the container of run "+id+" is removed", func() bool { return containers(t, id) == 0 })
}

func TestLocalServesAPIAndAgentInOneProcess(t *testing.T) {
	assertFree(t, "127.0.0.1:4200")
	env := environment(t, dockerConfig(t))
	agent := start(t, env, "docker", "prefect", "agent", "start", "--local")
	agent.waitFor(t, "Waiting for flow runs...")
	env = append(env, "PREFECT__BACKEND=server")
	out, status := run(t, env, "docker", "prefect", "run", "--watch", demoImage)
	assert.Equal(t, status, 0, out)
	awaitRemoval(t, out)
	home := strings.TrimPrefix(env[0], "HOME=")
	key, err := os.ReadFile(filepath.Join(home, ".config", "docker-prefect", "api-key"))
	assert.NilError(t, err)

	// The container above showed a key that only agent and server know; who is on this machine needs none.
	beyond := "http://" + net.JoinHostPort(bridgeGateway(t), "4200")
	assert.Equal(t, sayHello(t, "http://localhost:4200", ""), "👋")
	assert.Equal(t, sayHello(t, beyond, ""), "UNAUTHENTICATED")
	assert.Equal(t, sayHello(t, beyond, strings.TrimSpace(string(key))), "👋")
	assert.Assert(t, !strings.Contains(agent.Output(), strings.TrimSpace(string(key))))
}
