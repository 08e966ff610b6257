package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Labels of a flow run's container, as the Python agent sets them since 0.14.1.
const (
	labelFlowName  = "io.prefect.flow-name"   // the flow's name
	labelFlowID    = "io.prefect.flow-id"     // id of the flow's version
	labelFlowRunID = "io.prefect.flow-run-id" // id of the flow run
)

// Labels of ours. They are all that an agent knows of its containers after a restart.
const (
	labelAgent   = "org.docker-prefect.agent"    // identity of the agent whose container it is
	labelTenant  = "org.docker-prefect.tenant"   // tenant of the flow run
	labelAgentID = "org.docker-prefect.agent-id" // id that the API gave to the agent
	labelAttempt = "org.docker-prefect.attempt"  // which of the run's executions it is
	labelKeep    = "org.docker-prefect.keep"     // "true": the container stays when it has ended
	labelCommand = "org.docker-prefect.command"  // "true": the run config brings its own command
)

// Owner is an agent as its containers know it.
type Owner struct {
	Identity string // the same after a restart, different for agents that the API tells apart
	Tenant   string // id of the tenant
	AgentID  string // given by the API on registration
}

// identity tells agents apart that may share an engine: by tenant, name and labels, as the API does. The
// tenant's id stands for the API, however its address is written.
func identity(tenant, name string, labels []string) string {
	sorted := slices.Clone(labels)
	slices.Sort(sorted)
	text, _ := json.Marshal([]any{tenant, name, slices.Compact(sorted)}) // texts only: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// owns tells whether a container is this agent's to touch.
func (o Owner) owns(c Container) bool { return c.Labels[labelAgent] == o.Identity }

func (c Container) runID() string    { return c.Labels[labelFlowRunID] }
func (c Container) attempt() string  { return c.Labels[labelAttempt] }
func (c Container) isCommand() bool  { return c.Labels[labelCommand] == "true" }
func (c Container) isKept() bool     { return c.Labels[labelKeep] == "true" }
func (c Container) hasEnded() bool   { return c.State == stateExited || c.State == stateDead }
func (c Container) neverBegan() bool { return c.State == stateCreated }

// isLive tells whether its run is being executed in it.
func (c Container) isLive() bool { return !c.hasEnded() && !c.neverBegan() }
