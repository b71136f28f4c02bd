package report

import (
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The colours of Okabe and Ito, which the colour-blind can tell apart, the light
// ones darkened to be read as text; and greys for what is written by hand.
var (
	blue      = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	sky       = color.NRGBA{0x3b, 0x9c, 0xd9, 0xff}
	vermilion = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	orange    = color.NRGBA{0xb8, 0x7f, 0x00, 0xff}
	green     = color.NRGBA{0x00, 0x8a, 0x64, 0xff}
	purple    = color.NRGBA{0xb0, 0x55, 0x86, 0xff}
	ink       = color.NRGBA{0x22, 0x22, 0x22, 0xff}
	dark      = color.NRGBA{0x60, 0x60, 0x60, 0xff}
	grey      = color.NRGBA{0x90, 0x90, 0x90, 0xff}
	faint     = color.NRGBA{0xe4, 0xe4, 0xe4, 0xff}
)

// palette has the colours of curves that are tether's own.
var palette = []color.Color{blue, vermilion, green, orange, purple, sky, dark, grey}

const (
	small = vg.Length(9)
	lead  = vg.Length(14) // from the data area to its labels
	lift  = vg.Length(1)  // of text that is to stand level with a line
	slack = 1.15          // for viewers whose font is wider than ours
)

func style(c color.Color, size vg.Length) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.From(plot.DefaultFont, size),
		XAlign:  text.XLeft,
		YAlign:  text.YCenter,
		Handler: plot.DefaultTextHandler,
	}
}

// An endLabel is the name of a curve, written at its end.
type endLabel struct {
	text  string
	x, y  float64
	color color.Color
}

// endLabels writes the labels to the right of the data area, in the order of the
// curves' ends and far enough from each other, each with a line to its end.
type endLabels struct {
	labels []endLabel
}

func (e endLabels) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	ls := slices.Clone(e.labels)
	slices.SortFunc(ls, func(a, b endLabel) int {
		switch {
		case a.y < b.y:
			return -1
		case a.y > b.y:
			return 1
		}
		return 0
	})
	at := make([]vg.Length, len(ls))
	for i, l := range ls {
		at[i] = trY(l.y)
	}
	spread(at, small*1.3, c.Min.Y, c.Max.Y)
	for i, l := range ls {
		end := vg.Point{X: trX(l.x), Y: trY(l.y)}
		elbow := vg.Point{X: c.Max.X + lead - 3, Y: at[i]}
		line := draw.LineStyle{Color: l.color, Width: vg.Points(0.5)}
		if end.X < c.Max.X-1 {
			line.Dashes = []vg.Length{1, 2}
		}
		c.StrokeLine2(line, end.X+2, end.Y, elbow.X, elbow.Y)
		c.FillText(style(l.color, small), vg.Point{X: c.Max.X + lead, Y: at[i] + lift}, l.text)
	}
}

// GlyphBoxes keeps room for the labels.
func (e endLabels) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	var boxes []plot.GlyphBox
	for _, l := range e.labels {
		w := style(l.color, small).Rectangle(l.text).Max.X * slack
		boxes = append(boxes, plot.GlyphBox{X: 1, Y: 0.5, Rectangle: vg.Rectangle{Max: vg.Point{X: lead + w + 4}}})
	}
	return boxes
}

// spread moves ascending positions apart, to at least gap, as little as may be,
// and keeps them between low and high if there is room.
func spread(at []vg.Length, gap, low, high vg.Length) {
	if len(at) == 0 {
		return
	}
	// Neighbours that are too close become a group around their common middle.
	type group struct {
		sum  vg.Length // of the wanted positions, each less its offset in the group
		n    int
		from int
	}
	start := func(g group) vg.Length {
		s := g.sum / vg.Length(g.n)
		s = min(s, high-gap*vg.Length(g.n-1))
		return max(s, low)
	}
	var gs []group
	for i, y := range at {
		g := group{y, 1, i}
		for len(gs) > 0 {
			last := gs[len(gs)-1]
			if start(last)+gap*vg.Length(last.n) <= start(g) {
				break
			}
			g = group{last.sum + g.sum - vg.Length(last.n*g.n)*gap, last.n + g.n, last.from}
			gs = gs[:len(gs)-1]
		}
		gs = append(gs, g)
	}
	for _, g := range gs {
		for i := range g.n {
			at[g.from+i] = start(g) + gap*vg.Length(i)
		}
	}
}

// decades marks the powers of ten and what lies between, and names the former.
type decades struct {
	name func(float64) string
	pad  string // after each name
}

func (d decades) Ticks(low, high float64) []plot.Tick {
	var ts []plot.Tick
	first, last := int(math.Floor(math.Log10(low)+1e-9)), int(math.Ceil(math.Log10(high)-1e-9))
	for e := first; e <= last; e++ {
		for i := 1; i < 10; i++ {
			v := float64(i) * math.Pow(10, float64(e))
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if i == 1 || last-first <= 1 && (i == 2 || i == 5) {
				t.Label = d.name(v) + d.pad
			}
			ts = append(ts, t)
		}
	}
	return ts
}

// count names a number of things.
func count(v float64) string {
	switch {
	case v >= 1e6:
		return trim(v/1e6) + "M"
	case v >= 1e3:
		return trim(v/1e3) + "k"
	}
	return trim(v)
}

// duration names a number of nanoseconds.
func duration(v float64) string {
	switch {
	case v >= 1e9:
		return trim(v/1e9) + " s"
	case v >= 1e6:
		return trim(v/1e6) + " ms"
	case v >= 1e3:
		return trim(v/1e3) + " µs"
	}
	return trim(v) + " ns"
}

// size names a number of bytes.
func size(v float64) string {
	switch {
	case v >= 1e6:
		return trim(v/1e6) + " MB"
	case v >= 1e3:
		return trim(v/1e3) + " kB"
	}
	return trim(v) + " B"
}

func times(v float64) string { return trim(v) + "x" }

// trim writes three significant digits, or all before the point, and no zeros
// after it.
func trim(v float64) string {
	if math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
