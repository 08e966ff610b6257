package server

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Services say how often the services of a server work and when they take a run for dead. They are those of Prefect
// Server; it has the same defaults. A service whose interval is negative does not run.
type Services struct {
	SchedulerInterval    time.Duration // creates runs ahead from schedules; 150 s by default
	LazarusInterval      time.Duration // reschedules runs whose process has died; 600 s by default
	ZombieKillerInterval time.Duration // retries or fails tasks whose process has died; 120 s by default
	StaleAfter           time.Duration // a run without a heartbeat for so long has died; 10 min by default
}

// WithDefaults gives the settings with the intervals of Prefect Server for those that are zero.
func (s Services) WithDefaults() Services {
	for field, usual := range map[*time.Duration]time.Duration{
		&s.SchedulerInterval:    150 * time.Second,
		&s.LazarusInterval:      600 * time.Second,
		&s.ZombieKillerInterval: 120 * time.Second,
		&s.StaleAfter:           10 * time.Minute,
	} {
		if *field == 0 {
			*field = usual
		}
	}
	return s
}

// service is something that a server does again and again.
type service struct {
	name     string // of its logger, and of its lines in the logs of runs
	interval time.Duration
	pass     func(ctx context.Context) error
}

// services lists those of a server. They may run in many processes at once on one database.
func (s *store) services(settings Services) []service {
	settings = settings.WithDefaults()
	here := newPresence(s.now(), settings.StaleAfter)
	ifStale := func(pass func(ctx context.Context, cutoff time.Time) error) func(context.Context) error {
		return func(ctx context.Context) error {
			cutoff, known := here.cutoff(s.now())
			if !known {
				return nil
			}
			return pass(ctx, cutoff)
		}
	}
	return []service{
		{"Presence", presenceInterval, func(context.Context) error { here.note(s.now()); return nil }},
		{"Scheduler", settings.SchedulerInterval, s.scheduleFlows},
		{"Lazarus", settings.LazarusInterval, ifStale(s.rescheduleDeadFlowRuns)},
		{"ZombieKiller", settings.ZombieKillerInterval, ifStale(s.endZombies)},
	}
}

// runServices runs services until ctx ends: each at once and then again and again, its interval after the beginning of
// the pass before. A pass that fails is logged.
func runServices(ctx context.Context, services []service, log *slog.Logger) {
	var wait sync.WaitGroup
	for _, s := range services {
		if s.interval < 0 {
			continue
		}
		wait.Go(func() {
			ticker := time.NewTicker(s.interval)
			defer ticker.Stop()
			for {
				if err := s.pass(ctx); err != nil && ctx.Err() == nil {
					log.Error("A service failed and will try again", "service", s.name, "error", err)
				}
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
			}
		})
	}
	wait.Wait()
}
