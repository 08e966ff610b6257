package agent

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

const (
	// queueWindow is how many due runs of a tenant Server looks at before it goes by labels (server 2023
	// api/runs.py: three times the 25 that it returns).
	queueWindow = 75
	// starvationDepth is how many due runs are looked at to find ours behind the window.
	starvationDepth = 500
	// starvationInterval is how often an agent that gets nothing looks.
	starvationInterval = time.Minute
	// starvationAge is how long a run must be due to count.
	starvationAge = 30 * time.Second
)

// starvation is an agent that gets no runs although there are some for it: Server hands out none behind the
// first 75 of the tenant, whose labels nobody may serve.
type starvation struct {
	looked time.Time
	since  time.Time // zero: none
}

// look asks for the head of the tenant's queue, and says once when starvation begins and once when it ends.
func (s *starvation) look(ctx context.Context, api API, labels []string, log *slog.Logger) {
	now := time.Now()
	if now.Sub(s.looked) < starvationInterval {
		return
	}
	s.looked = now
	queue, err := api.DueOfTenant(ctx, now.Add(-starvationAge), starvationDepth)
	if err != nil {
		log.Debug("The head of the tenant's queue could not be asked for", "reason", err)
		return
	}
	starving, blockers := behindWindow(queue, labels)
	switch {
	case starving > 0 && s.since.IsZero():
		s.since = now
		log.Warn("Due flow runs of this agent wait behind the tenant's 75 oldest, which is all that the API looks at; "+
			"start an agent for those, or cancel them", "waiting", starving, "labels_nobody_serves", blockers)
	case starving == 0:
		s.over(log)
	}
}

func (s *starvation) over(log *slog.Logger) {
	if !s.since.IsZero() {
		log.Info("Flow runs reach this agent again", "after", time.Since(s.since).Round(time.Second))
		s.since = time.Time{}
	}
}

// behindWindow counts the runs that are for an agent with these labels and out of its reach, and names the
// labels of those before them.
func behindWindow(queue []graphql.QueuedRun, labels []string) (starving int, blockers string) {
	before := map[string]bool{}
	for i, run := range queue {
		mine := servesLabels(labels, run.Labels)
		switch {
		case i < queueWindow && mine:
			return 0, "" // what is in the window is handed out
		case i < queueWindow:
			before["["+strings.Join(run.Labels, " ")+"]"] = true
		case mine:
			starving++
		}
	}
	names := slices.Sorted(maps.Keys(before))
	return starving, strings.Join(names[:min(3, len(names))], " ")
}

// servesLabels is Server's rule: an agent needs all labels of a run, and one that has labels gets no run
// without (server 2023 api/runs.py).
func servesLabels(agent, run []string) bool {
	if len(run) == 0 {
		return len(agent) == 0
	}
	return !slices.ContainsFunc(run, func(label string) bool { return !slices.Contains(agent, label) })
}
