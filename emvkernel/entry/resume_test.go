package entry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
)

// update is an OnlineRequest of a kernel that wants the issuer's answer, at a start point.
func update(t *testing.T, start tap.Start, data tap.OnlineData) tap.Outcome {
	return tap.Outcome{
		Kind: tap.OnlineRequest, Start: start, OnlineData: data, Reading: reading(t),
		UI:      &tap.UIRequest{Message: tap.Authorising, Status: tap.CardReadSuccessfully},
		Restart: &tap.UIRequest{Message: tap.PresentCardAgain, Status: tap.ReadyToRead},
	}
}

var issuerSays = tap.OnlineAnswer{Approved: true, ARC: [2]byte{'0', '0'}, IssuerAuthenticationData: []byte{1, 2, 3, 4, 5, 6, 7, 8}}

// online runs a payment up to the request, with the cards for Resume behind.
func online(t *testing.T, start tap.Start, data tap.OnlineData, then any, cards ...any) (*shop, func(tap.OnlineAnswer) (tap.Outcome, error)) {
	t.Helper()
	s := newShop(t, append([]any{plain(visa, mastercard)}, cards...)...)
	s.k3.outcomes = []any{update(t, start, data), then}
	tx := s.begin(t)
	out, err := tx.Run(t.Context())
	if err != nil || out.Kind != tap.OnlineRequest {
		t.Fatalf("%+v, %v", out, err)
	}
	return s, func(a tap.OnlineAnswer) (tap.Outcome, error) { return tx.Resume(t.Context(), a) }
}

// At Start B the card is presented again and the same application selected, without the directory; at Start D
// it waited in the field. The kernel gets the issuer's answer and a new unpredictable number.
func TestResume(t *testing.T) {
	done := tap.Outcome{Kind: tap.Approved, Reading: reading(t)}
	t.Run("B", func(t *testing.T) {
		s, resume := online(t, tap.StartB, tap.EMVOnlineData, done, plain(visa))
		out, err := resume(issuerSays)
		if err != nil || out.Kind != tap.Approved {
			t.Fatalf("%+v, %v", out, err)
		}
		s.expect(t, `
			ui 15/02 1250
			on
			ui 16/03
			> PPSE
			> A0000000031010
			kernel 3 at A
			ui 1B/04
			off
			ui 21/02
			on
			ui 16/03
			> A0000000031010
			kernel 3 at B
			off`)
		a := s.k3.given[1]
		if a.Answer == nil || !a.Answer.Approved || len(a.Answer.IssuerAuthenticationData) != 8 || !a.Again || a.Params.UnpredictableNumber != [4]byte{0, 0, 0, 2} {
			t.Errorf("%+v", a)
		}
	})
	t.Run("D", func(t *testing.T) {
		s, resume := online(t, tap.StartD, tap.AnyOnlineData, done)
		if !s.powered() {
			t.Fatal("the card lost its power")
		}
		out, err := resume(tap.OnlineAnswer{})
		if err != nil || out.Kind != tap.Approved {
			t.Fatalf("%+v, %v", out, err)
		}
		s.expect(t, `
			ui 15/02 1250
			on
			ui 16/03
			> PPSE
			> A0000000031010
			kernel 3 at A
			ui 1B/04
			kernel 3 at D
			off`)
		if a := s.k3.given[1]; a.Answer == nil || string(a.FCI) != string(s.k3.given[0].FCI) || a.Card == nil {
			t.Errorf("%+v", a)
		}
	})
}

// Again and again until the answer was given: a lost card, a wrong first try; the field-off time of the
// outcome before is kept.
func TestResumeTriesAgain(t *testing.T) {
	done := tap.Outcome{Kind: tap.Declined, Reading: reading(t)}
	s := newShop(t, plain(visa), &card{answers: map[string][]string{visa: {"gone"}}}, plain(visa), plain(visa))
	request := update(t, tap.StartB, tap.EMVOnlineData)
	request.FieldOff = 500 * 1000 * 1000
	s.k3.outcomes = []any{request, tap.Outcome{Kind: tap.TryAgain}, done}
	tx := s.begin(t)
	if _, err := tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.journal = nil
	if out, err := tx.Resume(t.Context(), issuerSays); err != nil || out.Kind != tap.Declined {
		t.Fatalf("%+v, %v", out, err)
	}
	s.expect(t, `
		hold 500ms
		ui 21/02
		on
		ui 16/03
		> A0000000031010
		off
		hold 200ms
		ui 21/02
		on
		ui 16/03
		> A0000000031010
		kernel 3 at B
		off
		hold 200ms
		ui 15/02 1250
		on
		ui 16/03
		> A0000000031010
		kernel 3 at B
		off`)
	if s.k3.given[2].Answer == nil {
		t.Error("the second try has no answer")
	}
}

// An answer is for one application of one card: another one gets nothing, whatever the kernel says.
func TestResumeWithAnotherCard(t *testing.T) {
	next := tap.Outcome{Kind: tap.SelectNext}
	t.Run("without the application", func(t *testing.T) {
		s, resume := online(t, tap.StartB, tap.EMVOnlineData, next, plain(mastercard))
		out, err := resume(issuerSays)
		if err != nil || out.Kind != tap.EndApplication || out.UI.Message != tap.InsertSwipeOrTryAnother {
			t.Fatalf("%+v, %v", out, err)
		}
		if len(s.k3.given) != 1 || len(s.k2.given) != 0 || s.powered() {
			t.Error("a kernel was started, or the field is on")
		}
	})
	t.Run("that the kernel gives up", func(t *testing.T) {
		s, resume := online(t, tap.StartB, tap.EMVOnlineData, next, plain(visa, mastercard))
		out, err := resume(issuerSays)
		if err != nil || out.Kind != tap.EndApplication {
			t.Fatalf("%+v, %v", out, err)
		}
		if len(s.k3.given) != 2 || len(s.k2.given) != 0 || s.powered() {
			t.Error("another payment was begun, or the field is on")
		}
	})
}

// A kernel that wants EMV data is not started for an answer without any.
func TestResumeWithoutData(t *testing.T) {
	for _, tt := range []struct {
		name    string
		data    tap.OnlineData
		answer  tap.OnlineAnswer
		started bool
	}{
		{"nothing", tap.EMVOnlineData, tap.OnlineAnswer{Approved: true}, false},
		{"authentication data", tap.EMVOnlineData, issuerSays, true},
		{"scripts", tap.EMVOnlineData, tap.OnlineAnswer{Scripts: []byte{0x71, 0x00}}, true},
		{"nothing, where any answer will do", tap.AnyOnlineData, tap.OnlineAnswer{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := tap.Outcome{Kind: tap.Approved, Reading: reading(t)}
			s, resume := online(t, tap.StartD, tt.data, done)
			out, err := resume(tt.answer)
			if started := len(s.k3.given) == 2; err != nil || started != tt.started {
				t.Errorf("started %v: %+v, %v", started, out, err)
			}
			if !tt.started && out.Kind != tap.EndApplication {
				t.Errorf("%+v", out)
			}
			if s.powered() {
				t.Error("the field is on")
			}
			if _, err := resume(tt.answer); !errors.Is(err, emvkernel.ErrOrder) {
				t.Errorf("a second time: %v", err)
			}
		})
	}

	// Nor for one to a payment that was begun anew.
	begun := newShop(t, plain(visa))
	begun.k3.outcomes = []any{update(t, tap.StartB, tap.EMVOnlineData)}
	tx := begun.begin(t)
	if _, err := tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Step(t.Context(), tap.StartA); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if _, err := tx.Resume(t.Context(), issuerSays); !errors.Is(err, emvkernel.ErrOrder) {
		t.Errorf("begun anew: %v", err)
	}

	broken := errors.New("no antenna")
	s, resume := online(t, tap.StartD, tap.EMVOnlineData, nil)
	s.dead = broken
	if out, err := resume(tap.OnlineAnswer{}); !errors.Is(err, broken) || out.Kind != tap.NoOutcome {
		t.Errorf("%+v, %v", out, err)
	}
}

// Only an outcome that asks for it can be resumed.
func TestResumeOutOfOrder(t *testing.T) {
	s := newShop(t, plain(visa))
	tx := s.begin(t)
	if _, err := tx.Resume(t.Context(), issuerSays); !errors.Is(err, emvkernel.ErrOrder) {
		t.Errorf("before anything: %v", err)
	}
	for name, out := range map[string]tap.Outcome{
		"declined":          {Kind: tap.Declined, Start: tap.StartB, OnlineData: tap.EMVOnlineData, Reading: reading(t)},
		"approved":          {Kind: tap.Approved, Start: tap.StartB, OnlineData: tap.EMVOnlineData, Reading: readingOf(t, apdu.RequestTC)},
		"no data wanted":    {Kind: tap.OnlineRequest, Start: tap.StartB, Reading: reading(t)},
		"no start":          {Kind: tap.OnlineRequest, OnlineData: tap.EMVOnlineData, Reading: reading(t)},
		"an impossible one": {Kind: tap.OnlineRequest, OnlineData: tap.EMVOnlineData, Start: tap.StartC, Reading: reading(t)},
	} {
		s := newShop(t, plain(visa))
		s.k3.outcomes = []any{out}
		tx := s.begin(t)
		if _, err := tx.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.powered() {
			t.Errorf("%s: the field is on", name)
		}
		if _, err := tx.Resume(t.Context(), issuerSays); !errors.Is(err, emvkernel.ErrOrder) || !strings.Contains(err.Error(), "resume") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
