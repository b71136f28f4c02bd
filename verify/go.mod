module github.com/seed-ec287111/tether/verify

go 1.25.0

replace github.com/seed-ec287111/tether => ../

require (
	github.com/seed-ec287111/tether v0.0.0-00010101000000-000000000000
	pgregory.net/rapid v1.3.0
)

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
