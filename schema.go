// Package dockerprefect holds what the client and the server of the Prefect API have in common: the schema.
package dockerprefect

import _ "embed" // for the schema

// Schema is the GraphQL schema of the Prefect 1 API that docker prefect uses, with the names of Prefect Server.
// The client in graphql is generated from the same file and the backend in server executes it, so the two cannot
// drift apart.
//
//go:embed schema.graphql
var Schema string
