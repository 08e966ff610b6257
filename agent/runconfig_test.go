package agent

import (
	"encoding/json"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func runConfigOf(t *testing.T, raw string) runConfig {
	t.Helper()
	rc, err := parseRunConfig(graphql.FlowRun{ID: "run-1", RunConfig: json.RawMessage(raw)})
	assert.NilError(t, err)
	return rc
}

func TestARunWithoutRunConfigHasTheDefaults(t *testing.T) {
	for _, raw := range []string{"", "null", " null "} {
		rc := runConfigOf(t, raw)
		assert.Check(t, !rc.given)
		assert.Check(t, rc.image == nil && rc.env == nil && rc.ports == nil && rc.hostConfig == nil && rc.command == nil)
	}
}

func TestADockerRunIsReadWhole(t *testing.T) {
	rc := runConfigOf(t, `{"type": "DockerRun", "__version__": "1.4.1", "labels": ["a"], "image": "mine:2", "ports": [80, "8080", " 443 ", 81.0],
		"env": {"Z": "1", "A": 2}, "host_config": {"mem_limit": "1g"}, "command": ["echo", "hi"], "unknown": [1]}`)
	assert.Check(t, rc.given)
	assert.Check(t, is.Equal(*rc.image, "mine:2"))
	assert.Check(t, is.DeepEqual(rc.ports, []int{80, 8080, 443, 81}))
	assert.Check(t, is.DeepEqual(rc.env, []EnvVar{{Key: "Z", Value: "1"}, {Key: "A", Value: "2"}}))
	assert.Check(t, is.DeepEqual(rc.command, []string{"echo", "hi"}))
	limit, _ := rc.hostConfig.get("mem_limit")
	assert.Check(t, is.Equal(limit, "1g"))
}

func TestNullMembersAreNotSaid(t *testing.T) {
	rc := runConfigOf(t, `{"type": "DockerRun", "image": null, "ports": null, "env": null, "host_config": null, "command": null}`)
	assert.Check(t, rc.image == nil && rc.env == nil && rc.ports == nil && rc.hostConfig == nil && rc.command == nil)
	assert.Check(t, is.Len(runConfigOf(t, `{"type": "DockerRun", "command": []}`).command, 0))
}

func TestAUniversalRunHasButEnvironmentVariables(t *testing.T) {
	rc := runConfigOf(t, `{"type": "UniversalRun", "env": {"A": "1"}, "labels": [], "image": 5, "ports": "x", "command": 1, "host_config": []}`)
	assert.Check(t, is.DeepEqual(rc.env, []EnvVar{{Key: "A", Value: "1"}}))
	assert.Check(t, rc.image == nil && rc.ports == nil && rc.command == nil && rc.hostConfig == nil)
}

func TestEnvironmentValuesHavePythonsTextForm(t *testing.T) {
	rc := runConfigOf(t, `{"type": "DockerRun", "env": {"s": "x=y", "t": true, "i": 1, "f": 1.5, "e": "", "n": null, "l": [1, "a"], "o": {"k": false}}}`)
	assert.Check(t, is.DeepEqual(rc.env, []EnvVar{
		{Key: "s", Value: "x=y"},
		{Key: "t", Value: "True"},
		{Key: "i", Value: "1"},
		{Key: "f", Value: "1.5"},
		{Key: "e", Value: ""},
		{Key: "n", Unset: true},
		{Key: "l", Value: "[1, 'a']"},
		{Key: "o", Value: "{'k': False}"},
	}))
}

func TestABrokenRunConfigFailsWithItsReason(t *testing.T) {
	for raw, want := range map[string]string{
		`{"type": "LocalRun"}`:      "Flow run run-1 has a `run_config` of type `LocalRun`, only `DockerRun` is supported",
		`{"type": "KubernetesRun"}`: "Flow run run-1 has a `run_config` of type `KubernetesRun`, only `DockerRun` is supported",
		`{"type": "ECSRun"}`:        "Flow run run-1 has a `run_config` of type `ECSRun`, only `DockerRun` is supported",
		`{"type": "VertexRun"}`:     "Flow run run-1 has a `run_config` of type `VertexRun`, only `DockerRun` is supported",

		`{"type": "Zeppelin"}`: `run_config: unsupported type 'Zeppelin'; write "DockerRun" or "UniversalRun"`,
		`{"type": ["x"]}`:      `run_config: unsupported type ['x']; write "DockerRun" or "UniversalRun"`,
		`{}`:                   `run_config: no "type"; write "DockerRun" or "UniversalRun"`,
		`[]`:                   `run_config: expected an object, found a list`,
		`"DockerRun"`:          `run_config: expected an object, found text`,
		`{"type"`:              `run_config: not valid JSON: unexpected EOF`,

		`{"type": "DockerRun", "labels": null}`:            `run_config: "labels": expected a list of text, found null`,
		`{"type": "UniversalRun", "labels": [1]}`:          `run_config: "labels": expected a list of text, found a number in it`,
		`{"type": "DockerRun", "image": 5}`:                `run_config: "image": expected text, found a number`,
		`{"type": "UniversalRun", "env": []}`:              `run_config: "env": expected an object, found a list`,
		`{"type": "DockerRun", "ports": "80"}`:             `run_config: "ports": expected a list of port numbers, found text`,
		`{"type": "DockerRun", "ports": ["http"]}`:         `run_config: "ports": expected port numbers up to 65535, found "http"`,
		`{"type": "DockerRun", "ports": [65536]}`:          `run_config: "ports": expected port numbers up to 65535, found "65536"`,
		`{"type": "DockerRun", "ports": [80.5]}`:           `run_config: "ports": expected port numbers up to 65535, found "80.5"`,
		`{"type": "DockerRun", "ports": [true]}`:           `run_config: "ports": expected port numbers, found true or false`,
		`{"type": "DockerRun", "host_config": []}`:         `run_config: "host_config": expected an object, found a list`,
		`{"type": "DockerRun", "command": "echo"}`:         `run_config: "command": expected a list of text, found text`,
		`{"type": "DockerRun", "command": ["sleep", 5]}`:   `run_config: "command": expected a list of text, found a number in it`,
		`{"type": "DockerRun", "command": {"echo": "hi"}}`: `run_config: "command": expected a list of text, found an object`,
	} {
		_, err := parseRunConfig(graphql.FlowRun{ID: "run-1", RunConfig: json.RawMessage(raw)})
		assert.Check(t, is.Error(err, want), raw)
	}
}
