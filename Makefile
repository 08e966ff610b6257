# The commands of the project. CI runs `make test` and nothing else; `make help` lists the rest.

BIN     := bin/docker-prefect
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PLUGINS  = $(or $(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins

# One setting for build, lint and e2e, so that they share compiled packages. The race detector cannot:
# it needs cgo.
export CGO_ENABLED := 0
export GOFLAGS     := -trimpath -buildvcs=false

# Linters have a module file of their own: their dependencies are none of the program's.
TOOL = go tool -modfile=.ci/tools.mod

.PHONY: build install test fresh unit race postgres lint fmt generate validate e2e chaos chaos-short soak fuzz demo demo-image bench clean help
.NOTPARALLEL:
.DEFAULT_GOAL := help

build: ## Build the plugin: bin/docker-prefect
	go build -ldflags "-s -w -X github.com/docker-prefect/docker-prefect/plugin.linkedVersion=$(VERSION)" -o $(BIN) ./cmd/docker-prefect

install: build ## Install the plugin for the docker CLI of this user
	mkdir -p "$(PLUGINS)"
	install -m 0755 $(BIN) "$(PLUGINS)/docker-prefect"

test: fresh lint validate race postgres e2e chaos-short ## Everything: lint, generated code, unit tests with -race, both databases, e2e on a real engine, a little chaos
	@cat bin/not-run 2>/dev/null || echo "make test: everything ran and passed"

fresh:
	@rm -f bin/not-run

postgres: ## Tests of the server on PostgreSQL, which is started for them
	@e2e/with-postgres go test -count=1 -shuffle=on ./server

unit: ## Unit tests, without the race detector
	go test -shuffle=on ./...

race: ## Unit tests with the race detector, which needs a C compiler
	@e2e/ensure-cc
	CGO_ENABLED=1 GOFLAGS=-buildvcs=false go test -race -shuffle=on -vet=off ./...

lint: export GOFLAGS := $(GOFLAGS) -tags=e2e,python
lint: ## Format, vet, staticcheck, unchecked errors, who may import what
	@files=$$($(TOOL) gofumpt -l .) && { [ -z "$$files" ] || { echo "not formatted, run make fmt:"; echo "$$files"; exit 1; }; }
	go vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) errcheck -exclude .ci/errcheck.txt ./...
	$(TOOL) depguard ./...
	$(TOOL) importas -no-unaliased $(foreach a,$(ALIASES),-alias $(a)) ./...

# The foreign package gives way where its name is one of ours, everywhere in the same way.
ALIASES = github.com/docker/cli/cli-plugins/plugin:cliplugin gotest.tools/v3/assert/cmp:is

fmt: ## Format the code
	$(TOOL) gofumpt -w .

generate: ## Generate the API client from schema.graphql and graphql/operations.graphql
	go generate ./...

validate: ## Check that the generated code is up to date
	@.ci/validate

e2e: build demo-image ## Tests on a real engine, and with Prefect's Python package where PyPI is reached
	@VERSION='$(VERSION)' e2e/run-tests

chaos: build ## Agents that are killed, an engine that is restarted, an API that lies: nothing lost, stuck or done twice
	@e2e/ensure-engine
	go run ./e2e/chaos $(CHAOS)

chaos-short: build ## The same in less than three minutes; with CHAOS="-seed 7", as for chaos
	@e2e/ensure-engine
	go run ./e2e/chaos -short -not-run bin/not-run $(CHAOS)

demo: ## Watch a flow run go from Scheduled to Success in a container
	@go run ./e2e/demo

demo-image: ## Build the image docker-prefect-demo, without a registry
	@e2e/ensure-engine
	@examples/demo-flow/build-image

bench: build demo-image ## Measure speed and memory; docs/performance.md has the method
	@e2e/with-postgres -optional go run ./e2e/bench

soak: build ## Thousands of short runs on stubs for half an hour: all end right, nothing grows (FOR=20s: a smoke test)
	@go run ./e2e/soak -for $(FOR)

FOR ?= 30m

fuzz: ## Every fuzz target for FUZZTIME each
	@mkdir -p bin
	@.ci/fuzz $(FUZZTIME)

FUZZTIME ?= 10s

clean: ## Remove what was built here
	rm -rf bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
