package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// runConfig is what a flow or one of its runs says about its container. The zero value is that of a
// run without a run config.
type runConfig struct {
	given      bool     // the run has a run config
	env        []EnvVar // in the order of the JSON object
	image      *string  // nil: not said
	ports      []int    // to expose
	hostConfig object   // docker-py keywords, see convertHostConfig
	command    []string // instead of Prefect's; an addition of ours, written by "docker prefect run"
}

// parseRunConfig reads the run's run config (1.4.1 serialization/run_config.py). Only DockerRun and
// UniversalRun can be launched; members of the wrong type are errors, unknown ones are not.
func parseRunConfig(run graphql.FlowRun) (runConfig, error) {
	v, err := decodeJSON(run.RunConfig)
	if err != nil {
		return runConfig{}, fmt.Errorf("run_config: %w", err)
	}
	if v == nil {
		return runConfig{}, nil
	}
	members, ok := v.(object)
	if !ok {
		return runConfig{}, fmt.Errorf("run_config: %w", expected("an object", v))
	}
	kind, _ := members.get("type")
	switch kind {
	case "DockerRun", "UniversalRun":
	case "LocalRun", "KubernetesRun", "ECSRun", "VertexRun":
		//lint:ignore ST1005 Python's text, which people search for
		return runConfig{}, fmt.Errorf("Flow run %s has a `run_config` of type `%s`, only `DockerRun` is supported", run.ID, kind)
	case nil:
		return runConfig{}, errors.New(`run_config: no "type"; write "DockerRun" or "UniversalRun"`)
	default:
		return runConfig{}, fmt.Errorf(`run_config: unsupported type %s; write "DockerRun" or "UniversalRun"`, pythonRepr(kind))
	}
	rc := runConfig{given: true}
	for _, m := range members {
		if err := rc.set(kind == "DockerRun", m); err != nil {
			return runConfig{}, fmt.Errorf("run_config: %q: %w", m.name, err)
		}
	}
	return rc, nil
}

// set takes over one member. A UniversalRun has but env and labels.
func (rc *runConfig) set(isDockerRun bool, m member) (err error) {
	switch m.name {
	case "env":
		rc.env, err = runEnv(m.value)
		return err
	case "labels": // matched by the API; they only have to be well-formed
		_, err = textList(m.value)
		return err
	}
	if !isDockerRun || m.value == nil {
		return nil
	}
	switch m.name {
	case "image":
		image, ok := m.value.(string)
		if !ok {
			return expected("text", m.value)
		}
		rc.image = &image
	case "ports":
		rc.ports, err = runPorts(m.value)
	case "host_config":
		var ok bool
		if rc.hostConfig, ok = m.value.(object); !ok {
			return expected("an object", m.value)
		}
	case "command":
		rc.command, err = textList(m.value)
	}
	return err
}

// runEnv renders values as Python does; null unsets the image's variable.
func runEnv(v any) ([]EnvVar, error) {
	if v == nil {
		return nil, nil
	}
	members, ok := v.(object)
	if !ok {
		return nil, expected("an object", v)
	}
	env := make([]EnvVar, len(members))
	for i, m := range members {
		env[i] = EnvVar{Key: m.name, Unset: m.value == nil}
		if m.value != nil {
			env[i].Value = pythonText(m.value)
		}
	}
	return env, nil
}

// runPorts accepts numbers and numbers in text.
func runPorts(v any) ([]int, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, expected("a list of port numbers", v)
	}
	ports := make([]int, len(list))
	for i := range list {
		var text string
		switch port := list[i].(type) {
		case json.Number:
			text = strings.TrimSuffix(port.String(), ".0")
		case string:
			text = strings.TrimSpace(port)
		default:
			return nil, expected("port numbers", list[i])
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("expected port numbers up to 65535, found %q", text)
		}
		ports[i] = int(port)
	}
	return ports, nil
}

func textList(v any) ([]string, error) {
	const want = "a list of text"
	list, ok := v.([]any)
	if !ok {
		return nil, expected(want, v)
	}
	texts := make([]string, len(list))
	for i := range list {
		if texts[i], ok = list[i].(string); !ok {
			return nil, fmt.Errorf("expected %s, found %s in it", want, kindOf(list[i]))
		}
	}
	return texts, nil
}
