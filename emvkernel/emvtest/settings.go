package emvtest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smartreader/emvkernel/tlv"
)

// settings is the profile format, in the order Text writes it. It is a function because the table
// refers to itself through the errors that list its words.
func settings() []setting {
	return []setting{
		cardSetting("name", func(p *Profile) *string { return &p.Name }, printable(1, 64)),
		cardSetting("about", func(p *Profile) *string { return &p.About }, printable(1, 200)),
		cardSetting("pse", func(p *Profile) *bool { return &p.pse }, yesNo),
		cardSetting("transport", func(p *Profile) *bool { return &p.t0 }, either("t0", "t1")),
		cardSetting("gpo-needs-le", func(p *Profile) *bool { return &p.gpoNeedsLe }, yesNo),
		cardSetting("blocked", func(p *Profile) *bool { return &p.blocked }, yesNo),
		cardSetting("directory", func(p *Profile) *bool { return &p.oneRecord }, either("one", "each")),
		statusSetting, pullSetting, delaySetting,
		cardSetting("ppse", func(p *Profile) *string { return &p.ppse }, oneOf("yes", "no", "empty", "malformed")),
		tearSetting,
		cardSetting("air-time", func(p *Profile) *time.Duration { return &p.airTime }, airTime),
		paymentSetting,
		scriptSetting,
		expectSetting(expectFirst), expectSetting(expectOnline), expectSetting(expectDeferred), expectSetting(expectUnable),
		tapExpectSetting,
		cardSetting("expect-name", func(p *Profile) *string { return &p.expectedName }, unicodeText(1, 16)),

		appSetting("aid", func(a *application) *[]byte { return &a.aid }, hexBytes(5, 16)),
		appSetting("label", func(a *application) *string { return &a.label }, printable(1, 16)),
		appSetting("preferred-name", func(a *application) *string { return &a.preferred }, orNone(unicodeText(1, 16))),
		appSetting("code-table", func(a *application) *byte { return &a.codeTable }, number(1, 10)),
		appSetting("discretionary", func(a *application) *[]byte { return &a.discretionary }, dataObjectBytes),
		appSetting("priority", func(a *application) *byte { return &a.priority }, number(0, 15)),
		appSetting("confirm", func(a *application) *bool { return &a.confirm }, yesNo),
		appSetting("application-blocked", func(a *application) *bool { return &a.blocked }, yesNo),
		appSetting("pan", func(a *application) *pan { return &a.pan }, cardNumber),
		appSetting("sequence", func(a *application) *byte { return &a.sequence }, bcd),
		appSetting("holder", func(a *application) *string { return &a.holder }, printable(2, 26)),
		appSetting("effective", func(a *application) *time.Time { return &a.effective }, date),
		appSetting("expiry", func(a *application) *time.Time { return &a.expiry }, date),
		appSetting("service-code", func(a *application) *string { return &a.serviceCode }, digits(3)),
		appSetting("country", func(a *application) *uint16 { return &a.country }, numeric),
		appSetting("currency", func(a *application) *uint16 { return &a.currency }, numeric),
		appSetting("language", func(a *application) *string { return &a.language }, languages),
		appSetting("usage", func(a *application) *[2]byte { return &a.usage }, usage),
		cvmSetting("cvm", func(a *application) *[]cvmRule { return &a.cvms }),
		appSetting("cvm-amounts", func(a *application) *[2]uint32 { return &a.cvmAmounts }, amounts),
		appSetting("pin", func(a *application) *string { return &a.pin }, pinDigits),
		appSetting("pin-tries", func(a *application) *byte { return &a.pinTries }, number(0, 15)),
		appSetting("pin-key", func(a *application) *bool { return &a.ownPINKey }, either("own", "shared")),
		appSetting("used", func(a *application) *counters { return &a.used }, usedCounters),
		appSetting("offline-limits", func(a *application) *offlineLimits { return &a.offline }, consecutive),
		appSetting("action-denial", func(a *application) *[5]byte { return &a.actions.denial }, actionCode),
		appSetting("action-online", func(a *application) *[5]byte { return &a.actions.online }, actionCode),
		appSetting("action-default", func(a *application) *[5]byte { return &a.actions.fallback }, actionCode),
		appSetting("oda", func(a *application) *string { return &a.oda }, oneOf("dda", "cda", "sda", "none")),
		appSetting("format", func(a *application) *byte { return &a.format }, oneByteOf(0x77, 0x80)),
		appSetting("static-tag-list", func(a *application) *bool { return &a.staticTags }, yesNo),
		appSetting("signed-extra", func(a *application) *byte { return &a.extraSFI }, extraFile),
		appSetting("pdol", func(a *application) *tlv.DOL { return &a.pdol }, dataObjects),
		appSetting("cdol1", func(a *application) *tlv.DOL { return &a.cdol1 }, dataObjects),
		appSetting("cdol2", func(a *application) *tlv.DOL { return &a.cdol2 }, dataObjects),
		appSetting("ddol", func(a *application) *tlv.DOL { return &a.ddol }, dataObjects),
		appSetting("issuer-authentication", func(a *application) *issuerAuthentication { return &a.issuerAuthentication }, authentication),
		appSetting("first-ac", func(a *application) *string { return &a.firstAC }, oneOf("tc", "arqc", "aac")),
		appSetting("second-ac", func(a *application) *string { return &a.secondAC }, oneOf("tc", "aac")),
		appSetting("reason", func(a *application) *string { return &a.reason }, oneOf(reasonWords()...)),
		appSetting("scripts", func(a *application) *bool { return &a.scripts }, yesNo),
		appSetting("issuer", func(a *application) *string { return &a.decline }, issuerAnswer),
		appSetting("contactless", func(a *application) *string { return &a.tap.kind }, oneOf(tapVisa, tapMastercard, tapListed, tapNo)),
		appSetting("tap-entry", func(a *application) *[]byte { return &a.tap.entry }, dataObjectBytes),
		appSetting("tap-pdol", func(a *application) *tlv.DOL { return &a.tap.pdol }, dataObjects),
		appSetting("tap-cdol1", func(a *application) *tlv.DOL { return &a.tap.cdol1 }, dataObjects),
		cvmSetting("tap-cvm", func(a *application) *[]cvmRule { return &a.tap.cvms }),
		appSetting("tap-ac", func(a *application) *string { return &a.tap.ac }, oneOf("same", "tc", "arqc", "aac")),
		appSetting("tap-device", func(a *application) *string { return &a.tap.device }, oneOf(deviceNames()...)),
		appSetting("tap-cdcvm", func(a *application) *string { return &a.tap.cdcvm }, oneOf("no", "done", "locked")),
		appSetting("tap-ctq", func(a *application) *[2]byte { return &a.tap.ctq }, twoBytes),
		appSetting("tap-insert", func(a *application) *string { return &a.tap.insert }, oneOf("never", "cvm", "always")),
		appSetting("tap-fdda", func(a *application) *byte { return &a.tap.fdda }, oneByteOf(0x00, 0x01)),
		appSetting("tap-sdad-format", func(a *application) *byte { return &a.tap.sdadFormat }, oneByteOf(formatSDAD, formatFastSDAD)),
		appSetting("tap-sdad-place", func(a *application) *string { return &a.tap.sdadPlace }, oneOf("gpo", "record")),
		appSetting("tap-relay", func(a *application) *relayTimes { return &a.tap.relay }, relayCodec),
		appSetting("tap-recovery", func(a *application) *bool { return &a.tap.recovers }, yesNo),
		appSetting("tap-mode", func(a *application) *string { return &a.tap.mode }, oneOf("emv", "magstripe")),
		appSetting("tap-update", func(a *application) *bool { return &a.tap.update }, yesNo),
		appSetting("tap-token", func(a *application) *string { return &a.tap.requestor }, orNone(digits(11))),
		appSetting("tap-issuer", func(a *application) *string { return &a.tap.issuer }, tapIssuerAnswer),
		tagListSetting(editOmit), tagListSetting(editRepeat), tagValueSetting(editReplace), tagValueSetting(editAdd),
		faultSetting,
	}
}

func orNone(c codec[string]) codec[string] {
	return codec[string]{
		want: c.want + ", or none",
		parse: func(s string) (string, bool) {
			if s == "none" {
				return "", true
			}
			return c.parse(s)
		},
		text: func(v string) string {
			if v == "" {
				return "none"
			}
			return v
		},
	}
}

var cardNumber = codec[pan]{
	want:  "12 to 19 digits with a right check digit",
	parse: func(s string) (pan, bool) { return pan(s), pan(s).validLuhn() },
	text:  func(v pan) string { return string(v) },
}

var pinDigits = codec[string]{
	want:  "4 to 12 digits",
	parse: func(s string) (string, bool) { return s, len(s) >= 4 && len(s) <= 12 && allDigits(s) },
	text:  func(v string) string { return v },
}

var languages = codec[string]{
	want: "one to four two-letter codes without spaces, such as ende",
	parse: func(s string) (string, bool) {
		lower := strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
		return s, lower && (len(s) == 2 || len(s) == 4 || len(s) == 6 || len(s) == 8)
	},
	text: func(v string) string { return v },
}

// usageBits names the bits of the application usage control ('9F07'), byte 1 first.
var usageBits = []struct {
	word string
	bit  uint16
}{
	{"domestic-cash", 0x8000}, {"international-cash", 0x4000},
	{"domestic-goods", 0x2000}, {"international-goods", 0x1000},
	{"domestic-services", 0x0800}, {"international-services", 0x0400},
	{"atm", 0x0200}, {"terminals", 0x0100},
	{"domestic-cashback", 0x0080}, {"international-cashback", 0x0040},
}

var usage = codec[[2]byte]{
	want: "all, none, or words like domestic-goods terminals",
	parse: func(s string) ([2]byte, bool) {
		switch s {
		case "all":
			return [2]byte{0xFF, 0xC0}, true
		case "none":
			return [2]byte{}, true
		case "":
			return [2]byte{}, false
		}
		var v uint16
		for _, word := range strings.Fields(s) {
			bit := uint16(0)
			for _, u := range usageBits {
				if u.word == word {
					bit = u.bit
				}
			}
			if bit == 0 {
				return [2]byte{}, false
			}
			v |= bit
		}
		return [2]byte{byte(v >> 8), byte(v)}, true
	},
	text: func(b [2]byte) string {
		v := uint16(b[0])<<8 | uint16(b[1])
		switch v {
		case 0:
			return "none"
		case 0xFFC0:
			return "all"
		}
		var words []string
		for _, u := range usageBits {
			if v&u.bit != 0 {
				words = append(words, u.word)
			}
		}
		return strings.Join(words, " ")
	},
}

var amounts = codec[[2]uint32]{
	want: "two amounts in minor units, such as 5000 0",
	parse: func(s string) (v [2]uint32, ok bool) {
		fields := strings.Fields(s)
		if len(fields) != len(v) {
			return v, false
		}
		for i, f := range fields {
			n, err := strconv.ParseUint(f, 10, 32)
			if err != nil {
				return v, false
			}
			v[i] = uint32(n)
		}
		return v, true
	},
	text: func(v [2]uint32) string { return fmt.Sprintf("%d %d", v[0], v[1]) },
}

var consecutive = codec[offlineLimits]{
	want: "two numbers from 0 to 255, the lower one first, or none",
	parse: func(s string) (v offlineLimits, ok bool) {
		if s == "none" {
			return v, true
		}
		fields := strings.Fields(s)
		if len(fields) != 2 {
			return v, false
		}
		lower, err1 := strconv.ParseUint(fields[0], 10, 8)
		upper, err2 := strconv.ParseUint(fields[1], 10, 8)
		return offlineLimits{true, byte(lower), byte(upper)}, err1 == nil && err2 == nil && lower <= upper
	},
	text: func(v offlineLimits) string {
		if !v.set {
			return "none"
		}
		return fmt.Sprintf("%d %d", v.lower, v.upper)
	},
}

var usedCounters = codec[counters]{
	want: "the counter of the last payment and of the last one online, such as 7 5",
	parse: func(s string) (v counters, ok bool) {
		fields := strings.Fields(s)
		if len(fields) != 2 {
			return v, false
		}
		last, err1 := strconv.ParseUint(fields[0], 10, 16)
		online, err2 := strconv.ParseUint(fields[1], 10, 16)
		return counters{uint16(last), uint16(online)}, err1 == nil && err2 == nil && online <= last
	},
	text: func(v counters) string { return fmt.Sprintf("%d %d", v.last, v.online) },
}

// dataObjectBytes are whole data objects of the issuer's own.
var dataObjectBytes = codec[[]byte]{
	want: "data objects in hexadecimal, up to 32 bytes, such as 9F4D020B0A, or none",
	parse: func(s string) ([]byte, bool) {
		if s == "none" {
			return nil, true
		}
		b, err := hex.DecodeString(s)
		if err != nil || len(b) == 0 || len(b) > maxEditBytes {
			return nil, false
		}
		_, err = tlv.Parse(b)
		return b, err == nil
	},
	text: func(v []byte) string {
		if len(v) == 0 {
			return "none"
		}
		return fmt.Sprintf("%X", v)
	},
}

var extraFile = codec[byte]{
	want: "a number from 11 to 30, or none",
	parse: func(s string) (byte, bool) {
		if s == "none" {
			return 0, true
		}
		return number(11, 30).parse(s)
	},
	text: func(v byte) string {
		if v == 0 {
			return "none"
		}
		return strconv.Itoa(int(v))
	},
}

// maxDOLBytes keeps every record and every command within one APDU.
const maxDOLBytes = 60

var dataObjects = codec[tlv.DOL]{
	want: "tags and lengths such as 9F02:6 5F2A:2, or none",
	parse: func(s string) (tlv.DOL, bool) {
		if s == "none" {
			return nil, true
		}
		var dol tlv.DOL
		for _, word := range strings.Fields(s) {
			left, right, _ := strings.Cut(word, ":")
			tag, err := strconv.ParseUint(left, 16, 24)
			n, err2 := strconv.Atoi(right)
			if err != nil || err2 != nil || !tlv.Tag(tag).Valid() || n < 1 || n > 0x7F {
				return nil, false
			}
			dol = append(dol, tlv.DOLItem{Tag: tlv.Tag(tag), Length: n})
		}
		return dol, len(dol) > 0 && len(dol.Bytes()) <= maxDOLBytes && dol.Size() <= 200
	},
	text: func(dol tlv.DOL) string {
		var words []string
		for _, item := range dol {
			words = append(words, fmt.Sprintf("%s:%d", item.Tag, item.Length))
		}
		if words == nil {
			return "none"
		}
		return strings.Join(words, " ")
	},
}

var twoBytes = codec[[2]byte]{
	want: "2 bytes in hexadecimal such as 2000",
	parse: func(s string) ([2]byte, bool) {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 2 {
			return [2]byte{}, false
		}
		return [2]byte(b), true
	},
	text: func(v [2]byte) string { return fmt.Sprintf("%X", v) },
}

// tapIssuerAnswer is a decline code, or empty for the same answer as to a card that was inserted.
var tapIssuerAnswer = codec[string]{
	want: "same, or decline and a code: " + strings.Join(declineCodes(), ", "),
	parse: func(s string) (string, bool) {
		if s == "same" {
			return "", true
		}
		code, ok := strings.CutPrefix(s, "decline ")
		return code, ok && responseCodes[code] != ""
	},
	text: func(v string) string {
		if v == "" {
			return "same"
		}
		return "decline " + v
	},
}

// oneByteOf reads one of two bytes, in hexadecimal.
func oneByteOf(one, other byte) codec[byte] {
	return codec[byte]{
		want: fmt.Sprintf("%02X or %02X", one, other),
		parse: func(s string) (byte, bool) {
			switch s {
			case fmt.Sprintf("%02X", one):
				return one, true
			case fmt.Sprintf("%02X", other):
				return other, true
			}
			return 0, false
		},
		text: func(v byte) string { return fmt.Sprintf("%02X", v) },
	}
}

var authentication = codec[issuerAuthentication]{
	want: "external, second-ac or none, and after a space required where the card insists",
	parse: func(s string) (issuerAuthentication, bool) {
		way, required := strings.CutSuffix(s, " required")
		_, ok := oneOf("external", "second-ac", "none").parse(way)
		return issuerAuthentication{way, required}, ok && !(required && way == "none")
	},
	text: func(v issuerAuthentication) string {
		if v.required {
			return v.way + " required"
		}
		return v.way
	},
}

var issuerAnswer = codec[string]{
	want: "approve, or decline and a code: " + strings.Join(declineCodes(), ", "),
	parse: func(s string) (string, bool) {
		if s == "approve" {
			return "", true
		}
		code, ok := strings.CutPrefix(s, "decline ")
		return code, ok && slices.Contains(declineCodes(), code)
	},
	text: func(v string) string {
		if v == "" {
			return "approve"
		}
		return "decline " + v
	},
}
