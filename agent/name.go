package agent

import (
	"html"
	"regexp"
	"strings"

	"github.com/docker-prefect/docker-prefect/graphql"
	"github.com/mozillazg/go-unidecode"
	"golang.org/x/text/unicode/norm"
)

// maxName keeps names usable in URLs; engines have no limit of their own.
const maxName = 250

// runDigits are enough of a run's id to tell runs of one name apart.
const runDigits = 12

// containerName is the same for all who launch the same execution of a run, so that the engine refuses the
// second container: the flow-run name in the characters that engines allow (1.4.1 docker/agent.py), the end
// of the run's id, and which execution it is. Python's name is the first part, numbered when it is taken.
func containerName(run graphql.FlowRun) string {
	suffix := "-" + attemptOf(run)
	name := strings.TrimLeft(slug(run.Name), "_-.")
	if name == "" {
		return run.ID + suffix
	}
	suffix = "-" + lastDigits(run.ID, runDigits) + suffix
	return strings.TrimRight(name[:min(len(name), maxName-len(suffix))], "-") + suffix
}

var (
	quotes        = regexp.MustCompile(`'+`)
	entities      = regexp.MustCompile(`&(#[0-9]+|#x[0-9a-fA-F]+|[A-Za-z0-9]+);`)
	digitComma    = regexp.MustCompile(`([0-9]),([0-9])`)
	notInNames    = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)
	severalDashes = regexp.MustCompile(`-{2,}`)
)

// slug does the steps of the library python-slugify, with the case kept and "_" and "." allowed.
func slug(s string) string {
	s = quotes.ReplaceAllString(s, "-")
	s = unidecode.Unidecode(norm.NFKD.String(s))
	s = entities.ReplaceAllStringFunc(s, html.UnescapeString)
	s = norm.NFKD.String(s)
	s = quotes.ReplaceAllString(s, "")
	for range 2 { // twice, since matches such as 1,2,3 overlap
		s = digitComma.ReplaceAllString(s, "$1$2")
	}
	s = notInNames.ReplaceAllString(s, "-")
	s = strings.Trim(severalDashes.ReplaceAllString(s, "-"), "-")
	return strings.Trim(s[:min(len(s), maxName)], "-")
}
