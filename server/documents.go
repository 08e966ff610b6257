package server

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// maxTokens is the length of the longest document: enough for some ten thousand ids as literals.
const maxTokens = 200_000

// documentCache keeps documents that have been parsed and validated. Agents send the same few all the time. Prefect's
// client puts values into its documents and the fields of a selection in random order, so most of its documents come
// once; the long ones are not worth the memory.
type documentCache struct {
	documents *lru.Cache[string, *ast.QueryDocument]
}

var _ graphql.Cache[*ast.QueryDocument] = documentCache{}

func newDocumentCache() documentCache {
	const size = 256
	documents, err := lru.New[string, *ast.QueryDocument](size)
	if err != nil { // only for a size below 1
		return documentCache{}
	}
	return documentCache{documents}
}

// Get gives the document with this text.
func (c documentCache) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	return c.documents.Get(text)
}

// Add keeps a document.
func (c documentCache) Add(_ context.Context, text string, document *ast.QueryDocument) {
	const longest = 4 << 10
	if len(text) <= longest {
		c.documents.Add(text, document)
	}
}
