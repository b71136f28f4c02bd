module testdata

go 1.26

require github.com/seed-ec287111/tether v0.0.0

replace github.com/seed-ec287111/tether => ../..
