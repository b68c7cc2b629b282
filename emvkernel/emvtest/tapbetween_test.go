package emvtest

import (
	"bytes"
	"context"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// tapBetween is somebody with two phones between card and terminal, who changes what passes.
type tapBetween struct {
	*TapCard
	command func(cmd []byte)
	answer  func(ins byte, answer []byte)
	changed bool
}

func (b *tapBetween) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	sent := bytes.Clone(command)
	if b.command != nil {
		b.command(sent)
	}
	r, err := b.TapCard.Transceive(ctx, sent)
	before := bytes.Clone(r)
	if err == nil && b.answer != nil {
		b.answer(command[1], r)
	}
	b.changed = b.changed || !bytes.Equal(before, r) || !bytes.Equal(sent, command)
	return r, err
}

// set changes a byte of the value of a data object of three bytes of tag and length or two.
func set(answer []byte, object []byte, at int, change func(byte) byte) {
	if i := bytes.Index(answer, object); i >= 0 {
		answer[i+len(object)+at] = change(answer[i+len(object)+at])
	}
}

// The published attacks on taps over the CVM limit without the cardholder, and on what backs an approval: a
// terminal declines, or its issuer does.
func TestTapBetween(t *testing.T) {
	or := func(bits byte) func(byte) byte { return func(b byte) byte { return b | bits } }
	without := func(bits byte) func(byte) byte { return func(b byte) byte { return b &^ bits } }
	const visa, mastercard = "application visa\npan 4242424242424242\n", "application mastercard\npan 5555555555554444\n"
	// The card is told that nobody needs to be verified, the terminal that the device did so.
	visaCommand := func(cmd []byte) {
		if cmd[1] == apdu.INSGetProcessingOptions {
			cmd[7+1] &^= ttqCVMRequired // '9F66' comes first
		}
	}
	visaAnswer := func(ins byte, answer []byte) {
		if ins == apdu.INSGetProcessingOptions {
			set(answer, []byte{0x9F, 0x6C, 0x02}, 1, or(ctqOnDevice))
		}
	}
	// A stolen card wants its PIN, and somebody makes a signature of it, or has the terminal look for its own.
	qualifiers := func(change func(object []byte)) func(byte, []byte) {
		return func(ins byte, answer []byte) {
			if i := bytes.Index(answer, []byte{0x9F, 0x6C, 0x02}); ins == apdu.INSGetProcessingOptions && i >= 0 {
				change(answer[i : i+5])
			}
		}
	}
	signature := qualifiers(func(o []byte) { o[3] = ctqSignature })
	away := qualifiers(func(o []byte) { o[1] = 0x7D }) // a tag nobody knows
	aip := func(at int, change func(byte) byte) func(byte, []byte) {
		return func(ins byte, answer []byte) {
			if ins == apdu.INSGetProcessingOptions {
				set(answer, []byte{0x82, 0x02}, at, change)
			}
		}
	}
	for _, c := range []struct {
		name    string
		text    string
		command func([]byte)
		answer  func(byte, []byte)
		online  bool // the terminal cannot know
	}{
		{"Visa without PIN", "payment amount 6000\n" + visa, visaCommand, visaAnswer, false},
		{"Visa without PIN, approving", "payment amount 6000 floor 9000\n" + visa + "tap-ac tc\n", visaCommand, visaAnswer, false},
		{"Visa without PIN, unsigned", "payment amount 6000\n" + visa + "oda none\n", visaCommand, visaAnswer, true},
		{"Visa, signature for PIN", "payment amount 6000 online-pin\n" + visa, nil, signature, false},
		{"Visa, qualifiers taken away", "payment amount 6000 online-pin\n" + visa, nil, away, false},
		{"Visa, signature for PIN, approving", "payment amount 6000 floor 9000 online-pin\n" + visa + "tap-ac tc\n", nil, signature, false},
		{"Visa, amount", "payment amount 6000 floor 9000\n" + visa + "tap-ac tc\n", func(cmd []byte) {
			if cmd[1] == apdu.INSGetProcessingOptions {
				cmd[7+4+5] ^= 0x01
			}
		}, nil, false},
		{"Mastercard on the device", "payment amount 6000\n" + mastercard, nil, aip(0, or(0x02)), false},
		{"Mastercard on the device, key unknown", "payment amount 6000\n" + mastercard + "replace 8F 99\n", nil, aip(0, or(0x02)), true},
		{"Mastercard without CDA", "payment floor 5000\n" + mastercard + "tap-ac tc\n", nil, aip(0, without(0x01)), true},
		{"Mastercard without relay resistance", "payment floor 5000 timed\nair-time 60ms\n" + mastercard + "tap-ac tc\ntap-relay 20 60 24\n", nil, aip(1, without(0x01)), false},
		{"Mastercard without verifications", "payment amount 6000\n" + mastercard, nil, aip(0, without(0x10)), false},
	} {
		p := parse(t, c.text)
		b := &tapBetween{TapCard: NewCard(p, nil).Contactless(), command: c.command, answer: c.answer}
		ctx, giveUp := context.WithCancel(t.Context())
		defer giveUp()
		tx, err := entry.New(p.payment.Contactless(), p.payment.Params(), entry.Environment{Field: &leaving{card: b, cancel: giveUp}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Run(ctx)
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		if !b.changed {
			t.Errorf("%s: nothing was changed", c.name)
		}
		switch {
		case out.Kind == tap.OnlineRequest && c.online:
			check, err := NewIssuer(p).Check(out.Reading.ACData())
			if out.Reading.Authenticated() || err != nil || check.Decision.Approved && check.Verdict != CardApproved {
				t.Errorf("%s: authenticated %v, issuer %+v, %v", c.name, out.Reading.Authenticated(), check, err)
			}
		case out.Kind == tap.OnlineRequest || out.Kind == tap.Approved:
			t.Errorf("%s: %v (%s)", c.name, out.Kind, out.Reason)
		}
		out.Reading.Wipe()
	}
}
