package dockerprefect

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// The documentation names the test behind each promise; a test that is renamed takes its promise along.
func TestDocumentationNamesTestsThatExist(t *testing.T) {
	var tests strings.Builder
	assert.NilError(t, filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	}))
	pages, err := filepath.Glob("docs/*.md")
	assert.NilError(t, err)
	pages = append(pages, "README.md")
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	count := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		assert.NilError(t, err)
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			count++
			assert.Check(t, strings.Contains(tests.String(), "func "+match[1]+"("), "%s names %s", page, match[1])
		}
	}
	assert.Assert(t, count > 50, "found %d", count)
}
