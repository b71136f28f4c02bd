package scenario
import ("testing";"io";"time";"fmt")
func TestZZ(t *testing.T) {
	p := Full(io.Discard)
	p.Slices, p.Short = 300, 300*time.Microsecond
	b := New(p, "")
	b.costChain(); b.costFan(); b.costGraphs(); b.costValues()
	for _, s := range Shapes { o, n := StateCost(&b.Book, s); fmt.Printf("%s %.0f %.0f %.1fx\n", s, o.Min(), n.Min(), o.Min()/n.Min()) }
	for _, w := range []string{Value, Computed} { fmt.Println(w, b.Book.Get(AliveBytes, w, Lives).Min()) }
}
