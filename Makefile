# Targets for people: build, test, test-ui, test-blueprints, test-s3, check, e2e, screens, lighthouse, bench-deploy, bench-idle,
# bench-pages, soak, dist, fuzz, clean.

GO      ?= go
VERSION ?= $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS := -buildvcs=false
export GOFLAGS
# Tests that build with another HOME find what is there already.
export GOCACHE    ?= $(shell $(GO) env GOCACHE)
export GOMODCACHE ?= $(shell $(GO) env GOMODCACHE)

# What each fuzz test gets, two at a time.
FUZZTIME ?= 10s

LDFLAGS  = -s -w -X main.version=$(VERSION)
PACKAGES = ./...
# In a nested module, so that go.mod holds what the product needs and nothing else.
TOOL     = $(GO) tool -modfile=internal/tools/go.mod

.PHONY: build
build: embedded ui ## the binary: bin/lugsail
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/lugsail ./cmd/lugsail

# embedded: what the binary carries for builds (lifecycle, launcher, buildpacks).
-include internal/cnb/embedded.mk
ifeq ($(wildcard internal/cnb/embedded.mk),)
.PHONY: embedded
embedded:
endif

# What the console's pages load, made out of ui/src and the packages of ui/package-lock.json. The check of
# types wants more packages and is made by "make lint".
UI_FILES := $(shell find ui/src ui/build ui/icons.txt ui/package.json ui/package-lock.json -type f)

.PHONY: ui
ui: ui/dist/main.js.gz ## the console's scripts and styles: ui/dist (npm)

ui/dist/main.js.gz: $(UI_FILES)
	cd ui && npm ci --omit=dev --no-audit --no-fund --no-progress
	sh ui/build

.PHONY: test
test: ## every test, and each fuzz test for FUZZTIME, on a private Docker Engine; installs what it needs (root, apt)
	sh internal/testenv/run $(MAKE) --no-print-directory test-all

.PHONY: test-all
test-all: build audit
	LUGSAIL_TEST_BINARY='$(CURDIR)/bin/lugsail' $(GO) run ./internal/testenv/summary '$(GO)' sh internal/testenv/tests '$(GO)' '$(FUZZTIME)' $(PACKAGES)

.PHONY: check
check: ## formatting, vet, linters, the race detector, the import table
	sh internal/testenv/run $(MAKE) --no-print-directory check-all

.PHONY: check-all
check-all: build lint # the scripts of internal/e2e drive a program of its own, which the detector does not see
	$(GO) test -race -timeout 60m -p 2 $$($(GO) list $(PACKAGES) | grep -v '/internal/e2e$$')

.PHONY: lint
lint:
	@out=$$($(TOOL) gofumpt -l $(wildcard cmd internal platform ui blueprints)) || exit 1; if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi
	cd ui && npm ci --no-audit --no-fund --no-progress && npm run --silent check
	$(GO) vet $(PACKAGES)
	$(TOOL) golangci-lint run
	$(GO) test ./internal/arch

.PHONY: e2e
e2e: ## the scripts against the installed binary, with real git, Docker and curl
	sh internal/testenv/run $(MAKE) --no-print-directory e2e-all

.PHONY: e2e-all
e2e-all: build audit
	LUGSAIL_TEST_BINARY='$(CURDIR)/bin/lugsail' $(GO) test -v -count=1 -timeout 50m ./internal/e2e/...

.PHONY: test-s3
test-s3: ## backups to a real S3 server, which takes a minute or two to compile
	$(GO) build -modfile=internal/tools/s3.mod -o bin/versitygw github.com/versity/versitygw/cmd/versitygw
	LUGSAIL_TEST_S3='$(CURDIR)/bin/versitygw' $(GO) test -tags s3 -v -count=1 -run S3 ./cmd/lugsail

.PHONY: test-blueprints
test-blueprints: ## an app of every blueprint, used as a person would
	sh internal/testenv/run $(MAKE) --no-print-directory test-blueprints-all

.PHONY: test-blueprints-all
test-blueprints-all: build
	BLUEPRINTS=all LUGSAIL_TEST_BINARY='$(CURDIR)/bin/lugsail' $(GO) test -v -count=1 -timeout 60m -run '^TestBlueprints' ./internal/e2e

.PHONY: test-ui
test-ui: ## the console in a real browser; what fails leaves a picture and the page in .artifacts
	sh internal/testenv/run $(MAKE) --no-print-directory test-ui-all

.PHONY: screens
screens: ## pictures of every page, in both themes and three widths: .artifacts/screens
	CONSOLE=screens sh internal/testenv/run $(MAKE) --no-print-directory test-ui-all

.PHONY: lighthouse
lighthouse: ## Lighthouse's scores of the three main pages, 95 at least
	CONSOLE=lighthouse sh internal/testenv/run $(MAKE) --no-print-directory test-ui-all

.PHONY: test-ui-all
test-ui-all: build audit
	LUGSAIL_TEST_BINARY='$(CURDIR)/bin/lugsail' $(GO) test -v -count=1 -timeout 30m -run '^TestConsole$$' ./internal/e2e

# What looks the pages over: axe-core and Lighthouse.
.PHONY: audit
audit: internal/e2e/audit/node_modules/.package-lock.json

internal/e2e/audit/node_modules/.package-lock.json: internal/e2e/audit/package.json internal/e2e/audit/package-lock.json
	cd internal/e2e/audit && npm ci --no-audit --no-fund --no-progress
	@touch $@

.PHONY: bench-pages
bench-pages: ui ## what each page of a large installation costs the server
	$(GO) test ./internal/web -run '^$$' -bench '^BenchmarkPages$$' -benchtime 50x -timeout 30m

.PHONY: bench-deploy
bench-deploy: ## how long a push takes, beside docker build and docker run
	sh internal/testenv/run $(MAKE) --no-print-directory bench-deploy-all

.PHONY: bench-deploy-all
bench-deploy-all: build
	LUGSAIL_TEST_BINARY='$(CURDIR)/bin/lugsail' $(GO) run ./internal/e2e/bench $(BENCHFLAGS)

.PHONY: bench-idle
bench-idle: ## what ten idle apps cost: memory and processor time of both processes
	@$(MAKE) --no-print-directory bench-deploy BENCHFLAGS=-idle

SOAKTIME ?= 4h
.PHONY: soak
soak: ## a crowd, then random things and faults for SOAKTIME; SEED=n repeats an order
	SOAKTIME='$(SOAKTIME)' SEED='$(SEED)' sh internal/testenv/run $(MAKE) --no-print-directory soak-all

.PHONY: soak-all
soak-all: build
	LUGSAIL_TEST_BINARY='$(CURDIR)/bin/lugsail' $(GO) test -v -count=1 -timeout 0 -run TestManyThings ./internal/e2e

.PHONY: fuzz
fuzz: ## each fuzz test for FUZZTIME: make fuzz FUZZTIME=10m
	$(GO) run ./internal/testenv/summary '$(GO)' sh internal/testenv/fuzz '$(GO)' '$(FUZZTIME)'

.PHONY: dist
dist: build ## dist/lugsail-VERSION-linux-ARCH.tar.gz with its checksum
	sh internal/testenv/dist '$(VERSION)' "$$($(GO) env GOARCH)"

.PHONY: clean
clean:
	rm -rf bin dist internal/cnb/embedded/*.gz ui/node_modules ui/dist/*.gz ui/dist/*.svg ui/dist/icons
