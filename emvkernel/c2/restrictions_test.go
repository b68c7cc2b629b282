package c2_test

import (
	"testing"

	"smartreader/emvkernel/tap"
)

func TestRestrictions(t *testing.T) {
	set := func(tag uint32, v string) func(*bench, *card) {
		return func(_ *bench, c *card) {
			if v == "" {
				c.static.drop(tlvTag(tag))
			} else {
				c.static.set(tlvTag(tag), v)
			}
		}
	}
	use := func(auc string, do func(*bench, *card)) func(*bench, *card) {
		return func(b *bench, c *card) {
			c.static.set(0x9F07, auc)
			if do != nil {
				do(b, c)
			}
		}
	}
	abroad := func(_ *bench, c *card) { c.static.set(0x5F28, "0056") }
	cash := func(b *bench, _ *card) { b.params.Type = 0x01 }
	cashback := func(b *bench, _ *card) { b.params.Cashback = 100 }
	both := func(f ...func(*bench, *card)) func(*bench, *card) {
		return func(b *bench, c *card) {
			for _, f := range f {
				f(b, c)
			}
		}
	}
	atm := func(b *bench, _ *card) {
		b.config.Terminal.Type = 0x14
		b.config.Terminal.AdditionalCapabilities[0] |= 0x80
	}
	// A terminal that is no cash machine, whose additional capabilities say that it gives cash.
	gives := func(kind byte) func(*bench, *card) {
		return func(b *bench, _ *card) {
			b.config.Terminal.Type = kind
			b.config.Terminal.AdditionalCapabilities = [5]byte{0x81, 0x80}
		}
	}
	for _, test := range []struct {
		name string
		do   func(*bench, *card)
		tvr  string // byte 2
	}{
		{"all well", set(0, ""), "00"},
		{"version", set(0x9F08, "0003"), "80"},
		{"no version", set(0x9F08, ""), "00"},
		{"last day", set(0x5F24, "260314"), "00"},
		{"expired", set(0x5F24, "260313"), "40"},
		{"first day", set(0x5F25, "260314"), "00"},
		{"not yet effective", set(0x5F25, "260315"), "20"},
		{"no effective date", set(0x5F25, ""), "00"},
		{"no usage control", set(0x9F07, ""), "00"},
		{"terminal", use("FE00", nil), "10"},
		{"goods at home", use("2100", nil), "00"},
		{"services at home", use("0900", nil), "00"},
		{"neither at home", use("D700", nil), "10"},
		{"goods abroad", use("1100", abroad), "00"},
		{"services abroad", use("0500", abroad), "00"},
		{"neither abroad", use("EB00", abroad), "10"},
		{"cash at home", use("8100", cash), "00"},
		{"no cash at home", use("7F00", cash), "10"},
		{"cash abroad", use("4100", both(abroad, cash)), "00"},
		{"no cash abroad", use("BF00", both(abroad, cash)), "10"},
		{"cash over the counter", use("8100", func(b *bench, _ *card) { b.params.Type = 0x17 }), "00"},
		{"cashback at home", use("2180", cashback), "00"},
		{"no cashback at home", use("FF7F", cashback), "10"},
		{"cashback abroad", use("1140", both(abroad, cashback)), "00"},
		{"no cashback abroad", use("FFBF", both(abroad, cashback)), "10"},
		{"cashback by type", use("FF7F", func(b *bench, _ *card) { b.params.Type = 0x09 }), "10"},
		{"country not known", use("0100", func(_ *bench, c *card) { c.static.drop(0x5F28) }), "00"},
		{"cash machine", use("8200", both(cash, atm)), "00"},
		{"not at cash machines", use("8100", both(cash, atm)), "10"},
		{"cash at a bank's counter", use("8100", both(cash, gives(0x12))), "00"},
		{"cash at a merchant's machine", use("8100", both(cash, gives(0x24))), "00"},
		{"a bank's machine that gives none", use("2100", func(b *bench, _ *card) {
			b.config.Terminal.Type = 0x15
			b.config.Terminal.AdditionalCapabilities = [5]byte{0x7F, 0x80}
		}), "00"},
		{"refund", use("0100", func(b *bench, _ *card) { b.params.Type = 0x20 }), "00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			test.do(b, c)
			out := b.tap(c)
			expect(t, out, tap.OnlineRequest)
			if got := value(t, out.Reading, 0x95); got[2:4] != test.tvr {
				t.Errorf("TVR %s, want byte 2 %s", got, test.tvr)
			}
		})
	}
}
