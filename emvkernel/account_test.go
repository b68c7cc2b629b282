package emvkernel_test

import (
	"bytes"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tlv"
)

// '5A' is 8 to 19 digits, filled with 'F'.
func TestAccountNumber(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		{"4242424242424242", "4242424242424242"},
		{"424242424242424F", "424242424242424"},
		{"42424242424242424FFF", "42424242424242424"},
		{"42424242", "42424242"},
		{"4242424242424242424F", "4242424242424242424"},

		{"", ""},
		{"FF", ""},
		{"4242424F", ""},               // seven digits
		{"42424242424242424242", ""},   // twenty
		{"42424242424242424242FF", ""}, // eleven bytes
		{"4242424242F42424", ""},       // a digit behind the filler
		{"424242424242424A", ""},
		{"A242424242424242", ""},
	} {
		got, ok := emvkernel.AccountNumber(unhex(t, tt.raw))
		if string(got) != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v, want %q", tt.raw, string(got), ok, tt.want)
		}
	}
}

// A track 2 image is a number, 'D', date, service code and digits.
func TestParseTrack2(t *testing.T) {
	for _, tt := range []struct{ raw, pan, expiry, service string }{
		{"4242424242424242D2712201", "4242424242424242", "2712", "201"},
		{"4242424242424242D27122010000000000000F", "4242424242424242", "2712", "201"},
		{"424242424242424D271222101F", "424242424242424", "2712", "221"},
		{"42424242D9913999", "42424242", "9913", "999"}, // the month is for others to judge
		{"4242424242424242424D271220112345678F", "4242424242424242424", "2712", "201"},

		{"", "", "", ""},
		{"D2712201", "", "", ""},
		{"4242424D271220FF", "", "", ""},
		{"4242424D2712201F", "", "", ""},               // seven digits
		{"42424242424242424242D2712201F0", "", "", ""}, // and twenty
		{"424242424242424242424242D2712201", "", "", ""},
		{"4242424242424242", "", "", ""},
		{"424242424242424F", "", "", ""},
		{"4242424242424242E2712201", "", "", ""},
		{"4242424242424242D271220F", "", "", ""},     // half a service code
		{"4242424242424242D27122010F0F", "", "", ""}, // a filler inside
		{"4242424242424242D2712201FF", "", "", ""},   // two of them
		{"4242424242424242D2712201D0", "", "", ""},   // two separators
		{"4242424242424242DA712201", "", "", ""},
		{"4242424242424242D2712201000000000000000F", "", "", ""}, // twenty bytes
	} {
		got, ok := emvkernel.ParseTrack2(unhex(t, tt.raw))
		if !ok {
			if tt.pan != "" || got.PAN != nil || got.ServiceCode != "" {
				t.Errorf("%s: refused, with %q", tt.raw, string(got.PAN))
			}
			continue
		}
		if string(got.PAN) != tt.pan || !bytes.Equal(got.Expiry[:], unhex(t, tt.expiry)) || got.ServiceCode != tt.service {
			t.Errorf("%s: %q, %X, %q", tt.raw, string(got.PAN), got.Expiry, got.ServiceCode)
		}
	}
}

// What is known of a card that has its number in '5A', in the track, or in both.
func TestCardDataOf(t *testing.T) {
	track := unhex(t, "4242424242424242D27122010000000000000F")
	card := func(change map[tlv.Tag]string) func(tlv.Tag) []byte {
		objects := map[tlv.Tag][]byte{
			0x57: bytes.Clone(track), 0x5A: unhex(t, "4242424242424242"), 0x5F24: unhex(t, "281130"), 0x5F34: {0x01},
			0x84: unhex(t, "A0000000031010"), 0x50: []byte("VISA"), 0x5F2D: []byte("DEen"), 0x5F20: []byte("A/B"),
		}
		for tag, value := range change {
			if value == "-" {
				delete(objects, tag)
				continue
			}
			objects[tag] = unhex(t, value)
		}
		return func(tag tlv.Tag) []byte { return objects[tag] }
	}
	of := func(get func(tlv.Tag) []byte) (emvkernel.CardData, bool) {
		return emvkernel.CardDataOf(get, &emvkernel.Application{Brand: "visa"}, &emvkernel.Terminal{})
	}

	get := card(nil)
	c, ok := of(get)
	if !ok || string(c.PAN) != "4242424242424242" || c.Last4 != "4242" || c.ExpiryYear != 2028 || c.ExpiryMonth != 11 || c.PANSequence != "01" ||
		c.Brand != "visa" || c.Label != "VISA" || c.Languages != "deen" || string(c.CardholderName) != "A/B" || !bytes.Equal(c.Track2, track) {
		t.Errorf("%v: %+v", ok, c)
	}
	for _, s := range []emvkernel.Secret{c.PAN, c.Track2, c.CardholderName} {
		s.Wipe()
	}
	if !bytes.Equal(get(0x57), track) || !bytes.Equal(get(0x5F20), []byte("A/B")) {
		t.Error("the secrets are not copies")
	}

	for _, tt := range []struct {
		name        string
		change      map[tlv.Tag]string
		year, month int // 0: refused
	}{
		{"the number in the track alone", map[tlv.Tag]string{0x5A: "-"}, 2028, 11},
		{"the date in the track alone", map[tlv.Tag]string{0x5F24: "-"}, 2027, 12},
		{"no track", map[tlv.Tag]string{0x57: "-"}, 2028, 11},
		{"a date of the last century", map[tlv.Tag]string{0x57: "4242424242424242D9912201", 0x5F24: "-"}, 1999, 12},
		{"no month in the track, one elsewhere", map[tlv.Tag]string{0x57: "4242424242424242D2713201"}, 2028, 11},
		{"no sequence number", map[tlv.Tag]string{0x5F34: "-"}, 2028, 11},

		{"no number", map[tlv.Tag]string{0x57: "-", 0x5A: "-"}, 0, 0},
		{"no date", map[tlv.Tag]string{0x57: "-", 0x5F24: "-"}, 0, 0},
		{"no month", map[tlv.Tag]string{0x57: "4242424242424242D2713201", 0x5F24: "-"}, 0, 0},
		{"month 13", map[tlv.Tag]string{0x5F24: "281330"}, 0, 0},
		{"two numbers", map[tlv.Tag]string{0x5A: "4242424242424259"}, 0, 0},
		{"an empty number", map[tlv.Tag]string{0x5A: ""}, 0, 0},
		{"an empty track", map[tlv.Tag]string{0x57: ""}, 0, 0},
		{"thirty digits in the track", map[tlv.Tag]string{0x57: "424242424242424242424242424242D2712201", 0x5A: "-"}, 0, 0},
		{"a sequence number of letters", map[tlv.Tag]string{0x5F34: "0A"}, 0, 0},
		{"an empty sequence number", map[tlv.Tag]string{0x5F34: ""}, 0, 0},
	} {
		c, ok := of(card(tt.change))
		if ok != (tt.year != 0) || c.ExpiryYear != tt.year || c.ExpiryMonth != tt.month {
			t.Errorf("%s: %v, %d-%d", tt.name, ok, c.ExpiryYear, c.ExpiryMonth)
		}
		if !ok && (c.PAN != nil || c.Track2 != nil || c.CardholderName != nil || c.Last4 != "" || c.Languages != "deen") {
			t.Errorf("%s: refused, with %q, languages %q", tt.name, c.Last4, c.Languages)
		}
	}
}

// No card may give what is the terminal's or the payment's, also where nobody has a value.
func TestTerminalObject(t *testing.T) {
	term := &emvkernel.Terminal{Type: 0x22, Country: 840, SerialNumber: "00000042", MCC: 5999, MerchantID: "M", MerchantName: "Shop", AcquirerID: []byte{1, 2, 3, 4, 5, 6}}
	p := &emvkernel.Params{Amount: 1250, Cashback: 250, Currency: 978, Exponent: 2, Type: 0x09, Counter: 7}
	for tag, want := range map[tlv.Tag]string{
		0x81: "000004E2", 0x9F02: "000000001250", 0x9F03: "000000000250", 0x9F04: "000000FA", 0x5F2A: "0978", 0x5F36: "02", 0x9C: "09",
		0x9F41: "00000007", 0x9F35: "22", 0x9F15: "5999", 0x9F1E: "3030303030303432", 0x9F16: "4D2020202020202020202020202020",
		0x9F01: "010203040506", 0x9F4E: "53686F70",
		0x9F1C: "", 0x5F57: "", 0x86: "", 0x89: "", 0x99: "", 0x9F22: "", 0x9F3A: "", 0x9F3C: "", 0x9F3D: "",
	} {
		if v, owned := emvkernel.TerminalObject(term, p, tag); !owned || !bytes.Equal(v, unhex(t, want)) {
			t.Errorf("%s: %X, %v, want %s", tag, v, owned, want)
		}
	}
	for _, tag := range []tlv.Tag{0x5A, 0x57, 0x82, 0x9F10, 0x9F6C} {
		if v, owned := emvkernel.TerminalObject(term, p, tag); owned || v != nil {
			t.Errorf("%s is the card's", tag)
		}
	}
	if v, owned := emvkernel.TerminalObject(term, &emvkernel.Params{Amount: 1 << 32}, 0x81); !owned || v != nil {
		t.Errorf("an amount beyond four bytes is %X", v)
	}
	if got := emvkernel.CountryObject(56); !bytes.Equal(got, []byte{0x00, 0x56}) {
		t.Errorf("country %X", got)
	}
	if got := emvkernel.Number(1234567, 3); !bytes.Equal(got, []byte{0x23, 0x45, 0x67}) {
		t.Errorf("a number too large: %X", got)
	}
}

// The data set is in one piece of memory, however long what the card gave is: growing would leave copies of the
// account number behind.
func TestDataSetIsInOnePlace(t *testing.T) {
	long := make([]byte, 250)
	got := emvkernel.DataSet(func(tag tlv.Tag) []byte {
		switch tag {
		case 0x9F02:
			return nil
		case 0x95:
			return []byte{}
		}
		return long
	})
	n := 0
	for e, err := range tlv.All(got) {
		if err != nil || e.Tag == 0x9F02 || e.Tag == 0x95 {
			t.Errorf("%v: %v", e, err)
		}
		n++
	}
	if n < 30 || cap(got) > n*256+16 {
		t.Errorf("%d objects in %d bytes of memory", n, cap(got))
	}
}

func FuzzAccount(f *testing.F) {
	for _, seed := range []string{"", "4242424242424242", "424242424242424F", "4242424242424242D27122010000000000000F", "424242424242424D271222101F", "42424242D9913999", "D2712201"} {
		f.Add(unhex(f, seed))
	}
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	f.Fuzz(func(t *testing.T, raw []byte) {
		if pan, ok := emvkernel.AccountNumber(raw); ok != (pan != nil) || ok && (len(pan) < 8 || len(pan) > 19 || !digits(string(pan))) {
			t.Errorf("%X: an account number of %d bytes, %v", raw, len(pan), ok)
		}
		track, ok := emvkernel.ParseTrack2(raw)
		if ok && (len(track.PAN) < 8 || len(track.PAN) > 19 || !digits(string(track.PAN)) || len(track.ServiceCode) != 3 || !digits(track.ServiceCode)) {
			t.Errorf("%X: account of %d digits, service code %q", raw, len(track.PAN), track.ServiceCode)
		}
		if !ok && (track.PAN != nil || track.ServiceCode != "") {
			t.Errorf("%X: refused, and something in it", raw)
		}
		get := func(tag tlv.Tag) []byte {
			if tag == 0x57 {
				return raw
			}
			return nil
		}
		if c, all := emvkernel.CardDataOf(get, &emvkernel.Application{}, &emvkernel.Terminal{}); all && (!ok || !bytes.Equal(c.PAN, track.PAN)) {
			t.Errorf("%X: card data of no track", raw)
		}
	})
}
