package emvkernel

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"smartreader/emvkernel/tlv"
)

// CardData is what the caller may want to know of the card. Secret fields mask themselves; they are
// the transaction's own memory and gone after Wipe.
type CardData struct {
	PAN            Secret // digits
	Track2         Secret // '57' as the card holds it, nil if it has none
	CardholderName Secret // '5F20', nil if the card has none
	ExpiryMonth    int    // 1 to 12
	ExpiryYear     int    // four digits
	PANSequence    string // '5F34', two digits, empty if the card has none
	Last4          string
	Brand          string // as the application is configured; "diners" also by number
	AID            []byte // '84': the card's full name of the application
	Label          string // '50', UTF-8
	PreferredName  string // '9F12', UTF-8, empty if absent or in an alphabet the terminal does not have
	Languages      string // '5F2D': up to four ISO 639 codes, best first, e.g. "deen"; see Language
}

// Card returns what is known of the card. The account is known after ReadData, the rest after
// SelectApplication.
func (t *Transaction) Card() CardData {
	c := CardData{
		Track2:         Secret(t.card[0x57]),
		CardholderName: Secret(t.card[0x5F20]),
		AID:            bytes.Clone(t.card[0x84]),
		Label:          t.selected.label.label,
		PreferredName:  t.selected.label.preferred,
		Languages:      Languages(t.preference()),
	}
	if t.app != nil {
		c.Brand = brandOf(t.app.Brand, t.pan)
	}
	if len(t.pan) >= 4 {
		c.PAN = t.pan
		c.Last4 = string(t.pan[len(t.pan)-4:])
		c.ExpiryMonth, c.ExpiryYear = t.expiry.Month(), t.expiry.Year()
	}
	if s := t.card[0x5F34]; len(s) == 1 {
		c.PANSequence = fmt.Sprintf("%02X", s[0])
	}
	return c
}

// CardDataOf returns what data objects say of a card whose account number is in '5A' or in the track 2 image
// alone. Get returns nil for what the card does not have. The secrets are copies, the caller's to wipe. Where ok is
// false there is no account number, sequence number or expiry date, or one that is malformed or contradicts the
// track: no secret is in c then, but names and languages are.
func CardDataOf(get func(tlv.Tag) []byte, app *Application, term *Terminal) (c CardData, ok bool) {
	names := readLabel([]tlv.Element{{Tag: 0x50, Value: get(0x50)}, {Tag: 0x9F12, Value: get(0x9F12)}}, get(0x9F11), app.additionalCapabilities(term))
	c = CardData{
		AID: bytes.Clone(get(0x84)), Label: names.label, PreferredName: names.preferred, Languages: Languages(get(0x5F2D)),
	}
	if !c.account(get) {
		c.PAN.Wipe()
		c.PAN, c.Last4, c.PANSequence, c.ExpiryYear, c.ExpiryMonth = nil, "", "", 0, 0
		return c, false
	}
	c.Brand = brandOf(app.Brand, c.PAN)
	c.Track2, c.CardholderName = bytes.Clone(get(0x57)), bytes.Clone(get(0x5F20))
	return c, true
}

// account finds account number, sequence number and expiry date. The date of the application counts more than that
// of the track, which has no day.
func (c *CardData) account(get func(tlv.Tag) []byte) bool {
	var expiry Date
	if image := get(0x57); image != nil {
		track, ok := ParseTrack2(image)
		if !ok {
			return false
		}
		c.PAN = track.PAN
		expiry, _ = ParseDate([]byte{track.Expiry[0], track.Expiry[1], 0x01})
	}
	if number := get(0x5A); number != nil {
		pan, ok := AccountNumber(number)
		if !ok || c.PAN != nil && !bytes.Equal(pan, c.PAN) {
			pan.Wipe()
			return false
		}
		c.PAN.Wipe()
		c.PAN = pan
	}
	if day := get(0x5F24); day != nil {
		var ok bool
		if expiry, ok = ParseDate(day); !ok {
			return false
		}
	}
	c.ExpiryYear, c.ExpiryMonth = expiry.Year(), expiry.Month()
	if c.PAN == nil || c.ExpiryMonth < 1 || c.ExpiryMonth > 12 {
		return false
	}
	if s := get(0x5F34); s != nil {
		if !numeric(s, 2) {
			return false
		}
		c.PANSequence = fmt.Sprintf("%02X", s[0])
	}
	c.Last4 = string(c.PAN[len(c.PAN)-4:])
	return true
}

// brandOf tells Diners Club from Discover: the two share one AID, and only the number says which it is.
// Diners Club numbers begin with 300 to 305, 3095, 36, 38 or 39.
func brandOf(application string, pan []byte) string {
	if application != "discover" || len(pan) < 4 || pan[0] != '3' {
		return application
	}
	switch third := pan[2]; pan[1] {
	case '6', '8', '9':
		return "diners"
	case '0':
		if third <= '5' || third == '9' && pan[3] == '5' {
			return "diners"
		}
	}
	return application
}

// Receipt is what a chip card receipt shows.
type Receipt struct {
	AID           []byte
	Label         string
	PreferredName string
	TVR           TVR
	TSI           TSI
	Cryptogram    []byte // eight bytes; nil if the card gave none that can be trusted
	ATC           uint16
	CVM           string // "none", "signature", "online_pin", "offline_pin", "offline_pin_and_signature", "failure"
}

// Receipt returns the receipt data as it stands. The cryptogram is the card's last decision that
// counts: after a completed online payment the second one, after a deferral the first.
func (t *Transaction) Receipt() Receipt {
	r := Receipt{
		AID:           bytes.Clone(t.card[0x84]),
		Label:         t.selected.label.label,
		PreferredName: t.selected.label.preferred,
		TVR:           t.tvr,
		TSI:           t.tsi,
		Cryptogram:    bytes.Clone(t.ac.ac),
		CVM:           t.cvmName(),
	}
	if len(t.ac.atc) == 2 {
		r.ATC = binary.BigEndian.Uint16(t.ac.atc)
	}
	return r
}

func (t *Transaction) cvmName() string {
	switch {
	case len(t.cvmResults) != 3:
		return "none"
	case t.tvr.Has(CVMNotSuccessful), t.cvmResults[2] == resultFailed: // also when it was broken off halfway
		return "failure"
	}
	switch t.cvmResults[0] &^ cvmNextRule {
	case cvmSignature:
		return "signature"
	case cvmOnlinePIN:
		return "online_pin"
	case cvmPlaintextPIN, cvmEncipheredPIN:
		return "offline_pin"
	case cvmPlaintextPINSign, cvmEncipheredSign:
		return "offline_pin_and_signature"
	default:
		return "none"
	}
}
