package main

import (
	"errors"
	"flag"
	"time"
)

// options say how much happens.
type options struct {
	seed           uint64
	runs           int
	kills          int // of agents, at least
	engineRestarts int
	agents         int
	pace           time.Duration // mean time between two flow runs
	limit          int           // of live containers of one agent
	patience       time.Duration // after the last flow run was created, until all must have ended
	binary         string
	keepLogs       string // directory for logs; empty: a temporary one, kept when something is wrong
	notRun         string // file that is told when this machine cannot run chaos
}

// parseOptions reads the command line. -short changes the defaults, so that what is given beside it wins.
func parseOptions(args []string) (options, error) {
	full := options{runs: 300, kills: 50, engineRestarts: 3, pace: 900 * time.Millisecond, patience: 3 * time.Minute}
	short := options{runs: 40, kills: 6, engineRestarts: 1, pace: 800 * time.Millisecond, patience: 75 * time.Second}

	var o options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 1, "decides all that is decided")
	flags.IntVar(&o.runs, "runs", full.runs, "flow runs")
	flags.IntVar(&o.kills, "kills", full.kills, "how often an agent is killed with SIGKILL")
	flags.IntVar(&o.engineRestarts, "engine-restarts", full.engineRestarts, "how often the engine is restarted, by SIGTERM or SIGKILL")
	flags.IntVar(&o.agents, "agents", 2, "agents that work at the same time")
	flags.DurationVar(&o.pace, "pace", full.pace, "mean time between two flow runs")
	flags.IntVar(&o.limit, "limit", 8, "live containers of one agent")
	flags.DurationVar(&o.patience, "patience", full.patience, "how long runs may take after the last was created")
	flags.StringVar(&o.binary, "binary", "bin/docker-prefect", "the plugin")
	flags.StringVar(&o.keepLogs, "keep-logs", "", "`directory` for logs (default: a temporary one, kept when something is wrong)")
	flags.StringVar(&o.notRun, "not-run", "", "`file` to append a line to, instead of failing, where this machine cannot run chaos")
	isShort := flags.Bool("short", false, "a short run: the defaults become those of make chaos-short")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if *isShort {
		given := map[string]bool{}
		flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, apply := range map[string]func(){
			"runs":            func() { o.runs = short.runs },
			"kills":           func() { o.kills = short.kills },
			"engine-restarts": func() { o.engineRestarts = short.engineRestarts },
			"pace":            func() { o.pace = short.pace },
			"patience":        func() { o.patience = short.patience },
		} {
			if !given[name] {
				apply()
			}
		}
	}
	switch {
	case flags.NArg() > 0:
		return options{}, errors.New("no arguments, only flags")
	case o.runs < 1 || o.agents < 1 || o.limit < 1 || o.kills < 0 || o.engineRestarts < 0 || o.pace <= 0:
		return options{}, errors.New("at least one run, one agent and one container; a pace above 0; nothing negative")
	}
	return o, nil
}
