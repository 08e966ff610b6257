//go:build e2e

package e2e

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	assert.NilError(t, err)
	defer func() { _ = resp.Body.Close() }()
	assert.Equal(t, resp.StatusCode, http.StatusOK)
	body, err := io.ReadAll(resp.Body)
	assert.NilError(t, err)
	return string(body)
}

func listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }

// A run that cannot be launched says why in its own log, leaves no container, and the agent goes on.
func TestRunsThatCannotBeLaunchedFailAlone(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t)
	for _, tc := range []struct {
		name   string
		config object
		reason string
	}{
		{"image missing", object{"image": "no-such-image-here:1"}, "no-such-image-here:1"},
		{"create refused", object{"host_config": object{"mem_limit": "1k"}}, "memory"},
		{"start refused", object{"command": []string{"/no/such/program"}}, "/no/such/program"},
		{"unknown keyword", object{"host_config": object{"Memory": 1}}, "mem_limit"},
		{"wrong kind", object{"type": "KubernetesRun"}, "only `DockerRun` is supported"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := w.create(t, flowRun{runConfig: tc.config})
			w.waitState(t, id, "Failed")
			states, logs := w.history(t, id)
			assert.DeepEqual(t, states, []string{"Scheduled", "Submitted", "Failed"})
			assert.Equal(t, len(logs), 1, "%v", logs)
			assert.Assert(t, strings.HasPrefix(logs[0], "ERROR agent: "), logs[0])
			assert.Assert(t, is.Contains(strings.ToLower(logs[0]), strings.ToLower(tc.reason)))
			assert.Assert(t, !strings.Contains(logs[0], "\n"), logs[0])
			assert.Equal(t, containers(t, id), 0)
		})
	}
	id := w.create(t, flowRun{})
	w.waitState(t, id, "Success")
	assert.Assert(t, !strings.Contains(agent.Output(), "goroutine "), "a stack trace")
}

func TestARegistryOutsideTheListIsRefusedWithoutPullToo(t *testing.T) {
	w := newWorld(t)
	docker(t, "tag", demoImage, "localhost:5999/demo:1")
	t.Cleanup(func() { docker(t, "rmi", "localhost:5999/demo:1") })
	w.agent(t, "--no-pull", "--reg-allow-list", "localhost:5999")
	allowed := w.create(t, flowRun{runConfig: object{"image": "localhost:5999/demo:1"}})
	refused := w.create(t, flowRun{})
	w.waitState(t, allowed, "Success")
	w.waitState(t, refused, "Failed")
	_, logs := w.history(t, refused)
	assert.Assert(t, is.Contains(logs[0], "registry docker.io is not in the registry allow-list"))
}

func TestAPullThatFailsFailsTheRun(t *testing.T) {
	w := newWorld(t)
	w.agent(t)
	id := w.create(t, flowRun{runConfig: object{"image": "localhost:1/nobody/here:1"}})
	w.waitState(t, id, "Failed")
	_, logs := w.history(t, id)
	assert.Assert(t, is.Contains(logs[0], "pull"))
	assert.Assert(t, is.Contains(logs[0], "localhost:1/nobody/here:1"))
}

func TestTheAgentOutlivesTheAPI(t *testing.T) {
	w := newWorld(t)
	agent := w.agent(t)
	port := w.url[strings.LastIndex(w.url, ":")+1:]
	assert.NilError(t, syscall.Kill(groupPID(t, w.server), syscall.SIGINT))
	w.server.status(t)
	agent.waitFor(t, "the Prefect API is unavailable")
	start(t, w.env, w.server.cmd.Args[0], w.server.cmd.Args[1:]...)
	agent.waitFor(t, "the Prefect API answers again")
	id := w.create(t, flowRun{})
	w.waitState(t, id, "Success")
	assert.Equal(t, strings.Count(agent.Output(), "is unavailable"), 1, port)
}
