package emvkernel_test

import (
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tlv"
)

// EMV fact 26: years 00 to 49 are in this century; a card is good to the end of its last day and from the
// first one on; other versions and a usage that is not allowed are noted in the second byte of the TVR.
// None of it declines by itself.
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
		{name: "version that the first byte tells apart", data: map[tlv.Tag]string{0x9F08: "0196"}, want: 0x80},
		{name: "expires today", data: map[tlv.Tag]string{0x5F24: "261121"}},
		{name: "expired yesterday", data: map[tlv.Tag]string{0x5F24: "261120"}, want: 0x40},
		{name: "expires in 49", data: map[tlv.Tag]string{0x5F24: "491231"}},
		{name: "expired in 1950", data: map[tlv.Tag]string{0x5F24: "501231"}, want: 0x40},
		{name: "effective today", data: map[tlv.Tag]string{0x5F25: "261121"}},
		{name: "effective in 2049", data: map[tlv.Tag]string{0x5F25: "490101"}, want: 0x20},
		{name: "effective since 1950", data: map[tlv.Tag]string{0x5F25: "500101"}},
		{name: "effective tomorrow", data: map[tlv.Tag]string{0x5F25: "261122"}, want: 0x20},
		{name: "effective since 1999", data: map[tlv.Tag]string{0x5F25: "990101"}},

		{name: "not for terminals but ATMs", data: map[tlv.Tag]string{0x9F07: "FEC0"}, want: 0x10},
		{name: "not for ATMs, at an ATM", data: map[tlv.Tag]string{0x9F07: "FDC0"}, change: atm, want: 0x10},
		{name: "not for ATMs, at a terminal that is one for this application", data: map[tlv.Tag]string{0x9F07: "FDC0"}, want: 0x10,
			change: func(c *emvkernel.Config, p *emvkernel.Params) {
				atm(c, p)
				all := c.Terminal.AdditionalCapabilities
				for i := range c.Applications {
					c.Applications[i].AdditionalCapabilities = &all
				}
				c.Terminal.AdditionalCapabilities = [5]byte{}
			}},
		{name: "for ATMs, at an ATM", data: map[tlv.Tag]string{0x9F07: "FEC0"}, change: atm},
		{name: "a shop's machine that gives cash is no ATM", data: map[tlv.Tag]string{0x9F07: "FDC0"}, change: giver(0x25)},
		{name: "nor is the counter of a bank", data: map[tlv.Tag]string{0x9F07: "FDC0"}, change: giver(0x12)},
		{name: "nor a bank's machine without cash", data: map[tlv.Tag]string{0x9F07: "FDC0"},
			change: func(c *emvkernel.Config, _ *emvkernel.Params) { c.Terminal.Type = 0x15 }},
		{name: "only the place counts without a country", data: map[tlv.Tag]string{0x9F07: "0100"}},
		{name: "alphabetic countries count for nothing", data: map[tlv.Tag]string{0x9F07: "0100", 0x5F55: "5553", 0x5F56: "555341"}},
		{name: "a country without usage control", data: map[tlv.Tag]string{0x5F28: abroad}},
		{name: "the application's country is home", data: map[tlv.Tag]string{0x9F07: "2100", 0x5F28: abroad}, change: german},
		{name: "the terminal's country is abroad then", data: map[tlv.Tag]string{0x9F07: "2100", 0x5F28: home}, change: german, want: 0x10},
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

// giver is a terminal of the type that gives cash.
func giver(kind byte) func(*emvkernel.Config, *emvkernel.Params) {
	return func(c *emvkernel.Config, p *emvkernel.Params) {
		atm(c, p)
		c.Terminal.Type = kind
	}
}

func german(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].Country = 276 }

// EMV fact 26, the usage control bit by bit: with all bits but one set, the service is refused where that
// bit is needed, and nowhere else.
func TestEveryUsageBit(t *testing.T) {
	const (
		other, cashbackHome, cashbackAbroad = 1 << 8, 1 << 7, 1 << 6
		atATM                               = 1 << 9
	)
	for _, tt := range []struct {
		name         string
		change       func(*emvkernel.Config, *emvkernel.Params)
		home, abroad uint16 // every bit that is needed
	}{
		{"purchase", nil, other, other}, // goods or services: two bits, either of them, below
		{"cash", kind(0x01), other | 0x8000, other | 0x4000},
		{"cash over the counter", kind(0x17), other | 0x8000, other | 0x4000},
		{"cash at an ATM", func(c *emvkernel.Config, p *emvkernel.Params) { atm(c, p); p.Type = 0x01 }, atATM | 0x8000, atATM | 0x4000},
		{"purchase with cashback", back, other | cashbackHome, other | cashbackAbroad},
		{"cashback without its type", func(_ *emvkernel.Config, p *emvkernel.Params) { p.Cashback = 1 }, other | cashbackHome, other | cashbackAbroad},
		{"refund", kind(0x20), other, other},
	} {
		for country, needed := range map[string]uint16{"0840": tt.home, "0276": tt.abroad} {
			for bit := uint16(1); bit != 0; bit <<= 1 {
				if got, want := usage(t, country, 0xFFFF&^bit, tt.change), needed&bit != 0; got != want {
					t.Errorf("%s, issuer %s, all but %04X: refused %v, want %v", tt.name, country, bit, got, want)
				}
			}
		}
	}
	for country, bits := range map[string]uint16{"0840": 0x2000 | 0x0800, "0276": 0x1000 | 0x0400} {
		for name, change := range map[string]func(*emvkernel.Config, *emvkernel.Params){"purchase": nil, "purchase with cashback": back} {
			if !usage(t, country, 0xFFFF&^bits, change) {
				t.Errorf("issuer %s: %s allowed with neither goods nor services", country, name)
			}
		}
		// Cash and refunds need neither.
		for name, change := range map[string]func(*emvkernel.Config, *emvkernel.Params){"cash": kind(0x01), "refund": kind(0x20)} {
			if usage(t, country, 0xFFFF&^bits, change) {
				t.Errorf("issuer %s: %s refused without goods and services", country, name)
			}
		}
	}
}

// usage reports whether a card with the usage control, of an issuer in the country, is refused the
// service.
func usage(t *testing.T, country string, auc uint16, change func(*emvkernel.Config, *emvkernel.Params)) bool {
	t.Helper()
	s := newStub()
	s.data[0x9F07] = []byte{byte(auc >> 8), byte(auc)}
	s.data[0x5F28] = unhex(t, country)
	tx, out := s.run(t, change)
	if out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	return tx.TVR().Has(emvkernel.ServiceNotAllowed)
}

func TestMalformedRestrictionData(t *testing.T) {
	for tag, values := range map[tlv.Tag][]string{
		0x9F07: {"FF", "FFC000", ""},
		0x9F08: {"96", "009600", ""},
		0x5F25: {"261301", "2611", ""},
		0x5F28: {"40", "084A", "1840", "000840", ""},
	} {
		for _, v := range values {
			s := newStub()
			s.data[tag] = unhex(t, v)
			if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
				t.Errorf("%v %s: %v", tag, v, out)
			}
		}
	}
}
