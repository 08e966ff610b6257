package server

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// What a request may ask for. The size and the depth are those of Server's gateway (services/apollo).
const (
	maxSelectionDepth = 7
	maxRows           = 100_000          // of a root list without limit
	maxReadTime       = 10 * time.Second // of one statement; Prefect's client gives up after 15 s
)

// growingTables are those that get rows with every run: nobody can want all of them.
var growingTables = []string{"flow_run", "flow_run_state", "task_run", "task_run_state", "task_run_artifact", "log", "message"}

// selectionDepth is how deep objects are nested in a selection, counted like the gateway's graphql-depth-limit: a field
// without a selection is 0, a fragment adds nothing, and introspection does not count.
func selectionDepth(selection ast.SelectionSet) int {
	return depthCounter{}.depth(selection)
}

// depthCounter remembers the depth of fragments, which may name each other more often than one can walk.
type depthCounter map[*ast.FragmentDefinition]int

func (c depthCounter) depth(selection ast.SelectionSet) int {
	deepest := 0
	for _, selected := range selection {
		var depth int
		switch selected := selected.(type) {
		case *ast.Field:
			if len(selected.SelectionSet) > 0 && !strings.HasPrefix(selected.Name, "__") {
				depth = 1 + c.depth(selected.SelectionSet)
			}
		case *ast.InlineFragment:
			depth = c.depth(selected.SelectionSet)
		case *ast.FragmentSpread:
			known, ok := c[selected.Definition]
			if !ok {
				known = c.depth(selected.Definition.SelectionSet)
				c[selected.Definition] = known
			}
			depth = known
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

// checkScan refuses a root field that would read all rows of a growing table: as a list, or as the nodes of an
// aggregate, which has neither limit nor a comparison and hangs on no row that was chosen so. Figures about all rows
// are fine.
func (q *query) checkScan(field graphql.CollectedField) error {
	byKey := field.Arguments.ForName("id") != nil
	return q.checkScanOf(field, byKey)
}

func (q *query) checkScanOf(field graphql.CollectedField, chosen bool) error {
	typeName := field.Definition.Type.Name()
	t := q.catalog.tables[aggregated(typeName)]
	if t == nil { // a scalar, or the figures of an aggregate
		return nil
	}
	chosen = chosen || !isNull(q.variables.argument(field.Field, "limit")) || restricts(t, q.variables.argument(field.Field, "where"))
	if field.Definition.Type.Elem != nil && slices.Contains(growingTables, t.name) && !chosen {
		return badInput("%s would read every row of %s: give it a limit, or a where with a comparison.", field.Name, t.name)
	}
	for _, selected := range q.fields(field.Selections, typeName) {
		if err := q.checkScanOf(selected, chosen); err != nil {
			return err
		}
	}
	return nil
}

// restricts says whether a *_bool_exp compares something, after all that is null has been left out. What cannot be
// read as one does: its translation says what is wrong with it.
func restricts(t *table, raw json.RawMessage) bool {
	if isNull(raw) {
		return false
	}
	members, err := decodeObject(raw)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(members, func(m member) bool { return memberRestricts(t, m) })
}

func memberRestricts(t *table, m member) bool {
	if isNull(m.value) {
		return false
	}
	switch m.name {
	case "_not":
		return restricts(t, m.value)
	case "_and", "_or":
		items, err := asList(m.value)
		if err != nil {
			return true
		}
		items = slices.DeleteFunc(slices.Clone(items), isNull)
		open := func(item json.RawMessage) bool { return !restricts(t, item) }
		if m.name == "_or" { // one that always holds is enough; none at all never holds
			return !slices.ContainsFunc(items, open)
		}
		return slices.ContainsFunc(items, func(item json.RawMessage) bool { return !open(item) })
	}
	if relation, ok := t.relations[m.name]; ok {
		return restricts(relation.target, m.value)
	}
	comparisons, err := decodeObject(m.value)
	return err != nil || slices.ContainsFunc(comparisons, func(c member) bool { return !isNull(c.value) })
}

// inTime reads with one statement, which is stopped when its time is over.
func (s *store) inTime(ctx context.Context, read func(context.Context) (json.RawMessage, error)) (json.RawMessage, error) {
	limited, cancel := context.WithTimeout(ctx, s.readTime)
	defer cancel()
	value, err := read(limited)
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		return nil, refuse("The query took longer than %s and was stopped: ask for less, with where or limit.", s.readTime)
	}
	return value, err
}
