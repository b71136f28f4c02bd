# All modules, the root first.
MODULES := $(sort $(shell git ls-files '*go.mod' | grep -v /testdata/ | xargs -n1 dirname))

RACE := go test -race -shuffle=on

.PHONY: test race bench guard lint vet examples verify mutants api tidy ci

test: ## what the README says
	go test ./...

race: ## the whole suite under the race detector, many times, on 1, 2 and 8 processors
	$(RACE) -count=3 ./...
	$(RACE) -cpu=1,2,8 -count=2 -short ./...

bench: ## measure everything, beside every peer; write bench/REPORT.md and the README's costs
	cd bench && go run . -out . -readme ../README.md

guard: ## the budgets alone, in less than a minute; never fails
	cd bench && go run . -guard

lint:
	gofmt -l . | (! grep .)
	go vet ./...
	staticcheck=$$(go tool -modfile=tools/go.mod -n staticcheck) \
		&& golangci=$$(go tool -modfile=tools/go.mod -n golangci-lint) \
		&& for module in $(filter-out tools,$(MODULES)); do (cd $$module && $$staticcheck ./... && $$golangci run) || exit 1; done

vet: ## is every owner ended? of every module, against the list of what is meant to be wrong
	cd tethervet && go test -count=1 .

examples:
	go run ./examples/lobby
	go run ./examples/httpserver -demo
	go run ./examples/arena
	go run ./examples/jobs -demo
	go run ./examples/host
	go run ./examples/shop
	go run ./examples/iot
	cd examples/cluster && go run .

verify: ## the proofs, in their long form: three quarters of an hour on two cores
	cd verify && go test -v -count=1 -timeout=60m ./... \
		&& go test -v -race ./load \
		&& go test -v -race ./state -rapid.checks=1000 \
		&& go test -v -timeout=10m ./load -run TestSoak -soak=5m \
		&& MODEL_PROGRAMS=100000 go test -v -count=1 -run Random ./model \
		&& LINEAR_OPS=2000000 go test -v -count=1 ./linear \
		&& go test -v -timeout=60m -tags tether_explore ./explore \
		&& go test -v -timeout=120m -tags tether_explore ./explore -run 'TestExplore|TestDeep' -explore.long -explore.limit=3000

mutants: ## which changes of a statement no test notices; fails while there are some
	cd verify && go run ./mutate -hasty && go run ./mutate -again

OLD ?= HEAD~1
APIDIFF := go run golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4

api: ## what changed in the exported API since the commit or tag OLD
	old=$$(mktemp -d) && git worktree add --quiet --detach $$old/tree $(OLD) \
		&& (cd $$old/tree && $(APIDIFF) -m -w $$old/old $$(go list -m)) \
		&& $(APIDIFF) -m -w $$old/new $$(go list -m) \
		&& $(APIDIFF) -m $$old/old $$old/new; \
	git worktree remove --force $$old/tree; rm -r $$old

tidy:
	for module in $(MODULES); do (cd $$module && go mod tidy) || exit 1; done

ci:
	.ci/run
