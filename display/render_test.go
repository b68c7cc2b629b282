package display

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

// sizes a reader's screen may have.
var sizes = []image.Point{{320, 240}, {480, 320}, {800, 480}, {240, 320}, {1024, 600}, {128, 64}, {128, 32}}

// hard are views that are difficult to fit.
func hard() []View {
	const long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft & Söhne Nachfolger GmbH"
	var views []View
	for language := range languages {
		for k := Starting; k <= Error; k++ {
			for _, v := range []View{
				{Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", Entries: Insert, Options: []string{"VISA DEBIT", "MASTERCARD"}, MayBypass: true},
				{Merchant: long, Amount: 999999999, Currency: "usd", Entries: Insert | Tap | Swipe, Message: long, Badge: &Badge{Queued: 123456},
					Options: []string{long, long, long, long, long, long}, Selected: 5, Entered: 12, WrongPIN: true, LastTry: true},
				{Merchant: "ÅÉÎÕÜ gjpqy", Amount: math.MaxInt64, Currency: "eur", Entries: Insert | Tap, Message: "ÅÉÎÕÜ gjpqy", Badge: &Badge{Online: true, Queued: 1},
					Options: []string{"WWWWWWWWWWWWWWWW", "ЩЩЩЩЩЩЩЩЩЩЩЩЩЩЩЩ", "ΩΩΩΩΩΩΩΩ ΩΩΩΩΩΩΩ", "ÅÉÎÕÜ gjpqy ÅÉÎÕ", "mmmmmmmmmmmmmmmm"}, Selected: 1, LastTry: true, MayBypass: true},
				{Merchant: "日本のパン屋", Amount: math.MinInt64, Currency: "kwd", Entries: Tap, KeepCard: true,
					Options: []string{"日本のカード日本のカード日本のカー"[:48]}, WrongPIN: true, MayBypass: true, Entered: 1},
			} {
				v.Kind, v.Language = k, language
				views = append(views, v)
			}
		}
	}
	return views
}

// Text must be inside its box and the screen, must not run into other text,
// and only names and messages of others may be shortened.
func TestEverythingFits(t *testing.T) {
	for _, size := range sizes {
		for _, v := range hard() {
			c := compose(v, size)
			where := fmt.Sprintf("%v, %s, %s, %q", size, v.Kind, v.Language, v.Merchant)
			for i, p := range c.placed {
				// Antialiasing and overhangs of slanted letters: one pixel.
				if !p.ink.In(p.box.Inset(-1)) || !p.ink.In(c.img.Rect) {
					t.Errorf("%s: %q painted at %v, outside of %v", where, p.text, p.ink, p.box)
				}
				if p.cut && !strings.HasPrefix(v.Merchant, "Donau") {
					t.Errorf("%s: %q was shortened", where, p.text)
				}
				for _, q := range c.placed[:i] {
					if p.ink.Overlaps(q.ink) {
						t.Errorf("%s: %q at %v runs into %q at %v", where, p.text, p.ink, q.text, q.ink)
					}
				}
			}
			if amount, _ := FormatAmount(v.Amount, v.Currency, v.Language); (v.Kind == PresentCard || v.Kind == EnterPIN) && !shows(c, amount) {
				t.Errorf("%s: the amount %q is not there", where, amount)
			}
		}
	}
}

func shows(c *canvas, text string) bool {
	for _, p := range c.placed {
		if p.text == text && !p.cut {
			return true
		}
	}
	return false
}

// words returns all that a screen says.
func words(v View) string {
	var s []string
	for _, p := range compose(v, goldenSize).placed {
		s = append(s, p.text)
	}
	return strings.Join(s, "\n")
}

// Invariant 10: truth on every face.
func TestCardholderScreensKeepTheSecret(t *testing.T) {
	for k := Starting; k <= Error; k++ {
		v := View{Kind: k, Amount: 1250, Currency: "usd", Entries: Insert, Badge: &Badge{Queued: 7}}
		staff := k <= Idle
		if got := strings.Contains(words(v), "Offline"); got != staff {
			t.Errorf("%s with a badge: says Offline = %v, want %v", k, got, staff)
		}
		v.Badge = nil
		if s := words(v); strings.Contains(s, "Offline") || strings.Contains(s, "Online") || strings.Contains(s, "7") {
			t.Errorf("%s without a badge says %q", k, s)
		}
	}
	accepted := View{Kind: Accepted, Amount: 1250, Currency: "usd"}
	if s := words(accepted); !strings.Contains(s, "Accepted") || strings.Contains(s, "Approved") {
		t.Errorf("a payment nobody approved yet: %q", s)
	}
	accepted.IssuerApproved = true
	if s := words(accepted); !strings.Contains(s, "Approved") {
		t.Errorf("a payment the issuer approved: %q", s)
	}
	if s := words(View{Kind: Declined, Message: "insufficient funds"}); strings.Contains(s, "funds") {
		t.Errorf("Declined gives the reason: %q", s)
	}
}

func TestOnlyOpenEntriesAreShown(t *testing.T) {
	for _, c := range []struct {
		entries Entries
		want    []string
		not     []string
	}{
		{0, []string{"Please wait"}, []string{"Insert", "Tap", "Swipe"}},
		{Insert, []string{"Insert card"}, []string{"Tap", "Swipe"}},
		{Insert | Tap, []string{"Insert", "Tap"}, []string{"Swipe"}},
		{Tap | Swipe, []string{"Tap", "Swipe"}, []string{"Insert"}},
	} {
		got := words(View{Kind: PresentCard, Amount: 1, Currency: "usd", Entries: c.entries})
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("entries %03b: %q lacks %q", c.entries, got, w)
			}
		}
		for _, w := range c.not {
			if strings.Contains(got, w) {
				t.Errorf("entries %03b: %q offers %q", c.entries, got, w)
			}
		}
	}
}

func TestUnknownSumIsNotAskedFor(t *testing.T) {
	for _, code := range []string{"", "zzz", "us", "€"} {
		got := words(View{Kind: PresentCard, Amount: 1250, Currency: code, Entries: Insert})
		if !strings.Contains(got, "cannot be shown") || strings.Contains(got, "Insert") {
			t.Errorf("currency %q: %q", code, got)
		}
	}
}

func TestContrast(t *testing.T) {
	for name, pair := range map[string][2]color.RGBA{
		"ink on paper": {ink, paper}, "muted on paper": {muted, paper}, "ink on panel": {ink, panel},
	} {
		if got := contrast(pair[0], pair[1]); got < 7 {
			t.Errorf("%s: contrast %.1f, want 7 (WCAG 2.2, 1.4.6)", name, got)
		}
	}
	for name, c := range map[string]color.RGBA{"accent": accent, "success": success, "danger": danger, "warning": warning} {
		if got := contrast(c, paper); got < 4.5 {
			t.Errorf("%s: contrast %.1f, want 4.5", name, got)
		}
	}
	if got := contrast(soft, paper); got > 4.5 {
		t.Errorf("contrast of a pale colour computed as %.1f", got)
	}
}

// contrast is the ratio of WCAG 2.2, definition "contrast ratio".
func contrast(a, b color.RGBA) float64 {
	luminance := func(c color.RGBA) float64 {
		linear := func(v uint8) float64 {
			s := float64(v) / 255
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
	}
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func TestConcurrentRenders(t *testing.T) {
	done := make(chan *image.RGBA)
	for range 4 {
		go func() { done <- Render(goldens["present-card"], goldenSize) }()
	}
	first := <-done
	for range 3 {
		if n, _ := compare(first, <-done); n > 0 {
			t.Errorf("%d pixels differ", n)
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, v := range goldens {
		f.Add(byte(v.Kind), v.Language, v.Merchant, v.Amount, v.Currency, byte(v.Entries), v.Message, int16(480), int16(320), v.Step)
	}
	f.Add(byte(Choose), "de", "a", int64(1), "usd", byte(0), "VISA,,\xff,MASTERCARD DEBIT", int16(128), int16(32), 3)
	f.Add(byte(200), "xx-\x00", "\u202eabc\u0301\xff", int64(math.MinInt64), "CLF", byte(255), strings.Repeat("W", 1000), int16(-1), int16(1), -3)
	f.Add(byte(2), "en", "a", int64(1), "usd", byte(7), "", int16(1), int16(1000), 0)
	f.Fuzz(func(t *testing.T, kind byte, language, merchant string, amount int64, code string, entries byte, message string, w, h int16, step int) {
		size := image.Pt(int(w)%1000, int(h)%1000)
		m := Render(View{
			Kind: Kind(kind), Language: language, Merchant: merchant, Amount: amount, Currency: code,
			Entries: Entries(entries), Message: message, Step: step, Badge: &Badge{Queued: step},
			Options: strings.Split(message, ","), Selected: step, Entered: step, WrongPIN: step&1 != 0, LastTry: step&2 != 0, MayBypass: step&4 != 0,
		}, size)
		if want := (image.Rectangle{Max: size}); size.X > 0 && size.Y > 0 && m.Rect != want {
			t.Errorf("picture %v, want %v", m.Rect, want)
		}
	})
}
