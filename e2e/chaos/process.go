package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// process is a program that runs beside us, in a group of its own, with its output in a file.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	ended   chan struct{}

	mu     sync.Mutex
	killed bool
}

// startProcess appends to the log, which may be that of a predecessor.
func startProcess(log string, env []string, name string, args ...string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the process has its own
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, file, file
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for us alone
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintf(file, "--- %s pid %d starts\n", p.started.UTC().Format("15:04:05.000"), p.pid())
	go func() {
		_ = p.cmd.Wait() // the status is read from ProcessState
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process at once.
func (p *process) kill() {
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	_ = p.cmd.Process.Kill() // has ended already: as wanted
}

func (p *process) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// terminate sends SIGTERM, and SIGKILL after the patience.
func (p *process) terminate(patience time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // has ended already: as wanted
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		p.kill()
		<-p.ended
		return errors.New(filepath.Base(p.cmd.Path) + " did not end within " + patience.String())
	}
}

// status is the exit status as a shell gives it; of a process that has ended.
func (p *process) status() int {
	if w, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}
