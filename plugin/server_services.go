package plugin

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/docker-prefect/docker-prefect/server"
)

// serviceOptions are the flags about what a server does by itself. An interval of 0 switches a service off.
type serviceOptions struct {
	scheduler, lazarus, zombieKiller time.Duration
	staleAfter                       time.Duration
}

func (o *serviceOptions) install(flags *pflag.FlagSet) {
	usual := server.Services{}.WithDefaults()
	flags.DurationVar(&o.scheduler, "scheduler-interval", usual.SchedulerInterval, "How often to create runs from schedules; 0: never")
	flags.DurationVar(&o.lazarus, "lazarus-interval", usual.LazarusInterval, "How often to look for flow runs to reschedule because their process died; 0: never")
	flags.DurationVar(&o.zombieKiller, "zombie-killer-interval", usual.ZombieKillerInterval, "How often to look for task runs whose process died; 0: never")
	flags.DurationVar(&o.staleAfter, "stale-after", usual.StaleAfter, "How long a run may go without a heartbeat until its process counts as dead")
}

// services checks the flags.
func (o serviceOptions) services() (server.Services, error) {
	services := server.Services{StaleAfter: o.staleAfter}
	if o.staleAfter < time.Second {
		return services, usageError(fmt.Errorf("--stale-after %v: give at least 1s", o.staleAfter))
	}
	for _, interval := range []struct {
		flag   string
		given  time.Duration
		target *time.Duration
	}{
		{"scheduler-interval", o.scheduler, &services.SchedulerInterval},
		{"lazarus-interval", o.lazarus, &services.LazarusInterval},
		{"zombie-killer-interval", o.zombieKiller, &services.ZombieKillerInterval},
	} {
		switch {
		case interval.given == 0:
			*interval.target = -1
		case interval.given < time.Second:
			return services, usageError(fmt.Errorf("--%s %v: give at least 1s, or 0 to switch it off", interval.flag, interval.given))
		default:
			*interval.target = interval.given
		}
	}
	return services, nil
}
