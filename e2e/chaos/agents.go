package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// agent is one of those that are tested: a process behind proxies of its own, started again whenever it ends.
type agent struct {
	name    string
	binary  string
	args    []string
	env     []string
	log     string
	address string // where it tells its status
	api     *apiProxy
	engine  *engineProxy
	ambush  *ambush

	mu       sync.Mutex
	proc     *process
	stopping bool
	kills    int
	ends     []int // exit statuses of processes that nobody killed or stopped
	ended    chan struct{}
}

// environment is nothing of this machine's configuration.
func environment(dir string, more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PREFECT__BACKEND=server"}, more...)
}

// cannotStart stands for the exit status of a process that was none.
const cannotStart = 127

// supervise keeps the agent running until stop.
func (a *agent) supervise() {
	defer close(a.ended)
	for {
		a.mu.Lock()
		if a.stopping {
			a.mu.Unlock()
			return
		}
		proc, err := startProcess(a.log, a.env, a.binary, a.args...)
		if err != nil {
			a.ends = append(a.ends, cannotStart)
			a.mu.Unlock()
			return
		}
		a.proc = proc
		a.mu.Unlock()
		<-proc.ended
		if proc.wasKilled() {
			continue
		}
		a.mu.Lock()
		if !a.stopping {
			a.ends = append(a.ends, proc.status())
		}
		a.mu.Unlock()
		time.Sleep(500 * time.Millisecond) // as a service manager would wait
	}
}

// kill ends the agent's process with SIGKILL.
func (a *agent) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.proc == nil || a.proc.hasEnded() || a.proc.wasKilled() {
		return
	}
	a.proc.kill()
	a.kills++
}

// killCount is how often kill ended a process.
func (a *agent) killCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.kills
}

// abandon ends the agent for good, whatever it does.
func (a *agent) abandon() {
	a.mu.Lock()
	a.stopping = true
	proc := a.proc
	a.mu.Unlock()
	if proc != nil {
		proc.kill()
		<-a.ended
	}
}

// drain sends SIGTERM and returns the exit status; ok is false when it took too long.
func (a *agent) drain(patience time.Duration) (status int, ok bool) {
	a.mu.Lock()
	a.stopping = true
	proc := a.proc
	a.mu.Unlock()
	if proc == nil {
		return cannotStart, false
	}
	err := proc.terminate(patience)
	<-a.ended
	return proc.status(), err == nil
}

// agentStatus is what an agent tells about itself, and the kernel about it.
type agentStatus struct {
	Goroutines int   `json:"goroutines"`
	HeapBytes  int64 `json:"heap_bytes"`
	Live       int   `json:"live_containers"`
	RSS        int64 `json:"-"` // bytes
}

func (a *agent) status(ctx context.Context) (agentStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var s agentStatus
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.address+"/api/status", nil)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, errors.New("/api/status: " + resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("/api/status: %w", err)
	}
	a.mu.Lock()
	pid := a.proc.pid() // it has answered
	a.mu.Unlock()
	s.RSS, err = residentSet(pid)
	return s, err
}

// settled is the least of what the agent uses over a while: what it needs when nothing happens. A collector that
// did not run yet makes any single look too large.
func (a *agent) settled(ctx context.Context, over time.Duration) (agentStatus, error) {
	var least agentStatus
	if err := a.await(ctx); err != nil {
		return least, fmt.Errorf("agent %s: %w", a.name, err)
	}
	sleep(ctx, over/2)
	until := time.Now().Add(over / 2)
	for first := true; first || time.Now().Before(until); first = false {
		s, err := a.status(ctx)
		if err != nil {
			return s, fmt.Errorf("agent %s: %w", a.name, err)
		}
		if first {
			least = s
		}
		least.Goroutines = min(least.Goroutines, s.Goroutines)
		least.HeapBytes = min(least.HeapBytes, s.HeapBytes)
		least.RSS = min(least.RSS, s.RSS)
		least.Live = s.Live
		if !sleep(ctx, 500*time.Millisecond) {
			return least, ctx.Err()
		}
	}
	return least, nil
}

// await waits until the agent tells its status.
func (a *agent) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		_, err := a.status(ctx)
		if err == nil || !sleep(ctx, 100*time.Millisecond) {
			return err
		}
	}
}

func residentSet(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}
