package report

import (
	"bytes"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/seed-ec287111/tether/bench/measure"
)

func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// A curve is one line of a chart.
type curve struct {
	name   string
	points []measure.Point
	color  color.Color
	width  vg.Length
	dashes []vg.Length
}

// A chart is one picture with logarithmic axes.
type chart struct {
	title  string
	x, y   string // what the axes show
	xs, ys func(float64) string
	curves []curve
	at     []plot.Tick // of x, if not the powers of ten
}

func (c chart) draw() picture {
	p := plot.New()
	p.X.Label.Text = c.x
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{name: c.xs}
	if c.at != nil {
		p.X.Tick.Marker = plot.ConstantTicks(c.at)
	}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{c.ys, "  "}
	dress(&p.X)
	dress(&p.Y)
	p.Add(grid{})
	var ends endLabels
	for _, v := range c.curves {
		if len(v.points) == 0 {
			continue
		}
		xys := make(plotter.XYs, len(v.points))
		for i, q := range v.points {
			xys[i] = plotter.XY{X: q.X, Y: q.Y}
		}
		line, points, err := plotter.NewLinePoints(xys)
		if err != nil {
			panic(err) // a NaN or an infinity: the measurement is broken
		}
		line.LineStyle = draw.LineStyle{Color: v.color, Width: v.width, Dashes: v.dashes}
		points.GlyphStyle = draw.GlyphStyle{Color: v.color, Radius: v.width + 0.4, Shape: draw.CircleGlyph{}}
		p.Add(line, points)
		last := v.points[len(v.points)-1]
		ends.labels = append(ends.labels, endLabel{v.name, last.X, last.Y, v.color})
	}
	p.Add(ends)
	p.Y.Min, p.Y.Max = widen(p.Y.Min, p.Y.Max)
	return picture{p, c.title, c.y}
}

// widen returns the range with its ends on the next 1, 2 or 5 of a decade.
func widen(low, high float64) (float64, float64) {
	steps := []float64{1, 2, 5, 10}
	e := math.Pow(10, math.Floor(math.Log10(low)))
	for _, s := range slices.Backward(steps) {
		if s*e <= low {
			low = s * e
			break
		}
	}
	e = math.Pow(10, math.Floor(math.Log10(high)))
	for _, s := range steps {
		if s*e >= high {
			high = s * e
			break
		}
	}
	return low, high
}

func dress(a *plot.Axis) {
	a.Label.TextStyle.Font.Size = 10
	a.Label.TextStyle.Color = ink
	a.Label.Padding = 4
	a.Tick.Label.Font.Size = small
	a.Tick.Label.Color = dark
	a.LineStyle = draw.LineStyle{Color: grey, Width: 0.6}
	a.Tick.LineStyle = draw.LineStyle{Color: grey, Width: 0.6}
	a.Tick.Length = 4
	a.Padding = 4
}

// grid draws faint lines at the named ticks.
type grid struct{ upright bool } // those of x only

func (g grid) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	line := draw.LineStyle{Color: faint, Width: 0.6}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if t.Label != "" && !g.upright {
			c.StrokeLine2(line, c.Min.X, trY(t.Value), c.Max.X, trY(t.Value))
		}
	}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if t.Label != "" {
			c.StrokeLine2(line, trX(t.Value), c.Min.Y, trX(t.Value), c.Max.Y)
		}
	}
}

// A dot is a row of a dot chart: one value, or the span of two.
type dot struct {
	name   string
	lo, hi float64
	color  color.Color
}

// dots draws rows with their names on the left, sorted, and their values beside
// them.
type dots struct {
	title, note, x string
	xs             func(float64) string
	rows           []dot
}

func (d dots) draw() picture {
	p := plot.New()
	p.X.Label.Text = d.x
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{name: d.xs}
	dress(&p.X)
	dress(&p.Y)
	p.Y.LineStyle.Width, p.Y.Tick.Length = 0, 0
	slices.SortStableFunc(d.rows, func(a, b dot) int {
		if a.hi != b.hi && a.hi > b.hi {
			return -1
		}
		return 1
	})
	ticks := make(plot.ConstantTicks, len(d.rows))
	p.X.Min, p.X.Max = math.Inf(1), math.Inf(-1)
	for i, r := range d.rows {
		ticks[i] = plot.Tick{Value: float64(i), Label: r.name + "   "}
		p.X.Min, p.X.Max = min(p.X.Min, r.lo), max(p.X.Max, r.hi)
	}
	p.X.Min, p.X.Max = widen(p.X.Min/1.5, p.X.Max) // the first dot off the names
	p.Y.Tick.Marker = ticks
	p.Y.Min, p.Y.Max = -0.5, float64(len(d.rows))-0.5
	p.Add(grid{upright: true}, rows(d))
	return picture{p, d.title, d.note}
}

type rows dots

func (r rows) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for i, d := range r.rows {
		y := trY(float64(i))
		lo, hi := vg.Point{X: trX(d.lo), Y: y}, vg.Point{X: trX(d.hi), Y: y}
		label := r.xs(d.hi)
		c.StrokeLine2(draw.LineStyle{Color: faint, Width: 0.6}, c.Min.X, y, lo.X, y)
		if d.lo != d.hi {
			c.StrokeLine2(draw.LineStyle{Color: d.color, Width: 2}, lo.X, y, hi.X, y)
			c.DrawGlyph(draw.GlyphStyle{Color: color.White, Radius: 3.5, Shape: draw.CircleGlyph{}}, lo)
			c.DrawGlyph(draw.GlyphStyle{Color: d.color, Radius: 3.5, Shape: draw.RingGlyph{}}, lo)
			label = r.xs(d.lo) + " .. " + label
		}
		c.DrawGlyph(draw.GlyphStyle{Color: d.color, Radius: 3.5, Shape: draw.CircleGlyph{}}, hi)
		st := style(d.color, small)
		c.FillText(st, vg.Point{X: hi.X + 8, Y: y + lift}, label)
	}
}

// GlyphBoxes keeps room for the values.
func (r rows) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	var boxes []plot.GlyphBox
	for i, d := range r.rows {
		label := r.xs(d.hi)
		if d.lo != d.hi {
			label = r.xs(d.lo) + " .. " + label
		}
		w := style(d.color, small).Rectangle(label).Max.X * slack
		boxes = append(boxes, plot.GlyphBox{X: p.X.Norm(d.hi), Y: p.Y.Norm(float64(i)), Rectangle: vg.Rectangle{Max: vg.Point{X: w + 12}}})
	}
	return boxes
}

// A picture is a plot with what stands above it: its title, and what the vertical
// axis shows, written so that it can be read without turning the head.
type picture struct {
	plot        *plot.Plot
	title, note string
}

const (
	margin = vg.Length(10)
	header = vg.Length(42)
)

// save writes pictures of one size as an SVG file, in so many columns.
func save(dir, name string, width, height vg.Length, columns int, pictures ...picture) error {
	lines := (len(pictures) + columns - 1) / columns
	right, top := width*vg.Length(columns), height*vg.Length(lines)
	svg := vgsvg.New(right, top)
	all := draw.New(svg)
	all.FillPolygon(color.White, []vg.Point{{}, {X: right}, {X: right, Y: top}, {Y: top}})
	for i, p := range pictures {
		left, low := width*vg.Length(i%columns), height*vg.Length(lines-1-i/columns)
		tile := draw.Crop(all, left+margin, left+width-right-margin, low+margin, low+height-top-margin)
		tile.FillText(style(ink, 12), vg.Point{X: tile.Min.X, Y: tile.Max.Y - 7}, p.title)
		tile.FillText(style(dark, 10), vg.Point{X: tile.Min.X, Y: tile.Max.Y - 24}, p.note)
		p.plot.Draw(draw.Crop(tile, 0, 0, 0, -header))
	}
	var out bytes.Buffer
	if _, err := svg.WriteTo(&out); err != nil {
		return err
	}
	// Viewers may lack the font that the widths were reckoned with.
	b := bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif"))
	return os.WriteFile(filepath.Join(dir, name), b, 0o644)
}
