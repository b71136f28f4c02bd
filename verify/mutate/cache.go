package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
)

// A cache keeps what tests reach, for as long as their binary is the same.
type cache struct {
	file string
	sums map[string]string // of the binaries, by suite
	old  map[string]kept
}

type kept struct {
	Sum   string
	Tests []*test
}

func openCache(file string, all []*suite) (*cache, error) {
	c := &cache{file: file, sums: map[string]string{}}
	for _, s := range all {
		text, err := os.ReadFile(s.bin)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		c.sums[s.name] = hex.EncodeToString(sum[:])
	}
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &c.old); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *cache) get(s *suite, name string) *test {
	if k := c.old[s.name]; k.Sum == c.sums[s.name] {
		for _, t := range k.Tests {
			if t.Name == name {
				return t
			}
		}
	}
	return nil
}

func (c *cache) save(all []*suite) error {
	now := map[string]kept{} // with the suites that are not asked this time
	maps.Copy(now, c.old)
	for _, s := range all {
		now[s.name] = kept{c.sums[s.name], s.tests}
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return os.WriteFile(c.file, text, 0o644)
}
