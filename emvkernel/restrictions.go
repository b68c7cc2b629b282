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
// what it finds; terminal action analysis decides.
func (t *Transaction) CheckRestrictions(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "check restrictions", toRestrict, toVerify, func(context.Context) error {
		if version, ok := t.card[0x9F08]; ok && !bytes.Equal(version, t.app.Version[:]) {
			t.tvr.set(VersionsDiffer)
		}
		if auc, ok := t.card[0x9F07]; ok {
			if len(auc) != 2 {
				return terminate("malformed application usage control")
			}
			if !t.usageAllowed([2]byte(auc)) {
				t.tvr.set(ServiceNotAllowed)
			}
		}
		today := dateOf(t.params.Time)
		if raw, ok := t.card[0x5F25]; ok {
			effective, ok := parseDate(raw)
			if !ok {
				return terminate("malformed effective date")
			}
			if today < effective {
				t.tvr.set(NotYetEffective)
			}
		}
		if today > t.expiry {
			t.tvr.set(Expired)
		}
		return nil
	})
}

// usageAllowed checks the kind of terminal, and, when the card names its issuer's country, the kind of
// transaction at home and abroad. A terminal that sells cannot tell goods from services: either is
// enough. A refund is neither [unverified].
func (t *Transaction) usageAllowed(auc [2]byte) bool {
	place := byte(aucOtherTerminal)
	if t.cfg.Terminal.atm() {
		place = aucATM
	}
	if auc[0]&place == 0 {
		return false
	}
	issuer, ok := t.card[0x5F28]
	if !ok {
		return true
	}
	domestic := bytes.Equal(issuer, bcdNumber(int64(t.cfg.Terminal.Country), 2))
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

func (t *Transaction) cashback() bool {
	return t.params.Cashback > 0 || t.params.Type == typeCashback
}
