package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestServicesRunAtOnceAndAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var log strings.Builder
		var passes, others, never atomic.Int64
		services := []service{
			{"Steady", time.Minute, func(context.Context) error {
				passes.Add(1)
				time.Sleep(40 * time.Second) // the interval counts from the beginning
				return nil
			}},
			{"Failing", time.Hour, func(context.Context) error {
				others.Add(1)
				return errors.New("no luck")
			}},
			{"Off", -1, func(context.Context) error {
				never.Add(1)
				return nil
			}},
		}
		done := make(chan struct{})
		go func() {
			runServices(ctx, services, slog.New(slog.NewTextHandler(&log, nil)))
			close(done)
		}()
		time.Sleep(time.Second)
		assert.Equal(t, passes.Load(), int64(1))
		assert.Equal(t, others.Load(), int64(1))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, passes.Load(), int64(121))
		assert.Equal(t, others.Load(), int64(3))
		stop()
		<-done
		assert.Equal(t, never.Load(), int64(0))
		assert.Equal(t, strings.Count(log.String(), `level=ERROR msg="A service failed and will try again" service=Failing error="no luck"`), 3)
	})
}

// A run whose heartbeat is older than the server says nothing, until live processes have had time to be heard.
func TestServicesJudgeNoHeartbeatsRightAfterTheStart(t *testing.T) {
	place := newPlace(t)
	before := openAPI(t, place)
	flow := before.register("p", flowOf("f", "a"))
	dead, zombie := before.run(flow), before.run(flow)
	before.setFlowRun(dead, "Running")
	before.setFlowRun(zombie, "Running")
	before.setTaskRun(before.taskRuns(zombie)["a"], "Running")
	a := openAPI(t, place)
	pass := func(name string) {
		for _, s := range a.server.services {
			if s.name == name {
				assert.NilError(t, s.pass(t.Context()))
			}
		}
	}
	// As if the server had been started only now.
	a.sleep(20 * time.Minute)
	a.server.services = a.server.store.services(Services{})
	pass("Lazarus")
	pass("ZombieKiller")
	assert.Check(t, is.Equal(a.stateOf(dead), "Running"))
	for range 14 {
		a.sleep(10 * time.Second)
		pass("Presence")
	}
	pass("ZombieKiller")
	pass("Lazarus")
	assert.Check(t, is.Equal(a.stateOf(dead), "Scheduled"))
	state := get(t, a.flowRun(zombie, "task_runs { state }"), "task_runs", 0, "state")
	assert.Check(t, is.Equal(state, "Failed"))
}

func TestTheServicesOfAServer(t *testing.T) {
	intervals := map[string]time.Duration{}
	for _, s := range newAPI(t).server.services {
		intervals[s.name] = s.interval
	}
	assert.DeepEqual(t, intervals, map[string]time.Duration{
		"Presence": 10 * time.Second, "Scheduler": 150 * time.Second, "Lazarus": 600 * time.Second, "ZombieKiller": 120 * time.Second,
	})
	chosen := Services{SchedulerInterval: -1, StaleAfter: time.Second}.WithDefaults()
	assert.Check(t, is.DeepEqual(chosen, Services{-1, 600 * time.Second, 120 * time.Second, time.Second}))
}
