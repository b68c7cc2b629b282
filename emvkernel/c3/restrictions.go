package c3

import (
	"bytes"
	"encoding/binary"

	"smartreader/emvkernel"
)

// Transaction types, '9C': the first two digits of the ISO 8583:1987 processing code.
const (
	cash         = 0x01
	cashback     = 0x09
	cashByPerson = 0x17 // cash disbursement over the counter
)

// Bits of the application usage control, '9F07' (EMV Book 3, Annex C2), as one number.
const (
	aucCashHome       = 0x8000
	aucCashAbroad     = 0x4000
	aucCashbackHome   = 0x0080
	aucCashbackAbroad = 0x0040
)

// restrict looks for reasons not to let the card approve, and at what it is not for (Book C-3, 5.5). Other data
// than a date or a list of its own the reader does not judge: the card did, when it saw the payment.
func (t *transaction) restrict() error {
	if t.kind == typeTC {
		if t.expired() {
			if t.ctq.has(ctqOnlineIfOld) {
				t.requireOnline("the application expired")
			} else {
				t.decline("the application expired")
			}
		}
		if listed := t.a.Params.ExceptionFile; listed != nil && listed(t.card.PAN, t.card.PANSequence) {
			t.decline("the account is on the exception file")
		}
	}
	if t.declined {
		return nil
	}
	p := &t.a.Params
	switch {
	case p.Type == cash || p.Type == cashByPerson:
		return t.usage("cash", aucCashHome, aucCashAbroad, ctqSwitchCash)
	case p.Type == cashback || p.Cashback > 0:
		return t.usage("cashback", aucCashbackHome, aucCashbackAbroad, ctqSwitchCashback)
	}
	return nil
}

// expired: a card without the date counts as expired (Book C-3, 5.5.1.1). It is good to the end of the day.
func (t *transaction) expired() bool {
	last, ok := emvkernel.ParseDate(t.objects.Get(0x5F24))
	return !ok || emvkernel.DateOf(t.a.Params.Time) > last
}

// usage checks whether the card is for cash, or for cashback, in its issuer's country or abroad (Book C-3,
// 5.5.1.3 and 5.5.1.4). A card that wants to approve by itself must say so; of one that asks for its
// issuer, which sees what is paid for, what it says counts, and nothing is nothing [unverified].
func (t *transaction) usage(what string, home, abroad, change uint16) error {
	auc, issuer := t.objects.Get(0x9F07), t.objects.Get(0x5F28)
	told := len(auc) == 2 && len(issuer) == 2
	if !told && t.kind == typeARQC {
		return nil
	}
	if told {
		allowed := abroad
		if bytes.Equal(issuer, t.objects.Get(0x9F1A)) {
			allowed = home
		}
		if binary.BigEndian.Uint16(auc)&allowed != 0 {
			return nil
		}
	}
	if t.ctq.has(change) {
		return t.elsewhere("the card is not for " + what + " by tap")
	}
	t.decline("the card is not for " + what)
	return nil
}
