//go:build e2e && python

package python

import (
	"bytes"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a program that runs beside the tests.
type process struct {
	name   string
	cmd    *exec.Cmd
	mu     sync.Mutex
	output bytes.Buffer
	ended  chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

// Output is what the process has printed so far, both streams.
func (p *process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// start runs a program in a process group of its own.
func start(env []string, name string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // until and stop tell what became of it
		close(p.ended)
	}()
	return p, nil
}

// until waits for the process to be ready.
func (p *process) until(what string, ready func() bool) error {
	deadline := time.After(patience)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !ready() {
		select {
		case <-ticker.C:
		case <-p.ended:
			return fmt.Errorf("%v ended: %s\n%s", p.cmd.Args, p.cmd.ProcessState, p.Output())
		case <-deadline:
			return fmt.Errorf("%v: not so in time: %s\n%s", p.cmd.Args, what, p.Output())
		}
	}
	return nil
}

// stop ends the process as a Ctrl-C in its terminal would; one that has ended or does not end is an error.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%v ended before its time: %s", p.cmd.Args, p.cmd.ProcessState)
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		return fmt.Errorf("%v did not end when asked to", p.cmd.Args)
	}
}
