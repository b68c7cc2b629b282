package emvtest

import (
	"encoding/hex"

	"smartreader/emvkernel"
)

// applications are the terminal's view of the payment systems: AIDs as publicly known, each by the
// beginning all its products share, and terminal action codes like those acquirers commonly publish.
var applications = []struct {
	brand, aid               string
	denial, online, fallback string
}{
	{"visa", "A0000000031010", "0010000000", "DC4004F800", "DC4000A800"},
	{"visa", "A0000000032010", "0010000000", "DC4004F800", "DC4000A800"}, // Visa Electron
	{"mastercard", "A0000000041010", "0000000000", "FC50BCF800", "FC50BCA000"},
	{"mastercard", "A0000000043060", "0000000000", "FC50BCF800", "FC50BCA000"}, // Maestro
	{"amex", "A00000002501", "0010000000", "DC50FC9800", "DC50FC9800"},
	// Diners Club too: the kernel tells the two apart by the number.
	{"discover", "A0000001523010", "0010000000", "FCE09CF800", "DC00002000"},
	{"jcb", "A0000000651010", "0010000000", "FC60ACF800", "FC6024A800"},
	{"unionpay", "A000000333010101", "0010000000", "D84004F800", "D84000A800"}, // debit
	{"unionpay", "A000000333010102", "0010000000", "D84004F800", "D84000A800"}, // credit
	{"interac", "A0000002771010", "0010000000", "FC50BCF800", "FC50BCA000"},
	{"eftpos_au", "A00000038410", "0010000000", "FC50BCF800", "FC50BCA000"}, // savings
	{"eftpos_au", "A00000038420", "0010000000", "FC50BCF800", "FC50BCA000"}, // cheque
}

// Applications returns the terminal's applications for the test cards. Every floor limit is 0: each
// payment asks for the issuer.
func Applications() []emvkernel.Application {
	var out []emvkernel.Application
	for _, a := range applications {
		out = append(out, emvkernel.Application{
			AID:          mustHex(a.aid),
			PartialMatch: true,
			Version:      brandNamed(a.brand).version,
			TACDenial:    [5]byte(mustHex(a.denial)),
			TACOnline:    [5]byte(mustHex(a.online)),
			TACDefault:   [5]byte(mustHex(a.fallback)),
			DefaultDDOL:  []byte{0x9F, 0x37, 0x04},
			Brand:        a.brand,
		})
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
			Capabilities:           [3]byte{0x20, 0xB8, 0xC8},
			AdditionalCapabilities: [5]byte{0x60, 0x00, 0x00, 0xA0, 0x01},
			Country:                840,
			SerialNumber:           "TEST0001",
			MerchantID:             "TESTMERCHANT",
			TerminalID:             "TEST0001",
			MerchantName:           "Test shop",
			MCC:                    5999,
		},
		Applications: Applications(),
		CAKeys:       CAKeys(),
		Test:         true,
	}
}

// mustHex reads a constant of this file.
func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
