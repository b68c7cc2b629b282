package c2_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

func TestDataExchange(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.files[0x9F75] = "0102"
	write := c2.Writes{
		Before: []tlv.Element{{Tag: 0x9F76, Value: unhex("AA")}, {Tag: 0x9F77, Value: unhex("BB")}},
		After:  []tlv.Element{{Tag: 0x9F78, Value: unhex("CC")}},
	}
	var seen []string
	b.kernel.DataExchange = &c2.DataExchange{
		Read: []tlv.Tag{0x9F75, 0x9F42, 0x9F79, 0x9F02},
		Decide: func(_ context.Context, read []tlv.Element) (c2.Writes, error) {
			for _, e := range read {
				seen = append(seen, e.Tag.String()+" "+hex.EncodeToString(e.Value))
			}
			return write, nil
		},
	}
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if len(seen) != 3 || seen[0] != "9F75 0102" || seen[1] != "9F42 0840" || seen[2] != "9F02 000000001000" {
		t.Errorf("read %q", seen)
	}
	if c.sent(apdu.INSGetData) != 2 { // what records have is not asked for
		t.Errorf("%d GET DATA, want 2", c.sent(apdu.INSGetData))
	}
	if hex.EncodeToString(c.stored[0x9F76])+hex.EncodeToString(c.stored[0x9F77])+hex.EncodeToString(c.stored[0x9F78]) != "aabbcc" {
		t.Errorf("stored %v", c.stored)
	}
	if n := len(c.log); c.log[n-1].INS != 0xDA || c.log[n-2].INS != apdu.INSGenerateAC || c.log[n-3].INS != 0xDA || c.log[n-1].Le != apdu.NoLe {
		t.Error("order of commands")
	}
	list, _ := tlv.Parse(out.Discretionary)
	if e, _ := tlv.Find(list, 0xDF810F); len(e.Value) != 1 || e.Value[0] != 0x80 {
		t.Errorf("before: %X", e.Value)
	}
	if e, _ := tlv.Find(list, 0xDF810E); len(e.Value) != 1 || e.Value[0] != 0x80 {
		t.Errorf("after: %X", e.Value)
	}
	// A card that refuses is not written any more; what was decided stands.
	b, c2nd := newBench(t), newCard(t)
	b.kernel.DataExchange = &c2.DataExchange{Decide: func(context.Context, []tlv.Element) (c2.Writes, error) { return write, nil }}
	c2nd.edit = answers(0xDA, "6985")
	out = b.tap(c2nd)
	expect(t, out, tap.OnlineRequest)
	if c2nd.sent(0xDA) != 2 {
		t.Errorf("%d PUT DATA, want 2", c2nd.sent(0xDA))
	}
	list, _ = tlv.Parse(out.Discretionary)
	if e, _ := tlv.Find(list, 0xDF810E); len(e.Value) != 1 || e.Value[0] != 0x00 {
		t.Errorf("after: %X", e.Value)
	}
	// A card that leaves before its cryptogram is asked for again, one that leaves behind it is not.
	c3 := newCard(t)
	c3.lose[0xDA] = 1
	if out := b.tap(c3); out.Start != tap.StartB {
		t.Error(out.Kind)
	}
	write.Before = nil
	c3 = newCard(t)
	c3.lose[0xDA] = 1
	b.shown = nil
	expect(t, b.tap(c3), tap.OnlineRequest)
	if len(b.shown) != 1 {
		t.Error(b.shown)
	}
}

func TestDataExchangeEnds(t *testing.T) {
	run := func(t *testing.T, ctx context.Context, decide func(context.Context, []tlv.Element) (c2.Writes, error)) (tap.Outcome, error) {
		b, c := newBench(t), newCard(t)
		b.kernel.DataExchange = &c2.DataExchange{Decide: decide}
		a := b.activation(c)
		a.Card = tap.NewLink(c)
		return b.kernel.Activate(ctx, a)
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		out, err := run(t, t.Context(), func(ctx context.Context, _ []tlv.Element) (c2.Writes, error) {
			<-ctx.Done()
			return c2.Writes{}, ctx.Err()
		})
		if err != nil || out.Kind != tap.EndApplication || errorIndication(t, out)[2] != 0x01 || time.Since(begin) != 500*time.Millisecond {
			t.Error(out.Kind, err, time.Since(begin))
		}
	})
	out, err := run(t, t.Context(), func(context.Context, []tlv.Element) (c2.Writes, error) { return c2.Writes{}, errors.New("no") })
	if err != nil || out.Kind != tap.EndApplication || errorIndication(t, out)[2] != 0x02 {
		t.Error(out.Kind, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := run(t, ctx, func(context.Context, []tlv.Element) (c2.Writes, error) { cancel(); return c2.Writes{}, nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, e := range []tlv.Element{{Tag: 0x9F74}, {Tag: 0x9F7A}, {Tag: 0x9F75, Value: make([]byte, 193)}} {
		if _, err := run(t, t.Context(), func(context.Context, []tlv.Element) (c2.Writes, error) {
			return c2.Writes{After: []tlv.Element{e}}, nil
		}); err == nil {
			t.Errorf("%v written", e)
		}
	}
	if _, err := run(t, t.Context(), func(context.Context, []tlv.Element) (c2.Writes, error) {
		return c2.Writes{Before: slices.Repeat([]tlv.Element{{Tag: 0x9F75}}, 17)}, nil
	}); err == nil {
		t.Error("too many written")
	}
	for _, tags := range [][]tlv.Tag{{0x57}, {0xDF8104}, {0x70}, {0}, slices.Repeat([]tlv.Tag{0x9F42}, 17)} {
		k := c2.Default()
		k.DataExchange = &c2.DataExchange{Read: tags}
		if err := k.Check(&tap.Combination{AID: aid}, &emvkernel.Config{}); !errors.Is(err, tap.ErrConfig) {
			t.Errorf("%v: %v", tags, err)
		}
	}
}

// A card that gives something else than it was asked for does not have it.
func TestGetDataOfOthers(t *testing.T) {
	for _, answer := range []string{"9F760101 9000", "9F7501 9000", "9F750101 00 9000", "9F750101 6281", "9000"} {
		b, c := newBench(t), newCard(t)
		c.edit = answers(apdu.INSGetData, answer)
		b.kernel.DataExchange = &c2.DataExchange{Read: []tlv.Tag{0x9F75}, Decide: func(_ context.Context, read []tlv.Element) (c2.Writes, error) {
			if len(read) != 0 {
				t.Errorf("%s: %v", answer, read)
			}
			return c2.Writes{}, nil
		}}
		expect(t, b.tap(c), tap.OnlineRequest)
	}
	b, c := newBench(t), newCard(t)
	c.lose[apdu.INSGetData] = 1
	b.kernel.DataExchange = &c2.DataExchange{Read: []tlv.Tag{0x9F75}}
	if out := b.tap(c); out.Start != tap.StartB {
		t.Error(out.Kind)
	}
}

// What was read is gone when the terminal application has decided. Without one that decides, reading is all.
func TestDataExchangeIsWiped(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.files[0x9F75] = "0102"
	var kept []tlv.Element
	b.kernel.DataExchange = &c2.DataExchange{
		Read:   []tlv.Tag{0x9F75, 0x9F42},
		Decide: func(_ context.Context, read []tlv.Element) (c2.Writes, error) { kept = read; return c2.Writes{}, nil },
	}
	expect(t, b.tap(c), tap.OnlineRequest)
	for _, e := range kept {
		if !bytes.Equal(e.Value, []byte{0, 0}) {
			t.Errorf("%s: %X left", e.Tag, e.Value)
		}
	}
	b.kernel.DataExchange.Decide = nil
	c = newCard(t)
	expect(t, b.tap(c), tap.OnlineRequest)
	if c.sent(apdu.INSGetData) != 1 || c.sent(0xDA) != 0 {
		t.Error("not only read")
	}
}

// Who ends the transaction while the card is written ends it, though the card has decided.
func TestDataExchangeCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, c := newBench(t), newCard(t)
	b.kernel.DataExchange = &c2.DataExchange{Decide: func(context.Context, []tlv.Element) (c2.Writes, error) {
		return c2.Writes{After: []tlv.Element{{Tag: 0x9F75}}}, nil
	}}
	c.edit = func(ins byte, r []byte) []byte {
		if ins == 0xDA {
			cancel()
		}
		return r
	}
	a := b.activation(c)
	a.Card = tap.NewLink(c)
	if out, err := b.kernel.Activate(ctx, a); !errors.Is(err, context.Canceled) {
		t.Error(out.Kind, err)
	}
}

// As much as may be asked for, and at the ends of what may be written.
func TestDataExchangeBounds(t *testing.T) {
	b, c := newBench(t), newCard(t)
	var after []tlv.Element
	for i := range 16 {
		after = append(after, tlv.Element{Tag: 0x9F75 + tlv.Tag(i%5), Value: make([]byte, 192)})
	}
	b.kernel.DataExchange = &c2.DataExchange{
		Read:   slices.Repeat([]tlv.Tag{0x9F42}, 16),
		Decide: func(context.Context, []tlv.Element) (c2.Writes, error) { return c2.Writes{After: after}, nil },
	}
	expect(t, b.tap(c), tap.OnlineRequest)
	if c.sent(0xDA) != 16 || c.command(0xDA).CLA != 0x80 || len(c.stored) != 5 || len(c.stored[0x9F79]) != 192 {
		t.Errorf("%d PUT DATA, stored %d", c.sent(0xDA), len(c.stored))
	}
	if len(b.shown) != 1 || b.shown[0].Status != tap.CardReadSuccessfully {
		t.Error("the card may leave when the last is written")
	}
}
