package decode

import (
	"errors"
	"testing"
)

func TestContactless(t *testing.T) {
	for _, tt := range []struct {
		kind, in string
		want     []string
	}{
		{"ttq", "3600C080", []string{"byte 1 bit 6: EMV mode supported", "byte 1 bit 5: EMV contact chip", "byte 1 bit 3: online PIN", "byte 1 bit 2: signature", "byte 3 bit 7: consumer device CVM supported", "byte 4 bit 8: fDDA", "!required", "!offline-only"}},
		{"9F66", "0100C000", []string{"9F66 Terminal Transaction Qualifiers (TTQ): 0100C000", "byte 1 bit 1: offline data authentication for online authorizations"}},
		// A tag that payment systems use differently has the name that fits its value.
		{"9F66", "000F", []string{"9F66 PUNATC (Track2): 000F\n", "!byte", "!Qualifiers"}},
		{"ttq", "00000880", []string{"byte 3 bit 4: consumer device CVM required (kernel 6)", "byte 4 bit 8: fDDA version 1 supported (kernel 7)"}},
		// EMV fact 31: the two bits that belong to one payment.
		{"ttq", "0800C000", []string{"offline-only reader"}},
		{"ttq", "00C00000", []string{"byte 2 bit 8: online cryptogram required", "byte 2 bit 7: CVM required"}},
		// EMV fact 32: what a card's qualifiers ask for.
		{"ctq", "8000", []string{"byte 1 bit 8: online PIN required", "!signature"}},
		{"ctq", "7E00", []string{"bit 7: signature required", "bit 6: go online if offline data", "bit 5: switch interface if offline data", "bit 4: go online if the application is expired", "bit 3: switch interface for cash\n", "bit 2: switch interface for cashback", "!online PIN", "!ATM"}},
		{"ctq", "01C0", []string{"not valid for contactless ATM", "byte 2 bit 8: consumer device CVM performed", "byte 2 bit 7: issuer update"}},
		{"9F6C", "8000", []string{"9F6C Card Transaction Qualifiers (CTQ): 8000\n", "byte 1 bit 8: online PIN required"}},
		{"9F6C", "0001", []string{"9F6C Mag-stripe Application Version Number (Card): 0001: version 1\n", "!reserved", "!Qualifiers"}},
		{"9F6C", "0040", []string{"Card Transaction Qualifiers (CTQ)", "byte 2 bit 7: issuer update", "!version"}},
		{"9F6C", "0000", []string{"!version"}},
		{"form-factor", "23880000", []string{"version: 1", "form factor: mobile phone", "byte 2 bit 8: passcode capable", "byte 2 bit 4: two-way messaging", "technology: contactless", "!hologram"}},
		{"form-factor", "24000001", []string{"worn at the wrist", "technology: not used"}},
		{"9F6E", "3F00000F", []string{"9F6E Form Factor Indicator: 3F00000F\n", "form factor: reserved", "technology: reserved"}},
		{"9F6E", "0276 0000 3033 00", []string{"9F6E Third Party Data: 02760000303300\n", "country: 0276: DE", "unique identifier: 0000", `device type: 3033: "03", watch`, "proprietary data: 00"}},
		{"9F6E", "0056 8001 3033", []string{"country: 0056: BE", "proprietary data: 3033", "!watch"}},
		{"9F6E", "0ABC 0000 3939 00", []string{"country: 0ABC: malformed", `"99", not in the table`}},
		{"9F69", "01AABBCCDD2880", []string{"9F69 Card Authentication Related Data: 01AABBCCDD2880\n", "fDDA version: 01", "unpredictable number: AABBCCDD", "Card Transaction Qualifiers: 2880", "byte 2 bit 8: consumer device CVM performed"}},
		{"9F69", "01AABBCCDD", []string{"fDDA version: 01", "!Qualifiers"}},
		{"9F69", "01AABBCCDD2880FF", []string{"reserved: FF"}},
		{"9F69", "9F6A04", []string{"9F69 UDOL: 9F6A04: asks for 4 bytes", "9F6A Unpredictable Number (Numeric): 4 bytes"}},
		// EMV fact 18: what a directory says about kernels.
		{"kernel-id", "02", []string{"kernel 2 (Mastercard)"}},
		{"kernel-id", "03", []string{"kernel 3 (Visa)"}},
		{"kernel-id", "08", []string{"EMV Book C-8"}},
		{"kernel-id", "1F", []string{"kernel 31\n"}},
		{"kernel-id", "", []string{"the payment system's default"}},
		{"kernel-id", "00", []string{"the payment system's default"}},
		{"kernel-id", "81000276", []string{"domestic kernel 1\n"}},
		{"kernel-id", "41", []string{"reserved"}},
		{"tlv", "610F 4F07A0000000031010 870101 9F2A00", []string{"61 Application Template: Visa, priority 1, default\n", "  4F Application Dedicated File (ADF) Name: A0000000031010: Visa"}},
		{"tlv", "6110 4F07A0000000041010 870102 9F2A0102", []string{"61 Application Template: Mastercard, priority 2, kernel 2 (Mastercard)\n"}},
		{"tlv", "6107 4F05F000000001", []string{"61 Application Template\n"}},
		// EMV fact 36: relay resistance in AIP, TVR and the card's answer.
		{"aip", "1981", []string{"byte 2 bit 8: EMV mode (contactless; a Visa card: magnetic stripe mode)", "byte 2 bit 1: relay resistance"}},
		{"aip", "0280", []string{"byte 1 bit 2: on-device cardholder verification"}},
		{"tvr", "000000000E", []string{"relay resistance threshold exceeded", "relay resistance time limits exceeded", "byte 5 bit 2: ECC key recovery failed (EMV 4.4; contactless: relay resistance performed)"}},
		{"tvr", "0000000001", []string{"byte 5 bit 1: relay resistance not performed"}},
		// EMV fact 33: what a phone asks for.
		{"interaction", "000100", []string{"version: 00", "byte 2 bit 1: PIN required", "!acknowledgement"}},
		{"DF4B", "001E00", []string{"bit 5: offline PIN verification successful", "bit 4: context is conflicting", "bit 3: offline change of the PIN required", "bit 2: acknowledgement required"}},
		{"DF8131", "0001000001002003 0000000000000007", []string{"entry 1: 0001000001002003: where 000100 of 000100 is set: see phone for instructions, processing", "entry 2: ", "000000 of 000000"}},
		{"ui-request", "1704000013656E646500000000 10 000000001250 0840", []string{"message: 17: card read OK, please remove card", "status: 04: card read successfully", "hold time: 1300 ms", `languages: "ende"`, "amount: 1250", "currency: 0840: USD"}},
		{"DF8116", "2003000000 0000000000000000 00 000000000000 0000", []string{"see phone", "!hold time", "!languages", "!amount", "!currency"}},
		{"DF8116", "4209000000 0000000000000000 20 000000000100 0978", []string{"message: 42: reserved", "status: 09: reserved", "balance: 100", "EUR"}},
		{"outcome", "30F0F020B0F0FF00", []string{"outcome: 30: online request", "start: F0: not applicable", "CVM: 20: online PIN", "byte 5 bit 8: user interface request on outcome", "byte 5 bit 6: data record", "byte 5 bit 5: discretionary data", "!restart", "field off: FF: not applicable", "removal timeout: 00: 0 ms"}},
		{"DF8129", "7010F0F0C8F00D0A", []string{"try again", "start: 10: B", "restart present", "receipt", "field off: 0D: 1300 ms", "removal timeout: 0A: 1000 ms"}},
		{"outcome", "8040E040 00 00 00 00", []string{"outcome: 80: reserved", "start: 40: reserved", "online response data: E0: reserved", "CVM: 40: reserved"}},
		{"error-indication", "00030069851C", []string{"level 1: 00: OK", "level 2: 03: status word", "level 3: 00: OK", "status word: 6985: conditions of use", "message: 1C: insert, swipe or try another card"}},
		{"DF8115", "02000000 00FF", []string{"transmission error", "status word: 0000: none", "not applicable"}},
		{"DF811B", "B0", []string{"magnetic stripe mode not supported", "on-device cardholder verification supported", "relay resistance supported", "!EMV mode"}},
		{"DF8118", "60", []string{"byte 2 bit 7: enciphered PIN for online", "byte 2 bit 6: signature"}},
		{"DF8119", "08", []string{"byte 2 bit 4: no CVM required"}},
		{"DF8117", "E0", []string{"byte 1 bit 8: manual key entry"}},
		{"DF811F", "08", []string{"byte 3 bit 4: CDA"}},
		{"DF8122", "8000000000", []string{"not performed"}},
		{"DF8132", "0014", []string{"2.0 ms"}},
		{"DF8136", "012C", []string{"30.0 ms"}},
		{"DF8130", "0D", []string{"1300 ms"}},
		{"DF812D", "000013", []string{"1300 ms"}},
		{"DF8123", "000000001000", []string{"Reader Contactless Floor Limit: 000000001000: 1000"}},
		{"9F51", "9F37045A08", []string{"9F51 DRDOL: 9F37045A08: asks for 12 bytes"}},
		{"9F51", "0978", []string{"9F51 Application Currency Code: 0978: EUR"}},
		{"9F6B", "4242424242424242D31122011234567890", []string{"card number: 4242424242424242", "expires: 2031-12"}},
		{"command", "80EA000004 01020304 00", []string{"EXCHANGE RELAY RESISTANCE DATA", "data: 01020304"}},
		{"command", "00A404000E325041592E5359532E444446303100", []string{"SELECT PPSE", "proximity payment system environment"}},
	} {
		says(t, tt.kind, tt.in, tt.want)
	}
}

func TestContactlessRefuses(t *testing.T) {
	for _, tt := range []struct{ kind, in string }{
		{"ttq", "3600C0"}, {"ttq", "000F"}, {"ctq", "00"}, {"form-factor", "232300"}, {"form-factor", ""}, {"kernel-id", "030000000000000000"},
		{"interaction", "0001"}, {"ui-request", "1704"}, {"ui-request", "1704AA0013656E646500000000 10 000000001250 0840"},
		{"ui-request", "1704000013656E646500000000 10 00000000125A 0840"}, {"ui-request", "1704000013656E646500000000 10 000000001250 0A40"},
		{"outcome", "30F0F020B0F0FF"}, {"error-indication", "0003006985"},
	} {
		if items, err := As(tt.kind, unhex(t, tt.in)); !errors.Is(err, ErrForm) {
			t.Errorf("%s %s: %v, %v", tt.kind, tt.in, items, err)
		}
	}
	for _, tt := range []struct{ tag, in string }{
		{"9F66", "36"}, {"9F69", "01AABB"}, {"9F69", "01000000000000000000000000000000FF"}, {"DF8131", "00010000010020"}, {"DF8131", ""},
		{"DF8118", "6000"}, {"DF8132", "14"}, {"DF8130", "000D"}, {"DF812D", "0013"}, {"DF811B", ""},
	} {
		if items, err := As(tt.tag, unhex(t, tt.in)); err != nil || !items[0].Malformed() {
			t.Errorf("%s %s: %v, %v", tt.tag, tt.in, items, err)
		}
	}
}

// EMV fact 36: what a card says of its times stands in a template without tags.
func TestRelayResistanceAnswer(t *testing.T) {
	item, err := ResponseTo(unhex(t, "80EA0000040102030400"), unhex(t, "800A AABBCCDD 0011 0022 0033 9000"))
	if err != nil {
		t.Fatal(err)
	}
	parts := item.Items[0].Items
	if len(parts) != 4 || parts[0].Value != "AABBCCDD" || parts[1].Meaning != "1.7 ms" || parts[2].Meaning != "3.4 ms" || parts[3].Meaning != "5.1 ms" {
		t.Errorf("%s", item)
	}
}
