package agent

import version "github.com/aquasecurity/go-pep440-version"

// firstFlowRunCommand is the version whose images know the command "flow-run".
var firstFlowRunCommand = version.MustParse("0.13.0")

// flowRunCommand is what Prefect's image is asked to do with a flow registered by the given version of
// Prefect (1.4.1 utilities/agent.py).
//
// Python takes a missing version for an old one, although the image it then chooses is the latest, and
// fails on one that is no version, such as "master". Both are flows of our time here.
func flowRunCommand(coreVersion string) []string {
	if v, err := version.Parse(coreVersion); err == nil && v.LessThan(firstFlowRunCommand) {
		return []string{"prefect", "execute", "cloud-flow"}
	}
	return []string{"prefect", "execute", "flow-run"}
}
