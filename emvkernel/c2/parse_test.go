package c2

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"smartreader/emvkernel/tlv"
)

func seed(f *testing.F, list ...string) {
	for _, s := range list {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzOptions(f *testing.F) {
	seed(f, "8006198010010101", "770A82021980940410010101", "7700", "80021980", "77048202")
	f.Fuzz(func(t *testing.T, data []byte) {
		aip, afl, ok := parseOptions(data)
		if !ok {
			return
		}
		if aip != nil && len(aip) != 2 || len(afl)%4 != 0 {
			t.Errorf("AIP of %d, AFL of %d bytes", len(aip), len(afl))
		}
	})
}

func TestParseOptions(t *testing.T) {
	for _, test := range []struct {
		answer, aip, afl string
		ok               bool
	}{
		{"8006 1980 10010101", "1980", "10010101", true},
		{"800A 1980 10010101 18010100", "1980", "1001010118010100", true},
		{"8002 1980", "", "", false},
		{"8005 1980 100101", "", "", false},
		{"8007 1980 1001010118", "", "", false},
		{"770A 82021980 940410010101", "1980", "10010101", true},
		{"770E 9F360100 940410010101 82021980", "1980", "10010101", true},
		{"7704 82021980", "1980", "", true},
		{"7706 940410010101", "", "10010101", true},
		{"7700", "", "", true},
		{"7708 82021980 82021980", "", "", false},
		{"7703 820119", "", "", false},
		{"7702 9400", "", "", false},
		{"7705 9403100101", "", "", false},
		{"7703 820219", "", "", false},
		{"8006 1980 10010101 00", "", "", false},
		{"8007 1980 10010101", "", "", false},
		{"7006 1980 10010101", "", "", false},
		{"", "", "", false},
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(test.answer, " ", ""))
		if err != nil {
			t.Fatal(test.answer, err)
		}
		aip, afl, ok := parseOptions(data)
		if ok != test.ok || ok && (hex.EncodeToString(aip) != test.aip || hex.EncodeToString(afl) != test.afl) {
			t.Errorf("%s: %X %X %v", test.answer, aip, afl, ok)
		}
	}
}

func FuzzAC(f *testing.F) {
	seed(f, "770F9F2701809F360200019F26081122334455667788", "800B8000011122334455667788", "80128000011122334455667788"+"06010A03A0"+"0000", "77049F270180", "7700")
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseAC(data)
		if err != nil {
			return
		}
		if len(a.atc) != 2 || a.ac != nil && len(a.ac) != 8 || len(a.iad) > 32 || a.phone != nil && len(a.phone) != 3 || !bytes.Equal(a.raw, data) {
			t.Errorf("%+v", a)
		}
		if a.sdad != nil && bytes.Contains(a.elements, tlv.Append(nil, 0x9F4B, a.sdad...)) && !bytes.Contains(a.iad, tlv.Append(nil, 0x9F4B, a.sdad...)) {
			list, err := tlv.Parse(a.elements)
			if err != nil {
				t.Fatal(err)
			}
			if _, in := tlv.Find(list, 0x9F4B); in {
				t.Error("the signature covers itself")
			}
		}
	})
}

func TestParseAC(t *testing.T) {
	const ok = "9F270180 9F36020001 9F26081122334455667788"
	long := strings.Repeat("01", 32)
	for _, test := range []struct {
		answer string
		want   error
	}{
		{"77 14" + ok, nil},
		{"77 37" + ok + "9F1020" + long, nil},
		{"77 38" + ok + "9F1021" + long + "01", errACMalformed},
		{"77 1A" + ok + "DF4B03000000", nil},
		{"77 19" + ok + "DF4B020000", errACMalformed},
		{"77 1B" + ok + "DF4B0400000000", errACMalformed},
		{"77 18" + ok + "9F270180", errACMalformed},
		{"77 19" + ok + "9F36020001", errACMalformed},
		{"77 17" + ok + "9F4B00", errACMalformed},
		{"77 0F 9F270180 9F26081122334455667788", errACMissing},
		{"77 10 9F36020001 9F26081122334455667788", errACMissing},
		{"77 09 9F270180 9F36020001", nil},
		{"77 09 9F270280 9F36020001", errACMalformed},
		{"77 0A 9F27028000 9F36020001", errACMalformed},
		{"77 08 9F270180 9F360100", errACMalformed},
		{"77 13 9F270180 9F36020001 9F2607112233445566770" + "0", errACMalformed},
		{"77 14" + ok + "00", errACMalformed}, // behind the template
		{"77 15" + ok, errACMalformed},
		{"", errACMalformed},
		{"70 14" + ok, errACMalformed},
		{"80 0B" + "80 0001 1122334455667788", nil},
		{"80 0A" + "80 0001 11223344556677", errACMalformed},
		{"80 2B" + "80 0001 1122334455667788" + long, nil},
		{"80 2C" + "80 0001 1122334455667788 01" + long, errACMalformed},
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(test.answer, " ", ""))
		if err != nil {
			t.Fatal(test.answer, err)
		}
		a, err := parseAC(data)
		if err != test.want {
			t.Errorf("%s: %v, want %v", test.answer, err, test.want)
			continue
		}
		if err == nil && (a.cid != 0x80 || !bytes.Equal(a.atc, []byte{0, 1})) {
			t.Errorf("%s: %+v", test.answer, a)
		}
		if err == nil && data[0] == 0x80 && (a.iad != nil) != (len(data) > 13) {
			t.Errorf("%s: issuer data %X", test.answer, a.iad)
		}
	}
}

func FuzzRelay(f *testing.F) {
	seed(f, "800A0A0B0C0D000000640018", "8000", "770A0A0B0C0D000000640018")
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := parseRelay(data)
		if ok && !bytes.Equal(r.signed()[4:], data[len(data)-10:]) {
			t.Error("another answer")
		}
	})
}

func FuzzChecksum(f *testing.F) {
	seed(f, "770F9F61022EF49F6002609B9F36021E47", "77069F36021E47DF", "7700")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, ok := parseChecksum(data)
		if !ok {
			return
		}
		for _, v := range [][]byte{c.atc, c.track1, c.track2} {
			if v != nil && len(v) != 2 {
				t.Errorf("%+v", c)
			}
		}
	})
}

// What bitmaps may say never leads outside the track.
func FuzzPlaces(f *testing.F) {
	f.Add(uint64(0x38), uint64(0x3C6), byte(4), byte(13), uint32(57), uint16(0x1E47))
	f.Add(uint64(0xFFFF), uint64(0), byte(0), byte(5), uint32(0), uint16(0))
	f.Fuzz(func(t *testing.T, code, other uint64, atc, length byte, random uint32, counter uint16) {
		k := &tracks{two: bytes.Repeat([]byte{'0'}, int(length)), code2: code, other2: other, atc2: int(atc)}
		for places := other; places != 0; places &= places - 1 {
			k.un++
		}
		k.un -= k.atc2
		if !fits(k.two, k.code2, k.other2, k.atc2, k.un) {
			return
		}
		un := k.numericUN([4]byte{byte(random >> 24), byte(random >> 16), byte(random >> 8), byte(random)})
		k.place(un, checksum{atc: []byte{byte(counter >> 8), byte(counter)}, track2: []byte{0x2E, 0xF4}}, random&1 == 0)
		for _, c := range k.two {
			if c < '0' || c > '9' {
				t.Errorf("%s", k.two)
			}
		}
		if k.un >= 0 && k.un < 8 {
			most := uint32(1)
			for range k.un {
				most *= 10
			}
			digits := hex.EncodeToString(un[:])
			for _, d := range digits[:8-k.un] {
				if d != '0' {
					t.Errorf("%s has more than %d digits", digits, k.un)
				}
			}
		}
	})
}

func TestParseChecksum(t *testing.T) {
	for answer, want := range map[string]bool{
		"7705 9F36021E47": true, "7700": true, "7706 9F36021E47 00": true, "7705 9F36021E47 00": false, "": false,
		"7005 9F36021E47": false, "7704 9F36021E": false, "770A 9F36021E47 9F36021E47": false, "7706 DF4B03000000": true,
		"7705 DF4B020000": false, "7704 9F61 01 00": false,
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(answer, " ", ""))
		if err != nil {
			t.Fatal(answer, err)
		}
		if _, ok := parseChecksum(data); ok != want {
			t.Errorf("%s: %v", answer, ok)
		}
	}
}

func TestPacked(t *testing.T) {
	for digits, want := range map[string]string{"5413D351": "5413d351", "5413D3512": "5413d3512f", "": ""} {
		if got := hex.EncodeToString(packed([]byte(digits[:len(digits)/2]), []byte(digits[len(digits)/2:]))); got != want {
			t.Errorf("%s: %s", digits, got)
		}
	}
}

func TestFits(t *testing.T) {
	for _, test := range []struct {
		code, other     uint64
		length, atc, un int
		want            bool
	}{
		{0x0E, 0x70, 7, 2, 1, true},
		{0x0E, 0x70, 6, 2, 1, false}, // beyond the data
		{0x0E, 0x78, 7, 3, 1, false}, // twice
		{0x0F, 0x70, 7, 2, 1, false}, // the last digit
		{0x0E, 0x71, 7, 2, 2, false}, // the last digit
		{0x02, 0x70, 7, 2, 1, true},  // one digit of the code
		{0x00, 0x70, 7, 2, 1, false}, // none
		{0x3E, 0x40, 7, 0, 1, true},  // five
		{0x7E, 0x80, 8, 0, 1, false}, // six
		{0x02, 0x7C, 7, 5, 0, true},  // five of the counter
		{0x02, 0xFC, 8, 6, 0, false}, // six
		{0x02, 0x70, 7, -1, 4, false},
		{0x02, 0x3FC, 10, 0, 8, true},  // eight of the number
		{0x02, 0x7FC, 11, 0, 9, false}, // nine
		{0x02, 0x70, 7, 4, -1, false},
	} {
		if got := fits(make([]byte, test.length), test.code, test.other, test.atc, test.un); got != test.want {
			t.Errorf("%+v", test)
		}
	}
}
