package state_test

import ("testing"; "runtime/debug")

func TestDbg(t *testing.T) {
	w := newWorld(t, 89)
	for k := range 60 {
		if k == 43 { w.trace = func(i int) { t.Logf("run %d in state %d %v", i, w.states, w.model); if i == 1 { t.Log(string(debug.Stack())) } } }
		w.step()
		t.Logf("step %d kind %s part %d model %v", k, w.kind, w.which, w.model)
		if t.Failed() {
			t.Logf("step %d kind %s part %d", k, w.kind, w.which)
			for i, l := range w.laws {
				t.Logf("%d: %+v runs %d want %v dead %v", i, l, w.parts[i].runs.Load(), w.want(i+len(w.values)), w.parts[i].dead)
			}
			t.Log(w.model, "\n"+w.parts[w.which].c.Dump())
			t.FailNow()
		}
	}
}
