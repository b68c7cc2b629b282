package emvkernel

import "bytes"

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

// Cash reports whether the payment is for cash alone.
func (p *Params) Cash() bool { return p.Type == typeCash || p.Type == typeManual }

// Purchase reports whether something is bought, with or without cash back.
func (p *Params) Purchase() bool { return p.Type == typePurchase || p.Type == typeCashback }

// WithCashback reports whether cash goes out with what is bought.
func (p *Params) WithCashback() bool { return p.Cashback > 0 || p.Type == typeCashback }

// PlainPurchase reports whether something is bought, and no cash goes out.
func (p *Params) PlainPurchase() bool { return p.Type == typePurchase && !p.WithCashback() }

// UsageAllowed checks '9F07' against the kind of terminal and, when the card names its issuer's country
// ('5F28', nil: it does not; the alphabetic codes '5F55' and '5F56' are for selection only), the kind of
// transaction at home and abroad (EMV Book 3, 10.4.2). Home is the country of the terminal, or of the application
// where it has its own. A terminal that sells cannot tell goods from services: either is enough. A refund is
// neither [unverified].
func (p *Params) UsageAllowed(auc [2]byte, issuer []byte, country uint16, cashMachine bool) bool {
	place := byte(aucOtherTerminal)
	if cashMachine {
		place = aucATM
	}
	if auc[0]&place == 0 {
		return false
	}
	if issuer == nil {
		return true
	}
	domestic := bytes.Equal(issuer, CountryObject(country))
	pick := func(home, abroad byte) byte {
		if domestic {
			return home
		}
		return abroad
	}
	switch {
	case p.Cash():
		if auc[0]&pick(aucDomesticCash, aucInternationalCash) == 0 {
			return false
		}
	case p.Purchase():
		if auc[0]&pick(aucDomesticGoods|aucDomesticServices, aucInternationalGoods|aucInternationalServices) == 0 {
			return false
		}
	}
	return !p.WithCashback() || auc[1]&pick(aucDomesticCashback, aucInternationalCashback) != 0
}

// CVMCondition evaluates a CVM condition code (EMV Book 3, Annex C3, table "CVM Condition Codes"). Supported
// says whether the terminal has the method; currency is the card's '9F42', which the amounts x and y are in. An
// unknown code, or data missing that it needs, means the rule is passed over.
func (p *Params) CVMCondition(condition byte, unattended, supported bool, currency []byte, x, y int64) bool {
	same := bytes.Equal(currency, Number(int64(p.Currency), 2))
	switch condition {
	case 0x00:
		return true
	case 0x01:
		return p.Cash() && unattended
	case 0x02:
		return !p.Cash() && !p.WithCashback()
	case ifSupported:
		return supported
	case 0x04:
		return p.Cash() && !unattended
	case 0x05:
		return p.WithCashback()
	case 0x06:
		return same && p.Amount < x
	case 0x07:
		return same && p.Amount > x
	case 0x08:
		return same && p.Amount < y
	case 0x09:
		return same && p.Amount > y
	default:
		return false
	}
}

// OnlineOnly, OfflineOnly and Unattended are what the second digit of the terminal type says (EMV Book 4,
// Annex A1).
func (t *Terminal) OnlineOnly() bool { e := t.Type & 0x0F; return e == 1 || e == 4 }

// OfflineOnly is one that can never ask an issuer.
func (t *Terminal) OfflineOnly() bool { e := t.Type & 0x0F; return e == 3 || e == 6 }

// Unattended is one where nobody but the cardholder is.
func (t *Terminal) Unattended() bool { return t.Type&0x0F >= 4 }

// CashMachine is a terminal of a financial institution, unattended, that dispenses cash (EMV Book 4, Annex A1
// with A3).
func (t *Terminal) CashMachine() bool { return t.cashMachine(t.AdditionalCapabilities) }

func (t *Terminal) cashMachine(additional [5]byte) bool {
	return t.Type>>4 == 1 && t.Unattended() && additional[0]&0x80 != 0
}
