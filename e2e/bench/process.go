package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long anything may take here.
const patience = 60 * time.Second

// process is a running agent.
type process struct {
	cmd     *exec.Cmd
	output  bytes.Buffer // to be read after ended
	started time.Time
	ended   chan struct{}
}

// start runs an agent with nothing of this machine's configuration.
func (p *program) start(s *scene, more ...string) (*process, error) {
	args := append(append(p.args[1:len(p.args):len(p.args)], p.flags(s)...), more...)
	proc := &process{cmd: exec.Command(p.args[0], args...), ended: make(chan struct{})}
	proc.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "DOCKER_HOST=" + s.engineURL}, p.env...)
	proc.cmd.Stdout, proc.cmd.Stderr = &proc.output, &proc.output
	proc.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // docker and its plugin end together
	proc.started = time.Now()
	if err := proc.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = proc.cmd.Wait() // the output tells more
		close(proc.ended)
	}()
	return proc, nil
}

// stop ends the process and everything it started.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // gone already is as well
	<-p.ended
}

// await waits for what the agent is to bring about.
func (p *process) await(ctx context.Context, what string, done <-chan struct{}) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ended:
		return fmt.Errorf("%s: the agent ended: %s", what, bytes.TrimSpace(p.output.Bytes()))
	case <-timer.C:
		return fmt.Errorf("%s: did not happen within %v", what, patience)
	}
}

// cpu is the processor time that the threads of the process took, user and system. Neither agent ends
// threads while it works.
func (p *process) cpu() (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(err, errors.New("read processor time: no /proc/PID/task/*/schedstat"))
	}
	var sum time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(firstField(string(text)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// memory returns the resident set now and its peak, in bytes.
func (p *process) memory() (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			now = kib << 10
		case "VmHWM:":
			peak = kib << 10
		}
	}
	return now, peak, nil
}
