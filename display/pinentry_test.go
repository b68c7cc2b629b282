package display

import (
	"image"
	"image/color"
	"strings"
	"testing"
)

func TestPINScreenSaysWhatCounts(t *testing.T) {
	ask := View{Kind: EnterPIN, Amount: 1250, Currency: "usd"}
	for _, c := range []struct {
		name   string
		change func(*View)
		want   []string
		not    []string
	}{
		{"first", func(*View) {}, []string{"$12.50", "Enter PIN"}, []string{"Wrong", "Last", "No PIN"}},
		{"wrong", func(v *View) { v.WrongPIN = true }, []string{"$12.50", "Enter PIN", "Wrong PIN"}, []string{"Last"}},
		{"last", func(v *View) { v.LastTry = true }, []string{"Last try"}, []string{"Wrong"}},
		{"wrong and last", func(v *View) { v.LastTry, v.WrongPIN = true, true }, []string{"Wrong PIN", "Last try"}, nil},
		{"bypass", func(v *View) { v.MayBypass = true }, []string{"No PIN"}, nil},
		// Behind a digit Enter ends the PIN.
		{"bypass, too late", func(v *View) { v.MayBypass, v.Entered = true, 1 }, []string{"$12.50"}, []string{"No PIN"}},
		{"no amount", func(v *View) { v.Currency = "" }, []string{"cannot be shown"}, []string{"PIN"}},
	} {
		v := ask
		c.change(&v)
		got := words(v)
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q lacks %q", c.name, got, w)
			}
		}
		for _, w := range c.not {
			if strings.Contains(got, w) {
				t.Errorf("%s: %q says %q", c.name, got, w)
			}
		}
	}
}

// Every digit is one dot more, on every screen, up to the longest PIN.
func TestDotsCountTheDigits(t *testing.T) {
	for _, size := range sizes {
		dot := color.RGBA(ink)
		if small(size) {
			dot = paper
		}
		for n := range longestPIN + 1 {
			v := View{Kind: EnterPIN, Amount: 1250, Currency: "usd", Entered: n}
			c := compose(v, size)
			bare := compose(View{Kind: EnterPIN, Amount: 1250, Currency: "usd"}, size)
			if got := runs(c.img, bare.img, dot, c.placed); got != n {
				t.Errorf("%v: %d digits are %d dots", size, n, got)
			}
		}
	}
	over := Render(View{Kind: EnterPIN, Amount: 1, Currency: "usd", Entered: 99}, goldenSize)
	if n, _ := compare(over, Render(View{Kind: EnterPIN, Amount: 1, Currency: "usd", Entered: longestPIN}, goldenSize)); n != 0 {
		t.Error("99 digits are not shown as 12")
	}
}

// runs counts the dots: the stretches of the colour on the line where the most
// pixels differ from a picture without dots.
func runs(m, bare *image.RGBA, dot color.RGBA, texts []placed) int {
	best, n := 0, 0
	for y := range m.Rect.Dy() {
		count, stretches, on := 0, 0, false
		for x := range m.Rect.Dx() {
			now := m.RGBAAt(x, y) == dot
			for _, p := range texts {
				now = now && !image.Pt(x, y).In(p.ink)
			}
			if now && m.RGBAAt(x, y) != bare.RGBAAt(x, y) || now && on {
				count++
				if !on {
					stretches++
				}
				on = true
			} else {
				on = false
			}
		}
		if count > best {
			best, n = count, stretches
		}
	}
	return n
}
