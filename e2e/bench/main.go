// Command bench measures the speed and memory of agent and server and prints them as one table, beside the Python
// agent's where e2e/ensure-python finds one. `make bench` runs it, in the root of the checkout;
// docs/performance.md tells the method. It reads /proc, so it needs Linux.
//
// It leaves nothing: containers, its image and its files are taken away again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	only := flag.String("only", "", "comma-separated `sections` to run: "+strings.Join(names(), ", "))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what the sections share.
type bench struct {
	dir    string // for sockets, images and homes
	ours   program
	docker program  // ours, through the docker CLI
	python *program // nil where there is none
	table  *table
}

// section measures one thing and adds its rows to the table.
type section struct {
	name    string
	measure func(*bench, context.Context) error
}

func sections() []section {
	return []section{
		{"startup", (*bench).startUp},
		{"stub", (*bench).launchOnStub},
		{"delay", (*bench).delay},
		{"memory", (*bench).memory},
		{"engine", (*bench).launchOnEngine},
		{"queue", (*bench).queue},
		{"states", (*bench).states},
		{"logs", (*bench).logs},
		{"mapped", (*bench).mapped},
	}
}

func names() []string {
	var all []string
	for _, s := range sections() {
		all = append(all, s.name)
	}
	return all
}

func run(ctx context.Context, only string) (err error) {
	dir, err := os.MkdirTemp("", "docker-prefect-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{dir: dir, table: &table{}}
	if err := b.findPrograms(ctx); err != nil {
		return err
	}
	b.table.note(machine())
	if b.python == nil {
		b.table.note("Python agent: NOT MEASURED, see above.")
	}
	began := time.Now()
	for _, s := range sections() {
		if only != "" && !strings.Contains(","+only+",", ","+s.name+",") {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s ...\n", s.name)
		if err := s.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Fprintf(os.Stderr, "bench: took %.0f s\n\n", time.Since(began).Seconds())
	return b.table.print(os.Stdout)
}

// machine says where the figures come from.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%d x %s, load before: %s", cpus(), model, firstField(string(load)))
}

func firstField(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

// pluginPath is what `make build` leaves.
const pluginPath = "bin/docker-prefect"
