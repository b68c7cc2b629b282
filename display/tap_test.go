package display

import (
	"strings"
	"testing"
)

// What a tap may need besides: the words that count, in every language, and none that
// promise too much.
func TestTapScreensSayWhatCounts(t *testing.T) {
	for language, w := range languages {
		ask := View{Language: language, Amount: 1250, Currency: "eur", Entries: Insert | Tap | Swipe}
		sum, err := FormatAmount(ask.Amount, ask.Currency, language)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			kind      Kind
			entries   Entries
			want, not []string
		}{
			// The card is done, the payment is not.
			{CardRead, Insert | Tap, []string{w.cardRead, w.takeAway}, []string{w.accepted, w.approved, w.thanks, sum}},
			{OneCard, Insert | Tap, []string{w.oneCard, w.insert, w.tap}, []string{w.swipe}},
			{TapAgain, Insert | Tap, []string{w.tapAgain, w.holdStill}, []string{w.declined}},
			{SeePhone, Insert | Tap, []string{w.seePhone, w.thenTap}, []string{w.declined}},
			{InsertCard, 0, []string{w.pleaseInsert, sum}, []string{w.tap, w.swipe}},
			{InsertCard, Insert, []string{w.pleaseInsert, sum}, []string{w.tap, w.swipe}},
			// Tapping is what was tried.
			{InsertCard, Insert | Tap, []string{w.pleaseInsert, sum}, []string{w.tap, w.swipe}},
			{InsertCard, Insert | Tap | Swipe, []string{w.insert, w.swipe, sum}, []string{w.tap}},
			{InsertCard, Swipe, []string{w.swipeCard, sum}, []string{w.insert, w.tap}},
			{TryAgain, Insert | Tap, []string{w.tryAgain, w.insert, w.tap}, []string{w.swipe}},
			{Processing, Tap, []string{w.processing, w.pleaseWait}, []string{w.keepCard}},
		} {
			v := ask
			v.Kind, v.Entries = c.kind, c.entries
			plain := strings.NewReplacer("\n", " ", "\u00a0", " ").Replace // wherever lines end
			got := plain(words(v))
			for _, word := range c.want {
				if !strings.Contains(got, plain(word)) {
					t.Errorf("%s, %s, entries %03b: %q lacks %q", language, c.kind, c.entries, got, word)
				}
			}
			for _, word := range c.not {
				if strings.Contains(got, plain(word)) {
					t.Errorf("%s, %s, entries %03b: %q says %q", language, c.kind, c.entries, got, word)
				}
			}
		}
	}
}

// No screen tells by colour alone: in grey each is still another picture, and not only
// by its words.
func TestEveryTapScreenHasAShapeOfItsOwn(t *testing.T) {
	kinds := []Kind{Processing, CardRead, Accepted, Declined, RemoveCard, TryAgain, OneCard, TapAgain, SeePhone, InsertCard, Error}
	shape := func(k Kind) []byte {
		m := Render(View{Kind: k}, goldenSize)
		var dark []byte
		for y := 190 * 320 / 1000; y < 540*320/1000; y++ { // where shapes are
			for x := range 480 {
				p := m.RGBAAt(x, y)
				lit := byte(0)
				if int(p.R)+int(p.G)+int(p.B) < 3*0xE0 {
					lit = 1
				}
				dark = append(dark, lit)
			}
		}
		return dark
	}
	for i, a := range kinds {
		for _, b := range kinds[:i] {
			x, y := shape(a), shape(b)
			different, covered := 0, 0
			for j := range x {
				if x[j] != y[j] {
					different++
				}
				covered += int(x[j] | y[j])
			}
			if different*100 < covered*5 { // an arrow turned around is enough
				t.Errorf("%s and %s: %d of %d pixels differ", a, b, different, covered)
			}
		}
	}
}
