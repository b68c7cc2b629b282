package entry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smartreader/emvkernel/tap"
)

// selections are the names a card was asked for, in their order, and the kernels that were started.
func (s *shop) selections() string {
	var out []string
	for _, line := range s.journal {
		if name, ok := strings.CutPrefix(line, "> "); ok && name != "PPSE" {
			out = append(out, name)
		}
		if strings.HasPrefix(line, "kernel") {
			out = append(out, line[:len("kernel 2")])
		}
	}
	s.journal = nil
	return strings.Join(out, ", ")
}

// EMV fact 18: the lower priority number comes first, none and zero last, equal ones in the card's order. The
// kernel a card names counts; one that leaves it open gets its payment system's own.
//
// Each candidate's SELECT is refused here, so that the order of all of them shows.
func TestOrderOfCandidates(t *testing.T) {
	const one, two, three, none = "870101", "870102", "87010F", ""
	extra := func(s *shop, aid string, kernel tap.Kernel) {
		s.cfg.Combinations = append(s.cfg.Combinations, tap.Combination{AID: unhex(aid), Kernel: kernel})
	}
	tests := []struct {
		name    string
		entries [][]byte
		setup   func(*shop)
		want    string
	}{
		{"by priority", [][]byte{listed(visa, two), listed(mastercard, one)}, nil, "mastercard visa"},
		{"the card's order without priorities", [][]byte{listed(visa), listed(mastercard)}, nil, "visa mastercard"},
		{"the card's order among equals", [][]byte{listed(visa, two), listed(maestro, two), listed(mastercard, one)}, nil, "mastercard visa maestro"},
		{"none comes last", [][]byte{listed(visa, none), listed(mastercard, three)}, nil, "mastercard visa"},
		{"zero is none", [][]byte{listed(visa, "870100"), listed(maestro, none), listed(mastercard, three)}, nil, "mastercard visa maestro"},
		{"consent is not asked for", [][]byte{listed(visa, "870182"), listed(mastercard, one)}, nil, "mastercard visa"},
		{"applications of others are passed over", [][]byte{listed(jcb, one), listed(visa, two)}, nil, "visa"},
		{"longer names of the card", [][]byte{listed(visa+"01", two), listed(visa+"02", one)}, nil, "visa02 visa01"},
		{"shorter names of the card do not fit", [][]byte{listed("A00000000310"), listed(mastercard)}, nil, "mastercard"},
		{"the kernel the card names is not there", [][]byte{listed(visa, "9F2A0108"), listed(mastercard, "9F2A0102")}, nil, "mastercard"},
		{"a domestic kernel", [][]byte{listed(visa, "9F2A03810840"), listed(mastercard, "9F2A03C20102")}, nil, ""},
		{"an empty kernel identifier", [][]byte{listed(visa, "9F2A00")}, nil, "visa"},
		{"only what is allowed", [][]byte{listed(visa), listed(mastercard)}, func(s *shop) {
			s.cfg.Combinations[2].Limits = []tap.Limits{{Transaction: limit(1)}}
		}, "mastercard"},
		{"two kernels for one application, none named", [][]byte{listed(visa)}, func(s *shop) {
			s.cfg.Combinations[2].Kernel = &stub{id: 8}
			extra(s, visa, s.k3)
		}, "visa"},
		{"two kernels, left open: the default first", [][]byte{listed(visa, "9F2A0100")}, func(s *shop) {
			s.cfg.Combinations[2].Kernel = &stub{id: 8}
			extra(s, visa, s.k3)
		}, "visa visa"},
		{"no default, no kernel named: any", [][]byte{listed(interac)}, func(s *shop) { extra(s, interac, s.k2) }, "interac"},
		{"what cannot be tapped comes last", [][]byte{listed(jcb, one), listed(interac, two), listed(visa)}, func(s *shop) {
			extra(s, interac, tap.Elsewhere(0))
			extra(s, jcb, tap.Elsewhere(5))
		}, "visa jcb interac"},
		{"whichever kernel it names", [][]byte{listed(interac, "9F2A03810124")}, func(s *shop) { extra(s, interac, tap.Elsewhere(0)) }, "interac"},
		{"no entries", nil, nil, ""},
	}
	names := map[string]string{visa: "visa", mastercard: "mastercard", maestro: "maestro", jcb: "jcb", interac: "interac", visa + "01": "visa01", visa + "02": "visa02"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, &card{answers: map[string][]string{ppse: {directory(tt.entries...)}}})
			if tt.setup != nil {
				tt.setup(s)
			}
			out := s.run(t)
			if out.Kind != tap.EndApplication || out.UI == nil || out.UI.Message != tap.InsertSwipeOrTryAnother || out.Start != tap.NoStart {
				t.Errorf("%+v", out)
			}
			var got []string
			for _, name := range strings.FieldsFunc(s.selections(), func(r rune) bool { return r == ',' || r == ' ' }) {
				got = append(got, names[name])
			}
			if order := strings.Join(got, " "); order != tt.want {
				t.Errorf("order %q, want %q", order, tt.want)
			}
		})
	}
}

// Where a card leaves the kernel open the payment system's own is started, whatever stands first in the
// configuration.
func TestOpenKernel(t *testing.T) {
	s := newShop(t)
	k8 := &stub{bench: &s.bench, id: 8, outcomes: s.k3.outcomes}
	s.cfg.Combinations = []tap.Combination{{AID: unhex(visa), Kernel: k8}, {AID: unhex(visa), Kernel: s.k3}}
	for id, want := range map[string]int{"9F2A0100": 3, "9F2A0103": 3, "": 3, "9F2A0108": 8} {
		c := plain(visa)
		c.answers[ppse] = []string{directory(listed(visa, id))}
		s.cards = []any{c}
		s.run(t)
		if got := s.selections(); got != fmt.Sprintf("%s, kernel %d", visa, want) {
			t.Errorf("%q: %s", id, got)
		}
	}
}

// A card whose only application has no kernel here is to be inserted.
func TestElsewhere(t *testing.T) {
	s := newShop(t, plain(jcb))
	s.cfg.Combinations = append(s.cfg.Combinations, tap.Combination{AID: unhex(jcb), Kernel: tap.Elsewhere(5), Brand: "jcb"})
	out := s.run(t)
	if out.Kind != tap.TryAnotherInterface || out.AlternateInterface != tap.Contact {
		t.Errorf("%+v", out)
	}
	s.expect(t, `
		ui 15/02 1250
		on
		ui 16/03
		> PPSE
		> A0000000651010
		ui 1D/06
		off`)
}

// EMV fact 17: the name in the answer to SELECT must be the one that was asked for, or begin with it; any
// status word but success takes the candidate away, and the next one is selected.
func TestFinalSelection(t *testing.T) {
	good := fci(visa, qualifiers)
	tests := []struct {
		name, answer string
		taken        bool
	}{
		{"as it should be", good, true},
		{"with a longer name", fci(visa+"01", qualifiers), true},
		{"with a shorter name", fci("A00000000310", qualifiers), false},
		{"with another name", fci(mastercard, qualifiers), false},
		{"blocked", good[:len(good)-4] + "6283", false},
		{"invalidated", "6985", false},
		{"not found", "6A82", false},
		{"with a part of the answer", "6110", false},
		{"no data", "9000", false},
		{"no name", fmt.Sprintf("%X9000", object(0x6F, object(0xA5, unhex(qualifiers)...)...)), false},
		{"two templates", good[:len(good)-4] + "6F009000", false},
		{"cut short", good[:20] + "9000", false},
		{"a PDOL without the TTQ", fci(visa, "9F38039F0206"), false},
		{"a PDOL with it behind others", fci(visa, "9F38069F02069F6604"), true},
		{"no PDOL", fci(visa), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := plain(visa, mastercard)
			c.answers[visa] = []string{tt.answer}
			s := newShop(t, c)
			if out := s.run(t); out.Kind != tap.Declined {
				t.Errorf("%+v", out)
			}
			want := visa + ", " + mastercard + ", kernel 2"
			if tt.taken {
				want = visa + ", kernel 3"
			}
			if got := s.selections(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}

	// A PDOL that is none makes any application useless.
	c := plain(mastercard, maestro)
	c.answers[mastercard] = []string{fci(mastercard, "9F38029F66")}
	s := newShop(t, c)
	if out := s.run(t); out.Kind != tap.Declined {
		t.Errorf("%+v", out)
	}
	if got := s.selections(); got != mastercard+", "+maestro+", kernel 2" {
		t.Error(got)
	}

	// Only Visa's applications of kernel 3 need the TTQ in their PDOL.
	c = plain(mastercard)
	c.answers[mastercard] = []string{fci(mastercard)}
	s = newShop(t, c)
	if out := s.run(t); out.Kind != tap.Declined {
		t.Errorf("%+v", out)
	}
}

// Extended selection data is appended where the combination allows it, and only there.
func TestExtendedSelection(t *testing.T) {
	for _, supported := range []bool{false, true} {
		c := plain(visa)
		c.answers[ppse] = []string{directory(listed(visa, "9F2903D1D2D3"))}
		c.answers[visa+"D1D2D3"] = []string{fci(visa, qualifiers)}
		s := newShop(t, c)
		s.cfg.Combinations[2].ExtendedSelection = supported
		if out := s.run(t); out.Kind != tap.Declined {
			t.Errorf("%+v", out)
		}
		want := visa
		if supported {
			want += "D1D2D3"
		}
		if got := s.selections(); got != want+", kernel 3" {
			t.Errorf("supported %v: %s", supported, got)
		}
	}
}

// A card without a usable directory has no application here: there is no list of names to try by tap. So does
// a phone that is locked, whatever it says.
func TestNoDirectory(t *testing.T) {
	full := directory(listed(visa))
	for name, answer := range map[string]string{
		"not found": "6A82", "conditions of use": "6985", "blocked": full[:len(full)-4] + "6283", "function not supported": "6A81",
		"no data": "9000", "empty": directory(), "malformed": full[:20] + "9000", "something behind": full[:len(full)-4] + "009000",
		"of the chip": strings.Replace(full, ppse, "315041592E5359532E4444463031", 1),
	} {
		t.Run(name, func(t *testing.T) {
			c := plain(visa)
			c.answers[ppse] = []string{answer}
			s := newShop(t, c)
			out := s.run(t)
			if out.Kind != tap.EndApplication || out.Start != tap.NoStart || out.Reading != nil || out.Reason == "" {
				t.Errorf("%+v", out)
			}
			s.expect(t, `
				ui 15/02 1250
				on
				ui 16/03
				> PPSE
				ui 1C/02
				off`)
		})
	}
}

// What one card listed is not looked for on the next.
func TestDirectoryOfThisCard(t *testing.T) {
	other := plain(visa)
	other.answers[ppse] = []string{"6A82"}
	s := newShop(t, plain(visa), other)
	s.k3.outcomes = []any{tap.Outcome{Kind: tap.TryAgain}}
	if out := s.run(t); out.Kind != tap.EndApplication || len(s.k3.given) != 1 {
		t.Errorf("%+v after %d activations", out, len(s.k3.given))
	}
}

// A directory can list more than a tap has commands: each refused candidate costs one, and at the end of them
// the card has none.
func TestSelectionIsBounded(t *testing.T) {
	const names, kernels = 17, 20
	c, s := &card{answers: map[string][]string{}}, newShop(t)
	s.cards, s.cfg.Combinations = []any{c}, nil
	var entries [][]byte
	for i := range names {
		name := fmt.Sprintf("A0000000%02X", i)
		entries = append(entries, listed(name, "9F2A0100")) // any kernel
		for kernel := range kernels {
			s.cfg.Combinations = append(s.cfg.Combinations, tap.Combination{AID: unhex(name), Kernel: &stub{id: tap.KernelID(kernel + 20)}})
		}
	}
	c.answers[ppse] = []string{directory(entries...)}
	out := s.run(t)
	if out.Kind != tap.EndApplication {
		t.Errorf("%+v", out)
	}
	if len(c.commands) != 256 {
		t.Errorf("%d commands", len(c.commands))
	}
}

// A tap is what it has to be: the directory once, the application once, and nothing else.
func TestTraffic(t *testing.T) {
	c := plain(visa, mastercard)
	s := newShop(t, c)
	tx := s.begin(t)
	if _, err := tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"00A404000E" + ppse + "00", "00A4040007" + visa + "00"}
	if !slices.Equal(c.commands, want) {
		t.Errorf("commands %q", c.commands)
	}
	received := len(unhex(directory(listed(visa), listed(mastercard)))) + len(unhex(fci(visa, qualifiers)))
	commands, sent, got := tx.Traffic()
	if commands != 2 || sent != 20+13 || got != received {
		t.Errorf("traffic %d, %d, %d, want 2, 33, %d", commands, sent, got, received)
	}
}

// All activations of a payment count, the one under way too.
func TestTrafficOfAllTries(t *testing.T) {
	s := newShop(t, &card{answers: map[string][]string{ppse: {"gone"}}}, plain(visa), plain(visa))
	tx := s.begin(t)
	during := 0
	declined := tap.Outcome{Kind: tap.Declined, Reading: reading(t)}
	s.k3.outcomes = []any{tap.Outcome{Kind: tap.TryAgain}, func(*tap.Activation) tap.Outcome {
		during, _, _ = tx.Traffic()
		return declined
	}}
	if _, err := tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, _, _ := tx.Traffic(); during != 5 || after != 5 {
		t.Errorf("%d commands while the kernel ran, %d at the end", during, after)
	}
}
