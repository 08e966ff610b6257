package agent

import (
	"encoding/json"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

var modernEngine = EngineInfo{Version: "28.5.2", APIVersion: "1.51", OSType: "linux"}

func TestASpecDescribesTheWholeContainer(t *testing.T) {
	cfg := someConfig()
	cfg.Networks = []string{"n1", "n2"}
	vols, err := ParseVolumes([]string{"data:/data", "/src:/src:ro"}, false)
	assert.NilError(t, err)
	run := graphql.FlowRun{
		ID: someRunID, Name: "my run", Version: 3,
		RunConfig: json.RawMessage(`{"type": "DockerRun", "image": "reg.io/mine:2", "ports": [80, 81], "env": {"A": 1}, "host_config": {"mem_limit": "1g"}}`),
		Flow:      graphql.Flow{ID: "flow-1", Name: "etl", CoreVersion: "1.4.1", Storage: json.RawMessage(localStorage)},
	}
	spec, err := buildSpec(cfg, vols, Owner{Identity: "me", Tenant: "tenant", AgentID: "agent-1"}, modernEngine, run)
	assert.NilError(t, err)
	assert.Check(t, is.Contains(spec.Env, "A=1"))
	assert.Check(t, is.Contains(spec.Env, "PREFECT__CONTEXT__IMAGE=reg.io/mine:2"))
	spec.Env = nil
	assert.Check(t, is.DeepEqual(spec, Spec{
		Name:    "my-run-d3b3bd1e6a5b-3",
		Image:   "reg.io/mine:2",
		Command: []string{"prefect", "execute", "flow-run"},
		Labels: map[string]string{
			"io.prefect.flow-name": "etl", "io.prefect.flow-id": "flow-1", "io.prefect.flow-run-id": someRunID,
			"org.docker-prefect.agent": "me", "org.docker-prefect.tenant": "tenant", "org.docker-prefect.agent-id": "agent-1",
			"org.docker-prefect.attempt": "3",
		},
		NamedVolumes: []string{"data"},
		MountPoints:  []string{"/data", "/src"},
		ExposedPorts: []string{"80/tcp", "81/tcp"},
		HostConfig: map[string]any{
			"NetworkMode": "default", "Memory": int64(1 << 30),
			"Binds": []string{"data:/data:rw", "/src:/src:ro"}, "ExtraHosts": []string{"host.docker.internal:host-gateway"},
		},
		Networks: []string{"n1", "n2"},
		Pull:     true,
	}))
}

func TestARunMayBringItsCommand(t *testing.T) {
	run := graphql.FlowRun{ID: someRunID, RunConfig: json.RawMessage(`{"type": "DockerRun", "image": "demo", "command": ["true"]}`)}
	spec, err := buildSpec(someConfig(), Volumes{}, Owner{}, modernEngine, run)
	assert.NilError(t, err)
	assert.Equal(t, spec.Labels["org.docker-prefect.command"], "true")
	assert.Check(t, is.DeepEqual(spec.Command, []string{"true"}))
	assert.Check(t, !spec.Pull)
	assert.Check(t, is.Equal(spec.Name, someRunID+"-0"))

	run = graphql.FlowRun{RunConfig: json.RawMessage(`{"type": "DockerRun", "command": []}`), Flow: graphql.Flow{Storage: json.RawMessage(localStorage)}}
	spec, err = buildSpec(someConfig(), Volumes{}, Owner{}, modernEngine, run)
	assert.NilError(t, err)
	assert.Equal(t, spec.Labels["org.docker-prefect.command"], "")
	assert.Check(t, is.Equal(spec.Command[0], "prefect"))
}

func TestContainersAreGivenTheHostsNameUnlessTheAgentOrTheEngineCannot(t *testing.T) {
	run := graphql.FlowRun{ID: someRunID, Flow: graphql.Flow{Storage: json.RawMessage(localStorage)}}
	for _, c := range []struct {
		engine          string
		dockerInterface bool
		want            any
	}{
		{"28.5.2", true, []string{"host.docker.internal:host-gateway"}},
		{"28.5.2", false, nil},
		{"19.3.15", true, nil},
	} {
		cfg := someConfig()
		cfg.DockerInterface = c.dockerInterface
		spec, err := buildSpec(cfg, Volumes{}, Owner{}, EngineInfo{Version: c.engine}, run)
		assert.NilError(t, err)
		assert.Check(t, is.DeepEqual(spec.HostConfig["ExtraHosts"], c.want))
	}
}

func TestWhatIsWrongFailsTheRunWithItsReason(t *testing.T) {
	good := func() (Config, graphql.FlowRun) {
		return someConfig(), graphql.FlowRun{ID: someRunID, Flow: graphql.Flow{Storage: json.RawMessage(localStorage), CoreVersion: "1.4.1"}}
	}
	for says, spoil := range map[string]func(*Config, *graphql.FlowRun){
		"run_config: no \"type\"":        func(_ *Config, r *graphql.FlowRun) { r.RunConfig = json.RawMessage(`{}`) },
		"expected an object, found null": func(_ *Config, r *graphql.FlowRun) { r.Flow.Storage = nil },
		"registry docker.io is not in the registry allow-list: quay.io": func(c *Config, _ *graphql.FlowRun) {
			c.RegAllowList, c.NoPull = []string{"quay.io"}, true // not only for pulls
		},
		"cannot be combined": func(c *Config, _ *graphql.FlowRun) { c.Networks = []string{"n1", "host"} },
		`unknown key "x"`: func(_ *Config, r *graphql.FlowRun) {
			r.RunConfig = json.RawMessage(`{"type": "DockerRun", "host_config": {"x": 1}}`)
		},
	} {
		cfg, run := good()
		_, err := buildSpec(cfg, Volumes{}, Owner{}, modernEngine, run)
		assert.NilError(t, err)
		spoil(&cfg, &run)
		_, err = buildSpec(cfg, Volumes{}, Owner{}, modernEngine, run)
		assert.Check(t, is.ErrorContains(err, says))
	}
}

// The engine's own removal would race with reading how a container ended.
func TestContainersAreRemovedByTheAgentUnlessTheRunConfigKeepsThem(t *testing.T) {
	run := graphql.FlowRun{ID: "r", Flow: graphql.Flow{ID: "f", Name: "flow", Storage: json.RawMessage(localStorage)}}
	for hostConfig, kept := range map[string]string{`null`: "", `{"auto_remove": true}`: "", `{"auto_remove": false}`: "true"} {
		for _, command := range []string{`[]`, `["true"]`} {
			run.RunConfig = json.RawMessage(`{"type": "DockerRun", "image": "busybox", "command": ` + command + `, "host_config": ` + hostConfig + `}`)
			spec, err := buildSpec(Config{}, Volumes{}, Owner{}, EngineInfo{}, run)
			assert.NilError(t, err)
			assert.Equal(t, spec.Labels["org.docker-prefect.keep"], kept, hostConfig)
			assert.Check(t, spec.HostConfig["AutoRemove"] == nil)
		}
	}
}
