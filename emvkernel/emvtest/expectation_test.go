package emvtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tlv"
)

// trial is one payment with one card, as its profile wants it.
type trial struct {
	t    *testing.T
	p    *Profile
	want Expectation
	card *Card
	tx   *emvkernel.Transaction
	holder
}

// collect runs the kernel up to the first GENERATE AC.
func (r *trial) collect() (emvkernel.Outcome, error) {
	r.t.Helper()
	r.card = NewCard(r.p, nil)
	params, cfg := r.want.Payment.Params(), r.want.Payment.Config()
	if r.want.Payment.PINPad || r.want.Payment.OnlinePIN {
		params.PINPad = &pad{card: r.card, pin: r.p.applications[0].pin, wrong: r.want.Payment.WrongPINs, bypass: r.want.Payment.Bypass}
	}
	var cardholder emvkernel.Cardholder = &r.holder
	if r.want.Payment.NoDialog {
		cardholder = nil
	}
	tx, err := emvkernel.NewTransaction(&cfg, params, r.card, cardholder, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.tx = tx
	return tx.Collect(context.Background())
}

// result puts what the kernel came to into the words of a profile; what the profile leaves open is too.
func (r *trial) result(out emvkernel.Outcome, err error, want Result) Result {
	r.t.Helper()
	if err != nil {
		if !errors.Is(err, ErrPulled) {
			r.t.Fatal(err)
		}
		return Result{}
	}
	tvr, tsi := r.tx.TVR(), r.tx.TSI()
	got := Result{Outcome: out.Kind, Reverse: out.Reverse, Referral: out.Referral}
	switch out.Kind {
	case emvkernel.OnlineRequest, emvkernel.Approved, emvkernel.Declined:
		got.Authenticated = r.tx.Authenticated()
	}
	if want.TVR != nil {
		got.TVR = &tvr
	}
	if want.TSI != nil {
		got.TSI = &tsi
	}
	if want.CVM != nil {
		got.CVM = r.cvm()
	}
	if want.AID != nil {
		got.AID = r.tx.Card().AID
	}
	if want.Language != "" {
		got.Language, _ = r.tx.Language()
	}
	return got
}

func (r *trial) cvm() *[3]byte {
	list, err := tlv.Parse(r.tx.ACData())
	if err != nil {
		r.t.Fatal(err)
	}
	e, ok := tlv.Find(list, 0x9F34)
	if !ok || len(e.Value) != 3 {
		return nil
	}
	return (*[3]byte)(e.Value)
}

func (r *trial) compare(which expectation, got, want Result, reason string) {
	r.t.Helper()
	if got.String() != want.String() {
		r.t.Errorf("%s (%s)\n got %s\nwant %s", which, reason, got, want)
	}
}

// complete ends an online request in one of three ways and compares.
func (r *trial) complete(which expectation, want *Result, answer emvkernel.Answer) {
	r.t.Helper()
	out, err := r.tx.Complete(context.Background(), answer)
	got := r.result(out, err, *want)
	got.Authenticated = want.Authenticated // said of the first cryptogram already
	got.Code, got.Forged = want.Code, want.Forged
	r.compare(which, got, *want, out.Reason)
	if want.TVR == nil && which == expectOnline && want.Outcome == emvkernel.Approved && r.tx.TVR().Has(emvkernel.IssuerAuthFailed) {
		r.t.Error("the card did not believe its issuer, and the profile does not say so")
	}
}

// answer asks the issuer.
func (r *trial) answer(issuer *Issuer, want *Result) emvkernel.Answer {
	r.t.Helper()
	check, err := issuer.Check(r.tx.ACData())
	verdict := Genuine
	code := want.Code
	if want.Forged {
		verdict, code = CryptogramMismatch, "generic_decline"
	}
	if err != nil || check.Verdict != verdict || check.Decision.DeclineCode != code || check.Amount != r.want.Payment.Amount {
		r.t.Fatalf("issuer: %v (%s), %+v, amount %d, %v; want %v, code %q", check.Verdict, check.Reason, check.Decision, check.Amount, err, verdict, code)
	}
	if data := r.tx.Card(); data.Brand != check.Brand || data.Last4 != check.Last4 {
		r.t.Errorf("kernel %s %s, issuer %s %s", data.Brand, data.Last4, check.Brand, check.Last4)
	}
	arc := check.Decision.ARC
	if n := r.want.Payment.ARC; n > 0 {
		arc = [2]byte{byte('0' + n/10), byte('0' + n%10)}
	}
	a := emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: arc, Scripts: r.want.Scripts}
	if !r.want.Payment.NoIssuerData {
		if a.IssuerAuthenticationData, err = issuer.Respond(r.tx.ACData(), arc); err != nil {
			r.t.Fatal(err)
		}
	}
	return a
}

// Every card is taken as its profile says: online, deferred, and where the issuer cannot be reached. Among
// them are cases of
//
// EMV fact 1: pdol-repeats.
// EMV fact 5: record-padding, repeated-record-tag, track2-of-another.
// EMV fact 6: afl-*, record-trailing.
// EMV fact 7: static-tag-list, static-tag-list-wrong.
// EMV fact 8: *-format, *-trailer, *-remainder-*.
// EMV fact 10: dda-number-length, dda-length.
// EMV fact 11: cda-*.
// EMV fact 12: dda-where-no-cda, oda-not-common, sda.
// EMV fact 13: unknown-ca-key, issuer-cert-expired, issuer-cert-identifier, revoked.
// EMV fact 14: ddol-lacks-number, no-ddol.
// EMV fact 16: pse-blocked, pse-refuses, directory-unreadable.
// EMV fact 17: first-blocked, application-blocked, priority, confirm-nobody.
// EMV fact 18: priority, priority-ties, two-applications.
// EMV fact 20: gpo-withdraws.
// EMV fact 21: cvm-or-next, cvm-stops, cvm-other-currency.
// EMV fact 22: cvm-unsupported, cvm-list-empty, cvm-fails, pin-without-pad.
// EMV fact 23: pin-blocked, try-counter-hidden, verify-blocked, pin-cert-*, enciphered-pin-own-key.
// EMV fact 25: velocity-*, counters-hidden, new-card.
// EMV fact 26: expired, not-yet-valid, other-version, domestic-only.
// EMV fact 27: unable-approves, velocity-lower, offline-only-*, expired-declined.
// EMV fact 28: offline-tc, never-declines, arqc-twice, no-atc.
// EMV fact 29: script-*, external-authenticate-fails, issuer-required, refuses-approval,
// partial-approval.
func TestEveryProfile(t *testing.T) {
	issuer := NewIssuer()
	for _, name := range Profiles() {
		t.Run(name, func(t *testing.T) {
			p := load(t, name)
			want, ok := p.Expectation()
			if _, _, taps := p.TapExpectation(); !ok && taps {
				return // a card for TestEveryTap
			}
			if !ok {
				t.Fatal("the profile says nothing of what a terminal makes of it; write an \"expect\" line")
			}
			synctest.Test(t, func(t *testing.T) { // slow cards take no time
				ways := []func(*trial){func(*trial) {}}
				if want.First.Outcome == emvkernel.OnlineRequest {
					ways = []func(*trial){
						func(r *trial) { r.complete(expectOnline, want.Online, r.answer(issuer, want.Online)) },
						func(r *trial) {
							r.complete(expectDeferred, want.Deferred, emvkernel.Answer{Kind: emvkernel.Deferred})
							for _, memory := range r.card.State().Applications {
								if memory.OnlinePending && want.Deferred.Outcome == emvkernel.Declined {
									r.t.Error("the card still waits for an answer")
								}
							}
						},
						func(r *trial) {
							r.complete(expectUnable, want.Unable, emvkernel.Answer{Kind: emvkernel.UnableToGoOnline})
						},
					}
				}
				for _, way := range ways {
					r := &trial{t: t, p: p, want: want}
					out, err := r.collect()
					r.compare(expectFirst, r.result(out, err, want.First), want.First, out.Reason)
					if one := len(p.applications) == 1; one && r.confirmed != (p.applications[0].confirm && !want.Payment.NoDialog) {
						t.Errorf("asked to confirm the application: %v", r.confirmed)
					}
					if card := r.tx.Card(); want.Name != "" && cmp.Or(card.PreferredName, card.Label) != want.Name {
						t.Errorf("called %q (label %q), want %q", card.PreferredName, card.Label, want.Name)
					}
					if t.Failed() {
						return
					}
					way(r)
				}
			})
		})
	}
}

// What a profile expects it expects in full: a cryptogram is judged by TVR, TSI and CVM results.
func TestExpectationsAreComplete(t *testing.T) {
	for _, name := range Profiles() {
		e, _ := load(t, name).Expectation()
		switch e.First.Outcome {
		case emvkernel.OnlineRequest, emvkernel.Approved, emvkernel.Declined:
			// After a combined signature that failed there is no data to send, so no CVM results.
			if e.First.TVR == nil || e.First.TSI == nil || e.First.CVM == nil && !e.First.TVR.Has(emvkernel.CDAFailed) {
				t.Errorf("%s: expect lacks tvr, tsi or cvm", name)
			}
			if p := load(t, name); len(p.applications) > 1 && e.First.AID == nil {
				t.Errorf("%s: expect lacks aid: which of its applications", name)
			}
		}
		if strings.Contains(fmt.Sprint(e), "PAN") {
			t.Errorf("%s: %v", name, e)
		}
	}
}
