package display

import (
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
)

// style says how a text is set.
type style struct {
	weight   weight
	color    color.Color
	max, min int  // size in pixels per em: tried from max down to min
	lines    int  // at most; 0 is 1
	whole    bool // never shortened: shrinks below min instead
	left     bool // starts at the left edge instead of being centred
	right    bool // ends at the right edge
}

// placed is one line of text as it was drawn.
type placed struct {
	text string
	ink  image.Rectangle // what was painted
	box  image.Rectangle // where it was allowed to be
	cut  bool            // the text was shortened
}

// lineHeight is the distance of baselines, in percent of the size.
const lineHeight = 118

// text sets s into box, as large as fits, centred.
func (c *canvas) text(box image.Rectangle, s string, st style) {
	s = clean(s)
	if s == "" || box.Empty() {
		return
	}
	size, lines, cut := c.layout(box, s, st)
	face := c.faces.get(st.weight, size)
	height := size * lineHeight / 100
	top := box.Min.Y + (box.Dy()-height*len(lines))/2
	for i, l := range lines {
		x := fixed.I(box.Min.X)
		switch room := fixed.I(box.Dx()) - font.MeasureString(face, l); {
		case st.right:
			x += room
		case !st.left:
			x += room / 2
		}
		// Capitals stand in the middle of their line: they are 0.72 em high.
		y := top + i*height + height/2 + size*36/100
		d := font.Drawer{Dst: c.img, Src: image.NewUniform(st.color), Face: face, Dot: fixed.Point26_6{X: x, Y: fixed.I(y)}}
		bounds, _ := d.BoundString(l)
		c.placed = append(c.placed, placed{text: l, box: box, cut: cut, ink: image.Rect(
			bounds.Min.X.Floor(), bounds.Min.Y.Floor(), bounds.Max.X.Ceil(), bounds.Max.Y.Ceil())})
		d.DrawString(l)
	}
}

// layout finds the size of s and its lines: one line when that does not make
// it much smaller, else as many as are allowed.
func (c *canvas) layout(box image.Rectangle, s string, st style) (size int, lines []string, cut bool) {
	most := max(st.lines, 1)
	for n := 1; n <= most; n++ {
		larger, l := c.largest(box, s, st, n)
		if larger > size {
			size, lines = larger, l
		}
		if size*10 >= st.max*7 {
			break
		}
	}
	if lines != nil {
		return size, c.balance(lines, st.weight, size, box.Dx()), false
	}
	size = max(1, min(st.min, st.max, box.Dy()*100/lineHeight))
	lines, _ = c.wrap(s, st.weight, size, box.Dx())
	n := max(1, min(most, box.Dy()*100/(size*lineHeight)))
	if len(lines) <= n {
		return size, lines, false
	}
	lines = lines[:n]
	lines[n-1] = c.shorten(lines[n-1], st.weight, size, box.Dx())
	return size, lines, true
}

// largest finds the largest size at which s fits into at most n lines without
// a broken word; 0 when there is none.
func (c *canvas) largest(box image.Rectangle, s string, st style, n int) (size int, lines []string) {
	low, high := max(1, min(st.min, st.max)), max(1, st.max)
	if st.whole {
		low = 1
	}
	high = min(high, box.Dy()*100/(n*lineHeight))
	// Whether a text fits is monotonic enough in its size for a binary search;
	// where it is not, the result is a little small, never too large.
	for low <= high {
		middle := (low + high) / 2
		if l, broken := c.wrap(s, st.weight, middle, box.Dx()); len(l) <= n && !broken {
			size, lines, low = middle, l, middle+1
		} else {
			high = middle - 1
		}
	}
	return size, lines
}

// balance makes lines about equally long: the narrowest width that needs no
// more of them.
func (c *canvas) balance(lines []string, w weight, size, width int) []string {
	if len(lines) < 2 {
		return lines
	}
	s := strings.Join(lines, " ")
	low, high := width/2, width
	for low < high {
		middle := (low + high) / 2
		if l, broken := c.wrap(s, w, size, middle); len(l) <= len(lines) && !broken {
			lines, high = l, middle
		} else {
			low = middle + 1
		}
	}
	return lines
}

// shorten cuts a line so that there is room for an ellipsis.
func (c *canvas) shorten(s string, w weight, size, width int) string {
	face := c.faces.get(w, size)
	runes := []rune(s)
	for n := len(runes); n > 0; n-- {
		if t := strings.TrimRight(string(runes[:n]), " ") + "…"; font.MeasureString(face, t) <= fixed.I(width) {
			return t
		}
	}
	return "" // not even one letter: show nothing rather than paint outside
}

// wrap breaks s into lines no wider than width: between words, and inside a
// word only when the word alone is wider, which it reports.
func (c *canvas) wrap(s string, w weight, size, width int) (lines []string, broken bool) {
	face := c.faces.get(w, size)
	narrow := func(s string) bool { return font.MeasureString(face, s) <= fixed.I(width) }
	if narrow(s) {
		return []string{s}, false
	}
	current := ""
	for word := range strings.SplitSeq(s, " ") {
		if next := strings.TrimLeft(current+" "+word, " "); narrow(next) {
			current = next
			continue
		}
		if current != "" {
			lines = append(lines, current)
		}
		current = ""
		for _, r := range word {
			if current != "" && !narrow(current+string(r)) {
				lines = append(lines, current)
				current, broken = "", true
			}
			current += string(r)
		}
	}
	return append(lines, current), broken
}

func textWidth(face font.Face, s string) int { return font.MeasureString(face, s).Ceil() }
