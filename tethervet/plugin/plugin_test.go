package plugin

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"

	"github.com/seed-ec287111/tether/tethervet"
	"github.com/seed-ec287111/tether/tethervet/rawgo"
)

func TestThePluginIsRegistered(t *testing.T) {
	f, err := register.GetPlugin("tethervet")
	if err != nil {
		t.Fatal(err)
	}
	l, err := f(nil)
	if err != nil {
		t.Fatal(err)
	}
	analyzers, err := l.BuildAnalyzers()
	if err != nil || len(analyzers) != len(tethervet.Analyzers) || l.GetLoadMode() != register.LoadModeTypesInfo {
		t.Errorf("got %d analyzers, %v, %s", len(analyzers), err, l.GetLoadMode())
	}
}

func TestSettingsDisableAnalyzersAndEnableRawGo(t *testing.T) {
	l, err := New(map[string]any{"disable": []string{"growth"}, "rawgo": true})
	if err != nil {
		t.Fatal(err)
	}
	analyzers, err := l.BuildAnalyzers()
	if err != nil || len(analyzers) != len(tethervet.Analyzers)-1 {
		t.Errorf("got %d analyzers, %v", len(analyzers), err)
	}
	for _, a := range analyzers {
		if a.Name == "growth" {
			t.Error("growth is there")
		}
	}
	if on := rawgo.Analyzer.Flags.Lookup("on").Value.String(); on != "true" {
		t.Errorf("rawgo.on is %s", on)
	}
	if err := rawgo.Analyzer.Flags.Set("on", "false"); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsThatAreWrongAreAnError(t *testing.T) {
	for _, settings := range []map[string]any{
		{"disable": []string{"grwth"}},
		{"unknown": true},
	} {
		if _, err := New(settings); err == nil {
			t.Errorf("%v: no error", settings)
		}
	}
}
