package decode

import "fmt"

// A bit table has one row of eight for each byte, b8 first. Empty: reserved.
type bitTable [][8]string

// tvrBits: EMV Book 3, Annex C5. What EMV 4.4 has new says so; contactless kernels use the last half byte
// otherwise (Contactless Book C-2, Annex A).
var tvrBits = bitTable{
	{"offline data authentication was not performed", "SDA failed", "ICC data missing", "card appears on the terminal exception file", "DDA failed", "CDA failed", "SDA selected", "XDA selected (EMV 4.4)"},
	{"ICC and terminal have different application versions", "expired application", "application not yet effective", "requested service not allowed for card product", "new card", "", "biometric performed and successful (EMV 4.4)", "biometric template format not supported (EMV 4.4)"},
	{"cardholder verification was not successful", "unrecognised CVM", "PIN try limit exceeded", "PIN entry required and PIN pad not present or not working", "PIN entry required, PIN pad present, but PIN was not entered", "online PIN entered", "biometric capture device not working (EMV 4.4)", "biometric entry bypassed (EMV 4.4)"},
	{"transaction exceeds floor limit", "lower consecutive offline limit exceeded", "upper consecutive offline limit exceeded", "transaction selected randomly for online processing", "merchant forced transaction online", "biometric try limit exceeded (EMV 4.4)", "selected biometric type not supported (EMV 4.4)", "XDA failed (EMV 4.4)"},
	{"default TDOL used", "issuer authentication failed", "script processing failed before final GENERATE AC", "script processing failed after final GENERATE AC", "relay resistance threshold exceeded (contactless)", "CA ECC key missing (EMV 4.4; contactless: relay resistance time limits exceeded)", "ECC key recovery failed (EMV 4.4; contactless: relay resistance performed)", "relay resistance not performed (contactless)"},
}

// tsiBits: EMV Book 3, Annex C6.
var tsiBits = bitTable{
	{"offline data authentication was performed", "cardholder verification was performed", "card risk management was performed", "issuer authentication was performed", "terminal risk management was performed", "script processing was performed", "", ""},
	{},
}

// aipBits: EMV Book 3, Annex C1. Byte 2 belongs to the contactless specifications, which use its first bit
// differently.
var aipBits = bitTable{
	{"XDA supported (EMV 4.4)", "SDA supported", "DDA supported", "cardholder verification is supported", "terminal risk management is to be performed", "issuer authentication by EXTERNAL AUTHENTICATE is supported", "on-device cardholder verification (contactless)", "CDA supported"},
	{"EMV mode (contactless; a Visa card: magnetic stripe mode)", "", "", "", "", "", "", "relay resistance (contactless)"},
}

// aucBits: EMV Book 3, Annex C2.
var aucBits = bitTable{
	{"valid for domestic cash", "valid for international cash", "valid for domestic goods", "valid for international goods", "valid for domestic services", "valid for international services", "valid at ATMs", "valid at terminals other than ATMs"},
	{"domestic cashback allowed", "international cashback allowed", "", "", "", "", "", ""},
}

// capabilityBits: EMV Book 4, Annex A2.
var capabilityBits = bitTable{
	{"manual key entry", "magnetic stripe", "IC with contacts", "", "", "", "", ""},
	{"plaintext PIN for ICC verification", "enciphered PIN for online verification", "signature", "enciphered PIN for offline verification", "no CVM required", "", "", ""},
	{"SDA", "DDA", "card capture", "", "CDA", "XDA (EMV 4.4)", "", ""},
}

// additionalBits: EMV Book 4, Annex A3.
var additionalBits = bitTable{
	{"cash", "goods", "services", "cashback", "inquiry", "transfer", "payment", "administrative"},
	{"cash deposit", "", "", "", "", "", "", ""},
	{"numeric keys", "alphabetic and special character keys", "command keys", "function keys", "", "", "", ""},
	{"print, attendant", "print, cardholder", "display, attendant", "display, cardholder", "", "", "code table 10", "code table 9"},
	{"code table 8", "code table 7", "code table 6", "code table 5", "code table 4", "code table 3", "code table 2", "code table 1"},
}

func (t bitTable) decode(name string, b []byte) (Item, error) {
	if len(b) != len(t) {
		return Item{}, wrong(name, len(b), fmt.Sprint(len(t)))
	}
	return Item{Name: name, Value: hexOf(b), Items: t.set(b)}, nil
}

// set lists the bits that are set.
func (t bitTable) set(b []byte) []Item { return t.setFrom(b, 1) }

// setFrom is set where the first row is another byte than the first.
func (t bitTable) setFrom(b []byte, first int) (set []Item) {
	for i, row := range t {
		for j, meaning := range row {
			if b[i]>>(7-j)&1 == 0 {
				continue
			}
			if meaning == "" {
				meaning = "reserved"
			}
			set = append(set, Item{Name: fmt.Sprintf("byte %d bit %d", first+i, 8-j), Meaning: meaning})
		}
	}
	return set
}

// TVR decodes terminal verification results, '95' (EMV Book 3, Annex C5).
func TVR(b []byte) (Item, error) { return tvrBits.decode("Terminal Verification Results", b) }

// ActionCode decodes an issuer or terminal action code, whose bits are those of the TVR.
func ActionCode(b []byte) (Item, error) { return tvrBits.decode("Action Code", b) }

// TSI decodes transaction status information, '9B' (EMV Book 3, Annex C6).
func TSI(b []byte) (Item, error) { return tsiBits.decode("Transaction Status Information", b) }

// AIP decodes the application interchange profile, '82' (EMV Book 3, Annex C1).
func AIP(b []byte) (Item, error) { return aipBits.decode("Application Interchange Profile", b) }

// AUC decodes the application usage control, '9F07' (EMV Book 3, Annex C2).
func AUC(b []byte) (Item, error) { return aucBits.decode("Application Usage Control", b) }

// Capabilities decodes the terminal capabilities, '9F33' (EMV Book 4, Annex A2).
func Capabilities(b []byte) (Item, error) { return capabilityBits.decode("Terminal Capabilities", b) }

// AdditionalCapabilities decodes '9F40' (EMV Book 4, Annex A3).
func AdditionalCapabilities(b []byte) (Item, error) {
	return additionalBits.decode("Additional Terminal Capabilities", b)
}

// TerminalType decodes '9F35' (EMV Book 4, Annex A1).
func TerminalType(b []byte) (Item, error) {
	const name = "Terminal Type"
	if len(b) != 1 {
		return Item{}, wrong(name, len(b), "1")
	}
	operator := map[byte]string{1: "financial institution", 2: "merchant", 3: "cardholder"}[b[0]>>4]
	environment := map[byte]string{
		1: "attended, online only", 2: "attended, offline with online capability", 3: "attended, offline only",
		4: "unattended, online only", 5: "unattended, offline with online capability", 6: "unattended, offline only",
	}[b[0]&0x0F]
	meaning := environment + ", operated by the " + operator
	if operator == "" || environment == "" || operator == "cardholder" && b[0]&0x0F < 4 {
		meaning = "reserved"
	}
	return Item{Name: name, Value: hexOf(b), Meaning: meaning}, nil
}
