package config

import (
	"slices"
	"strings"
)

const labelsKey = "cloud.agent.labels"

// labels returns the flags' sorted and unique, or else the configured ones as they are.
func labels(s *settings, flags []string) ([]string, error) {
	if len(flags) == 0 {
		return configuredLabels(s.values[labelsKey], s.setting(labelsKey))
	}
	if slices.Contains(flags, "") {
		return nil, setting{from: "--label", flag: true}.wrong("a label cannot be empty; leave the option out for none")
	}
	sorted := slices.Sorted(slices.Values(flags))
	return slices.Compact(sorted), nil
}

// configuredLabels takes a list, tuple or set of texts. Any other text is a list with commas: Prefect
// would take its characters for the labels.
func configuredLabels(v value, s setting) ([]string, error) {
	var items []any
	bare := s.text == "" || !strings.ContainsRune("[({", rune(s.text[0]))
	switch data := v.data.(type) {
	case list:
		items = data
	case tuple:
		items = data
	case set:
		items = data
	case dict:
		if len(data) > 0 {
			return nil, s.wrong(labelsHint)
		}
	default:
		return splitLabels(s, bare)
	}
	labels := make([]string, len(items))
	for i, item := range items {
		label, ok := item.(string)
		switch {
		case ok && label != "":
			labels[i] = label
		case bare && !ok: // 1,2 is a tuple for Python
			return splitLabels(s, true)
		default:
			return nil, s.wrong("%s is no label; "+labelsHint, pythonRepr(item))
		}
	}
	return labels, nil
}

const labelsHint = `give texts, as in ["a", "b"]`

// splitLabels also reads [a, b], without quotes.
func splitLabels(s setting, bare bool) ([]string, error) {
	text := s.text
	if !bare {
		inner, opened := strings.CutPrefix(text, "[")
		inner, closed := strings.CutSuffix(inner, "]")
		text = inner
		if !opened || !closed || strings.ContainsAny(text, `[](){}"'`) {
			return nil, s.wrong(labelsHint)
		}
	}
	var labels []string
	for label := range strings.SplitSeq(text, ",") {
		if label = strings.TrimSpace(label); label != "" {
			labels = append(labels, label)
		}
	}
	return labels, nil
}
