package bus

import "strings"

// A trie has the nodes of patterns, by their tokens. To find those that match a name, match
// looks at one branch for each token, and at one more for each * on the way. It does not
// matter how many other patterns there are. The bus's mutex guards the trie.
type trie struct {
	children table[*trie] // by the next token, if that is not a wildcard
	star     *trie        // after a *
	here     *node        // of the pattern that ends here, or nil
	rest     *node        // of the pattern that ends here with a >, or nil
}

// at returns the place for the pattern's node. It makes the branches on the way.
func (t *trie) at(pattern string) **node {
	for more := true; more; {
		var token string
		token, pattern, more = strings.Cut(pattern, ".")
		if token == ">" {
			return &t.rest
		}
		t = t.next(token)
	}
	return &t.here
}

// next returns the branch of a token. If there is none, it makes one.
func (t *trie) next(token string) *trie {
	child := t.child(token)
	if child != nil {
		return child
	}
	child = new(trie)
	if token == "*" {
		t.star = child
	} else {
		t.children.set(token, child)
	}
	return child
}

func (t *trie) child(token string) *trie {
	if token == "*" {
		return t.star
	}
	return t.children.get(token)
}

// remove removes the node of pattern, and the branches that are empty without it.
func (t *trie) remove(pattern string) {
	way := []*trie{t}
	var tokens []string
	for more := true; more; {
		var token string
		token, pattern, more = strings.Cut(pattern, ".")
		if token == ">" {
			t.rest = nil
			t = nil
			break
		}
		t = t.child(token)
		way, tokens = append(way, t), append(tokens, token)
	}
	if t != nil {
		t.here = nil
	}
	for i := len(tokens) - 1; i >= 0 && way[i+1].empty(); i-- {
		if tokens[i] == "*" {
			way[i].star = nil
		} else {
			way[i].children.delete(tokens[i])
		}
	}
}

func (t *trie) empty() bool {
	return t.here == nil && t.rest == nil && t.star == nil && t.children.len() == 0
}

// match calls found with the node of each pattern that matches name.
func (t *trie) match(name string, found func(*node)) {
	if t.rest != nil {
		found(t.rest)
	}
	token, name, more := strings.Cut(name, ".")
	for _, c := range [...]*trie{t.children.get(token), t.star} {
		switch {
		case c == nil:
		case more:
			c.match(name, found)
		case c.here != nil:
			found(c.here)
		}
	}
}
