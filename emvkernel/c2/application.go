package c2

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// fciTags are what an FCI may say. The rest belongs to records.
var fciTags = []tlv.Tag{0x50, 0x87, 0x9F38, 0x5F2D, 0x9F11, 0x9F12, 0x9F4D, tagThirdParty}

// application reads the FCI (Book C-2, state 1): not well-formed, or without the name that was selected,
// the application is left to the next one.
func (t *transaction) application() error {
	if t.a.SW != apdu.OK {
		return next(l2StatusBytes, t.a.SW, "SELECT: "+t.a.SW.String())
	}
	const name = "FCI"
	fci, rest, err := tlv.ParseOne(t.a.FCI)
	if err != nil || len(rest) != 0 || fci.Tag != 0x6F {
		return next(l2ParsingError, 0, name+": malformed")
	}
	var adf []byte
	var proprietary bool
	err = tlv.Walk(fci.Value, func(depth int, e tlv.Element) error {
		switch {
		case depth == 0 && e.Tag == 0x84:
			adf = e.Value
		case depth == 0 && e.Tag == 0xA5:
			proprietary = true
		case e.Tag == tagCapabilitiesInfo && len(e.Value) == 3:
			t.o.Set(e.Tag, bytes.Clone(e.Value)...)
		case slices.Contains(fciTags, e.Tag):
			return t.o.FromCard(tlv.Element{Tag: e.Tag, Value: bytes.Clone(e.Value)})
		}
		return nil
	})
	if err != nil {
		return next(l2ParsingError, 0, name+": malformed")
	}
	if !proprietary || !bytes.Equal(adf, t.a.AID) {
		return next(l2CardDataMissing, 0, name+": proprietary template or the selected name missing")
	}
	t.languages = languages(t.o.Get(0x5F2D))
	if info := t.o.Get(tagCapabilitiesInfo); info != nil {
		t.fieldOffWanted = info[1]&0x04 != 0
	}
	return nil
}

// fieldOff is how long the field shall be off, where the card notices (Book C-2, "Application Capabilities
// Information", support for field off detection).
func (t *transaction) fieldOff() time.Duration {
	if !t.fieldOffWanted {
		return 0
	}
	return t.k.FieldOff
}

// signsAAC: the card signs AACs too (application capabilities information, CDA indicator).
func (t *transaction) signsAAC() bool {
	info := t.o.Get(tagCapabilitiesInfo)
	return info != nil && info[1]&0x01 != 0
}

// languages keeps up to four well-formed codes only.
func languages(b []byte) string {
	s := strings.ToLower(string(b))
	if len(s) > 8 || len(s)%2 != 0 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") != "" {
		return ""
	}
	return s
}

// device names the form factor by the third party data (Book C-2, "Third Party Data"): country, unique
// identifier and, unless that one's first bit is set, a device type of two digits. Types as Mastercard's
// list is quoted by acquirers; those from 20 on [unverified].
func (t *transaction) device() string {
	switch t.deviceType() {
	case "":
		return ""
	case "00", "20":
		return "card"
	case "02":
		return "fob"
	case "03", "18", "19", "23":
		return "watch"
	case "05":
		return "wristband"
	case "01", "06", "07", "08", "09", "14", "16", "21":
		return "phone"
	case "10", "11", "12", "13", "15", "17", "22":
		return "tablet"
	default:
		return "device"
	}
}

func (t *transaction) deviceType() string {
	v := t.o.Get(tagThirdParty)
	if len(v) < 6 || v[2]&0x80 != 0 {
		return ""
	}
	return string(v[4:6])
}

var _ tap.Kernel = (*Kernel)(nil)
