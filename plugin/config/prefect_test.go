package config

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// testdata/prefect-1.4.1.json holds what Prefect 1.4.1 on Python 3.11 made of files and variables: the
// repr() of settings that differ from the defaults, which are the first case.
func TestValuesAreThoseThatPrefectComputes(t *testing.T) {
	text, err := os.ReadFile("testdata/prefect-1.4.1.json")
	assert.NilError(t, err)
	var cases []struct {
		Name            string
		Env             []string
		Config, Backend *string
		Want            map[string]string
		Fails           string
	}
	assert.NilError(t, json.Unmarshal(text, &cases))
	// What no agent reads has no default here, and no difference is made between "" and absent.
	defaults := cases[0].Want
	for _, tc := range cases {
		t.Run(tc.Name, func(t *testing.T) {
			src := source(tc.Env)
			if tc.Config != nil {
				src.files["/home/me/.prefect/config.toml"] = *tc.Config
			}
			if tc.Backend != nil {
				src.files["/home/me/.prefect/backend.toml"] = *tc.Backend
			}
			s, err := mergeLayers(src.Source())
			if tc.Fails != "" {
				assert.Check(t, err != nil, "Prefect says: %s", tc.Fails)
				return
			}
			assert.NilError(t, err)
			want := maps.Clone(defaults)
			maps.Copy(want, tc.Want)
			for key, text := range want {
				got := pythonRepr(s.values[key].data)
				if key == envVarsKey {
					got = reprOfEnvVars(s)
				}
				if _, ok := s.values[key]; !ok && (text == "''" || text == "[]") {
					continue
				}
				assert.Check(t, is.Equal(got, text), key)
			}
		})
	}
}

// reprOfEnvVars puts together what is kept flat.
func reprOfEnvVars(s *settings) string {
	var d dict
	for _, key := range s.order {
		if key == envVarsKey {
			d = s.values[key].data.(dict)
		}
		if name, ok := strings.CutPrefix(key, envVarsKey+"."); ok {
			d = append(d, pair{name, s.values[key].data})
		}
	}
	return pythonRepr(d)
}
