package agent

import (
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestNetworksDecideModeAndAttachments(t *testing.T) {
	for name, c := range map[string]struct {
		networks []string
		given    string // network_mode of the run config, as JSON
		mode     string
		attach   []string
	}{
		"none":                         {nil, ``, "default", nil},
		"one":                          {[]string{"n1"}, ``, "default", []string{"n1"}},
		"several, in order, each once": {[]string{"n2", "n1", "n2"}, ``, "default", []string{"n2", "n1"}},
		"host":                         {[]string{"host"}, ``, "host", []string{"host"}},
		"host twice":                   {[]string{"host", "host"}, ``, "host", []string{"host"}},
		"none by name":                 {[]string{"none"}, ``, "none", []string{"none"}},
		"run config null":              {[]string{"host"}, `null`, "host", []string{"host"}},
		"run config empty":             {[]string{"n1"}, `""`, "default", []string{"n1"}},
		"run config bridge":            {[]string{"n1"}, `"bridge"`, "bridge", []string{"n1"}},
		"run config host":              {[]string{"n1", "n2"}, `"host"`, "host", nil},
		"run config host on host":      {[]string{"host"}, `"host"`, "host", []string{"host"}},
		"run config container":         {[]string{"n1"}, `"container:vpn"`, "container:vpn", nil},
		"run config bridge on host":    {[]string{"host"}, `"bridge"`, "bridge", nil},
		"run config none on host":      {[]string{"host"}, `"none"`, "none", nil},
	} {
		t.Run(name, func(t *testing.T) {
			rc := runConfig{}
			if c.given != "" {
				rc = runConfigOf(t, `{"type": "DockerRun", "host_config": {"network_mode": `+c.given+`}}`)
			}
			mode := networkMode(c.networks, rc)
			assert.Check(t, is.Equal(mode, c.mode))
			attach, err := attachments(c.networks, mode)
			assert.NilError(t, err)
			assert.Check(t, is.DeepEqual(attach, c.attach))
		})
	}
}

func TestHostAndNoneStandAlone(t *testing.T) {
	for _, networks := range [][]string{{"host", "n1"}, {"n1", "host"}, {"n1", "none", "n2"}, {"host", "none"}} {
		_, err := attachments(networks, networkMode(networks, runConfig{}))
		assert.Check(t, is.ErrorContains(err, "cannot be combined with"), "%v", networks)
	}
}
