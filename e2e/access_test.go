//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const serverKey = "t0p-secret"

// sayHello asks an API whether it answers, and returns what it says.
func sayHello(t *testing.T, url, key string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"query": "{ hello }"}`))
	assert.NilError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	assert.NilError(t, err)
	defer func() { _ = resp.Body.Close() }()
	assert.Equal(t, resp.StatusCode, http.StatusOK)
	var answer struct {
		Data   struct{ Hello string }
		Errors []struct{ Extensions struct{ Code string } }
	}
	assert.NilError(t, json.NewDecoder(resp.Body).Decode(&answer))
	if len(answer.Errors) > 0 {
		return answer.Errors[0].Extensions.Code
	}
	return answer.Data.Hello
}

func TestAKeyLetsTheAgentAndItsContainersIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	assert.NilError(t, os.WriteFile(file, []byte(serverKey+"\n"), 0o600))
	env := append(environment(t, dockerConfig(t)), "PREFECT__BACKEND=server")
	port, gateway := freePort(t), bridgeGateway(t)
	local, beyond := net.JoinHostPort("127.0.0.1", port), net.JoinHostPort(gateway, port)
	server := start(t, env, "docker", "prefect", "server", "start", "--data", t.TempDir(), "--listen", local, "--listen", beyond, "--api-key-file", file)
	server.waitFor(t, "Serving the Prefect API at http://"+beyond)
	for _, address := range []string{local, beyond} {
		assert.Equal(t, sayHello(t, "http://"+address, ""), "UNAUTHENTICATED")
		assert.Equal(t, sayHello(t, "http://"+address, "wr0ng"), "UNAUTHENTICATED")
		assert.Equal(t, sayHello(t, "http://"+address, serverKey), "👋")
	}

	api := "http://localhost:" + port
	for _, key := range [][]string{nil, {"--key", "wr0ng"}} {
		out, status := run(t, env, "docker", append([]string{"prefect", "agent", "start", "--api", api}, key...)...)
		assert.Equal(t, status, 4, out)
		assert.Assert(t, is.Contains(out, "UNAUTHENTICATED"))
		assert.Assert(t, !strings.Contains(out, "wr0ng"))
	}
	agent := start(t, env, "docker", "prefect", "agent", "start", "--api", api, "--key", serverKey)
	agent.waitFor(t, "Waiting for flow runs...")
	out, status := run(t, append(env, "PREFECT__CLOUD__API_KEY="+serverKey), "docker", "prefect", "run", "--api", api, "--watch", demoImage)
	assert.Equal(t, status, 0, out)
	awaitRemoval(t, out)
	for _, text := range []string{server.Output(), agent.Output(), out} {
		assert.Assert(t, !strings.Contains(text, serverKey), text)
	}
}

func TestWithoutAKeyAServerIsForThisMachineOnly(t *testing.T) {
	assertFree(t, "127.0.0.1:4200")
	env := environment(t, dockerConfig(t))
	beyond := net.JoinHostPort(bridgeGateway(t), "4200")
	for _, test := range []struct {
		args []string
		open bool
	}{{nil, false}, {[]string{"--insecure"}, true}} {
		server := start(t, env, "docker", append([]string{"prefect", "server", "start"}, test.args...)...)
		server.waitFor(t, "Serving the Prefect API at http://[::1]:4200")
		assert.Equal(t, sayHello(t, "http://127.0.0.1:4200", ""), "👋")
		if test.open {
			server.waitFor(t, "Serving the Prefect API at http://"+beyond)
			assert.Equal(t, sayHello(t, "http://"+beyond, ""), "👋")
		} else {
			assert.Equal(t, strings.Count(server.Output(), "Containers cannot reach this server, which listens on loopback only"), 1, server.Output())
			assert.Assert(t, is.Contains(server.Output(), "--api-key"))
			if l, err := listen(beyond); assert.Check(t, err) {
				assert.NilError(t, l.Close())
			}
		}
		assert.NilError(t, server.cmd.Process.Signal(os.Interrupt))
		assert.Equal(t, server.status(t), 0, server.Output())
	}
}

// assertFree fails when somebody listens at an address that a test needs.
func assertFree(t *testing.T, address string) {
	t.Helper()
	l, err := listen(address)
	assert.NilError(t, err, "%s is taken on this machine", address)
	assert.NilError(t, l.Close())
}
