package agent

import (
	"encoding/json"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const (
	localStorage     = `{"type": "Local", "directory": "/flows"}`
	dockerStorage    = `{"type": "Docker", "registry_url": "reg.io/team", "image_name": "flow", "image_tag": "7"}`
	imageEnvironment = `{"type": "LocalEnvironment", "metadata": {"image": "old:1"}}`
	bareEnvironment  = `{"type": "LocalEnvironment", "metadata": {}}`
)

func TestTheImageComesFromStorageRunConfigOrVersion(t *testing.T) {
	for name, c := range map[string]struct {
		storage, runConfig, environment, version, want string
	}{
		"version alone":                      {storage: localStorage, version: "1.4.1", want: "prefecthq/prefect:1.4.1"},
		"version of a checkout":              {storage: localStorage, version: "0.15.3+4.gabc", want: "prefecthq/prefect:0.15.3"},
		"no version":                         {storage: localStorage, want: "prefecthq/prefect:latest"},
		"version null in JSON":               {storage: localStorage, runConfig: "null", want: "prefecthq/prefect:latest"},
		"run config without image":           {storage: localStorage, runConfig: `{"type": "DockerRun", "image": null}`, version: "1.0", want: "prefecthq/prefect:1.0"},
		"run config with image":              {storage: localStorage, runConfig: `{"type": "DockerRun", "image": "mine:2"}`, want: "mine:2"},
		"universal run has no image":         {storage: localStorage, runConfig: `{"type": "UniversalRun", "image": "mine:2"}`, version: "1.0", want: "prefecthq/prefect:1.0"},
		"Docker storage":                     {storage: dockerStorage, version: "1.4.1", want: "reg.io/team/flow:7"},
		"Docker storage beats run config":    {storage: dockerStorage, runConfig: `{"type": "DockerRun", "image": "mine:2"}`, want: "reg.io/team/flow:7"},
		"unknown storage types are fine":     {storage: `{"type": "Carrier pigeon"}`, version: "1.0", want: "prefecthq/prefect:1.0"},
		"environment with image":             {storage: dockerStorage, environment: imageEnvironment, want: "old:1"},
		"environment without image":          {storage: dockerStorage, environment: bareEnvironment, want: "reg.io/team/flow:7"},
		"environment with null metadata":     {storage: dockerStorage, environment: `{"metadata": null}`, want: "reg.io/team/flow:7"},
		"run config beats environment":       {storage: localStorage, environment: imageEnvironment, runConfig: `{"type": "DockerRun", "image": "mine:2"}`, want: "mine:2"},
		"run config hides environment":       {storage: localStorage, environment: imageEnvironment, runConfig: `{"type": "UniversalRun"}`, version: "0.14.0", want: "prefecthq/prefect:0.14.0"},
		"environment null in JSON":           {storage: localStorage, environment: "null", version: "0.14.0", want: "prefecthq/prefect:0.14.0"},
		"a command of its own needs no flow": {storage: "null", runConfig: `{"type": "DockerRun", "image": "alpine", "command": ["true"]}`, want: "alpine"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := imageOf(t, c.storage, c.runConfig, c.environment, c.version)
			assert.NilError(t, err)
			assert.Check(t, is.Equal(got, c.want))
		})
	}
}

func imageOf(t *testing.T, storage, runConfig, environment, version string) (string, error) {
	t.Helper()
	run := graphql.FlowRun{ID: "run-1", RunConfig: json.RawMessage(runConfig), Flow: graphql.Flow{
		Name: "etl", CoreVersion: version, Storage: json.RawMessage(storage), Environment: json.RawMessage(environment),
	}}
	rc, err := parseRunConfig(run)
	assert.NilError(t, err)
	return resolveImage(run, rc)
}

func TestABrokenImageSourceIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		storage, runConfig, environment, says string
	}{
		"no storage":               {storage: "", says: `storage of flow "etl": expected an object, found null`},
		"storage is text":          {storage: `"Local"`, says: `storage of flow "etl": expected an object, found text`},
		"storage is cut off":       {storage: `{"type":`, says: `storage of flow "etl": not valid JSON`},
		"storage without type":     {storage: `{}`, says: `storage of flow "etl": no "type"`},
		"storage type is a number": {storage: `{"type": 5}`, says: `type: expected text, found a number`},
		"registry is a list":       {storage: `{"type": "Docker", "registry_url": []}`, says: `registry_url: expected text, found a list`},
		"tag is a number":          {storage: `{"type": "Docker", "image_name": "n", "image_tag": 1}`, says: `image_tag: expected text, found a number`},
		"name is a number":         {storage: `{"type": "Docker", "image_name": 1}`, says: `image_name: expected text, found a number`},
		"no tag":                   {storage: `{"type": "Docker", "image_name": "n", "image_tag": null}`, says: "Docker storage is missing required fields image_name and image_tag"},
		"no name":                  {storage: `{"type": "Docker", "image_tag": "1"}`, says: "Docker storage is missing required fields image_name and image_tag"},
		"empty image":              {storage: localStorage, runConfig: `{"type": "DockerRun", "image": ""}`, says: `run_config: "image" is empty`},
		"environment is a list":    {storage: dockerStorage, environment: `[]`, says: `environment of flow "etl": expected an object, found a list`},
		"environment is cut off":   {storage: dockerStorage, environment: `{`, says: `environment of flow "etl": not valid JSON`},
		"metadata is text":         {storage: dockerStorage, environment: `{"metadata": "x"}`, says: `metadata: expected an object, found text`},
		"image is a number":        {storage: dockerStorage, environment: `{"metadata": {"image": 1}}`, says: `image: expected text, found a number`},
		"environment without any image": {
			storage: localStorage, environment: bareEnvironment,
			says: "Storage for flow run run-1 is not of type Docker and environment has no `image` attribute in the metadata field.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := imageOf(t, c.storage, c.runConfig, c.environment, "1.0")
			assert.Check(t, is.ErrorContains(err, c.says))
		})
	}
}

func TestRegistryAndImageNameAreJoinedAsPythonJoinsPaths(t *testing.T) {
	for _, c := range []struct{ registry, name, want string }{
		{"", "n", "n"},
		{"reg.io", "n", "reg.io/n"},
		{"reg.io/", "n", "reg.io/n"},
		{"reg.io//a/./b", "c//d", "reg.io/a/b/c/d"},
		{"reg.io/a/..", "n", "reg.io/a/../n"},
		{"reg.io", "/n", "/n"},
		{"reg.io", "//n", "//n"},
		{"///r", "n", "/r/n"},
		{"//r", "n", "//r/n"},
		{"https://reg.io/x", "n", "https:/reg.io/x/n"},
		{".", "./n/", "n"},
		{"/", "n", "/n"},
	} {
		assert.Check(t, is.Equal(joinPure(c.registry, c.name), c.want), "%s and %s", c.registry, c.name)
	}
}
