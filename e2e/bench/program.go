package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// program is an agent that can be started.
type program struct {
	name  string
	args  []string // what starts it
	env   []string // of its own
	flags func(s *scene) []string
}

// unavailable is ensure-python's status where PyPI is out of reach.
const unavailable = 75

func (b *bench) findPrograms(ctx context.Context) error {
	plugin, err := filepath.Abs(pluginPath)
	if err != nil {
		return err
	}
	if _, err := os.Stat(plugin); err != nil {
		return fmt.Errorf("%w; run make build", err)
	}
	config := filepath.Join(b.dir, "docker")
	if err := os.MkdirAll(filepath.Join(config, "cli-plugins"), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(plugin, filepath.Join(config, "cli-plugins", "docker-prefect")); err != nil {
		return err
	}
	flags := func(s *scene) []string { return []string{"--api", s.apiURL, "--agent-address", s.agentURL} }
	env := []string{"DOCKER_CONFIG=" + config}
	b.ours = program{name: "docker-prefect", args: []string{plugin, "agent", "start"}, env: env, flags: flags}
	b.docker = program{name: "docker prefect", args: []string{"docker", "prefect", "agent", "start"}, env: env, flags: flags}

	venv := os.Getenv("DOCKER_PREFECT_PYTHON")
	if venv == "" {
		find := exec.CommandContext(ctx, filepath.Join("e2e", "ensure-python"))
		find.Stderr = os.Stderr
		out, err := find.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == unavailable {
			return nil
		}
		if err != nil {
			return fmt.Errorf("e2e/ensure-python: %w", err)
		}
		venv = strings.TrimSpace(string(out))
	}
	b.python = &program{
		name: "Python 1.4.1", args: []string{filepath.Join(venv, "bin", "prefect"), "agent", "docker", "start"},
		env: []string{"PREFECT__BACKEND=server"},
		flags: func(s *scene) []string {
			return []string{"--api", s.apiURL, "--agent-address", s.agentURL, "--base-url", s.engineURL}
		},
	}
	return nil
}

// all are the agents to compare.
func (b *bench) all() []*program {
	if b.python == nil {
		return []*program{&b.ours}
	}
	return []*program{&b.ours, b.python}
}

func cpus() int { return runtime.NumCPU() }
