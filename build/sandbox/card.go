package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
	"smartreader/store/seal"
)

// presentedCard is what a charge keeps of a card: nothing that could be used
// to pay again.
type presentedCard struct {
	Brand       string `json:"brand"`
	Last4       string `json:"last4"`
	Fingerprint string `json:"fingerprint"`
	ExpMonth    int    `json:"expMonth"`
	ExpYear     int    `json:"expYear"`
	Funding     string `json:"funding,omitempty"` // empty in state of old: unknown
	ReadMethod  string `json:"readMethod"`
	Wallet      string `json:"wallet,omitempty"` // as in the public API; empty: a card
	// Unauthenticated is a tap that was stored although its card proved nothing.
	Unauthenticated bool    `json:"unauthenticated,omitempty"`
	Receipt         receipt `json:"receipt"`
}

// receipt is the EMV part of a receipt, in the public API's words.
type receipt struct {
	AccountType                  string `json:"account_type"`
	ApplicationCryptogram        string `json:"application_cryptogram"`
	ApplicationPreferredName     string `json:"application_preferred_name"`
	AuthorizationCode            string `json:"authorization_code"`
	AuthorizationResponseCode    string `json:"authorization_response_code"`
	CardholderVerificationMethod string `json:"cardholder_verification_method"`
	DedicatedFileName            string `json:"dedicated_file_name"`
	TerminalVerificationResults  string `json:"terminal_verification_results"`
	TransactionStatusInformation string `json:"transaction_status_information"`
}

// cardData is opened card data. It lives only while a submission is decided.
type cardData struct {
	raw    []byte
	values map[tlv.Tag][]byte
	pin    bool // an online PIN came along
}

func parseCardData(plaintext []byte) (cardData, error) {
	elements, err := tlv.Parse(plaintext)
	if err != nil {
		return cardData{}, errors.New("the sealed data is not TLV")
	}
	d := cardData{raw: plaintext, values: make(map[tlv.Tag][]byte)}
	for _, e := range elements {
		d.values[e.Tag] = e.Value
	}
	return d, nil
}

// hex returns a data object as upper-case hex, empty when absent.
func (d cardData) hex(tag tlv.Tag) string { return upper(d.values[tag]) }

// fingerprint names a card without revealing it: keyed, because the issuer's
// own name for a card can be recomputed by anyone.
func fingerprint(key []byte, checked emvtest.CheckResult) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(checked.Card))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// present collects what a charge keeps.
func (d cardData) present(h seal.Header, checked emvtest.CheckResult, cardKey []byte) presentedCard {
	c := presentedCard{
		Brand:       checked.Brand,
		Last4:       checked.Last4,
		Fingerprint: fingerprint(cardKey, checked),
		Funding:     fundingOf(d.number()),
		ReadMethod:  h.ReadMethod,
		Wallet:      d.wallet(h),

		Unauthenticated: h.CardUnauthenticated,
		Receipt: receipt{
			AccountType:                  "unknown",
			ApplicationCryptogram:        d.hex(0x9F26),
			ApplicationPreferredName:     printable(d.values[0x9F12]),
			CardholderVerificationMethod: onReceipt(d.verification(h)),
			DedicatedFileName:            d.hex(0x84),
			TerminalVerificationResults:  d.hex(0x95),
			TransactionStatusInformation: d.hex(0x9B),
		},
	}
	if c.Receipt.ApplicationPreferredName == "" {
		c.Receipt.ApplicationPreferredName = printable(d.values[0x50])
	}
	if c.Brand == "" {
		c.Brand = "unknown"
	}
	var yy, mm int
	if _, err := fmt.Sscanf(d.expiry(), "%2d%2d", &yy, &mm); err == nil {
		c.ExpMonth, c.ExpYear = mm, 2000+yy
		if yy >= 50 { // EMV Book 4, "Date Management": 50 to 99 are of the last century
			c.ExpYear = 1900 + yy
		}
	}
	return c
}

// expiry is the card's, as YYMM and more: a tap may give it with the track only.
func (d cardData) expiry() string {
	if date := d.hex(0x5F24); date != "" {
		return date
	}
	_, date, _ := strings.Cut(d.hex(0x57), "D")
	return date
}

// number is the card's number, from where the card gave it; empty when it gave
// none.
func (d cardData) number() string {
	if pan := d.hex(0x5A); pan != "" {
		return strings.TrimRight(pan, "F")
	}
	pan, _, _ := strings.Cut(d.hex(0x57), "D")
	return pan
}

// fundingOf knows the simulated cards of the public API's documentation. Of
// other test cards it knows nothing.
func fundingOf(number string) string {
	card, ok := emvtest.ByNumber(number)
	switch {
	case !ok:
		return "unknown"
	case card == "mastercard-prepaid":
		return "prepaid"
	case card == "interac", strings.HasSuffix(card, "-debit"):
		return "debit"
	}
	return "credit"
}

// printable keeps a card's text from carrying control characters into JSON
// and terminals.
func printable(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b)))
}

// onDevice is a cardholder whom the tapped device verified. The public API has no
// word for it: on a receipt it is an approval.
const onDevice = "on_device"

func onReceipt(cvm string) string {
	if cvm == onDevice {
		return "approval"
	}
	return cvm
}

// tapped reports whether a card was tapped, by its chip or as a magnetic stripe.
func tapped(h seal.Header) bool { return strings.HasPrefix(h.ReadMethod, "contactless_") }

// verification is how the cardholder was verified. At a tap an offline PIN is one
// entered on the consumer's device, and Visa's cards say what they want instead of
// how it went ('9F6C'; Book C-3, Annex A).
func (d cardData) verification(h seal.Header) string {
	cvm := verificationMethod(d.values[0x9F34])
	if !tapped(h) {
		return cvm
	}
	ctq := d.qualifiers()
	switch {
	case d.pin, cvm == "online_pin":
		return "online_pin"
	case cvm == "offline_pin", ctq[1]&0x80 != 0:
		return onDevice
	case cvm == "signature", cvm == "" && ctq[0]&0x40 != 0:
		return "signature"
	}
	return "approval"
}

// saysPIN reports whether the terminal says that an online PIN was entered: in the
// TVR, which the cryptogram covers, or at a tap by what Visa's card and the terminal
// agree on ('9F6C', '9F66'; Book C-3, 5.7.1). A card that says nothing gets a PIN
// where nothing but a PIN will do.
func (d cardData) saysPIN(h seal.Header) bool {
	tvr, ttq := d.values[0x95], d.values[0x9F66]
	if len(tvr) == 5 && tvr[2]&0x04 != 0 {
		return true
	}
	if !tapped(h) || len(ttq) != 4 || ttq[0]&0x04 == 0 {
		return false
	}
	if _, says := d.values[0x9F6C]; !says {
		return ttq[1]&0x40 != 0 && ttq[0]&0x02 == 0
	}
	return d.qualifiers()[0]&0x80 != 0
}

// qualifiers are Visa's card transaction qualifiers, zeros without any.
func (d cardData) qualifiers() (ctq [2]byte) {
	copy(ctq[:], d.values[0x9F6C])
	return ctq
}

// verificationMethod names the CVM that the first byte of 9F34 says was used
// (EMV Book 3, Annex C3 "CVM Codes").
func verificationMethod(results []byte) string {
	if len(results) != 3 {
		return ""
	}
	switch results[0] & 0x3F {
	case 0x00:
		return "failure"
	case 0x01, 0x03, 0x04, 0x05:
		return "offline_pin"
	case 0x02:
		return "online_pin"
	case 0x1E:
		return "signature"
	}
	return "approval"
}
