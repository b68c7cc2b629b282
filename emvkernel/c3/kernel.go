package c3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// Kernel is the Visa kernel with its options. The zero value can be used; Default is what readers want. It has
// no memory: one Kernel may serve any number of combinations.
type Kernel struct {
	// FDDAVersion0 accepts the older version of the signature too, which covers the unpredictable number only:
	// neither amount nor card transaction qualifiers (Book C-3, Annex C [unverified]).
	FDDAVersion0 bool
	// SpendingAmount shows what the card says is left to spend without its issuer ('9F5D'), with the outcome
	// (Book C-3, 4.3).
	SpendingAmount bool
	// Hold is how long a message stays that tells the cardholder to do something with a phone, and the
	// field stays off meanwhile.
	Hold time.Duration
}

// defaultHold is 13 tenths of a second, as two public kernels have it.
const defaultHold = 1300 * time.Millisecond

// Default returns the options that readers want.
func Default() Kernel { return Kernel{Hold: defaultHold} }

// Bits of the terminal transaction qualifiers, '9F66' (Book A, 5.7; Book C-3, Annex A).
const (
	ttqMSD         = 0x80 // byte 1: magnetic stripe mode
	ttqVSDC        = 0x40 // the older contactless application, with GENERATE AC
	ttqEMV         = 0x20 // EMV mode
	ttqContact     = 0x10 // the reader takes chip cards by contact too
	ttqOfflineOnly = 0x08
	ttqOnlinePIN   = 0x04
	ttqSignature   = 0x02
	ttqOnlineODA   = 0x01 // authentication is wanted with an ARQC too

	ttqOnlineRequired = 0x80 // byte 2: an ARQC, or nothing
	ttqCVMRequired    = 0x40

	ttqIssuerUpdate   = 0x80 // byte 3: the card may be presented again for its issuer's answer
	ttqConsumerDevice = 0x40 // verification by the consumer's device
)

// DefaultTTQ returns qualifiers for a combination: EMV mode, contact chip, online PIN, signature,
// verification by the consumer's device, and authentication also of cards that go online. The kernel takes
// back what the terminal or the payment does not have: signature by '9F33', online PIN by Params.NoOnlinePIN.
// Neither magnetic stripe mode nor issuer update.
func DefaultTTQ() [4]byte {
	return [4]byte{ttqEMV | ttqContact | ttqOnlinePIN | ttqSignature | ttqOnlineODA, 0, ttqConsumerDevice, 0}
}

var _ tap.Kernel = (*Kernel)(nil)

// ID implements tap.Kernel.
func (k *Kernel) ID() tap.KernelID { return tap.KernelVisa }

// Check implements tap.Kernel.
func (k *Kernel) Check(c *tap.Combination, t *emvkernel.Config) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: kernel C-3: %s", tap.ErrConfig, fmt.Sprintf(format, args...))
	}
	operator, environment := t.Terminal.Type>>4, t.Terminal.Type&0x0F
	switch {
	case k.Hold < 0 || k.Hold > time.Minute:
		return bad("hold time %v, want 0 to 1 minute", k.Hold)
	case c.TTQ == nil:
		return bad("no terminal transaction qualifiers; set TTQ, for example to c3.DefaultTTQ()")
	case c.TTQ[0]&ttqEMV == 0:
		return bad("TTQ %X without EMV mode; set byte 1 bit 6", *c.TTQ)
	case c.TTQ[0]&ttqMSD != 0:
		return bad("TTQ %X with magnetic stripe mode, which this kernel does not have; clear byte 1 bit 8", *c.TTQ)
	case c.TTQ[0]&ttqVSDC != 0:
		return bad("TTQ %X with contactless VSDC, which this kernel does not have; clear byte 1 bit 7", *c.TTQ)
	case c.TTQ[0]&ttqOfflineOnly != 0 && c.TTQ[2]&ttqIssuerUpdate != 0:
		return bad("TTQ %X of a reader that is never online with issuer update; clear byte 1 bit 4 or byte 3 bit 8", *c.TTQ)
	case c.TTQ[0]&ttqOfflineOnly != 0 && (environment == 1 || environment == 4):
		return bad("TTQ %X is of a reader that is never online, the terminal (type %02X) of one that always is; correct one of them", *c.TTQ, t.Terminal.Type)
	case c.TTQ[0]&ttqOfflineOnly == 0 && (environment == 3 || environment == 6):
		return bad("TTQ %X is of a reader that can go online, the terminal (type %02X) of one that cannot; correct one of them", *c.TTQ, t.Terminal.Type)
	case operator == 1 && environment >= 4:
		return bad("terminal type %02X is a cash machine's, whose rules this kernel does not have; take the combination out", t.Terminal.Type)
	}
	return nil
}

// errActivation is wrapped where the caller made a mistake.
var errActivation = errors.New("c3: cannot be activated")

// Activate implements tap.Kernel. Started with an issuer's answer it does the issuer update, else it runs a
// payment. Params.MayApproveOffline is not asked: by tap the card has decided before anything is known of
// it. ForceOnline and NoOfflineApproval are, and refunds are never approved by the card.
//
// A card may go online with a TC, where its approval does not suffice: that a Reading has ClearingData does not
// mean that the payment was approved. Only the outcome's kind says that.
func (k *Kernel) Activate(ctx context.Context, a *tap.Activation) (tap.Outcome, error) {
	if len(a.AID) < 5 || len(a.AID) > 16 {
		return tap.Outcome{}, fmt.Errorf("%w: application name of %d bytes, want 5 to 16", errActivation, len(a.AID))
	}
	if a.Answer != nil {
		return update(ctx, a)
	}
	if !a.Indicators.HasTTQ {
		return tap.Outcome{}, fmt.Errorf("%w: pre-processing made no terminal transaction qualifiers; set the combination's TTQ", errActivation)
	}
	t := newTransaction(k, a)
	defer t.wipe()
	out, err := t.run(ctx)
	if err != nil {
		return tap.Outcome{}, err
	}
	a.Log.DebugContext(ctx, "kernel C-3", "outcome", out.Kind.String(), "reason", out.Reason)
	return out, nil
}
