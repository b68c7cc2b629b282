package decode

import (
	"encoding/binary"
	"fmt"
	"strings"

	"smartreader/emvkernel/tlv"
)

// ttqBits: EMV Contactless Book A, "Terminal Transaction Qualifiers"; what one kernel's book alone has says so.
var ttqBits = bitTable{
	{"magnetic stripe mode supported", "", "EMV mode supported", "EMV contact chip supported", "offline-only reader", "online PIN supported", "signature supported", "offline data authentication for online authorizations supported"},
	{"online cryptogram required", "CVM required", "offline PIN supported (contact chip)", "", "", "", "", ""},
	{"issuer update processing supported", "consumer device CVM supported", "", "", "consumer device CVM required (kernel 6)", "", "", ""},
	{"fDDA version 1 supported (kernel 7)", "", "", "", "", "", "", ""},
}

// ctqBits: EMV Contactless Book C-3, Annex A.
var ctqBits = bitTable{
	{"online PIN required", "signature required", "go online if offline data authentication fails", "switch interface if offline data authentication fails", "go online if the application is expired", "switch interface for cash", "switch interface for cashback", "not valid for contactless ATM transactions"},
	{"consumer device CVM performed", "issuer update processing supported", "", "", "", "", "", ""},
}

// featureBits: EMV Contactless Book C-3, Annex A, byte 2 of the form factor indicator.
var featureBits = bitTable{
	{"passcode capable", "signature panel", "hologram", "CVV2", "two-way messaging", "cloud based credentials", "biometric verification capable", ""},
}

// interactionBits: EMV Contactless Book C-2, Annex A; byte 1 is a version number.
var interactionBits = bitTable{
	{"", "", "", "offline PIN verification successful", "context is conflicting", "offline change of the PIN required", "acknowledgement required", "PIN required"},
	{},
}

// configurationBits: EMV Contactless Book C-2, Annex A, "Kernel Configuration".
var configurationBits = bitTable{
	{"magnetic stripe mode not supported", "EMV mode not supported", "on-device cardholder verification supported", "relay resistance supported", "reserved for the payment system", "read all records even when no CDA", "", ""},
}

// TTQ decodes terminal transaction qualifiers, '9F66' of the terminal (EMV Contactless Book A, 5.7).
func TTQ(b []byte) (Item, error) { return ttqBits.decode("Terminal Transaction Qualifiers", b) }

// Tags that payment systems use differently, as far as a value tells which of them it is of.
var (
	isPUNATC        = func(b []byte) bool { return len(b) == 2 } // '9F66' of a Mastercard card in magnetic stripe mode
	isStripeVersion = func(b []byte) bool {                      // '9F6C' of a Mastercard card: a small number, whose bits no qualifiers have
		return len(b) == 2 && b[0] == 0 && b[1] > 0 && b[1] < 0x40
	}
	isUDOL         = func(b []byte) bool { return len(b) > 0 && b[0] > 0x0F }   // '9F69': half a tag, or a version
	isCardCurrency = func(b []byte) bool { return len(b) == 2 && b[0] <= 0x09 } // '9F51' of a contact card
	isFormFactor   = func(b []byte) bool { return len(b) == 4 }                 // '9F6E' of a Visa card
	isThirdParty   = func(b []byte) bool { return len(b) >= 5 && len(b) <= 32 } // '9F6E' of a Mastercard card
)

// otherNames are what a value of such a tag is called in place of the dictionary's name.
var otherNames = []struct {
	tag  tlv.Tag
	is   func([]byte) bool
	name string
}{
	{0x9F66, isPUNATC, "PUNATC (Track2)"}, {0x9F6C, isStripeVersion, "Mag-stripe Application Version Number (Card)"}, {0x9F69, isUDOL, "UDOL"},
	{0x9F51, isCardCurrency, "Application Currency Code"}, {0x9F6E, isFormFactor, "Form Factor Indicator"}, {0x9F6E, isThirdParty, "Third Party Data"},
}

// nameWith is the name of a data object with this value.
func nameWith(tag tlv.Tag, value []byte) string {
	for _, o := range otherNames {
		if o.tag == tag && o.is(value) {
			return o.name
		}
	}
	return nameOf(tag)
}

// qualifiers decodes '9F66' as a data object. PUNATC is a bitmap of places in a track, with nothing in it for words.
func qualifiers(b []byte) (Item, error) {
	if isPUNATC(b) {
		return Item{}, nil
	}
	return TTQ(b)
}

// drdol decodes '9F51': the list of RECOVER AC (EMV Contactless Book C-2), or a contact card's currency.
func drdol(b []byte) (Item, error) {
	if isCardCurrency(b) {
		return Currency(b)
	}
	return DOL(b)
}

// CTQ decodes card transaction qualifiers, '9F6C' of Visa cards (EMV Contactless Book C-3, Annex A).
func CTQ(b []byte) (Item, error) { return ctqBits.decode("Card Transaction Qualifiers", b) }

// cardQualifiers decodes '9F6C' as a data object.
func cardQualifiers(b []byte) (Item, error) {
	if isStripeVersion(b) {
		return Item{Meaning: fmt.Sprintf("version %d", b[1])}, nil
	}
	return CTQ(b)
}

// KernelConfiguration decodes 'DF811B' (EMV Contactless Book C-2, Annex A).
func KernelConfiguration(b []byte) (Item, error) {
	return configurationBits.decode("Kernel Configuration", b)
}

// formFactors: EMV Contactless Book C-3, Annex A.
var formFactors = []string{"card", "mini card", "not a card", "mobile phone", "worn at the wrist"}

// deviceTypes: what Mastercard assigns; from 20 on [unverified].
var deviceTypes = map[string]string{
	"00": "card", "01": "mobile phone, removable secure element of the network operator", "02": "key fob", "03": "watch",
	"04": "mobile tag", "05": "wristband", "06": "mobile phone case or sleeve", "07": "mobile phone, fixed secure element of the network operator",
	"08": "removable secure element, not of the network operator", "09": "mobile phone, fixed secure element not of the network operator",
	"10": "tablet or e-book, removable secure element of the network operator", "11": "tablet or e-book, fixed secure element of the network operator",
	"12": "tablet or e-book, removable secure element not of the network operator",
	"13": "tablet or e-book, fixed secure element not of the network operator", "14": "mobile phone, host processor", "15": "tablet or e-book, host processor",
	"16": "mobile phone, trusted execution environment", "17": "tablet or e-book, trusted execution environment",
	"18": "watch, trusted execution environment", "19": "watch, host processor", "20": "card", "21": "phone", "22": "tablet", "23": "watch", "24": "sticker",
	"25": "personal computer", "26": "device peripheral", "27": "tag", "28": "jewelry", "29": "fashion accessory",
	"30": "garment", "31": "domestic appliance", "32": "vehicle", "33": "media or gaming device",
}

// FormFactor decodes '9F6E', which payment systems use differently and tell by its length: four bytes are the
// form factor indicator of a Visa card (EMV Contactless Book C-3, Annex A), five and more the third party data
// of a Mastercard (Book C-2, Annex A).
func FormFactor(b []byte) (Item, error) {
	switch {
	case isFormFactor(b):
		return formFactorIndicator(b), nil
	case isThirdParty(b):
		return thirdPartyData(b), nil
	}
	return Item{}, wrong("form factor indicator or third party data", len(b), "4, or 5 to 32")
}

func formFactorIndicator(b []byte) Item {
	form := "reserved"
	if n := int(b[0] & 0x1F); n < len(formFactors) {
		form = formFactors[n]
	}
	technology := "reserved"
	switch b[3] & 0x0F {
	case 0:
		technology = "contactless (ISO/IEC 14443)"
	case 1:
		technology = "not used"
	}
	return Item{Name: "Form Factor Indicator", Value: hexOf(b), Items: append([]Item{
		{Name: "version", Meaning: fmt.Sprint(b[0] >> 5)}, {Name: "form factor", Meaning: form}, {Name: "technology", Meaning: technology},
	}, featureBits.setFrom(b[1:2], 2)...)}
}

func thirdPartyData(b []byte) Item {
	out := Item{Name: "Third Party Data", Value: hexOf(b)}
	country := "malformed"
	if item, err := Country(b[:2]); err == nil {
		country = item.Meaning
	}
	out.Items = []Item{{Name: "country", Value: hexOf(b[:2]), Meaning: country}, {Name: "unique identifier", Value: hexOf(b[2:4])}}
	rest := b[4:]
	if b[2]&0x80 == 0 && len(rest) >= 2 {
		kind, known := deviceTypes[string(rest[:2])]
		if !known {
			kind = "not in the table"
		}
		out.Items = append(out.Items, Item{Name: "device type", Value: hexOf(rest[:2]), Meaning: printable(rest[:2]) + ", " + kind})
		rest = rest[2:]
	}
	if len(rest) > 0 {
		out.Items = append(out.Items, Item{Name: "proprietary data", Value: hexOf(rest)})
	}
	return out
}

// CardAuthentication decodes '9F69': the card authentication related data of a Visa card that signs by fDDA
// version 1 (EMV Contactless Book C-3, Annex C), or the list of data objects ("UDOL") that a Mastercard in
// magnetic stripe mode wants with COMPUTE CRYPTOGRAPHIC CHECKSUM (Book C-2, Annex A). The first byte of the one is
// a version, of the other half a tag.
func CardAuthentication(b []byte) (Item, error) {
	const name = "Card Authentication Related Data"
	if isUDOL(b) {
		return DOL(b)
	}
	if len(b) < 5 || len(b) > 16 {
		return Item{}, wrong(name, len(b), "5 to 16")
	}
	out := Item{Name: name, Value: hexOf(b), Items: []Item{
		{Name: "fDDA version", Value: hexOf(b[:1])}, {Name: "the card's unpredictable number", Value: hexOf(b[1:5])},
	}}
	if len(b) < 7 {
		return out, nil
	}
	ctq, err := CTQ(b[5:7])
	if err != nil {
		return Item{}, err
	}
	out.Items = append(out.Items, ctq)
	if len(b) > 7 {
		out.Items = append(out.Items, Item{Name: "reserved", Value: hexOf(b[7:])})
	}
	return out, nil
}

// kernels: EMV Contactless Book B, 3.3.2.
var kernels = map[byte]string{
	2: "Mastercard", 3: "Visa", 4: "American Express", 5: "JCB", 6: "Discover", 7: "UnionPay", 8: "EMV Book C-8",
}

// KernelID decodes the kernel identifier of a directory entry, '9F2A' (EMV Contactless Book B, 3.3.2; what its two
// first bits say [unverified]).
func KernelID(b []byte) (Item, error) {
	const name = "Kernel Identifier"
	if len(b) > 8 {
		return Item{}, wrong(name, len(b), "up to 8")
	}
	out := Item{Name: name, Value: hexOf(b), Meaning: "the payment system's default"}
	if len(b) == 0 || b[0] == 0 {
		return out, nil
	}
	short := b[0] & 0x3F
	switch b[0] >> 6 {
	case 1:
		out.Meaning = "reserved"
	case 2, 3:
		out.Meaning = "domestic kernel " + fmt.Sprint(short)
	default:
		out.Meaning = "kernel " + fmt.Sprint(short)
		if owner, known := kernels[short]; known {
			out.Meaning += " (" + owner + ")"
		}
	}
	return out, nil
}

// entry says in words what an entry of a directory names: payment system, priority and kernel, as far as it does.
func entry(parts []tlv.Element) string {
	var words []string
	for _, e := range parts {
		switch e.Tag {
		case 0x4F:
			if name := AIDName(e.Value); name != "" {
				words = append(words, name)
			}
		case 0x87:
			if item, err := priority(e.Value); err == nil {
				words = append(words, item.Meaning)
			}
		case 0x9F2A:
			if item, err := KernelID(e.Value); err == nil {
				words = append(words, strings.TrimPrefix(item.Meaning, "the payment system's "))
			}
		}
	}
	return strings.Join(words, ", ")
}

// Interaction decodes the POS cardholder interaction information, 'DF4B' (EMV Contactless Book C-2, Annex A).
func Interaction(b []byte) (Item, error) {
	const name = "POS Cardholder Interaction Information"
	if len(b) != 3 {
		return Item{}, wrong(name, len(b), "3")
	}
	version := Item{Name: "version", Value: hexOf(b[:1])}
	return Item{Name: name, Value: hexOf(b), Items: append([]Item{version}, interactionBits.setFrom(b[1:], 2)...)}, nil
}

// messages: EMV Contactless Book A, "Message Identifiers".
var messages = map[byte]string{
	0x03: "approved", 0x07: "not authorised", 0x09: "please enter your PIN", 0x0F: "processing error", 0x10: "please remove card",
	0x14: "welcome", 0x15: "present card", 0x16: "processing", 0x17: "card read OK, please remove card", 0x18: "please insert or swipe card",
	0x19: "please present one card only", 0x1A: "approved, please sign", 0x1B: "authorising, please wait", 0x1C: "insert, swipe or try another card",
	0x1D: "please insert card", 0x1E: "no message (clear the display)", 0x20: "see phone for instructions", 0x21: "present card again", 0xFF: "not applicable",
}

// statuses: EMV Contactless Book A, "Status".
var statuses = map[byte]string{
	0x00: "not ready", 0x01: "idle", 0x02: "ready to read", 0x03: "processing", 0x04: "card read successfully", 0x05: "processing error",
	0x06: "conditions for contactless not satisfied", 0x07: "collision", 0x08: "card not removed", 0xFF: "not applicable",
}

// orReserved names a number by its table.
func orReserved(names map[byte]string, n byte) string {
	if name, known := names[n]; known {
		return name
	}
	return "reserved"
}

// UIRequest decodes user interface request data, 'DF8116' (EMV Contactless Book C-2, Annex A; the length
// [unverified]).
func UIRequest(b []byte) (Item, error) {
	const name = "User Interface Request Data"
	if len(b) != 22 {
		return Item{}, wrong(name, len(b), "22")
	}
	out := Item{Name: name, Value: hexOf(b), Items: []Item{
		{Name: "message", Value: hexOf(b[:1]), Meaning: orReserved(messages, b[0])},
		{Name: "status", Value: hexOf(b[1:2]), Meaning: orReserved(statuses, b[1])},
	}}
	if hold, ok := number(b[2:5]); !ok {
		return Item{}, fmt.Errorf("%w: hold time of %s is no number", ErrForm, name)
	} else if hold > 0 {
		out.Items = append(out.Items, Item{Name: "hold time", Meaning: fmt.Sprintf("%d ms", 100*hold)})
	}
	if languages := strings.TrimRight(string(b[5:13]), "\x00"); languages != "" {
		out.Items = append(out.Items, Item{Name: "languages", Meaning: printable([]byte(languages))})
	}
	qualifier := map[byte]string{0x10: "amount", 0x20: "balance"}[b[13]]
	if qualifier == "" {
		return out, nil // none, and then value and currency say nothing
	}
	value, ok := number(b[14:20])
	currency, err := Currency(b[20:22])
	if !ok || err != nil {
		return Item{}, fmt.Errorf("%w: value of %s is no number", ErrForm, name)
	}
	out.Items = append(out.Items, Item{Name: qualifier, Meaning: fmt.Sprint(value)}, Item{Name: "currency", Value: hexOf(b[20:22]), Meaning: currency.Meaning})
	return out, nil
}

// The upper halves of the first bytes of the outcome parameter set, EMV Contactless Book C-2, Annex A.
var (
	outcomes = map[byte]string{
		1: "approved", 2: "declined", 3: "online request", 4: "end application", 5: "select next", 6: "try another interface", 7: "try again", 15: "not applicable",
	}
	starts = map[byte]string{0: "A", 1: "B", 2: "C", 3: "D", 15: "not applicable"}
	cvms   = map[byte]string{0: "no CVM", 1: "signature", 2: "online PIN", 3: "confirmation code verified", 15: "not applicable"}
)

// outcomeBits: byte 5 of the outcome parameter set.
var outcomeBits = bitTable{
	{"user interface request on outcome present", "user interface request on restart present", "data record present", "discretionary data present", "receipt", "", "", ""},
}

// OutcomeParameters decodes the outcome parameter set, 'DF8129' (EMV Contactless Book C-2, Annex A).
func OutcomeParameters(b []byte) (Item, error) {
	const name = "Outcome Parameter Set"
	if len(b) != 8 {
		return Item{}, wrong(name, len(b), "8")
	}
	half := func(name string, i int, names map[byte]string) Item {
		return Item{Name: name, Value: hexOf(b[i : i+1]), Meaning: orReserved(names, b[i]>>4)}
	}
	none := map[byte]string{15: "not applicable"}
	out := Item{Name: name, Value: hexOf(b), Items: append([]Item{
		half("outcome", 0, outcomes), half("start", 1, starts), half("online response data", 2, none), half("CVM", 3, cvms),
	}, outcomeBits.setFrom(b[4:5], 5)...)}
	out.Items = append(out.Items, half("alternate interface", 5, none))
	field := "not applicable"
	if b[6] != 0xFF {
		field = fmt.Sprintf("%d ms", 100*int(b[6]))
	}
	return Item{Name: out.Name, Value: out.Value, Items: append(out.Items,
		Item{Name: "field off", Value: hexOf(b[6:7]), Meaning: field},
		Item{Name: "removal timeout", Value: hexOf(b[7:8]), Meaning: fmt.Sprintf("%d ms", 100*int(b[7]))})}, nil
}

// What the first three bytes of the error indication say, EMV Contactless Book C-2, Annex A.
var (
	errorsL1 = map[byte]string{0: "OK", 1: "time-out", 2: "transmission error", 3: "protocol error"}
	errorsL2 = map[byte]string{
		0: "OK", 1: "card data missing", 2: "card authentication failed", 3: "status word", 4: "parsing error", 5: "limit exceeded", 6: "card data wrong",
		7: "magnetic stripe mode not supported", 8: "no PPSE", 9: "PPSE fault", 10: "empty candidate list", 11: "IDS read error", 12: "IDS write error",
		13: "IDS data error", 14: "IDS without matching cryptogram", 15: "terminal data wrong",
	}
	errorsL3 = map[byte]string{0: "OK", 1: "time-out", 2: "stopped", 3: "amount not present"}
)

// ErrorIndication decodes 'DF8115' (EMV Contactless Book C-2, Annex A).
func ErrorIndication(b []byte) (Item, error) {
	const name = "Error Indication"
	if len(b) != 6 {
		return Item{}, wrong(name, len(b), "6")
	}
	sw, err := StatusWord(b[3:5])
	if err != nil {
		return Item{}, err
	}
	if sw.Value == "0000" {
		sw.Meaning = "none"
	}
	return Item{Name: name, Value: hexOf(b), Items: []Item{
		{Name: "level 1", Value: hexOf(b[:1]), Meaning: orReserved(errorsL1, b[0])},
		{Name: "level 2", Value: hexOf(b[1:2]), Meaning: orReserved(errorsL2, b[1])},
		{Name: "level 3", Value: hexOf(b[2:3]), Meaning: orReserved(errorsL3, b[2])},
		sw,
		{Name: "message", Value: hexOf(b[5:]), Meaning: orReserved(messages, b[5])},
	}}, nil
}

// phoneMessages decodes the phone message table, 'DF8131' (EMV Contactless Book C-2, Annex A): what the card says
// in 'DF4B' under a mask, and what the cardholder is then to read.
func phoneMessages(b []byte) (Item, error) {
	if len(b) == 0 || len(b)%8 != 0 {
		return Item{}, wrong("phone message table", len(b), "8 for each entry")
	}
	var out Item
	for i := 0; i < len(b); i += 8 {
		out.Items = append(out.Items, Item{
			Name: fmt.Sprintf("entry %d", i/8+1), Value: hexOf(b[i : i+8]),
			Meaning: fmt.Sprintf("where %X of %X is set: %s, %s", b[i+3:i+6], b[i:i+3], orReserved(messages, b[i+6]), orReserved(statuses, b[i+7])),
		})
	}
	return out, nil
}

// capability decodes one byte of the terminal capabilities that Book C-2 configures by itself, 'DF8117' to
// 'DF8119' and 'DF811F'.
func capability(i int) func([]byte) (Item, error) {
	return func(b []byte) (Item, error) {
		if len(b) != 1 {
			return Item{}, wrong("capability", len(b), "1")
		}
		var all [3]byte
		all[i] = b[0]
		return Item{Items: capabilityBits.set(all[:])}, nil
	}
}

// relayTime decodes a time of relay resistance, in units of 100 microseconds (EMV Contactless Book C-2, Annex A).
func relayTime(b []byte) (Item, error) {
	if len(b) != 2 {
		return Item{}, wrong("time", len(b), "2")
	}
	n := binary.BigEndian.Uint16(b)
	return Item{Meaning: fmt.Sprintf("%d.%d ms", n/10, n%10)}, nil
}

// relayParts takes apart what a card answers to EXCHANGE RELAY RESISTANCE DATA in template '80' (EMV Contactless Book
// C-2, "EXCHANGE RELAY RESISTANCE DATA"): its random number and three times.
func relayParts(v []byte) []Item {
	return []Item{Object(0xDF8302, v[:4]), Object(0xDF8303, v[4:6]), Object(0xDF8304, v[6:8]), Object(0xDF8305, v[8:10])}
}

// tenths decodes a hold time of one byte, in units of 100 ms.
func tenths(b []byte) (Item, error) {
	if len(b) != 1 {
		return Item{}, wrong("hold time", len(b), "1")
	}
	return Item{Meaning: fmt.Sprintf("%d ms", 100*int(b[0]))}, nil
}

// holdTime decodes 'DF812D', six digits in units of 100 ms.
func holdTime(b []byte) (Item, error) {
	n, ok := number(b)
	if !ok || len(b) != 3 {
		return Item{}, wrong("hold time", len(b), "3 of digits")
	}
	return Item{Meaning: fmt.Sprintf("%d ms", 100*n)}, nil
}
