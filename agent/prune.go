package agent

import "github.com/docker-prefect/docker-prefect/graphql"

// Leftover is a flow container of one of our agents that does not run any more, and what is to become of it.
type Leftover struct {
	ID     string
	Name   string
	RunID  string
	State  string // of the container, such as "exited"
	Run    string // state type of the flow run; empty: it does not exist any more
	Remove bool
	Reason string // why it stays, or goes
}

// PlanPrune decides which containers are finished for good: ours, of the tenant, ended, and of runs that have
// ended, too. The end of others may have to be told yet, which needs the container. states has the state type
// of each run that exists.
func PlanPrune(containers []Container, tenant string, states map[string]string) []Leftover {
	var plan []Leftover
	for _, c := range containers {
		if c.Labels[labelAgent] == "" || c.isLive() {
			continue
		}
		run, exists := states[c.runID()]
		l := Leftover{ID: c.ID, Name: c.Name, RunID: c.runID(), State: c.State, Run: run}
		switch {
		case c.Labels[labelTenant] != tenant:
			l.Reason = "of another tenant, or another API"
		case !exists:
			l.Remove, l.Reason = true, "the flow run does not exist any more"
		case graphql.NewState(run, "").IsFinished():
			l.Remove, l.Reason = true, "the flow run has ended"
		case c.neverBegan():
			l.Reason = "its launch may be under way"
		default:
			l.Reason = "its end has not been told yet; its agent does that when it is started"
		}
		plan = append(plan, l)
	}
	return plan
}

// RunIDs are the flow runs of containers of ours that do not run any more: those whose states PlanPrune needs.
func RunIDs(containers []Container, tenant string) []string {
	var ids []string
	for _, c := range containers {
		if c.Labels[labelTenant] == tenant && !c.isLive() {
			ids = append(ids, c.runID())
		}
	}
	return ids
}
