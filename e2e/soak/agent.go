package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// agent is the plugin's process.
type agent struct {
	cmd    *exec.Cmd
	url    string
	output *tail
	ended  chan struct{}
}

// startAgent runs the plugin with nothing of this machine's configuration.
func startAgent(o options, w *world, dir string) (*agent, error) {
	path, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w; run make build", err)
	}
	url, err := freeURL()
	if err != nil {
		return nil, err
	}
	a := &agent{url: url, output: &tail{}, ended: make(chan struct{})}
	// Short intervals: a cancelled run shall be as short as the others.
	a.cmd = exec.Command(path, "agent", "start", "--api", w.apiURL, "--base-url", w.engineURL, "--agent-address", url,
		"--cancel-poll", "1s", "--cancel-grace", "1s", "--drain-timeout", "20s")
	a.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_CONFIG=" + dir}
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the soak, which ends it
	var to io.Writer = a.output
	var file *os.File
	if o.log != "" {
		if file, err = os.Create(o.log); err != nil {
			return nil, err
		}
		to = io.MultiWriter(file, a.output)
	}
	a.cmd.Stdout, a.cmd.Stderr = to, to
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = a.cmd.Wait() // the status is read from ProcessState
		if file != nil {
			_ = file.Close()
		}
		close(a.ended)
	}()
	return a, nil
}

func freeURL() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return "http://" + l.Addr().String(), l.Close()
}

func (a *agent) status() int { return a.cmd.ProcessState.ExitCode() }

func (a *agent) kill() {
	_ = a.cmd.Process.Kill() // gone already is as well
	<-a.ended
}

// drain ends the agent as systemd would.
func (a *agent) drain(ctx context.Context) error {
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end the agent: %w", err)
	}
	select {
	case <-a.ended:
	case <-ctx.Done():
		return errors.New("interrupted")
	case <-time.After(patience):
		return fmt.Errorf("the agent did not end within %v of SIGTERM", patience)
	}
	if a.status() != 0 {
		return fmt.Errorf("the agent ended with status %d after SIGTERM", a.status())
	}
	return nil
}

// lastWords are the end of the agent's output.
func (a *agent) lastWords() error {
	a.kill()
	return fmt.Errorf("the agent's last words:\n%s", a.output.text)
}

func (a *agent) awaitReady(ctx context.Context) error {
	deadline := time.Now().Add(patience)
	for {
		_, err := a.sample(ctx, 0)
		if err == nil {
			return nil
		}
		select {
		case <-a.ended:
			return errors.Join(fmt.Errorf("the agent ended at once with status %d", a.status()), a.lastWords())
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.Join(err, a.lastWords())
		}
	}
}

// sample asks the kernel and the agent itself.
func (a *agent) sample(ctx context.Context, at time.Duration) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/api/status", nil)
	if err != nil {
		return sample{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return sample{}, fmt.Errorf("ask the agent for its status: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var status struct {
		Goroutines int64 `json:"goroutines"`
		HeapBytes  int64 `json:"heap_bytes"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil || status.Goroutines == 0 {
		return sample{}, fmt.Errorf("%s/api/status: status %d is no status of an agent: %w", a.url, resp.StatusCode, errors.Join(err, errNoFigures))
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		return sample{}, err
	}
	rss, err := residentSet(string(text))
	return sample{At: at, RSS: rss, Heap: status.HeapBytes, Goroutines: status.Goroutines}, err
}

var errNoFigures = errors.New("no goroutines counted")

// residentSet reads a process's status file.
func residentSet(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the process's status has no VmRSS; has it ended?")
}

// tail keeps the end of what is written.
type tail struct{ text []byte }

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailSize; extra > tailSize {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}
