//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// What the policy forbids fails with the rule's name and leaves no container; everything else runs, within
// the limits.
func TestTheAgentsPolicyHoldsOnARealEngine(t *testing.T) {
	w := newWorld(t)
	docker(t, "tag", demoImage, "localhost:5998/demo:1")
	t.Cleanup(func() { docker(t, "rmi", "localhost:5998/demo:1") })
	imageID := docker(t, "inspect", "--format", "{{.Id}}", demoImage)
	w.agent(t, "--no-pull", "--allow-image", "docker.io/library/docker-prefect-*:latest",
		"--host-config-policy", "restricted", "--deny-host-config", "dns,port_bindings",
		"--memory", "64m", "--max-memory", "128m", "--max-cpus", "1", "--shm-size", "8m", "--volume", "/tmp:/from-agent:ro")

	for _, tc := range []struct {
		name   string
		config object
		rule   string
	}{
		{"image", object{"image": "localhost:5998/demo:1"}, "--allow-image docker.io/library/docker-prefect-*:latest"},
		{"image by id", object{"image": imageID}, "--allow-image"},
		{"image by a short id", object{"image": strings.TrimPrefix(imageID, "sha256:")[:12]}, "--allow-image"},
		{"preset", object{"host_config": object{"privileged": true}}, "--host-config-policy restricted: privileged"},
		{"bind", object{"host_config": object{"binds": []string{"/var/run/docker.sock:/s"}}}, "--host-config-policy restricted: binds:/"},
		{"command", object{"command": []string{"x"}, "host_config": object{"pid_mode": "host"}}, "--host-config-policy restricted: pid_mode"},
		{"list", object{"host_config": object{"dns": []string{"1.1.1.1"}}}, "--deny-host-config dns"},
		{"memory", object{"host_config": object{"mem_limit": "129m"}}, "--max-memory 128MiB"},
		{"cpus", object{"host_config": object{"nano_cpus": 1_500_000_000}}, "--max-cpus 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := w.create(t, flowRun{runConfig: tc.config})
			w.waitState(t, id, "Failed")
			states, logs := w.history(t, id)
			assert.DeepEqual(t, states, []string{"Scheduled", "Submitted", "Failed"})
			assert.Equal(t, len(logs), 1, "%v", logs)
			assert.Assert(t, is.Contains(logs[0], tc.rule))
			assert.Equal(t, containers(t, id), 0)
		})
	}

	plain := w.create(t, flowRun{})
	asking := w.create(t, flowRun{runConfig: object{"host_config": object{
		"auto_remove": false, "privileged": false, "mem_limit": "128m", "cpu_quota": 50_000, "shm_size": "4m",
	}}})
	for id, want := range map[string][]float64{
		plain:  {64 << 20, 1e9, 0, 8 << 20},
		asking: {128 << 20, 0, 50_000, 4 << 20},
	} {
		w.waitState(t, id, "Success")
		made := container(t, id)
		for i, member := range []string{"Memory", "NanoCpus", "CpuQuota", "ShmSize"} {
			assert.Check(t, is.Equal(at(t, made, "HostConfig", member), want[i]), member)
		}
		assert.Check(t, is.DeepEqual(at(t, made, "HostConfig", "Binds"), []any{"/tmp:/from-agent:ro"}))
	}
}

// Engines know a period without a quota, and refuse nano_cpus beside it.
func TestTheCPULimitSuitsAPeriod(t *testing.T) {
	w := newWorld(t)
	w.agent(t, "--max-cpus", "0.5")
	id := w.create(t, flowRun{runConfig: object{"host_config": object{"auto_remove": false, "cpu_period": 50_000}}})
	w.waitState(t, id, "Success")
	assert.Equal(t, at(t, container(t, id), "HostConfig", "CpuQuota"), 25_000.0)
}
