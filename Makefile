# `make help` lists what there is. Tools are pinned here or in .ci/tools, and built from modules of their own, so that what they
# depend on stays out of go.mod.

GO      ?= go
PACKAGES ?= ./...
ARGS    ?=

STAMP    = $(if $(VERSION),-X main.version=$(VERSION))

.DEFAULT_GOAL := help
# The targets follow one another: their output would mix, and each wants all cores.
.NOTPARALLEL:
.PHONY: help run build sbom release-check test parts tools format check check-peers race counts lint vulnerabilities fuzz bench load fmt generate tidy specs specs-check

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

run: ## the service on http://127.0.0.1:8080/, with no settings needed (ARGS="-http-addr …")
	$(GO) run ./cmd/parley serve $(ARGS)

build: ## bin/parley, one static file (VERSION=v1.2.3 to say which; otherwise it says its commit)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(STAMP)' -o bin/parley ./cmd/parley

sbom: build ## bin/parley.cdx.json, what bin/parley is made of (CycloneDX)
	$(GO) run ./cmd/release sbom -o bin/parley.cdx.json bin/parley

release-check: ## a release in dist/, built twice to compare and not published (CONTRIBUTING.md has the rest)
	.ci/release check

test: ## everything that CI runs; installs what it needs, or says what to install
	@.ci/test

parts: ## what the tests need: a C compiler, PostgreSQL, Redis, Chromium, npm, curl
	@echo "== parts"
	@.ci/parts

tools: ## what the tests run of others, in .tools/: NATS, Prometheus, Helm, Node, …
	@echo "== tools"
	@.ci/tools

specs: ## openapi.json and asyncapi.json through code generators; what comes out compiles and talks to the service (some minutes)
	@.ci/specs

specs-check: # neither has changed since make specs passed
	@echo "== specs"
	@.ci/specs check

format: # gofmt has nothing to say
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l adapters cmd core deploy migrations observability ports) && [ -z "$$unformatted" ] || { echo "run 'make fmt' for:" $$unformatted >&2; exit 1; }

check: format ## gofmt, go vet and go mod tidy have nothing to say
	@echo "== go vet"
	@$(GO) vet ./...
	@echo "== go mod tidy"
	@$(GO) mod tidy -diff

check-peers: # nor have they of the servers that benchmarks compare with
	@cd cmd/bench/peers && $(GO) mod tidy -diff && $(GO) vet ./...

# These do not vet again, with all dependencies, what make check has vetted. A test's program has no use for what the compiler
# writes for debuggers. SQLite's library, which is C made into Go, is left without the race detector: it has none of our memory,
# and is four times as slow with it. What calls it, and all else, is watched. No other package may be left so: where one uses
# generic code of others, such as sync.Map's, the linker may choose its copy, without the detector, for all.
# The C library and the allocator under it, made into Go too, are watched, but for what they make pointers of: that is memory
# outside of Go's.
race: ## the tests alone, under the race detector (PACKAGES=./core/..., ARGS="-run Name -v")
	@echo "== go test -race"
	@CGO_ENABLED=1 $(GO) test -race -vet=off -gcflags=all=-dwarf=false -gcflags='modernc.org/sqlite/lib=-dwarf=false -race=false' \
		-gcflags='modernc.org/libc=-dwarf=false -d=checkptr=0' -gcflags='modernc.org/memory=-dwarf=false -d=checkptr=0' -shuffle=on -timeout=15m $(ARGS) $(PACKAGES)

counts: ## what must stay as low as it is: allocations, bytes, writes and round trips, counted without the race detector
	@echo "== counts"
	@$(GO) test -vet=off -count=1 -run '^TestGuard' $$(grep -rl --include='*_test.go' '^func TestGuard' . | xargs -n 1 dirname | sort -u)

lint: ## golangci-lint, by .golangci.yaml
	@echo "== golangci-lint"
	@.ci/tools golangci-lint
	@.tools/golangci-lint run $(PACKAGES)

vulnerabilities: ## govulncheck
	@echo "== govulncheck"
	@.ci/vulnerabilities

fuzz: ## each fuzz target for FUZZTIME (25000x: so many inputs)
	@echo "== fuzz"
	@.ci/fuzz

bench: ## benchmarks, with what they allocate (PACKAGES=…, ARGS="-bench Name -count 10")
	$(GO) test -run '^$$' -bench . -benchmem $(ARGS) $(PACKAGES)

load: ## Parley under load, and beside others (ARGS="-h" tells; observability/PERFORMANCE.md has the results)
	$(GO) run ./cmd/parley-bench $(ARGS)

fmt: ## format the code
	@.ci/tools golangci-lint
	.tools/golangci-lint fmt

generate: ## make generated files anew
	$(GO) generate ./...
	@.ci/types

tidy: ## bring go.mod and go.sum in step with the code
	$(GO) mod tidy
