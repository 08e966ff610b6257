//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// kill ends the plugin without a chance to do anything, and waits until docker is gone, too.
func kill(t *testing.T, agent *process) {
	t.Helper()
	assert.NilError(t, syscall.Kill(groupPID(t, agent), syscall.SIGKILL))
	<-agent.ended
}

// containerID waits for the live container of a run.
func containerID(t *testing.T, runID string) (id string) {
	t.Helper()
	eventually(t, "run "+runID+" has a container", func() bool {
		id = docker(t, "ps", "-q", "--no-trunc", "--filter", "label="+runLabel+"="+runID)
		return id != ""
	})
	return id
}

// waitWorking waits until the demo flow is in the middle of its work, not just Running.
func (w *world) waitWorking(t *testing.T, id string) {
	t.Helper()
	eventually(t, "run "+id+" works", func() bool {
		_, logs := w.history(t, id)
		return strings.Contains(strings.Join(logs, "\n"), "Working for")
	})
}

func TestACrashIsToldWithinTwoSeconds(t *testing.T) {
	w := newWorld(t)
	w.agent(t)
	id := w.create(t, flowRun{parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil}})
	w.waitWorking(t, id)
	docker(t, "kill", containerID(t, id))
	begin := time.Now()
	w.waitState(t, id, "Failed")
	assert.Assert(t, time.Since(begin) < 2*time.Second, "took %s", time.Since(begin))
	_, logs := w.history(t, id)
	last := logs[len(logs)-1]
	for _, part := range []string{"ERROR agent: The container exited with status 137 (SIGKILL", "Image: " + demoImage + " (sha256:", "Working for 1m0s"} {
		assert.Assert(t, is.Contains(last, part))
	}
	eventually(t, "the container is removed", func() bool { return containers(t, id) == 0 })
}

func TestAnAgentThatIsStartedAgainKnowsItsContainers(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t)
	goesOn := w.create(t, flowRun{parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil}})
	crashes := w.create(t, flowRun{parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil}})
	command := w.create(t, flowRun{runConfig: object{"host_config": nil, "command": []string{"/bin/prefect", "nonsense"}}})
	w.waitState(t, goesOn, "Running")
	w.waitState(t, crashes, "Running")
	w.waitState(t, command, "Failed")
	kill(t, agent)
	docker(t, "kill", containerID(t, crashes))

	again := w.agent(t)
	again.waitFor(t, "Adopted the container of flow run "+goesOn)
	w.waitState(t, crashes, "Failed")
	assert.Equal(t, w.state(t, goesOn), "Running")
	docker(t, "kill", "--signal", "SEGV", containerID(t, goesOn))
	w.waitState(t, goesOn, "Failed")
	eventually(t, "the containers are removed", func() bool { return containers(t, goesOn)+containers(t, crashes) == 0 })
}

// The agent dies between claim and container, where only a mark in the claim tells what was to be done.
func TestAClaimOfAKilledAgentIsTakenUp(t *testing.T) {
	w := newWorld(t)
	swallow, err := listen("127.0.0.1:0")
	assert.NilError(t, err)
	defer func() { assert.NilError(t, swallow.Close()) }()
	image := swallow.Addr().String() + "/slow/image:1"
	docker(t, "tag", demoImage, image)
	t.Cleanup(func() { docker(t, "rmi", image) })
	agent := w.agent(t)
	id := w.create(t, flowRun{runConfig: object{"image": image}})
	agent.waitFor(t, "Pulling image")
	assert.Equal(t, w.state(t, id), "Submitted")
	kill(t, agent)

	again := w.agent(t, "--no-pull")
	again.waitFor(t, "Taking up the launch of flow run "+id)
	w.waitState(t, id, "Success")
	states, _ := w.history(t, id)
	assert.DeepEqual(t, states, []string{"Scheduled", "Submitted", "Running", "Success"})
}

func TestAgentsOfOneEngineLeaveEachOthersContainersAlone(t *testing.T) {
	w := newWorld(t)
	first := w.agent(t, "--name", "first", "--label", "one")
	id := w.create(t, flowRun{labels: []string{"one"}, parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil}})
	w.waitState(t, id, "Running")
	kill(t, first)
	other := start(t, w.env, "docker", "prefect", "agent", "start", "--api", w.api, "--name", "other", "--label", "one", "--on-stop", "kill", "--cancel-poll", "200ms", "--cancel-grace", "0s")
	other.waitFor(t, "Waiting for flow runs...")
	ctr := containerID(t, id)
	docker(t, "kill", ctr)
	assert.NilError(t, syscall.Kill(pluginPID(t, other), syscall.SIGTERM))
	assert.Equal(t, other.status(t), 0)
	assert.Assert(t, !strings.Contains(other.Output(), id), other.Output())
	assert.Equal(t, w.state(t, id), "Running")
	assert.Equal(t, containers(t, id), 1)
	w.agent(t, "--name", "first", "--label", "one")
	w.waitState(t, id, "Failed")
}

func TestACancelledRunHasItsContainerStopped(t *testing.T) {
	w := newWorld(t)
	w.agent(t, "--cancel-poll", "200ms", "--cancel-grace", "1s")
	// The demo flow does not look for cancellations.
	running := w.create(t, flowRun{parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil}})
	w.waitWorking(t, running)
	w.query(t, `mutation($input: cancel_flow_run_input!) { cancel_flow_run(input: $input) { state } }`, object{"input": object{"flow_run_id": running}})
	assert.Equal(t, w.state(t, running), "Cancelling")
	w.waitState(t, running, "Cancelled")
	eventually(t, "the container is removed", func() bool { return containers(t, running) == 0 })
	_, logs := w.history(t, running)
	assert.Assert(t, is.Contains(strings.Join(logs, "\n"), "stopped, since the flow run was cancelled"))
}

func TestTheLimitHoldsAcrossARestart(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t, "--limit", "2")
	var runs []string
	for range 3 {
		runs = append(runs, w.create(t, flowRun{parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil}}))
	}
	live := func() (n int) {
		for _, id := range runs {
			n += len(strings.Fields(docker(t, "ps", "-q", "--filter", "label="+runLabel+"="+id)))
		}
		return n
	}
	agent.waitFor(t, "The limit is reached: 2 of 2")
	eventually(t, "two containers are live", func() bool { return live() == 2 })
	kill(t, agent)
	again := w.agent(t, "--limit", "2")
	again.waitFor(t, "The limit is reached: 2 of 2")
	assert.Equal(t, live(), 2)
	var taken []string
	for _, id := range runs {
		if w.state(t, id) != "Scheduled" {
			taken = append(taken, containerID(t, id))
		}
	}
	assert.Equal(t, len(taken), 2)
	docker(t, append([]string{"kill"}, taken...)...)
	eventually(t, "the third is taken", func() bool { return live() == 1 })
}

func TestOnStopKillEndsTheContainers(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t, "--on-stop", "kill")
	id := w.create(t, flowRun{parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil}})
	w.waitState(t, id, "Running")
	assert.NilError(t, syscall.Kill(pluginPID(t, agent), syscall.SIGTERM))
	assert.Equal(t, agent.status(t), 0)
	assert.Equal(t, w.state(t, id), "Failed")
	assert.Equal(t, containers(t, id), 0)
}

func TestPruneRemovesWhatIsKeptOfFinishedRuns(t *testing.T) {
	w := newWorld(t)
	w.agent(t, "--keep-failed", "1")
	var failed []string
	for range 2 {
		id := w.create(t, flowRun{parameters: object{"fail": true}, runConfig: object{"host_config": nil}})
		w.waitState(t, id, "Failed")
		failed = append(failed, id)
	}
	eventually(t, "only the newer one stays", func() bool { return containers(t, failed[0]) == 0 && containers(t, failed[1]) == 1 })
	kept := w.create(t, flowRun{})
	w.waitState(t, kept, "Success")
	live := w.create(t, flowRun{parameters: object{"sleep": "1m"}})
	w.waitState(t, live, "Running")
	eventually(t, "the kept one has ended", func() bool {
		return at(t, container(t, kept), "State", "Status") == "exited"
	})

	dry, status := run(t, w.env, "docker", "prefect", "prune", "--api", w.api, "--dry-run")
	assert.Equal(t, status, 0, dry)
	assert.Assert(t, is.Contains(dry, "2 of "))
	assert.Equal(t, containers(t, failed[1])+containers(t, kept), 2, "nothing is removed in a dry run")
	out, status := run(t, w.env, "docker", "prefect", "prune", "--api", w.api)
	assert.Equal(t, status, 1, "nobody said yes: %s", out)
	assert.Equal(t, containers(t, failed[1])+containers(t, kept), 2)
	out, status = run(t, w.env, "docker", "prefect", "prune", "--api", w.api, "--force")
	assert.Equal(t, status, 0, out)
	assert.Equal(t, containers(t, failed[1])+containers(t, kept), 0)
	assert.Equal(t, containers(t, live), 1)
}

// The binary alone in an image, as process 1, with the engine's socket: it drains when the engine stops it.
func TestTheAgentWorksAsProcessOne(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	program, err := os.ReadFile(plainBinary(t))
	assert.NilError(t, err)
	assert.NilError(t, os.WriteFile(filepath.Join(dir, "docker-prefect"), program, 0o755))
	tar := exec.Command("tar", "-C", dir, "-c", "docker-prefect")
	load := exec.Command("docker", "import", "-c", `ENTRYPOINT ["/docker-prefect", "prefect"]`, "-", "docker-prefect-pid1:e2e")
	load.Stdin, err = tar.StdoutPipe()
	assert.NilError(t, err)
	assert.NilError(t, tar.Start())
	out, err := load.CombinedOutput()
	assert.NilError(t, err, string(out))
	assert.NilError(t, tar.Wait())
	t.Cleanup(func() { docker(t, "rmi", "docker-prefect-pid1:e2e") })

	agent := docker(t, "run", "-d", "--network", "host", "-v", "/var/run/docker.sock:/var/run/docker.sock", "-e", "PREFECT__BACKEND=server", "-e", "HOME=/",
		"docker-prefect-pid1:e2e", "agent", "start", "--api", w.api)
	t.Cleanup(func() { docker(t, "rm", "-f", agent) })
	id := w.create(t, flowRun{parameters: object{"sleep": "3s"}})
	w.waitState(t, id, "Running")
	docker(t, "stop", agent)
	assert.Equal(t, docker(t, "inspect", "--format", "{{.State.ExitCode}}", agent), "0", docker(t, "logs", agent))
	w.waitState(t, id, "Success")
}

// Whatever happens to a run, and however much is logged: keys and values of variables are in no line.
func TestSecretsAreInNoLog(t *testing.T) {
	w := newWorld(t)
	agent := start(t, append(w.env, "FROM_SHELL=hunter2shell"), "docker", "prefect", "agent", "start", "--api", w.api, "--key", "hunter2key", "--log-level", "debug",
		"--env", "PASSWORD=hunter2agent", "--env", "FROM_SHELL")
	agent.waitFor(t, "Waiting for flow runs...")
	crash := w.create(t, flowRun{parameters: object{"sleep": "1m"}, runConfig: object{"host_config": nil, "env": object{"TOKEN": "hunter2run"}}})
	refused := w.create(t, flowRun{runConfig: object{"image": "no-such-image:1", "env": object{"TOKEN": "hunter2run"}}})
	w.waitState(t, crash, "Running")
	ctr := containerID(t, crash)
	assert.Assert(t, is.Contains(docker(t, "inspect", ctr), "hunter2agent"), "the container has them")
	docker(t, "kill", ctr)
	w.waitState(t, crash, "Failed")
	w.waitState(t, refused, "Failed")
	text := agent.Output()
	for _, id := range []string{crash, refused} {
		_, logs := w.history(t, id)
		text += strings.Join(logs, "\n")
	}
	assert.Assert(t, is.Contains(text, "PASSWORD"), "names may be told")
	assert.Assert(t, !strings.Contains(text, "hunter2"), text)
}
