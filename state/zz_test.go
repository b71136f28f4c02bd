package state_test
import ("testing";"time";"math/rand";"github.com/seed-ec287111/tether/state")
func TestZZ(t *testing.T) {
	o := app(t)
	shuffled := func(n int) time.Duration {
		values := make([]*state.Value[int], n)
		for i := range values { values[i] = state.NewValue(o, 1) }
		again := state.NewValue(o, 0)
		order := rand.New(rand.NewSource(1)).Perm(n)
		c := state.NewComputed(o, func(u *state.Use) (sum int) {
			sum = again.Use(u)
			for _, i := range order { sum += values[i].Use(u) }
			return sum
		})
		c.Get()
		order = rand.New(rand.NewSource(2)).Perm(n)
		again.Set(1)
		start := time.Now()
		c.Get()
		return time.Since(start)
	}
	for _, n := range []int{1000, 3000, 3000, 10000, 30000,30000, 100000} { t.Log(n, shuffled(n)/time.Duration(n)) }
	fill := func(n int) time.Duration {
		values := make([]*state.Value[int], n)
		for i := range values { values[i] = state.NewValue(o, 0) }
		var b state.Batch
		start := time.Now()
		for i, v := range values { v.SetIn(&b, i+1) }
		d := time.Since(start)
		b.Commit()
		t.Log(n, d/time.Duration(n))
		return time.Since(start)
	}
	for _, n := range []int{1000, 2000, 2000, 20000, 20000,20000, 100000} { t.Log(n, fill(n)/time.Duration(n)) }
}
