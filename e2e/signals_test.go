//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

var interrupt = os.Interrupt

// pluginPID is the process that the docker CLI started.
func pluginPID(t *testing.T, docker *process) int {
	t.Helper()
	// Any of docker's threads may have started it.
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(docker.cmd.Process.Pid) + "/task/*/children")
	assert.NilError(t, err)
	var children []string
	for _, file := range threads {
		text, err := os.ReadFile(file)
		assert.NilError(t, err)
		children = append(children, strings.Fields(string(text))...)
	}
	assert.Equal(t, len(children), 1, "children: %q", children)
	pid, err := strconv.Atoi(children[0])
	assert.NilError(t, err)
	return pid
}

func groupPID(_ *testing.T, p *process) int { return -p.cmd.Process.Pid }

// dockerPID is the docker CLI's own process. Before version 25 it swallows a signal and tells nobody, so
// there the whole group must have it, as from a terminal or a service manager.
func dockerPID(t *testing.T, p *process) int {
	t.Helper()
	major, _, _ := strings.Cut(docker(t, "version", "--format", "{{.Client.Version}}"), ".")
	if n, err := strconv.Atoi(major); err == nil && n < 25 {
		return groupPID(t, p)
	}
	return p.cmd.Process.Pid
}

func TestSignalsDrain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		signal syscall.Signal
		to     func(t *testing.T, p *process) int
	}{
		{"SIGTERM to the plugin", syscall.SIGTERM, pluginPID},
		{"SIGINT to the plugin", syscall.SIGINT, pluginPID},
		{"SIGTERM to docker", syscall.SIGTERM, dockerPID},
		{"SIGINT to docker", syscall.SIGINT, dockerPID},
		{"SIGINT to both, as Ctrl-C does", syscall.SIGINT, groupPID},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			agent := w.agent(t)
			id := w.create(t, flowRun{parameters: object{"sleep": "4s"}})
			w.waitState(t, id, "Running")
			pid := tc.to(t, agent)
			plugin := pluginPID(t, agent)
			assert.NilError(t, syscall.Kill(pid, tc.signal))
			agent.waitFor(t, "no new flow runs are taken")
			eventually(t, "the plugin is gone", func() bool { return syscall.Kill(plugin, 0) != nil })
			assert.Assert(t, is.Contains([]int{0, 130, 143}, agent.status(t)), "docker's own status for its own signal")
			if pid == plugin {
				assert.Equal(t, agent.status(t), 0)
			}
			w.waitState(t, id, "Success") // the container went on
		})
	}
}

func TestThePluginDrainsWhenDockerIsKilled(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t)
	plugin := pluginPID(t, agent)
	assert.NilError(t, syscall.Kill(agent.cmd.Process.Pid, syscall.SIGKILL))
	eventually(t, "the plugin is gone", func() bool { return syscall.Kill(plugin, 0) != nil })
}

func TestASecondSignalLeavesAtOnce(t *testing.T) {
	w := newWorld(t)
	// A port that swallows connections makes a pull that takes its time, hence a drain that does.
	swallow, err := listen("127.0.0.1:0")
	assert.NilError(t, err)
	defer func() { assert.NilError(t, swallow.Close()) }()
	agent := start(t, w.env, binary(t), "prefect", "agent", "start", "--api", w.api)
	agent.waitFor(t, "Waiting for flow runs...")
	w.create(t, flowRun{runConfig: object{"image": swallow.Addr().String() + "/slow/image:1"}})
	agent.waitFor(t, "Pulling image")
	assert.NilError(t, agent.cmd.Process.Signal(syscall.SIGTERM))
	agent.waitFor(t, "launches_in_flight=1")
	assert.NilError(t, agent.cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, agent.status(t), 130)
	assert.Assert(t, is.Contains(agent.Output(), "leaving at once"))
}

func TestThePluginRunsWithoutTheDockerCLI(t *testing.T) {
	w := newWorld(t)
	agent := start(t, w.env, binary(t), "agent", "start", "--api", w.api, "--max-polls", "1")
	assert.Equal(t, agent.status(t), 0, agent.Output())
}
