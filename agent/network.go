package agent

import (
	"fmt"
	"slices"
	"strings"
)

// The network modes that are no networks: nothing can be attached beside them.
const (
	networkHost      = "host"
	networkNone      = "none"
	networkContainer = "container:" // and an id: that container's network
	networkDefault   = "default"
)

// isExclusive tells whether a container in this network mode cannot be attached to networks.
func isExclusive(mode string) bool {
	return mode == networkHost || mode == networkNone || strings.HasPrefix(mode, networkContainer)
}

// networkMode is the network mode of a run's container: its run config's; else "host" or "none" if the
// agent's networks say so, in any place (1.4.1 docker/agent.py looks at the first only); else "default".
func networkMode(networks []string, rc runConfig) string {
	given, _ := rc.hostConfig.get("network_mode")
	if mode, ok := given.(string); ok && mode != "" {
		return mode
	}
	if i := slices.IndexFunc(networks, isExclusive); i >= 0 {
		return networks[i]
	}
	return networkDefault
}

// attachments returns the networks to attach a container in that mode to, each once. A mode that
// excludes them is an error if the agent asks for both, and wins if it comes from the run config.
func attachments(networks []string, mode string) ([]string, error) {
	if err := checkNetworks(networks); err != nil {
		return nil, err
	}
	var attach []string
	for _, network := range networks {
		fits := network == mode || !isExclusive(mode) && !isExclusive(network)
		if fits && !slices.Contains(attach, network) {
			attach = append(attach, network)
		}
	}
	return attach, nil
}

// checkNetworks refuses a list that no engine can fulfil.
func checkNetworks(networks []string) error {
	i := slices.IndexFunc(networks, isExclusive)
	if i < 0 {
		return nil
	}
	for _, other := range networks {
		if other != networks[i] {
			return fmt.Errorf("network %q cannot be combined with %q: leave one of them out", networks[i], other)
		}
	}
	return nil
}
