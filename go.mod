module github.com/seed-ec287111/tether

go 1.25.0
