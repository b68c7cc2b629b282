package display

import (
	"image"
	"image/color"
)

// small says whether a screen has too few pixels for shapes beside words. Such
// screens are monochrome, most are OLED: they show words only, white on black
// (lit pixels age and use power), without shades.
func small(size image.Point) bool { return size.X < 200 || size.Y < 120 }

// letters of fewer pixels cannot be told from each other without shades.
const smallest = 10

// words is the small screen of any state: a headline as large as possible and,
// where there is room, a detail. An amount among them is never shortened.
func (c *canvas) words(headline, detail style, top, bottom string) {
	headline.weight, headline.color, headline.min, headline.lines = bold, color.White, smallest, 3
	detail.weight, detail.color, detail.min, detail.lines = bold, color.White, smallest, 2
	all := c.img.Rect.Inset(1)
	headline.max, detail.max = all.Dy(), max(smallest, all.Dy()/4)
	upper, lower := all, all
	upper.Max.Y = all.Min.Y + all.Dy()*55/100
	lower.Min.Y = upper.Max.Y
	short := headline
	short.lines = 2
	_, _, headlineCut := c.layout(upper, clean(top), short)
	_, _, detailCut := c.layout(lower, clean(bottom), detail)
	// On a screen of two lines half a detail is worse than none.
	if bottom == "" || headlineCut || detailCut && all.Dy() < 48 {
		c.text(all, top, headline)
		return
	}
	c.text(upper, top, short)
	c.text(lower, bottom, detail)
}

// harden makes every pixel black or white. What is a third lit becomes white,
// or thin strokes would break.
func (c *canvas) harden() {
	for i := 0; i < len(c.img.Pix); i += 4 {
		p := c.img.Pix[i : i+4]
		v := uint8(0)
		if int(p[0])+int(p[1])+int(p[2]) >= 255 {
			v = 255
		}
		p[0], p[1], p[2], p[3] = v, v, v, 255
	}
}
