package emvkernel_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// wedge sits between terminal and card and changes answers on the way.
type wedge struct {
	card   emvkernel.Transceiver
	change func(command, answer []byte) []byte
}

func (w *wedge) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := w.card.Transceive(ctx, command)
	if err != nil {
		return answer, err
	}
	return w.change(command, bytes.Clone(answer)), nil
}

// addToFCI appends data objects to the proprietary template of a selected application.
func addToFCI(add []byte) func(command, answer []byte) []byte {
	return func(command, answer []byte) []byte {
		directory := bytes.Contains(command, []byte("1PAY"))
		if command[1] != apdu.INSSelect || directory || !bytes.HasSuffix(answer, []byte{0x90, 0x00}) {
			return answer
		}
		fields, err := inside(answer[:len(answer)-2], 0x6F)
		if err != nil {
			return answer
		}
		var out []byte
		for _, e := range fields {
			if e.Tag == 0xA5 {
				out = tlv.Append(out, 0xA5, append(bytes.Clone(e.Value), add...)...)
			} else {
				out = append(out, e.Raw...)
			}
		}
		return ok(tlv.Append(nil, 0x6F, out...))
	}
}

func inside(data []byte, tag tlv.Tag) ([]tlv.Element, error) {
	e, _, err := tlv.ParseOne(data)
	if err != nil {
		return nil, err
	}
	if e.Tag != tag {
		return nil, fmt.Errorf("tag %v", e.Tag)
	}
	return e.Children()
}

// story is all a payment came to: what the kernel asked, what it found, what it hands on.
func story(t testing.TB, cfg *emvkernel.Config, card emvkernel.Transceiver) string {
	t.Helper()
	r := &recorder{card: card}
	tx := begin(t, cfg, payment(), r, nil)
	out := collect(t, tx)
	c := tx.Card()
	s := fmt.Sprintf("%v, TVR %v, TSI %v, authenticated %v\n", out, tx.TVR(), tx.TSI(), tx.Authenticated())
	s += fmt.Sprintf("%s %s %s %d %d %s %+v\n", []byte(c.PAN), []byte(c.Track2), []byte(c.CardholderName), c.ExpiryMonth, c.ExpiryYear, c.PANSequence, c)
	s += fmt.Sprintf("%X\n", []byte(tx.ACData()))
	if out.Kind == emvkernel.OnlineRequest {
		out, err := tx.Complete(t.Context(), emvkernel.Answer{})
		s += fmt.Sprintf("%v %v\n", out, err)
	}
	for _, f := range r.frames {
		s += fmt.Sprintf("> %X\n", f.command)
	}
	return s
}

// strictCard has a reason against itself in everything that is decided upon.
const strictCard = "expiry 2025-12-31\neffective 2026-12-01\ncvm fail under-x\ncvm-amounts 2000 0\noffline-limits 0 0\n" +
	"usage international-goods terminals\naction-online FFFFFFFFFF\naction-default FFFFFFFFFF\n" +
	"cdol1 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4 98:20\n"

// strictTerminal leaves the decision to the card.
func strictTerminal(kind byte) *emvkernel.Config {
	cfg := emvtest.TerminalConfig()
	cfg.Terminal.Type = kind
	for i := range cfg.Applications {
		a := &cfg.Applications[i]
		a.FloorLimit, a.TACDenial, a.TACOnline, a.TACDefault = 5000, [5]byte{}, [5]byte{}, [5]byte{}
	}
	return &cfg
}

// What is decided upon comes from the records, which can be signed. A copy of it in the FCI, which never
// is, changes nothing at all.
func TestFCIDecidesNothing(t *testing.T) {
	copies := map[tlv.Tag]string{
		0x5A: "4111111111111111", 0x57: "4111111111111111D45122010000000000", 0x5F20: "444F45", 0x5F24: "451231", 0x5F25: "200101",
		0x5F28: "0276", 0x5F30: "0201", 0x5F34: "07", 0x82: "0000", 0x94: "08010100", 0x8C: "9F0206", 0x8D: "9F0206",
		0x8E: "0000000000000000 1F00", 0x8F: "01", 0x90: "00", 0x92: "00", 0x93: "00", 0x97: "9F0206",
		0x9F07: "FFFF", 0x9F08: "0000", 0x9F0D: "0000000000", 0x9F0E: "0000000000", 0x9F0F: "0000000000", 0x9F10: "00",
		0x9F13: "0001", 0x9F14: "FF", 0x9F23: "FF", 0x9F26: "0000000000000000", 0x9F27: "40", 0x9F32: "03", 0x9F36: "0001",
		0x9F42: "0978", 0x9F44: "02", 0x9F45: "0000", 0x9F46: "00", 0x9F47: "03", 0x9F48: "00", 0x9F49: "9F37049A03", 0x9F4A: "82",
		0x9F17: "03", 0x9F2D: "00", 0x9F2E: "03", 0x9F2F: "00", 0x9F34: "410302",
		0x9F4B: "00", 0x9F4C: "0000", 0x9F6C: "0000", 0x9F6E: "00000000", 0x9F7C: "00",
	}
	for _, c := range []struct {
		profile string
		kind    byte // terminal type
	}{
		{visa, 0x22}, {visa, 0x23}, {visa + "action-denial 0040000000\n", 0x22}, {mastercard, 0x22},
		{visa + "oda sda\n", 0x22}, {visa + "oda none\n", 0x22},
	} {
		cfg := strictTerminal(c.kind)
		card := func() emvkernel.Transceiver { return software(t, c.profile+strictCard) }
		want := story(t, cfg, card())
		if !strings.Contains(want, "> 80AE") {
			t.Fatal("the card came to no cryptogram: ", want)
		}
		for tag, value := range copies {
			w := &wedge{card: card(), change: addToFCI(tlv.Append(nil, tag, unhex(t, value)...))}
			if got := story(t, cfg, w); got != want {
				t.Errorf("%q, terminal %02X, %v in the FCI: %s\nwant %s", c.profile, c.kind, tag, got, want)
			}
		}
	}
}

// Nor does it from the processing options: of them AIP and AFL are taken and nothing else.
func TestProcessingOptionsDecideNothing(t *testing.T) {
	s := newStub()
	s.gpo = ok(template(0x77, map[tlv.Tag][]byte{
		0x82: {aipCVM, 0}, 0x94: s.afl, 0x5F34: {7}, 0x8E: {0, 0, 0, 0, 0, 0, 0, 0, 0x1F, 0}, 0x9F14: {1}, 0x9F23: {2}, 0x9F07: {0, 0},
	}))
	tx, out := s.run(t, nil)
	if out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	if got := tx.TVR().String(); got != "A000000000" { // no authentication; the CVM list is missing
		t.Errorf("TVR %s", got)
	}
	if len(s.asked(apdu.INSGetData)) != 0 || tx.Card().PANSequence != "" {
		t.Error("data of the processing options was used")
	}
}

// A wedge that clears "terminal risk management is to be performed" in an unsigned AIP does not get rid
// of the floor limit.
func TestFloorLimitWithoutAIPBit(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	for i := range cfg.Applications {
		cfg.Applications[i].TACOnline = [5]byte{0, 0, 0, 0x80, 0}
	}
	for _, mask := range []byte{0xFF, ^byte(aipRisk)} {
		card := &recorder{card: &wedge{card: software(t, offlineCard), change: func(command, answer []byte) []byte {
			if command[1] == apdu.INSGetProcessingOptions {
				answer[2] &= mask
			}
			return answer
		}}}
		tx := begin(t, &cfg, payment(), card, nil)
		collect(t, tx)
		if got := requests(card); !bytes.Equal(got, []byte{apdu.RequestARQC}) || tx.TVR().String() != "0000008000" || tx.TSI().String() != "E800" {
			t.Errorf("AIP mask %02X: asked for %X, TVR %v, TSI %v", mask, got, tx.TVR(), tx.TSI())
		}
	}
}

// shared is a transport that uses one buffer for all answers.
type shared struct {
	card   emvkernel.Transceiver
	buffer [300]byte
}

func (s *shared) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := s.card.Transceive(ctx, command)
	clear(s.buffer[:])
	return s.buffer[:copy(s.buffer[:], answer)], err
}

// The kernel keeps nothing that is the transport's.
func TestTransportMayReuseItsBuffer(t *testing.T) {
	for _, profile := range []string{visa, mastercard, "transport t0\n" + visa, "application discover\npan 6011111111111117\n"} {
		cfg := emvtest.TerminalConfig()
		plain := begin(t, &cfg, payment(), software(t, profile), nil)
		collect(t, plain)
		s := &shared{card: software(t, profile)}
		tx := begin(t, &cfg, payment(), s, nil)
		collect(t, tx)
		clear(s.buffer[:])
		if !bytes.Equal(tx.ACData(), plain.ACData()) || fmt.Sprint(tx.Receipt()) != fmt.Sprint(plain.Receipt()) || tx.Receipt().ATC == 0 {
			t.Errorf("%q: receipt %+v, want %+v", profile, tx.Receipt(), plain.Receipt())
		}
	}
}
