package decode

import (
	"fmt"
	"strings"

	"smartreader/emvkernel/apdu"
)

// cryptogramNames: b8 and b7 of the cryptogram information data and of P1 of GENERATE AC.
var cryptogramNames = [4]string{"AAC (declined)", "TC (approved)", "ARQC (online)", "reserved"}

// CID decodes the cryptogram information data, '9F27' (EMV Book 3, 6.5.5.4).
func CID(b []byte) (Item, error) {
	const name = "Cryptogram Information Data"
	if len(b) != 1 {
		return Item{}, wrong(name, len(b), "1")
	}
	meaning := cryptogramNames[b[0]>>6]
	if b[0]&0x08 != 0 {
		meaning += ", advice required"
	}
	switch b[0] & 0x07 {
	case 0:
	case 1:
		meaning += ", service not allowed"
	case 2:
		meaning += ", PIN try limit exceeded"
	case 3:
		meaning += ", issuer authentication failed"
	default:
		meaning += ", reserved reason"
	}
	if b[0]&0x30 != 0 {
		meaning += fmt.Sprintf(", payment system's bits %02X", b[0]&0x30)
	}
	return Item{Name: name, Value: hexOf(b), Meaning: meaning}, nil
}

// GenerateAC decodes P1 of GENERATE AC (EMV Book 3, 6.5.5.2).
func GenerateAC(p1 byte) Item {
	return Item{Name: "GENERATE AC control", Value: hexOf([]byte{p1}), Meaning: "asks for " + apdu.Request(p1)}
}

// IAD decodes the issuer application data, '9F10'. Its layout is the issuer's own; two are taken apart, by
// their form: that of the common core definitions (EMV Book 3, Annex C7), and the seven bytes and more that
// begin with '06' and contain card verification results of three bytes, which many Visa cards have
// [unverified]. Neither form proves that the layout is that one.
func IAD(b []byte) (Item, error) {
	const name = "Issuer Application Data"
	if len(b) == 0 || len(b) > 32 {
		return Item{}, wrong(name, len(b), "1 to 32")
	}
	out := Item{Name: name, Value: hexOf(b)}
	part := func(name string, from, to int) {
		out.Items = append(out.Items, Item{Name: name, Value: hexOf(b[from:to])})
	}
	switch {
	case len(b) == 32 && b[0] == 0x0F && b[16] == 0x0F:
		out.Meaning = "looks like common core definitions"
		part("common core identifier", 1, 2)
		part("derivation key index", 2, 3)
		part("card verification results", 3, 8)
		part("counters", 8, 16)
		part("issuer discretionary data", 17, 32)
	case len(b) >= 7 && b[0] == 0x06 && b[3] == 0x03:
		out.Meaning = "looks like the layout of many Visa cards"
		part("derivation key index", 1, 2)
		part("cryptogram version number", 2, 3)
		part("card verification results", 4, 7)
		if len(b) > 7 {
			part("issuer discretionary data", 7, len(b))
		}
	default:
		out.Meaning = "layout of the issuer"
	}
	return out, nil
}

// transactionTypes: ISO 8583:1987, the first two digits of the processing code, as EMV terminals use them.
var transactionTypes = map[byte]string{
	0x00: "goods and services", 0x01: "cash", 0x09: "goods with cashback", 0x12: "manual cash", 0x17: "manual cash",
	0x20: "refund", 0x21: "deposit", 0x30: "balance inquiry", 0x31: "balance inquiry", 0x40: "transfer", 0x50: "payment",
}

// TransactionType decodes '9C'.
func TransactionType(b []byte) (Item, error) {
	const name = "Transaction Type"
	if len(b) != 1 {
		return Item{}, wrong(name, len(b), "1")
	}
	meaning, ok := transactionTypes[b[0]]
	if !ok {
		meaning = "not in the table"
	}
	return Item{Name: name, Value: hexOf(b), Meaning: meaning}, nil
}

// responseCodes: EMV Book 4, Annex A6 for those the terminal gives itself; the rest is ISO 8583:1987, of
// which issuers use more than these.
var responseCodes = map[string]string{
	"Y1": "offline approved", "Z1": "offline declined", "Y2": "approved after referral (not used any more)",
	"Z2": "declined after referral (not used any more)", "Y3": "unable to go online, offline approved",
	"Z3": "unable to go online, offline declined", "00": "approved", "01": "refer to the card issuer",
	"05": "do not honour", "51": "insufficient funds", "54": "expired card", "55": "wrong PIN", "91": "issuer not available",
}

// ResponseCode decodes the authorisation response code, '8A'.
func ResponseCode(b []byte) (Item, error) {
	const name = "Authorisation Response Code"
	if len(b) != 2 {
		return Item{}, wrong(name, len(b), "2")
	}
	words := []string{printable(b)}
	if meaning, ok := responseCodes[string(b)]; ok {
		words = append(words, meaning)
	}
	return Item{Name: name, Value: hexOf(b), Meaning: strings.Join(words, ", ")}, nil
}
