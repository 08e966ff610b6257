package main

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func labelled(id, run, state string) listed {
	return listed{ID: id, State: state, Names: []string{"/" + id}, Labels: map[string]string{runLabel: run, agentLabel: "a"}}
}

func TestTheObserverSeesDoublesAndCrowds(t *testing.T) {
	o := newObserver(nil, 2)
	now := time.Unix(1000, 0)
	unclear := o.take([]listed{labelled("c1", "r1", "running"), labelled("c2", "r2", "running"), labelled("c3", "r2", "exited"), labelled("c4", "r2", "created")}, now)
	assert.DeepEqual(t, unclear, []string{"c1", "c2", "c3"})
	assert.Equal(t, len(o.doubles)+len(o.crowds), 0)
	o.take([]listed{labelled("c1", "r1", "running"), labelled("c2", "r2", "running"), labelled("c3", "r2", "paused")}, now)
	assert.Equal(t, len(o.doubles), 1)
	assert.Equal(t, o.doubles[0].run, "r2")
	assert.Equal(t, len(o.crowds), 1)
	assert.Equal(t, o.crowds[0].live, 3)
}

func TestTheObserverTakesDownEvents(t *testing.T) {
	o := newObserver(nil, 2)
	var e event
	e.Actor.ID = "c1"
	e.Actor.Attributes = map[string]string{runLabel: "r1", agentLabel: "a", "name": "n", "exitCode": "137"}
	e.Action, e.TimeNano = "start", int64(time.Second)
	o.happened(e)
	e.Action, e.TimeNano = "die", int64(3*time.Second)
	o.happened(e)
	var r record
	o.seen(&r)
	assert.Equal(t, len(r.containers), 1)
	c := r.containers[0]
	assert.Equal(t, c.run+c.agent+c.name, "r1an")
	assert.Equal(t, c.finished.Sub(c.started), 2*time.Second)
	assert.Equal(t, c.exitCode, 137)
}
