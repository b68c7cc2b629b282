package emvtest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"smartreader/emvkernel/tlv"
)

// contactless is what is different of an application when its card is tapped.
type contactless struct {
	kind   string // how the application speaks: one of those below
	entry  []byte // further data objects of its entry in the directory: '9F2A', '42', '9F29'
	pdol   tlv.DOL
	cdol1  tlv.DOL   // of Mastercard
	cvms   []cvmRule // Mastercard: the CVM list; Visa: what the card may ask for with its qualifiers
	ac     string    // the most the card grants: same as by contact, tc, arqc, aac
	device string    // form factor
	cdcvm  string    // the consumer's device verifies the cardholder: no, done, locked
	ctq    [2]byte   // further bits of Visa's card transaction qualifiers
	insert string    // Visa: when the card wants to be inserted: never, cvm, always
	fdda   byte      // version of Visa's fDDA, 00 or 01
	// Visa: the signature's format, and whether it comes with GET PROCESSING OPTIONS or in a record.
	sdadFormat byte
	sdadPlace  string
	relay      relayTimes
	recovers   bool   // RECOVER AC
	mode       string // emv, magstripe
	requestor  string // of the wallet's token: eleven digits
	update     bool   // Visa: takes its issuer's answer at a second tap
	issuer     string // what the issuer answers to a tap without PIN: a decline code, "" or "same"
}

// How an application speaks by tap.
const (
	tapVisa       = "visa"       // qVSDC, kernel 3
	tapMastercard = "mastercard" // kernel 2
	tapListed     = "listed"     // in the directory; to be selected and no more
	tapNo         = "no"
)

// relayTimes are what a card says of itself against relays, in units of 100 microseconds.
type relayTimes struct {
	set                 bool
	low, high, estimate uint16
}

var relayCodec = codec[relayTimes]{
	want: "the least, the most and the transmission time in units of 100 microseconds, such as 20 60 24, or none",
	parse: func(s string) (v relayTimes, ok bool) {
		if s == "none" {
			return v, true
		}
		fields := strings.Fields(s)
		if len(fields) != 3 {
			return v, false
		}
		for i, p := range []*uint16{&v.low, &v.high, &v.estimate} {
			n, err := strconv.ParseUint(fields[i], 10, 16)
			if err != nil {
				return v, false
			}
			*p = uint16(n)
		}
		v.set = true
		return v, true
	},
	text: func(v relayTimes) string {
		if !v.set {
			return "none"
		}
		return fmt.Sprintf("%d %d %d", v.low, v.high, v.estimate)
	},
}

func (v relayTimes) bytes() []byte {
	return []byte{byte(v.low >> 8), byte(v.low), byte(v.high >> 8), byte(v.high), byte(v.estimate >> 8), byte(v.estimate)}
}

// devices are the form factors a profile can name: Visa's in '9F6E' byte 1 (bits 5 to 1), Mastercard's as
// two characters in its own '9F6E' (public lists of both agree on these).
var devices = []struct {
	name       string
	visa       byte
	mastercard string
}{
	{"card", 0x00, "00"}, {"fob", 0x02, "02"}, {"phone", 0x03, "09"}, {"watch", 0x04, "03"},
}

func deviceNames() []string {
	var names []string
	for _, d := range devices {
		names = append(names, d.name)
	}
	return names
}

// formFactor is '9F6E': Visa's form factor indicator (version 1, contactless), or Mastercard's third party
// data (country, no unique identifier, device type, and a zero in place of proprietary data: seven bytes are the
// least with a device type).
func (a *application) formFactor() []byte {
	for _, d := range devices {
		switch {
		case d.name != a.tap.device:
		case a.tap.kind == tapVisa:
			return []byte{0x20 | d.visa, 0x70, 0x00, 0x00}
		default:
			return append(append(append(bcdCode(a.country), 0x00, 0x00), d.mastercard...), 0x00)
		}
	}
	return nil
}

// byTap is the application as it is by tap, in the fields it has by contact.
func (a *application) byTap() *application {
	t := *a
	t.pdol, t.cdol1, t.format, t.cvms = a.tap.pdol, a.tap.cdol1, 0x77, a.tap.cvms
	if a.tap.ac != "same" {
		t.firstAC = a.tap.ac
	}
	t.extraSFI, t.ownPINKey = 0, false
	t.issuerAuthentication = issuerAuthentication{way: "none"}
	if a.tap.kind == tapVisa {
		t.cdol1 = a.tap.pdol // what the cryptogram covers comes with GET PROCESSING OPTIONS
	}
	return &t
}

// sfiDynamic is the file of what is signed anew in each tap.
const sfiDynamic = 6

// personaliseTap makes the contactless face of an application; a is the application byTap.
func personaliseTap(a *application) *personalised {
	p := newPersonalised(a)
	p.face = a.tap.kind
	aip := a.tapInterchangeProfile()
	copy(p.aip[:], a.value(0x82, aip[:]))
	if a.tap.kind == tapVisa {
		p.signed = a.visaSignedRecord()
		if p.signs() {
			p.addRecord(sfiData, 1, p.signed)
			p.afl = append(p.afl, sfiData<<3, 1, 1, 1)
			p.certify()
			p.afl = append(p.afl, sfiDynamic<<3, 1, 1, 0)
		}
	} else {
		p.signed = append(a.signedRecord(), a.tapSignedObjects()...)
		// The first file is for terminals that read magnetic stripes by tap; others need not read it (EMV
		// Contactless Book C-2, "Active AFL").
		p.addRecord(sfiTrack, 1, a.stripeRecord())
		p.addRecord(sfiData, 1, p.signed)
		p.addRecord(sfiData, 2, a.trackRecord())
		p.addRecord(sfiData, 3, a.tapRiskRecord())
		p.afl = append(p.afl, sfiTrack<<3, 1, 1, 0, sfiData<<3, 1, 3, 1)
		if a.oda != "none" {
			p.certify()
		}
	}
	p.damage()
	return p
}

// damage applies the faults of records: to the one with the track where there is one, else to the signed one.
func (p *personalised) damage() {
	signed := recordID{sfiData, 1}
	if p.has(faultStaticData) {
		// The last bit of an action code or of the usage: no terminal decision depends on it.
		r := p.records[signed]
		if i := bytes.Index(r, []byte{0x9F, 0x0D, 0x05}); i >= 0 {
			r[i+7] ^= 0x01
		} else if i := bytes.Index(r, []byte{0x9F, 0x07, 0x02}); i >= 0 {
			r[i+4] ^= 0x01
		}
	}
	at := recordID{sfiTrack, 1}
	switch p.face {
	case tapVisa:
		at = signed
	case tapMastercard:
		at = recordID{sfiData, 2}
	}
	if p.records[at] == nil {
		return // all is in the answer to GET PROCESSING OPTIONS
	}
	if p.has(faultTrailingBytes) {
		p.records[at] = append(p.records[at], 0xAA, 0xBB)
	}
	p.records[at] = p.cut(faultMalformedRecord, p.records[at], 1)
}

// tapInterchangeProfile makes '82' of the tap: byte 1 as by contact; on-device verification and, in byte 2,
// EMV mode and relay resistance are Mastercard's (EMV Contactless Book C-2), magnetic stripe mode Visa's
// (Book C-3).
func (a *application) tapInterchangeProfile() [2]byte {
	if a.tap.kind == tapVisa {
		var aip [2]byte
		if a.signs() {
			aip[0] = 0x20
		}
		if a.tap.mode == "magstripe" {
			return [2]byte{0x00, 0x80}
		}
		return aip
	}
	aip := a.interchangeProfile()
	if a.tap.cdcvm != "no" {
		aip[0] |= 0x02
	}
	if a.tap.mode == "emv" {
		aip[1] |= 0x80
	}
	if a.tap.relay.set {
		aip[1] |= 0x01
	}
	return aip
}

// visaSignedRecord lacks what GET PROCESSING OPTIONS gives already.
func (a *application) visaSignedRecord() []byte {
	out := a.object(nil, 0x5F24, bcdDate(a.expiry)...)
	out = a.object(out, 0x5A, a.pan.compressed(0)...)
	out = a.object(out, 0x9F07, a.usage[:]...)
	out = a.object(out, 0x5F28, bcdCode(a.country)...)
	if a.staticTags {
		out = a.object(out, 0x9F4A, 0x82)
	}
	if a.has(faultDuplicateTag) {
		out = tlv.Append(out, 0x5F24, bcdDate(a.expiry)...)
	}
	return out
}

// tapSignedObjects are those Mastercard's cards have only by tap.
func (a *application) tapSignedObjects() []byte {
	return a.object(nil, 0x9F6E, a.formFactor()...)
}

func (a *application) tapRiskRecord() []byte {
	out := a.object(nil, 0x8C, a.cdol1.Bytes()...)
	out = a.object(out, 0x9F42, bcdCode(a.currency)...)
	out = a.object(out, 0x5F30, hexDigits("0"+a.serviceCode)...)
	out = a.object(out, 0x9F08, a.brand.version[:]...)
	if a.has(faultPadding) {
		out = append(out, 0x00, 0x00, 0x00)
	}
	if a.tap.recovers {
		out = a.object(out, 0x9F51, 0x9F, 0x37, 0x04)
	}
	return append(out, a.tapExtras()...)
}

// tapExtras are unsigned objects: the wallet's token requestor and what a profile adds.
func (a *application) tapExtras() []byte {
	var out []byte
	if a.tap.requestor != "" {
		out = a.object(out, 0x9F19, hexDigits("0"+a.tap.requestor)...)
	}
	for _, e := range a.edits {
		if e.way == editAdd {
			out = tlv.Append(out, e.tag, e.value...)
		}
	}
	return out
}

// tapDirectoryEntry is the application's in the directory of the PPSE (EMV Contactless Book B, 3.3.2): '61'.
func (a *application) tapDirectoryEntry() []byte {
	entry := a.object(nil, 0x4F, a.aid...)
	entry = a.object(entry, 0x50, []byte(a.label)...)
	entry = append(entry, a.priorityIndicator()...)
	return tlv.Append(nil, 0x61, append(entry, a.tap.entry...)...)
}

// tapGives is gives, of the contactless face.
func (a *application) tapGives(tag tlv.Tag) bool {
	if a.tap.kind == tapNo {
		return false
	}
	plain := *a
	plain.edits, plain.faults = nil, nil
	t := plain.byTap()
	contents := [][]byte{t.fileControlInformation(), t.tapDirectoryEntry(), t.tapExtras()}
	var answers []tlv.Tag
	switch a.tap.kind {
	case tapVisa:
		contents = append(contents, t.visaSignedRecord())
		answers = []tlv.Tag{0x57, 0x5F20, 0x5F34, 0x9F26, 0x9F6C, 0x9F6E}
		if a.signs() {
			answers = append(answers, 0x9F69)
		}
	case tapMastercard:
		contents = append(contents, t.stripeRecord(), t.signedRecord(), t.tapSignedObjects(), t.tapRiskRecord())
		if a.tap.cdcvm != "no" {
			answers = []tlv.Tag{tagInteraction}
		}
	}
	return slices.Contains(answers, tag) || slices.ContainsFunc(contents, func(c []byte) bool { return holds(c, tag) })
}

// checkTap finds what no single line of the contactless settings shows.
func (a *application) checkTap() error {
	dol, word := a.tap.pdol, "tap-pdol"
	switch a.tap.kind {
	case tapVisa:
		if dol != nil && !asksFor(dol, tlv.DOLItem{Tag: 0x9F66, Length: 4}) {
			return fmt.Errorf("tap-pdol lacks 9F66:4, by which a Visa card knows the terminal")
		}
	case tapMastercard:
		dol, word = a.tap.cdol1, "tap-cdol1"
	default:
		return nil
	}
	if dol == nil {
		return fmt.Errorf("contactless %s has no %s; write a line %q", a.tap.kind, word, word+" "+leastDOL(a.tap.kind))
	}
	for _, want := range cryptogramTags {
		if !asksFor(dol, want) {
			return fmt.Errorf("%s lacks %s:%d, which the cryptogram is computed over", word, want.Tag, want.Length)
		}
	}
	t := a.byTap()
	for what, content := range map[string][]byte{
		"SELECT by tap": t.fileControlInformation(), "the record with CDOL1 by tap": t.tapRiskRecord(),
		"the record with the stripe":    t.stripeRecord(),
		"the signed record by tap":      append(t.signedRecord(), t.tapSignedObjects()...),
		"GET PROCESSING OPTIONS by tap": t.longestAnswer(),
	} {
		if len(content) > maxRecordBytes {
			return fmt.Errorf("the answer to %s would have %d bytes; %d fit, so make something shorter", what, len(content), maxRecordBytes)
		}
	}
	return nil
}

// leastDOL asks for what a card of the kind cannot do without.
func leastDOL(kind string) string {
	dol := tlv.DOL(cryptogramTags)
	if kind == tapVisa {
		dol = append(tlv.DOL{{Tag: 0x9F66, Length: 4}}, dol...)
	}
	return dataObjects.text(dol)
}

// kindsOf says of the settings by tap with which kinds something comes of them; the others are for all.
var kindsOf = map[string][]string{
	"tap-entry": {tapVisa, tapMastercard, tapListed}, "tap-pdol": {tapVisa, tapMastercard, tapListed},
	"tap-cvm": {tapVisa, tapMastercard}, "tap-ac": {tapVisa, tapMastercard}, "tap-device": {tapVisa, tapMastercard},
	"tap-cdcvm": {tapVisa, tapMastercard}, "tap-mode": {tapVisa, tapMastercard}, "tap-token": {tapVisa, tapMastercard},
	"tap-issuer": {tapVisa, tapMastercard},
	"tap-ctq":    {tapVisa}, "tap-insert": {tapVisa}, "tap-fdda": {tapVisa}, "tap-sdad-format": {tapVisa}, "tap-sdad-place": {tapVisa},
	"tap-update": {tapVisa},
	"tap-cdol1":  {tapMastercard}, "tap-relay": {tapMastercard}, "tap-recovery": {tapMastercard},
}

// checkIdle finds a setting by tap that is another than the brand's and of another kind than the application's.
func (a *application) checkIdle(brand *application) error {
	for _, s := range settings() {
		kinds := kindsOf[s.word]
		if kinds == nil || slices.Contains(kinds, a.tap.kind) || slices.Equal(s.appText(a), s.appText(brand)) {
			continue
		}
		return fmt.Errorf("%s has no effect with \"contactless %s\"; it is for %s, so remove it or write another \"contactless\"", s.word, a.tap.kind, strings.Join(kinds, ", "))
	}
	return nil
}

// longestAnswer is as long as a Visa card's answer to GET PROCESSING OPTIONS can be.
func (a *application) longestAnswer() []byte {
	if a.tap.kind != tapVisa {
		return nil
	}
	p := newPersonalised(a)
	var signature []byte
	if a.signs() && a.tap.sdadPlace == "gpo" {
		signature = make([]byte, a.brand.icc.bits/8+1)
	}
	return p.visaAnswer(acAnswer{iad: make([]byte, iadBytes)}, [2]byte{}, make([]byte, 20), signature)
}

// check of the directory: all of it is in one answer.
func (p *Profile) checkDirectory() error {
	if n := len(p.ppseInformation()); n > maxRecordBytes {
		return fmt.Errorf("the answer to SELECT 2PAY.SYS.DDF01 would have %d bytes and %d fit; write \"contactless no\" for some applications", n, maxRecordBytes)
	}
	return nil
}
