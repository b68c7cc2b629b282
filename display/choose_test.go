package display

import (
	"fmt"
	"image"
	"strings"
	"testing"
)

func choice(n, selected int) View {
	v := View{Kind: Choose, Amount: 1250, Currency: "usd", Selected: selected}
	for i := range n {
		v.Options = append(v.Options, fmt.Sprintf("OPTION %c", 'A'+i))
	}
	return v
}

// What is touched is what is seen there.
func TestTouchesHitWhatIsDrawn(t *testing.T) {
	for _, size := range sizes {
		for n := 1; n <= 9; n++ {
			for selected := range n {
				v := choice(n, selected)
				c := compose(v, size)
				first, shown := Shown(v, size)
				if selected < first || selected >= first+shown {
					t.Fatalf("%v, %d options: %d to %d are shown, %d is marked", size, n, first, first+shown-1, selected)
				}
				seen := 0
				for _, p := range c.placed {
					center := image.Pt((p.ink.Min.X+p.ink.Max.X)/2, (p.ink.Min.Y+p.ink.Max.Y)/2)
					field, option := FieldAt(v, size, center)
					want, wanted := NoField, 0
					for i, name := range v.Options {
						if p.text == name {
							want, wanted = OptionField, i
							seen++
						}
					}
					switch p.text {
					case "Cancel":
						want = CancelField
					case "More":
						want = MoreField
					case "Pay with which?", "Pay with this one?":
					default:
						if want == NoField {
							continue
						}
					}
					// The small screen of one option is words only, and all of it is the option.
					if small(size) && n == 1 {
						want = OptionField
					}
					if field != want || option != wanted {
						t.Errorf("%v, %d options, %q at %v: touched field %d, option %d", size, n, p.text, center, field, option)
					}
				}
				if seen != shown {
					t.Errorf("%v, %d options: %d are drawn, %d shown", size, n, seen, shown)
				}
			}
		}
	}
}

// Every option comes, whoever turns the pages.
func TestEveryOptionIsOnOnePage(t *testing.T) {
	for _, size := range sizes {
		for n := 1; n <= 20; n++ {
			next := 0
			for next < n {
				first, shown := Shown(choice(n, next), size)
				if first != next || shown < 1 {
					t.Fatalf("%v, %d options: the page of %d begins with %d and has %d", size, n, next, first, shown)
				}
				if first+shown < n || first > 0 {
					said := false
					for _, p := range compose(choice(n, next), size).placed {
						said = said || p.text == "0"
					}
					if !said {
						t.Errorf("%v, %d options: nothing says how to turn the page", size, n)
					}
				}
				next += shown
			}
		}
	}
}

func TestFieldsDoNotOverlap(t *testing.T) {
	for _, size := range sizes {
		for n := 1; n <= 9; n++ {
			p := pageOf(choice(n, 0), size)
			fields := append([]image.Rectangle{p.more, p.cancel}, p.rows...)
			for i, a := range fields {
				if !a.In(image.Rectangle{Max: size}) {
					t.Errorf("%v, %d options: a field at %v", size, n, a)
				}
				for _, b := range fields[:i] {
					if a.Overlaps(b) {
						t.Errorf("%v, %d options: %v and %v", size, n, a, b)
					}
				}
			}
		}
	}
}

func TestNothingToTouchOnOtherScreens(t *testing.T) {
	v := choice(2, 0)
	v.Kind = PresentCard
	if f, _ := FieldAt(v, goldenSize, image.Pt(240, 150)); f != NoField {
		t.Errorf("field %d", f)
	}
	for _, v := range []View{{Kind: Choose}, choice(3, -7), choice(3, 99)} {
		for _, size := range []image.Point{{}, {-1, 5}, {1, 1}, {480, 320}} {
			FieldAt(v, size, image.Point{})
			Render(v, size)
		}
	}
}

// A name that cannot be drawn is still an option that can be told
// apart, by its number.
func TestNamesOfOtherAlphabets(t *testing.T) {
	v := choice(3, 0)
	v.Options = []string{"МАСТЕРКАРД", "ويزا", "\u200b"}
	got := words(v)
	for _, w := range []string{"МАСТЕРКАРД", "□□□□", "1", "2", "3", "$12.50"} {
		if !strings.Contains(got, w) {
			t.Errorf("%q lacks %q", got, w)
		}
	}
}

func TestOneOptionIsAQuestion(t *testing.T) {
	if got := words(choice(1, 0)); !strings.Contains(got, "Pay with this one?") || !strings.Contains(got, "OPTION A") || !strings.Contains(got, "Cancel") {
		t.Errorf("says %q", got)
	}
}
