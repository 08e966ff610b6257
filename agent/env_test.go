package agent

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

var someRun = graphql.FlowRun{ID: someRunID, Flow: graphql.Flow{ID: "flow-1", Name: "etl"}}

func someConfig() Config {
	return Config{
		APIURL: "http://localhost:4200", Backend: "server", ServerPort: 4200, LoggingLevel: "INFO",
		SendFlowRunLogs: true, DockerInterface: true, Labels: []string{"a", "it's"},
	}
}

func TestContainersGetPrefectsVariablesInPythonsOrder(t *testing.T) {
	cfg := someConfig()
	cfg.APIKey, cfg.TenantID = "key", "tenant"
	cfg.Env = []EnvVar{{Key: "AGENT", Value: "1"}}
	rc := runConfig{env: []EnvVar{{Key: "RUN", Value: "2"}, {Key: "IMAGES", Unset: true}}}
	assert.Check(t, is.DeepEqual(populateEnvVars(cfg, someRun, rc, "img:1"), []string{
		"PREFECT__CLOUD__API=http://host.docker.internal:4200",
		"PREFECT__LOGGING__LEVEL=INFO",
		"AGENT=1",
		"RUN=2",
		"IMAGES",
		"PREFECT__CLOUD__SEND_FLOW_RUN_LOGS=true",
		"PREFECT__BACKEND=server",
		"PREFECT__CLOUD__API_KEY=key",
		"PREFECT__CLOUD__TENANT_ID=tenant",
		`PREFECT__CLOUD__AGENT__LABELS=['a', "it's"]`,
		"PREFECT__CONTEXT__FLOW_RUN_ID=" + someRunID,
		"PREFECT__CONTEXT__FLOW_ID=flow-1",
		"PREFECT__CONTEXT__IMAGE=img:1",
		"PREFECT__CLOUD__USE_LOCAL_SECRETS=false",
		"PREFECT__ENGINE__FLOW_RUNNER__DEFAULT_CLASS=prefect.engine.cloud.CloudFlowRunner",
		"PREFECT__LOGGING__LOG_TO_CLOUD=true",
		"PREFECT__CLOUD__AUTH_TOKEN=key",
	}))
}

func TestLaterLayersWinAndVariablesKeepTheirPlace(t *testing.T) {
	cfg := someConfig()
	cfg.Env = []EnvVar{{Key: "A", Value: "agent"}, {Key: "B", Value: "agent"}, {Key: "PREFECT__LOGGING__LEVEL", Value: "DEBUG"}, {Key: "A", Value: "again"}}
	rc := runConfig{env: []EnvVar{{Key: "C", Value: "run"}, {Key: "B", Value: "run"}, {Key: "A", Unset: true}, {Key: "PREFECT__CLOUD__API", Value: "http://mine"}}}
	got := populateEnvVars(cfg, someRun, rc, "img")
	assert.Check(t, is.DeepEqual(got[:5], []string{"PREFECT__CLOUD__API=http://mine", "PREFECT__LOGGING__LEVEL=DEBUG", "A", "B=run", "C=run"}))
}

func TestNobodyOverridesWhatTheRunNeeds(t *testing.T) {
	fixed := map[string]string{
		"PREFECT__BACKEND":                            "server",
		"PREFECT__CLOUD__API_KEY":                     "",
		"PREFECT__CLOUD__TENANT_ID":                   "",
		"PREFECT__CLOUD__AGENT__LABELS":               `['a', "it's"]`,
		"PREFECT__CONTEXT__FLOW_RUN_ID":               someRunID,
		"PREFECT__CONTEXT__FLOW_ID":                   "flow-1",
		"PREFECT__CONTEXT__IMAGE":                     "img",
		"PREFECT__CLOUD__USE_LOCAL_SECRETS":           "false",
		"PREFECT__ENGINE__FLOW_RUNNER__DEFAULT_CLASS": "prefect.engine.cloud.CloudFlowRunner",
		"PREFECT__LOGGING__LOG_TO_CLOUD":              "true",
		"PREFECT__CLOUD__AUTH_TOKEN":                  "",
	}
	for key, want := range fixed {
		cfg := someConfig()
		cfg.Env = []EnvVar{{Key: key, Value: "agent"}}
		for _, layer := range []runConfig{{}, {env: []EnvVar{{Key: key, Value: "run"}}}, {env: []EnvVar{{Key: key, Unset: true}}}} {
			got := populateEnvVars(cfg, someRun, layer, "img")
			assert.Check(t, is.Equal(got[2], key+"="+want), "in the place of its first mention")
			assert.Check(t, is.Len(slices.DeleteFunc(got, func(s string) bool { return !strings.HasPrefix(s, key) }), 1))
		}
	}
}

func TestATenantIsOnlyToldWithAKey(t *testing.T) {
	cfg := someConfig()
	cfg.TenantID = "tenant"
	assert.Check(t, is.Contains(populateEnvVars(cfg, someRun, runConfig{}, "img"), "PREFECT__CLOUD__TENANT_ID="))
}

func TestARunMaySwitchLogShippingOffButNotOn(t *testing.T) {
	for _, c := range []struct {
		agent bool
		run   string
		want  string
	}{
		{true, "", "true"},
		{true, "false", "false"},
		{true, "anything", "anything"},
		{false, "", "false"},
		{false, "true", "false"},
	} {
		for _, byAgentEnv := range []bool{true, false} {
			cfg, rc := someConfig(), runConfig{}
			cfg.SendFlowRunLogs = c.agent
			switch own := []EnvVar{{Key: sendRunLogs, Value: c.run}}; {
			case c.run == "":
			case byAgentEnv:
				cfg.Env = own
			default:
				rc.env = own
			}
			got := populateEnvVars(cfg, someRun, rc, "img")
			assert.Check(t, is.Contains(got, sendRunLogs+"="+c.want), "agent %v, run %q", c.agent, c.run)
			old := "PREFECT__LOGGING__LOG_TO_CLOUD=false"
			assert.Check(t, is.Equal(slices.Contains(got, old), !c.agent), "images before 0.15 are told the agent's setting")
		}
	}
}

func TestContainersReachTheAPIThatTheAgentReaches(t *testing.T) {
	for _, c := range []struct {
		api      string
		networks []string
		mode     string // of the run config
		want     string
	}{
		{api: "http://localhost:4200", want: "http://host.docker.internal:4200"},
		{api: "http://localhost:4200/", want: "http://host.docker.internal:4200"},
		{api: "http://LOCALHOST:4300", want: "http://host.docker.internal:4300"},
		{api: "http://localhost", want: "http://host.docker.internal:4200"},
		{api: "https://localhost", want: "https://host.docker.internal"},
		{api: "https://localhost:8443/prefect/api", want: "https://host.docker.internal:8443/prefect/api"},
		{api: "http://127.0.0.1:4200", want: "http://host.docker.internal:4200"},
		{api: "http://127.8.0.1:4200", want: "http://host.docker.internal:4200"},
		{api: "http://0.0.0.0:4200", want: "http://host.docker.internal:4200"},
		{api: "http://[::1]:4200", want: "http://host.docker.internal:4200"},
		{api: "http://[::ffff:127.0.0.1]:4200", want: "http://host.docker.internal:4200"},
		{api: "http://prefect.localhost:4200", want: "http://host.docker.internal:4200"},

		{api: "https://api.prefect.io", want: "https://api.prefect.io"},
		{api: "http://10.0.0.7:4200/graphql", want: "http://10.0.0.7:4200/graphql"},
		{api: "http://localhost.example.com:4200", want: "http://localhost.example.com:4200"},
		{api: "https://api.example.com/?via=localhost", want: "https://api.example.com/?via=localhost"},
		{api: "http://host.docker.internal:4200", want: "http://host.docker.internal:4200"},

		{api: "http://localhost:14200/x", networks: []string{"n1", "prefect-server"}, want: "http://apollo:4200"},
		{api: "http://10.0.0.7:4200", networks: []string{"prefect-server"}, want: "http://10.0.0.7:4200"},

		{api: "http://localhost:4200", networks: []string{"host"}, want: "http://localhost:4200"},
		{api: "http://127.0.0.1:4200", mode: "host", want: "http://127.0.0.1:4200"},
		{api: "http://localhost:4200", networks: []string{"host"}, mode: "bridge", want: "http://host.docker.internal:4200"},
		{api: "http://localhost:4200", networks: []string{"prefect-server"}, mode: "host", want: "http://localhost:4200"},
		{api: "http://localhost:4200", networks: []string{"prefect-server"}, mode: "none", want: "http://host.docker.internal:4200"},
	} {
		cfg := someConfig()
		cfg.APIURL, cfg.Networks = c.api, c.networks
		rc := runConfig{hostConfig: object{{"network_mode", c.mode}}}
		got := populateEnvVars(cfg, someRun, rc, "img")
		assert.Check(t, is.Equal(got[0], "PREFECT__CLOUD__API="+c.want), "%s, networks %v, mode %q", c.api, c.networks, c.mode)
	}
}

func TestTheServerPortIsThatOfTheConfiguration(t *testing.T) {
	cfg := someConfig()
	cfg.ServerPort, cfg.APIURL, cfg.Networks = 4999, "http://localhost", []string{"prefect-server"}
	assert.Check(t, is.Equal(containerAPIURL(cfg, networkDefault), "http://apollo:4999"))
	cfg.Networks = nil
	assert.Check(t, is.Equal(containerAPIURL(cfg, networkDefault), "http://host.docker.internal:4999"))
}
