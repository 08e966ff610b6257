package plugin

import (
	"github.com/docker/cli/opts"
	"github.com/spf13/pflag"

	"github.com/docker-prefect/docker-prefect/agent"
)

// policyOptions bound what flow runs may ask for.
type policyOptions struct {
	allowImages    []string
	denyHostConfig []string
	preset         string

	memory, maxMemory, shmSize opts.MemBytes
	cpus, maxCPUs              opts.NanoCPUs
}

func (o *policyOptions) install(flags *pflag.FlagSet) {
	flags.Var(listOf(&o.allowImages), "allow-image", "Image that runs may have, as a glob such as docker.io/myorg/*:1.* (default: any)")
	flags.Var(listOf(&o.denyHostConfig), "deny-host-config", "Keys of host_config that runs may not set; also binds:/PATH, network_mode:host")
	flags.StringVar(&o.preset, "host-config-policy", "", `"restricted" denies all that reaches out of the container`)
	flags.VarP(&o.memory, "memory", "m", "Memory limit of runs that set none")
	flags.Var(&o.cpus, "cpus", "Number of CPUs of runs that set no limit")
	flags.Var(&o.shmSize, "shm-size", "Size of /dev/shm of runs that set none")
	flags.Var(&o.maxMemory, "max-memory", "Memory that a run may ask for; the limit of runs without one")
	flags.Var(&o.maxCPUs, "max-cpus", "Number of CPUs that a run may ask for; the limit of runs without one")
}

// policy reads the rules; a malformed one is a usage error.
func (o *policyOptions) policy() (agent.Policy, error) {
	p, err := agent.NewPolicy(o.allowImages, o.denyHostConfig, o.preset)
	if err != nil {
		return agent.Policy{}, usageError(err)
	}
	return p, nil
}

func (o *policyOptions) resources() agent.Resources {
	return agent.Resources{
		Memory: o.memory.Value(), MaxMemory: o.maxMemory.Value(), ShmSize: o.shmSize.Value(),
		NanoCPUs: o.cpus.Value(), MaxNanoCPUs: o.maxCPUs.Value(),
	}
}
