package c2

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// Kernel is kernel 2 with its configuration. It must not change while it is used. It is for one transaction
// at a time; Torn may be shared by several kernels.
type Kernel struct {
	Version [2]byte // '9F09'
	// Terminal action codes (DF8121, DF8122, DF8120).
	TACDenial, TACOnline, TACDefault [5]byte
	// Limits by currency (DF8123 to DF8126). All count from the amount that exceeds them. With some, there
	// is no tap in another currency. Empty: no limit to the amount; every payment needs the issuer, and a
	// cardholder verified.
	Limits []tap.Limits
	// What the terminal can do to verify the cardholder, byte 2 of '9F33', over and under the CVM limit
	// (DF8118, DF8119). Params.NoOnlinePIN withdraws the online PIN, a terminal without signature ('9F33') the
	// signature.
	CVMCapabilityRequired, CVMCapabilityNotRequired byte
	SecurityCapability                              byte // DF811F, byte 3 of '9F33': CDA is 0x08
	// CardDataInput is DF8117, byte 1 of '9F33'. With "IC with contacts" (0x20) a plastic card that declines
	// is asked to be inserted.
	CardDataInput byte
	// OnDeviceCVM lets the consumer's device verify the cardholder (bit 6 of DF811B): one that signs that it did,
	// so not without CDA.
	OnDeviceCVM bool

	MagneticStripe bool           // magnetic stripe mode (bit 8 of DF811B reversed)
	Stripe         StripeSettings // for magnetic stripe mode

	// RelayResistance measures how far away the card is, where the hardware can measure. Nil: with the
	// published thresholds.
	RelayResistance *Relay
	NoRelay         bool // never (bit 5 of DF811B reversed)

	Torn *TornLog // torn transactions; nil: not recovered (DF811D = 0)

	// PhoneMessages is the phone message table (DF8131): the first entry that fits counts. Empty: the
	// published one.
	PhoneMessages []PhoneMessage

	MessageHold time.Duration // DF812D
	FieldOff    time.Duration // DF8130: how long the field goes off for a card that asks for it

	RiskManagement  [8]byte // '9F1D', for cards that ask
	MobileSupport   byte    // '9F7E', for cards that ask
	CategoryCode    byte    // '9F53', transaction category code, for cards that ask; 0: none
	DataExchange    *DataExchange
	ExchangeTimeout time.Duration // DF8127: how long DataExchange may take
}

// Default returns a kernel with ready-made values: EMV mode only, on-device verification, CDA, online PIN or
// signature over the CVM limit, no limits, no memory for torn transactions. Action codes are those public
// terminal configurations agree on for Mastercard.
func Default() Kernel {
	return Kernel{
		Version:                  [2]byte{0x00, 0x02},
		TACOnline:                [5]byte{0xF4, 0x50, 0x84, 0x80, 0x0C},
		TACDefault:               [5]byte{0xF4, 0x50, 0x84, 0x80, 0x0C},
		CVMCapabilityRequired:    canOnlinePIN | canSignature,
		CVMCapabilityNotRequired: canNoCVM,
		SecurityCapability:       canCDA,
		CardDataInput:            canContacts,
		OnDeviceCVM:              true,
		Stripe:                   defaultStripe(),
		PhoneMessages:            DefaultPhoneMessages(),
		MessageHold:              1300 * time.Millisecond,
		FieldOff:                 1300 * time.Millisecond,
		MobileSupport:            0x01,
		ExchangeTimeout:          500 * time.Millisecond,
	}
}

// Bits of the terminal capabilities, '9F33' (EMV Book 4, Annex A2).
const (
	canContacts  = 0x20 // byte 1
	canOnlinePIN = 0x40 // byte 2
	canSignature = 0x20
	canNoCVM     = 0x08
	canCDA       = 0x08 // byte 3
)

// ID implements tap.Kernel.
func (k *Kernel) ID() tap.KernelID { return tap.KernelMastercard }

// Check implements tap.Kernel.
func (k *Kernel) Check(c *tap.Combination, t *emvkernel.Config) error {
	if err := k.check(c); err != nil {
		return fmt.Errorf("%w: kernel 2: %w", tap.ErrConfig, err)
	}
	return nil
}

func (k *Kernel) check(c *tap.Combination) error {
	if n := len(c.AID); n < 5 || n > 16 {
		return fmt.Errorf("AID of %d bytes, want 5 to 16", n)
	}
	if len(c.Limits) > 0 {
		return errors.New("the combination has limits, which Entry Point would reach at the amount itself; set the kernel's Limits instead")
	}
	for i, l := range k.Limits {
		if l.Currency > 999 {
			return fmt.Errorf("limits %d: currency %d is not an ISO 4217 numeric code", i, l.Currency)
		}
		for j := range i {
			if k.Limits[j].Currency == l.Currency {
				return fmt.Errorf("limits %d: same currency %03d as limits %d", i, l.Currency, j)
			}
		}
		for _, v := range []*int64{l.Transaction, l.OnDevice, l.Floor, l.CVMRequired} {
			if v != nil && *v < 0 {
				return fmt.Errorf("limits %d: %d is below zero", i, *v)
			}
		}
	}
	for _, capability := range []byte{k.CVMCapabilityRequired, k.CVMCapabilityNotRequired} {
		if capability&^(canOnlinePIN|canSignature|canNoCVM) != 0 {
			return fmt.Errorf("CVM capability %02X: a tap has online PIN (40), signature (20) and no CVM (08) only", capability)
		}
	}
	if k.MessageHold < 0 || k.FieldOff < 0 || k.ExchangeTimeout < 0 {
		return errors.New("a time below zero")
	}
	if k.DataExchange != nil {
		if err := k.DataExchange.check(); err != nil {
			return err
		}
		if k.ExchangeTimeout == 0 {
			return errors.New("data exchange without a timeout; set ExchangeTimeout")
		}
	}
	if k.RelayResistance != nil {
		if err := k.RelayResistance.check(); err != nil {
			return err
		}
	}
	if k.MagneticStripe {
		return k.Stripe.check()
	}
	return nil
}

// limits returns those for the payment's currency; ok false means that it cannot be tapped.
func (k *Kernel) limits(currency uint16) (l tap.Limits, ok bool) {
	if len(k.Limits) == 0 {
		return tap.Limits{Floor: new(int64), CVMRequired: new(int64)}, true
	}
	return tap.LimitsIn(k.Limits, currency)
}

// Activate implements tap.Kernel.
func (k *Kernel) Activate(ctx context.Context, a *tap.Activation) (tap.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return tap.Outcome{}, fmt.Errorf("c2: %w", err)
	}
	t := newTransaction(k, a)
	defer t.wipe()
	out, err := t.process(ctx)
	if err == nil {
		return out, nil
	}
	end, ok := errors.AsType[*ending](err)
	if !ok {
		return tap.Outcome{}, err
	}
	a.Log.DebugContext(ctx, "kernel 2 ended", "outcome", end.kind.String(), "reason", end.reason)
	return t.end(end), nil
}
