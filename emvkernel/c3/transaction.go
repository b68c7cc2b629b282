package c3

import (
	"context"
	"errors"

	"smartreader/emvkernel"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
)

// transaction is one payment with one card. Each step reads what the steps before it found.
type transaction struct {
	k       *Kernel
	a       *tap.Activation
	objects *tap.Objects
	ttq     [4]byte // as the card is told

	static   oda.StaticData
	card     emvkernel.CardData // account and expiry date
	ctq      qualifiers
	proof    related
	kind     kind
	online   bool // "Online Required by Reader"
	declined bool // "Decline Required by Reader"
	tried    bool // the card's signature was looked at
	genuine  bool // and is good
	cvm      tap.CVM
	reason   string // of online or declined
}

func newTransaction(k *Kernel, a *tap.Activation) *transaction {
	t := &transaction{k: k, a: a, objects: tap.NewObjects(a)}
	t.ttq = t.qualifiers()
	t.objects.Set(0x9F66, t.ttq[:]...)
	return t
}

// refund is the transaction type '9C' of money that goes back.
const refund = 0x20

// qualifiers are those of pre-processing, but for what the terminal does not have, and with the issuer asked
// where the payment wants it: the card is told so, and decides knowing it.
func (t *transaction) qualifiers() (ttq [4]byte) {
	copy(ttq[:], t.objects.Get(0x9F66)) // without online PIN, if the payment cannot have one
	const canSignature = 0x20           // '9F33', byte 2
	if t.a.Config.Terminal.Capabilities[1]&canSignature == 0 {
		ttq[0] &^= ttqSignature
	}
	if p := &t.a.Params; p.ForceOnline || p.NoOfflineApproval || p.Type == refund {
		ttq[1] |= ttqOnlineRequired
	}
	return ttq
}

// stop carries an outcome up through the steps.
type stop struct{ tap.Outcome }

func (s *stop) Error() string { return "c3: " + s.Kind.String() + ": " + s.Reason }

// run is the payment. An outcome that ends it early comes up as a stop.
func (t *transaction) run(ctx context.Context) (tap.Outcome, error) {
	err := t.process(ctx)
	if err == nil {
		return t.decide(), nil
	}
	if s, ok := errors.AsType[*stop](err); ok {
		return s.Outcome, nil
	}
	return tap.Outcome{}, err
}

// process is the way to a decision, in the order of Book C-3, 5.
func (t *transaction) process(ctx context.Context) error {
	if err := t.initiate(ctx); err != nil {
		return err
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	if err := t.complete(); err != nil {
		return err
	}
	t.a.UI(tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully, Languages: t.card.Languages})
	if err := t.restrict(); err != nil {
		return err
	}
	if err := t.authenticate(ctx); err != nil {
		return err
	}
	t.verifyCardholder()
	return nil
}

// requireOnline, decline: the first reason is the one that is told.
func (t *transaction) requireOnline(reason string) {
	if !t.online && !t.declined {
		t.reason = reason
	}
	t.online = true
}

func (t *transaction) decline(reason string) {
	if !t.declined {
		t.reason = reason
	}
	t.declined = true
}

// offline reports whether the payment would be approved as things stand.
func (t *transaction) offline() bool { return t.kind == typeTC && !t.online && !t.declined }

// wipe overwrites what the card gave. What a Reading has is its own.
func (t *transaction) wipe() {
	t.objects.Wipe()
	t.static.Wipe()
	wipe(&t.card)
}

// look returns what is known of the card so far, which the caller wipes; ok is whether it is enough for a payment.
func (t *transaction) look() (c emvkernel.CardData, ok bool) {
	app := emvkernel.Application{Brand: t.a.Combination.Brand}
	return emvkernel.CardDataOf(t.objects.Get, &app, &t.a.Config.Terminal)
}

func wipe(c *emvkernel.CardData) {
	c.PAN.Wipe()
	c.Track2.Wipe()
	c.CardholderName.Wipe()
}
