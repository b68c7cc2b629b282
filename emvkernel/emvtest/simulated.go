package emvtest

// A simulated card is a test card by the names under which Stripe Terminal's simulators know it.
type simulatedCard struct {
	method  string // test payment method
	number  string
	profile string
}

// simulatedCards are the simulated cards of Stripe's documentation ("Test Stripe Terminal"). Some of the
// other profiles have the same numbers; these are the ones a number means.
var simulatedCards = []simulatedCard{
	{"visa", "4242424242424242", "visa"},
	{"visa_debit", "4000056655665556", "visa-debit"},
	{"mastercard", "5555555555554444", "mastercard"},
	{"mastercard_debit", "5200828282828210", "mastercard-debit"},
	{"mastercard_prepaid", "5105105105105100", "mastercard-prepaid"},
	{"amex", "378282246310005", "amex"},
	{"amex2", "371449635398431", "amex2"},
	{"discover", "6011111111111117", "discover"},
	{"discover2", "6011000990139424", "discover2"},
	{"diners", "3056930009020004", "diners"},
	{"diners_14digits", "36227206271667", "diners-14"},
	{"jcb", "3566002020360505", "jcb"},
	{"unionpay", "6200000000000005", "unionpay"},
	{"interac", "4506445006931933", "interac"},
	{"eftpos_au_debit", "6280000360000978", "eftpos-au-debit"},
	{"eftpos_au_visa_debit", "4000050360000001", "eftpos-au-visa-debit"},
	{"eftpos_au_mastercard_debit", "5555050360000080", "eftpos-au-mastercard-debit"},

	{"offline_pin_cvm", "4001007020000002", "offline-pin-cvm"},
	{"offline_pin_sca_retry", "4000008260000075", "offline-pin-sca-retry"},
	{"online_pin_cvm", "4001000360000005", "online-pin-cvm"},
	{"online_pin_sca_retry", "4000002760000008", "online-pin-sca-retry"},

	{"charge_declined", "4000000000000002", "declined-generic"},
	{"charge_declined_insufficient_funds", "4000000000009995", "declined-insufficient-funds"},
	{"charge_declined_lost_card", "4000000000009987", "declined-lost-card"},
	{"charge_declined_stolen_card", "4000000000009979", "declined-stolen-card"},
	{"charge_declined_expired_card", "4000000000000069", "declined-expired-card"},
	{"charge_declined_processing_error", "4000000000000119", "declined-processing-error"},
	{"refund_fail", "4000000000005126", "refund-fails"},
}

// otherMethods are further names of the same cards: those of the mobile SDKs where they differ, in lower
// case, and short ones.
var otherMethods = map[string]string{
	"diners_14":                  "diners_14digits",
	"diners_14_digit":            "diners_14digits",
	"eftpos_au_debit_mastercard": "eftpos_au_mastercard_debit",
}

// ByNumber returns the profile of the simulated card with a number, which is digits only.
func ByNumber(pan string) (profile string, ok bool) {
	for _, c := range simulatedCards {
		if c.number == pan {
			return c.profile, true
		}
	}
	return "", false
}

// ByPaymentMethod returns the profile of the simulated card that Stripe calls by a test payment method,
// such as "visa_debit" or "charge_declined".
func ByPaymentMethod(name string) (profile string, ok bool) {
	if other, ok := otherMethods[name]; ok {
		name = other
	}
	for _, c := range simulatedCards {
		if c.method == name {
			return c.profile, true
		}
	}
	return "", false
}

// PaymentMethods lists the names ByPaymentMethod knows, without the other names some cards have, in the
// order of Stripe's documentation.
func PaymentMethods() []string {
	var names []string
	for _, c := range simulatedCards {
		names = append(names, c.method)
	}
	return names
}
