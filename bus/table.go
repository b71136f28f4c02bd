package bus

// A table is a map with string keys that gives its memory back. A Go map keeps the room that
// its keys once needed. The zero table is empty.
type table[V any] struct {
	m    map[string]V
	most int // the greatest length since m was made
}

// roomy is how large a table must have been to give room back; arbitrary.
const roomy = 64

func (t *table[V]) get(key string) V { return t.m[key] }

func (t *table[V]) set(key string, v V) {
	if t.m == nil {
		t.m = make(map[string]V)
	}
	t.m[key] = v
	t.most = max(t.most, len(t.m))
}

// delete forgets key. Cost: amortised O(1), because a copy comes after more deletions than it
// has keys.
func (t *table[V]) delete(key string) {
	delete(t.m, key)
	if t.most > roomy && len(t.m) < t.most/4 {
		m := make(map[string]V, len(t.m))
		for k, v := range t.m {
			m[k] = v
		}
		t.m, t.most = m, len(m)
	}
}

func (t *table[V]) len() int { return len(t.m) }
