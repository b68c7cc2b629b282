package display

import (
	"image"
	"image/color"
	"image/draw"
	"strconv"
	"strings"
)

// Render draws a view. It never fails: a view that cannot be shown as it is
// becomes the Error screen, a size without pixels an empty picture. Sizes from
// 320 x 240 up are laid out for; smaller ones shrink. Below 200 x 120 only words
// are left, in black and white, made for 128 x 64.
func Render(v View, size image.Point) *image.RGBA {
	return compose(v, size).img
}

func compose(v View, size image.Point) *canvas {
	if size.X <= 0 || size.Y <= 0 {
		size = image.Point{}
	}
	c := newCanvas(size)
	if size == (image.Point{}) {
		return c
	}
	if small(size) {
		draw.Draw(c.img, c.img.Rect, image.Black, image.Point{}, draw.Src)
		defer c.harden()
	}
	t := languages[base(v.Language)]
	amount, err := "", error(nil)
	if v.Currency != "" {
		amount, err = FormatAmount(v.Amount, v.Currency, v.Language)
	}
	if (v.Kind == PresentCard || v.Kind == EnterPIN) && (err != nil || amount == "") {
		v.Kind, v.Message = Error, t.amountUnknown
	}
	switch v.Kind {
	case Starting:
		c.status(v, wheel(v.Step), t.starting, v.Message)
	case NotReady:
		c.status(v, disc(muted, pause), t.notReady, v.Message)
	case Idle:
		c.idle(v, t)
	case PresentCard:
		c.presentCard(v, t, amount)
	case Choose:
		c.choose(v, t, amount)
	case EnterPIN:
		c.enterPIN(v, t, amount)
	case Processing:
		hint := t.pleaseWait
		if v.KeepCard {
			hint = t.keepCard
		}
		c.status(v, wheel(v.Step), t.processing, hint)
	case CardRead:
		c.status(v, read, t.cardRead, t.takeAway)
	case Accepted:
		word := t.accepted
		if v.IssuerApproved {
			word = t.approved
		}
		c.statusIn(v, disc(success, tick), word, or(amount, t.thanks), c.sum())
	case Declined:
		c.status(v, disc(danger, cross), t.declined, t.otherWay)
	case RemoveCard:
		c.status(v, cardOut, t.removeCard, "")
	case TryAgain:
		c.status(v, disc(accent, again), t.tryAgain, t.ways(v.Entries))
	case OneCard:
		c.status(v, oneCard, t.oneCard, t.ways(v.Entries))
	case TapAgain:
		c.status(v, tap, t.tapAgain, t.holdStill)
	case SeePhone:
		c.status(v, phone, t.seePhone, t.thenTap)
	case InsertCard:
		sign, word := icon(cardIn), t.pleaseInsert
		switch others := v.Entries &^ Tap; others {
		case 0, Insert:
		case Swipe:
			sign, word = swipe, t.swipeCard
		default:
			word = t.ways(others)
		}
		c.statusIn(v, sign, word, amount, c.sum())
	default:
		c.status(v, attention, or(v.Message, t.somethingWrong), "")
	}
	if v.Badge != nil && v.Kind <= Idle && !small(size) {
		c.badge(*v.Badge, t)
	}
	return c
}

// header writes the shop's name at the top, at the same place on all screens.
func (c *canvas) header(v View) {
	c.text(c.at(50, 35, 950, 155), v.Merchant, style{
		weight: medium, color: muted, max: c.px(22), min: c.px(17), lines: 1})
}

// status is the screen of one state: a shape, a word, a detail.
func (c *canvas) status(v View, draw icon, word, detail string) {
	under := style{weight: medium, color: muted, max: c.px(27), min: c.px(16), lines: 2}
	c.statusIn(v, draw, word, detail, under)
}

// sum is an amount under a word.
func (c *canvas) sum() style { return style{weight: medium, color: ink, max: c.px(36), whole: true} }

func (c *canvas) statusIn(v View, draw icon, word, detail string, under style) {
	if small(c.img.Rect.Max) {
		c.words(style{}, style{whole: under.whole}, word, detail)
		return
	}
	c.header(v)
	c.draw(draw, c.at(50, 190, 950, 540))
	wordBox, detailBox := c.at(50, 575, 950, 770), c.at(50, 780, 950, 920)
	if detail == "" {
		wordBox = c.at(50, 575, 950, 860)
	}
	c.text(wordBox, word, style{weight: bold, color: ink, max: c.px(46), min: c.px(20), lines: 2})
	c.text(detailBox, detail, under)
}

func (c *canvas) idle(v View, t texts) {
	if small(c.img.Rect.Max) {
		under := v.Merchant
		if v.Badge != nil {
			under = v.Badge.words(t)
		}
		c.words(style{}, style{}, t.welcome, under)
		return
	}
	c.draw(mark, c.at(50, 140, 950, 440))
	c.text(c.at(50, 480, 950, 680), t.welcome, style{weight: bold, color: ink, max: c.px(56), min: c.px(24)})
	c.text(c.at(50, 690, 950, 870), v.Merchant, style{weight: medium, color: muted, max: c.px(28), min: c.px(17), lines: 2})
}

func (c *canvas) presentCard(v View, t texts, amount string) {
	if small(c.img.Rect.Max) {
		c.words(style{whole: true}, style{}, amount, or(t.ways(v.Entries), t.pleaseWait))
		return
	}
	c.header(v)
	c.text(c.at(40, 170, 960, 475), amount, style{weight: bold, color: ink, max: c.px(84), whole: true})
	ways := t.entries(v.Entries)
	if len(ways) == 0 {
		c.text(c.at(50, 540, 950, 920), t.pleaseWait, style{weight: medium, color: muted, max: c.px(30), min: c.px(18), lines: 2})
		return
	}
	const gap = 30 // thousandths of the width
	width := (900 - gap*(len(ways)-1)) / len(ways)
	for i, way := range ways {
		x := 50 + i*(width+gap)
		box := c.at(x, 510, x+width, 940)
		c.card(box)
		inner := box.Inset(c.px(10))
		label := style{weight: bold, color: ink, max: c.px(26), min: c.px(13), lines: 2}
		if len(ways) == 1 {
			// Side by side: one way has the whole width.
			middle := inner.Min.X + inner.Dx()*2/5
			c.draw(way.icon, image.Rect(inner.Min.X, inner.Min.Y, middle, inner.Max.Y))
			label.left, label.max = true, c.px(34)
			c.text(image.Rect(middle+c.px(8), inner.Min.Y, inner.Max.X, inner.Max.Y), way.alone, label)
			continue
		}
		split := inner.Max.Y - inner.Dy()*3/10
		c.draw(way.icon, image.Rect(inner.Min.X, inner.Min.Y, inner.Max.X, split-c.px(2)))
		c.text(image.Rect(inner.Min.X, split, inner.Max.X, inner.Max.Y), way.label, label)
	}
}

// card paints the ground of an entry.
func (c *canvas) card(box image.Rectangle) {
	c.fill(panel, rounded(corner(box.Min), corner(box.Max), float64(c.px(14))))
}

func (b Badge) words(t texts) string {
	s := t.offline
	if b.Online {
		s = t.online
	}
	if b.Queued > 0 {
		s += " · " + strconv.Itoa(b.Queued) + " " + t.queued
	}
	return s
}

// badge is for staff: the link's state as a shape and words, bottom right.
func (c *canvas) badge(b Badge, t texts) {
	word, col := b.words(t), color.Color(success)
	if !b.Online {
		col = warning
	}
	box := c.at(500, 890, 975, 975)
	face := c.faces.get(medium, c.px(15))
	width := textWidth(face, word)
	dot := float64(c.px(5))
	left := max(box.Min.X+int(dot)*3, box.Max.X-width)
	center := point{float64(left) - dot*2.4, float64(box.Min.Y+box.Max.Y) / 2}
	if b.Online {
		c.fill(col, circle(center, dot))
	} else {
		c.fill(col, ring(center, dot, dot/1.5, 0, 1)...)
	}
	c.text(image.Rect(left, box.Min.Y, box.Max.X, box.Max.Y), word, style{
		weight: medium, color: muted, max: c.px(15), min: c.px(9), left: true})
}

// way is one way to present a card.
type way struct {
	icon         icon
	label, alone string
}

func (t texts) entries(e Entries) []way {
	var ways []way
	for _, w := range []struct {
		entry Entries
		way   way
	}{
		{Insert, way{cardIn, t.insert, t.insertCard}},
		{Tap, way{tap, t.tap, t.tapCard}},
		{Swipe, way{swipe, t.swipe, t.swipeCard}},
	} {
		if e&w.entry != 0 {
			ways = append(ways, w.way)
		}
	}
	return ways
}

// ways names the open entries in words.
func (t texts) ways(e Entries) string {
	ways := t.entries(e)
	if len(ways) == 1 {
		return ways[0].alone
	}
	s := ""
	for i, w := range ways {
		if i > 0 {
			s += "\u00a0· " // a line never begins with the dot
		}
		s += strings.ReplaceAll(w.label, " ", "\u00a0") // nor in the middle of a way
	}
	return s
}

func or(s, otherwise string) string {
	if clean(s) == "" {
		return otherwise
	}
	return s
}
