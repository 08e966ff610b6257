// Command chaos proves that nothing gets lost, stuck or done twice: it runs the plugin's agents against a real engine
// and the local backend while agents are killed, the engine is restarted, and both ends fail in every way that
// proxies can play. Afterwards it judges what the backend's database and the engine say. `make chaos` runs it, in the
// root of the checkout; docs/reliability.md tells what it proves.
//
// The engine is one of its own, so it needs Linux, root and dockerd. It leaves nothing but logs, and those only when
// something is wrong or they are asked for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = chaos(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// unable tells why this machine cannot run chaos; empty if it can.
func unable() string {
	_, err := exec.LookPath("dockerd")
	_, ipErr := exec.LookPath("ip")
	switch {
	case runtime.GOOS != "linux":
		return "it needs Linux"
	case ipErr != nil:
		return "it needs the command ip (Debian: iproute2) for a bridge of its own"
	case os.Geteuid() != 0:
		return "its own engine needs root"
	case err != nil:
		return "there is no dockerd here"
	}
	return ""
}

func chaos(o options) error {
	if why := unable(); why != "" {
		if o.notRun == "" || os.Getenv("CI") == "true" {
			return errors.New(why)
		}
		return appendLine(o.notRun, "NOT RUN: chaos: "+why+".")
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w; run make build", err)
	}
	o.binary = binary
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return experiment(ctx, o)
}

// experiment runs the world and judges it. Logs are kept when anything is wrong.
func experiment(ctx context.Context, o options) (err error) {
	began := time.Now()
	// Not in /tmp, which may be in memory or not fit for the engine's layers.
	dir, err := os.MkdirTemp("/var/tmp", "docker-prefect-chaos")
	if err != nil {
		return err
	}
	logs := o.keepLogs
	if logs == "" {
		logs, err = os.MkdirTemp("", "docker-prefect-chaos-logs")
	} else {
		err = os.MkdirAll(logs, 0o755)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || o.keepLogs != "" {
			fmt.Fprintln(os.Stderr, "chaos: logs are in", logs)
			return
		}
		err = os.RemoveAll(logs)
	}()
	w := &world{options: o, plan: newPlan(o), dir: dir, logs: logs, say: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "chaos: %4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}}
	defer func() { err = errors.Join(err, w.close()) }()
	r, err := w.run(ctx)
	if err != nil {
		return err
	}
	violations := judge(r)
	info, err := w.engine.info(ctx)
	if err != nil {
		return err
	}
	result := report{
		record: r, violations: violations, aimed: w.aimed, injected: w.faults.injected(), took: time.Since(began),
		machine: fmt.Sprintf("%d CPUs, engine %s with %s and cgroup v%s", runtime.NumCPU(), info.ServerVersion, info.Driver, info.CgroupVersion),
	}
	if err := result.print(os.Stdout); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(logs, "runs.log"))
	if err != nil {
		return err
	}
	if err := errors.Join(dossiers(file, r, violations), file.Close()); err != nil {
		return err
	}
	if len(violations) > 0 {
		return fmt.Errorf("%d violations", len(violations))
	}
	return nil
}

func appendLine(path, line string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, line)
	return errors.Join(err, file.Close())
}
