package payment_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
	"smartreader/firmware/payment"
	"smartreader/store"
)

// letCardsApprove configures offline approval below 50 dollars.
func letCardsApprove(b *bench, _ *payment.Options) {
	for i := range b.settings.Kernel.Applications {
		app := &b.settings.Kernel.Applications[i]
		app.OfflineApproval, app.FloorLimit, app.FloorCurrency = true, 5000, 840
	}
}

// A card that approves without its issuer is a mode of its own: the payment is stored
// with the card's TC, online as well as offline, and nobody is told "approved".
func TestCardApprovesOffline(t *testing.T) {
	for card, offline := range map[string]bool{
		visaTC: false, "application visa\npan 4242424242424242\nsequence 11\nfirst-ac tc": true, // DDA
		"application mastercard\npan 5555555555554444\nfirst-ac tc": false, // CDA: proven by the approval itself
	} {
		b := newBench(t, letCardsApprove)
		if offline {
			b.goOffline()
		}
		p := b.create(1200, payment.PreferOnline)
		b.insertOf(card)
		paid, err := b.process(p)
		b.must(err)
		if paid.State != store.Stored || paid.ResponseCode != "Y1" || paid.Attempted {
			t.Errorf("offline %v: %s with response code %q, attempted %v", offline, paid.State, paid.ResponseCode, paid.Attempted)
		}
		if b.saw(payment.FaceApproved) || !b.saw(payment.FaceAccepted) {
			t.Errorf("offline %v: the screen says that the issuer approved", offline)
		}
		if cid := b.sealedValue(paid, 0x9F27); len(cid) != 1 || cid[0]&0xC0 != 0x40 {
			t.Errorf("offline %v: stored with cryptogram information %X, not a TC", offline, cid)
		}
		check, err := b.platform.issuer.Check(b.platform.openData(b.sealed(paid)))
		b.must(err)
		if !check.Decision.Approved {
			t.Errorf("offline %v: the issuer finds %v (%s)", offline, check.Verdict, check.Reason)
		}
	}
}

// The card is asked to approve only where the payment may be stored without its issuer, and where the
// configuration says so.
func TestCardDoesNotApproveWhatMayNotBeStored(t *testing.T) {
	for name, c := range map[string]struct {
		option   option
		amount   int64
		behavior string
	}{
		"not configured":    {func(b *bench, o *payment.Options) { letCardsApprove(b, o); forbidApproval(b) }, 1200, payment.PreferOnline},
		"require_online":    {letCardsApprove, 1200, payment.RequireOnline},
		"at the floor":      {letCardsApprove, 5000, payment.PreferOnline},
		"offline forbidden": {func(b *bench, o *payment.Options) { letCardsApprove(b, o); b.settings.Policy.Enabled = false }, 1200, payment.PreferOnline},
	} {
		b := newBench(t, c.option)
		p := b.create(c.amount, c.behavior)
		b.insert("offline-approves")
		paid, err := b.process(p)
		b.must(err)
		if paid.State != store.Approved || paid.ResponseCode != "00" {
			t.Errorf("%s: %s with response code %q", name, paid.State, paid.ResponseCode)
		}
	}
}

// What may not be stored because of its card is not lost for that while the issuer can be asked: such a card
// is not let approve.
func TestCardThatMayNotBeStoredAsksItsIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		card  string
		rules []payment.Rule
		paid  int // such payments before
	}{
		"brand":         {"application interac\npan 4506445006931933\nsequence 01\nfirst-ac tc", nil, 0},
		"copied chip":   {"application visa\npan 4242424242424242\nsequence 03\noda sda\nfirst-ac tc", nil, 0},
		"card's limit":  {visaTC, []payment.Rule{{Currency: "usd", Limit: payment.Limit{MaxPerCard: 1}}}, 1},
		"brand's limit": {visaTC, []payment.Rule{{Currency: "usd"}, {Currency: "usd", Brand: "visa", Limit: payment.Limit{MaxAmount: 500}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, letCardsApprove)
			if c.rules != nil {
				b.settings.Policy = policyOf(c.rules...)
			}
			for i := range c.paid + 1 {
				p := b.create(1200, payment.PreferOnline)
				b.insertOf(c.card)
				paid, err := b.process(p)
				b.must(err)
				if want := []store.State{store.Stored, store.Approved}[min(1, i+1-c.paid)]; paid.State != want {
					t.Errorf("payment %d: %s, want %s", i+1, paid.State, want)
				}
				b.take()
			}
		})
	}
}

const visaTC = "application visa\npan 4242424242424242\nsequence 10\nfirst-ac tc"

// insertOf puts in a card of a profile's text.
func (b *bench) insertOf(text string) {
	b.Helper()
	profile, err := emvtest.ParseProfile(strings.NewReader("about a card of this test\n" + text + "\n"))
	b.must(err)
	b.must(b.tray.Insert("test", emvtest.NewCard(profile, &emvtest.State{})))
}

// A card that has approved decides nothing alone. Taken out before the reader said so, or not confirmed, it
// pays nothing: nothing is stored, sent or owed, and the payment can be collected again.
func TestApprovalByTheCardIsDropped(t *testing.T) {
	for name, drop := range map[string]struct {
		do   func(*bench, store.Payment) error
		code payment.Code
	}{
		"card taken": {func(b *bench, p store.Payment) error {
			b.must(b.tray.Remove())
			_, err := b.machine.Confirm(b.Context(), p.LocalID, store.Request{})
			return err
		}, payment.CardRemoved},
		"canceled": {func(b *bench, p store.Payment) error {
			_, _, err := b.machine.CancelCollect(b.Context())
			b.must(err)
			_, err = b.machine.Confirm(b.Context(), p.LocalID, store.Request{})
			return err
		}, payment.ConfirmInvalid},
		"not confirmed in time": {func(b *bench, p store.Payment) error {
			b.await(p, store.Created)
			_, err := b.machine.Confirm(b.Context(), p.LocalID, store.Request{})
			return err
		}, payment.ConfirmInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, letCardsApprove, func(_ *bench, o *payment.Options) {
				if name == "not confirmed in time" {
					o.ConfirmTimeout = time.Millisecond
				}
			})
			p := b.create(1200, payment.PreferOnline)
			b.insert("offline-approves")
			_, err := b.machine.Collect(b.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
			b.must(err)
			b.fails(drop.do(b, p), drop.code)
			dropped := b.state(p, store.Created)
			if dropped.Sequence != 0 || dropped.ResponseCode != "" || dropped.Receipt != nil || len(b.platform.envelopes) != 0 {
				t.Errorf("left behind: %+v", dropped)
			}
			if b.saw(payment.FaceAccepted) || b.saw(payment.FaceApproved) {
				t.Errorf("the cardholder saw %v", b.faces)
			}
			if name != "card taken" {
				b.must(b.tray.Remove())
			}
			<-b.removed
			b.insert("offline-approves")
			paid, err := b.process(p)
			b.must(err)
			if paid.State != store.Stored || paid.ResponseCode != "Y1" {
				t.Errorf("collected again: %s, %q", paid.State, paid.ResponseCode)
			}
		})
	}
}

// A payment of a card that approved is voided as any stored one: the sequence is spent, so the platform is
// told; and the card's other half of a sale is forgotten.
func TestApprovalByTheCardIsVoided(t *testing.T) {
	b := newBench(t, letCardsApprove)
	for range 2 {
		p := b.create(3000, payment.PreferOnline)
		b.insert("offline-approves")
		paid, err := b.process(p)
		b.must(err)
		if paid.State != store.Stored {
			t.Fatalf("%s: the voided one counts as half of this sale", paid.State)
		}
		gone, err := b.machine.Void(b.Context(), p.LocalID, store.Request{})
		b.must(err)
		if gone.State != store.Reversing || gone.After != store.Voided || gone.Sequence == 0 {
			t.Errorf("voided: %+v", gone)
		}
		b.take()
	}
}

func forbidApproval(b *bench) {
	for i := range b.settings.Kernel.Applications {
		b.settings.Kernel.Applications[i].OfflineApproval = false
	}
}

// A sale split in two below the floor limit asks the issuer at the second half.
func TestSplitSaleAsksTheIssuer(t *testing.T) {
	b := newBench(t, letCardsApprove)
	for i, want := range []store.State{store.Stored, store.Approved} {
		p := b.create(3000, payment.PreferOnline)
		b.insert("offline-approves")
		paid, err := b.process(p)
		b.must(err)
		if paid.State != want {
			t.Errorf("half %d: %s, want %s", i+1, paid.State, want)
		}
		b.take()
	}
}

// A card that asked for its issuer, offline: by default the issuer decides later; where the configuration
// lets cards decide, the card does, and its second cryptogram is what is stored.
func TestCardDecidesWithoutItsIssuer(t *testing.T) {
	for _, c := range []struct {
		decides bool
		profile string
		code    string
		kind    byte
	}{
		{false, "visa", "", 0x80},
		{true, "visa", "Y3", 0x40},
	} {
		b := newBench(t, letCardsApprove)
		b.settings.CardDecides = c.decides
		b.goOffline()
		p := b.create(1200, payment.PreferOnline)
		b.insert(c.profile)
		paid, err := b.process(p)
		b.must(err)
		if paid.State != store.Stored || paid.ResponseCode != c.code {
			t.Errorf("card decides %v: %s with response code %q", c.decides, paid.State, paid.ResponseCode)
		}
		if cid := b.sealedValue(paid, 0x9F27); len(cid) != 1 || cid[0]&0xC0 != c.kind {
			t.Errorf("card decides %v: stored with cryptogram information %X", c.decides, cid)
		}
		check, err := b.platform.issuer.Check(b.platform.openData(b.sealed(paid)))
		b.must(err)
		if !check.Decision.Approved {
			t.Errorf("card decides %v: the issuer finds %v (%s)", c.decides, check.Verdict, check.Reason)
		}
	}
}

// What a card's refusal means is said in words for a cashier.
func TestCardInsistsOnItsIssuer(t *testing.T) {
	b := newBench(t, letCardsApprove)
	b.settings.CardDecides = true
	b.goOffline()
	p := b.create(1200, payment.PreferOnline)
	b.insert("unable-declines")
	_, err := b.process(p)
	if e := b.fails(err, payment.DeclinedByReader); e.Message != "the card insists on its issuer, who cannot be reached" {
		t.Errorf("got %q", e.Message)
	}
	b.state(p, store.Created)
}

// Nor is it asked to once its first cryptogram was sent, with an answer that may only be late: that one may
// be charged.
func TestCardDoesNotDecideWhatWasSent(t *testing.T) {
	b := newBench(t, letCardsApprove)
	b.settings.CardDecides = true
	p := b.create(1200, payment.PreferOnline)
	b.platform.silent(payment.Unreachable{Sent: true})
	b.insert("visa")
	paid, err := b.process(p)
	b.must(err)
	cid := b.sealedValue(paid, 0x9F27)
	if paid.State != store.Stored || !paid.Attempted || paid.ResponseCode != "" || len(cid) != 1 || cid[0] != 0x80 {
		t.Errorf("%s, attempted %v, response code %q, cryptogram information %X", paid.State, paid.Attempted, paid.ResponseCode, cid)
	}
}

// sealed is what the ledger keeps of the card.
func (b *bench) sealed(p store.Payment) []byte {
	b.Helper()
	envelope, err := b.store.Sealed(p.LocalID)
	b.must(err)
	return envelope
}

// sealedValue is one data object of it.
func (b *bench) sealedValue(p store.Payment, tag tlv.Tag) []byte {
	b.Helper()
	list, err := tlv.Parse(b.platform.openData(b.sealed(p)))
	b.must(err)
	e, _ := tlv.Find(list, tag)
	return e.Value
}

// Some payments below the floor limit go online by chance: all of them where the configuration wants 99 per
// cent and the draw is low, none where it is high.
func TestRandomSelection(t *testing.T) {
	for _, c := range []struct {
		drawn byte
		want  store.State
	}{{0, store.Approved}, {97, store.Approved}, {98, store.Stored}} {
		b := newBench(t, func(b *bench, o *payment.Options) {
			letCardsApprove(b, o)
			for i := range b.settings.Kernel.Applications {
				app := &b.settings.Kernel.Applications[i]
				app.RandomThreshold, app.RandomTarget, app.RandomMaximum = 4999, 98, 98
			}
			o.Random = io.MultiReader(bytes.NewReader([]byte{1, 2, 3, 4, 255, c.drawn}), rand.Reader) // 255 is drawn again
		})
		p := b.create(1200, payment.PreferOnline)
		b.insert("offline-approves")
		paid, err := b.process(p)
		b.must(err)
		if paid.State != c.want {
			t.Errorf("drawn %d: %s, want %s", c.drawn+1, paid.State, c.want)
		}
	}
}
