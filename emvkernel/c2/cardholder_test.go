package c2_test

import (
	"testing"

	"smartreader/emvkernel/tap"
)

func TestCVM(t *testing.T) {
	const (
		failed = "0000808001"
		good   = "0000008001"
		pin    = "0000048001"
	)
	for _, test := range []struct {
		name   string
		list   string // amounts X and Y are 50.00 and 100.00
		amount int64
		do     func(*bench, *card)
		cvm    tap.CVM
		result string
		tvr    string
	}{
		{"online PIN", "0200", 6000, nil, tap.OnlinePIN, "020000", pin},
		{"online PIN, no more", "0203 1E03", 6000, noPIN, tap.ObtainSignature, "1e0300", good},
		{"online PIN, no more, and it stops", "0200 1E03", 6000, noPIN, tap.NoCVM, "3f0001", failed},
		{"online PIN, no more, or the next", "4200 1E03", 6000, noPIN, tap.ObtainSignature, "1e0300", good},
		{"no online PIN on an offline-only terminal", "4200 1E03", 6000, func(b *bench, c *card) { b.config.Terminal.Type = 0x23; c.kind = 0x80; b.kernel.CardDataInput = 0 }, tap.ObtainSignature, "1e0300", good},
		{"signature", "1E00", 6000, nil, tap.ObtainSignature, "1e0000", good},
		{"signature at a terminal without", "1E00", 6000, func(b *bench, _ *card) { b.config.Terminal.Capabilities[1] = 0xD8 }, tap.NoCVM, "3f0001", failed},
		{"no CVM over the limit", "1F00", 6000, nil, tap.NoCVM, "3f0001", failed},
		{"no CVM under the limit", "1F00", 5000, nil, tap.NoCVM, "1f0002", good},
		{"signature under the limit", "1E03 1F03", 5000, nil, tap.NoCVM, "1f0302", good},
		{"offline PIN is no method of taps", "4103 4403 0100 1E00", 6000, nil, tap.NoCVM, "3f0001", failed},
		{"offline PIN or signature", "4100 1E00", 6000, nil, tap.ObtainSignature, "1e0000", good},
		{"offline PINs are known all the same", "4300 4500 1E00", 6000, nil, tap.ObtainSignature, "1e0000", good},
		{"unknown method", "6000 1E00", 6000, nil, tap.ObtainSignature, "1e0000", "0000408001"},
		{"unknown method, and it stops", "2000 1E00", 6000, nil, tap.NoCVM, "3f0001", "0000c08001"},
		{"fail", "0000", 6000, nil, tap.NoCVM, "000001", failed},
		{"fail if it can", "0003 1E00", 6000, nil, tap.NoCVM, "000301", failed},
		{"fail or next", "4000 1E00", 6000, nil, tap.NoCVM, "400001", failed},
		{"no rule holds", "1E01 1E04", 6000, nil, tap.NoCVM, "3f0001", failed},
		{"unknown condition", "1E0A 1E80", 6000, nil, tap.NoCVM, "3f0001", failed},
		{"list of no rules", "", 6000, nil, tap.NoCVM, "3f0000", good},
		{"no list", "", 6000, func(_ *bench, c *card) { c.static.drop(0x8E) }, tap.NoCVM, "3f0000", "2000008001"},
		{"card without", "1E00", 6000, func(_ *bench, c *card) { c.aip[0] &^= 0x10 }, tap.NoCVM, "3f0000", good},
		{"phone", "1E00", 6000, func(_ *bench, c *card) { c.aip[0] |= 0x02 }, tap.ConfirmationCodeVerified, "010002", good},
		{"not cash", "1E02", 6000, nil, tap.ObtainSignature, "1e0200", good},
		{"not cash, but it is", "1E02 1E04", 6000, manual, tap.ObtainSignature, "1e0400", good},
		{"not cashback, but it is", "1E02 1E05", 6000, func(b *bench, _ *card) { b.params.Cashback = 1 }, tap.ObtainSignature, "1e0500", good},
		{"manual cash", "1E01 1E04", 6000, manual, tap.ObtainSignature, "1e0400", good},
		{"unattended cash", "1E04 1E01", 6000, func(b *bench, c *card) { manual(b, c); b.config.Terminal.Type = 0x25 }, tap.ObtainSignature, "1e0100", good},
		{"under X", "1E06", 4999, over, tap.ObtainSignature, "1e0600", good},
		{"at X", "1E06 1E07", 5000, over, tap.NoCVM, "3f0001", failed},
		{"over X", "1E06 1E07", 5001, over, tap.ObtainSignature, "1e0700", good},
		{"under Y", "1E08", 9999, over, tap.ObtainSignature, "1e0800", good},
		{"at Y", "1E08 1E09", 10000, over, tap.NoCVM, "3f0001", failed},
		{"over Y", "1E08 1E09", 10001, over, tap.ObtainSignature, "1e0900", good},
		{"over X in another currency", "1E07 1E09 1E06 1E08", 6000, func(_ *bench, c *card) { c.static.set(0x9F42, "0978") }, tap.NoCVM, "3f0001", failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			b.params.Amount = test.amount
			c.static.set(0x8E, "00001388 00002710"+test.list)
			if test.do != nil {
				test.do(b, c)
			}
			if b.config.Terminal.Type == 0x23 {
				b.kernel.TACDefault = [5]byte{}
				b.kernel.Limits[0].Floor = nil
				test.tvr = "0000000001"
				c.kind = 0x40
			}
			if test.do != nil && (b.params.Type != 0 || b.params.Cashback != 0) {
				c.static.drop(0x9F07)
			}
			out := b.tap(c)
			if out.Kind != tap.OnlineRequest && out.Kind != tap.Approved {
				t.Fatal(out.Kind, out.Reason)
			}
			if out.CVM != test.cvm || out.Reading.CVM() != test.cvm {
				t.Errorf("CVM %v, want %v", out.CVM, test.cvm)
			}
			if got := value(t, out.Reading, 0x9F34); got != test.result {
				t.Errorf("results %s, want %s", got, test.result)
			}
			if got := value(t, out.Reading, 0x95); got != test.tvr {
				t.Errorf("TVR %s, want %s", got, test.tvr)
			}
			if out.Receipt != (test.amount > *b.kernel.Limits[0].CVMRequired || test.cvm == tap.ObtainSignature) {
				t.Error("receipt", out.Receipt)
			}
		})
	}
}

func noPIN(b *bench, _ *card)  { b.params.NoOnlinePIN = true }
func manual(b *bench, _ *card) { b.params.Type = 0x17 }

// over has all amounts verified.
func over(b *bench, _ *card) { b.kernel.Limits[0].CVMRequired = amount(0) }

// What the terminal says it can do follows the CVM limit.
func TestCapabilities(t *testing.T) {
	for amount, want := range map[int64]string{5000: "200808", 5001: "206008"} {
		b, c := newBench(t), newCard(t)
		b.params.Amount = amount
		if got := value(t, b.tap(c).Reading, 0x9F33); got != want {
			t.Errorf("%d: %s, want %s", amount, got, want)
		}
	}
}
