package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// prepare makes a command that prints where we print and is interrupted, not killed, when ctx ends.
func prepare(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	return cmd
}

// command is a step that runs a program.
func command(name string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error { return prepare(ctx, name, args...).Run() }
}

// patience is how long a background process may take to start or to end.
const patience = 20 * time.Second

// background is a process beside the demo, whose output goes to a file. Its methods may be called whether
// it was started or not.
type background struct {
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start puts the process into a group of its own, so that a Ctrl-C for the demo reaches it only when the
// demo says so.
func (b *background) start(dir string, env []string, name string, args ...string) error {
	b.log = filepath.Join(dir, b.name+".log")
	file, err := os.Create(b.log)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // the process has its own
	b.cmd = exec.Command(name, args...)
	b.cmd.Env, b.cmd.Stdout, b.cmd.Stderr = env, file, file
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := b.cmd.Start(); err != nil {
		return err
	}
	b.ended = make(chan struct{})
	go func() {
		_ = b.cmd.Wait() // until and stop tell what became of it
		close(b.ended)
	}()
	return nil
}

// until waits for the process to be ready.
func (b *background) until(ctx context.Context, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("not ready in time"))
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !ready(ctx) {
		select {
		case <-ticker.C:
		case <-b.ended:
			b.printLog()
			return fmt.Errorf("the %s ended: %s", b.name, b.cmd.ProcessState)
		case <-ctx.Done():
			b.printLog()
			return fmt.Errorf("the %s: %w", b.name, context.Cause(ctx))
		}
	}
	return nil
}

// stop ends the process as a Ctrl-C in its terminal would.
func (b *background) stop() error {
	if b.ended == nil {
		return nil
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGINT) // fails when it ended already
	select {
	case <-b.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("the %s did not end when asked to", b.name), syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL))
	}
}

func (b *background) printed(text string) bool {
	output, err := os.ReadFile(b.log)
	return err == nil && bytes.Contains(output, []byte(text))
}

func (b *background) printLog() {
	if output, err := os.ReadFile(b.log); err == nil {
		fmt.Fprintf(os.Stderr, "\n--- output of the %s\n%s---\n", b.name, output)
	}
}

// removeContainers removes what a run that was cut short left on the engine. The run's id is the first line
// that docker prefect run prints.
func removeContainers(printed string) error {
	runID, _, _ := strings.Cut(printed, "\n")
	if runID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	list, err := exec.CommandContext(ctx, "docker", "ps", "-aq", "--filter", "label=io.prefect.flow-run-id="+runID).Output()
	if err != nil {
		return fmt.Errorf("list the run's containers: %w", err)
	}
	for _, id := range strings.Fields(string(list)) {
		// One that ends by itself meanwhile is gone as well.
		_ = exec.CommandContext(ctx, "docker", "rm", "-f", id).Run()
	}
	return nil
}
