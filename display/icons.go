package display

import (
	"image"
	"image/color"
	"math"
)

// icon draws a shape into a square around center; r is half its side.
type icon func(c *canvas, center point, r float64)

// draw draws an icon as large as the box allows.
func (c *canvas) draw(i icon, box image.Rectangle) {
	r := math.Min(float64(box.Dx()), float64(box.Dy())) / 2
	if r < 2 {
		return
	}
	i(c, point{float64(box.Min.X+box.Max.X) / 2, float64(box.Min.Y+box.Max.Y) / 2}, r)
}

func corner(p image.Point) point { return point{float64(p.X), float64(p.Y)} }

// disc puts a white sign on a filled circle.
func disc(col color.Color, sign icon) icon {
	return func(c *canvas, center point, r float64) {
		c.fill(col, circle(center, r))
		sign(c, center, r)
	}
}

func tick(c *canvas, m point, r float64) {
	c.fill(paper, line(r*.17, m.plus(-.44*r, .03*r), m.plus(-.12*r, .35*r), m.plus(.46*r, -.31*r))...)
}

func cross(c *canvas, m point, r float64) {
	c.fill(paper, line(r*.17, m.plus(-.34*r, -.34*r), m.plus(.34*r, .34*r))...)
	c.fill(paper, line(r*.17, m.plus(.34*r, -.34*r), m.plus(-.34*r, .34*r))...)
}

func pause(c *canvas, m point, r float64) {
	c.fill(paper, line(r*.19, m.plus(-.22*r, -.34*r), m.plus(-.22*r, .34*r))...)
	c.fill(paper, line(r*.19, m.plus(.22*r, -.34*r), m.plus(.22*r, .34*r))...)
}

// again is an arrow that turns around.
func again(c *canvas, m point, r float64) {
	const from, to = .02, .80
	c.fill(paper, ring(m, r*.46, r*.14, from, to)...)
	// The head points along the circle where the arc ends, near 1 o'clock.
	sin, cos := math.Sincos(2 * math.Pi * to)
	end := m.plus(r*.46*cos, r*.46*sin)
	out, along := point{cos, sin}, point{-sin, cos}
	at := func(o, a float64) point {
		return end.plus(r*(o*out.x+a*along.x), r*(o*out.y+a*along.y))
	}
	c.fill(paper, []point{at(.27, 0), at(0, .36), at(-.27, 0)})
}

// attention is an exclamation mark in a triangle with round corners.
func attention(c *canvas, m point, r float64) {
	a, b, d := m.plus(0, -.72*r), m.plus(.86*r, .76*r), m.plus(-.86*r, .76*r)
	c.fill(warning, []point{a, b, d})
	c.fill(warning, line(r*.28, a, b, d, a)...)
	c.fill(paper, line(r*.15, m.plus(0, -.25*r), m.plus(0, .24*r))...)
	c.fill(paper, circle(m.plus(0, .58*r), r*.1))
}

// wheel is a ring of dots that turns with step.
func wheel(step int) icon {
	const dots = 8
	head := ((step % dots) + dots) % dots
	return func(c *canvas, m point, r float64) {
		for i := range dots {
			age := float64((head-i+dots)%dots) / (dots - 1) // 0 = newest
			sin, cos := math.Sincos(2*math.Pi*float64(i)/dots - math.Pi/2)
			c.fill(mix(accent, soft, age), circle(m.plus(.72*r*cos, .72*r*sin), r*(.17-.06*age)))
		}
	}
}

func mix(a, b color.RGBA, t float64) color.RGBA {
	part := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + t*(float64(y)-float64(x)))) }
	return color.RGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 0xFF}
}

// mark is the picture of the idle screen: a card.
func mark(c *canvas, m point, r float64) {
	c.fill(soft, rounded(m.plus(-1.3*r, -.85*r), m.plus(1.3*r, .85*r), r*.2))
	c.fill(accent, rounded(m.plus(-1.0*r, -.3*r), m.plus(-.5*r, .12*r), r*.08))
	c.fill(paper, line(r*.11, m.plus(-.95*r, .5*r), m.plus(.15*r, .5*r))...)
	c.fill(paper, line(r*.11, m.plus(.7*r, .5*r), m.plus(.95*r, .5*r))...)
}

func cardIn(c *canvas, m point, r float64)  { slot(c, m, r, true) }
func cardOut(c *canvas, m point, r float64) { slot(c, m, r, false) }

// slot is the mouth of the reader with a card in it, chip first, and an arrow
// that says which way the card goes.
func slot(c *canvas, m point, r float64, in bool) {
	c.fill(accent, rounded(m.plus(-.5*r, -.62*r), m.plus(.5*r, .98*r), r*.13))
	c.fill(soft, rounded(m.plus(-.17*r, -.5*r), m.plus(.17*r, -.12*r), r*.06))
	tip, tail, side := -.0*r, .8*r, 1.0
	if !in {
		tip, tail, side = .78*r, .14*r, -1
	}
	tip, tail = tip+.06*r, tail-.02*r
	c.fill(paper, line(r*.11, m.plus(0, tip), m.plus(0, tail))...)
	c.fill(paper, line(r*.11, m.plus(-.22*r, tip+.24*r*side), m.plus(0, tip), m.plus(.22*r, tip+.24*r*side))...)
	c.fill(ink, rounded(m.plus(-.92*r, -.95*r), m.plus(.92*r, -.58*r), r*.13))
}

// tap is a card held flat in front of the reader, whose field reaches it. It is a
// drawing of our own: the contactless symbols that are found on cards and readers
// are trademarks of EMVCo.
func tap(c *canvas, m point, r float64) {
	upright(c, m.plus(-.54*r, 0), r)
	for i := range 3 {
		c.fill(ink, ring(m.plus(-.05*r, 0), r*(.34+.27*float64(i)), r*.12, -.11, .11)...)
	}
}

// upright is a card with its chip, held upright; m is its middle.
func upright(c *canvas, m point, r float64) {
	c.fill(accent, rounded(m.plus(-.44*r, -.62*r), m.plus(.44*r, .62*r), r*.13))
	c.fill(soft, rounded(m.plus(-.18*r, -.36*r), m.plus(.18*r, -.06*r), r*.06))
}

// read is a card with a tick on it. Without a disc, and on its card: nothing but
// the card is done.
func read(c *canvas, m point, r float64) {
	c.fill(accent, rounded(m.plus(-1.2*r, -.8*r), m.plus(1.2*r, .8*r), r*.16))
	c.fill(soft, rounded(m.plus(-.95*r, -.5*r), m.plus(-.5*r, -.12*r), r*.06))
	tick(c, m.plus(.25*r, .05*r), r)
}

// oneCard is a card, and another one that is crossed out.
func oneCard(c *canvas, m point, r float64) {
	upright(c, m.plus(-.6*r, 0), r)
	other := m.plus(.6*r, 0)
	c.fill(soft, rounded(other.plus(-.44*r, -.62*r), other.plus(.44*r, .62*r), r*.13))
	for _, side := range []float64{-1, 1} {
		c.fill(ink, line(r*.13, other.plus(-.42*side*r, -.5*r), other.plus(.42*side*r, .5*r))...)
	}
}

// phone has a screen with something to read on it.
func phone(c *canvas, m point, r float64) {
	c.fill(ink, rounded(m.plus(-.56*r, -.98*r), m.plus(.56*r, .98*r), r*.16))
	c.fill(soft, rounded(m.plus(-.46*r, -.78*r), m.plus(.46*r, .72*r), r*.05))
	c.fill(paper, circle(m.plus(0, .85*r), r*.07))
	for i, width := range []float64{.3, .3, .12} {
		y := (-.35 + .28*float64(i)) * r
		c.fill(accent, line(r*.11, m.plus(-.3*r, y), m.plus((-.3+2*width)*r, y))...)
	}
}

// swipe is a card with a stripe and an arrow along it.
func swipe(c *canvas, m point, r float64) {
	c.fill(accent, rounded(m.plus(-.95*r, -.7*r), m.plus(.95*r, .3*r), r*.13))
	c.fill(ink, rounded(m.plus(-.95*r, -.5*r), m.plus(.95*r, -.2*r), 0))
	c.fill(ink, line(r*.12, m.plus(-.8*r, .72*r), m.plus(.8*r, .72*r))...)
	c.fill(ink, line(r*.12, m.plus(.55*r, .5*r), m.plus(.8*r, .72*r), m.plus(.55*r, .94*r))...)
}
