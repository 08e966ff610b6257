package plugin

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/docker-prefect/docker-prefect/agent"
)

// reliabilityOptions say how many containers there may be, and what becomes of them and their runs.
type reliabilityOptions struct {
	limit        int
	keepFailed   int
	onCrash      string
	onStop       string
	cancelPoll   time.Duration
	cancelGrace  time.Duration
	drainTimeout time.Duration
}

func (o *reliabilityOptions) install(flags *pflag.FlagSet) {
	flags.IntVar(&o.limit, "limit", 0, "Live containers at most; due flow runs wait in the queue (default: no limit)")
	flags.StringVar(&o.onCrash, "on-crash", string(agent.CrashFails), "What becomes of a flow run whose container ended before it: fail, reschedule or ignore")
	flags.IntVar(&o.keepFailed, "keep-failed", 0, "Containers of failed flow runs to keep")
	flags.DurationVar(&o.cancelPoll, "cancel-poll", 5*time.Second, "How often to look for cancelled flow runs")
	flags.DurationVar(&o.cancelGrace, "cancel-grace", 30*time.Second, "What a cancelled flow run has to end by itself")
	flags.DurationVar(&o.drainTimeout, "drain-timeout", time.Minute, "What a stop may take")
	flags.StringVar(&o.onStop, "on-stop", "detach", "What becomes of the containers when the agent stops: detach or kill")
}

// apply checks the options and enters them.
func (o *reliabilityOptions) apply(cfg *agent.Config) error {
	switch {
	case o.limit < 0:
		return fmt.Errorf("--limit %d: give a number of containers; without the option there is no limit", o.limit)
	case o.keepFailed < 0:
		return fmt.Errorf("--keep-failed %d: give a number of containers", o.keepFailed)
	case o.onStop != "detach" && o.onStop != "kill":
		return fmt.Errorf("--on-stop %q: write detach or kill", o.onStop)
	case o.cancelPoll <= 0:
		return fmt.Errorf("--cancel-poll %v: give a time such as 5s", o.cancelPoll)
	case o.cancelGrace < 0:
		return fmt.Errorf("--cancel-grace %v: give a time such as 30s", o.cancelGrace)
	case o.drainTimeout <= 0:
		return fmt.Errorf("--drain-timeout %v: give a time such as 1m", o.drainTimeout)
	}
	switch onCrash := agent.OnCrash(o.onCrash); onCrash {
	case agent.CrashFails, agent.CrashReschedules, agent.CrashIsIgnored:
		cfg.OnCrash = onCrash
	default:
		return fmt.Errorf("--on-crash %q: write fail, reschedule or ignore", o.onCrash)
	}
	cfg.Limit, cfg.KeepFailed, cfg.KillOnStop = o.limit, o.keepFailed, o.onStop == "kill"
	cfg.CancelPoll, cfg.CancelGrace, cfg.DrainTimeout = o.cancelPoll, o.cancelGrace, o.drainTimeout
	return nil
}
