package config

import (
	"errors"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"github.com/docker-prefect/docker-prefect/agent"
)

type vars = []agent.EnvVar

func TestEnvFlags(t *testing.T) {
	for _, tc := range []struct {
		flags []string
		want  vars
	}{
		{[]string{"A=1", "B=2"}, vars{{Key: "A", Value: "1"}, {Key: "B", Value: "2"}}},
		{[]string{"A=b=c"}, vars{{Key: "A", Value: "b=c"}}},
		{[]string{"A="}, vars{{Key: "A"}}},
		{[]string{"A=1", "B=2", "A=3"}, vars{{Key: "A", Value: "3"}, {Key: "B", Value: "2"}}},
		{[]string{"HERE"}, vars{{Key: "HERE", Value: "x y"}}},
		{[]string{"EMPTY"}, vars{{Key: "EMPTY"}}},
		{[]string{"A=$HERE ~ 'q' ${server.port}"}, vars{{Key: "A", Value: "$HERE ~ 'q' ${server.port}"}}},
	} {
		cfg := load(t, Flags{Env: tc.flags}, "HERE=x y", "EMPTY=", "PREFECT__CLOUD__AGENT__ENV_VARS={'X': 'y'}")
		assert.DeepEqual(t, cfg.Env, tc.want)
	}
}

func TestEnvFlagsThatSayNothing(t *testing.T) {
	for flag, want := range map[string]string{
		"":          "--env has a value without a name; write it as KEY=VALUE",
		"=secret":   "--env has a value without a name; write it as KEY=VALUE",
		"NOT_THERE": `--env "NOT_THERE": no such variable is set here; set it, or write KEY=VALUE`,
	} {
		_, err := ParseEnv([]string{"A=1", flag})
		assert.Check(t, is.Error(err, want))
		var usage *UsageError
		assert.Check(t, errors.As(err, &usage))
	}
}

func TestABareNameTakesTheValueOfThisProcess(t *testing.T) {
	t.Setenv("OF_THIS_PROCESS", "v")
	got, err := ParseEnv([]string{"OF_THIS_PROCESS"})
	assert.NilError(t, err)
	assert.DeepEqual(t, got, vars{{Key: "OF_THIS_PROCESS", Value: "v"}})
}

func TestConfiguredEnvVars(t *testing.T) {
	for text, want := range map[string]vars{
		``:                                      nil,
		`None`:                                  nil,
		`{}`:                                    nil,
		`{"B": "b", "A": "a"}`:                  {{Key: "B", Value: "b"}, {Key: "A", Value: "a"}},
		`{'A': True, 'B': 1.50, 'C': None}`:     {{Key: "A", Value: "True"}, {Key: "B", Value: "1.5"}, {Key: "C", Unset: true}},
		`{'A': 'true', 'B': '1.10', 'C': '$X'}`: {{Key: "A", Value: "true"}, {Key: "B", Value: "1.10"}, {Key: "C", Value: "$X"}},
		`{'A': [1, "b"], 1: 2}`:                 {{Key: "A", Value: "[1, 'b']"}, {Key: "1", Value: "2"}},
		`{'A': '1', 'A': '2'}`:                  {{Key: "A", Value: "2"}},
		`{'A': '\d+'}`:                          {{Key: "A", Value: `\d+`}},
		// JSON is no Python, but what people write.
		`{"A": true, "B": false, "C": null, "D": 1}`: {{Key: "A", Value: "True"}, {Key: "B", Value: "False"}, {Key: "C", Unset: true}, {Key: "D", Value: "1"}},
	} {
		t.Run(text, func(t *testing.T) {
			assert.DeepEqual(t, load(t, Flags{}, "PREFECT__CLOUD__AGENT__ENV_VARS="+text).Env, want)
		})
	}
}

func TestEnvVarsTable(t *testing.T) {
	cfg := loadTOML(t, `[cloud.agent.env_vars]
Number = 1.50
Switch = true
Text = "plain"
TextSwitch = "false"
TextNumber = "1.10"
TextNull = "None"
TextList = '["a",  1]'
Quoted = "'q'"
Home = "~/x"
List = ["a", 1]
`)
	assert.DeepEqual(t, cfg.Env, vars{
		{Key: "Home", Value: "/home/me/x"},
		{Key: "List", Value: "['a', 1]"},
		{Key: "Number", Value: "1.5"},
		{Key: "Quoted", Value: "q"},
		{Key: "Switch", Value: "True"},
		{Key: "Text", Value: "plain"},
		{Key: "TextList", Value: `["a",  1]`},
		{Key: "TextNull", Unset: true},
		{Key: "TextNumber", Value: "1.10"}, // Prefect would say 1.1
		{Key: "TextSwitch", Value: "False"},
	})
}

func TestEnvVarsFromSeveralLayers(t *testing.T) {
	files := map[string]string{"/home/me/.prefect/config.toml": "[cloud.agent.env_vars]\nA = 'a'\n"}
	got := loadFiles(t, files, Flags{}, "PREFECT__CLOUD__AGENT__ENV_VARS__FOO=bar").Env
	assert.DeepEqual(t, got, vars{{Key: "A", Value: "a"}, {Key: "foo", Value: "bar"}})
	got = loadFiles(t, files, Flags{}, "PREFECT__CLOUD__AGENT__ENV_VARS={'B': 'b'}").Env
	assert.DeepEqual(t, got, vars{{Key: "B", Value: "b"}})
}

func TestNamesThatNoVariableCanHave(t *testing.T) {
	for _, text := range []string{"{'': 'secret'}", "{'A=B': 'secret'}"} {
		err := loadError(t, Flags{}, "PREFECT__CLOUD__AGENT__ENV_VARS="+text)
		assert.ErrorContains(t, err, "no variable can have this name")
		assert.Check(t, !strings.Contains(err.Error(), "secret"))
	}
	for _, text := range []string{"['A']", "12", "A=secret", "{'A': secret}", "true"} {
		err := loadError(t, Flags{}, "PREFECT__CLOUD__AGENT__ENV_VARS="+text)
		assert.Error(t, err, `PREFECT__CLOUD__AGENT__ENV_VARS cannot be read; give a dict, as in {"KEY": "value"}`)
	}
}

func FuzzParseEnv(f *testing.F) {
	for _, seed := range []string{"A=1", "A=b=c", "A=", "=x", "", "A", "=", "A\x00=b", "é=ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, flag string) {
		got, err := parseEnv([]string{flag}, func(string) (string, bool) { return "", false })
		key, value, ok := strings.Cut(flag, "=")
		if !ok || key == "" {
			assert.Assert(t, err != nil)
			return
		}
		assert.NilError(t, err)
		assert.DeepEqual(t, got, vars{{Key: key, Value: value}})
	})
}
