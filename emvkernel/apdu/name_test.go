package apdu

import "testing"

func TestName(t *testing.T) {
	for command, want := range map[string]string{
		"":                         "malformed command",
		"00A404":                   "malformed command",
		"00A4040007A0000000031010": "SELECT",
		"00A4040207A0000000031010": "SELECT next",
		"00A404000E325041592E5359532E444446303100": "SELECT PPSE",
		"00A404000E325041592E5359532E4444463031":   "SELECT PPSE",
		"00A404020E325041592E5359532E444446303100": "SELECT next",
		"00A404000E315041592E5359532E444446303100": "SELECT",
		"00A404000F325041592E5359532E444446303100": "SELECT", // cut short
		"802A8E800401020304":                       "COMPUTE CRYPTOGRAPHIC CHECKSUM",
		"80D00000":                                 "RECOVER AC",
		"80EA00000401020304":                       "EXCHANGE RELAY RESISTANCE DATA",
		"00B2011400":                               "READ RECORD 1 of file 2",
		"80CA9F1700":                               "GET DATA 9F17",
		"80CA005A00":                               "GET DATA 5A",
		"80AE0000":                                 "GENERATE AC, asks for an AAC (decline)",
		"80AE5000":                                 "GENERATE AC, asks for a TC (approve) with a CDA signature",
		"80AE9000":                                 "GENERATE AC, asks for an ARQC (online) with a CDA signature",
		"80AEC000":                                 "GENERATE AC, asks for a reserved cryptogram",
		"0020008008241234FFFFFFFFFF":               "VERIFY plaintext PIN",
		"00200088":                                 "VERIFY enciphered PIN",
		"00200000":                                 "VERIFY",
		"84DA0000":                                 "PUT DATA",
		"80500000":                                 "unknown instruction 50",
	} {
		if got := Name(unhex(t, command)); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}
