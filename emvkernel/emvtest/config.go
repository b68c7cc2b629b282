package emvtest

import "smartreader/emvkernel"

// Applications returns the terminal's applications for the test cards: the ready-made profiles of their
// payment systems. Every floor limit is 0: each payment asks for the issuer.
func Applications() []emvkernel.Application {
	var out []emvkernel.Application
	for _, a := range emvkernel.Schemes() {
		if b := brandNamed(a.Brand); b != nil {
			a.Version = b.version
			out = append(out, a)
		}
	}
	return out
}

// TerminalConfig returns a configuration with which the kernel takes every test card: an attended
// merchant's terminal in the United States that can do all of offline data authentication, signature,
// no CVM and, where the payment has a PIN pad, offline PIN.
func TerminalConfig() emvkernel.Config {
	return emvkernel.Config{
		Terminal: emvkernel.Terminal{
			Type:                   0x22,
			Capabilities:           [3]byte{0x20, 0xF8, 0xC8},
			AdditionalCapabilities: [5]byte{0x60, 0x00, 0x00, 0xA0, 0x01},
			Country:                840,
			SerialNumber:           "TEST0001",
			MerchantID:             "TESTMERCHANT",
			TerminalID:             "TEST0001",
			MerchantName:           "Test shop",
			MCC:                    5999,
			Languages:              []string{"en", "fr", "de"},
		},
		Applications: Applications(),
		CAKeys:       CAKeys(),
		Revoked:      Revoked(),
		Test:         true,
	}
}
