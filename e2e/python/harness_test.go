//go:build e2e && python

// Package python tests the whole with Prefect's own Python package: its commands and its client against the server, and
// its flows in containers that the agent starts. What happened is read through the package, too.
package python

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

const (
	// image is what build-image builds.
	image = "prefect-flow:1.4.1"
	// project is where the flows of the directory flows are registered.
	project = "e2e"
	// patience is for one thing that happens within seconds, or a minute or two where the machine is busy.
	patience = 3 * time.Minute
)

// world is what the tests of this package share: one server, one agent, one Python session.
var world struct {
	dir         string // scratch space, with the homes of all processes below
	port        string
	agentPort   string
	server      *process
	agent       *process
	session     *session
	dockerFiles string // configuration of the docker CLI, with the plugin
}

// Tests wait for containers most of the time: so many may do that at once. More only wait for the processor.
const parallel = "12"

func TestMain(m *testing.M) {
	flag.Parse()
	if !flagGiven("test.parallel") {
		_ = flag.Set("test.parallel", parallel)
	}
	os.Exit(runTests(m))
}

func flagGiven(name string) (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

func runTests(m *testing.M) (status int) {
	defer func() {
		if err := tearDown(status != 0); err != nil {
			fmt.Fprintln(os.Stderr, "e2e/python:", err)
			status = 1
		}
	}()
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e/python:", err)
		return 1
	}
	return m.Run()
}

func setUp() error {
	if virtualEnv() == "" {
		return errors.New("DOCKER_PREFECT_PYTHON does not name what e2e/ensure-python made; e2e/run-tests sets it")
	}
	if out, err := exec.Command("./build-image", virtualEnv()).CombinedOutput(); err != nil {
		return fmt.Errorf("build-image: %w\n%s", err, out)
	}
	var err error
	if world.dir, err = os.MkdirTemp("", "docker-prefect-python"); err != nil {
		return err
	}
	for _, dir := range []string{"data", "results", "docker"} {
		if err := os.Mkdir(path(dir), 0o755); err != nil {
			return err
		}
	}
	plugin, err := pluginDir()
	if err != nil {
		return err
	}
	world.dockerFiles = path("docker")
	config := fmt.Sprintf(`{"cliPluginsExtraDirs": [%q]}`, plugin)
	if err := os.WriteFile(filepath.Join(world.dockerFiles, "config.json"), []byte(config), 0o600); err != nil {
		return err
	}
	if world.port, err = freePort(); err != nil {
		return err
	}
	if world.agentPort, err = freePort(); err != nil {
		return err
	}
	if err := startServer(); err != nil {
		return err
	}
	if err := register(); err != nil {
		return err
	}
	if world.session, err = startSession(environment(path("session-home"))); err != nil {
		return err
	}
	return startAgent()
}

// path is a path in the scratch space.
func path(name string) string { return filepath.Join(world.dir, name) }

// virtualEnv is where e2e/ensure-python installed Prefect's package.
func virtualEnv() string { return os.Getenv("DOCKER_PREFECT_PYTHON") }

// prefect is Prefect's command line, python its interpreter.
func prefect() string { return filepath.Join(virtualEnv(), "bin", "prefect") }

func python() string { return filepath.Join(virtualEnv(), "bin", "python") }

// pluginDir is where the plugin lies that DOCKER_PREFECT_BINARY names, else the one that `make build` made.
func pluginDir() (string, error) {
	binary := os.Getenv("DOCKER_PREFECT_BINARY")
	if binary == "" {
		binary = "../../bin/docker-prefect"
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("run make build first: %w", err)
	}
	return filepath.Dir(binary), nil
}

// apiURL is the API as a user of this machine says it.
func apiURL() string { return "http://localhost:" + world.port }

// environment is this process's without what would reach into a test: with a home of its own, and the API.
func environment(home string, more ...string) []string {
	env := []string{
		"HOME=" + home, "DOCKER_CONFIG=" + world.dockerFiles,
		"PREFECT__BACKEND=server", "PREFECT__CLOUD__API=" + apiURL(), "PREFECT__SERVER__PORT=" + world.port,
		"PYTHONUNBUFFERED=1", "COLUMNS=300",
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "PREFECT__") && name != "HOME" && name != "DOCKER_CONFIG" {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// startServer starts the backend on loopback and where containers reach this machine.
func startServer() error {
	gateway, err := bridgeGateway()
	if err != nil {
		return err
	}
	world.server, err = start(environment(path("server-home")), "docker", "prefect", "server", "start",
		"--data", path("data"),
		"--listen", "127.0.0.1:"+world.port,
		"--listen", net.JoinHostPort(gateway, world.port), "--insecure")
	if err != nil {
		return err
	}
	return world.server.until("answers", func() bool {
		resp, err := http.Get(apiURL() + "/health")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
}

// startAgent starts an agent whose containers see the flows and share a place for results. They look for a
// cancellation more often than every 15 s, and send heartbeats from a thread: a process would double the time to start.
func startAgent() error {
	flows, err := filepath.Abs("flows")
	if err != nil {
		return err
	}
	world.agent, err = start(environment(path("agent-home")), "docker", "prefect", "agent", "start",
		"--api", apiURL(), "--name", "e2e", "--agent-address", agentURL(), "--show-flow-logs", "--no-pull",
		"--volume", flows+":/flows:ro", "--volume", path("results")+":/results",
		"--env", "PYTHONPATH=/flows", "--env", "PYTHONDONTWRITEBYTECODE=1",
		"--env", "PREFECT__CLOUD__CHECK_CANCELLATION_INTERVAL=1", "--env", "PREFECT__CLOUD__HEARTBEAT_MODE=thread")
	if err != nil {
		return err
	}
	return world.agent.until("waits for flow runs", func() bool {
		return strings.Contains(world.agent.Output(), "Waiting for flow runs...")
	})
}

func agentURL() string { return "http://127.0.0.1:" + world.agentPort }

// register registers all flows below flows, with Prefect's commands.
func register() error {
	env := environment(path("register-home"))
	for _, args := range [][]string{{"create", "project", project}, {"register", "--project", project, "--path", "flows"}} {
		cmd := exec.Command(prefect(), args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("prefect %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// tearDown ends what setUp started, and shows what it printed when a test failed.
func tearDown(failed bool) error {
	var errs []error
	errs = append(errs, removeContainers())
	for name, p := range map[string]*process{"agent": world.agent, "server": world.server} {
		if p == nil {
			continue
		}
		errs = append(errs, p.stop())
		output := p.Output()
		if strings.Contains(output, "WARNING: DATA RACE") {
			errs, failed = append(errs, fmt.Errorf("the %s has a data race", name)), true
		}
		if failed {
			fmt.Fprintf(os.Stderr, "--- the %s printed\n%s---\n", name, output)
		}
	}
	if world.session != nil {
		errs = append(errs, world.session.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(world.dir))...)
}

// removeContainers removes what runs of this world left on the engine: containers of the image that mount its results.
func removeContainers() error {
	out, err := exec.Command("docker", "ps", "-aq", "--filter", "ancestor="+image, "--filter", "volume="+path("results")).Output()
	if err != nil {
		return err
	}
	for _, id := range strings.Fields(string(out)) {
		_ = exec.Command("docker", "rm", "-f", id).Run() // it may be going away by itself
	}
	return nil
}

// bridgeGateway is where containers reach this machine: the first address of the bridge's subnet.
func bridgeGateway() (string, error) {
	out, err := exec.Command("docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}").Output()
	if err != nil {
		return "", fmt.Errorf("ask for the engine's bridge network: %w", err)
	}
	subnet, err := netip.ParsePrefix(strings.TrimSpace(string(out)))
	if err != nil {
		return "", err
	}
	return subnet.Masked().Addr().Next().String(), nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// object is a JSON object.
type object = map[string]any

// poke makes the agent look for due runs now.
func poke(t *testing.T) {
	t.Helper()
	resp, err := http.Get(agentURL() + "/api/poke")
	assert.NilError(t, err)
	assert.NilError(t, resp.Body.Close())
	assert.Equal(t, resp.StatusCode, http.StatusOK)
}

// query sends GraphQL past the Python client, for waiting: it costs a hundredth.
func query(t *testing.T, text string, into any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	body, err := json.Marshal(object{"query": text})
	assert.NilError(t, err)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, apiURL(), bytes.NewReader(body))
	assert.NilError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	assert.NilError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	assert.NilError(t, err)
	envelope := struct{ Data any }{into}
	assert.NilError(t, json.Unmarshal(answer, &envelope), string(answer))
	assert.Assert(t, !bytes.Contains(answer, []byte(`"errors"`)), string(answer))
}

// eventually polls until ok, or fails the test; what says what is waited for. It polls in the goroutine of the test,
// which ok may therefore fail.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so within %s: %s", patience, what)
		}
	}
}

// command runs a program of the virtual environment to its end, in the environment given, and returns what it printed
// on both streams and its exit status.
func command(t *testing.T, env []string, name string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.WaitDelay = env, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		assert.NilError(t, err, string(out))
	}
	assert.NilError(t, ctx.Err(), "%s %s: %s", filepath.Base(name), strings.Join(args, " "), out)
	return string(out), cmd.ProcessState.ExitCode()
}
