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
	"sync"
	"syscall"
	"time"
)

// engine is a dockerd of our own, so that its restarts disturb nobody. With live-restore, containers outlive it, as
// they do on machines where anybody cares.
type engine struct {
	dir      string // all that it has is in here
	log      string
	cgroup   string // under which its containers are
	bridge   string // a network device of its own: with none, dockerd would delete docker0, another engine's
	starting sync.RWMutex
	restarts int
	proc     *process
	*engineClient
}

// engineBoot is how long a dockerd may take to answer. It takes a fraction of a second, but not on a busy machine.
const engineBoot = 40 * time.Second

// startEngine starts a dockerd in a directory.
func startEngine(ctx context.Context, dir, log string) (*engine, error) {
	e := &engine{dir: dir, log: log, cgroup: "docker-prefect-chaos-" + strconv.Itoa(os.Getpid())}
	e.bridge = "dpc" + strconv.Itoa(os.Getpid())
	for _, args := range []string{"link add " + e.bridge + " type bridge", "address add 172.31.250.1/24 dev " + e.bridge, "link set " + e.bridge + " up"} {
		if out, err := exec.CommandContext(ctx, "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ip %s: %w: %s", args, err, bytes.TrimSpace(out))
		}
	}
	e.engineClient = newEngineClient(e.socket())
	// An empty configuration: what this machine's says is about another engine.
	if err := os.WriteFile(e.path("daemon.json"), []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	return e, e.start(ctx)
}

func (e *engine) path(name string) string { return filepath.Join(e.dir, name) }

func (e *engine) socket() string { return e.path("engine.sock") }

func (e *engine) start(ctx context.Context) error {
	var err error
	e.proc, err = startProcess(e.log, os.Environ(), "dockerd",
		"--config-file", e.path("daemon.json"), "--data-root", e.path("root"), "--exec-root", e.path("exec"),
		"--pidfile", e.path("dockerd.pid"), "--host", "unix://"+e.socket(), "--live-restore",
		"--bridge", e.bridge, "--iptables=false", "--ip-forward=false",
		"--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", "/"+e.cgroup)
	if err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, engineBoot)
	defer cancel()
	for !e.answers(ctx) {
		if e.proc.hasEnded() {
			return fmt.Errorf("dockerd ended with status %d: see %s", e.proc.status(), e.log)
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("dockerd does not answer: see %s: %w", e.log, ctx.Err())
		}
	}
	return nil
}

// restart ends dockerd with a signal and starts it again after a while.
func (e *engine) restart(ctx context.Context, signal syscall.Signal, down time.Duration) error {
	err := restarting(&e.starting, func() error {
		if err := e.proc.cmd.Process.Signal(signal); err != nil {
			return fmt.Errorf("send %s to dockerd: %w", signal, err)
		}
		return e.awaitEnd()
	})
	if err != nil {
		return err
	}
	sleep(ctx, down)
	e.restarts++
	return e.start(context.WithoutCancel(ctx)) // what was taken away is given back, to be cleaned up
}

// awaitEnd waits for dockerd and takes away what it leaves when it is killed: its containerd and files that name
// processes. A number in such a file may be another process's by now, and dockerd would wait for that.
func (e *engine) awaitEnd() error {
	const patience = 20 * time.Second
	select {
	case <-e.proc.ended:
	case <-time.After(patience):
		e.proc.kill()
		<-e.proc.ended
	}
	pidFile := e.path("exec/containerd/containerd.pid")
	text, err := os.ReadFile(pidFile)
	if err == nil {
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		for try := 0; e.owns(pid); try++ {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil || try == 100 {
				return fmt.Errorf("end containerd, process %d: %w", pid, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, path := range []string{pidFile, e.path("dockerd.pid"), e.socket()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// owns tells whether a process lives and works for this engine: its command line names the engine's directory.
func (e *engine) owns(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return pid > 1 && err == nil && strings.Contains(string(line), e.path("exec")+"/")
}

// close ends the engine, all its processes and mounts. Files are for the owner of the directory.
func (e *engine) close() error {
	if e.proc == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineBoot)
	defer cancel()
	var errs []error
	if !e.proc.hasEnded() && e.answers(ctx) {
		errs = append(errs, e.removeAll(ctx))
	}
	errs = append(errs, e.proc.terminate(20*time.Second), e.awaitEnd(), e.endShims(), unmountUnder(e.dir), removeCgroups(e.cgroup), e.removeBridge())
	return errors.Join(errs...)
}

func (e *engine) removeBridge() error {
	if out, err := exec.Command("ip", "link", "delete", e.bridge).CombinedOutput(); err != nil {
		return fmt.Errorf("delete the bridge of dockerd: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// endShims ends the processes that keep containers while no dockerd does, and what they keep.
func (e *engine) endShims() error {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range processes {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || !e.owns(pid) {
			continue
		}
		children, _ := filepath.Glob(dir + "/task/*/children")
		for _, path := range children {
			text, _ := os.ReadFile(path)
			for _, child := range strings.Fields(string(text)) {
				if n, err := strconv.Atoi(child); err == nil {
					_ = syscall.Kill(n, syscall.SIGKILL) // ended meanwhile: as wanted
				}
			}
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

// unmountUnder takes away what is mounted in a directory, innermost first.
func unmountUnder(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	var errs []error
	for i := len(points) - 1; i >= 0; i-- {
		if out, err := exec.Command("umount", "--lazy", points[i]).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out)))
		}
	}
	return errors.Join(errs...)
}

// removeCgroups removes the empty groups that the engine's containers were in.
func removeCgroups(name string) error {
	tops, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if err != nil {
		return err
	}
	for _, top := range append(tops, "/sys/fs/cgroup/"+name) {
		inner, _ := filepath.Glob(top + "/*")
		for _, group := range append(inner, top) {
			_ = syscall.Rmdir(group) // files of a group cannot be removed, and go with it
		}
	}
	return nil
}
