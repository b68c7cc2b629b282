package emvkernel_test

import (
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tlv"
)

// EMV fact 26: the second byte of the TVR.
func TestRestrictions(t *testing.T) {
	home, abroad := "0840", "0276"
	tests := []struct {
		name   string
		data   map[tlv.Tag]string
		change func(*emvkernel.Config, *emvkernel.Params)
		want   byte
	}{
		{name: "nothing to object to"},
		{name: "same version", data: map[tlv.Tag]string{0x9F08: "0096"}},
		{name: "other version", data: map[tlv.Tag]string{0x9F08: "0097"}, want: 0x80},
		{name: "expires today", data: map[tlv.Tag]string{0x5F24: "261121"}},
		{name: "expired yesterday", data: map[tlv.Tag]string{0x5F24: "261120"}, want: 0x40},
		{name: "expires in 49", data: map[tlv.Tag]string{0x5F24: "491231"}},
		{name: "expired in 1950", data: map[tlv.Tag]string{0x5F24: "501231"}, want: 0x40},
		{name: "effective today", data: map[tlv.Tag]string{0x5F25: "261121"}},
		{name: "effective tomorrow", data: map[tlv.Tag]string{0x5F25: "261122"}, want: 0x20},
		{name: "effective since 1999", data: map[tlv.Tag]string{0x5F25: "990101"}},

		{name: "not for terminals but ATMs", data: map[tlv.Tag]string{0x9F07: "FEC0"}, want: 0x10},
		{name: "not for ATMs, at an ATM", data: map[tlv.Tag]string{0x9F07: "FDC0"}, change: atm, want: 0x10},
		{name: "for ATMs, at an ATM", data: map[tlv.Tag]string{0x9F07: "FEC0"}, change: atm},
		{name: "only the place counts without a country", data: map[tlv.Tag]string{0x9F07: "0100"}},
		{name: "goods at home", data: map[tlv.Tag]string{0x9F07: "2100", 0x5F28: home}},
		{name: "services at home", data: map[tlv.Tag]string{0x9F07: "0900", 0x5F28: home}},
		{name: "neither at home", data: map[tlv.Tag]string{0x9F07: "D500", 0x5F28: home}, want: 0x10},
		{name: "goods abroad", data: map[tlv.Tag]string{0x9F07: "1100", 0x5F28: abroad}},
		{name: "services abroad", data: map[tlv.Tag]string{0x9F07: "0500", 0x5F28: abroad}},
		{name: "neither abroad", data: map[tlv.Tag]string{0x9F07: "E900", 0x5F28: abroad}, want: 0x10},
		{name: "cash at home", data: map[tlv.Tag]string{0x9F07: "8100", 0x5F28: home}, change: kind(0x01)},
		{name: "no cash at home", data: map[tlv.Tag]string{0x9F07: "7D00", 0x5F28: home}, change: kind(0x01), want: 0x10},
		{name: "no cash abroad", data: map[tlv.Tag]string{0x9F07: "BD00", 0x5F28: abroad}, change: kind(0x01), want: 0x10},
		{name: "refund needs no usage bit", data: map[tlv.Tag]string{0x9F07: "0100", 0x5F28: home}, change: kind(0x20)},
		{name: "cashback at home", data: map[tlv.Tag]string{0x9F07: "3D80", 0x5F28: home}, change: back},
		{name: "no cashback at home", data: map[tlv.Tag]string{0x9F07: "3D40", 0x5F28: home}, change: back, want: 0x10},
		{name: "cashback abroad", data: map[tlv.Tag]string{0x9F07: "3D40", 0x5F28: abroad}, change: back},
		{name: "no cashback abroad", data: map[tlv.Tag]string{0x9F07: "3D80", 0x5F28: abroad}, change: back, want: 0x10},
		{name: "all at once", data: map[tlv.Tag]string{0x9F08: "0001", 0x5F24: "261120", 0x5F25: "261122", 0x9F07: "0000"}, want: 0xF0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			for tag, v := range tt.data {
				s.data[tag] = unhex(t, v)
			}
			tx, out := s.run(t, tt.change)
			if out.Kind != emvkernel.OnlineRequest {
				t.Fatal(out)
			}
			if got := tx.TVR()[1]; got != tt.want {
				t.Errorf("TVR byte 2 is %02X, want %02X", got, tt.want)
			}
		})
	}
}

func kind(b byte) func(*emvkernel.Config, *emvkernel.Params) {
	return func(_ *emvkernel.Config, p *emvkernel.Params) { p.Type = b }
}

func back(_ *emvkernel.Config, p *emvkernel.Params) { p.Type, p.Cashback = 0x09, 100 }

func atm(c *emvkernel.Config, _ *emvkernel.Params) {
	c.Terminal.Type = 0x14
	c.Terminal.AdditionalCapabilities[0] |= 0x80
}

func TestMalformedRestrictionData(t *testing.T) {
	for tag, v := range map[tlv.Tag]string{0x9F07: "FF", 0x5F25: "261301"} {
		s := newStub()
		s.data[tag] = unhex(t, v)
		if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
			t.Errorf("%v: %v", tag, out)
		}
	}
}
