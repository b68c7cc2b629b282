package emvtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"smartreader/emvkernel/tlv"
)

// personalised is an application with the data and keys the personaliser loads into the chip.
type personalised struct {
	*application
	aip     [2]byte
	afl     []byte
	records map[recordID][]byte
	icc     *rsaKey // nil when the card cannot sign
	pinKey  *rsaKey // PINs are enciphered for it; nil when the card has no key for that
	master  [16]byte
	signed  []byte // content of the signed record
	face    string // by tap: how it speaks; else empty
}

type recordID struct{ sfi, number byte }

// Files of an application. The data is spread so that a terminal has to read several files, some of
// them with several records, and only one ordinary record is signed.
const (
	sfiTrack  = 1
	sfiData   = 2
	sfiIssuer = 3
	sfiICC    = 4
	sfiPIN    = 5
)

var (
	goodTerm    = certificateTerm{expiry: [2]byte{0x12, 0x49}, serial: [3]byte{0x00, 0x00, 0x01}}
	expiredTerm = certificateTerm{expiry: [2]byte{0x12, 0x19}, serial: [3]byte{0x00, 0x00, 0x02}}
	revokedTerm = certificateTerm{expiry: [2]byte{0x12, 0x49}, serial: [3]byte{0x00, 0x00, 0x03}}
)

func personalise(a *application) *personalised {
	p := newPersonalised(a)
	aip := a.interchangeProfile()
	copy(p.aip[:], a.value(0x82, aip[:]))
	p.addRecord(sfiTrack, 1, a.trackRecord())
	p.signed = a.signedRecord()
	p.addRecord(sfiData, 1, p.signed)
	p.addRecord(sfiData, 2, a.riskRecord())
	p.afl = append(p.afl, sfiTrack<<3, 1, 1, 0, sfiData<<3, 1, 2, 1)
	if a.extraSFI != 0 {
		p.addRecord(a.extraSFI, 1, tlv.Append(nil, 0x5F50, []byte("example.test")...))
		p.afl = append(p.afl, a.extraSFI<<3, 1, 1, 1)
	}
	if a.oda != "none" {
		p.certify()
	}
	p.damage()
	return p
}

func newPersonalised(a *application) *personalised {
	return &personalised{
		application: a,
		records:     map[recordID][]byte{},
		master:      deriveMasterKey(issuerMasterKey(brandOfNumber(string(a.pan))), string(a.pan), a.sequence),
	}
}

// cut is a fault that takes bytes away from the end.
func (a *application) cut(fault string, b []byte, n int) []byte {
	if a.has(fault) {
		return b[:len(b)-n]
	}
	return b
}

func (p *personalised) addRecord(sfi, number byte, content []byte) {
	p.records[recordID{sfi, number}] = tlv.Append(nil, 0x70, content...)
}

// interchangeProfile makes '82' (EMV Book 3, Annex C1).
func (a *application) interchangeProfile() [2]byte {
	bits := byte(0x08) // terminal risk management is to be performed
	switch a.oda {
	case "sda":
		bits |= 0x40
	case "dda":
		bits |= 0x20
	case "cda":
		bits |= 0x20 | 0x01
	}
	if len(a.cvms) > 0 {
		bits |= 0x10
	}
	if a.issuerAuthentication.way == "external" {
		bits |= 0x04
	}
	return [2]byte{bits, 0x00}
}

// track2 is the track 2 equivalent data '57'.
func (a *application) track2() []byte {
	number := string(a.pan)
	if a.has(faultTrack2) {
		number = otherNumber(number)
	}
	track := number + "D" + a.expiry.Format("0601") + a.serviceCode + "0000000000"
	if len(track)%2 == 1 {
		track += "F"
	}
	return hexDigits(track)
}

func (a *application) trackRecord() []byte {
	var out []byte
	out = a.object(out, 0x57, a.track2()...)
	out = a.object(out, 0x5F20, []byte(a.holder)...)
	if a.has(faultDuplicateTag) {
		out = a.object(out, 0x5F24, bcdDate(a.expiry)...)
	}
	return out
}

func (a *application) signedRecord() []byte {
	var out []byte
	out = a.object(out, 0x5F25, bcdDate(a.effective)...)
	out = a.object(out, 0x5F24, bcdDate(a.expiry)...)
	out = a.object(out, 0x5A, a.pan.compressed(0)...)
	out = a.object(out, 0x5F34, a.sequence)
	out = a.object(out, 0x9F07, a.usage[:]...)
	if len(a.cvms) > 0 {
		out = a.object(out, 0x8E, a.cvmList()...)
	}
	out = a.object(out, 0x9F0D, a.actions.fallback[:]...)
	out = a.object(out, 0x9F0E, a.actions.denial[:]...)
	out = a.object(out, 0x9F0F, a.actions.online[:]...)
	out = a.object(out, 0x5F28, bcdCode(a.country)...)
	if a.staticTags {
		out = a.object(out, 0x9F4A, 0x82)
	}
	return out
}

func (a *application) riskRecord() []byte {
	var out []byte
	out = a.object(out, 0x8C, a.cdol1.Bytes()...)
	out = a.object(out, 0x8D, a.cdol2.Bytes()...)
	if a.signs() {
		out = a.object(out, 0x9F49, a.ddol.Bytes()...)
	}
	out = a.object(out, 0x9F42, bcdCode(a.currency)...)
	out = a.object(out, 0x9F44, 0x02)
	out = a.object(out, 0x5F30, hexDigits("0"+a.serviceCode)...)
	out = a.object(out, 0x9F08, a.brand.version[:]...)
	if a.has(faultPadding) {
		out = append(out, 0x00, 0x00, 0x00)
	}
	if a.offline.set {
		out = a.object(out, 0x9F14, a.offline.lower)
		out = a.object(out, 0x9F23, a.offline.upper)
	}
	for _, e := range a.edits {
		if e.way == editAdd {
			out = tlv.Append(out, e.tag, e.value...)
		}
	}
	return out
}

func (a *application) cvmList() []byte {
	var out []byte
	for _, v := range a.cvmAmounts {
		out = append(out, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	for _, rule := range a.cvms {
		out = append(out, rule.code, rule.condition)
	}
	return out
}

// certify adds the records with certificates and, for SDA, the static signature.
func (p *personalised) certify() {
	ca, issuer := findKey(p.brand.caSpec()), findKey(p.brand.issuerSpec())
	identifier := [4]byte(p.pan[:6].compressed(4))
	certificate, remainder := issuerCertificate(ca, issuer, identifier, p.term(issuerCertified), p.flaw(issuerCertified))
	head := p.object(nil, 0x8F, p.brand.key())
	head = p.object(head, 0x9F32, issuer.exponent()...)
	if len(remainder) > 0 {
		head = p.object(head, 0x92, remainder...)
	}
	p.addRecord(sfiIssuer, 1, head)
	p.addRecord(sfiIssuer, 2, p.object(nil, 0x90, certificate...))
	p.afl = append(p.afl, sfiIssuer<<3, 1, 2, 0)
	if p.ownPINKey {
		p.certifyPINKey(issuer)
	}

	if p.oda == "sda" {
		signature := signStatic(issuer, [2]byte{0xDA, 0xC0}, p.staticData(), p.flaw(staticSigned))
		p.addRecord(sfiICC, 1, p.object(nil, 0x93, signature...))
		p.afl = append(p.afl, sfiICC<<3, 1, 1, 0)
		return
	}
	p.icc = findKey(p.iccSpec())
	if !p.ownPINKey {
		p.pinKey = p.icc
	}
	certificate, remainder = iccCertificate(issuer, p.icc, [10]byte(p.pan.compressed(10)), p.term(iccCertified), p.staticData(), p.flaw(iccCertified))
	tail := p.object(nil, 0x9F47, p.icc.exponent()...)
	if len(remainder) > 0 {
		tail = p.object(tail, 0x9F48, remainder...)
	}
	p.addRecord(sfiICC, 1, p.object(nil, 0x9F46, certificate...))
	p.addRecord(sfiICC, 2, tail)
	p.afl = append(p.afl, sfiICC<<3, 1, 2, 0)
}

// certifyPINKey adds the certificate of a key for PINs, which vouches for no static data (EMV Book 2,
// "PIN encipherment").
func (p *personalised) certifyPINKey(issuer *rsaKey) {
	p.pinKey = findKey(p.pinSpec())
	certified := p.pinKey
	if p.has(faultPINKeyShort) {
		certified = deriveKey(keySpec{"pin/short", keySize{128, 3}})
	}
	certificate, remainder := iccCertificate(issuer, certified, [10]byte(p.pan.compressed(10)), p.term(pinCertified), nil, p.flaw(pinCertified))
	tail := p.object(nil, 0x9F2E, certified.exponent()...)
	if len(remainder) > 0 {
		tail = p.object(tail, 0x9F2F, remainder...)
	}
	p.addRecord(sfiPIN, 1, p.object(nil, 0x9F2D, certificate...))
	p.addRecord(sfiPIN, 2, tail)
	p.afl = append(p.afl, sfiPIN<<3, 1, 2, 0)
}

// term is when a certificate ends, and its number.
func (a *application) term(certificate string) certificateTerm {
	switch {
	case a.flaw(certificate) == flawExpired:
		return expiredTerm
	case certificate == issuerCertified && a.has(faultRevoked):
		return revokedTerm
	}
	return goodTerm
}

// staticData is the static data to be authenticated (EMV Book 3, 10.3): of files 1 to 10 the content of
// template '70', of the others the whole record, then the AIP if '9F4A' says so.
func (p *personalised) staticData() []byte {
	out := bytes.Clone(p.signed)
	if p.extraSFI != 0 {
		out = append(out, p.records[recordID{p.extraSFI, 1}]...)
	}
	if p.staticTags {
		out = append(out, p.aip[:]...)
	}
	return out
}

// otherNumber is a card number of the same issuer that is not this card's.
func otherNumber(number string) string {
	b := []byte(number)
	slices.Reverse(b[8:])
	if string(b) == number {
		b[8] = '0' + (b[8]-'0'+1)%10
	}
	return string(b)
}

func bcdDate(t time.Time) []byte { return hexDigits(t.Format("060102")) }

func bcdCode(v uint16) []byte { return hexDigits(fmt.Sprintf("%04d", v)) }

// hexDigits packs an even number of hexadecimal digits.
func hexDigits(s string) []byte {
	out := make([]byte, len(s)/2)
	for i := range out {
		out[i] = byte(strings.IndexByte("0123456789ABCDEF", s[2*i])<<4 | strings.IndexByte("0123456789ABCDEF", s[2*i+1]))
	}
	return out
}
