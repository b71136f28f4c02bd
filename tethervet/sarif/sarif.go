// Package sarif writes reports in the format that code hosts show beside the code,
// SARIF 2.1.0.
package sarif

import (
	"cmp"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
)

type log struct {
	Version string `json:"version"`
	Schema  string `json:"$schema"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool    tool     `json:"tool"`
	Results []result `json:"results"`
}

type tool struct {
	Driver driver `json:"driver"`
}

type driver struct {
	Name  string `json:"name"`
	URI   string `json:"informationUri"`
	Rules []rule `json:"rules"`
}

type rule struct {
	ID   string `json:"id"`
	Text text   `json:"shortDescription"`
	Full text   `json:"fullDescription"`
	URI  string `json:"helpUri"`
}

type text struct {
	Text string `json:"text"`
}

type result struct {
	RuleID    string     `json:"ruleId"`
	Level     string     `json:"level"`
	Message   text       `json:"message"`
	Locations []location `json:"locations"`
}

type location struct {
	Physical physical `json:"physicalLocation"`
}

type physical struct {
	Artifact artifact `json:"artifactLocation"`
	Region   region   `json:"region"`
}

type artifact struct {
	URI string `json:"uri"`
}

type region struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndLine     int `json:"endLine,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}

// Write writes what the analyzers have reported, with files relative to root, each
// report once, in the order of files and lines.
func Write(w io.Writer, root string, analyzers []*analysis.Analyzer, graph *checker.Graph) error {
	d := driver{Name: "tethervet", URI: "https://github.com/seed-ec287111/tether/tethervet"}
	for _, a := range analyzers {
		title, _, _ := strings.Cut(a.Doc, "\n")
		d.Rules = append(d.Rules, rule{a.Name, text{title}, text{a.Doc}, a.URL})
	}
	results := make([]result, 0) // never null
	for action := range graph.All() {
		if action.Err != nil {
			return action.Err
		}
		if !action.IsRoot {
			continue
		}
		for _, d := range action.Diagnostics {
			results = append(results, resultOf(root, action, d))
		}
	}
	slices.SortFunc(results, compare)
	results = slices.CompactFunc(results, func(a, b result) bool { return compare(a, b) == 0 })
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(log{"2.1.0", "https://json.schemastore.org/sarif-2.1.0.json", []run{{tool{d}, results}}})
}

func resultOf(root string, action *checker.Action, d analysis.Diagnostic) result {
	start := action.Package.Fset.Position(d.Pos)
	r := region{StartLine: start.Line, StartColumn: start.Column}
	if d.End.IsValid() {
		end := action.Package.Fset.Position(d.End)
		r.EndLine, r.EndColumn = end.Line, end.Column
	}
	file := start.Filename
	if rel, err := filepath.Rel(root, file); err == nil {
		file = rel
	}
	return result{action.Analyzer.Name, "warning", text{d.Message}, []location{{physical{artifact{filepath.ToSlash(file)}, r}}}}
}

func compare(a, b result) int {
	p, q := a.Locations[0].Physical, b.Locations[0].Physical
	return cmp.Or(
		cmp.Compare(p.Artifact.URI, q.Artifact.URI),
		cmp.Compare(p.Region.StartLine, q.Region.StartLine),
		cmp.Compare(p.Region.StartColumn, q.Region.StartColumn),
		cmp.Compare(a.RuleID, b.RuleID),
	)
}
