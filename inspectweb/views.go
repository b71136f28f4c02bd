package inspectweb

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-ec287111/tether/docs"
	"github.com/seed-ec287111/tether/inspect"
)

// Bounds of what one request costs, and of what it answers; arbitrary.
const (
	mostOpen    = 200                    // folds that are open
	mostLines   = 2000                   // of a tree
	mostFound   = 100                    // owners of a search
	searchTime  = 500 * time.Millisecond // for a search
	longestText = 200                    // characters of what is searched for
	mostBelow   = 50                     // children of one owner
	mostBriefs  = 10_000                 // owners that pages can ask for
	mostStack   = 64 << 10               // bytes of stacks
	mostGroups  = 1000
)

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, why string) {
	http.Error(w, "inspectweb: "+why, http.StatusBadRequest)
}

// tree answers with the trees, as far as they are open: ?open=key,key.
func (h *hub) tree(w http.ResponseWriter, r *http.Request) {
	open := make(map[key]bool)
	if text := r.URL.Query().Get("open"); text != "" {
		for part := range strings.SplitSeq(text, ",") {
			k, ok := parseKey(part)
			if !ok || len(open) == mostOpen {
				refuse(w, "open is up to 200 keys of folds")
				return
			}
			open[k] = true
		}
	}
	s := h.survey()
	d := folder{open: func(f *inspect.Fold) bool { return open[key(f.Key)] }, room: mostLines}
	roots := d.all(s.Roots)
	answer(w, struct {
		At    int64  `json:"at"`
		Roots []fold `json:"roots"`
		Cut   bool   `json:"cut"`
	}{s.At.UnixMilli(), roots, d.cut})
}

// treeJSON answers with all trees and all trouble.
func (h *hub) treeJSON(w http.ResponseWriter, _ *http.Request) {
	s := h.survey()
	d := folder{open: func(*inspect.Fold) bool { return true }, room: mostLines}
	roots := d.all(s.Roots)
	answer(w, struct {
		At      time.Time `json:"at"`
		Title   string    `json:"title"`
		Looked  int       `json:"looked"`
		Partial bool      `json:"partial"`
		Total   totals    `json:"total"`
		Heap    uint64    `json:"heap"`
		Trouble []trouble `json:"trouble"`
		Roots   []fold    `json:"roots"`
		Cut     bool      `json:"cut"`
	}{s.At, short(h.title), s.Looked, s.Partial, totalsOf(s.Total), s.Heap, lookOf(s).Trouble, roots, d.cut})
}

// fold answers with some owners of a fold: ?key=.
func (h *hub) fold(w http.ResponseWriter, r *http.Request) {
	k, ok := parseKey(r.URL.Query().Get("key"))
	if !ok {
		refuse(w, "key is that of a fold")
		return
	}
	f := find(h.survey().Roots, k)
	if f == nil {
		http.Error(w, "inspectweb: there is no such fold, or no more", http.StatusNotFound)
		return
	}
	owners, all := f.Sample()
	answer(w, struct {
		Owners []brief `json:"owners"`
		All    bool    `json:"all"`
	}{h.briefsOf(owners), all})
}

func find(folds []*inspect.Fold, k key) *inspect.Fold {
	for _, f := range folds {
		if key(f.Key) == k {
			return f
		}
		if g := find(f.Below, k); g != nil {
			return g
		}
	}
	return nil
}

// briefsOf is for pages that may ask for each of the owners.
func (h *hub) briefsOf(all []inspect.Brief) []brief {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.briefs == nil || len(h.briefs)+len(all) > mostBriefs { // pages ask for what they show, again
		h.briefs = make(map[uint64]inspect.Brief)
	}
	list := []brief{}
	for _, b := range all {
		h.briefs[b.ID] = b
		list = append(list, briefOf(b))
	}
	return list
}

// owner answers with one owner: ?id=.
func (h *hub) owner(w http.ResponseWriter, r *http.Request) {
	k, ok := parseKey(r.URL.Query().Get("id"))
	if !ok {
		refuse(w, "id is that of an owner")
		return
	}
	h.mu.Lock()
	b, ok := h.briefs[uint64(k)]
	h.mu.Unlock()
	if ok {
		b, ok = b.Again()
	}
	if !ok {
		http.Error(w, "inspectweb: the owner has ended, or is not known any more", http.StatusNotFound)
		return
	}
	answer(w, struct {
		brief
		Holds []hold  `json:"holds"`
		Below []brief `json:"below"` // the newest
	}{briefOf(b), holdsOf(b.Holds()), h.briefsOf(b.Below(mostBelow))})
}

// search answers with owners: ?q=. One search runs at a time.
func (h *hub) search(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("q")
	if text == "" || utf8.RuneCountInString(text) > longestText {
		refuse(w, "q is up to 200 characters")
		return
	}
	select {
	case h.searching <- struct{}{}:
		defer func() { <-h.searching }()
	case <-r.Context().Done():
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	found, looked, more := inspect.Search(ctx, text, mostFound)
	briefs := make([]inspect.Brief, len(found))
	for i, f := range found {
		briefs[i] = f.Brief
	}
	type result struct {
		brief
		Why  string `json:"why"`
		What string `json:"what"`
		Func *place `json:"func"`
	}
	list := []result{}
	for i, b := range h.briefsOf(briefs) {
		list = append(list, result{b, found[i].Why, short(found[i].What), placeOf(found[i].Func)})
	}
	answer(w, struct {
		Found  []result `json:"found"`
		Looked int      `json:"looked"`
		More   bool     `json:"more"`
	}{list, looked, more})
}

// groups answers with what there is a number of, for a comparison.
func (h *hub) groups(w http.ResponseWriter, _ *http.Request) {
	s := h.survey()
	answer(w, struct {
		Boot   string  `json:"boot"`
		Now    sample  `json:"now"`
		Groups []group `json:"groups"`
	}{h.boot, sampleOf(s), groupsOf(s, mostGroups, 1)})
}

// trouble answers with the rest of what is known of a trouble: ?key=.
func (h *hub) trouble(w http.ResponseWriter, r *http.Request) {
	k, ok := parseKey(r.URL.Query().Get("key"))
	if !ok {
		refuse(w, "key is that of a trouble")
		return
	}
	for _, t := range h.survey().Trouble {
		if key(t.Key) == k {
			more := struct {
				Stack   string   `json:"stack"`
				Running []string `json:"running"`
			}{t.Stack[:min(len(t.Stack), mostStack)], []string{}}
			for _, c := range t.Running[:min(len(t.Running), mostBelow)] {
				more.Running = append(more.Running, c.Kind+" "+c.Func+" of "+short(c.Owner))
			}
			answer(w, more)
			return
		}
	}
	http.Error(w, "inspectweb: that is over", http.StatusNotFound)
}

// help answers with docs/debugging.md, by sections.
func (h *hub) help(w http.ResponseWriter, _ *http.Request) {
	sections := make(map[string]string)
	for _, s := range strings.Split(docs.Debugging, "\n## ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		sections[anchor(title)] = title + "\n" + text
	}
	w.Header().Set("Cache-Control", "no-cache")
	answer(w, sections)
}

// anchor is what a link to a heading says.
func anchor(title string) string { return strings.ReplaceAll(strings.ToLower(title), " ", "-") }
