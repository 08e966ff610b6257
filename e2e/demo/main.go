// Command demo shows one flow run go from Scheduled to Success in a container: it builds and installs the
// plugin, makes sure of an engine, builds the demo flow's image, starts backend and agent through the
// docker CLI, submits a run and follows it. `make demo` runs it, in the root of the checkout.
//
// It leaves the plugin, the image and the engine; all else it takes away again.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\nmake demo:", err)
		os.Exit(1)
	}
}

// image is what examples/demo-flow/build-image builds.
const image = "docker-prefect-demo"

func demo(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "docker-prefect-demo")
	if err != nil {
		return err
	}
	var watch stopwatch
	backend, agent := &background{name: "backend"}, &background{name: "agent"}
	var followed bytes.Buffer // what docker prefect run printed: the run's id, then states and logs
	defer func() {
		// In reverse: an agent without its API would complain.
		cleanUp := errors.Join(agent.stop(), backend.stop(), removeContainers(followed.String()), os.RemoveAll(dir))
		err = errors.Join(err, cleanUp)
	}()

	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"Build the plugin and install it (make install)", command("make", "--no-print-directory", "install")},
		{"Make sure that a Docker Engine answers", command("e2e/ensure-engine")},
		{"Build the image " + image + " from scratch", command("examples/demo-flow/build-image")},
	}
	for _, s := range steps {
		if err := watch.step(s.what, func() error { return s.do(ctx) }); err != nil {
			return err
		}
	}

	api, err := chooseAPI(ctx)
	if err != nil {
		return err
	}
	key := rand.Text() // the flow's container reaches the backend only with one
	env := append(os.Environ(),
		"PREFECT__BACKEND=server", "PREFECT__CLOUD__API="+api.url,
		// What the user has configured for Prefect is for real work.
		"PREFECT__HOME_DIR="+dir, "PREFECT__USER_CONFIG_PATH="+filepath.Join(dir, "none"), "PREFECT__BACKEND_CONFIG_PATH="+filepath.Join(dir, "none"),
		"DOCKER_PREFECT_SERVER_API_KEY="+key, "PREFECT__CLOUD__API_KEY="+key, "PREFECT__CLOUD__TENANT_ID=",
	)
	serverArgs := []string{"prefect", "server", "start", "--data", filepath.Join(dir, "data")}
	for _, address := range api.listen {
		serverArgs = append(serverArgs, "--listen", address)
	}
	err = watch.step("Start the backend: docker prefect server start", func() error {
		if err := backend.start(dir, env, "docker", serverArgs...); err != nil {
			return err
		}
		return backend.until(ctx, api.answers)
	})
	if err != nil {
		return err
	}
	err = watch.step("Start the agent: docker prefect agent start", func() error {
		if err := agent.start(dir, env, "docker", "prefect", "agent", "start", "--name", "demo"); err != nil {
			return err
		}
		return agent.until(ctx, func(context.Context) bool { return agent.printed("Waiting for flow runs") })
	})
	if err != nil {
		return err
	}
	err = watch.step("Submit a run and follow it: docker prefect run "+image+" --watch", func() error {
		run := prepare(ctx, "docker", "prefect", "run", image, "--watch", "--param", "name=Docker", "--param", "sleep=2s")
		run.Env = env
		run.Stdout = io.MultiWriter(os.Stdout, &followed)
		return run.Run()
	})
	if err != nil {
		agent.printLog()
		backend.printLog()
	}
	states := readStates(followed.String())
	fmt.Printf("\nFinal state of the flow run: %s\n\n", states.final())
	watch.print()
	states.print()
	if err == nil && states.final() != "Success" {
		err = errors.New("the run did not end in Success")
	}
	return err
}

// stopwatch runs steps, announces each and remembers how long it took.
type stopwatch struct {
	steps []string
	took  []time.Duration
}

func (w *stopwatch) step(what string, do func() error) error {
	fmt.Printf("\n==> %s\n", what)
	begin := time.Now()
	err := do()
	w.steps = append(w.steps, what)
	w.took = append(w.took, time.Since(begin))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (w *stopwatch) print() {
	for i, what := range w.steps {
		fmt.Printf("%7.1f s  %s\n", w.took[i].Seconds(), what)
	}
}
