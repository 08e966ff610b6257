package agent

import (
	"strconv"
	"strings"

	version "github.com/aquasecurity/go-pep440-version"
)

// firstHostGateway is a variable because parsing costs more than comparing.
var firstHostGateway = version.MustParse("20.10.0")

// hasHostGateway tells whether an engine knows the address "host-gateway": since 20.10.0, whose API is
// 1.41 (1.4.1 docker/agent.py). The API version judges engines whose version is no PEP 440 version,
// for which Python fails the run.
func hasHostGateway(engine EngineInfo) bool {
	if v, err := version.Parse(engine.Version); err == nil {
		return v.GreaterThanOrEqual(firstHostGateway)
	}
	major, minor, _ := strings.Cut(engine.APIVersion, ".")
	majorNumber, _ := strconv.Atoi(major)
	minorNumber, _ := strconv.Atoi(minor)
	return majorNumber > 1 || majorNumber == 1 && minorNumber >= 41
}
