package agent

import (
	"encoding/json"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestRunsGetTheDefaultsTheyLeaveOpenAndNoMoreThanTheCeilings(t *testing.T) {
	const g = 1 << 30
	for _, c := range []struct {
		name       string
		resources  Resources
		hostConfig string
		want       string // the HostConfig; empty: an error
		says       string
	}{
		{"nothing is set", Resources{}, `{}`, `{}`, ""},
		{"nothing is set, the run asks", Resources{}, `{"mem_limit": "9g", "nano_cpus": 64000000000}`, `{"Memory": 9663676416, "NanoCpus": 64000000000}`, ""},

		{"defaults", Resources{Memory: g, NanoCPUs: 1.5 * nano, ShmSize: 2 * g}, `{}`, `{"Memory": 1073741824, "NanoCpus": 1500000000, "ShmSize": 2147483648}`, ""},
		{"the run wins", Resources{Memory: g, NanoCPUs: nano, ShmSize: g}, `{"mem_limit": "2g", "nano_cpus": 2000000000, "shm_size": "2m"}`, `{"Memory": 2147483648, "NanoCpus": 2000000000, "ShmSize": 2097152}`, ""},
		{"zero is no limit", Resources{Memory: g, NanoCPUs: nano, ShmSize: g}, `{"mem_limit": 0, "nano_cpus": 0, "shm_size": 0}`, `{"Memory": 1073741824, "NanoCpus": 1000000000, "ShmSize": 1073741824}`, ""},
		{"null is no limit", Resources{Memory: g}, `{"mem_limit": null}`, `{"Memory": 1073741824}`, ""},

		{"the ceiling is the limit", Resources{MaxMemory: g, MaxNanoCPUs: nano}, `{}`, `{"Memory": 1073741824, "NanoCpus": 1000000000}`, ""},
		{"unless there is a default", Resources{Memory: g / 2, MaxMemory: g, NanoCPUs: nano / 2, MaxNanoCPUs: nano}, `{}`, `{"Memory": 536870912, "NanoCpus": 500000000}`, ""},
		{"zero is no way around", Resources{MaxMemory: g, MaxNanoCPUs: nano}, `{"mem_limit": 0, "nano_cpus": 0}`, `{"Memory": 1073741824, "NanoCpus": 1000000000}`, ""},
		{"as much as the ceiling", Resources{MaxMemory: g, MaxNanoCPUs: nano}, `{"mem_limit": "1g", "nano_cpus": 1000000000}`, `{"Memory": 1073741824, "NanoCpus": 1000000000}`, ""},
		{"more memory", Resources{MaxMemory: g}, `{"mem_limit": "2g"}`, ``, "mem_limit: 2GiB is more than a run may have here: --max-memory 1GiB"},
		{"endless memory", Resources{MaxMemory: g}, `{"mem_limit": -1}`, ``, "mem_limit"},
		{"more CPUs", Resources{MaxNanoCPUs: 1.5 * nano}, `{"nano_cpus": 2000000000}`, ``, "nano_cpus: 2 CPUs are more than a run may have here: --max-cpus 1.5"},
		{"endless CPUs", Resources{MaxNanoCPUs: nano}, `{"nano_cpus": -1}`, ``, "nano_cpus"},

		{"a quota is a limit", Resources{NanoCPUs: nano, MaxNanoCPUs: 2 * nano}, `{"cpu_quota": 150000}`, `{"CpuQuota": 150000}`, ""},
		{"a quota in a period", Resources{MaxNanoCPUs: nano}, `{"cpu_quota": 150000, "cpu_period": 200000}`, `{"CpuQuota": 150000, "CpuPeriod": 200000}`, ""},
		{"a quota above the ceiling", Resources{MaxNanoCPUs: nano}, `{"cpu_quota": 150000}`, ``, "cpu_quota: 1.5 CPUs are more than a run may have here: --max-cpus 1"},
		{"a quota in a short period", Resources{MaxNanoCPUs: nano}, `{"cpu_quota": 50000, "cpu_period": 1000}`, ``, "cpu_quota: 50 CPUs"},
		{"a quota beside nano_cpus", Resources{MaxNanoCPUs: nano}, `{"nano_cpus": 1, "cpu_quota": 900000}`, ``, "cpu_quota: 9 CPUs"},
		{"an endless quota", Resources{MaxNanoCPUs: nano}, `{"cpu_quota": -1}`, `{"NanoCpus": 1000000000}`, ""},
		{"a period alone", Resources{NanoCPUs: 1.5 * nano}, `{"cpu_period": 50000}`, `{"CpuPeriod": 50000, "CpuQuota": 75000}`, ""},
		{"a period without a limit", Resources{Memory: g}, `{"cpu_period": 50000}`, `{"CpuPeriod": 50000, "Memory": 1073741824}`, ""},
		{"shares are no limit", Resources{MaxNanoCPUs: nano}, `{"cpu_shares": 9000}`, `{"CpuShares": 9000, "NanoCpus": 1000000000}`, ""},

		{"defaults ask for no more than there is", Resources{MaxNanoCPUs: 64 * nano}, `{}`, `{"NanoCpus": 8000000000}`, ""},
		{"runs may", Resources{MaxNanoCPUs: 64 * nano}, `{"nano_cpus": 32000000000}`, `{"NanoCpus": 32000000000}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.NilError(t, c.resources.check())
			hostConfig, err := convertHostConfig(objectOf(t, c.hostConfig))
			assert.NilError(t, err)
			err = c.resources.apply(hostConfig, 8)
			if c.want == "" {
				assert.Check(t, is.ErrorContains(err, "run_config: host_config: "+c.says))
				return
			}
			assert.NilError(t, err)
			assert.Check(t, is.DeepEqual(asJSON(t, hostConfig), asJSON(t, json.RawMessage(c.want))))
		})
	}
}

func TestDefaultsAreAppliedWhereTheEnginesCPUsAreNotKnown(t *testing.T) {
	hostConfig := map[string]any{}
	assert.NilError(t, Resources{NanoCPUs: nano}.apply(hostConfig, 0))
	assert.Check(t, is.Equal(hostConfig["NanoCpus"], int64(nano)))
}

func TestLimitsReachTheSpecOfEveryRun(t *testing.T) {
	cfg := someConfig()
	cfg.Resources = Resources{Memory: 1 << 20, MaxMemory: 1 << 21, MaxNanoCPUs: 9 * nano}
	run := graphql.FlowRun{ID: someRunID, Flow: graphql.Flow{Storage: json.RawMessage(localStorage)}}
	engine := modernEngine
	engine.CPUs = 2
	spec, err := buildSpec(cfg, Volumes{}, Owner{}, engine, run)
	assert.NilError(t, err)
	assert.Check(t, is.Equal(spec.HostConfig["Memory"], int64(1<<20)))
	assert.Check(t, is.Equal(spec.HostConfig["NanoCpus"], int64(2*nano)))
	run.RunConfig = json.RawMessage(`{"type": "DockerRun", "host_config": {"mem_limit": "1g"}}`)
	_, err = buildSpec(cfg, Volumes{}, Owner{}, engine, run)
	assert.Check(t, is.ErrorContains(err, "--max-memory 2MiB"))
}

func TestLimitsThatNoRunCanKeepAreRefusedAtTheStart(t *testing.T) {
	for says, r := range map[string]Resources{
		"--memory 2GiB is more than --max-memory 1GiB": {Memory: 2 << 30, MaxMemory: 1 << 30},
		"--cpus 2 is more than --max-cpus 1.5":         {NanoCPUs: 2 * nano, MaxNanoCPUs: 1.5 * nano},
		"--cpus -1: write a positive number":           {NanoCPUs: -nano},
		"--max-cpus -0.5: write a positive number":     {MaxNanoCPUs: -nano / 2},
		"--memory is no size":                          {Memory: -1},
		"--max-memory is no size":                      {MaxMemory: -1},
		"--shm-size is no size":                        {ShmSize: -1},
	} {
		cfg := someConfig()
		cfg.Resources = r
		_, err := New(cfg, nil, nil, nil, nil)
		assert.Check(t, is.ErrorContains(err, says))
	}
}
