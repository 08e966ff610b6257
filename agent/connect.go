package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// banner is "Prefect Agent" as the Python agent greets (1.4.1 agent.py).
const banner = `
 ____            __           _        _                    _
|  _ \ _ __ ___ / _| ___  ___| |_     / \   __ _  ___ _ __ | |_
| |_) | '__/ _ \ |_ / _ \/ __| __|   / _ \ / _` + "`" + ` |/ _ \ '_ \| __|
|  __/| | |  __/  _|  __/ (__| |_   / ___ \ (_| |  __/ | | | |_
|_|   |_|  \___|_|  \___|\___|\__| /_/   \_\__, |\___|_| |_|\__|
                                           |___/

`

// logConfig says at debug level what the agent goes by. Values of environment variables stay out.
func (a *Agent) logConfig(ctx context.Context) {
	names := make([]string, 0, len(a.cfg.Env))
	for _, v := range a.cfg.Env {
		names = append(names, v.Key)
	}
	polls := "None"
	if a.cfg.MaxPolls >= 0 {
		polls = fmt.Sprint(a.cfg.MaxPolls)
	}
	for _, line := range []string{
		"Environment variables: " + pythonList(names),
		"Max polls: " + polls,
		"Agent address: " + a.cfg.AgentAddress,
		"Log to Cloud: " + pythonBool(a.cfg.SendFlowRunLogs),
		"Prefect backend: " + a.cfg.Backend,
		"No pull: " + pythonBool(a.cfg.NoPull),
		"Volumes: " + pythonList(a.cfg.Volumes),
		"Networks: " + pythonList(a.cfg.Networks),
		"Registry allow list: " + pythonList(a.cfg.RegAllowList),
	} {
		a.log.DebugContext(ctx, line)
	}
}

// connect registers the agent. An API that cannot be reached is waited for: an agent that is started
// together with its server must not depend on the order.
func (a *Agent) connect(ctx context.Context) error {
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"find the tenant", a.findTenant},
		{"register the agent", a.register},
		{"read the agent config", a.loadAgentConfig},
		{"send the test query", a.testQuery},
	}
	outage := outage{log: a.log, what: "the Prefect API"}
	for _, step := range steps {
		wait := newBackOff()
		for {
			err := step.do(ctx)
			if err == nil {
				outage.over()
				break
			}
			if !errors.Is(err, graphql.ErrTemporary) {
				return fmt.Errorf("%s: %w", step.what, err)
			}
			outage.begin(err)
			if !sleep(ctx, wait.next(err)) {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

func (a *Agent) findTenant(ctx context.Context) error {
	tenant, err := a.api.DefaultTenant(ctx)
	if err != nil {
		return err
	}
	a.cfg.TenantID = tenant
	return nil
}

func (a *Agent) register(ctx context.Context) error {
	if a.cfg.AgentConfigID != "" {
		a.log.Info("Registering agent with config " + a.cfg.AgentConfigID + "...")
	} else {
		a.log.Info("Registering agent...")
	}
	id, err := a.api.RegisterAgent(ctx, a.cfg.Name, a.cfg.Labels, a.cfg.AgentConfigID)
	if err != nil {
		return err
	}
	a.owner.AgentID = id
	a.log.Info("Registration successful!")
	a.log.Debug("Assigned agent id: " + id)
	return nil
}

// loadAgentConfig checks that the record exists. As in Prefect, its settings have no effect on an agent
// that runs containers; the link in the registration has.
func (a *Agent) loadAgentConfig(ctx context.Context) error {
	if a.cfg.AgentConfigID == "" {
		return nil
	}
	if _, err := a.api.AgentConfig(ctx, a.cfg.AgentConfigID); err != nil {
		return err
	}
	a.log.Debug("Loaded agent config " + a.cfg.AgentConfigID)
	return nil
}

func (a *Agent) testQuery(ctx context.Context) error {
	a.log.Debug("Sending test query to API...")
	if err := a.api.Hello(ctx); err != nil {
		return err
	}
	a.log.Debug("Test query successful!")
	return nil
}

// announce prints the banner to the same place as the log.
func (a *Agent) announce() {
	_, _ = a.out.Write([]byte(strings.TrimSuffix(banner, "\n")))
	a.log.Info("Starting DockerAgent with labels " + pythonList(a.cfg.Labels))
	a.log.Info("Agent documentation can be found at https://docs.prefect.io/orchestration/")
	a.log.Info("Waiting for flow runs...")
}
