package emvkernel

import (
	"encoding/hex"
	"slices"
)

// scheme is what the profiles of one payment system have in common.
type scheme struct {
	brand                 string
	version               [2]byte
	denial, online, deflt [5]byte
	aids                  []string // hex
}

// irregular stands where no action codes are public: whatever is out of the ordinary goes to the issuer,
// and is declined where the issuer cannot be asked.
var (
	nothing   = [5]byte{}
	irregular = [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	denyUsage = [5]byte{0x00, 0x10} // ServiceNotAllowed
)

// schemes lists the contact applications by their public identifiers, as EftLab's "Complete list of
// Application Identifiers" and terminal configurations on GitHub have them, two sources at least for each.
//
// The action codes of Visa, Mastercard, American Express, Discover, JCB, UnionPay and Elo are those that
// several public terminal configurations agree on; what the payment systems' own manuals say is not
// public. Versions: Visa 1.5.0 (0096), Mastercard 0002, American Express and Discover 0001, JCB 0200 and
// UnionPay 0030 likewise; all the others are [unverified]. A wrong one makes a card look irregular, no more.
var schemes = []scheme{
	{"visa", [2]byte{0x00, 0x96}, denyUsage, [5]byte{0xDC, 0x40, 0x04, 0xF8, 0x00}, [5]byte{0xDC, 0x40, 0x00, 0xA8, 0x00}, []string{
		"A0000000031010", // credit and debit
		"A0000000032010", // Electron
		"A0000000032020", // V PAY
		"A0000000033010", // Interlink
		"A0000000038010", // Plus
		"A0000000980840", // US common debit
	}},
	{"mastercard", [2]byte{0x00, 0x02}, nothing, [5]byte{0xFC, 0x50, 0xBC, 0xF8, 0x00}, [5]byte{0xFC, 0x50, 0xBC, 0xA0, 0x00}, []string{
		"A0000000041010", // credit and debit
		"A0000000043060", // Maestro
		"A0000000046000", // Cirrus
		"A0000000042203", // US common debit
	}},
	{"amex", [2]byte{0x00, 0x01}, denyUsage, [5]byte{0xDE, 0x00, 0xFC, 0x98, 0x00}, [5]byte{0xDC, 0x50, 0xFC, 0x98, 0x00}, []string{
		"A00000002501",
	}},
	{"discover", [2]byte{0x00, 0x01}, denyUsage, [5]byte{0xFC, 0xE0, 0x9C, 0xF8, 0x00}, [5]byte{0xDC, 0x00, 0x00, 0x20, 0x00}, []string{
		"A0000001523010", // Discover and Diners Club: the account number tells them apart, see CardData
		"A0000001524010", // US common debit
	}},
	{"jcb", [2]byte{0x02, 0x00}, denyUsage, [5]byte{0xFC, 0x60, 0xAC, 0xF8, 0x00}, [5]byte{0xFC, 0x60, 0x24, 0xA8, 0x00}, []string{
		"A0000000651010",
	}},
	{"unionpay", [2]byte{0x00, 0x30}, denyUsage, [5]byte{0xD8, 0x40, 0x04, 0xF8, 0x00}, [5]byte{0xD8, 0x40, 0x00, 0xA8, 0x00}, []string{
		"A000000333010101", // debit
		"A000000333010102", // credit
		"A000000333010103", // quasi credit
		"A000000333010108", // US common debit
	}},
	{"elo", [2]byte{0x00, 0x84}, denyUsage, [5]byte{0xFC, 0x60, 0x84, 0x90, 0x00}, [5]byte{0xFC, 0x40, 0x84, 0x80, 0x00}, []string{
		"A0000004941010",
	}},
	{"interac", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{"A0000002771010"}},
	{"eftpos_au", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{
		"A00000038410", // savings
		"A00000038420", // cheque
	}},
	{"cartes_bancaires", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{
		"A0000000421010",
		"A0000000422010", // debit
	}},
	{"girocard", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{
		"A0000003591010028001",
		"D27600002545500100",
	}},
	{"dankort", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{"A0000001211010"}},
	{"bankaxept", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{"D5780000021010"}},
	{"pagobancomat", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{"A0000001410001"}},
	{"rupay", [2]byte{0x00, 0x02}, nothing, irregular, irregular, []string{"A0000005241010"}},
	{"mir", [2]byte{0x01, 0x00}, nothing, irregular, irregular, []string{
		"A0000006581010",
		"A0000006582010",
	}},
	{"troy", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{
		"A0000006723010", // credit
		"A0000006723020", // debit
	}},
	{"verve", [2]byte{0x00, 0x02}, nothing, irregular, irregular, []string{"A0000003710001"}},
	{"dna", [2]byte{0x00, 0x01}, nothing, irregular, irregular, []string{"A0000006200620"}}, // US Debit Network Alliance
}

// Schemes returns ready-made profiles of the payment systems' contact applications, a new copy every time:
// identifiers, brand, application version and terminal action codes as far as they are public (see the
// source for which are). They are a beginning; what an acquirer says goes before it.
//
// All of them match by the beginning of the card's name, have a default DDOL of the unpredictable number, a
// floor limit of zero and no approval offline: nothing is approved without the issuer. Where a payment
// system's codes are public they decline at once what the card says it is not for ("service not allowed"). A
// terminal takes the ones it has a contract for; Plus and Cirrus are for cash.
func Schemes() []Application {
	var out []Application
	for _, s := range schemes {
		for _, aid := range s.aids {
			name, err := hex.DecodeString(aid)
			if err != nil {
				panic(err) // a constant of this file
			}
			out = append(out, Application{
				AID: name, PartialMatch: true, Version: s.version,
				TACDenial: s.denial, TACOnline: s.online, TACDefault: s.deflt,
				DefaultDDOL: slices.Clone(defaultDDOL), Brand: s.brand,
			})
		}
	}
	return out
}
