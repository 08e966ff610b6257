package server

import "strings"

// quoteText is a constant text.
func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// concat joins texts.
func concat(terms []string) string {
	const most = 90 // arguments of a function
	for len(terms) > most {
		var joined []string
		for len(terms) > 0 {
			n := min(most, len(terms))
			joined = append(joined, concat(terms[:n]))
			terms = terms[n:]
		}
		terms = joined
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return "concat(" + strings.Join(terms, ", ") + ")"
}
