# Gridward. `make run` for a first look, `make test` for the tests, `make check`
# for all that a change must pass. `make help` lists the rest.

SHELL := /bin/sh
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO ?= go

# Where goroutines meet: these run under the race detector in `make check`.
RACE := $(foreach d,geo/near server/board server/bus server/ingest server/live server/uplink server/desk server/timekeeper server/pgcluster server/telemetry server/signin,$(if $(wildcard $(d)/*_test.go),./$(d)/))

# The front end is built again when one of its files is newer than the last build.
FRONT := $(shell find frontend -type d \( -name node_modules -o -name dist -o -name test-results -o -name playwright-report -o -name tests \) -prune -o -type f ! -name '*.go' -print 2>/dev/null)
MODULES := frontend/node_modules/.package-lock.json
DIST := .tools/dist.stamp
LINT := .tools/golangci-lint
ifeq ($(wildcard frontend/dist/screen/index.html),)
$(shell rm -f $(DIST))
endif

.PHONY: help run build frontend test test-go test-frontend test-browser check fmt vet lint lint-go lint-frontend race bench soak soak-short clean clean-test

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

run: need-run build ## install what is missing, build, and start the demo on http://127.0.0.1:8080
	@exec .ci/run.sh

build: $(DIST) ## build bin/gridward with the front end in it
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/gridward ./server

frontend: $(DIST) ## build the front end alone

test: need-test $(DIST) test-go test-frontend test-browser ## all tests

test-go:
	$(GO) test -timeout 15m ./...

test-frontend: $(MODULES)
	cd frontend && npx vitest run

test-browser: $(MODULES) build
	@if ls frontend/playwright.config.ts >/dev/null 2>&1; then cd frontend && npx playwright test; else echo "no browser tests yet"; fi

check: need-test build fmt vet lint test race soak-short ## what CI runs
	@.ci/stop-test-db.sh
	@echo "make check: all green"

fmt:
	@bad=$$(gofmt -l geo server migrations fixtures frontend/*.go); if [ -n "$$bad" ]; then echo "gofmt these files:"; echo "$$bad"; exit 1; fi

vet:
	$(GO) vet ./...

lint: lint-go lint-frontend ## golangci-lint, biome, vue-tsc

lint-go: $(LINT)
	$(LINT) run ./...

lint-frontend: $(MODULES)
	cd frontend && npx biome check . && npx vue-tsc --noEmit

race: ## the packages where goroutines meet, under the race detector
	$(GO) test -race -timeout 15m $(RACE)

bench: build ## every figure of the README, as a ratio against its baseline
	GRIDWARD_BENCH=1 $(GO) test -count=1 -timeout 60m -run '^TestBench' -v ./server/

soak: need-test build ## kill and restart for SOAK (default 30m), then a wall's memory
	GRIDWARD_SOAK=$(or $(SOAK),30m) $(GO) test -count=1 -timeout 12h -run '^TestSoak' -v ./server/
	cd frontend && npm run soak

soak-short:
	GRIDWARD_SOAK=30s $(GO) test -count=1 -timeout 10m -run '^TestSoak' -v ./server/

clean: clean-test ## remove what was built; the data directory stays
	rm -rf bin .tools frontend/node_modules frontend/test-results frontend/playwright-report coverage.out
	find frontend/dist -mindepth 1 ! -name placeholder.html -delete

clean-test: ## stop the PostgreSQL that the tests share
	@.ci/stop-test-db.sh

need-%:
	@.ci/need.sh $*

# npm writes the hidden lock file last, so it dates the whole tree.
$(MODULES): frontend/package.json frontend/package-lock.json
	cd frontend && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
	@touch $@

$(DIST): $(MODULES) $(FRONT)
	cd frontend && npm run build
	@mkdir -p $(@D) && touch $@

# A module of its own, so that the linter's hundred dependencies are not ours.
$(LINT): .ci/tools/go.mod
	@mkdir -p $(@D)
	$(GO) build -C .ci/tools -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
