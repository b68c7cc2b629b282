package c3

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// one is a card with one answer.
type one []byte

func (o one) Transceive(context.Context, []byte) ([]byte, error) { return bytes.Clone(o), nil }

// What the card gave is gone after the payment: the objects, the records, the account.
func TestWipe(t *testing.T) {
	answer := []byte{
		0x77, 0x39, 0x82, 0x02, 0x20, 0x00, 0x9F, 0x36, 0x02, 0x00, 0x01, 0x9F, 0x26, 0x08, 1, 2, 3, 4, 5, 6, 7, 8,
		0x9F, 0x10, 0x07, 0x06, 0x01, 0x0A, 0x03, 0xA0, 0x00, 0x00,
		0x57, 0x13, 0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19, 0xD4, 0x91, 0x22, 0x01, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x3F,
		0x5F, 0x20, 0x04, 'T', 'E', 'S', 'T', 0x90, 0x00,
	}
	answer[1] = byte(len(answer) - 4)
	fci := []byte{0x6F, 0x0F, 0x84, 0x05, 0xA0, 0, 0, 0, 0x03, 0xA5, 0x06, 0x9F, 0x38, 0x03, 0x9F, 0x66, 0x04}
	k := Default()
	a := &tap.Activation{
		Card: tap.NewLink(one(answer)), Combination: &tap.Combination{Brand: "visa"}, AID: []byte{0xA0, 0, 0, 0, 3}, FCI: fci,
		Config:     &emvkernel.Config{Terminal: emvkernel.Terminal{Type: 0x22, Country: 840}},
		Params:     emvkernel.Params{Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Currency: 978},
		Indicators: tap.Indicators{HasTTQ: true, TTQ: DefaultTTQ()}, UI: func(tap.UIRequest) {}, Log: slog.New(slog.DiscardHandler),
	}
	tr := newTransaction(&k, a)
	out, err := tr.run(t.Context())
	if err != nil || out.Kind != tap.OnlineRequest {
		t.Fatal(out.Kind, out.Reason, err)
	}
	tr.static.AddRecord(1, []byte{0x70, 0x03, 0x5A, 0x01, 0x47})
	static, _ := tr.static.Bytes(nil, false, nil)
	kept := [][]byte{tr.objects.Get(0x57), tr.card.PAN, tr.card.Track2, tr.card.CardholderName, static}
	tr.wipe()
	for i, v := range kept {
		if len(v) == 0 || !bytes.Equal(v, make([]byte, len(v))) {
			t.Errorf("%d: %d bytes are still there", i, len(v))
		}
	}
	if len(out.Reading.Card().PAN) != 16 || out.Reading.Card().PAN[0] != '4' {
		t.Error("the reading's own copy is gone")
	}
}

// The transaction wipes itself whatever comes of it.
func TestActivateWipes(t *testing.T) {
	var kept []byte
	fci := []byte{0x6F, 0x0F, 0x84, 0x05, 0xA0, 0, 0, 0, 0x03, 0xA5, 0x06, 0x9F, 0x38, 0x03, 0x9F, 0x66, 0x04}
	answer := []byte{
		0x77, 0x00, 0x82, 0x02, 0x20, 0x00, 0x9F, 0x36, 0x02, 0x00, 0x01, 0x9F, 0x26, 0x08, 1, 2, 3, 4, 5, 6, 7, 8,
		0x9F, 0x10, 0x07, 0x06, 0x01, 0x0A, 0x03, 0x90, 0x00, 0x00, 0x5F, 0x24, 0x03, 0x49, 0x12, 0x31,
		0x57, 0x10, 0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19, 0xD4, 0x91, 0x22, 0x01, 0x12, 0x34, 0x56, 0x7F,
		0x90, 0x00,
	}
	answer[1] = byte(len(answer) - 4)
	k := Default()
	out, err := k.Activate(t.Context(), &tap.Activation{
		Card: tap.NewLink(one(answer)), Combination: &tap.Combination{Brand: "visa"}, AID: []byte{0xA0, 0, 0, 0, 3}, FCI: fci,
		Config: &emvkernel.Config{Terminal: emvkernel.Terminal{Type: 0x22, Country: 840}},
		Params: emvkernel.Params{Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Currency: 978,
			ExceptionFile: func(pan emvkernel.Secret, _ string) bool { kept = pan; return true }},
		Indicators: tap.Indicators{HasTTQ: true, TTQ: DefaultTTQ()}, UI: func(tap.UIRequest) {}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil || out.Kind != tap.Declined || len(kept) != 16 || !bytes.Equal(kept, make([]byte, 16)) {
		t.Errorf("%v (%s), %v; %d bytes kept", out.Kind, out.Reason, err, len(kept))
	}
}

func FuzzQualifiers(f *testing.F) {
	for _, seed := range [][]byte{{}, {0}, {0x28, 0xC0}, {1, 2, 3}, {1, 0x11, 0x22, 0x33, 0x44, 0x28, 0xC0}, {0x20, 0x70, 0, 0}, bytes.Repeat([]byte{0xFF}, 16), bytes.Repeat([]byte{0xFF}, 17)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, r := parseQualifiers(b), parseRelated(b)
		if q.present != (len(b) == 2) || q.present && !bytes.Equal(q.raw[:], b) || !q.present && q.has(0xFFFF) {
			t.Fatalf("%+v of %d bytes", q, len(b))
		}
		if r.present != (len(b) >= 5 && len(b) <= 16) || r.ctq.present != (r.present && len(b) >= 7) || r.present && r.version != b[0] ||
			r.ctq.present && !bytes.Equal(r.ctq.raw[:], b[5:7]) || !r.present && r != (related{}) {
			t.Fatalf("%+v of %d bytes", r, len(b))
		}
		if d := device(b); d != "" && (len(b) != 4 || b[0]>>5 != 1) {
			t.Fatalf("%q of %d bytes", d, len(b))
		}
	})
}

// Every bit of the card transaction qualifiers is one of its own.
func TestQualifierBits(t *testing.T) {
	bits := []uint16{ctqOnlinePIN, ctqSignature, ctqOnlineIfODA, ctqSwitchIfODA, ctqOnlineIfOld, ctqSwitchCash, ctqSwitchCashback, ctqConsumerDevice, ctqIssuerUpdate}
	for i := range bits {
		want := [2]byte{0x80 >> i, 0}
		if i >= 7 {
			want = [2]byte{0, 0x80 >> (i - 7)}
		}
		for j, other := range bits {
			if parseQualifiers(want[:]).has(other) != (i == j) {
				t.Errorf("bit %04X is found in %X", other, want)
			}
		}
	}
}
