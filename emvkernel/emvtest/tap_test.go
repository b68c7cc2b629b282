package emvtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// hand holds one card to the reader as often as it is asked for, up to most times, and then gives up.
type hand struct {
	card      *TapCard
	timed     bool // the reader's hardware measures
	collision bool // another card is in the field at first
	taps      int
	most      int
	on        bool
}

var errGivesUp = errors.New("the cardholder gives up")

// bare hides that a card's times are measured.
type bare struct{ emvkernel.Transceiver }

func (h *hand) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	h.on = true
	if h.collision {
		h.collision = false
		return nil, fmt.Errorf("two cards: %w", entry.ErrCollision)
	}
	if h.taps++; h.taps > h.most {
		return nil, errGivesUp
	}
	h.card.Reset()
	if h.timed {
		return h.card, nil
	}
	return bare{h.card}, nil
}

func (h *hand) WaitRemoval(context.Context) error { return nil }

func (h *hand) Off() error {
	h.on = false
	return nil
}

// tapTrial is one payment by tap.
type tapTrial struct {
	out     tap.Outcome
	taps    int
	shown   []tap.UIRequest
	numbers [][4]byte // unpredictable numbers drawn
	traffic [3]int
}

// tapWith makes the payment with a card; what the terminal came to is NoOutcome when the cardholder gives up.
func tapWith(t *testing.T, card *TapCard, payment Payment) tapTrial {
	t.Helper()
	cfg := payment.Contactless()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	h := &hand{card: card, timed: payment.Timed, collision: payment.Collision, most: 4}
	var r tapTrial
	tx, err := entry.New(cfg, payment.Params(), entry.Environment{
		Field: h,
		UI:    func(u tap.UIRequest) { r.shown = append(r.shown, u) },
		UN: func() (n [4]byte, err error) {
			binary.BigEndian.PutUint32(n[:], 0xDEADBEEF+uint32(len(r.numbers)))
			r.numbers = append(r.numbers, n)
			return n, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.out, err = tx.Run(t.Context())
	if err != nil && !errors.Is(err, errGivesUp) {
		t.Fatal(err)
	}
	if h.on {
		t.Error("the field is left on")
	}
	r.taps = h.taps
	r.traffic[0], r.traffic[1], r.traffic[2] = tx.Traffic()
	return r
}

// result puts the outcome into the words of a profile; what the profile leaves open is too.
func (r *tapTrial) result(want TapResult) TapResult {
	got := TapResult{Kind: r.out.Kind}
	if r.taps > 1 {
		got.Taps = r.taps
	}
	if got.Kind == tap.NoOutcome {
		got.Taps = 0
		return got
	}
	if reading := r.out.Reading; reading != nil {
		got.Authenticated = reading.Authenticated()
		if want.Device != "" {
			got.Device = reading.Device()
		}
		if want.TVR != nil {
			tvr := reading.TVR()
			got.TVR = &tvr
		}
		if want.AID != nil {
			got.AID = reading.Card().AID
		}
	}
	if want.CVM != nil {
		got.CVM = &r.out.CVM
	}
	if want.Message != nil && r.out.UI != nil {
		got.Message = &r.out.UI.Message
	}
	if want.Restart != nil {
		for i := range r.shown {
			if u := &r.shown[i]; u.Status == tap.ReadyToRead && u.Message != tap.PresentCard {
				got.Restart = &u.Message
				break
			}
		}
	}
	return got
}

// lies reports whether anything of a card is not as its payment system and issuer made it.
func (p *Profile) lies() bool {
	return slices.ContainsFunc(p.applications, func(a *application) bool {
		return len(a.edits) > 0 || slices.ContainsFunc(a.faults, func(f string) bool { return f != faultPadding })
	})
}

// Every card is taken by tap as its profile says, through Entry Point and the kernels, and what is asked of
// the issuer is what the card signed. Among them are cases of
//
// EMV fact 8: tap-visa-format-95.
// EMV fact 9: tap-visa-fdda-*, tap-visa-ctq-altered.
// EMV fact 11: tap-mastercard-cda-*.
// EMV fact 20: tap-visa-switch, tap-visa-withdraws, tap-visa-phone-locked, tap-visa-gpo-fails.
// EMV fact 30: tap-*-cvm-limit, tap-*-transaction-limit.
// EMV fact 32: tap-visa-cvm-*, tap-visa-no-qualifiers-over-limit, tap-visa-expired-*.
// EMV fact 33: tap-visa-phone-locked, tap-mastercard-phone-locked.
// EMV fact 34: tap-mastercard-torn-*.
// EMV fact 36: tap-mastercard-relay-*.
func TestEveryTap(t *testing.T) {
	issuer := NewIssuer()
	expected := 0
	for _, name := range Profiles() {
		p := load(t, name)
		payment, want, ok := p.TapExpectation()
		if !ok {
			if strings.HasPrefix(name, "tap-") {
				t.Errorf("%s says nothing of a tap; write an \"expect-tap\" line", name)
			}
			payment = ordinaryPayment
		} else {
			expected++
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := NewCard(p, nil)
				r := tapWith(t, card.Contactless(), payment)
				defer r.out.Reading.Wipe()
				if ok {
					got := r.result(want)
					got.Code, got.Forged = want.Code, want.Forged
					if got.String() != want.String() {
						t.Errorf("%s\n got %s\nwant %s", r.out.Reason, got, want)
					}
				}
				if r.out.Kind == tap.Approved && (p.lies() || !r.out.Reading.Authenticated()) {
					t.Errorf("approved by a card that is not genuine: %s", r.out.Reason)
				}
				if len(r.numbers) != len(slices.Compact(slices.Clone(r.numbers))) {
					t.Error("an unpredictable number twice")
				}
				if r.out.Kind == tap.OnlineRequest {
					ask(t, issuer, p, r.out, payment, want, ok)
				}
			})
		})
	}
	if expected < 40 {
		t.Errorf("%d profiles say what comes of a tap, want 40 at least", expected)
	}
}

// ask has the issuer look at an online request.
func ask(t *testing.T, issuer *Issuer, p *Profile, out tap.Outcome, payment Payment, want TapResult, stated bool) {
	t.Helper()
	check, err := issuer.Check(out.Reading.ACData())
	if err != nil {
		if stated || !p.lies() {
			t.Errorf("issuer: %v", err)
		}
		return
	}
	if !stated {
		if check.Verdict != Genuine && !p.lies() {
			t.Errorf("issuer: %v (%s) of an honest card", check.Verdict, check.Reason)
		}
		return
	}
	verdict, code := Genuine, want.Code
	if clearing := out.Reading.ClearingData(); clearing != nil {
		clearing.Wipe()
		verdict = CardApproved // and the terminal wants the issuer's word all the same
	}
	if want.Forged {
		verdict, code = CryptogramMismatch, "generic_decline"
	}
	if check.Verdict != verdict || check.Decision.DeclineCode != code || check.Amount != payment.Amount {
		t.Errorf("issuer: %v (%s), %+v, amount %d; want %v, code %q", check.Verdict, check.Reason, check.Decision, check.Amount, verdict, code)
	}
	if check.Verdict == Genuine && (!check.Tap || want.Code == "" && out.CVM == tap.ConfirmationCodeVerified && !check.OnDevice) {
		t.Errorf("issuer: by tap %v, verified on the device %v", check.Tap, check.OnDevice)
	}
	if card := out.Reading.Card(); !want.Forged && (card.Brand != check.Brand || card.Last4 != check.Last4) {
		t.Errorf("kernel %s %s, issuer %s %s", card.Brand, card.Last4, check.Brand, check.Last4)
	}
	list, err := tlv.Parse(out.Reading.ACData())
	if e, ok := tlv.Find(list, 0x9F39); err != nil || !ok || len(e.Value) != 1 || e.Value[0] != 0x07 {
		t.Errorf("'9F39' is %v, %v", e, err)
	}
}

func TestContactlessIsValid(t *testing.T) {
	cfg := Contactless()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, b := range brands {
		if !slices.ContainsFunc(cfg.Combinations, func(c tap.Combination) bool { return c.Brand == b.name }) && b.name != "diners" {
			t.Errorf("no combination of %s", b.name)
		}
	}
}

// What a profile expects of a tap it expects in full: of a cryptogram with verification and device, for
// Mastercard also with TVR; of anything else what the cardholder is told.
func TestTapExpectationsAreComplete(t *testing.T) {
	for _, name := range Profiles() {
		p := load(t, name)
		_, want, ok := p.TapExpectation()
		if !ok {
			continue
		}
		first := p.applications[0].tap.kind
		switch {
		case want.Kind == tap.NoOutcome:
		case want.Message == nil:
			t.Errorf("%s: expect-tap lacks message", name)
		case want.Kind != tap.OnlineRequest && want.Kind != tap.Approved:
		case len(p.applications) > 1 && want.AID == nil:
			t.Errorf("%s: expect-tap lacks aid", name)
		case want.CVM == nil && want.Code == "":
			t.Errorf("%s: expect-tap lacks cvm", name)
		case first == tapMastercard && len(p.applications) == 1 && want.TVR == nil:
			t.Errorf("%s: expect-tap lacks tvr", name)
		}
		if want.Taps > 1 && want.Restart == nil && want.Kind != tap.NoOutcome {
			t.Errorf("%s: expect-tap lacks restart", name)
		}
	}
}

// What an honest card is asked by tap is no more than it takes: EMV Contactless Book B reads the directory
// once, nothing is read twice, and the bytes over the air are counted.
func TestTapTraffic(t *testing.T) {
	for _, c := range []struct {
		name     string
		commands int // SELECT twice, GET PROCESSING OPTIONS, records, GENERATE AC
		most     int // bytes both ways
	}{
		{"visa", 3 + 6, 1200},
		{"tap-visa-unsigned", 3, 350},
		{"mastercard", 3 + 7 + 1, 1600},
	} {
		seen := &counter{Transceiver: NewCard(load(t, c.name), nil).Contactless(), times: map[string]int{}}
		r := tapThrough(t, seen)
		defer r.out.Reading.Wipe()
		if total := r.traffic[1] + r.traffic[2]; r.out.Kind != tap.OnlineRequest || r.traffic[0] != c.commands || total > c.most || total < 200 {
			t.Errorf("%s: %v, %d commands, %d bytes out, %d in; want %d commands, at most %d bytes", c.name, r.out.Kind, r.traffic[0], r.traffic[1], r.traffic[2], c.commands, c.most)
		}
		for command, n := range seen.times {
			if n > 1 {
				t.Errorf("%s: %d times %X", c.name, n, command)
			}
		}
	}
}

// counter counts equal commands.
type counter struct {
	emvkernel.Transceiver
	times map[string]int
}

func (c *counter) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	c.times[string(command)]++
	return c.Transceiver.Transceive(ctx, command)
}

// fixed is a field with one card that stays in it.
type fixed struct{ emvkernel.Transceiver }

func (f fixed) Activate(context.Context) (emvkernel.Transceiver, error) { return f.Transceiver, nil }
func (f fixed) WaitRemoval(context.Context) error                       { return nil }
func (f fixed) Off() error                                              { return nil }

func tapThrough(t *testing.T, card emvkernel.Transceiver) (r tapTrial) {
	t.Helper()
	tx, err := entry.New(Contactless(), ordinaryPayment.Params(), entry.Environment{Field: fixed{card}})
	if err != nil {
		t.Fatal(err)
	}
	if r.out, err = tx.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.traffic[0], r.traffic[1], r.traffic[2] = tx.Traffic()
	return r
}

var _ tap.Timed = (*TapCard)(nil)
