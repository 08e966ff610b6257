package main

import (
	"maps"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

func testOptions(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parseOptions(args)
	assert.NilError(t, err)
	return o
}

func TestThePlanIsTheSeeds(t *testing.T) {
	seven := newPlan(testOptions(t, "-seed", "7"))
	assert.Assert(t, reflect.DeepEqual(newPlan(testOptions(t, "-seed", "7")), seven))
	assert.Assert(t, !reflect.DeepEqual(newPlan(testOptions(t, "-seed", "8")), seven))
}

func TestThePlanHasWhatWasAskedFor(t *testing.T) {
	for _, args := range [][]string{{}, {"-short"}, {"-seed", "99", "-agents", "3"}} {
		o := testOptions(t, args...)
		p := newPlan(o)
		assert.Equal(t, len(p.runs), o.runs)
		assert.Equal(t, len(p.kills), o.kills)
		assert.Equal(t, len(p.restarts), o.engineRestarts)

		count := map[script.Kind]int{}
		for i, run := range p.runs {
			count[run.script.Kind]++
			assert.Assert(t, run.at <= p.length && (i == 0 || p.runs[i-1].at <= run.at))
			assert.Equal(t, run.script.Expect().Crashed && run.script.Kind != script.OOM, run.script.Code != 0, "%v", run)
		}
		for _, kind := range script.Kinds() {
			assert.Assert(t, count[kind] > 0, kind)
		}
		for i, kill := range p.kills {
			assert.Assert(t, kill.agent < o.agents && (i == 0 || p.kills[i-1].at <= kill.at))
			assert.Assert(t, kill.at <= fraction(p.length, lastKill), "the last part of the load is without kills")
		}
		sides := map[side]int{}
		for _, out := range p.outages {
			sides[out.side]++
		}
		assert.DeepEqual(t, slices.Sorted(maps.Keys(sides)), []side{apiSide, engineSide})
	}
}

func TestEnginesEndInBothWays(t *testing.T) {
	for seed := range uint64(10) {
		o := testOptions(t)
		o.seed = seed
		how := map[syscall.Signal]bool{}
		for _, r := range newPlan(o).restarts {
			how[r.signal] = true
		}
		assert.DeepEqual(t, how, map[syscall.Signal]bool{syscall.SIGTERM: true, syscall.SIGKILL: true})
	}
}

func TestAFewRunsAreOfDifferentKinds(t *testing.T) {
	got := kinds(newDice(1).roll("x"), 4)
	slices.Sort(got)
	assert.Equal(t, len(slices.Compact(got)), 4)
}

func TestWithin(t *testing.T) {
	r := newDice(1).roll("x")
	for i := range 10 {
		at := within(r, i, 10, time.Second, 11*time.Second)
		assert.Assert(t, at >= time.Duration(i+1)*time.Second && at < time.Duration(i+2)*time.Second)
	}
}
