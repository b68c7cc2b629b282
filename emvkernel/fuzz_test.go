package emvkernel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// script is a card whose answers come out of a byte string: two bytes of length, the answer. At its
// end the card is pulled.
type script struct{ rest []byte }

func (s *script) Transceive(context.Context, []byte) ([]byte, error) {
	if len(s.rest) < 2 {
		return nil, errPulled
	}
	n := int(binary.BigEndian.Uint16(s.rest))
	s.rest = s.rest[2:]
	n = min(n, len(s.rest))
	answer := s.rest[:n]
	s.rest = s.rest[n:]
	return answer, nil
}

func encodeScript(frames []frame) []byte {
	var out []byte
	for _, f := range frames {
		out = binary.BigEndian.AppendUint16(out, uint16(len(f.answer)))
		out = append(out, f.answer...)
	}
	return out
}

// A whole transaction with a card that may say anything: no panic, no endless loop, a known end, and
// nothing approved or sent online that the terminal did not ask for (see conversation.check).
func FuzzTransaction(f *testing.F) {
	const terminal = fuzzOfflineApproval | fuzzNoActionCodes
	cfg := fuzzTerminal(f, terminal)
	for _, profile := range append(goodCards, mastercard+"fault cda-hash\n", visa+"offline-limits 1 2\n") {
		card := &recorder{card: software(f, profile)}
		tx := begin(f, cfg, payment(), card, nil)
		out, err := tx.Collect(f.Context())
		if err != nil {
			f.Fatal(err)
		}
		if out.Kind == emvkernel.OnlineRequest {
			if _, err := tx.Complete(f.Context(), fuzzAnswers(tx, 5, oneScript)); err != nil {
				f.Fatal(err)
			}
		}
		for end := range byte(8) {
			f.Add(encodeScript(card.frames), byte(terminal), end)
		}
	}
	f.Add([]byte{}, byte(0), byte(0))
	f.Fuzz(func(t *testing.T, answers []byte, terminal, end byte) {
		payWith(t, &conversation{card: &script{rest: answers}}, terminal, end, oneScript)
	})
}

// The answers behind selection, each from its own bytes, so that the fuzzer gets deep: processing
// options, the record, a counter, both cryptograms, the issuer's scripts.
func FuzzCard(f *testing.F) {
	s := newStub()
	s.aip[0] = aipCVM | aipRisk
	s.data[0x8E] = []byte{0, 0, 0, 0, 0, 0, 0, 0, 0x5E, 0x03, 0x1F, 0x00}
	s.data[0x9F14], s.data[0x9F23] = []byte{1}, []byte{2}
	options := tlv.Append(nil, 0x80, append(s.aip[:], s.afl...)...)
	f.Add(byte(fuzzPINPad), byte(4), []byte{0x9F, 0x1A, 0x02}, options, template(0x70, s.data), []byte{0x9F, 0x36, 0x02, 0, 1}, acFormat1(0x80)[:17], acFormat1(0x40)[:17], []byte{0x71, 0x07, 0x86, 0x05, 0x84, 0x16, 0, 0, 0})
	f.Add(byte(fuzzOfflineApproval), byte(3), []byte{}, options, template(0x70, s.data), []byte{}, acFormat1(0x40)[:17], acFormat1(0x00)[:17], []byte{})
	f.Add(byte(fuzzOfflineOnly), byte(2), []byte{}, tlv.Append(nil, 0x77, tlv.Append(tlv.Append(nil, 0x82, 0x7C, 0), 0x94, s.afl...)...), template(0x70, s.data), []byte{}, acFormat1(0x40)[:17], acFormat1(0x00)[:17], []byte{})
	f.Fuzz(func(t *testing.T, terminal, end byte, pdol, options, record, counter, first, second, scripts []byte) {
		s := newStub()
		s.fci[0x9F38] = pdol
		s.gpo = ok(options)
		s.records = map[[2]byte][]byte{{1, 1}: ok(record)}
		s.getData = map[tlv.Tag][]byte{0x9F36: ok(counter), 0x9F13: ok(counter)}
		s.answers = map[byte][]byte{apdu.INSInternalAuthenticate: ok(counter), apdu.INSExternalAuthenticate: ok(nil)}
		s.ac = [][]byte{ok(first), ok(second)}
		payWith(t, &conversation{card: s}, terminal, end, scripts)
	})
}

// Whatever else stands in the FCI, of which nothing is signed, the payment goes the same way byte for
// byte.
func FuzzFCI(f *testing.F) {
	cfg := strictTerminal(0x22)
	profiles := map[bool]string{false: visa + strictCard, true: mastercard + strictCard}
	want := map[bool]string{}
	for cda, profile := range profiles {
		want[cda] = story(f, cfg, software(f, profile))
	}
	f.Add(tlv.Append(nil, 0x5F24, 0x45, 0x12, 0x31), false)
	f.Add(tlv.Append(nil, 0x8E, 0, 0, 0, 0, 0, 0, 0, 0, 0x1F, 0x00), false)
	f.Add(tlv.Append(tlv.Append(nil, 0x9F0F, 0, 0, 0, 0, 0), 0x9F0D, 0, 0, 0, 0, 0), true)
	f.Add(tlv.Append(nil, 0xBF0C, tlv.Append(nil, 0x9F14, 0xFF)...), true)
	f.Add([]byte{0xBF, 0x30, 1, 0x30}, true) // malformed inside
	f.Fuzz(func(t *testing.T, extra []byte, cda bool) {
		if tlv.Walk(extra, func(int, tlv.Element) error { return nil }) != nil {
			return // the whole FCI is refused then
		}
		list, err := tlv.Parse(extra)
		if err != nil {
			t.Fatal(err)
		}
		var add []byte
		for _, e := range list {
			switch e.Tag {
			case 0x50, 0x87, 0x5F2D, 0x9F11, 0x9F12, 0x9F38: // the FCI's own business
			default:
				add = append(add, e.Raw...)
			}
		}
		if len(add) > 150 {
			return // no longer fits an answer
		}
		card := &wedge{card: software(t, profiles[cda]), change: addToFCI(add)}
		if got := story(t, cfg, card); got != want[cda] {
			t.Fatalf("%s\nwant %s", got, want[cda])
		}
	})
}

// A real card, of which the transport spoils one answer: it never passes for authenticated if what was
// spoilt is signed or a certificate, and never ends otherwise than by a known outcome.
func FuzzSpoiltAnswer(f *testing.F) {
	cfg := emvtest.TerminalConfig()
	for which := range byte(14) {
		f.Add(which, uint16(20), byte(1), true)
		f.Add(which, uint16(30), byte(0x80), false)
	}
	profiles := map[bool]*emvtest.Profile{}
	for cda, text := range map[bool]string{false: visa, true: mastercard} {
		p, err := emvtest.ParseProfile(strings.NewReader("about test card\n" + text))
		if err != nil {
			f.Fatal(err)
		}
		profiles[cda] = p
	}
	f.Fuzz(func(t *testing.T, which byte, at uint16, with byte, cda bool) {
		card := &spoiler{card: emvtest.NewCard(profiles[cda], nil), which: int(which % 16), at: int(at), with: with}
		tx, err := emvkernel.NewTransaction(&cfg, payment(), card, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Collect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if with == 0 && !tx.Authenticated() {
			t.Fatalf("nothing was altered: %v, TVR %v", out, tx.TVR())
		}
		if with == 0 || !card.hit {
			return
		}
		if tx.Authenticated() && (card.signed || card.ins == apdu.INSInternalAuthenticate) {
			t.Fatalf("signed data was altered unnoticed: %v, TVR %v", out, tx.TVR())
		}
		if cda && card.ins == apdu.INSGenerateAC && out.Kind == emvkernel.OnlineRequest {
			t.Fatalf("an altered answer to GENERATE AC went online: %v", out)
		}
	})
}

type spoiler struct {
	card      *emvtest.Card
	which, at int
	with      byte
	n         int
	hit       bool
	ins       byte
	afl       []byte
	signed    bool // what was altered is static data to be authenticated or part of a certificate
}

func (s *spoiler) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := s.card.Transceive(ctx, command)
	if err == nil && command[1] == apdu.INSGetProcessingOptions {
		_, s.afl = options(data(answer))
	}
	if err == nil && s.n == s.which {
		at := s.at % len(answer)
		s.hit, s.ins = true, command[1]
		s.signed = command[1] == apdu.INSReadRecord && s.afl != nil &&
			(signedRecord(s.afl, command[3]>>3, command[2]) || inCertificate(answer, at))
		answer = bytes.Clone(answer)
		answer[at] ^= s.with
	}
	s.n++
	return answer, err
}

// options takes AIP and AFL out of an answer to GET PROCESSING OPTIONS without its status word.
func options(answer []byte) (aip, afl []byte) {
	if e, _, err := tlv.ParseOne(answer); err == nil && e.Tag == 0x80 && len(e.Value) >= 2 {
		return e.Value[:2], e.Value[2:]
	}
	list, _ := inside(answer, 0x77)
	a, _ := tlv.Find(list, 0x82)
	b, _ := tlv.Find(list, 0x94)
	return a.Value, b.Value
}

func signedRecord(afl []byte, sfi, record byte) bool {
	for ; len(afl) >= 4; afl = afl[4:] {
		if afl[0]>>3 == sfi && record >= afl[1] && record < afl[1]+afl[3] {
			return true
		}
	}
	return false
}

func inCertificate(answer []byte, at int) bool {
	e, _, err := tlv.ParseOne(answer)
	if err != nil {
		return false
	}
	list, err := e.Children()
	if err != nil {
		return false
	}
	end := len(answer) - 2
	for _, e := range slices.Backward(list) {
		begin := end - len(e.Raw)
		switch e.Tag {
		case 0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47, 0x9F48:
			if at >= begin && at < end {
				return true
			}
		}
		end = begin
	}
	return false
}
