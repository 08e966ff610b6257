package server

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// TestEveryOperationIsDocumented compares the tables of docs/server.md with the schema and the refusals.
func TestEveryOperationIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/server.md")
	assert.NilError(t, err)
	documented := map[string][]string{}
	quoted := regexp.MustCompile("`(\\w+)`")
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || cells[0] != "" {
			continue
		}
		answer := strings.TrimSpace(cells[2])
		for _, name := range quoted.FindAllStringSubmatch(cells[1], -1) {
			if answer == "served" || answer == "refused" && name[1] == strings.ToLower(name[1]) { // TABLE stands for many
				documented[answer] = append(documented[answer], name[1])
			}
		}
	}
	var served, refused []string
	schema := loadSchema(t)
	for _, field := range slices.Concat(schema.Query.Fields, schema.Mutation.Fields) {
		if !strings.HasPrefix(field.Name, "__") {
			served = append(served, field.Name)
		}
	}
	for name := range refusals() {
		refused = append(refused, name)
	}
	for answer, want := range map[string][]string{"served": served, "refused": refused} {
		slices.Sort(documented[answer])
		slices.Sort(want)
		assert.Check(t, is.DeepEqual(documented[answer], want), answer)
	}
}
