package emvkernel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"runtime"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// mostCommands is what no payment goes beyond, whatever the card says.
const mostCommands = 1024

// longWinded is a card that says nothing wrong and never comes to an end: 62 entries in its locator, of 255
// records each, every record full of tags that were not there before, perhaps in one part for each byte.
type longWinded struct {
	*stub
	parts    bool
	tag      uint16 // of the next data object
	waiting  []byte
	commands int
}

func (l *longWinded) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	l.commands++
	c, err := apdu.ParseCommand(command)
	if err != nil {
		return nil, err
	}
	switch {
	case c.INS == apdu.INSGetResponse && len(l.waiting) > 0:
		part := l.waiting[:min(8, len(l.waiting))]
		if l.waiting = l.waiting[len(part):]; len(l.waiting) == 0 {
			return ok(part), nil
		}
		return append(bytes.Clone(part), 0x61, 0x00), nil
	case c.INS == apdu.INSReadRecord:
		var b []byte
		for len(b) < 245 && l.tag < 1<<14 {
			b = tlv.Append(b, 0xDF8000|tlv.Tag(l.tag>>7)<<8|tlv.Tag(l.tag&0x7F), []byte{}...)
			if l.tag++; l.tag>>7 == 0 {
				l.tag = 1 << 7 // a leading zero in the tag number is not allowed
			}
		}
		b = tlv.Append(nil, 0x70, b...)
		if l.parts {
			l.waiting = b
			return []byte{0x61, 0x00}, nil
		}
		return ok(b), nil
	}
	return l.stub.Transceive(ctx, command)
}

func TestEndlessRecords(t *testing.T) {
	for _, parts := range []bool{false, true} {
		s := newStub()
		s.afl = nil
		for i := range 62 {
			s.afl = append(s.afl, byte(1+i%30)<<3, 1, 255, 255)
		}
		card := &longWinded{stub: s, parts: parts, tag: 1 << 7}
		tx := begin(t, terminal(), payment(), card, nil)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out := collect(t, tx)
		runtime.ReadMemStats(&after)
		if out.Kind != emvkernel.Terminated || card.commands != mostCommands {
			t.Errorf("in parts %v: %v after %d commands", parts, out, card.commands)
		}
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 32 {
			t.Errorf("in parts %v: %d MB", parts, used)
		}
	}
}

// A locator of 62 entries is as long as an answer has room for, and nothing is wrong with it.
func TestLongestLocator(t *testing.T) {
	s := newStub()
	s.afl = []byte{0x08, 1, 1, 0}
	s.records = map[[2]byte][]byte{}
	for i := byte(1); i < 62; i++ {
		s.afl = append(s.afl, 0x10, i, i, 0)
		s.records[[2]byte{2, i}] = ok(tlv.Append(nil, 0x70))
	}
	if _, out := s.run(t, nil); out.Kind != emvkernel.OnlineRequest || len(s.asked(apdu.INSReadRecord)) != 62 {
		t.Errorf("%v after %d records", out, len(s.asked(apdu.INSReadRecord)))
	}
}

// crowded is a card with thousands of applications in its directory, none of which is for use.
type crowded struct {
	next     uint16
	commands int
}

func (c *crowded) Transceive(_ context.Context, command []byte) ([]byte, error) {
	c.commands++
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return nil, err
	}
	switch cmd.INS {
	case apdu.INSReadRecord:
		var b []byte
		for len(b) < 230 {
			c.next++
			name := binary.BigEndian.AppendUint16([]byte{0xA0, 0, 0, 0, 3, 0x10, 0x10}, c.next)
			b = tlv.Append(b, 0x61, tlv.Append(nil, 0x4F, name...)...)
		}
		return ok(tlv.Append(nil, 0x70, b...)), nil
	case apdu.INSSelect:
		b := tlv.Append(nil, 0x84, cmd.Data...)
		return ok(tlv.Append(nil, 0x6F, tlv.Append(b, 0xA5, 0x88, 0x01, 0x01)...)), nil
	default:
		return []byte{0x69, 0x85}, nil
	}
}

func TestCrowdedDirectory(t *testing.T) {
	card, holder := &crowded{}, &menu{}
	tx := begin(t, terminal(), payment(), card, holder)
	if out := collect(t, tx); out.Kind != emvkernel.NotAccepted || len(holder.offered[0]) != 32 || card.commands != 1+255+2*32 {
		t.Errorf("%v, %d applications offered, %d commands", out, len(holder.offered[0]), card.commands)
	}
}

// A script is the issuer's, but how much it makes of a command is up to the card. The card's decision was
// still owed: the issuer's approval is to be reversed.
func TestEndlessScript(t *testing.T) {
	var commands []byte
	for range 100 {
		commands = tlv.Append(commands, 0x86, 0x00, 0xB0, 0x00, 0x00, 0x00)
	}
	s := newStub()
	s.ac[1] = acFormat1(0x40)
	inScript, n := false, 0
	tx := begin(t, terminal(), payment(), link(func(ctx context.Context, command []byte) ([]byte, error) {
		n++
		switch command[1] {
		case 0xB0:
			inScript = true
			return []byte{0x61, 0x01}, nil
		case apdu.INSGetResponse:
			if n%20 == 0 {
				return ok(nil), nil
			}
			return []byte{0x61, 0x01}, nil
		}
		return s.Transceive(ctx, command)
	}), nil)
	if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	a := issuer("00")
	a.Scripts = tlv.Append(nil, 0x71, commands...)
	if out, err := tx.Complete(t.Context(), a); err != nil || out.Kind != emvkernel.Terminated || !out.Reverse || !inScript || n != mostCommands {
		t.Errorf("%v, %v after %d commands", out, err, n)
	}
}

// The longest lists a command has room for, and one byte more.
func TestLongestLists(t *testing.T) {
	const private = "DF01"
	for _, tt := range []struct {
		name string
		set  func(s *stub, list []byte)
		ins  byte
		room int
	}{
		{"PDOL", func(s *stub, list []byte) { s.fci[0x9F38] = list }, apdu.INSGetProcessingOptions, 252}, // behind '8381' and a length
		{"CDOL1", func(s *stub, list []byte) { s.data[0x8C] = list }, apdu.INSGenerateAC, 255},
	} {
		for _, more := range []int{0, 1} {
			s := newStub()
			tt.set(s, append(unhex(t, "9F3704"+private), byte(tt.room-4+more)))
			_, out := s.run(t, nil)
			if asked := len(s.asked(tt.ins)); more == 0 && (out.Kind != emvkernel.OnlineRequest || asked != 1) || more == 1 && (out.Kind != emvkernel.Terminated || asked != 0) {
				t.Errorf("%s of %d bytes: %v, %d commands", tt.name, tt.room+more, out, asked)
			}
		}
		// Many times the longest that can be asked for.
		s := newStub()
		tt.set(s, bytes.Repeat([]byte{0x5A, 0xFF}, 60))
		if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated || len(s.asked(tt.ins)) != 0 {
			t.Errorf("%s of 60 times 255 bytes: %v", tt.name, out)
		}
	}
	// The second list is only used when the issuer has answered, or was given up.
	s := newStub()
	s.data[0x8D] = bytes.Repeat([]byte{0x5A, 0xFF}, 2)
	tx, out := s.run(t, nil)
	if out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	if out, err := tx.Complete(t.Context(), issuer("00")); err != nil || out.Kind != emvkernel.Terminated || !out.Reverse {
		t.Errorf("CDOL2 of 510 bytes: %v, %v", out, err)
	}
}

// Templates in templates: as deep as they fit. In the file information they are looked into, and too deep is
// malformed; elsewhere nobody looks.
func TestDeepTemplates(t *testing.T) {
	nest := func(levels int) []byte {
		b := []byte{}
		for range levels {
			b = tlv.Append(nil, 0xE0, b...)
		}
		return b
	}
	for levels, want := range map[int]emvkernel.OutcomeKind{14: emvkernel.OnlineRequest, 16: emvkernel.NotAccepted, 60: emvkernel.NotAccepted} {
		s := newStub()
		s.fci[0xE0] = nest(levels)
		if _, out := s.run(t, nil); out.Kind != want {
			t.Errorf("%d levels in the file information: %v", levels, out)
		}
	}
	s := newStub()
	s.gpo = ok(tlv.Append(nil, 0x77, append(unhex(t, "82020000 940408010100"), nest(60)...)...))
	s.data[0xE0] = nest(50)
	s.ac[0] = ok(tlv.Append(nil, 0x77, append(unhex(t, "9F270180 9F36020001 9F26080102030405060708"), nest(60)...)...))
	if _, out := s.run(t, nil); out.Kind != emvkernel.OnlineRequest {
		t.Error(out)
	}
}

// Wiping a transaction wipes nothing of the configuration, which all transactions share.
func TestConfigurationStaysAsItIs(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	want := emvtest.TerminalConfig()
	tx := begin(t, &cfg, payment(), software(t, mastercard), nil)
	collect(t, tx)
	tx.Wipe()
	for i := range cfg.CAKeys {
		if !bytes.Equal(cfg.CAKeys[i].Modulus, want.CAKeys[i].Modulus) {
			t.Errorf("key %d changed", i)
		}
	}
	for i := range cfg.Applications {
		if !bytes.Equal(cfg.Applications[i].AID, want.Applications[i].AID) || !bytes.Equal(cfg.Applications[i].DefaultTDOL, want.Applications[i].DefaultTDOL) {
			t.Errorf("application %d changed", i)
		}
	}
}
