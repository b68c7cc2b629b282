package emvtest

import (
	"bytes"
	"context"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

func TestAnswerToReset(t *testing.T) {
	atr := NewCard(load(t, "visa"), nil).ATR()
	check := byte(0)
	for _, b := range atr[1:] { // T=1: the exclusive-or from T0 to TCK is zero
		check ^= b
	}
	if atr[0] != 0x3B || check != 0 {
		t.Errorf("T=1: % X", atr)
	}
	if atr := NewCard(load(t, "t0"), nil).ATR(); !bytes.Equal(atr, []byte{0x3B, 0x60, 0x00, 0x00}) {
		t.Errorf("T=0: % X", atr)
	}
}

func TestWrongCommands(t *testing.T) {
	d := newDesk(t, load(t, "visa"), nil)
	for _, c := range []struct {
		what    string
		command []byte
		want    apdu.SW
	}{
		{"nothing", nil, apdu.WrongLength},
		{"three bytes", []byte{0, 0xA4, 4}, apdu.WrongLength},
		{"length beyond the command", []byte{0, 0xA4, 4, 0, 7, 1, 2}, apdu.WrongLength},
		{"unknown instruction", []byte{0, 0x22, 0, 0x80}, apdu.INSNotSupported},
		{"class of another", []byte{0x80, 0xA4, 4, 0, 5, 1, 2, 3, 4, 5, 0}, apdu.CLANotSupported},
		{"select by identifier", []byte{0, 0xA4, 0, 0, 5, 1, 2, 3, 4, 5, 0}, apdu.WrongP1P2},
		{"select a short name", []byte{0, 0xA4, 4, 0, 4, 0xA0, 0, 0, 0, 0}, apdu.WrongLength},
		{"select another's", []byte{0, 0xA4, 4, 0, 5, 0xA0, 0, 0, 0, 4, 0}, apdu.FileNotFound},
		{"options without selection", []byte{0x80, 0xA8, 0, 0, 2, 0x83, 0, 0}, apdu.ConditionsOfUse},
		{"record without selection", []byte{0, 0xB2, 1, 0x0C, 0}, apdu.ConditionsOfUse},
		{"data without selection", []byte{0x80, 0xCA, 0x9F, 0x36, 0}, apdu.ConditionsOfUse},
		{"cryptogram without selection", []byte{0x80, 0xAE, 0x80, 0, 1, 0, 0}, apdu.ConditionsOfUse},
		{"signature without selection", []byte{0, 0x88, 0, 0, 4, 1, 2, 3, 4, 0}, apdu.ConditionsOfUse},
		{"PIN without selection", []byte{0, 0x20, 0, 0x80, 8, 0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, apdu.ConditionsOfUse},
		{"issuer without selection", []byte{0, 0x82, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}, apdu.ConditionsOfUse},
	} {
		if data, sw := d.raw(c.command...); sw != c.want || len(data) > 0 {
			t.Errorf("%s: %04X, want %04X", c.what, uint16(sw), uint16(c.want))
		}
	}
	if data, sw := d.raw(0, 0x84, 0, 0, 0); sw != apdu.OK || len(data) != 8 {
		t.Errorf("challenge: %d bytes, %v", len(data), sw)
	}
}

func TestOrderOfCommands(t *testing.T) {
	d := newDesk(t, load(t, "visa"), nil)
	options := apdu.GetProcessingOptions(nil)
	signature := apdu.InternalAuthenticate([]byte{1, 2, 3, 4})
	d.selectFirst()
	first, second := d.dol(d.app().cdol1), d.dol(d.app().cdol2)

	withoutLe := options
	withoutLe.Le = apdu.NoLe
	d.want(withoutLe, apdu.WrongLength)
	withSomeLe := options
	withSomeLe.Le = 4
	d.want(withSomeLe, apdu.WrongLength)
	d.want(apdu.GetProcessingOptions([]byte{1}), apdu.WrongLength)
	d.want(apdu.Command{CLA: 0x80, INS: apdu.INSGetProcessingOptions, Data: []byte{0x84, 0}}, apdu.WrongData)
	d.want(apdu.ReadRecord(2, 1), apdu.ConditionsOfUse)
	d.want(signature, apdu.ConditionsOfUse)
	d.want(apdu.GenerateAC(apdu.RequestARQC, first), apdu.ConditionsOfUse)

	d.must(options)
	d.want(options, apdu.ConditionsOfUse)
	short := apdu.ReadRecord(2, 2)
	short.Le = 4
	d.want(short, apdu.WrongLe|apdu.SW(len(d.app().records[recordID{2, 2}])))
	d.want(apdu.ReadRecord(2, 3), apdu.RecordNotFound)
	d.want(apdu.ReadRecord(9, 1), apdu.FileNotFound)
	d.want(apdu.Command{INS: apdu.INSReadRecord, P1: 1, P2: 2<<3 | 2}, apdu.WrongP1P2)
	d.want(apdu.InternalAuthenticate([]byte{1, 2, 3}), apdu.WrongLength)
	d.want(apdu.ExternalAuthenticate(make([]byte, 10)), apdu.ConditionsOfUse)
	d.want(apdu.GenerateAC(apdu.RequestARQC, first[1:]), apdu.WrongLength)
	d.want(apdu.GenerateAC(0xC0, first), apdu.WrongP1P2)
	d.want(apdu.GenerateAC(apdu.RequestARQC|1, first), apdu.WrongP1P2)
	d.must(signature)

	d.must(apdu.GenerateAC(apdu.RequestARQC, first))
	d.want(signature, apdu.ConditionsOfUse)
	d.want(apdu.ExternalAuthenticate(make([]byte, 7)), apdu.WrongLength)
	withLe := apdu.ExternalAuthenticate(make([]byte, 10))
	withLe.Le = 0
	d.want(withLe, apdu.WrongLength)
	d.want(apdu.ExternalAuthenticate(make([]byte, 10)), apdu.WarningChanged)
	d.want(apdu.ExternalAuthenticate(make([]byte, 10)), apdu.ConditionsOfUse)
	d.want(apdu.GenerateAC(apdu.RequestARQC, second), apdu.ConditionsOfUse)
	d.must(apdu.GenerateAC(apdu.RequestAAC, second))
	d.want(apdu.GenerateAC(apdu.RequestAAC, second), apdu.ConditionsOfUse)
}

// Any bytes at any point of a transaction: the card answers, and remains sound.
func FuzzCard(f *testing.F) {
	f.Add(byte(0), []byte{0, 0xA4, 4, 0, 7, 0xA0, 0, 0, 0, 3, 0x10, 0x10, 0})
	f.Add(byte(1), []byte{0x80, 0xA8, 0, 0, 2, 0x83, 0, 0})
	f.Add(byte(1), []byte{0x80, 0xAE, 0x90, 0, 1, 0, 0})
	f.Add(byte(2), []byte{0, 0xC0, 0, 0, 0})
	var cards []*Card
	for _, name := range []string{"visa", "mastercard", "t0", "two-applications", "blocked", "pse-less"} {
		p, err := Load(name)
		if err != nil {
			f.Fatal(err)
		}
		cards = append(cards, NewCard(p, nil))
	}
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		ready := cards[int(which>>2)%len(cards)]
		p := ready.profile
		// The same chip again with an empty memory: certificates need not be signed for every input.
		d := &desk{t: t, read: map[tlv.Tag][]byte{}, values: terminalValues(), card: &Card{
			profile: p, applications: ready.applications, state: &State{Applications: map[string]ApplicationState{}},
		}}
		if which&1 != 0 && !p.t0 && !p.blocked {
			d.begin()
		}
		if which&2 != 0 && d.app() != nil {
			d.generate(apdu.RequestARQC, false)
		}
		// The script is commands, each after one byte with its length.
		for len(script) > 0 {
			n := min(int(script[0]), len(script)-1)
			out, err := d.card.Exchange(context.Background(), script[1:1+n])
			if err != nil || len(out) < 2 || len(out) > 258 {
				t.Fatalf("% X: %d bytes, %v", script[1:1+n], len(out), err)
			}
			script = script[1+n:]
		}
		d.card.Reset()
		if out, err := d.card.Exchange(context.Background(), []byte{0, 0x84, 0, 0, 8}); err != nil || len(out) != 10 {
			t.Fatalf("after all that: % X, %v", out, err)
		}
	})
}
