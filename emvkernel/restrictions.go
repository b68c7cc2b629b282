package emvkernel

import (
	"bytes"
	"context"
)

// Bits of the application usage control, '9F07' (EMV Book 3, Annex C2).
const (
	aucDomesticCash          = 0x80 // byte 1
	aucInternationalCash     = 0x40
	aucDomesticGoods         = 0x20
	aucInternationalGoods    = 0x10
	aucDomesticServices      = 0x08
	aucInternationalServices = 0x04
	aucATM                   = 0x02
	aucOtherTerminal         = 0x01
	aucDomesticCashback      = 0x80 // byte 2
	aucInternationalCashback = 0x40
)

// Transaction types, '9C': the first two digits of the ISO 8583:1987 processing code.
const (
	typePurchase = 0x00
	typeCash     = 0x01
	typeCashback = 0x09
	typeManual   = 0x17 // cash disbursement over the counter
)

// CheckRestrictions compares versions, allowed usage and dates (EMV Book 3, 10.4). It only records
// what it finds; terminal action analysis decides. What the card leaves out is not objected to; what it
// has and is malformed ends the transaction (Book 3, 7.5).
func (t *Transaction) CheckRestrictions(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "check restrictions", toRestrict, toVerify, func(context.Context) error {
		if version, ok := t.card[0x9F08]; ok {
			if len(version) != 2 {
				return terminate("malformed application version number")
			}
			if [2]byte(version) != t.app.Version {
				t.tvr.Set(VersionsDiffer)
			}
		}
		if country, ok := t.card[0x5F28]; ok && !numeric(country, 3) {
			return terminate("malformed issuer country code")
		}
		if auc, ok := t.card[0x9F07]; ok {
			if len(auc) != 2 {
				return terminate("malformed application usage control")
			}
			if !t.usageAllowed([2]byte(auc)) {
				t.tvr.Set(ServiceNotAllowed)
			}
		}
		today := DateOf(t.params.Time)
		if raw, ok := t.card[0x5F25]; ok {
			effective, ok := ParseDate(raw)
			if !ok {
				return terminate("malformed effective date")
			}
			if today < effective {
				t.tvr.Set(NotYetEffective)
			}
		}
		if today > t.expiry {
			t.tvr.Set(Expired)
		}
		return nil
	})
}

// numeric reports whether b is a number of as many digits, right-justified behind a zero where they are
// odd.
func numeric(b []byte, digits int) bool {
	if len(b) != (digits+1)/2 {
		return false
	}
	for i := range 2 * len(b) {
		if d := nibble(b, i); d > 9 || d != 0 && i < 2*len(b)-digits {
			return false
		}
	}
	return true
}

// usageAllowed checks the kind of terminal, and, when the card names its issuer's country ('5F28'; the
// alphabetic codes '5F55' and '5F56' are for selection only), the kind of transaction at home and abroad
// (EMV Book 3, 10.4.2). Home is the country of the terminal, or of the application where it has its own. A
// terminal that sells cannot tell goods from services: either is enough. A refund is neither [unverified].
func (t *Transaction) usageAllowed(auc [2]byte) bool {
	place := byte(aucOtherTerminal)
	if t.atm() {
		place = aucATM
	}
	if auc[0]&place == 0 {
		return false
	}
	issuer, ok := t.card[0x5F28]
	if !ok {
		return true
	}
	domestic := bytes.Equal(issuer, Number(int64(t.country()), 2))
	pick := func(home, abroad byte) byte {
		if domestic {
			return home
		}
		return abroad
	}
	switch t.params.Type {
	case typeCash, typeManual:
		if auc[0]&pick(aucDomesticCash, aucInternationalCash) == 0 {
			return false
		}
	case typePurchase, typeCashback:
		if auc[0]&pick(aucDomesticGoods|aucDomesticServices, aucInternationalGoods|aucInternationalServices) == 0 {
			return false
		}
	}
	return !t.cashback() || auc[1]&pick(aucDomesticCashback, aucInternationalCashback) != 0
}

// atm: a terminal of a financial institution, unattended, that dispenses cash (EMV Book 4, Annex A1 with
// A3).
func (t *Transaction) atm() bool {
	term := &t.cfg.Terminal
	return term.Type>>4 == 1 && term.unattended() && t.additionalCapabilities()[0]&0x80 != 0
}

func (t *Transaction) cashback() bool {
	return t.params.Cashback > 0 || t.params.Type == typeCashback
}
