package agent

import (
	"regexp"
	"strings"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const someRunID = "4d26ba28-5a9b-4d96-90e3-d3b3bd1e6a5b"

func TestContainersAreNamedAfterTheirFlowRun(t *testing.T) {
	for name, want := range map[string]string{
		"_flow_run":                      "flow_run",
		"...flow_run":                    "flow_run",
		"._-flow_run":                    "flow_run",
		"9flow-run":                      "9flow-run",
		"-flow.run":                      "flow.run",
		"flow*run":                       "flow-run",
		"flow9.-foo_bar^x":               "flow9.-foo_bar-x",
		"":                               someRunID,
		"_._-_":                          someRunID,
		"my flow run":                    "my-flow-run",
		"My Flow Run!":                   "My-Flow-Run",
		"it's":                           "it-s",
		"1,000 rows":                     "1000-rows",
		"1,2,3,4 or a,b":                 "1234-or-a-b",
		"a -- b":                         "a-b",
		"é è ñ ü ß":                      "e-e-n-u-ss",
		"run (1)":                        "run-1",
		"trailing.":                      "trailing.",
		"trailing-":                      "trailing",
		strings.Repeat("x", 300):         strings.Repeat("x", 235),
		strings.Repeat("x", 234) + "-yy": strings.Repeat("x", 234),
		"salt &amp; &#65;&#x42; &copy;":  "salt-AB",
		"AT&T &copy":                     "AT-T-copy",
		"caf&eacute;":                    "cafe",
		"naïve Œuvre ½":                  "naive-OEuvre-1-2",
		"crème brûlée – v1.2_3":          "creme-brulee-v1.2_3",
		"日本語":                            "Ri-Ben-Yu",
		"Привет":                         "Privet",
		"emoji 🎉 run":                    "emoji-run",
		"two\nlines":                     "two-lines",
		"a":                              "a",
		"-a-":                            "a",
		"ab":                             "ab",
	} {
		if want != someRunID {
			want += "-d3b3bd1e6a5b"
		}
		assert.Check(t, is.Equal(containerName(graphql.FlowRun{ID: someRunID, Name: name, Version: 7}), want+"-7"), "name %q", name)
	}
}

func FuzzSlug(f *testing.F) {
	for _, seed := range []string{"", "my run", "it's", "&#65;&amp;&#99999999999;", "1,2,3", "é日🎉", "_._-_", "\xff\xfe", strings.Repeat("é-", 300)} {
		f.Add(seed)
	}
	valid := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)
	f.Fuzz(func(t *testing.T, name string) {
		got := containerName(graphql.FlowRun{ID: someRunID, Name: name})
		assert.Check(t, valid.MatchString(got), "%q becomes %q", name, got)
		assert.Check(t, len(got) <= maxName)
		assert.Check(t, strings.HasSuffix(got, "-0"), "%q", got)
	})
}
