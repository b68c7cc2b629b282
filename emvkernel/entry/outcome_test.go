package entry_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// What a kernel is given: payment and terminal, an unpredictable number of its own, what was found before, and
// the card's answer without its status word.
func TestKernelActivation(t *testing.T) {
	s := newShop(t, plain(visa+"01"))
	s.cfg.Combinations[2].TTQ = &[4]byte{0x26, 0x00, 0x40, 0x00}
	s.cfg.Combinations[2].Limits = []tap.Limits{{CVMRequired: limit(1000)}}
	s.p.UnpredictableNumber = [4]byte{9, 9, 9, 9}
	s.run(t)
	a := s.k3.given[0]
	if a.Config != s.cfg.EMV || a.Combination != &s.cfg.Combinations[2] || a.Card == nil || a.UI == nil || a.Log == nil || a.Answer != nil {
		t.Errorf("%+v", a)
	}
	if want := (tap.Indicators{CVMRequired: true, HasTTQ: true, TTQ: [4]byte{0x26, 0x40, 0x40, 0x00}}); a.Indicators != want {
		t.Errorf("indicators %+v", a.Indicators)
	}
	if full := unhex(fci(visa+"01", qualifiers)); !bytes.Equal(a.FCI, full[:len(full)-2]) || a.SW != apdu.OK {
		t.Errorf("FCI %X, %v", a.FCI, a.SW)
	}
	if !bytes.Equal(a.AID, unhex(visa+"01")) {
		t.Errorf("AID %X, want the card's own name", a.AID)
	}
	if a.Start != tap.StartA || a.Again {
		t.Errorf("start %s, again %v", a.Start, a.Again)
	}
	if un, err := a.UN(); err != nil || un != [4]byte{0, 0, 0, 2} {
		t.Errorf("another number: %X, %v", un, err)
	}
	if a.Params.UnpredictableNumber != [4]byte{0, 0, 0, 1} || a.Params.Amount != 1250 || a.Params.Currency != 840 {
		t.Errorf("params %+v", a.Params)
	}
}

// The card's name is the one in its answer, with whatever the extension made of it.
func TestNameOfTheCard(t *testing.T) {
	c := plain(visa)
	c.answers[visa] = []string{fci(visa+"99", qualifiers)}
	s := newShop(t, c)
	s.run(t)
	if got := s.k3.given[0].AID; !bytes.Equal(got, unhex(visa+"99")) {
		t.Errorf("%X", got)
	}
}

// Without one of the caller's, unpredictable numbers come from the system and differ.
func TestUnpredictableNumbers(t *testing.T) {
	s := newShop(t, plain(visa), plain(visa))
	s.k3.outcomes = []any{tap.Outcome{Kind: tap.TryAgain}, s.k3.outcomes[0]}
	env := s.environment()
	env.UN = nil
	tx, err := entry.New(s.cfg, s.p, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := s.k3.given[0].Params.UnpredictableNumber, s.k3.given[1].Params.UnpredictableNumber
	if first == second || first == [4]byte{} {
		t.Errorf("%X and %X", first, second)
	}

	s = newShop(t, plain(visa))
	s.un = errors.New("no random source")
	if _, err := s.begin(t).Run(t.Context()); !errors.Is(err, s.un) || len(s.k3.given) != 0 {
		t.Errorf("a kernel was started without an unpredictable number: %v", err)
	}
}

// Final outcomes reach the caller as they are, with every parameter; the request that goes with them is shown
// and the field is off.
func TestFinalOutcomes(t *testing.T) {
	full := tap.Outcome{
		OnlineData: tap.NoOnlineData, CVM: tap.OnlinePIN, UI: &tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully, Hold: time.Second},
		Restart: &tap.UIRequest{Message: tap.PresentCardAgain}, Discretionary: []byte{0x9F, 0x01, 0x00},
		AlternateInterface: tap.AnyInterface, Receipt: true, FieldOff: 1300 * time.Millisecond, RemovalTimeout: time.Minute, Reason: "said so",
	}
	for kind, decision := range map[tap.OutcomeKind]byte{
		tap.Approved: apdu.RequestTC, tap.Declined: apdu.RequestAAC, tap.OnlineRequest: apdu.RequestARQC,
		tap.TryAnotherInterface: apdu.RequestARQC, tap.EndApplication: apdu.RequestAAC,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			want := full
			want.Kind, want.Reading = kind, readingOf(t, decision)
			s := newShop(t, plain(visa))
			s.k3.outcomes = []any{want}
			out := s.run(t)
			if !reflect.DeepEqual(out, want) {
				t.Errorf("%+v, want %+v", out, want)
			}
			if out.Reading.Card().Last4 != "4242" {
				t.Error("the reading was wiped")
			}
			s.expect(t, `
				ui 15/02 1250
				on
				ui 16/03
				> PPSE
				> A0000000031010
				kernel 3 at A
				ui 17/04
				off`)
		})
	}
	for _, kind := range []tap.OutcomeKind{tap.TryAnotherInterface, tap.EndApplication} {
		s := newShop(t, plain(visa))
		s.k3.outcomes = []any{tap.Outcome{Kind: kind}}
		if out := s.run(t); out.Kind != kind {
			t.Errorf("%+v", out)
		}
	}
}

// A payment comes to one end.
func TestRunOnce(t *testing.T) {
	s := newShop(t, plain(visa), plain(visa))
	tx := s.begin(t)
	if _, err := tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := tx.Run(t.Context()); !errors.Is(err, emvkernel.ErrOrder) || out.Kind != tap.NoOutcome {
		t.Errorf("%+v, %v", out, err)
	}
	if len(s.k3.given) != 1 {
		t.Error("the kernel ran again")
	}
}

// What is no outcome ends the payment as an error: nothing is approved by omission.
func TestKernelBreaksTheContract(t *testing.T) {
	broken := errors.New("bad memory")
	for name, tt := range map[string]struct {
		outcome any
		want    error
	}{
		"no outcome":              {tap.Outcome{}, entry.ErrKernel},
		"an unknown one":          {tap.Outcome{Kind: 99, Reading: reading(t)}, entry.ErrKernel},
		"approved without a card": {tap.Outcome{Kind: tap.Approved}, entry.ErrKernel},
		"declined without a card": {tap.Outcome{Kind: tap.Declined}, entry.ErrKernel},
		"online without a card":   {tap.Outcome{Kind: tap.OnlineRequest}, entry.ErrKernel},
		"approved with an ARQC":   {tap.Outcome{Kind: tap.Approved, Reading: reading(t)}, entry.ErrKernel},
		"approved with an AAC":    {tap.Outcome{Kind: tap.Approved, Reading: readingOf(t, apdu.RequestAAC)}, entry.ErrKernel},
		"approved with neither":   {tap.Outcome{Kind: tap.Approved, Reading: readingOf(t, 0xC0)}, entry.ErrKernel},
		"online with an AAC":      {tap.Outcome{Kind: tap.OnlineRequest, Reading: readingOf(t, apdu.RequestAAC)}, entry.ErrKernel},
		"online with neither":     {tap.Outcome{Kind: tap.OnlineRequest, Reading: readingOf(t, 0xC0)}, entry.ErrKernel},
		"an error":                {broken, broken},
		"the end of the context":  {context.Canceled, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, plain(visa))
			s.k3.outcomes = []any{tt.outcome}
			out, err := s.begin(t).Run(t.Context())
			if !errors.Is(err, tt.want) || out.Kind != tap.NoOutcome || out.Reading != nil {
				t.Errorf("%+v, %v", out, err)
			}
			if s.powered() {
				t.Error("the field is on")
			}
			if o, ok := tt.outcome.(tap.Outcome); ok && o.Reading != nil && o.Reading.Card().PAN != nil {
				t.Error("the account number is still there")
			}
		})
	}

	// A TC that the kernel wants its issuer asked about is fine, and so is a magnetic stripe.
	stripe := tap.Facts{MagneticStripe: true}
	for _, r := range []*tap.Reading{readingOf(t, apdu.RequestTC), readingWith(t, apdu.RequestAAC, stripe)} {
		s := newShop(t, plain(visa))
		s.k3.outcomes = []any{tap.Outcome{Kind: tap.OnlineRequest, Reading: r}}
		if out := s.run(t); out.Kind != tap.OnlineRequest {
			t.Errorf("%+v", out)
		}
	}
	s := newShop(t, plain(visa))
	s.k3.outcomes = []any{tap.Outcome{Kind: tap.Approved, Reading: readingWith(t, apdu.RequestAAC, stripe)}}
	if out, err := s.begin(t).Run(t.Context()); !errors.Is(err, entry.ErrKernel) {
		t.Errorf("a magnetic stripe approved itself: %+v", out)
	}
}

// EMV fact 20: select next goes to the next application of the same tap, without another look at the
// directory; when there is none left, that is the end.
func TestSelectNext(t *testing.T) {
	next := func(t *testing.T) tap.Outcome {
		return tap.Outcome{Kind: tap.SelectNext, Reading: reading(t), FieldOff: time.Second, UI: &tap.UIRequest{Message: tap.ClearDisplay, Status: tap.StatusProcessing}}
	}
	t.Run("one more", func(t *testing.T) {
		s := newShop(t, plain(visa, mastercard))
		s.k3.outcomes = []any{next(t)}
		if out := s.run(t); out.Kind != tap.Declined {
			t.Errorf("%+v", out)
		}
		s.expect(t, `
			ui 15/02 1250
			on
			ui 16/03
			> PPSE
			> A0000000031010
			kernel 3 at A
			ui 1E/03
			> A0000000041010
			kernel 2 at C
			off`)
		if a := s.k2.given[0]; a.Again || a.Params.UnpredictableNumber != [4]byte{0, 0, 0, 2} {
			t.Errorf("again %v, number %X", a.Again, a.Params.UnpredictableNumber)
		}
	})
	t.Run("none left", func(t *testing.T) {
		s := newShop(t, plain(visa, mastercard))
		s.k2.outcomes, s.k3.outcomes = []any{next(t)}, []any{next(t)}
		out := s.run(t)
		if out.Kind != tap.EndApplication || out.UI.Message != tap.InsertSwipeOrTryAnother {
			t.Errorf("%+v", out)
		}
	})
	t.Run("the card leaves", func(t *testing.T) {
		c := plain(visa, mastercard)
		c.answers[mastercard] = []string{"gone"}
		s := newShop(t, c, plain(mastercard))
		s.k3.outcomes = []any{next(t)}
		if out := s.run(t); out.Kind != tap.Declined {
			t.Errorf("%+v", out)
		}
		s.expect(t, `
			ui 15/02 1250
			on
			ui 16/03
			> PPSE
			> A0000000031010
			kernel 3 at A
			ui 1E/03
			> A0000000041010
			off
			hold 200ms
			ui 21/02
			on
			ui 16/03
			> PPSE
			> A0000000041010
			kernel 2 at B
			off`)
	})
}

// EMV fact 33: see phone and try again: what the outcome wants shown, the field off, what the restart wants
// shown, and the same payment once more with a new unpredictable number.
func TestRestart(t *testing.T) {
	see := tap.UIRequest{Message: tap.SeePhone, Status: tap.StatusProcessingError}
	ready := tap.UIRequest{Message: tap.SeePhone, Status: tap.ReadyToRead}
	tests := []struct {
		name    string
		outcome tap.Outcome
		between string
	}{
		{"end application at B", tap.Outcome{Kind: tap.EndApplication, Start: tap.StartB, UI: &see, Restart: &ready, FieldOff: 1300 * time.Millisecond}, `
			ui 20/05
			off
			hold 1.3s
			ui 20/02`},
		{"try again", tap.Outcome{Kind: tap.TryAgain, Start: tap.StartB, UI: &see, Restart: &ready, FieldOff: 1300 * time.Millisecond}, `
			ui 20/05
			off
			hold 1.3s
			ui 20/02`},
		{"try again without a word", tap.Outcome{Kind: tap.TryAgain}, `
			off
			hold 200ms
			ui 15/02 1250`},
		{"a field-off time too short to reset a card", tap.Outcome{Kind: tap.TryAgain, FieldOff: time.Millisecond}, `
			off
			hold 200ms
			ui 15/02 1250`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, plain(visa), plain(visa), plain(visa))
			s.k3.outcomes = []any{tt.outcome, tt.outcome, s.k3.outcomes[0]}
			if out := s.run(t); out.Kind != tap.Declined {
				t.Errorf("%+v", out)
			}
			round := `
				on
				ui 16/03
				> PPSE
				> A0000000031010
				kernel 3 at `
			s.expect(t, `ui 15/02 1250`+round+"A"+tt.between+round+"B"+tt.between+round+"B"+"\noff")
			for i, a := range s.k3.given {
				if a.Params.UnpredictableNumber != [4]byte{0, 0, 0, byte(i + 1)} || a.Params.Amount != 1250 || a.Again != (i > 0) {
					t.Errorf("try %d: number %X, amount %d, again %v", i, a.Params.UnpredictableNumber, a.Params.Amount, a.Again)
				}
			}
		})
	}
}

// What was read of a card that does not count any more is overwritten.
func TestSupersededReadingsAreWiped(t *testing.T) {
	for name, kind := range map[string]tap.Outcome{
		"select next": {Kind: tap.SelectNext}, "try again": {Kind: tap.TryAgain}, "see phone": {Kind: tap.EndApplication, Start: tap.StartB},
		"no outcome": {},
	} {
		t.Run(name, func(t *testing.T) {
			r := reading(t)
			pan := r.Card().PAN
			kind.Reading = r
			s := newShop(t, plain(visa, mastercard), plain(mastercard))
			s.k3.outcomes = []any{kind}
			s.begin(t).Run(t.Context())
			if r.Card().PAN != nil || !bytes.Equal(pan, make([]byte, len(pan))) {
				t.Error("the account number is still there")
			}
		})
	}
}

// The same where a kernel gives an error beside it, and where it gives up the application that the issuer
// answered for.
func TestOtherReadingsAreWiped(t *testing.T) {
	wiped := func(r *tap.Reading, run func() error) {
		t.Helper()
		pan := r.Card().PAN
		err := run()
		if !bytes.Equal(pan, make([]byte, len(pan))) {
			t.Errorf("the account number is still there (%v)", err)
		}
	}
	s, r := newShop(t, plain(visa)), reading(t)
	s.k3.outcomes = []any{failure{tap.Outcome{Kind: tap.Approved, Reading: r}, errors.New("bad memory")}}
	wiped(r, func() error { _, err := s.begin(t).Run(t.Context()); return err })

	r = reading(t)
	_, resume := online(t, tap.StartD, tap.EMVOnlineData, tap.Outcome{Kind: tap.SelectNext, Reading: r})
	wiped(r, func() error { _, err := resume(issuerSays); return err })
}

// The same where the antenna fails behind an outcome: nobody gets it.
func TestReadingIsWipedWithoutAField(t *testing.T) {
	s := newShop(t, plain(visa))
	r := reading(t)
	pan := r.Card().PAN
	s.dead, s.k3.outcomes = errors.New("no antenna"), []any{tap.Outcome{Kind: tap.Approved, Reading: r}}
	if out, err := s.begin(t).Run(t.Context()); !errors.Is(err, s.dead) || out.Kind != tap.NoOutcome {
		t.Errorf("%+v, %v", out, err)
	}
	if !bytes.Equal(pan, make([]byte, len(pan))) {
		t.Error("the account number is still there")
	}
}

// The cardholder is addressed in the card's language once it is known, unless a request has one of its own;
// the next card speaks for itself.
func TestLanguages(t *testing.T) {
	french, silent := plain(visa), plain(visa)
	french.answers[visa] = []string{fci(visa, qualifiers, "5F2D046672454E")}
	s := newShop(t, french, silent)
	declined := tap.Outcome{Kind: tap.Declined, Reading: reading(t)}
	s.k3.outcomes = []any{
		func(a *tap.Activation) tap.Outcome {
			a.UI(tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully})
			a.UI(tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully, Languages: "de"})
			return tap.Outcome{Kind: tap.TryAgain, UI: &tap.UIRequest{Message: tap.PresentCardAgain, Status: tap.StatusProcessingError}}
		},
		func(a *tap.Activation) tap.Outcome {
			a.UI(tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully})
			return declined
		},
	}
	s.run(t)
	s.expect(t, `
		ui 15/02 1250
		on
		ui 16/03
		> PPSE
		> A0000000031010
		kernel 3 at A
		ui 17/04 fren
		ui 17/04 de
		ui 21/05 fren
		off
		hold 200ms
		ui 15/02 1250 fren
		on
		ui 16/03 fren
		> PPSE
		> A0000000031010
		kernel 3 at B
		ui 17/04
		off`)
}

// A payment without screen, log and recorder works.
func TestBareEnvironment(t *testing.T) {
	s := newShop(t, plain(visa))
	tx, err := entry.New(s.cfg, s.p, entry.Environment{Field: &s.bench})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := tx.Run(t.Context()); err != nil || out.Kind != tap.Declined {
		t.Errorf("%+v, %v", out, err)
	}
}

// Trace stands between the kernel and each activated card.
func TestTrace(t *testing.T) {
	s := newShop(t, plain(visa), plain(visa))
	s.k3.outcomes = []any{tap.Outcome{Kind: tap.TryAgain}, s.k3.outcomes[0]}
	env := s.environment()
	var seen []string
	env.Trace = func(c emvkernel.Transceiver) emvkernel.Transceiver {
		seen = append(seen, "card")
		return recorder{c, &seen}
	}
	tx, err := entry.New(s.cfg, s.p, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seen, " "); got != "card command command card command command" {
		t.Error(got)
	}
}

type recorder struct {
	emvkernel.Transceiver
	seen *[]string
}

func (r recorder) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	*r.seen = append(*r.seen, "command")
	return r.Transceiver.Transceive(ctx, command)
}
