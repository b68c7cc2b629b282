package display

import "image"

// longestPIN is how many digits a PIN has at most (ISO 9564-1).
const longestPIN = 12

func (c *canvas) enterPIN(v View, t texts, amount string) {
	if small(c.img.Rect.Max) {
		c.enterPINSmall(v, t, amount)
		return
	}
	c.header(v)
	c.text(c.at(50, 160, 950, 375), amount, style{weight: bold, color: ink, max: c.px(60), whole: true})
	c.text(c.at(50, 385, 950, 510), t.enterPIN, style{weight: bold, color: ink, max: c.px(32), min: c.px(16)})
	field := c.at(150, 525, 850, 690)
	c.card(field)
	c.dots(field.Inset(c.px(8)), v.Entered, func(center point, r float64) { c.fill(ink, circle(center, r)) })
	c.warn(c.at(50, 710, 950, 825), v.warning(t))
	if v.bypass() {
		c.text(c.at(50, 840, 950, 950), t.withoutPIN, style{weight: medium, color: muted, max: c.px(22), min: c.px(12), lines: 2})
	}
}

// enterPINSmall has the amount, a line of words and the dots. Where there is no
// room for three lines, the dots take the place of the words.
func (c *canvas) enterPINSmall(v View, t texts, amount string) {
	all := c.img.Rect.Inset(1)
	third := func(i int) image.Rectangle {
		return image.Rect(all.Min.X, all.Min.Y+all.Dy()*i/3, all.Max.X, all.Min.Y+all.Dy()*(i+1)/3)
	}
	top, middle, bottom := third(0), third(1), third(2)
	if all.Dy() < 46 {
		top.Max.Y = all.Min.Y + all.Dy()/2
		middle = image.Rect(all.Min.X, top.Max.Y, all.Max.X, all.Max.Y)
		bottom = middle
		if v.Entered > 0 {
			middle = image.Rectangle{}
		}
	}
	line := style{weight: bold, color: paper, min: smallest}
	sum := line
	sum.max, sum.whole = top.Dy(), true
	c.text(top, amount, sum)
	line.max = middle.Dy()
	word := or(v.warning(t), t.enterPIN)
	if v.LastTry {
		word = t.lastTry // that alone fits in every language
	}
	c.text(middle, word, line)
	if v.bypass() && bottom != middle {
		line.max = smallest + 2
		c.text(bottom, t.withoutPIN, line)
		return
	}
	c.dots(bottom, v.Entered, func(center point, r float64) { c.fill(paper, circle(center, r)) })
}

// warning is what the cardholder must know of the card's tries.
func (v View) warning(t texts) string {
	switch {
	case v.WrongPIN && v.LastTry:
		return t.wrongPIN + "\u00a0· " + t.lastTry
	case v.WrongPIN:
		return t.wrongPIN
	case v.LastTry:
		return t.lastTry
	}
	return ""
}

// warn writes a warning in the middle of a box, behind its sign.
func (c *canvas) warn(box image.Rectangle, words string) {
	if words == "" {
		return
	}
	st := style{weight: bold, color: ink, max: c.px(26), min: c.px(13), left: true}
	sign := image.Rect(0, 0, c.px(40), box.Dy())
	line := box
	line.Min.X += sign.Dx()
	size, _, _ := c.layout(line, words, st)
	width := min(line.Dx(), textWidth(c.faces.get(st.weight, size), words))
	line.Min.X += (line.Dx() - width) / 2
	c.draw(attention, sign.Add(image.Pt(line.Min.X-sign.Dx(), line.Min.Y)).Inset(c.px(4)))
	line.Max.X = box.Max.X
	c.text(line, words, st)
}

// bypass: after the first digit Enter is the end of the PIN.
func (v View) bypass() bool { return v.MayBypass && v.Entered == 0 }

// dots stand for n digits, in the middle of a box that has room for the longest PIN.
func (c *canvas) dots(box image.Rectangle, n int, dot func(center point, r float64)) {
	n = min(max(n, 0), longestPIN)
	pitch := float64(box.Dx()) / longestPIN
	r := min(pitch*.3, float64(box.Dy())*.3)
	left := float64(box.Min.X+box.Max.X)/2 - pitch*float64(n-1)/2
	for i := range n {
		dot(point{left + pitch*float64(i), float64(box.Min.Y+box.Max.Y) / 2}, r)
	}
}
