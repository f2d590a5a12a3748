# make help lists every target. Everything but the tools' own targets needs Go alone.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go

# Modules beside the root. examples is joined with the root by go.work; the
# others load graphs that no user should, and are built with GOWORK=off.
NESTED  := bench internal/modeltest
MODULES := . examples $(NESTED)

# How long `make fuzz` spends on each target, or how many inputs it tries: 10000x.
FUZZTIME ?= 10s

# Where govulncheck finds its database. Empty means the public one;
# VULNDB=file:///some/folder reads a local copy.
VULNDB ?=

# Benchmark rounds, and the time of one benchmark in one round.
BENCHROUNDS ?= 5
BENCHTIME   ?= 100ms

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
test: ## run the tests of every module (needs Go alone)
	$(GO) test -shuffle=on ./... ./examples/...
	@for m in $(NESTED); do echo "# module $$m"; (cd $$m && GOWORK=off $(GO) test -shuffle=on ./...); done

.PHONY: race
race: ## run the tests of every module under the race detector
	$(GO) test -race -shuffle=on ./... ./examples/...
	@for m in $(NESTED); do echo "# module $$m"; (cd $$m && GOWORK=off $(GO) test -race -shuffle=on ./...); done

.PHONY: leaks
leaks: ## run the tests with the goroutine leak profile: nothing may be left blocked for ever
	@case "$$($(GO) env GOVERSION)" in go1.26*) export GOEXPERIMENT=goroutineleakprofile ;; esac; \
	$(GO) test -count=1 ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	@$(GO) list ./... | while read -r pkg; do \
	  { $(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true; } | while read -r f; do \
	    echo "# $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$pkg"; \
	  done; \
	done

.PHONY: cover
cover: ## write cover.out over all packages of the root module and print the figures
	$(GO) test -coverpkg=./... -coverprofile=cover.out ./... >/dev/null
	@$(GO) tool cover -func=cover.out | tail -n 1
	@awk 'NR>1{split($$1,p,":"); sub(/\/[^\/]*$$/,"",p[1]); n=$$2; k=$$1; if(!(k in s)){s[k]=n;pk[k]=p[1]} if($$3>0)h[k]=1} END{for(k in s){t[pk[k]]+=s[k]; if(h[k])c[pk[k]]+=s[k]} for(q in t)printf "%6.1f%%  %s\n",100*c[q]/t[q],q}' cover.out | sort -k2

.PHONY: bench
bench: ## print ours beside the peers, in one run, as tables of ratios
	@cd bench && GOWORK=off $(GO) run ./cmd/table -rounds $(BENCHROUNDS) -time $(BENCHTIME)

.PHONY: examples
examples: ## run every example, harvest last
	@for d in examples/*/; do n=$$(basename $$d); [ $$n = harvest ] && continue; ls $$d/main.go >/dev/null 2>&1 || continue; \
	  echo "# go run ./examples/$$n"; $(GO) run ./examples/$$n; done
	$(GO) run ./examples/harvest

.PHONY: lint
lint: vet fix-check bin/golangci-lint ## vet, go fix -diff and golangci-lint over every module
	@for m in $(MODULES); do echo "# golangci-lint $$m"; (cd $$m && GOWORK=off $(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: vet
vet: ## go vet over every module, and the root once without the workspace
	$(GO) vet ./... ./examples/...
	GOWORK=off $(GO) build ./...
	@for m in $(NESTED); do echo "# vet $$m"; (cd $$m && GOWORK=off $(GO) vet ./...); done

.PHONY: fix-check
fix-check: ## go fix -diff must print nothing, gofmt -l neither
	@for m in $(MODULES); do out=$$(cd $$m && GOWORK=off $(GO) fix -diff ./... 2>&1) || true; \
	  if [ -n "$$out" ]; then echo "go fix -diff in $$m:"; echo "$$out"; exit 1; fi; done
	@out=$$(gofmt -l $$(git ls-files '*.go' ':!*_go127*.go')); if [ -n "$$out" ]; then echo "not gofmt'ed:"; echo "$$out"; exit 1; fi

.PHONY: vuln
vuln: bin/govulncheck bin/gosec ## govulncheck (VULNDB=file://... for a local database) and gosec, both clean
	@for m in $(MODULES); do echo "# govulncheck $$m"; (cd $$m && GOWORK=off $(CURDIR)/bin/govulncheck $(if $(VULNDB),-db $(VULNDB)) ./...); done
	@$(MAKE) --no-print-directory gosec

.PHONY: gosec
gosec: bin/gosec ## gosec over the root module and the examples
	bin/gosec -quiet -exclude-dir=bench -exclude-dir=examples -exclude-dir=internal/modeltest ./...
	cd examples && GOWORK=off $(CURDIR)/bin/gosec -quiet ./...

.PHONY: tidy
tidy: ## go mod tidy in every module
	@for m in $(MODULES) tools; do (cd $$m && GOWORK=off $(GO) mod tidy); done

.PHONY: tidy-check
tidy-check: ## go mod tidy -diff must print nothing, go mod verify must pass
	@for m in $(MODULES); do echo "# tidy $$m"; (cd $$m && GOWORK=off $(GO) mod tidy -diff && GOWORK=off $(GO) mod verify); done

.PHONY: go127
go127: ## the tests of the pipeline package under Go 1.27, which adds the type-changing methods
	@if out=$$(GOTOOLCHAIN=go1.27.4 $(GO) version 2>&1); then \
	  echo "$$out"; GOTOOLCHAIN=go1.27.4 $(GO) vet ./pipeline/...; GOTOOLCHAIN=go1.27.4 $(GO) test ./pipeline/...; \
	  out=$$($$(GOTOOLCHAIN=go1.27.4 $(GO) env GOROOT)/bin/gofmt -l $$(git ls-files '*_go127*.go')); \
	  if [ -n "$$out" ]; then echo "not gofmt'ed:"; echo "$$out"; exit 1; fi; \
	else echo "skipped: no Go 1.27 toolchain: $$out"; fi

.PHONY: ci-vuln
ci-vuln: bin/govulncheck bin/gosec
	@rc=0; out=$$($(MAKE) --no-print-directory vuln VULNDB="$(VULNDB)" 2>&1) || rc=$$?; \
	if [ $$rc -eq 0 ]; then echo "$$out"; \
	elif grep -qE 'no such host|dial tcp|connection refused|i/o timeout|Forbidden|Service Unavailable|fetching vulnerabilities' <<<"$$out" && ! grep -q '^Vulnerability #' <<<"$$out"; then \
	  echo "govulncheck skipped: its database cannot be reached; VULNDB=file://... names a local copy"; \
	  $(MAKE) --no-print-directory gosec; \
	else echo "$$out"; exit 1; fi

.PHONY: ci
ci: ## what CI runs: everything above but the long ones
	$(MAKE) tidy-check
	$(MAKE) lint
	$(MAKE) test
	$(MAKE) race
	$(MAKE) leaks
	$(MAKE) go127
	$(MAKE) fuzz FUZZTIME=10000x # a count: Go 1.26 may fail at the end of a time (golang.org/issue/75804)
	$(MAKE) examples
	$(MAKE) bench BENCHROUNDS=1 BENCHTIME=2ms
	$(MAKE) ci-vuln
	@echo "ci: all green"

bin/golangci-lint: PKG := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/govulncheck:   PKG := golang.org/x/vuln/cmd/govulncheck
bin/gosec:         PKG := github.com/securego/gosec/v2/cmd/gosec
bin/benchstat:     PKG := golang.org/x/perf/cmd/benchstat
bin/apidiff:       PKG := golang.org/x/exp/cmd/apidiff
bin/gremlins:      PKG := github.com/go-gremlins/gremlins/cmd/gremlins
bin/%: tools/go.mod
	cd tools && GOWORK=off $(GO) build -o ../bin/$* $(PKG)
