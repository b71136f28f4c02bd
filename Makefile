# The nested modules, in one place.
MODULES := . verify tools

RACE := go test -race -shuffle=on

.PHONY: test race bench lint lobby verify tidy ci

test: ## what the README says
	go test ./...

race: ## the whole suite under the race detector, many times, on 1, 2 and 8 processors
	$(RACE) -count=3 ./...
	$(RACE) -cpu=1,2,8 -count=2 -short ./...

bench: ## ns per Fire and the rest
	go test -run='^$$' -bench=. -benchtime=200ms .

lint:
	gofmt -l . | (! grep .)
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	go tool -modfile=tools/go.mod golangci-lint run

lobby:
	go run ./examples/lobby

verify: ## the proofs, in their long form
	cd verify && go test -v ./... && go test -v -tags tether_explore ./explore

tidy:
	for module in $(MODULES); do (cd $$module && go mod tidy) || exit 1; done

ci:
	.ci/run
