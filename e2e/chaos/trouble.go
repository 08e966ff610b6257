package main

import (
	"context"
	"sync"
	"time"
)

// trouble does what the plan has beside flow runs.
func (w *world) trouble(ctx context.Context, begin time.Time, others *sync.WaitGroup) {
	others.Go(func() { w.killAgents(ctx, begin) })
	others.Go(func() { w.restartEngine(ctx, begin) })
	for _, o := range w.plan.outages {
		others.Go(func() { w.outage(ctx, begin, o) })
	}
}

// killAgents kills as planned. A moment that does not come is not waited for long.
func (w *world) killAgents(ctx context.Context, begin time.Time) {
	const patience = 5 * time.Second
	for _, kill := range w.plan.kills {
		if !sleep(ctx, time.Until(begin.Add(kill.at))) {
			return
		}
		victim := w.agents[kill.agent]
		before, aim := victim.killCount(), kill.moment
		if aim != (moment{}) {
			select {
			case <-victim.ambush.set(aim):
			case <-time.After(patience):
				victim.ambush.lift()
				aim = moment{}
			case <-ctx.Done():
				return
			}
		}
		// One that is just being started is killed when it has been.
		for victim.killCount() == before && ctx.Err() == nil {
			victim.kill()
			sleep(ctx, 10*time.Millisecond)
		}
		w.aimed[aim]++
	}
}

func (w *world) restartEngine(ctx context.Context, begin time.Time) {
	for _, r := range w.plan.restarts {
		if !sleep(ctx, time.Until(begin.Add(r.at))) {
			return
		}
		w.journal.note("-", engineSide, "restart", r.signal.String())
		for _, a := range w.agents {
			a.engine.away()
		}
		err := w.engine.restart(ctx, r.signal, r.down)
		for _, a := range w.agents {
			w.fail(a.engine.back())
		}
		w.journal.note("-", engineSide, "restart", "back")
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// outage takes one side away from all agents.
func (w *world) outage(ctx context.Context, begin time.Time, o plannedOutage) {
	if !sleep(ctx, time.Until(begin.Add(o.at))) {
		return
	}
	w.faults.count(o.side, "outage, "+string(o.how))
	w.journal.note("-", o.side, "outage", string(o.how)+" for "+o.lasts.String())
	for _, a := range w.agents {
		switch {
		case o.side == engineSide:
			a.engine.away()
		case o.how == refused:
			a.api.away()
		default:
			a.api.outage.Store(o.how)
		}
	}
	sleep(ctx, o.lasts)
	for _, a := range w.agents {
		switch {
		case o.side == engineSide:
			w.fail(a.engine.back())
		case o.how == refused:
			w.fail(a.api.back())
		default:
			a.api.outage.Store(outage(""))
		}
	}
	w.journal.note("-", o.side, "outage", "over")
}
