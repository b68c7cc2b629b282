package emvtest

import (
	"bytes"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// The limits of Contactless, in minor units of whatever currency.
const (
	tapTransactionLimit = 100_000_000
	tapCVMLimit         = 5_000
)

// Torn transactions the terminal remembers, and how long (the published time).
const (
	tornRecords  = 2
	tornLifetime = 300 * time.Second
)

// Contactless returns what the terminal of TerminalConfig takes by tap: Visa and Mastercard with their
// kernels; the cards of the other payment systems it knows and has inserted. The issuer is always asked
// (floor limit zero); the cardholder is verified from 50.00 in any currency (Mastercard's kernel: beyond it),
// and there is no tap from 1,000,000.00 on.
func Contactless() *entry.Config {
	return ordinaryPayment.Contactless()
}

// Contactless is the terminal of the payment by tap: that of the function of the same name but for what is
// special.
func (p Payment) Contactless() *entry.Config {
	cfg := p.Config()
	limits := p.limits()
	mastercard, visa := c2.Default(), c3.Default()
	mastercard.Limits = limits
	if log, err := c2.NewTornLog(tornRecords, tornLifetime); err == nil { // else torn taps begin anew
		mastercard.Torn = log
	}
	if p.Denies {
		mastercard.TACDenial = [5]byte{0xFF, 0xFF, 0xFF, 0x7F, 0xFC} // all but the floor limit and how far relays were looked for
	}
	if p.NoCDA {
		mastercard.SecurityCapability = 0
	}
	ttq := c3.DefaultTTQ()
	if t := p.Terminal % 10; t == 3 || t == 6 {
		ttq[0] |= ttqOfflineOnly
	}
	if p.Update {
		ttq[2] |= ttqUpdate
	}
	out := &entry.Config{EMV: &cfg}
	for _, a := range cfg.Applications {
		c := tap.Combination{AID: a.AID, Brand: a.Brand}
		switch {
		case a.Brand == "visa":
			qualifiers := ttq
			c.Kernel, c.Limits, c.TTQ = &visa, limits, &qualifiers
		case a.Brand == "mastercard":
			c.Kernel = &mastercard
		default:
			c.Kernel = tap.Elsewhere(kernelOf(a))
		}
		if p.Type != 0 {
			c.Types = []byte{bcdByte(p.Type)}
		}
		out.Combinations = append(out.Combinations, c)
	}
	return out
}

func (p Payment) limits() []tap.Limits {
	amount := func(special, usual int64) *int64 {
		if special != 0 {
			return &special
		}
		return &usual
	}
	transaction := amount(p.TransactionLimit, tapTransactionLimit)
	return []tap.Limits{{
		Transaction: transaction, OnDevice: transaction, Floor: amount(p.Floor, 0), CVMRequired: amount(p.CVMLimit, tapCVMLimit),
	}}
}

// kernelOf is the kernel a payment system uses by default, by its RID (EMV Contactless Book B, 3.3.2).
func kernelOf(a emvkernel.Application) tap.KernelID {
	for rid, kernel := range map[string]tap.KernelID{
		"\xA0\x00\x00\x00\x25": tap.KernelAmex, "\xA0\x00\x00\x00\x65": tap.KernelJCB,
		"\xA0\x00\x00\x01\x52": tap.KernelDiscover, "\xA0\x00\x00\x03\x33": tap.KernelUnionPay,
	} {
		if bytes.HasPrefix(a.AID, []byte(rid)) {
			return kernel
		}
	}
	return 0
}
