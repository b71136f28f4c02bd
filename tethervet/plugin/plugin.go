// Package plugin makes the analyzers a linter of golangci-lint, by its module plugin
// system. See the README for how to build one.
package plugin

import (
	"fmt"

	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/seed-ec287111/tether/tethervet"
)

func init() { register.Plugin("tethervet", New) }

// Settings are what stands under settings in .golangci.yml.
type Settings struct {
	Disable []string `json:"disable"` // names of analyzers
	RawGo   bool     `json:"rawgo"`   // report go statements, too
}

type linter struct{ settings Settings }

// New is called by golangci-lint with the settings that it has read.
func New(raw any) (register.LinterPlugin, error) {
	settings, err := register.DecodeSettings[Settings](raw)
	if err != nil {
		return nil, err
	}
	for _, name := range settings.Disable {
		if !known(name) {
			return nil, fmt.Errorf("tethervet: disable has %q, which is no analyzer", name)
		}
	}
	return linter{settings}, nil
}

func known(name string) bool {
	for _, a := range tethervet.Analyzers {
		if a.Name == name {
			return true
		}
	}
	return false
}

// BuildAnalyzers returns the analyzers that are not disabled.
func (l linter) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	var enabled []*analysis.Analyzer
	for _, a := range tethervet.Analyzers {
		disabled := false
		for _, name := range l.settings.Disable {
			disabled = disabled || a.Name == name
		}
		if disabled {
			continue
		}
		if a.Name == "rawgo" {
			if err := a.Flags.Set("on", fmt.Sprint(l.settings.RawGo)); err != nil {
				return nil, err
			}
		}
		enabled = append(enabled, a)
	}
	return enabled, nil
}

// GetLoadMode says that the analyzers need types.
func (linter) GetLoadMode() string { return register.LoadModeTypesInfo }
