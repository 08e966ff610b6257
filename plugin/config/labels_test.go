package config

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestConfiguredLabels(t *testing.T) {
	for text, want := range map[string][]string{
		`["a","b"]`:        {"a", "b"},
		`['42', 'marvin']`: {"42", "marvin"},
		`('a','b')`:        {"a", "b"},
		`('a',)`:           {"a"},
		`{'b','a'}`:        {"b", "a"},
		`'a','b'`:          {"a", "b"},
		``:                 nil,
		`[]`:               {},
		`()`:               {},
		`{}`:               {},
		`set()`:            {},
		`None`:             nil,
		`['b','a','b']`:    {"b", "a", "b"}, // order and repetitions are kept
		`["x,y"]`:          {"x,y"},
		// Where Prefect takes single characters, or fails:
		`dev`:         {"dev"},
		`dev,prod`:    {"dev", "prod"},
		`dev, prod,,`: {"dev", "prod"},
		`[dev, prod]`: {"dev", "prod"},
		`"dev,prod"`:  {"dev", "prod"},
		`42`:          {"42"},
		`2021,2022`:   {"2021", "2022"},
		`1.10`:        {"1.10"},
		`true`:        {"true"},
	} {
		t.Run(text, func(t *testing.T) {
			assert.DeepEqual(t, load(t, Flags{}, "PREFECT__CLOUD__AGENT__LABELS="+text).Labels, want)
		})
	}
	assert.DeepEqual(t, loadTOML(t, "[cloud.agent]\nlabels = ['dev', 'staging']").Labels, []string{"dev", "staging"})
	assert.DeepEqual(t, loadTOML(t, "[cloud.agent]\nlabels = 'dev, staging'").Labels, []string{"dev", "staging"})
}

func TestLabelsMustBeTexts(t *testing.T) {
	for text, want := range map[string]string{
		`[1]`:         `"[1]": 1 is no label; give texts, as in ["a", "b"]`,
		`['a', None]`: `"['a', None]": None is no label; give texts, as in ["a", "b"]`,
		`['']`:        `"['']": '' is no label; give texts, as in ["a", "b"]`,
		`{'a': 1}`:    `"{'a': 1}": give texts, as in ["a", "b"]`,
		`["a", b]`:    `"[\"a\", b]": give texts, as in ["a", "b"]`,
		`["a"`:        `"[\"a\"": give texts, as in ["a", "b"]`,
		`[a`:          `"[a": give texts, as in ["a", "b"]`,
	} {
		t.Run(text, func(t *testing.T) {
			err := loadError(t, Flags{}, "PREFECT__CLOUD__AGENT__LABELS="+text)
			assert.Error(t, err, "PREFECT__CLOUD__AGENT__LABELS "+want)
		})
	}
}

func TestLabelsOfFlagsReplaceTheConfiguredOnes(t *testing.T) {
	cfg := load(t, Flags{Labels: []string{"b", "a,c", "b", "B"}}, "PREFECT__CLOUD__AGENT__LABELS=['x']")
	assert.DeepEqual(t, cfg.Labels, []string{"B", "a,c", "b"})
}
