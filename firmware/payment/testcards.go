package payment

import (
	"slices"
	"strings"
)

// testCards are published test card numbers. They belong to nobody. The list
// keeps test mode and live mode apart.
var testCards = []string{
	// docs.stripe.com/terminal, "Simulated test cards".
	"4242424242424242", "4000056655665556", "5555555555554444", "5200828282828210",
	"5105105105105100", "378282246310005", "371449635398431", "6011111111111117",
	"6011000990139424", "3056930009020004", "36227206271667", "3566002020360505",
	"6200000000000005", "4506445006931933", "6280000360000978", "4000050360000001",
	"5555050360000080", "4001007020000002", "4000008260000075", "4001000360000005",
	"4000002760000008", "4000000000000002", "4000000000009995", "4000000000009987",
	"4000000000009979", "4000000000000069", "4000000000000119", "4000000000005126",

	// The sandboxes of other processors, each number in the lists of two.
	"4111111111111111", "4012888888881881", // PayPal, Adyen, Braintree
	"4005519200000004",    // Braintree, TabaPay
	"4917300800000000",    // Visa Electron: Worldpay, OPPWA
	"4360000001000005",    // Cartes Bancaires: Adyen, CyberSource
	"6799990100000000019", // Maestro: Worldpay, SagePay
	"6082015309577308",    // RuPay: PayU, Juspay

	// Cards of EMV test sets, their numbers in the lists and tests of several terminal makers.
	"4761739001010010", // Visa: Converge, ID TECH
	"5413330089600010", // Mastercard (PPC_MCD_01): ID TECH, lists of payment gateways
}

// isTestCard reports whether pan is a published test card number: live mode
// refuses it. A real card that only begins like one is no test card.
func isTestCard(pan []byte) bool { return slices.Contains(testCards, string(pan)) }

// isForTests reports whether test mode takes the card: a published number, or
// one made for tests, which shares its leading eight digits with one.
func isForTests(pan []byte) bool {
	return slices.ContainsFunc(testCards, func(t string) bool { return len(pan) >= 8 && strings.HasPrefix(string(pan), t[:8]) })
}
