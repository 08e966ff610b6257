package agent

import (
	"strconv"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// Labels of a flow run's container, as the Python agent sets them since 0.14.1.
const (
	labelFlowName  = "io.prefect.flow-name"   // the flow's name
	labelFlowID    = "io.prefect.flow-id"     // id of the flow's version
	labelFlowRunID = "io.prefect.flow-run-id" // id of the flow run
)

// buildSpec describes the container of one run. Errors name what is wrong with the run, or with the
// agent's settings for it; they fail the run.
func buildSpec(cfg Config, vols Volumes, engine EngineInfo, run graphql.FlowRun) (Spec, error) {
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
	command, supervised := rc.command, len(rc.command) > 0
	removeAfter := false
	if supervised {
		// The engine must not: the agent reads the output to its end first.
		removeAfter = hostConfig["AutoRemove"] == true
		delete(hostConfig, "AutoRemove")
	} else {
		command = flowRunCommand(run.Flow.CoreVersion)
	}
	return Spec{
		Name:    containerName(run),
		Image:   image,
		Command: command,
		Env:     populateEnvVars(cfg, run, rc, image),
		Labels: map[string]string{
			labelFlowName:  run.Flow.Name,
			labelFlowID:    run.Flow.ID,
			labelFlowRunID: run.ID,
		},
		NamedVolumes: vols.Named,
		MountPoints:  mountPoints,
		ExposedPorts: exposedPorts(rc.ports),
		HostConfig:   hostConfig,
		Networks:     networks,
		Pull:         needsPull(cfg.NoPull, image),
		Supervised:   supervised,
		RemoveAfter:  removeAfter,
	}, nil
}

func exposedPorts(ports []int) []string {
	var exposed []string
	for _, port := range ports {
		exposed = append(exposed, strconv.Itoa(port)+"/tcp")
	}
	return exposed
}
