# Kannuki. "make help" lists what there is; Go and make are enough for demo,
# build and test. Every target that is named here works today.

SHELL := /bin/sh

# The certificate authority can keep its state in databases we never use;
# these tags leave them out of the binary (docs/dependencies.md).
TAGS := nobadger,nomysql,nopgx
export GOFLAGS := $(GOFLAGS) -tags=$(TAGS)
export CGO_ENABLED ?= 0

DEMO_ARGS ?=
FUZZTIME ?= 20s
BENCH ?= .
BENCH_ARGS ?=
BENCHTIME ?= 1s
REPORT ?=
KILLS ?= 200
IMAGES ?= 2000
SEEDS ?= 2000
FIRST ?= 1
SEED ?=
KEEP ?=
SEARCH ?=

.DEFAULT_GOAL := help

.PHONY: demo
demo: build ## play the whole story: real server, simulated iPhones (DEMO_ARGS=--exit ends by itself)
	./bin/kannuki demo $(DEMO_ARGS)

.PHONY: build
build: ## build bin/kannuki
	go build -trimpath -ldflags='-s -w' -o bin/kannuki ./cmd/kannuki

.PHONY: man
man: build ## write the manual pages to bin/man1
	./bin/kannuki man bin/man1

.PHONY: test
test: ## run every test and name those that could not run
	@go test -json ./... | go run ./internal/testreport $(REPORT)

.PHONY: race
race: export CGO_ENABLED = 1
race: ## run every test twice, shuffled, with the race detector (needs a C compiler)
	@command -v "$$(go env CC)" >/dev/null || { echo "race: the race detector needs a C compiler ($$(go env CC))" >&2; exit 1; }
	@go test -race -shuffle=on -count=2 -timeout=20m -json ./... | go run ./internal/testreport $(REPORT)

.PHONY: check
check: format lint vet tidy race cover-policy ## everything a change must pass: format, lint, vet, tidy, race, coverage of the engine

.PHONY: fmt
fmt: ## format the source
	"$$(.ci/tool golangci-lint)" fmt

.PHONY: format
format: ## show what fmt would change, and fail if it would
	"$$(.ci/tool golangci-lint)" fmt --diff

.PHONY: lint
lint: ## run the linters of .golangci.yml
	"$$(.ci/tool golangci-lint)" run

.PHONY: vet
vet: ## run go vet
	go vet ./...

.PHONY: tidy
tidy: ## fail if go.mod or go.sum is not tidy
	go mod tidy -diff

.PHONY: vuln
vuln: ## look for known vulnerabilities (needs the Go vulnerability database, so the network)
	"$$(.ci/tool govulncheck)" ./...

.PHONY: bench
bench: build ## measure the figures of docs/performance.md with a load client, in about 6 minutes (BENCH_ARGS=-help)
	go run ./internal/bench $(BENCH_ARGS)

.PHONY: microbench
microbench: ## run the benchmarks of single operations and describe the machine (BENCH=regexp BENCHTIME=1s)
	@.ci/machine
	go test -run='^$$' -bench='$(BENCH)' -benchtime=$(BENCHTIME) -benchmem ./...

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME (20s)
	.ci/fuzz $(FUZZTIME)

.PHONY: crash
crash: ## cut the power IMAGES times (2000), kill the whole server KILLS times (200), check that nothing acknowledged is lost
	KANNUKI_CRASH_IMAGES=$(IMAGES) go test -run='^TestPowerCut' -count=1 -timeout=60m -v ./storage/bolt
	KANNUKI_CRASH_KILLS=$(KILLS) go test -run='^TestSuddenDeath$$' -count=1 -timeout=120m -v ./internal/crash

.PHONY: sim
sim: ## live through SEEDS lives (2000) of phones, people and faults, check what must always hold (SEED=n: one, told in full; SEARCH=1: find planted faults)
	KANNUKI_SIM_SEEDS=$(SEEDS) KANNUKI_SIM_FIRST=$(FIRST) KANNUKI_SIM_SEED=$(SEED) KANNUKI_SIM_KEEP='$(KEEP)' KANNUKI_SIM_SEARCH=$(SEARCH) GOGC=2000 GOMEMLIMIT=1GiB \
		go test -run='^(TestLives$(if $(SEARCH),|TestPlanted))$$' -count=1 -timeout=120m -v ./internal/simulation

.PHONY: cover
cover: ## show test coverage by package and in all
	go test -coverpkg=./... -coverprofile=coverage.out ./... >/dev/null
	@go tool cover -func=coverage.out | tail -n 1
	@go test -cover ./... | awk '/coverage:/ { print }'

.PHONY: cover-policy
cover-policy: ## fail if the tests of package policy run less than 95 % of its statements
	@go test -short -coverprofile=coverage.out ./policy >/dev/null
	@go tool cover -func=coverage.out | awk '/^total:/ { print "policy:", $$3; exit !($$3+0 >= 95) }'

.PHONY: generate
generate: ## make the embedded facts again from real data (KANNUKI_DATA_DIR=folder)
	@test -n "$$KANNUKI_DATA_DIR" || { echo "generate: set KANNUKI_DATA_DIR to the folder of real data (docs/architecture.md, Facts)" >&2; exit 1; }
	go generate ./...

.PHONY: clean
clean: ## remove what make built
	rm -rf bin coverage.out

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
