package payment_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
	"smartreader/firmware/payment"
	"smartreader/hal/dukpt"
	"smartreader/hal/pinblock"
	"smartreader/hal/sim"
	"smartreader/store"
)

// stepUp is an issuer that wants a PIN with what is tapped; without a code it wants none.
type stepUp struct {
	*issuer
	code     string
	attempts *[]store.Payment
	before   func(attempt int) error // may be nil
	always   *bool                   // with a PIN, too; may be nil
}

func (i stepUp) Authorize(ctx context.Context, p store.Payment, envelope []byte, pin *payment.PINBlock) (payment.Answer, error) {
	*i.attempts = append(*i.attempts, p)
	if i.before != nil {
		if err := i.before(len(*i.attempts)); err != nil {
			return payment.Answer{}, err
		}
	}
	if i.code != "" && p.Card.ReadMethod == "contactless_emv" && (pin == nil || i.always != nil && *i.always) {
		return payment.Answer{Verdict: payment.Declined, DeclineCode: i.code, Message: "PIN required"}, nil
	}
	return i.issuer.Authorize(ctx, p, envelope, pin)
}

// The issuer declines a tap for want of a PIN, and the same command goes on: the card is inserted, or its
// holder enters the PIN for the tap there was. Each attempt has its own sequence and natural key.
func TestIssuerWantsAPIN(t *testing.T) {
	demanding := func(t *testing.T, code string, options ...option) (*tapBench, *[]store.Payment) {
		attempts := new([]store.Payment)
		return newTapBench(t, append(options, func(b *bench, o *payment.Options) {
			o.Platform = stepUp{issuer: b.platform, code: code, attempts: attempts}
		})...), attempts
	}
	check := func(t *testing.T, attempts []store.Payment, paid store.Payment, method string) {
		t.Helper()
		if len(attempts) != 2 || attempts[0].NaturalKey == attempts[1].NaturalKey || attempts[0].Sequence != 1 || attempts[1].Sequence != 2 {
			t.Errorf("attempts %+v", attempts)
		}
		if paid.State != store.Approved || paid.Card.ReadMethod != method {
			t.Errorf("%s, %+v", paid.State, paid.Card)
		}
	}
	for _, code := range []string{"offline_pin_required", "online_or_offline_pin_required"} {
		t.Run(code+", inserted", func(t *testing.T) {
			b, attempts := demanding(t, code)
			p := b.create(6000, payment.PreferOnline)
			b.tap("visa")
			b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
			paid, err := b.process(p)
			b.must(err)
			check(t, *attempts, paid, "contact_emv")
			if b.saw(payment.FaceDeclined) {
				t.Error("the cardholder was told of a decline")
			}
		})
	}
	t.Run("collect and confirm apart", func(t *testing.T) {
		b, attempts := demanding(t, "offline_pin_required")
		p := b.create(6000, payment.PreferOnline)
		b.tap("visa")
		_, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
		b.must(err)
		b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
		paid, err := b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
		b.must(err)
		check(t, *attempts, paid, "contact_emv")
	})
	t.Run("not inserted", func(t *testing.T) {
		b, _ := demanding(t, "offline_pin_required", func(_ *bench, o *payment.Options) { o.CardTimeout = 1e9 })
		p := b.create(6000, payment.PreferOnline)
		b.tap("visa")
		_, err := b.process(p)
		if e := b.fails(err, payment.DeclinedByPlatform); e.DeclineCode != "offline_pin_required" {
			t.Errorf("%+v", e)
		}
		b.state(p, store.Created)
	})
	t.Run("once only", func(t *testing.T) {
		b := newStepUpBench(t, stepUpByPIN)
		b.always = true
		p := b.create(4000, payment.PreferOnline)
		b.tap("visa")
		_, err := b.process(p)
		if e := b.fails(err, payment.DeclinedByPlatform); e.DeclineCode != stepUpByPIN || len(b.attempts) != 2 || len(b.pins.Prompts()) != 1 {
			t.Errorf("%+v after %d attempts", e, len(b.attempts))
		}
		b.state(p, store.Declined)
	})
}

// A PIN that came with the tap and was not enough is not asked for again: the card is inserted.
func TestIssuerWantsMoreThanThePINOfATap(t *testing.T) {
	b := newStepUpBench(t, stepUpByPIN)
	b.always = true
	p := b.create(6000, payment.PreferOnline)
	b.tap("visa")
	b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || paid.Card.ReadMethod != "contact_emv" || len(b.pins.Prompts()) != 1 {
		t.Errorf("%s, %+v; asked for %d PINs", paid.State, paid.Card, len(b.pins.Prompts()))
	}
}

// stepUpBench is a shop whose issuer wants a PIN with every tap, on a reader with all a reader can have.
type stepUpBench struct {
	*tapBench
	pins     *sim.PINPad
	attempts []store.Payment
	before   func(attempt int) error // the issuer answers
	always   bool                    // it wants another PIN with every PIN
}

func newStepUpBench(t *testing.T, code string, options ...option) *stepUpBench {
	t.Helper()
	s := &stepUpBench{}
	b, pad := benchWithPINKey(t, append([]option{withField, func(b *bench, o *payment.Options) {
		o.Platform = stepUp{b.platform, code, &s.attempts, func(n int) error {
			if s.before != nil {
				return s.before(n)
			}
			return nil
		}, &s.always}
	}}, options...)...)
	b.settings.Tap = emvtest.Contactless()
	s.tapBench, s.pins = &tapBench{bench: b, field: fields[b]}, pad
	return s
}

const (
	stepUpToChip = "offline_pin_required"
	stepUpByPIN  = "online_or_offline_pin_required"
)

// The cardholder enters the PIN, and the tap is not repeated: the issuer gets the same cryptogram as another
// attempt, with a PIN block that is bound to the account that was tapped.
func TestSingleTapWithPIN(t *testing.T) {
	b := newStepUpBench(t, stepUpByPIN)
	p := b.create(4000, payment.PreferOnline)
	b.tap("visa")
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || paid.Receipt.CardholderVerificationMethod != "online_pin" || paid.Card.ReadMethod != "contactless_emv" {
		t.Errorf("%s, %+v", paid.State, paid.Receipt)
	}
	if len(b.attempts) != 2 || len(b.pins.Prompts()) != 1 || len(b.platform.pins) != 1 || b.platform.pins[0] == nil {
		t.Fatalf("%d attempts, asked for a PIN %d times, the issuer got %d", len(b.attempts), len(b.pins.Prompts()), len(b.platform.pins))
	}
	first, second := b.attempts[0], b.attempts[1]
	if second.Sequence != first.Sequence+1 || second.NaturalKey == first.NaturalKey || second.Receipt.ApplicationCryptogram != first.Receipt.ApplicationCryptogram {
		t.Errorf("attempts %+v, %+v", first, second)
	}
	list, err := tlv.Parse(b.platform.openData(b.platform.envelopes[0]))
	b.must(err)
	account, _ := tlv.Find(list, 0x5A)
	block := b.platform.pins[0]
	key, err := dukpt.AESPINKey(pinInitialKey(), block.KeySerial)
	b.must(err)
	if digits, err := pinblock.Decipher4(key, block.ciphertext, []byte(hex.EncodeToString(account.Value))); err != nil || string(digits) != "1234" {
		t.Errorf("the issuer reads %q, %v", digits, err)
	}
	if !block.Ciphertext.Empty() {
		t.Error("the block is kept after the issuer was asked")
	}
}

// The words for the PIN are those of the card that was tapped.
func TestPINOfATapInTheCardsLanguage(t *testing.T) {
	b := newStepUpBench(t, stepUpByPIN)
	b.settings.Kernel.Terminal.Languages = []string{"en", "fr"}
	p := b.create(4000, payment.PreferOnline)
	b.tap(visaTap + "language defr\n")
	_, err := b.process(p)
	b.must(err)
	if prompts := b.pins.Prompts(); len(prompts) != 1 || prompts[0].Language != "fr" {
		t.Errorf("asked %+v", prompts)
	}
}

// A PIN pad that does not work is a reason to insert the card.
func TestTapWithAPINPadThatDoesNotWork(t *testing.T) {
	for _, demanded := range []bool{false, true} { // by the card, by the issuer
		b := newStepUpBench(t, stepUpByPIN)
		b.settings.PINKey = "another"
		p := b.create(6000, payment.PreferOnline)
		if demanded {
			b.tap("visa")
		} else {
			b.tap(visaTap + "cvm online-pin always\n")
		}
		b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
		paid, err := b.process(p)
		b.must(err)
		if paid.State != store.Approved || paid.Card.ReadMethod != "contact_emv" {
			t.Errorf("%s, %+v", paid.State, paid.Card)
		}
	}
}

// Nothing is stored that the issuer declined for want of a PIN: not the tap with a PIN that cannot be kept, not
// a chip that asked for none. One whose chip checked the PIN is.
func TestStepUpWhileThePlatformIsGone(t *testing.T) {
	gone := &payment.Unreachable{Sent: true, Err: errors.New("no answer")}
	for name, c := range map[string]struct {
		code, insert string
		when         payment.FaceKind // the reader goes offline when this is shown; 0: the second attempt is not answered
		before       bool             // the reader goes offline before the PIN is entered
		want         store.State
	}{
		"chip with PIN, no answer":      {code: stepUpToChip, insert: "offline-pin-cvm", want: store.Stored},
		"chip with PIN, offline":        {code: stepUpToChip, insert: "offline-pin-cvm", when: payment.FaceInsertCard, want: store.Stored},
		"chip without PIN, no answer":   {code: stepUpToChip, insert: "visa", want: store.Reversing},
		"chip without PIN, offline":     {code: stepUpToChip, insert: "visa", when: payment.FaceInsertCard, want: store.Created},
		"same tap with PIN, no answer":  {code: stepUpByPIN, want: store.Reversing},
		"same tap with PIN, offline":    {code: stepUpByPIN, before: true, want: store.Created},
		"chip with online PIN, offline": {code: stepUpToChip, insert: "online-pin-cvm", when: payment.FaceInsertCard, want: store.Created},
	} {
		t.Run(name, func(t *testing.T) {
			b := newStepUpBench(t, c.code)
			b.before = func(n int) error {
				switch {
				case n == 2:
					return gone
				case c.before:
					b.goOffline()
				}
				return nil
			}
			p := b.create(4000, payment.PreferOnline)
			b.tap("visa")
			b.look(func(f payment.Face) {
				if f.Kind != payment.FaceInsertCard || b.tray.Inserted() != "" {
					return
				}
				if c.when != 0 {
					b.goOffline()
				}
				b.insert(c.insert)
			})
			stored, err := b.process(p)
			now := b.state(p, c.want)
			sequence := uint64(2)
			if c.want == store.Created {
				sequence = 0
			}
			if now.Sequence != sequence || len(b.attempts) == 0 || b.attempts[0].Sequence != 1 || b.attempts[0].NaturalKey == now.NaturalKey {
				t.Errorf("attempts %+v; now %+v", b.attempts, now)
			}
			if c.want == store.Stored {
				b.must(err)
				if stored.Attempted != (c.when == 0) || b.header(p).Sequence != 2 || b.header(p).IntentID != now.IntentID {
					t.Errorf("%+v, header %+v", stored, b.header(p))
				}
				return
			}
			e := b.fails(err, payment.OfflineMismatch)
			if c.code == stepUpByPIN && !strings.Contains(e.Message, "online PIN") {
				t.Errorf("the POS is told %q", e.Message)
			}
			if b.saw(payment.FaceAccepted) || b.saw(payment.FaceApproved) {
				t.Error("the cardholder was told that it is paid")
			}
		})
	}
}

// The power may go at any step. What is on disk is settled without asking anybody twice, and a request that is
// repeated is told what is true.
func TestStepUpIsCutOff(t *testing.T) {
	for _, cut := range []string{"while the card is awaited", "while the issuer is asked again"} {
		t.Run(cut, func(t *testing.T) {
			b := newStepUpBench(t, stepUpToChip)
			b.mayFail = true
			request := store.Request{POS: "till", ID: "1", Method: "processPaymentIntent"}
			recover := func() {
				known, err := b.store.Request("till", "1")
				if err != nil || known.Done {
					t.Errorf("the request is remembered as %+v, %v, and is not done", known, err)
				}
				b.must(b.machine.Recover(t.Context()))
			}
			b.before = func(n int) error {
				if n == 2 {
					recover()
				}
				return nil
			}
			p := b.create(4000, payment.PreferOnline)
			b.tap("visa")
			b.look(func(f payment.Face) {
				if f.Kind == payment.FaceInsertCard && b.tray.Inserted() == "" {
					if cut == "while the card is awaited" {
						recover()
					}
					b.insert("visa")
				}
			})
			_, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{}, request)
			if err == nil {
				t.Error("paid")
			}
			now, err := b.store.Payment(p.LocalID)
			b.must(err)
			if cut == "while the card is awaited" {
				if now.State != store.Interrupted || now.Sequence != 0 || now.Attempted {
					t.Errorf("%+v", now)
				}
			} else if now.State != store.Reversing || now.After != store.Interrupted || now.Sequence != 2 || now.NaturalKey != b.attempts[1].NaturalKey {
				t.Errorf("%+v", now)
			}
			if h := history(now); !strings.Contains(h, "authorizing declined collecting") {
				t.Errorf("the declined attempt is not in the history: %s", h)
			}
		})
	}
}

func history(p store.Payment) string {
	var states []string
	for _, step := range p.History {
		states = append(states, string(step.State))
	}
	return strings.Join(states, " ")
}

// Whoever stops a payment that is stepping up gets it back as it was, and the next attempt has a sequence of
// its own.
func TestStepUpIsCanceled(t *testing.T) {
	for _, by := range []string{"POS", "cardholder", "cardholder at the PIN pad", "nobody"} {
		t.Run(by, func(t *testing.T) {
			code := stepUpToChip
			if by == "cardholder at the PIN pad" {
				code = stepUpByPIN
			}
			var remembered []payment.Code
			b := newStepUpBench(t, code, func(_ *bench, o *payment.Options) {
				if by == "nobody" {
					o.CardTimeout = 1e9
				}
				encode := o.EncodeOutcome
				o.EncodeOutcome = func(p store.Payment, e *payment.Error) []byte {
					if e != nil {
						remembered = append(remembered, e.Code)
					}
					return encode(p, e)
				}
			})
			b.pins.Cancel() // the first time it is asked, if it is
			p := b.create(4000, payment.PreferOnline)
			b.tap("visa")
			_, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{CardholderMayCancel: true}, store.Request{})
			b.must(err)
			b.whenShown(payment.FaceInsertCard, func() {
				var end payment.CancelEnd
				var err error
				switch by {
				case "POS":
					end, _, err = b.machine.CancelCollect(t.Context())
				case "cardholder":
					end, err = b.machine.CancelByCardholder(t.Context())
				default:
					return
				}
				if err != nil || end != payment.EndCanceled {
					t.Errorf("canceling ended %q, %v", end, err)
				}
			})
			request := store.Request{POS: "till", ID: "1", Method: "confirmPaymentIntent"}
			_, err = b.machine.Confirm(t.Context(), p.LocalID, request)
			if by == "nobody" {
				if e := b.fails(err, payment.DeclinedByPlatform); e.DeclineCode != stepUpToChip {
					t.Errorf("%+v", e)
				}
			} else {
				b.fails(err, payment.Canceled)
			}
			if known, err := b.store.Request("till", "1"); err != nil || !known.Done {
				t.Errorf("the request is remembered as %+v, %v", known, err)
			}
			// Had the power gone between the attempts, the decline would be the request's outcome.
			if len(remembered) != 2 || remembered[0] != payment.DeclinedByPlatform {
				t.Errorf("the request's outcomes were %v", remembered)
			}
			if now := b.state(p, store.Created); now.Sequence != 0 || now.Card != nil || !strings.HasSuffix(history(now), "authorizing declined collecting created") {
				t.Errorf("%+v", now)
			}
			b.insert("visa")
			paid, err := b.process(p)
			b.must(err)
			if paid.Sequence != 2 || paid.NaturalKey == b.attempts[0].NaturalKey || len(b.attempts) != 2 {
				t.Errorf("%+v after %+v", paid, b.attempts)
			}
		})
	}
}

// A POS that has seen the card decided on that one. Another is not taken behind its back; a PIN for the same
// tap is.
func TestNoOtherCardThanTheOneThePOSHasSeen(t *testing.T) {
	for code, want := range map[string]int{stepUpToChip: 1, stepUpByPIN: 2} {
		b := newStepUpBench(t, code)
		p := b.create(4000, payment.PreferOnline)
		b.tap("visa")
		_, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{Inspect: true}, store.Request{})
		b.must(err)
		_, err = b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
		if len(b.attempts) != want || b.saw(payment.FaceInsertCard) {
			t.Errorf("%s: %d attempts", code, len(b.attempts))
		}
		if code == stepUpByPIN {
			b.must(err)
			continue
		}
		if e := b.fails(err, payment.DeclinedByPlatform); e.DeclineCode != code {
			t.Errorf("%+v", e)
		}
		b.state(p, store.Declined)
	}
}

// The issuer wants to decide: after it has declined, no card approves in its place.
func TestNoCardApprovesAfterTheIssuerDeclined(t *testing.T) {
	b := newStepUpBench(t, stepUpToChip, letCardsApprove)
	p := b.create(1200, payment.PreferOnline)
	b.tap("visa")
	b.whenShown(payment.FaceInsertCard, func() { b.insert("offline-approves") })
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || paid.ResponseCode != "00" || len(b.attempts) != 2 {
		t.Errorf("%s with response code %q after %d attempts", paid.State, paid.ResponseCode, len(b.attempts))
	}
}
