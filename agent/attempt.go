package agent

import (
	"strconv"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// attemptOf names one execution of a flow run. All agents that find the run in the queue at the same time
// come to the same name, so that the engine can refuse the second container.
//
// A run is executed once for each Scheduled state that it reaches, whose version says which. A Running one
// is executed again for a task run that was left to the agent; its own version stays, so the task run that is
// due longest tells. A run that is claimed already says it itself.
func attemptOf(run graphql.FlowRun) string {
	if claim, ok := claimOf(run); ok {
		return claim.Attempt
	}
	version := strconv.Itoa(run.Version)
	if run.State == "Scheduled" {
		return version
	}
	var first *graphql.TaskRun
	var since time.Time
	for i, t := range run.TaskRuns {
		state, err := graphql.ParseState(t.SerializedState)
		if err != nil || !state.IsScheduled() {
			continue // the claim says what is wrong with it
		}
		due := state.StartTime
		if first == nil || due.Before(since) || due.Equal(since) && t.ID < first.ID {
			first, since = &run.TaskRuns[i], due
		}
	}
	if first == nil {
		return version
	}
	return version + "." + lastDigits(first.ID, 4) + "." + strconv.Itoa(first.Version)
}

// claimOf returns the mark that a claim left in the run, or in one of the task runs that it is to take up.
func claimOf(run graphql.FlowRun) (graphql.Claim, bool) {
	for _, raw := range documents(run) {
		state, err := graphql.ParseState(raw)
		if err != nil || state.Type != submittedType {
			continue
		}
		if claim, ok := state.Claim(); ok {
			return claim, true
		}
	}
	return graphql.Claim{}, false
}

const submittedType = "Submitted"

// documents are the states of a run and its task runs.
func documents(run graphql.FlowRun) [][]byte {
	docs := [][]byte{run.SerializedState}
	for _, t := range run.TaskRuns {
		docs = append(docs, t.SerializedState)
	}
	return docs
}

// lastDigits is the end of an id, the part that differs where ids begin with a time.
func lastDigits(id string, n int) string { return id[max(0, len(id)-n):] }
