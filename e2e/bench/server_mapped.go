package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// children is how many a mapped task has here.
const children = 300

// mapped measures a run of a flow with a mapped task, from its creation to Success: server, agent, a container and
// Prefect's own code in it. The same flow without a backend is what that code needs anyway.
func (b *bench) mapped(ctx context.Context) (err error) {
	if b.python == nil {
		b.table.note("Mapped flow: NOT MEASURED, for want of the Python package.")
		return nil
	}
	venv := filepath.Dir(filepath.Dir(b.python.args[0]))
	if out, err := exec.CommandContext(ctx, "e2e/python/build-image", venv).CombinedOutput(); err != nil {
		return fmt.Errorf("build the flow image: %w: %s", err, out)
	}
	gateway, err := exec.CommandContext(ctx, "docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}").Output()
	if err != nil {
		return fmt.Errorf("find the engine's bridge: %w", err)
	}
	dir, err := os.MkdirTemp(b.dir, "mapped")
	if err != nil {
		return err
	}
	server, err := b.startBackend(ctx, sqlite, dir, strings.TrimSpace(string(gateway)), "--insecure")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	flows, err := filepath.Abs("e2e/python/flows")
	if err != nil {
		return err
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PREFECT__BACKEND=server", "PREFECT__CLOUD__API=" + server.url, "PYTHONPATH=" + flows}
	for _, args := range [][]string{{"create", "project", "bench"}, {"register", "--project", "bench", "--path", filepath.Join(flows, "mapping.py")}} {
		if err := output(ctx, env, b.python.args[0], args...); err != nil {
			return err
		}
	}
	results := filepath.Join(dir, "results")
	if err := os.Mkdir(results, 0o755); err != nil {
		return err
	}
	address, err := url.Parse(server.url)
	if err != nil {
		return err
	}
	agent := exec.Command(b.ours.args[0], "agent", "start", "--api", "http://"+address.Host, "--no-pull",
		"--volume", flows+":/flows:ro", "--volume", results+":/results", "--env", "PYTHONPATH=/flows", "--env", "PYTHONDONTWRITEBYTECODE=1")
	agent.Env = env
	if err := agent.Start(); err != nil {
		return err
	}
	defer func() {
		_ = agent.Process.Signal(os.Interrupt)
		_ = agent.Wait() // nothing depends on how it ends
	}()

	var whole, running, alone []time.Duration
	for range 3 {
		took, inside, err := server.runMapped(ctx)
		if err != nil {
			return err
		}
		whole, running = append(whole, took), append(running, inside)
		began := time.Now()
		code := fmt.Sprintf("from mapping import flow; assert flow.run(n=%d).is_successful()", children)
		if err := output(ctx, append(env, "PREFECT__LOGGING__LEVEL=ERROR", "PREFECT__FLOWS__CHECKPOINTING=false"), filepath.Join(venv, "bin", "python"), "-c", code); err != nil {
			return err
		}
		alone = append(alone, time.Since(began))
	}
	b.table.add(row{what: fmt.Sprintf("flow with %d mapped children, creation to Success", children), ours: seconds(median(whole))})
	b.table.add(row{what: "of that, Running", ours: seconds(median(running))})
	b.table.add(row{what: "the same flow without backend and container", ours: seconds(median(alone))})
	return nil
}

// runMapped creates a run, waits for its success, and gives how long that took and how long the run was Running.
func (s *backend) runMapped(ctx context.Context) (whole, running time.Duration, err error) {
	data, err := s.ask(ctx, `{ flow(where: {name: {_eq: "mapping"}}) { id } }`, nil)
	if err != nil {
		return 0, 0, err
	}
	var flows []struct{ ID string }
	if err := json.Unmarshal(data["flow"], &flows); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	run, err := s.id(ctx, "create_flow_run", map[string]any{"flow_id": flows[0].ID, "parameters": map[string]any{"n": children}})
	if err != nil {
		return 0, 0, err
	}
	for time.Since(began) < 2*patience {
		data, err := s.ask(ctx, fmt.Sprintf("{ flow_run_by_pk(id: %q) { state start_time end_time } }", run), nil)
		if err != nil {
			return 0, 0, err
		}
		var found struct {
			State string
			Start time.Time `json:"start_time"`
			End   time.Time `json:"end_time"`
		}
		if err := json.Unmarshal(data["flow_run_by_pk"], &found); err != nil {
			return 0, 0, err
		}
		switch found.State {
		case "Success":
			return time.Since(began), found.End.Sub(found.Start), nil
		case "Failed", "Cancelled":
			return 0, 0, fmt.Errorf("the run of the mapped flow ended as %s", found.State)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, 0, errors.New("the run of the mapped flow did not end")
}

// output runs a program to its end and shows what it printed if it failed.
func output(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}
