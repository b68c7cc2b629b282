package payment_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/store"
)

// bent is a kernel whose outcomes the test may bend, and which remembers where card data was.
type bent struct {
	tap.Kernel
	bend   func(*tap.Outcome)
	memory *[]emvkernel.Secret
}

func (k bent) Activate(ctx context.Context, a *tap.Activation) (tap.Outcome, error) {
	o, err := k.Kernel.Activate(ctx, a)
	if o.Reading != nil {
		c := o.Reading.Card()
		*k.memory = append(*k.memory, c.PAN, c.Track2, c.CardholderName)
	}
	if k.bend != nil {
		k.bend(&o)
	}
	return o, err
}

// bendTaps puts a bent kernel in the place of each.
func (b *tapBench) bendTaps(bend func(*tap.Outcome)) *[]emvkernel.Secret {
	memory := new([]emvkernel.Secret)
	for i := range b.settings.Tap.Combinations {
		c := &b.settings.Tap.Combinations[i]
		if _, none := c.Kernel.(tap.Elsewhere); !none {
			c.Kernel = bent{c.Kernel, bend, memory}
		}
	}
	return memory
}

// outcomeIs bends every outcome into one of another kind.
func outcomeIs(kind tap.OutcomeKind) func(*tap.Outcome) {
	return func(o *tap.Outcome) { *o = tap.Outcome{Kind: kind, Reading: o.Reading, Reason: "bent"} }
}

// noOff is an antenna whose field cannot be switched off.
type noOff struct{ hal.ContactlessReader }

func (noOff) FieldOff() error { return hal.ErrNotFound }

// However a tap ends, nothing of its card stays in memory.
func TestCardDataOfATapIsWiped(t *testing.T) {
	insertInstead := func(b *stepUpBench) {
		b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
	}
	for name, c := range map[string]struct {
		bend    func(*tap.Outcome)
		option  option
		prepare func(*stepUpBench)
		issuer  func(n int) error
		code    string // the issuer's word for a PIN
		card    string
		apart   func(*stepUpBench, store.Payment) // instead of processing
		want    store.State
	}{
		"approved":                  {want: store.Approved},
		"declined by the card":      {card: "tap-visa-declines", want: store.Created},
		"stored":                    {prepare: func(b *stepUpBench) { b.goOffline() }, want: store.Stored},
		"not answered":              {issuer: func(int) error { return &payment.Unreachable{Sent: true, Err: errors.New("gone")} }, want: store.Stored},
		"refused by the platform":   {issuer: func(int) error { return errors.New("no") }, want: store.Reversing},
		"try another interface":     {bend: outcomeIs(tap.TryAnotherInterface), prepare: insertInstead, want: store.Approved},
		"end application":           {bend: outcomeIs(tap.EndApplication), prepare: insertInstead, want: store.Approved},
		"no outcome at all":         {bend: outcomeIs(tap.NoOutcome), want: store.Created},
		"approved, and may not be":  {bend: outcomeIs(tap.Approved), prepare: func(b *stepUpBench) { b.settings.Policy.Enabled = false }, want: store.Created},
		"inserted for its chip":     {prepare: func(b *stepUpBench) { b.goOffline(); insertInstead(b) }, card: visaTap + "oda none\n", want: store.Stored},
		"step up to the chip":       {code: stepUpToChip, prepare: insertInstead, want: store.Approved},
		"step up by PIN":            {code: stepUpByPIN, want: store.Approved},
		"step up, PIN refused":      {code: stepUpByPIN, prepare: func(b *stepUpBench) { b.pins.Cancel() }, want: store.Created},
		"PIN refused":               {card: "tap-visa-cvm-online-pin", prepare: func(b *stepUpBench) { b.pins.Cancel() }, want: store.Created},
		"PIN not entered":           {card: "tap-visa-cvm-online-pin", prepare: func(b *stepUpBench) { b.pins.TimeOut() }, want: store.Created},
		"a test card in live mode":  {prepare: func(b *stepUpBench) { b.settings.Livemode = true }, want: store.Created},
		"the field cannot be ended": {option: func(_ *bench, o *payment.Options) { o.Contactless = noOff{o.Contactless} }, want: store.Created},
		"not confirmed": {option: func(_ *bench, o *payment.Options) { o.ConfirmTimeout = 1 }, want: store.Created, apart: func(b *stepUpBench, p store.Payment) {
			_, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
			b.must(err)
			b.await(p, store.Created)
		}},
		"dropped": {want: store.Created, apart: func(b *stepUpBench, p store.Payment) {
			_, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
			b.must(err)
			_, _, err = b.machine.CancelCollect(t.Context())
			b.must(err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			options := []option(nil)
			if c.option != nil {
				options = append(options, c.option)
			}
			b := newStepUpBench(t, c.code, options...)
			b.before = c.issuer
			memory := b.bendTaps(c.bend)
			if c.prepare != nil {
				c.prepare(b)
			}
			amount := int64(1200)
			if c.card == "tap-visa-cvm-online-pin" {
				amount = 6000
			}
			p := b.create(amount, payment.PreferOnline)
			b.tap(cmp.Or(c.card, "visa"))
			if c.apart != nil {
				c.apart(b, p)
			} else {
				_, _ = b.process(p) // its state tells
			}
			b.state(p, c.want)
			b.must(b.machine.Ping(t.Context())) // it has done with the card
			if len(*memory) == 0 {
				t.Fatal("no card was read")
			}
			for _, secret := range *memory {
				if slices.ContainsFunc(secret, func(x byte) bool { return x != 0 }) {
					t.Errorf("left in memory: %d bytes", len(secret))
				}
			}
		})
	}
}

// A card of the other mode is refused before its holder is asked for a PIN.
func TestWrongModeIsRefusedBeforeThePIN(t *testing.T) {
	for name, c := range map[string]struct {
		card string
		live bool
		code payment.Code
	}{
		"a test card in live mode": {"tap-visa-cvm-online-pin", true, payment.TestCardInLivemode},
		"a real card in test mode": {"application visa\npan 4539578763621486\ncvm online-pin always\n", false, payment.CardNotSupported},
	} {
		t.Run(name, func(t *testing.T) {
			b := newStepUpBench(t, "")
			b.settings.Livemode = c.live
			p := b.create(6000, payment.PreferOnline)
			b.tap(c.card)
			_, err := b.process(p)
			b.fails(err, c.code)
			if prompts := b.pins.Prompts(); len(prompts) != 0 || len(b.attempts) != 0 {
				t.Errorf("asked for %d PINs, and the issuer %d times", len(prompts), len(b.attempts))
			}
		})
	}
}

// floorOf lets cards approve a tap up to an amount.
func (b *tapBench) floorOf(amount int64) {
	for i := range b.settings.Tap.Combinations {
		c := &b.settings.Tap.Combinations[i]
		c.Limits = slices.Clone(c.Limits)
		for j := range c.Limits {
			c.Limits[j].Floor = &amount
		}
	}
}

// An AAC is no payment, not even where a kernel takes it for one; an ARQC is no approval.
func TestNoCryptogramIsMoreThanItSays(t *testing.T) {
	for kind, cards := range map[tap.OutcomeKind][]string{
		tap.OnlineRequest: {"tap-visa-declines", mastercardTap + "tap-ac aac\n"},
		tap.Approved:      {"tap-visa-declines", mastercardTap + "tap-ac aac\n", "visa", "mastercard"},
	} {
		for _, offline := range []bool{true, false} {
			for _, card := range cards {
				b := newStepUpBench(t, "")
				b.settings.Policy.Unauthenticated = true
				if offline {
					b.goOffline()
				}
				b.bendTaps(outcomeIs(kind))
				p := b.create(1200, payment.PreferOnline)
				b.tap(card)
				_, err := b.process(p)
				if now := b.state(p, store.Created); err == nil || now.Sequence != 0 || len(b.attempts) != 0 {
					t.Errorf("%s as %s: %+v, %v", card, kind, now, err)
				}
			}
		}
	}
}

// What a card approves by itself is stored only where the payment may be; a kernel that asks the issuer all the
// same has the issuer decide, and nobody else.
func TestTapTheCardApproves(t *testing.T) {
	disabled := func(b *stepUpBench) { b.settings.Policy.Enabled = false }
	wanted := func(b *stepUpBench) { // the issuer, by the kernel
		b.bendTaps(outcomeIs(tap.OnlineRequest))
	}
	for name, c := range map[string]struct {
		offline  bool
		prepare  func(*stepUpBench)
		insert   bool // when asked to
		want     store.State
		code     payment.Code
		attempts int
	}{
		"online":                              {want: store.Stored},
		"offline":                             {offline: true, want: store.Stored},
		"where nothing may be stored":         {prepare: disabled, want: store.Approved, attempts: 1}, // it is not asked for a TC
		"where this card's may not":           {prepare: func(b *stepUpBench) { b.settings.Policy.Country = "DE" }, want: store.Created, code: payment.DeclinedByReader},
		"where this card's may not, inserted": {prepare: func(b *stepUpBench) { b.settings.Policy.Country = "DE" }, insert: true, want: store.Approved, attempts: 1},
		"offline, this card's may not":        {offline: true, prepare: func(b *stepUpBench) { b.settings.Policy.Country = "DE" }, want: store.Created, code: payment.OfflineDeclined},
		"the issuer is wanted":                {prepare: wanted, want: store.Approved, attempts: 1},
		"the issuer is wanted, offline":       {offline: true, prepare: wanted, want: store.Created, code: payment.OfflineDeclined},
		"the issuer is wanted, and silent": {prepare: func(b *stepUpBench) { wanted(b); b.platform.silent(payment.Unreachable{Sent: true}) },
			want: store.Reversing, code: payment.OfflineMismatch, attempts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newStepUpBench(t, "", func(_ *bench, o *payment.Options) {
				if !c.insert {
					o.Contact, o.Swipe = nil, nil // who is told to insert the card cannot
				}
			})
			if c.prepare != nil {
				c.prepare(b)
			}
			if c.offline {
				b.goOffline()
			}
			if c.insert {
				b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
			}
			b.floorOf(5000)
			p := b.create(1200, payment.PreferOnline)
			b.tap("tap-visa-offline")
			paid, err := b.process(p)
			now := b.state(p, c.want)
			if c.code != "" {
				b.fails(err, c.code)
			} else {
				b.must(err)
			}
			if len(b.attempts) != c.attempts || b.saw(payment.FaceApproved) != (c.want == store.Approved) {
				t.Errorf("%d attempts; %+v", len(b.attempts), now)
			}
			if c.want == store.Stored && (paid.ResponseCode != "Y1" || paid.Attempted || !paid.Card.Authenticated) {
				t.Errorf("%+v", paid)
			}
		})
	}
}
