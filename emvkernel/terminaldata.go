package emvkernel

import (
	"encoding/binary"
	"strings"

	"smartreader/emvkernel/tlv"
)

// terminalData returns a data object whose source is the terminal or, passed on by it, the issuer.
// owned is true for every such tag, even when there is no value now: the card must never be able to
// supply it, or it could sign its own amount, date or approval.
func (t *Transaction) terminalData(tag tlv.Tag) (value []byte, owned bool) {
	if v, owned := TerminalObject(&t.cfg.Terminal, &t.params, tag); owned {
		return v, true
	}
	switch tag {
	case 0x9F1A:
		return CountryObject(t.country()), true
	case 0x9F33:
		c := t.capabilities()
		return c[:], true
	case 0x9F40:
		c := t.additionalCapabilities()
		return c[:], true
	case 0x9F37:
		return t.params.UnpredictableNumber[:], true
	case 0x9F39:
		return []byte{0x05}, true // chip read

	case 0x95:
		return t.tvr[:], true
	case 0x9B:
		return t.tsi[:], true
	case 0x9F34:
		return t.cvmResults, true
	case 0x8A:
		return t.arc, true
	case 0x91:
		return t.issuer, true
	case 0x98:
		return t.tcHash, true
	case 0x9F5B:
		return t.scripts, true
	case 0x71, 0x72, 0x9F1D, 0x9F66:
		return nil, true
	}
	if t.app == nil {
		return nil, tag == 0x9F06 || tag == 0x9F09 || tag == 0x9F1B
	}
	switch tag {
	case 0x9F06:
		// The name that was selected, not the beginning of it the terminal lists: after a partial match
		// only that one says which application it is [unverified].
		return t.selected.name, true
	case 0x9F09:
		return t.app.Version[:], true
	case 0x9F1B:
		return binary.BigEndian.AppendUint32(nil, uint32(t.app.floorLimit(t.params.Currency))), true
	}
	return nil, false
}

// TerminalObject returns a data object of terminal and payment that is the same for every application and
// interface; owned is true for every such tag, even when there is no value: no card may give it. The value is
// not to be changed, it may be the terminal's own.
func TerminalObject(term *Terminal, p *Params, tag tlv.Tag) (value []byte, owned bool) {
	switch tag {
	case 0x9F01:
		return term.AcquirerID, true
	case 0x9F15:
		return Number(int64(term.MCC), 2), true
	case 0x9F16:
		return text(term.MerchantID, 15), true
	case 0x9F1C:
		return text(term.TerminalID, 8), true
	case 0x9F1E:
		return []byte(term.SerialNumber), true
	case 0x9F35:
		return []byte{term.Type}, true
	case 0x9F4E:
		return []byte(term.MerchantName), true

	case 0x81:
		return binaryAmount(p.Amount), true
	case 0x9F02:
		return Number(p.Amount, 6), true
	case 0x9F03:
		return Number(p.Cashback, 6), true
	case 0x9F04:
		return binaryAmount(p.Cashback), true
	case 0x5F2A:
		return Number(int64(p.Currency), 2), true
	case 0x5F36:
		return []byte{p.Exponent}, true
	case 0x9A:
		return Number(int64(p.Time.Year()%100*10000+int(p.Time.Month())*100+p.Time.Day()), 3), true
	case 0x9F21:
		return Number(int64(p.Time.Hour()*10000+p.Time.Minute()*100+p.Time.Second()), 3), true
	case 0x9C:
		return []byte{p.Type}, true
	case 0x9F41:
		return Number(int64(p.Counter), 4), true

	// Nobody here has them: type of account, script command, authorization code, enciphered PIN, key index of
	// the terminal, amount, currency and exponent of reference.
	case 0x5F57, 0x86, 0x89, 0x99, 0x9F22, 0x9F3A, 0x9F3C, 0x9F3D:
		return nil, true
	}
	return nil, false
}

// CountryObject codes an ISO 3166-1 numeric code as '9F1A' and '5F28' have it.
func CountryObject(country uint16) []byte { return Number(int64(country), 2) }

// value returns a data object for a data object list: the terminal's where it owns the tag, else the
// card's. Nil means there is none.
func (t *Transaction) value(tag tlv.Tag) []byte {
	if v, owned := t.terminalData(tag); owned {
		return v
	}
	return t.card[tag]
}

// keep stores a copy of a data object of the card, unless it is a template or the terminal's own.
func (t *Transaction) keep(e tlv.Element) {
	if e.Tag.Constructed() {
		return
	}
	if _, owned := t.terminalData(e.Tag); owned {
		return
	}
	if _, have := t.card[e.Tag]; have {
		return // the FCI has the first word on what it may say; records cannot repeat a tag
	}
	t.card[e.Tag] = e.Value // of an answer that is the kernel's own copy
}

// note marks a data object of the processing options or a record as given. A primitive one that comes
// a second time ends the transaction (EMV Book 3, 10.2).
func (t *Transaction) note(e tlv.Element) error {
	if t.seen[e.Tag] {
		return terminate("card gives tag " + e.Tag.String() + " twice")
	}
	t.seen[e.Tag] = !e.Tag.Constructed()
	return nil
}

// Bits of the terminal capabilities, '9F33' (EMV Book 4, Annex A2).
const (
	canPlaintextPIN  = 0x80 // byte 2
	canOnlinePIN     = 0x40
	canSignature     = 0x20
	canEncipheredPIN = 0x10
	canNoCVM         = 0x08
	canSDA           = 0x80 // byte 3
	canDDA           = 0x40
	canCDA           = 0x08
)

// country is '9F1A' for the application in use. Before one is selected it is the terminal's.
func (t *Transaction) country() uint16 {
	if t.app != nil && t.app.Country != 0 {
		return t.app.Country
	}
	return t.cfg.Terminal.Country
}

// capabilities returns '9F33' as it holds for this payment: one configuration may serve readers with and
// without PIN pad, and a payment nobody can verify an online PIN for, as nobody ever can on an offline-only
// terminal. Claiming an online PIN without being able to ask for one would make a card pass over the rule it
// would have fallen back to.
func (t *Transaction) capabilities() [3]byte {
	c := t.cfg.Terminal.Capabilities
	if t.app != nil {
		c = t.app.capabilities(&t.cfg.Terminal)
	}
	if t.params.PINPad == nil {
		c[1] &^= canPlaintextPIN | canEncipheredPIN | canOnlinePIN
	}
	if t.params.NoOnlinePIN || t.cfg.Terminal.OfflineOnly() {
		c[1] &^= canOnlinePIN
	}
	return c
}

// additionalCapabilities is '9F40' for the application in use.
func (t *Transaction) additionalCapabilities() [5]byte {
	if t.app == nil {
		return t.cfg.Terminal.AdditionalCapabilities
	}
	return t.app.additionalCapabilities(&t.cfg.Terminal)
}

// additionalCapabilities returns '9F40' for an application, selected or not, on the terminal.
func (a *Application) additionalCapabilities(t *Terminal) [5]byte {
	if a.AdditionalCapabilities != nil {
		return *a.AdditionalCapabilities
	}
	return t.AdditionalCapabilities
}

// binaryAmount is four bytes; an amount beyond them is left out, and the card gets zeros, rather than
// a wrong one [unverified]. Cards ask for '9F02'.
func binaryAmount(n int64) []byte {
	if n > 1<<32-1 {
		return nil
	}
	return binary.BigEndian.AppendUint32(nil, uint32(n))
}

// Number codes n, which is not negative, as size bytes of two digits each; digits that do not fit are left out.
func Number(n int64, size int) []byte {
	out := make([]byte, size)
	for i := size - 1; i >= 0; i-- {
		out[i] = byte(n/10%10)<<4 | byte(n%10)
		n /= 100
	}
	return out
}

// text fills a fixed-length identifier with spaces, as the authorization message carries it; none
// stays none.
func text(s string, size int) []byte {
	if s == "" {
		return nil
	}
	return []byte(s + strings.Repeat(" ", max(0, size-len(s))))
}
