package c2

import (
	"bytes"
	"encoding/hex"
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
