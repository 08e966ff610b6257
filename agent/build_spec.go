package agent

import (
	"strconv"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// buildSpec describes the container of one run. Errors name what is wrong with the run, or with the
// agent's settings for it; they fail the run.
func buildSpec(cfg Config, vols Volumes, owner Owner, engine EngineInfo, run graphql.FlowRun) (Spec, error) {
	rc, err := parseRunConfig(run)
	if err != nil {
		return Spec{}, err
	}
	image, err := resolveImage(run, rc)
	if err != nil {
		return Spec{}, err
	}
	if err := checkRegistry(image, cfg.RegAllowList); err != nil {
		return Spec{}, err
	}
	if err := cfg.Policy.checkImage(image); err != nil {
		return Spec{}, err
	}
	mode := networkMode(cfg.Networks, rc)
	networks, err := attachments(cfg.Networks, mode)
	if err != nil {
		return Spec{}, err
	}
	hostConfig, mountPoints, err := buildHostConfig(rc, vols, cfg.DockerInterface && hasHostGateway(engine), mode)
	if err != nil {
		return Spec{}, err
	}
	if err := cfg.Policy.checkHostConfig(rc.hostConfig); err != nil {
		return Spec{}, err
	}
	if err := cfg.Resources.apply(hostConfig, engine.CPUs); err != nil {
		return Spec{}, err
	}
	labels := map[string]string{
		labelFlowName: run.Flow.Name, labelFlowID: run.Flow.ID, labelFlowRunID: run.ID,
		labelAgent: owner.Identity, labelTenant: owner.Tenant, labelAgentID: owner.AgentID, labelAttempt: attemptOf(run),
	}
	// The engine must not remove the container: how it ended, and its output, are read first.
	if hostConfig["AutoRemove"] != true {
		labels[labelKeep] = "true"
	}
	delete(hostConfig, "AutoRemove")
	command := rc.command
	if len(command) > 0 {
		labels[labelCommand] = "true"
	} else {
		command = flowRunCommand(run.Flow.CoreVersion)
	}
	return Spec{
		Name:         containerName(run),
		Image:        image,
		Command:      command,
		Env:          populateEnvVars(cfg, run, rc, image),
		Labels:       labels,
		NamedVolumes: vols.Named,
		MountPoints:  mountPoints,
		ExposedPorts: exposedPorts(rc.ports),
		HostConfig:   hostConfig,
		Networks:     networks,
		Pull:         needsPull(cfg.NoPull, image),
	}, nil
}

func exposedPorts(ports []int) []string {
	var exposed []string
	for _, port := range ports {
		exposed = append(exposed, strconv.Itoa(port)+"/tcp")
	}
	return exposed
}
