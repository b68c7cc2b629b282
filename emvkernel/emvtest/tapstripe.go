package emvtest

import (
	"bytes"
	"encoding/binary"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Magnetic stripe mode of Mastercard (EMV Contactless Book C-2, as public sources have it): the card gives
// tracks with places left open in the discretionary data, and for each tap a code for some of these places. Digit 1 is the
// last one. This card's issuer has chosen three digits of the code, three of the unpredictable number and two
// of the counter:
//
//	10  9  8  7  6  5  4  3  2  1
//	 -  A  A  N  N  N  C  C  C  n
//
// and the same places in both tracks. The last digit is for the length of the unpredictable number.
const (
	stripeCode   = 0x000E // '9F65', '9F62': C
	stripeOther  = 0x01F0 // '9F66', '9F63': N and A
	stripeATC    = 2      // '9F67', '9F64': how many of these are A
	stripeDigits = 3      // of the unpredictable number
)

// stripeRecord is the first record of the first file.
func (a *application) stripeRecord() []byte {
	out := a.object(nil, 0x9F6C, 0x00, 0x01)
	if a.tap.mode != "magstripe" {
		return out
	}
	out = a.object(out, 0x9F6B, a.track2()...)
	out = a.object(out, 0x9F65, stripeCode>>8, stripeCode&0xFF)
	out = a.object(out, 0x9F66, stripeOther>>8, stripeOther&0xFF)
	out = a.object(out, 0x9F67, stripeATC)
	track := "B" + string(a.pan) + "^" + a.holder + "^" + a.expiry.Format("0601") + a.serviceCode + "0000000000000"
	out = a.object(out, 0x56, []byte(track)...)
	out = a.object(out, 0x9F62, 0, 0, 0, 0, stripeCode>>8, stripeCode&0xFF)
	out = a.object(out, 0x9F63, 0, 0, 0, 0, stripeOther>>8, stripeOther&0xFF)
	return a.object(out, 0x9F64, stripeATC)
}

// computeChecksum answers COMPUTE CRYPTOGRAPHIC CHECKSUM, once: the data is the numeric unpredictable number
// ('9F6A'), as the list of terminals that find none in the card has it.
func (c *Card) computeChecksum(cmd apdu.Command) apdu.Response {
	app := c.session.app
	switch {
	case app == nil || !c.session.initiated || c.session.generated > 0 || app.tap.kind != tapMastercard || app.tap.mode != "magstripe":
		return status(apdu.ConditionsOfUse)
	case cmd.P1 != 0x8E || cmd.P2 != 0x80:
		return status(apdu.WrongP1P2)
	case len(cmd.Data) != 4:
		return status(apdu.WrongLength)
	}
	c.session.generated = 2
	atc := c.memory(app).ATC
	var out []byte
	for track, tag := range []tlv.Tag{0x9F60, 0x9F61} {
		code := app.stripeCode(byte(track+1), cmd.Data, atc)
		out = app.object(out, tag, byte(code>>8), byte(code))
	}
	out = app.object(out, 0x9F36, byte(atc>>8), byte(atc))
	return success(tlv.Append(nil, 0x77, append(out, c.session.interaction(app)...)...))
}

// stripeCode is the code (CVC3) of a track for one tap. How it is computed is the issuer's business.
func (p *personalised) stripeCode(track byte, number []byte, atc uint16) uint16 {
	data := append([]byte{track}, bytes.Clone(number)...)
	sum := mac(p.master, binary.BigEndian.AppendUint16(data, atc))
	return binary.BigEndian.Uint16(sum[6:])
}
