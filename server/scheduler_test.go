package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// Clocks as Prefect's client serialises them.
func intervalClock(every time.Duration, more ...m) m {
	return clockOf("IntervalClock", append([]m{{"interval": every.Microseconds(), "start_date": nil, "end_date": nil}}, more...))
}

func cronClock(cron, zone string, more ...m) m {
	start := any(nil)
	if zone != "" {
		start = m{"dt": "2022-01-01T00:00:00", "tz": zone}
	}
	return clockOf("CronClock", append([]m{{"cron": cron, "day_or": nil, "start_date": start, "end_date": nil}}, more...))
}

func datesClock(dates ...string) m {
	list := []any{}
	for _, date := range dates {
		list = append(list, m{"dt": date, "tz": "UTC"})
	}
	return clockOf("DatesClock", []m{{"dates": list}})
}

func clockOf(kind string, fields []m) m {
	clock := m{"type": kind, "parameter_defaults": m{}, "labels": nil, "__version__": "1.4.1"}
	for _, more := range fields {
		for name, value := range more {
			clock[name] = value
		}
	}
	return clock
}

func scheduleOf(clocks ...any) m {
	return m{"clocks": clocks, "filters": []any{}, "or_filters": []any{}, "not_filters": []any{}, "adjustments": []any{}, "__version__": "1.4.1"}
}

func scheduled(name string, clocks ...any) m {
	flow := flowOf(name, "a")
	flow["schedule"] = scheduleOf(clocks...)
	return flow
}

// schedule runs a pass of the scheduler.
func (a *api) schedule() {
	a.t.Helper()
	assert.NilError(a.t, a.server.store.scheduleFlows(a.t.Context()))
}

// starts lists when the runs of a flow that its schedule created are due.
func (a *api) starts(flow string) []any {
	a.t.Helper()
	got := a.read(`query($f: uuid!) { flow_run(where: {flow_id: {_eq: $f}, auto_scheduled: {_eq: true}}, order_by: {scheduled_start_time: asc}) { scheduled_start_time } }`, m{"f": flow})
	starts := []any{}
	for _, start := range pluck(a.t, got["flow_run"], "scheduled_start_time") {
		starts = append(starts, strings.TrimSuffix(start.(string), ":00.000000+00:00"))
	}
	return starts
}

func TestRunsAreCreatedTenAhead(t *testing.T) {
	a := newAPI(t) // at 9:08 UTC on 31 January 2022, a Monday
	flow := a.register("p", scheduled("f", cronClock("30 9 * * *", "Europe/Berlin")))
	want := []any{}
	for day := 1; day <= 10; day++ {
		want = append(want, fmt.Sprintf("2022-02-%02dT08:30", day))
	}
	assert.DeepEqual(t, a.starts(flow), want)

	run := get(t, a.read(`{ flow_run(order_by: {scheduled_start_time: asc}, limit: 1) { state state_message state_start_time idempotency_key parameters labels task_runs { state } } }`), "flow_run", 0)
	assert.DeepEqual(t, run, m{
		"state": "Scheduled", "state_message": "Flow run scheduled.", "state_start_time": "2022-02-01T08:30:00.000000+00:00",
		"idempotency_key": "auto-scheduled:2022-02-01T08:30:00Z", "parameters": m{}, "labels": []any{}, "task_runs": []any{m{"state": "Pending"}},
	})

	a.schedule()
	assert.DeepEqual(t, a.starts(flow), want)
	a.sleep(48 * time.Hour)
	a.schedule()
	want = append(want, "2022-02-11T08:30", "2022-02-12T08:30")
	assert.DeepEqual(t, a.starts(flow), want)
	assert.Check(t, is.Len(a.queue(nil), 2), "what is due while nobody looks is run late")
}

func TestARunThatWasDeletedIsNotCreatedAgain(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", scheduled("f", intervalClock(time.Hour)))
	first := get(t, a.read(`{ flow_run(order_by: {scheduled_start_time: asc}, limit: 1) { id } }`), "flow_run", 0, "id")
	a.do("delete_flow_run", "success", m{"flow_run_id": first})
	a.schedule()
	assert.Check(t, is.Len(a.starts(flow), 9))
}

func TestClocksWithParametersAndLabels(t *testing.T) {
	a := newAPI(t)
	flow := scheduled("f",
		intervalClock(time.Hour, m{"parameter_defaults": m{"x": 1}}),
		intervalClock(time.Hour, m{"parameter_defaults": m{"x": 2}, "labels": []any{"b", "a"}}),
		intervalClock(time.Hour, m{"labels": []any{}}))
	flow["parameters"] = []any{m{"name": "x", "default": 7, "required": false}}
	flow["run_config"] = m{"type": "DockerRun", "labels": []any{"config"}}
	id := a.register("p", flow)
	a.schedule()
	runs := a.read(`{ flow_run(order_by: [{scheduled_start_time: asc}, {created: asc}], limit: 4) { scheduled_start_time parameters labels } }`)["flow_run"].([]any)
	kinds := map[string]bool{}
	for _, run := range runs[:3] {
		kinds[fmt.Sprint(get(t, run, "parameters"), get(t, run, "labels"))] = true
		assert.Equal(t, get(t, run, "scheduled_start_time"), "2022-01-31T10:00:00.000000+00:00")
	}
	assert.DeepEqual(t, kinds, map[string]bool{"map[x:1] [config]": true, "map[x:2] [a b]": true, "map[x:7] []": true})
	assert.Check(t, is.Len(a.starts(id), 10), "ten events, whatever their clocks")
}

func TestSwitchingASchedule(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", scheduled("f", datesClock("2022-02-01T00:00:00", "2022-01-01T00:00:00", "2022-03-01T00:00:00")), m{"set_schedule_active": false})
	active := func() any {
		return get(t, a.read("query($f: uuid!) { flow_by_pk(id: $f) { is_schedule_active } }", m{"f": flow}), "flow_by_pk", "is_schedule_active")
	}
	a.schedule()
	assert.Check(t, is.Len(a.starts(flow), 0))
	assert.DeepEqual(t, a.do("set_schedule_active", "success", m{"flow_id": flow}), m{"success": true})
	assert.Equal(t, active(), true)
	assert.DeepEqual(t, a.starts(flow), []any{"2022-02-01T00:00", "2022-03-01T00:00"})
	a.do("set_schedule_active", "success", m{"flow_id": flow})
	assert.Check(t, is.Len(a.starts(flow), 2))

	started := get(t, a.read(`{ flow_run(order_by: {scheduled_start_time: asc}, limit: 1) { id } }`), "flow_run", 0, "id").(string)
	a.setFlowRun(started, "Running")
	assert.DeepEqual(t, a.do("set_schedule_inactive", "success", m{"flow_id": flow}), m{"success": true})
	assert.Equal(t, active(), false)
	a.schedule()
	assert.DeepEqual(t, a.starts(flow), []any{"2022-02-01T00:00"}) // what has started stays
}

func TestANewVersionTakesOverTheSchedule(t *testing.T) {
	a := newAPI(t)
	first := a.register("p", scheduled("f", intervalClock(time.Hour)))
	second := a.register("p", scheduled("f", intervalClock(2*time.Hour)))
	assert.Check(t, is.Len(a.starts(first), 0))
	assert.Check(t, is.Len(a.starts(second), 10))
	a.do("archive_flow", "success", m{"flow_id": second})
	a.schedule()
	assert.Check(t, is.Len(a.starts(second), 0))
}

func TestRunsThatCannotBeCreatedDoNotKeepOthersFromTheirs(t *testing.T) {
	a := newAPI(t)
	broken := a.register("p", scheduled("broken", intervalClock(time.Hour)))
	fine := a.register("p", scheduled("fine", intervalClock(time.Hour)))
	a.sql(`UPDATE flow SET parameters = '[{"name": "x", "required": true}]', schedule = '{"clocks": [{"type": "Sundial"}]}' WHERE id = ?`, broken)
	a.sleep(3 * time.Hour)
	a.schedule()
	assert.Check(t, is.Len(a.starts(broken), 10))
	assert.Check(t, is.Len(a.starts(fine), 13))
}

func TestTwoServersCreateEachRunOnce(t *testing.T) {
	place := newPlace(t)
	a, b := openAPI(t, place), openAPI(t, place)
	flows := []string{}
	for i := range 6 {
		flows = append(flows, a.register("p", scheduled(fmt.Sprint("f", i), intervalClock(time.Hour), intervalClock(time.Hour, m{"labels": []any{"x"}}))))
	}
	for range 3 {
		a.sleep(5 * time.Hour)
		b.clock.Store(a.clock.Load())
		atOnce(6, func(i int) error {
			[]*api{a, b}[i%2].schedule()
			return nil
		})
	}
	for _, flow := range flows {
		starts := map[any]int{}
		for _, start := range a.starts(flow) {
			starts[start]++
		}
		for start, runs := range starts {
			assert.Check(t, is.Equal(runs, 2), "%v", start)
		}
		assert.Check(t, is.Len(starts, 20))
	}
}
