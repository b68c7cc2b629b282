package emvtest

import (
	"fmt"

	"smartreader/emvkernel/tlv"
)

// cryptogramTags are the terminal's data in the application cryptogram, in its order. CDOL1 must ask
// for all of them.
var cryptogramTags = []tlv.DOLItem{
	{Tag: 0x9F02, Length: 6}, // amount authorised
	{Tag: 0x9F03, Length: 6}, // amount other
	{Tag: 0x9F1A, Length: 2}, // terminal country
	{Tag: 0x95, Length: 5},   // terminal verification results
	{Tag: 0x5F2A, Length: 2}, // currency
	{Tag: 0x9A, Length: 3},   // date
	{Tag: 0x9C, Length: 1},   // transaction type
	{Tag: 0x9F37, Length: 4}, // unpredictable number
}

// check finds what no single line shows.
func (a *application) check() error {
	if a.pan == "" {
		return fmt.Errorf("the application has no card number; write a line \"pan 4242424242424242\"")
	}
	if b := brandOfNumber(string(a.pan)); b == nil || b != a.brand && !a.brand.national {
		return fmt.Errorf("the card number does not begin like one of %s; change \"pan\" or the application's brand", a.brand.name)
	}
	if string(a.aid[:5]) != string(a.brand.rid[:]) {
		return fmt.Errorf("aid %X does not begin with the RID of %s, %X", a.aid, a.brand.name, a.brand.rid)
	}
	for _, want := range cryptogramTags {
		if !asksFor(a.cdol1, want) {
			return fmt.Errorf("cdol1 lacks %s:%d, which the cryptogram is computed over", want.Tag, want.Length)
		}
	}
	unpredictable := tlv.DOLItem{Tag: 0x9F37, Length: 4}
	if !asksFor(a.cdol2, unpredictable) {
		return fmt.Errorf("cdol2 lacks 9F37:4")
	}
	if !asksFor(a.cdol2, tlv.DOLItem{Tag: 0x8A, Length: 2}) {
		return fmt.Errorf("cdol2 lacks 8A:2; without it the card cannot tell an answer from a failure to get one")
	}
	if a.ddol == nil {
		return fmt.Errorf("ddol may not be none; write \"ddol 9F37:4\"")
	}
	inSecond := asksFor(a.cdol2, tlv.DOLItem{Tag: 0x91, Length: 10})
	if want := a.issuerAuthentication.way == "second-ac"; inSecond != want {
		if want {
			return fmt.Errorf("issuer-authentication second-ac needs 91:10 in cdol2")
		}
		return fmt.Errorf("cdol2 asks for 91:10; write \"issuer-authentication second-ac\"")
	}
	if a.ownPINKey && a.oda == "none" {
		return fmt.Errorf("pin-key own needs an issuer certificate; write \"oda dda\", \"oda cda\" or \"oda sda\"")
	}
	if a.oda == "cda" && a.format == 0x80 {
		return fmt.Errorf("a cda card answers in format 77; format 80 has no place for the signature")
	}
	if _, ok := a.preferredName(); !ok {
		return fmt.Errorf("preferred-name has a character that is not in part %d of ISO/IEC 8859; write another \"code-table\"", a.codeTable)
	}
	if err := a.checkEdits(); err != nil {
		return err
	}
	for what, content := range map[string][]byte{
		"SELECT": a.fileControlInformation(), "the record with CDOL1": a.riskRecord(), "the signed record": a.signedRecord(),
	} {
		if len(content) > maxRecordBytes {
			return fmt.Errorf("the answer to %s would have %d bytes; %d fit, so make something shorter", what, len(content), maxRecordBytes)
		}
	}
	if err := a.checkTap(); err != nil {
		return err
	}
	return a.checkFaults()
}

// maxRecordBytes leaves room for the template around it: an answer has at most 256 bytes.
const maxRecordBytes = 250

// check finds what no single application shows.
func (p *Profile) check() error {
	if err := p.checkDirectory(); err != nil {
		return err
	}
	if !p.oneRecord {
		return nil
	}
	size := 0
	for _, a := range p.applications {
		size += len(tlv.Append(nil, 0x61, a.directoryEntry()...))
	}
	if size > maxRecordBytes {
		return fmt.Errorf("directory one: the record would have %d bytes and %d fit; write \"directory each\"", size, maxRecordBytes)
	}
	return nil
}

func asksFor(dol tlv.DOL, want tlv.DOLItem) bool {
	for _, item := range dol {
		if item == want {
			return true
		}
	}
	return false
}
