package emvkernel_test

import (
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// EMV fact 27: what is asked of the card. The stub offers no authentication, so TVR byte 1 is 80; with
// expired it is 8040000000.
func TestTerminalAction(t *testing.T) {
	const (
		aac, tc, arqc = apdu.RequestAAC, apdu.RequestTC, apdu.RequestARQC
		zero          = "0000000000"
		odaBit        = "8000000000"
		expiredBit    = "0040000000"
	)
	iac := func(denial, online, deflt string) map[tlv.Tag]string {
		return map[tlv.Tag]string{0x9F0E: denial, 0x9F0F: online, 0x9F0D: deflt}
	}
	tests := []struct {
		name    string
		kind    byte // terminal type
		iac     map[tlv.Tag]string
		tac     [3]string // denial, online, default
		expired bool
		want    byte
		arc     string // '8A' in CDOL1
	}{
		{name: "no issuer codes: anything irregular goes online", kind: 0x22, want: arqc, arc: "\x00\x00"},
		{name: "no issuer codes, offline only: anything irregular is declined", kind: 0x23, want: aac, arc: "Z1"},
		{name: "no issuer codes, online only", kind: 0x21, want: arqc, arc: "\x00\x00"},
		{name: "nothing matches: offline approval", kind: 0x22, iac: iac(zero, zero, zero), want: tc, arc: "Y1"},
		{name: "nothing matches, offline only", kind: 0x23, iac: iac(zero, zero, zero), want: tc, arc: "Y1"},
		{name: "nothing matches, online only", kind: 0x21, iac: iac(zero, zero, zero), want: arqc, arc: "\x00\x00"},
		{name: "issuer denies", kind: 0x22, iac: iac(odaBit, zero, zero), want: aac, arc: "Z1"},
		{name: "issuer denies, online only", kind: 0x24, iac: iac(odaBit, zero, zero), want: aac, arc: "Z1"},
		{name: "terminal denies", kind: 0x22, iac: iac(zero, zero, zero), tac: [3]string{expiredBit, zero, zero}, expired: true, want: aac, arc: "Z1"},
		{name: "denial comes before online", kind: 0x22, iac: iac(expiredBit, odaBit, odaBit), expired: true, want: aac, arc: "Z1"},
		{name: "issuer wants online", kind: 0x22, iac: iac(zero, odaBit, zero), want: arqc, arc: "\x00\x00"},
		{name: "terminal wants online", kind: 0x25, iac: iac(zero, zero, zero), tac: [3]string{zero, odaBit, zero}, want: arqc, arc: "\x00\x00"},
		{name: "online codes do not count offline only", kind: 0x23, iac: iac(zero, odaBit, zero), want: tc, arc: "Y1"},
		{name: "default codes do not count where online is possible", kind: 0x22, iac: iac(zero, zero, odaBit), want: tc, arc: "Y1"},
		{name: "default codes offline only: issuer", kind: 0x26, iac: iac(zero, zero, odaBit), want: aac, arc: "Z1"},
		{name: "default codes offline only: terminal", kind: 0x23, iac: iac(zero, zero, zero), tac: [3]string{zero, zero, odaBit}, want: aac, arc: "Z1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.ac = [][]byte{acFormat1(0x00)}
			for tag, v := range tt.iac {
				s.data[tag] = unhex(t, v)
			}
			if tt.expired {
				s.data[0x5F24] = []byte{0x26, 0x11, 0x20}
			}
			tx, out := s.run(t, func(c *emvkernel.Config, _ *emvkernel.Params) {
				c.Terminal.Type = tt.kind
				a := &c.Applications[0]
				for i, p := range []*[5]byte{&a.TACDenial, &a.TACOnline, &a.TACDefault} {
					if tt.tac[i] != "" {
						*p = [5]byte(unhex(t, tt.tac[i]))
					}
				}
			})
			if out.Kind != emvkernel.Declined {
				t.Fatal(out)
			}
			asked := s.asked(apdu.INSGenerateAC)
			if len(asked) != 1 || asked[0].P1 != tt.want {
				t.Errorf("asked for %02X, want %02X", asked[0].P1, tt.want)
			}
			if got := string(asked[0].Data[13:15]); got != tt.arc {
				t.Errorf("response code %q, want %q", got, tt.arc)
			}
			if !tx.TVR().Has(emvkernel.ODANotPerformed) || tx.TSI().Has(emvkernel.ODAPerformed) {
				t.Errorf("TVR %v, TSI %v", tx.TVR(), tx.TSI())
			}
		})
	}
}

func TestMalformedActionCode(t *testing.T) {
	for _, tag := range []tlv.Tag{0x9F0D, 0x9F0E, 0x9F0F} {
		s := newStub()
		s.data[tag] = []byte{0, 0, 0, 0}
		if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
			t.Errorf("%v: %v", tag, out)
		}
	}
}
