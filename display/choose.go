package display

import (
	"image"
	"strconv"
	"unicode/utf8"
)

// Field is a part of a Choose screen that can be touched.
type Field byte

// The fields.
const (
	NoField     Field = iota
	OptionField       // one of the options
	MoreField         // turns to the options that are not shown
	CancelField       // none of them
)

// FieldAt tells what of a Choose view of this size is at a point, and with
// OptionField the option's index.
func FieldAt(v View, size, at image.Point) (f Field, option int) {
	if v.Kind != Choose {
		return NoField, 0
	}
	p := pageOf(v, size)
	for i, row := range p.rows {
		if at.In(row) {
			return OptionField, p.first + i
		}
	}
	switch {
	case at.In(p.more):
		return MoreField, 0
	case at.In(p.cancel):
		return CancelField, 0
	}
	return NoField, 0
}

// Shown tells which options of a Choose view are seen on a screen of this size:
// n of them from the index first. They are numbered from 1 on every page.
func Shown(v View, size image.Point) (first, n int) {
	p := pageOf(v, size)
	return p.first, len(p.rows)
}

// page is where a Choose screen has what. Rectangles that are not there are empty.
type page struct {
	first        int               // index of the first option shown
	rows         []image.Rectangle // of the options shown
	title        image.Rectangle
	amount       image.Rectangle
	more, cancel image.Rectangle
}

// pageOf is the geometry of a Choose screen, for drawing and for touching.
func pageOf(v View, size image.Point) page {
	n := len(v.Options)
	selected := min(max(v.Selected, 0), max(n-1, 0))
	var p page
	list := part(size, 50, 290, 950, 830)
	most, gap := 4, size.Y/53
	if small(size) {
		list, most, gap = image.Rectangle{Max: size}, max(1, size.Y/16), 0
		if most > 2 {
			// A line for the question.
			p.title = image.Rectangle{Max: image.Pt(size.X, size.Y/most)}
			list.Min.Y, most = p.title.Max.Y, most-1
		}
		if n > most {
			p.more = image.Rect(size.X*7/8, list.Min.Y, size.X, list.Max.Y)
			list.Max.X = p.more.Min.X
		}
	} else {
		p.title, p.amount = part(size, 50, 165, 560, 275), part(size, 580, 165, 950, 275)
		p.cancel = part(size, 50, 855, 480, 965)
		if n > most {
			p.more = part(size, 520, 855, 950, 965)
		}
	}
	p.first = selected / most * most
	places := min(max(n, 2), most)
	if n == 1 {
		places = 1
	}
	for i := range min(most, n-p.first) {
		p.rows = append(p.rows, image.Rect(
			list.Min.X, list.Min.Y+(list.Dy()+gap)*i/places,
			list.Max.X, list.Min.Y+(list.Dy()+gap)*(i+1)/places-gap))
	}
	return p
}

// longestName is how many characters a name of EMV has at most (Book 1, Annex
// B: '50' and '9F12').
const longestName = 16

func (c *canvas) choose(v View, t texts, amount string) {
	p := pageOf(v, c.img.Rect.Max)
	if small(c.img.Rect.Max) {
		c.chooseSmall(v, t, p)
		return
	}
	c.header(v)
	question := t.choose
	if len(v.Options) == 1 {
		question = t.confirm
	}
	c.text(p.title, question, style{weight: bold, color: ink, max: c.px(26), min: c.px(13), lines: 2, left: true})
	c.text(p.amount, amount, style{weight: bold, color: ink, max: c.px(30), whole: true, right: true})
	for i, row := range p.rows {
		c.option(v, p.first+i, i+1, row)
	}
	c.field(p.cancel, disc(danger, cross), t.cancel)
	if !p.more.Empty() {
		c.field(p.more, c.digit(0), t.more)
	}
}

// option is one row: its number, or a tick where there is only one, and its name.
// The one that Enter takes has a frame.
func (c *canvas) option(v View, index, number int, row image.Rectangle) {
	radius := float64(c.px(12))
	ground := row
	if index == v.Selected {
		c.fill(accent, rounded(corner(row.Min), corner(row.Max), radius))
		ground = row.Inset(c.px(4))
	}
	c.fill(panel, rounded(corner(ground.Min), corner(ground.Max), radius))
	sign := c.digit(number)
	if len(v.Options) == 1 {
		sign = disc(success, tick)
	}
	mark := image.Rect(row.Min.X, row.Min.Y, row.Min.X+c.px(50), row.Max.Y)
	c.draw(sign, mark.Inset(c.px(6)))
	name := image.Rect(mark.Max.X, row.Min.Y, row.Max.X-c.px(8), row.Max.Y)
	c.text(name, v.name(index), style{
		weight: bold, color: ink, max: c.px(32), min: c.px(13), left: true, whole: v.whole(index)})
}

// name is how an option is called; what cannot be drawn at all is a box.
func (v View) name(index int) string { return or(v.Options[index], string(missing)) }

func (v View) whole(index int) bool {
	return utf8.RuneCountInString(clean(v.Options[index])) <= longestName
}

// field is a place to touch, with the sign of the key that does the same.
func (c *canvas) field(box image.Rectangle, sign icon, word string) {
	mark := box
	mark.Max.X = box.Min.X + c.px(44)
	c.draw(sign, mark.Inset(c.px(3)))
	word = clean(word)
	c.text(image.Rect(mark.Max.X, box.Min.Y, box.Max.X, box.Max.Y), word, style{
		weight: medium, color: ink, max: c.px(22), min: c.px(12), left: true})
}

// digit is a key with a digit.
func (c *canvas) digit(n int) icon {
	return func(c *canvas, center point, r float64) {
		c.fill(accent, circle(center, r))
		box := image.Rect(int(center.x-r), int(center.y-r), int(center.x+r), int(center.y+r))
		c.text(box, strconv.Itoa(n), style{weight: bold, color: paper, max: max(1, int(r*1.2))})
	}
}

func (c *canvas) chooseSmall(v View, t texts, p page) {
	if len(v.Options) == 1 {
		c.words(style{whole: v.whole(0)}, style{}, v.name(0), t.confirm)
		return
	}
	line := style{weight: bold, color: paper, min: smallest, left: true}
	for i, row := range p.rows {
		line.max = row.Dy()
		index := p.first + i
		// The one that Enter takes has an arrow.
		arrow := image.Rect(row.Min.X, row.Min.Y, row.Min.X+row.Dy()/2, row.Max.Y)
		if index == v.Selected {
			c.arrow(arrow)
		}
		number := image.Rect(arrow.Max.X, row.Min.Y, arrow.Max.X+row.Dy()*6/10, row.Max.Y)
		c.text(number, strconv.Itoa(i+1), line)
		name := line
		name.whole = v.whole(index)
		c.text(image.Rect(number.Max.X, row.Min.Y, row.Max.X, row.Max.Y), v.name(index), name)
	}
	title := line
	title.max, title.left = p.title.Dy(), false
	c.text(p.title, t.choose, title)
	if box := p.more; !box.Empty() {
		upper, lower := box, box
		upper.Max.Y = (box.Min.Y + box.Max.Y) / 2
		lower.Min.Y = upper.Max.Y
		c.text(upper, "0", style{weight: bold, color: paper, max: min(16, upper.Dy())})
		c.text(lower, "...", style{weight: bold, color: paper, max: min(16, lower.Dy())})
	}
}

// arrow points to the right, in the middle of a box.
func (c *canvas) arrow(box image.Rectangle) {
	h := float64(box.Dx()) / 2
	tip := point{float64(box.Max.X) - 1, float64(box.Min.Y+box.Max.Y) / 2}
	c.fill(paper, []point{tip, tip.plus(-1.6*h, h), tip.plus(-1.6*h, -h)})
}
