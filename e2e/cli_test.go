//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
	"gotest.tools/v3/golden"
)

// Bad input gets one line that names the value and the way out, the right status, and no stack trace.
func TestBadInputGetsOneLine(t *testing.T) {
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") }))
	defer html.Close()
	forbidding := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer forbidding.Close()
	broken := filepath.Join(t.TempDir(), "config.toml")
	assert.NilError(t, os.WriteFile(broken, []byte("[cloud\n"), 0o600))

	for _, tc := range []struct {
		args   string
		env    string
		status int
		want   string
	}{
		{args: "agnet", status: 125, want: "did you mean 'docker prefect agent'?"},
		{args: "agent strat", status: 125, want: "did you mean 'docker prefect agent start'?"},
		{args: "agent start --nonsense", status: 125, want: "unknown flag: --nonsense; see 'docker prefect agent start --help'"},
		{args: "agent start extra", status: 125, want: `"extra"`},
		{args: "agent start --max-polls many", status: 125, want: `"many"`},
		{args: "agent start --env NOVALUE", status: 125, want: "NOVALUE"},
		{args: "agent start --env =x", status: 125, want: "--env has a value without a name"},
		{args: "agent start --label=", status: 125, want: "label"},
		{args: "agent start --volume /a:/b:ro:z", status: 125, want: "/a:/b:ro:z"},
		{args: "agent start --volume /p:ro", status: 125, want: "must be absolute"},
		{args: "agent start --volume name:/b:ro", status: 125, want: "name:/b:ro"},
		{args: "agent start --network host --network other", status: 125, want: `"host" cannot be combined with "other"`},
		{args: "agent start --allow-image python:3", status: 125, want: `--allow-image "python:3": begins with no registry`},
		{args: "agent start --deny-host-config privileged,Memory", status: 125, want: `--deny-host-config "Memory": no such key of host_config; write "mem_limit"`},
		{args: "agent start --deny-host-config binds:data", status: 125, want: `"data" is no absolute path`},
		{args: "agent start --host-config-policy strict", status: 125, want: `the only preset is "restricted"`},
		{args: "agent start --memory lots", status: 125, want: "'lots'"},
		{args: "agent start --cpus many", status: 125, want: "many"},
		{args: "agent start --memory 2g --max-memory 1g", status: 125, want: "--memory 2GiB is more than --max-memory 1GiB"},
		{args: "agent start --tenant-id nobody", status: 125, want: `nobody`},
		{args: "agent start --agent-address localhost", status: 125, want: "localhost"},
		{args: "agent start --api localhost", status: 125, want: "localhost"},
		{args: "agent start --api ftp://x", status: 125, want: "ftp://x"},
		{args: "agent start --base-url fd://", status: 125, want: "fd://"},
		{args: "agent start --base-url tcp://noport", status: 125, want: "tcp://noport"},
		{args: "agent start --log-level LOUD", status: 125, want: "LOUD"},
		{args: "agent start --docker-client-timeout -1", status: 125, want: "-1"},
		{args: "run", status: 125, want: "no image"},
		{args: "run BAD:IMAGE:x", status: 125, want: `"BAD:IMAGE:x"`},
		{args: "run a b", status: 125, want: `"b"`},
		{args: "run --param x image", status: 125, want: `"x"`},
		{args: "server start --listen nowhere", status: 125, want: "nowhere"},
		{args: "server start --listen 127.0.0.1:0 --listen 0.0.0.0:4200", status: 125, want: `"0.0.0.0:4200"`},
		{args: "server start --listen :4200", status: 125, want: "give --api-key, or --insecure"},
		{args: "server start --insecure --api-key k3y", status: 125, want: "--api-key gives a key, and --insecure says that there is none"},
		{args: "server start --insecure", env: "DOCKER_PREFECT_SERVER_API_KEY=k3y", status: 125, want: "DOCKER_PREFECT_SERVER_API_KEY gives a key"},
		{args: "server start --api-key-file /no/such.key", status: 125, want: "/no/such.key"},
		{args: "agent start --insecure", status: 125, want: "add --local"},
		{args: "agent start", env: "PREFECT__USER_CONFIG_PATH=" + broken, status: 1, want: broken},
		{args: "agent start", env: "DOCKER_CONTEXT=nowhere", status: 1, want: `docker context "nowhere" does not exist`},
		{args: "agent start --base-url unix:///no/such.sock", status: 1, want: "/no/such.sock"},
		{args: "agent start --api " + html.URL, env: "PREFECT__BACKEND=server", status: 1, want: "does not answer like a Prefect API"},
		{args: "agent start --api " + forbidding.URL + " --key k3y", status: 4, want: "401 Unauthorized"},
	} {
		t.Run(tc.args+" "+tc.env, func(t *testing.T) {
			env := environment(t, dockerConfig(t), tc.env)
			out, status := run(t, env, "docker", append([]string{"prefect"}, strings.Fields(tc.args)...)...)
			assert.Equal(t, status, tc.status, out)
			assert.Assert(t, is.Contains(out, tc.want))
			assert.Assert(t, !strings.Contains(out, "goroutine ") && !strings.Contains(out, "k3y"), out)
			complaints := 0
			for line := range strings.Lines(out) {
				if !strings.HasPrefix(line, "[") { // log lines
					complaints++
				}
			}
			assert.Equal(t, complaints, 1, out)
		})
	}
}

func TestAnExpiredKeyEndsTheAgentWithItsOwnStatus(t *testing.T) {
	expired := false
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if expired {
			_, _ = fmt.Fprint(w, `{"data": null, "errors": [{"message": "expired", "extensions": {"code": "UNAUTHENTICATED"}}]}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"data": {"hello": "hi", "register_agent": {"id": "a"}, "auth_info": {"tenant_id": "t"}, "get_runs_in_queue": {"flow_run_ids": []}}}`)
	}))
	defer api.Close()
	env := environment(t, dockerConfig(t))
	agent := start(t, env, "docker", "prefect", "agent", "start", "--api", api.URL, "--key", "k3y")
	agent.waitFor(t, "Waiting for flow runs...")
	expired = true
	assert.Equal(t, agent.status(t), 4)
	assert.Assert(t, is.Contains(agent.Output(), "UNAUTHENTICATED"))
	assert.Assert(t, !strings.Contains(agent.Output(), "k3y"))
}

func TestAWrongTenantIsNamed(t *testing.T) {
	w := newWorld(t)
	const nobody = "0f8fad5b-d9cb-469f-a165-70867728950e"
	out, status := run(t, w.env, "docker", "prefect", "agent", "start", "--api", w.api, "--tenant-id", nobody)
	assert.Equal(t, status, 1, out)
	assert.Assert(t, is.Contains(out, "does tenant "+nobody+" exist there?"))
}

func TestMetadataIsWhatDockerAsksFor(t *testing.T) {
	out, status := run(t, environment(t, t.TempDir()), binary(t), "docker-cli-plugin-metadata")
	assert.Equal(t, status, 0)
	assert.Assert(t, !strings.Contains(out, "devel") && !strings.Contains(out, "unknown"), "the linker sets the version: %s", out)
	for _, part := range []string{`"SchemaVersion": "0.1.0"`, `"Vendor"`, `"Version"`, `"ShortDescription"`} {
		assert.Assert(t, is.Contains(out, part))
	}
}

// The help texts are reviewed as files: go test -tags e2e ./e2e -run Help -update writes them anew.
func TestHelpReadsLikeDockers(t *testing.T) {
	for _, command := range []string{"", "agent", "agent start", "server", "server start", "run", "prune"} {
		name := strings.ReplaceAll(strings.TrimSpace("help "+command), " ", "-") + ".txt"
		t.Run(name, func(t *testing.T) {
			env := append(environment(t, dockerConfig(t)), "COLUMNS=80")
			long, status := run(t, env, "docker", append(append([]string{"prefect"}, strings.Fields(command)...), "--help")...)
			assert.Equal(t, status, 0)
			golden.Assert(t, long, name)
			short, status := run(t, env, "docker", append(append([]string{"prefect"}, strings.Fields(command)...), "-h")...)
			assert.Equal(t, status, 0)
			assert.Equal(t, short, long)
		})
	}
}

// A start-up script for the Python agent works when only the command's name is changed.
func TestStartUpScriptsOfPrefectWork(t *testing.T) {
	w := newWorld(t)
	for _, script := range []string{
		"agent start docker --token t0ken -v --max-polls 0 --no-docker-interface --namespace x --import-path y --base-url unix://var/run/docker.sock",
		"agent docker start -n mine -l a -l b -e A=b --max-polls 0 --no-pull --no-cloud-logs --show-flow-logs --log-level warning --docker-client-timeout 0",
		"agent docker start --key k -a " + w.api + " --max-polls=0 --volume /tmp --network bridge -f -b unix:///var/run/docker.sock --agent-address http://:" + freePort(t),
	} {
		t.Run(script, func(t *testing.T) {
			out, status := run(t, append(w.env, "PREFECT__CLOUD__API="+w.api), "docker", append([]string{"prefect"}, strings.Fields(script)...)...)
			assert.Equal(t, status, 0, out)
			assert.Assert(t, !strings.Contains(out, "t0ken"), out)
		})
	}
}

func TestTheShellCompletesWhatItCan(t *testing.T) {
	env := environment(t, dockerConfig(t))
	for _, tc := range []struct{ args, want string }{
		{"agent start --l", "--local"},
		{"agent start --log-level|", "WARNING"},
		{"agent start --network|", ":4\n"}, // no file names
		{"a", "agent"},
	} {
		args, empty := strings.CutSuffix(tc.args, "|")
		words := append([]string{"__complete", "prefect"}, strings.Fields(args)...)
		if empty {
			words = append(words, "")
		}
		out, status := run(t, env, "docker", words...)
		assert.Equal(t, status, 0, out)
		assert.Assert(t, is.Contains(out, tc.want), "%s", tc.args)
	}
}
