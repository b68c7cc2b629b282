package decode

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smartreader/emvkernel"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each value and what must be said of it; "!" before a phrase: must not be said.
func TestAs(t *testing.T) {
	for _, tt := range []struct {
		kind, in string
		want     []string
	}{
		{"tvr", "8000008001", []string{"byte 1 bit 8: offline data authentication was not performed", "byte 4 bit 8: transaction exceeds floor limit", "byte 5 bit 1: relay resistance not performed", "!SDA failed"}},
		{"tvr", "0000000000", []string{"Terminal Verification Results: 0000000000", "!byte"}},
		{"tsi", "E800", []string{"byte 1 bit 8: offline data", "byte 1 bit 7: cardholder", "byte 1 bit 6: card risk", "byte 1 bit 4: terminal risk", "!script"}},
		{"aip", "3C00", []string{"DDA supported", "cardholder verification is supported", "terminal risk management", "EXTERNAL AUTHENTICATE", "!SDA supported", "!CDA supported"}},
		{"auc", "FF80", []string{"valid at ATMs", "domestic cashback allowed", "!international cashback allowed"}},
		{"action-code", "DC4004F800", []string{"byte 1 bit 8", "byte 2 bit 7: expired application", "byte 3 bit 3: online PIN entered"}},
		{"afl", "0801020010020300", []string{"file 1: 08010200: records 1 to 2, 0 of them signed", "file 2: 10020300: records 2 to 3"}},
		{"afl", "08020101", []string{"not allowed"}},
		{"dol", "9F02069F3704", []string{"asks for 10 bytes", "9F02 Amount, Authorised (Numeric): 6 bytes", "9F37 Unpredictable Number: 4 bytes"}},
		{"cvm-list", "000000C80000000042031E001F06", []string{"amount X: 200", "rule 1: 4203: enciphered PIN verified online, if the terminal supports the CVM; if unsuccessful apply the next rule", "rule 2: 1E00: signature, always; if unsuccessful fail", "under X"}},
		{"cvm-list", "0000000000000000 4600 0903 1000 2000 3000", []string{"4600: face verified by the card (EMV 4.4), always", "0903: finger verified online", "reserved by EMV", "by the payment systems", "by the issuer"}},
		{"tvr", "0100020200", []string{"byte 1 bit 1: XDA selected", "byte 3 bit 2: biometric capture device", "byte 4 bit 2: selected biometric type not supported"}},
		{"tvr", "0002000504", []string{"biometric performed", "biometric try limit", "XDA failed", "CA ECC key missing"}},
		{"aip", "8001", []string{"XDA supported", "relay resistance"}},
		{"cvm-results", "1F0002", []string{"method: 1F: no CVM required", "condition: 00: always", "result: 02: successful"}},
		{"cvm-results", "3F0000", []string{"no CVM performed", "unknown"}},
		{"cid", "80", []string{"ARQC"}},
		{"cid", "09", []string{"AAC", "advice required", "service not allowed"}},
		{"iad", "06011203A40002", []string{"derivation key index: 01", "cryptogram version number: 12", "card verification results: A40002"}},
		{"iad", "0102", []string{"layout of the issuer"}},
		{"generate-ac", "90", []string{"asks for an ARQC (online) with a CDA signature"}},
		{"generate-ac", "40", []string{"a TC", "!CDA"}},
		{"sw", "9000", []string{"success"}},
		{"sw", "63C2", []string{"2 tries left"}},
		{"sw", "6985", []string{"conditions of use"}},
		{"terminal-type", "22", []string{"attended, offline with online capability, operated by the merchant"}},
		{"capabilities", "20B8C8", []string{"IC with contacts", "plaintext PIN for ICC", "signature", "no CVM required", "byte 3 bit 4: ", "!card capture"}},
		{"additional-capabilities", "600000A001", []string{"goods", "services", "print, attendant", "display, attendant", "code table 1", "!code table 10"}},
		{"track2", "4242424242424242D31122011234567890", []string{"card number: 4242424242424242", "expires: 2031-12", "service code: 201 (international, chip; normal authorization; no restrictions)"}},
		{"date", "991231", []string{"1999-12-31"}},
		{"date", "260231", []string{"2026-02-31, which is no day"}},
		{"currency", "0978", []string{"EUR, 2 decimals"}},
		{"currency", "0392", []string{"JPY, 0 decimals"}},
		{"country", "0276", []string{"DE"}},
		{"type", "20", []string{"refund"}},
		{"arc", "5933", []string{`"Y3", unable to go online, offline approved`}},
		{"tags", "829F1A", []string{"82 Application Interchange Profile", "9F1A Terminal Country Code"}},
		{"9F10", "06011203A40002", []string{"derivation key index"}},
		{"70", "5A084242424242424242", []string{"5A Application Primary Account Number (PAN): 4242424242424242"}},
		{"command", "80AE900000", []string{"GENERATE AC, asks for an ARQC (online) with a CDA signature"}},
		{"command", "00B2011400", []string{"READ RECORD 1 of file 2"}},
		{"command", "00A4040007A000000003101000", []string{"SELECT", "Visa"}},
		{"command", "80CA9F1700", []string{"GET DATA 9F17", "9F17 Personal Identification Number (PIN) Try Counter"}},
		{"response", "77099F2701809F360200019000", []string{"status word: 9000: success", "77 Response Message Template Format 2", "9F36 Application Transaction Counter (ATC): 0001: 1"}},
		{"tlv", "8E020000", []string{"malformed: CVM List of 2 bytes"}},
		{"tlv", "6F03840101", []string{"6F File Control Information"}},
		{"tlv", "7003840101 70025A08", []string{"malformed: not a list of data objects: tag 5A at offset 0"}},
		{"tlv", "6F0A 840101 A505 500156 8701", []string{"A5 File Control Information (FCI) Proprietary Template", "malformed: not a list of data objects: tag 87 at offset 3"}},
	} {
		says(t, tt.kind, tt.in, tt.want)
	}
}

// says checks what is said of a value; "!" before a phrase: must not be said.
func says(t *testing.T, kind, in string, want []string) {
	t.Helper()
	items, err := As(kind, unhex(t, in))
	if err != nil {
		t.Errorf("%s %s: %v", kind, in, err)
		return
	}
	var text string
	for _, i := range items {
		text += i.String()
	}
	for _, want := range want {
		no, forbidden := strings.CutPrefix(want, "!")
		if strings.Contains(text, no) == forbidden {
			t.Errorf("%s %s: want %q in\n%s", kind, in, want, text)
		}
	}
}

func TestAsRefuses(t *testing.T) {
	for _, tt := range []struct {
		kind, in string
		want     error
	}{
		{"tvr", "00000000", ErrForm}, {"tsi", "00", ErrForm}, {"aip", "000000", ErrForm}, {"afl", "080101", ErrForm}, {"afl", "", ErrForm},
		{"dol", "9F", ErrForm}, {"cvm-list", "00000000000000001F", ErrForm}, {"cvm-results", "1F00", ErrForm}, {"cid", "", ErrForm},
		{"iad", "", ErrForm}, {"sw", "90", ErrForm}, {"date", "2A0101", ErrForm}, {"track2", "4242", ErrForm}, {"tags", "9F", ErrForm},
		{"tlv", "5A08", ErrForm}, {"command", "00A4", ErrForm}, {"response", "90", ErrForm}, {"atr", "3B", ErrForm},
		{"nonsense", "00", ErrKind}, {"FFFFFF", "00", ErrKind}, {"", "00", ErrKind},
	} {
		if items, err := As(tt.kind, unhex(t, tt.in)); !errors.Is(err, tt.want) {
			t.Errorf("%s %s: %v, %v; want %v", tt.kind, tt.in, items, err, tt.want)
		}
	}
}

// The names of the TVR and TSI bits stand where the kernel sets them.
func TestBitsAreTheKernels(t *testing.T) {
	say := func(decoder func([]byte) (Item, error), n int, f emvkernel.Flag) string {
		b := make([]byte, n)
		b[f>>8] |= byte(f)
		item, err := decoder(b)
		if err != nil || len(item.Items) != 1 {
			t.Fatalf("flag %04X: %v %v", f, item, err)
		}
		return item.Items[0].Meaning
	}
	for f, want := range map[emvkernel.Flag]string{
		emvkernel.ODANotPerformed: "not performed", emvkernel.SDAFailed: "SDA failed", emvkernel.ICCDataMissing: "data missing",
		emvkernel.InExceptionFile: "exception file", emvkernel.DDAFailed: "DDA failed", emvkernel.CDAFailed: "CDA failed",
		emvkernel.SDASelected: "SDA selected", emvkernel.VersionsDiffer: "versions", emvkernel.Expired: "expired",
		emvkernel.NotYetEffective: "not yet", emvkernel.ServiceNotAllowed: "not allowed", emvkernel.NewCard: "new card",
		emvkernel.CVMNotSuccessful: "not successful", emvkernel.UnrecognisedCVM: "unrecognised", emvkernel.PINTryLimit: "try limit",
		emvkernel.NoPINPad: "not present", emvkernel.PINNotEntered: "was not entered", emvkernel.OnlinePINEntered: "online PIN",
		emvkernel.FloorLimitExceeded: "floor limit", emvkernel.LowerLimitExceeded: "lower", emvkernel.UpperLimitExceeded: "upper",
		emvkernel.SelectedAtRandom: "randomly", emvkernel.ForcedOnline: "forced", emvkernel.DefaultTDOLUsed: "default TDOL",
		emvkernel.IssuerAuthFailed: "issuer authentication failed", emvkernel.ScriptFailedBefore: "before", emvkernel.ScriptFailedAfter: "after",
	} {
		if got := say(TVR, 5, f); !strings.Contains(got, want) {
			t.Errorf("TVR %04X: %q, want %q", f, got, want)
		}
	}
	for f, want := range map[emvkernel.Flag]string{
		emvkernel.ODAPerformed: "offline data authentication", emvkernel.CVMPerformed: "cardholder verification", emvkernel.CardRiskPerformed: "card risk",
		emvkernel.IssuerAuthPerformed: "issuer authentication", emvkernel.RiskPerformed: "terminal risk", emvkernel.ScriptPerformed: "script",
	} {
		if got := say(TSI, 2, f); !strings.Contains(got, want) {
			t.Errorf("TSI %04X: %q, want %q", f, got, want)
		}
	}
}

func TestATR(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"3B600000", []string{"TS: 3B: direct", "TB1: 00: no programming voltage", "TC1: 00: extra guard time N=0", "EMV: acceptable"}},
		{"3BE00000813 1FE45EB", []string{"TD1: 81: protocol T=1", "TA3: FE: card accepts blocks of 254 bytes", "TB3: 45: BWI=4, CWI=5", "TCK: EB: check byte, right", "acceptable"}},
		{"3BE000008131FE45EA", []string{"TCK: EA: check byte, wrong: want EB", "refused by an EMV terminal after a cold reset: TCK is wrong"}},
		{"3BE000008131FE4500", []string{"refused by an EMV terminal after a cold reset: TCK is wrong"}}, // EMV Book 1, 8.3
		{"3F6500004241424142", []string{"inverse", `historical bytes: 4241424142: "BABAB"`}},
		{"3B00", []string{"refused by an EMV terminal after a cold reset: TB1 is not 00"}},
		{"3B7018000 0", []string{"F=372, D=12"}},
		{"3BE000FE8131FE4515", []string{"TCK: 15: check byte, right", "CWI 5 is too small for the guard time"}},
		{"3BE000008131FF45EA", []string{"IFSC is not 16 to 254"}},
		{"3BE000008131FE65CB", []string{"BWI above 4 or CWI above 5"}},
		{"3BA00000", []string{"TD1: 00: protocol T=0"}},
		{"3BE000002000", []string{"after a cold reset: TB2 present"}},
		{"3BF01800008131FE4553", []string{"TA1: 18"}},
	} {
		item, err := ATR(unhex(t, tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(item.String(), want) {
				t.Errorf("%s: want %q in\n%s", tt.in, want, item)
			}
		}
	}
	for _, in := range []string{"", "3B", "3C00", "3B01", "3B10", "3B0000", "3B8001", "3B80018000" + "00", hex.EncodeToString(append([]byte{0x3B, 0}, make([]byte, 40)...))} {
		if item, err := ATR(unhex(t, in)); !errors.Is(err, ErrForm) {
			t.Errorf("%q decoded to %v, %v", in, item, err)
		}
	}
}

func TestResponseTo(t *testing.T) {
	for _, tt := range []struct{ command, response, want string }{
		{"80A8000002830000", "80063C00080101009000", "94 Application File Locator (AFL): 08010100"},
		{"80A8000002830000", "80063C00080101009000", "DDA supported"},
		{"80AE800000", "800B8000011122334455667788 9000", "9F26 Application Cryptogram: 1122334455667788"},
		{"80AE800000", "801280000111223344556677880601120 3A000009000", "derivation key index: 01"},
		{"80AE800000", "8002 80009000", "80 Response Message Template Format 1: 8000\n"},
		{"0088000000", "80063C00080101009000", "80 Response Message Template Format 1: 3C0008010100\n"},
		{"80AE800000", "6985", "conditions of use"},
		{"0084000000", "0102030405060708 9000", "\n  challenge: 0102030405060708\n"},
		{"0084000000", "6D00", "status word: 6D00: "},
	} {
		item, err := ResponseTo(unhex(t, tt.command), unhex(t, tt.response))
		if err != nil || !strings.Contains(item.String(), tt.want) {
			t.Errorf("%s: want %q in %v\n%s", tt.response, tt.want, err, item)
		}
	}
	if _, err := ResponseTo(nil, []byte{0x90}); !errors.Is(err, ErrForm) {
		t.Error(err)
	}
}

// Nothing is wider than a terminal; long values are whole, below their name.
func TestItemWidth(t *testing.T) {
	items, err := TLV(append(unhex(t, "90 8190"), make([]byte, 0x90)...))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(items[0].String(), "\n")
	if len(lines) != 7 || lines[0] != "90 Issuer Public Key Certificate: 144 bytes" || lines[1] != "  "+strings.Repeat("00", 32) || lines[5] != "  "+strings.Repeat("00", 16) {
		t.Errorf("%q", lines)
	}
}

func TestDetect(t *testing.T) {
	for in, want := range map[string]string{
		"3B600000": "atr", "00A404000E315041592E5359532E4444463031" + "00": "command", "80AE8000021234" + "00": "command",
		"9000": "sw", "6A82": "sw", "80063C0008010100": "tlv", "5A084242424242424242": "tlv", "5A0842424242424242429000": "response",
	} {
		if got, err := Detect(unhex(t, in)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "00", "0000000000", "8000008000", "3B"} {
		if got, err := Detect(unhex(t, in)); !errors.Is(err, ErrKind) {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
}

func TestCurrencyCode(t *testing.T) {
	for s, want := range map[string]string{"eur": "978 2 true", "392": "392 0 true", "036": "36 2 true", "999": "999 -1 true", "XYZ": "0 -1 false", "12": "12 -1 false", "": "0 -1 false"} {
		code, decimals, ok := CurrencyCode(s)
		if got := fmt.Sprint(code, decimals, ok); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

// Whatever the bytes are, every decoder gives an answer or ErrForm, and what Detect names decodes.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"3BE000008131FE45EB", "00B2011400", "9000", "77099F2701809F360200019000", "8E0A00000000000000001F00", "9F4A0182", "94040801010094",
		"000000C80000000042031E001F06", "4242424242424242D31122011234567890", "72098600860400DA0000", "3F", "9F38039F3704",
		"36004000", "23880000", "0840303032313800", "01AABBCCDD2880", "9F6A04", "1521000013656E00000000000000100000000012500840", "30F0F020B0F0FF00",
		"00030069851C", "000100000100200300080000080020030000000000000007", "611A4F07A0000000031010500B5649534120435245444954870101 9F2A0103",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		for _, kind := range append(Kinds(), "57", "8E", "9F10", "6F", "9F4D", "61", "9F66", "9F69", "9F6B", "9F51", "DF8131", "DF811B", "DF8118", "DF8132", "DF812D") {
			if items, err := As(kind, b); err != nil && !errors.Is(err, ErrForm) {
				t.Fatalf("%s: %v", kind, err)
			} else if err == nil {
				for _, i := range items {
					_ = i.String()
				}
			}
		}
		if kind, err := Detect(b); err == nil {
			if _, err := As(kind, b); err != nil {
				t.Fatalf("detected as %s, decodes to %v", kind, err)
			}
		}
		ResponseTo([]byte{0x80, 0xA8}, b)
		ResponseTo([]byte{0x80, 0xAE}, b)
		ResponseTo([]byte{0x80, 0xEA}, b)
		AIDName(b)
		if !slices.Equal(before, b) {
			t.Fatal("input changed")
		}
	})
}
