package agent

import (
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// verdict is what the end of a container means for its flow run.
type verdict struct {
	state  string // type of the state that the run gets; empty: the run is left alone
	crash  bool   // the container ended before its run did
	reason string // why the run is left alone
}

func leave(reason string) verdict { return verdict{reason: reason} }

// clockSkew is what the clocks of engine and API may differ by.
const clockSkew = time.Minute

// judge compares how a container ended with what the API says of its run. superseded: the run is executed in
// another container since.
//
// Prefect's own processes report how their run ended. Only where they could not does the agent, and never
// against a state that is final, nor where the run waits for an agent again: Prefect leaves long retries,
// pauses and queued task runs to it, and ends with status 0.
func judge(c Container, e exit, run graphql.RunStatus, superseded bool) verdict {
	state := graphql.NewState(run.State, "")
	agentID := c.Labels[labelAgentID]
	switch {
	case run.State == "":
		return leave("the run does not exist any more")
	case state.IsFinished():
		return leave("the run has ended as " + run.State)
	case superseded:
		return leave("the run goes on in another container")
	case run.AgentID != "" && agentID != "" && run.AgentID != agentID:
		return leave("the run was taken by another agent")
	case run.State == submittedType && run.Claim != nil && run.Claim.Attempt != c.attempt():
		return leave("the run was submitted again")
	case !c.isCommand() && !e.finished.IsZero() && run.Heartbeat.After(e.finished.Add(clockSkew)):
		return leave("the run has shown signs of life since")
	case state.IsScheduled():
		return leave("the run waits for an agent")
	case run.State == cancellingType:
		return verdict{state: "Cancelled"}
	case c.isCommand() && e.known && e.code == 0:
		return verdict{state: "Success"}
	case c.isCommand():
		return verdict{state: "Failed"}
	case e.known && e.code == 0 && run.State == "Running" && run.Waiting:
		return leave("a task run waits for an agent or a person")
	}
	return verdict{state: "Failed", crash: true}
}
