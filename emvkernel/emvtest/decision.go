package emvtest

import "slices"

// Decision is what the issuer says to a payment.
type Decision struct {
	Approved bool
	// DeclineCode is a Stripe decline code, empty when approved.
	DeclineCode string
	// ARC is the ISO 8583 response code ('8A'), two ASCII characters.
	ARC [2]byte
}

// responseCodes are the decline codes the test issuer uses and the ISO 8583 code of each.
var responseCodes = map[string]string{
	"call_issuer":                     "01",
	"expired_card":                    "54",
	"generic_decline":                 "05",
	"incorrect_pin":                   "55",
	"insufficient_funds":              "51",
	"invalid_number":                  "14",
	"lost_card":                       "41",
	"offline_pin_required":            "1A",
	"online_or_offline_pin_required":  "70",
	"pin_try_exceeded":                "75",
	"processing_error":                "96",
	"stolen_card":                     "43",
	"transaction_not_allowed":         "57",
	"withdrawal_count_limit_exceeded": "65",
}

func declineCodes() []string {
	var codes []string
	for code := range responseCodes {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

func approval() Decision { return Decision{Approved: true, ARC: [2]byte{'0', '0'}} }

func decline(code string) Decision {
	return Decision{DeclineCode: code, ARC: [2]byte([]byte(responseCodes[code]))}
}

// amountEndings decline by the last two digits of an amount, as with the well-known physical test card.
// Its endings that ask for a PIN (.02, .03) ask it of who tapped; a card that was inserted has had its
// cardholder verified, and they approve here.
var amountEndings = map[int64]string{
	1:  "call_issuer",
	5:  "generic_decline",
	55: "incorrect_pin",
	65: "withdrawal_count_limit_exceeded",
	75: "pin_try_exceeded",
}

// tapEndings are the endings that ask for a PIN.
var tapEndings = map[int64]string{
	2: "offline_pin_required",
	3: "online_or_offline_pin_required",
}

// decideAmount applies amountEndings. The rule is about cents, so a currency without them, or with
// thousandths, is not subject to it.
func decideAmount(amount int64, currency uint16) Decision {
	if slices.Contains(notHundredths, currency) {
		return approval()
	}
	if code, ok := amountEndings[amount%100]; ok {
		return decline(code)
	}
	return approval()
}

// notHundredths are the ISO 4217 currencies whose minor unit is not a hundredth.
var notHundredths = []uint16{
	108, 152, 174, 262, 324, 352, 392, 410, 548, 600, 646, 704, 800, 940, 950, 952, 953, // none
	48, 368, 400, 414, 434, 512, 788, // thousandths
}
