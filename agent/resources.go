package agent

import (
	"cmp"
	"fmt"
	"math/big"
	"strconv"

	"github.com/docker/go-units"
)

// Resources are the limits of flow containers. Zero means none.
type Resources struct {
	Memory      int64 // bytes, for runs that set no mem_limit
	MaxMemory   int64 // bytes that a run may ask for at most
	NanoCPUs    int64 // in 10⁻⁹ CPUs, for runs that limit their CPUs in no way
	MaxNanoCPUs int64 // in 10⁻⁹ CPUs, that a run may ask for at most
	ShmSize     int64 // bytes of /dev/shm, for runs that set no shm_size
}

// check refuses settings that no run can satisfy.
func (r Resources) check() error {
	for _, s := range []struct {
		flag   string
		amount int64
	}{{"memory", r.Memory}, {"max-memory", r.MaxMemory}, {"shm-size", r.ShmSize}} {
		if s.amount < 0 {
			return fmt.Errorf("--%s is no size; write a number of bytes, or one with a unit such as 512m or 2g", s.flag)
		}
	}
	switch {
	case r.NanoCPUs < 0:
		return fmt.Errorf("--cpus %s: write a positive number such as 1.5", cpus(r.NanoCPUs))
	case r.MaxNanoCPUs < 0:
		return fmt.Errorf("--max-cpus %s: write a positive number such as 1.5", cpus(r.MaxNanoCPUs))
	case r.MaxMemory > 0 && r.Memory > r.MaxMemory:
		return fmt.Errorf("--memory %s is more than --max-memory %s: lower the one or raise the other", size(r.Memory), size(r.MaxMemory))
	case r.MaxNanoCPUs > 0 && r.NanoCPUs > r.MaxNanoCPUs:
		return fmt.Errorf("--cpus %s is more than --max-cpus %s: lower the one or raise the other", cpus(r.NanoCPUs), cpus(r.MaxNanoCPUs))
	}
	return nil
}

// apply gives the members of a HostConfig that a run leaves open their defaults. A run that asks for
// more than it may have is an error; one without a limit gets the default, else the ceiling.
//
// Engines refuse more CPUs than they have, engineCPUs (0: not known), so no default asks for more.
func (r Resources) apply(hostConfig map[string]any, engineCPUs int) error {
	if err := r.applyMemory(hostConfig); err != nil {
		return err
	}
	if shm, _ := hostConfig["ShmSize"].(int64); shm == 0 && r.ShmSize > 0 {
		hostConfig["ShmSize"] = r.ShmSize
	}
	return r.applyCPUs(hostConfig, engineCPUs)
}

func (r Resources) applyMemory(hostConfig map[string]any) error {
	asked, _ := hostConfig["Memory"].(int64)
	limit := cmp.Or(r.Memory, r.MaxMemory)
	switch {
	case asked == 0 && limit > 0:
		hostConfig["Memory"] = limit
	case r.MaxMemory > 0 && (asked < 0 || asked > r.MaxMemory):
		return fmt.Errorf("run_config: host_config: mem_limit: %s is more than a run may have here: --max-memory %s", size(asked), size(r.MaxMemory))
	}
	return nil
}

// nano is one CPU, in the unit of nano_cpus.
const nano = 1_000_000_000

// defaultPeriod is the engine's, in microseconds.
const defaultPeriod = 100_000

// applyCPUs knows both ways to write a limit: nano_cpus, or cpu_quota microseconds in each cpu_period.
// Engines refuse a mixture.
func (r Resources) applyCPUs(hostConfig map[string]any, engineCPUs int) error {
	asked, _ := hostConfig["NanoCpus"].(int64)
	quota, _ := hostConfig["CpuQuota"].(int64)
	period, _ := hostConfig["CpuPeriod"].(int64)
	if asked == 0 && quota <= 0 {
		limit := cmp.Or(r.NanoCPUs, r.MaxNanoCPUs)
		if engineCPUs > 0 {
			limit = min(limit, int64(engineCPUs)*nano)
		}
		switch {
		case limit == 0:
		case period > 0:
			hostConfig["CpuQuota"] = inPeriod(limit, period)
		default:
			delete(hostConfig, "CpuQuota") // a negative one would win over the limit
			hostConfig["NanoCpus"] = limit
		}
		return nil
	}
	if r.MaxNanoCPUs == 0 {
		return nil
	}
	keyword, text, tooMuch := "nano_cpus", cpus(asked), asked < 0 || asked > r.MaxNanoCPUs
	if quota > 0 && !tooMuch {
		share := big.NewRat(quota, max(cmp.Or(period, defaultPeriod), 1))
		f, _ := share.Float64()
		keyword, text = "cpu_quota", strconv.FormatFloat(f, 'g', 4, 64)
		tooMuch = share.Cmp(big.NewRat(r.MaxNanoCPUs, nano)) > 0
	}
	if tooMuch {
		return fmt.Errorf("run_config: host_config: %s: %s CPUs are more than a run may have here: --max-cpus %s", keyword, text, cpus(r.MaxNanoCPUs))
	}
	return nil
}

// inPeriod is the quota for a number of CPUs, both times in microseconds.
func inPeriod(nanoCPUs, period int64) int64 {
	quota := new(big.Int).Mul(big.NewInt(nanoCPUs), big.NewInt(period))
	return quota.Div(quota, big.NewInt(nano)).Int64()
}

func size(bytes int64) string { return units.BytesSize(float64(bytes)) }

func cpus(nanoCPUs int64) string {
	return strconv.FormatFloat(float64(nanoCPUs)/nano, 'f', -1, 64)
}
