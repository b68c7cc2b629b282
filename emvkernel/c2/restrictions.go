package c2

import (
	"bytes"
	"context"

	"smartreader/emvkernel"
)

// Transaction types, '9C'.
const (
	typePurchase = 0x00
	typeCash     = 0x01
	typeCashback = 0x09
	typeManual   = 0x17 // cash disbursement over the counter
)

// Bits of the application usage control, '9F07'.
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

// restrictions compares versions, dates and usage (Book C-2, "Processing Restrictions"). It only records
// what it finds.
func (t *transaction) restrictions(context.Context) error {
	if version := t.o.Get(0x9F08); version != nil && !bytes.Equal(version, t.k.Version[:]) {
		t.tvr.Set(emvkernel.VersionsDiffer)
	}
	today := emvkernel.DateOf(t.a.Params.Time)
	if raw := t.o.Get(0x5F25); raw != nil {
		effective, ok := emvkernel.ParseDate(raw)
		if !ok {
			return malformed("effective date")
		}
		if today < effective {
			t.tvr.Set(emvkernel.NotYetEffective)
		}
	}
	if today > t.expiry {
		t.tvr.Set(emvkernel.Expired)
	}
	if auc := t.o.Get(0x9F07); auc != nil {
		if len(auc) != 2 {
			return malformed("application usage control")
		}
		if !t.usageAllowed([2]byte(auc)) {
			t.tvr.Set(emvkernel.ServiceNotAllowed)
		}
	}
	return nil
}

// usageAllowed checks the kind of terminal and, where the card names its issuer's country ('5F28'), the kind
// of transaction at home and abroad.
func (t *transaction) usageAllowed(auc [2]byte) bool {
	place := byte(aucOtherTerminal)
	if t.atm() {
		place = aucATM
	}
	if auc[0]&place == 0 {
		return false
	}
	issuer := t.o.Get(0x5F28)
	if issuer == nil {
		return true
	}
	domestic := bytes.Equal(issuer, emvkernel.CountryObject(t.a.Config.Terminal.Country))
	pick := func(home, abroad byte) byte {
		if domestic {
			return home
		}
		return abroad
	}
	switch {
	case t.cash():
		if auc[0]&pick(aucDomesticCash, aucInternationalCash) == 0 {
			return false
		}
	case t.purchase():
		if auc[0]&pick(aucDomesticGoods|aucDomesticServices, aucInternationalGoods|aucInternationalServices) == 0 {
			return false
		}
	}
	return !t.cashback() || auc[1]&pick(aucDomesticCashback, aucInternationalCashback) != 0
}

func (t *transaction) cash() bool {
	return t.a.Params.Type == typeCash || t.a.Params.Type == typeManual
}

func (t *transaction) purchase() bool {
	return t.a.Params.Type == typePurchase || t.a.Params.Type == typeCashback
}

func (t *transaction) cashback() bool {
	return t.a.Params.Cashback > 0 || t.a.Params.Type == typeCashback
}

// The second digit of the terminal type (EMV Book 4, Annex A1).
func (t *transaction) unattended() bool { return t.a.Config.Terminal.Type&0x0F >= 4 }

func (t *transaction) onlineOnly() bool {
	e := t.a.Config.Terminal.Type & 0x0F
	return e == 1 || e == 4
}

func (t *transaction) offlineOnly() bool {
	e := t.a.Config.Terminal.Type & 0x0F
	return e == 3 || e == 6
}

// atm: a terminal of a financial institution, unattended, that dispenses cash.
func (t *transaction) atm() bool {
	term := &t.a.Config.Terminal
	return term.Type>>4 == 1 && t.unattended() && term.AdditionalCapabilities[0]&0x80 != 0
}
