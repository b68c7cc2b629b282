package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

func issuer(arc string) emvkernel.Answer {
	return emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte([]byte(arc))}
}

// complete collects a payment that goes online and completes it.
func (s *stub) complete(t testing.TB, a emvkernel.Answer) (*emvkernel.Transaction, emvkernel.Outcome) {
	t.Helper()
	tx, out := s.run(t, nil)
	if out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	out, err := tx.Complete(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return tx, out
}

func TestComplete(t *testing.T) {
	tests := []struct {
		name    string
		answer  emvkernel.Answer
		card    []byte
		want    emvkernel.OutcomeKind
		asked   byte
		reverse bool
	}{
		{"approved by both", issuer("00"), acFormat1(0x40), emvkernel.Approved, apdu.RequestTC, false},
		{"honour with identification", issuer("08"), acFormat1(0x40), emvkernel.Approved, apdu.RequestTC, false},
		{"approved VIP", issuer("11"), acFormat1(0x40), emvkernel.Approved, apdu.RequestTC, false},
		{"partial approval is none, and is reversed", issuer("10"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, true},
		{"declined", issuer("05"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"referral", issuer("01"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"referral, special conditions", issuer("02"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"referral, and the card approves by itself", issuer("01"), acFormat1(0x40), emvkernel.Terminated, apdu.RequestAAC, false},
		{"the terminal's own code is no issuer's approval", issuer("Y3"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"unable to go online, no approval offline", emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}, acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"unable to go online, and the code of an approval", emvkernel.Answer{ARC: [2]byte{'0', '0'}, Kind: emvkernel.UnableToGoOnline}, acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"unknown kind of answer", emvkernel.Answer{ARC: [2]byte{'0', '0'}, Kind: 0x7F}, acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"no code", issuer("\x00\x00"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"card declines what the issuer approved", issuer("00"), acFormat1(0x00), emvkernel.Declined, apdu.RequestTC, true},
		{"card asks for the issuer twice", issuer("00"), acFormat1(0x80), emvkernel.Terminated, apdu.RequestTC, true},
		{"card breaks off", issuer("00"), []byte{0x69, 0x85}, emvkernel.Terminated, apdu.RequestTC, true},
		{"card answers nonsense", issuer("00"), []byte{0x12}, emvkernel.Terminated, apdu.RequestTC, true},
		{"card approves what the issuer declined", issuer("05"), acFormat1(0x40), emvkernel.Terminated, apdu.RequestAAC, false},
		{"unable to go online", emvkernel.Answer{}, acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"card approves by itself when the host is away", emvkernel.Answer{}, acFormat1(0x40), emvkernel.Terminated, apdu.RequestAAC, false},
		{"canceled", emvkernel.Answer{Kind: emvkernel.Cancel}, acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.ac[1] = tt.card
			tx, out := s.complete(t, tt.answer)
			if out.Kind != tt.want || out.Reverse != tt.reverse {
				t.Errorf("outcome %v, reverse %v (%s)", out.Kind, out.Reverse, out.Reason)
			}
			if out.Reverse != strings.Contains(out.Reason, "reversed") {
				t.Errorf("reason %q", out.Reason)
			}
			if call := strings.HasPrefix(tt.name, "referral"); out.Referral != call {
				t.Errorf("referral %v (%s)", out.Referral, out.Reason)
			}
			if (tx.ClearingData() != nil) != (tt.want == emvkernel.Approved) {
				t.Errorf("%d bytes for clearing", len(tx.ClearingData()))
			}
			asked := s.asked(apdu.INSGenerateAC)
			if len(asked) != 2 || asked[1].P1 != tt.asked {
				t.Errorf("asked for %02X", asked[1].P1)
			}
			if _, err := tx.Complete(t.Context(), tt.answer); !errors.Is(err, emvkernel.ErrOrder) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

// EMV fact 4 and the facts on deferred authorization: a deferral says Z3, sends no issuer data and no scripts, whatever the
// caller left in the answer, and does not touch what is stored.
func TestDeferral(t *testing.T) {
	s := newStub()
	s.aip[0] = 0x04
	s.ac[1] = ok(tlv.Append(nil, 0x80, 0x00, 0x00, 0x2B, 8, 7, 6, 5, 4, 3, 2, 1))
	tx, out := s.run(t, nil)
	if out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	data, receipt := bytes.Clone(tx.ACData()), tx.Receipt()
	out, err := tx.Complete(t.Context(), emvkernel.Answer{
		IssuerAuthenticationData: make([]byte, 10),
		Scripts:                  unhex(t, "7207 8605 8016000000"),
	})
	if err != nil || out.Kind != emvkernel.Declined {
		t.Fatal(out, err)
	}
	last := s.commands[len(s.commands)-1]
	if last.INS != apdu.INSGenerateAC || len(s.asked(apdu.INSExternalAuthenticate)) != 0 {
		t.Error("more than a GENERATE AC was sent")
	}
	if want := unhex(t, "5A33 00000000000000000000 8000000000 01020304"); !bytes.Equal(last.Data, want) {
		t.Errorf("CDOL2 data %X, want %X", last.Data, want)
	}
	if !bytes.Equal(tx.ACData(), data) {
		t.Error("the data set changed")
	}
	if got := tx.Receipt(); fmt.Sprint(got) != fmt.Sprint(receipt) {
		t.Errorf("the receipt changed: %v", got)
	}
}

// What the second command needs for itself does not show on the receipt, which is of the first.
func TestDeferralKeepsTheTVR(t *testing.T) {
	s := newStub()
	s.data[0x8D] = unhex(t, "9814 9505")
	tx, _ := s.run(t, nil)
	before := tx.Receipt().TVR
	if out, err := tx.Complete(t.Context(), emvkernel.Answer{}); err != nil || out.Kind != emvkernel.Declined {
		t.Fatal(out, err)
	}
	if sent := s.asked(apdu.INSGenerateAC)[1].Data; sent[24] != before[4]|0x80 {
		t.Errorf("TVR sent %X: default TDOL not recorded", sent[20:])
	}
	if after := tx.Receipt().TVR; after != before {
		t.Errorf("TVR %v, want %v", after, before)
	}
}

// EMV fact 29: issuer authentication by command or through CDOL2.
func TestIssuerAuthentication(t *testing.T) {
	iad := unhex(t, "A1A2A3A4A5A6A7A8 3030")
	answer := issuer("00")
	answer.IssuerAuthenticationData = iad
	for _, tt := range []struct {
		name      string
		aip       byte
		sw        []byte
		failed    bool
		commanded bool
	}{
		{"by command", 0x04, []byte{0x90, 0x00}, false, true},
		{"by command, refused", 0x04, []byte{0x63, 0x00}, true, true},
		{"by command, more data is no success", 0x04, []byte{0x61, 0x02}, true, true},
		{"by command, no length to correct", 0x04, []byte{0x6C, 0x02}, true, true},
		{"through CDOL2", 0x00, nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.aip[0] = tt.aip
			s.answers = map[byte][]byte{apdu.INSExternalAuthenticate: tt.sw}
			s.ac[1] = acFormat1(0x40)
			tx, out := s.complete(t, answer)
			if out.Kind != emvkernel.Approved {
				t.Fatal(out)
			}
			if tx.TVR().Has(emvkernel.IssuerAuthFailed) != tt.failed || tx.TSI().Has(emvkernel.IssuerAuthPerformed) != tt.commanded {
				t.Errorf("TVR %v, TSI %v", tx.TVR(), tx.TSI())
			}
			asked := s.asked(apdu.INSExternalAuthenticate)
			if (len(asked) == 1) != tt.commanded || len(asked) > 1 {
				t.Errorf("%d commands", len(asked))
			}
			if tt.commanded && (asked[0].Le != apdu.NoLe || !bytes.Equal(asked[0].Data, iad)) {
				t.Errorf("command %v", asked[0])
			}
			second := s.asked(apdu.INSGenerateAC)[1].Data
			if want := append([]byte("00"), iad...); !bytes.Equal(second[:12], want) {
				t.Errorf("CDOL2 data %X", second)
			}
			// The TVR of the second command knows about the failure.
			if (second[16]&0x40 != 0) != tt.failed {
				t.Errorf("TVR sent %X", second[12:17])
			}
		})
	}
	s := newStub()
	s.aip[0] = 0x04
	s.ac[1] = acFormat1(0x40)
	s.complete(t, issuer("00"))
	if len(s.asked(apdu.INSExternalAuthenticate)) != 0 {
		t.Error("EXTERNAL AUTHENTICATE without issuer authentication data")
	}
}

func TestScripts(t *testing.T) {
	tests := []struct {
		name    string
		scripts string
		sw      []byte
		tvr     byte
		results string
		sent    int
	}{
		{"before", "710E 9F1804 11223344 8605 8416000000", []byte{0x90, 0x00}, 0, "2011223344", 1},
		{"after", "7207 8605 8416000000", []byte{0x90, 0x00}, 0, "2000000000", 1},
		{"warning is success", "7207 8605 8416000000", []byte{0x62, 0x00}, 0, "2000000000", 1},
		{"failure before stops the script", "710E 8605 8416000000 8605 8416000000", []byte{0x69, 0x85}, 0x20, "1100000000", 1},
		{"failure after", "720E 8605 8416000000 8605 8416000000", []byte{0x6A, 0x80}, 0x10, "1100000000", 1},
		{"the next script still runs", "7107 8605 8416000000 7107 8605 8416000000", []byte{0x69, 0x85}, 0x20, "11000000001100000000", 2},
		{"not a command", "7105 8603 841600", []byte{0x90, 0x00}, 0x20, "1100000000", 0},
		{"not parseable", "7103 860584", []byte{0x90, 0x00}, 0x20, "0000000000", 0},
		{"one before, one after", "7207 8605 8416000000 7107 8605 8416000000", []byte{0x90, 0x00}, 0, "20000000002000000000", 2},
		{"the second command fails", "720E 8605 8416000000 8605 84FF000000", []byte{0x90, 0x00}, 0x10, "1200000000", 1},
		{"a GENERATE AC is the terminal's to send", "7207 8605 80AE400000", []byte{0x90, 0x00}, 0x10, "1100000000", 0},
		{"identifier too long", "710F 9F1805 1122334455 8605 8416000000", []byte{0x90, 0x00}, 0x20, "0000000000", 0},
		{"identifier too short", "710D 9F1803 112233 8605 8416000000", []byte{0x90, 0x00}, 0x20, "0000000000", 0},
		{"the twentieth command fails", "728193" + strings.Repeat("8605 8416000000", 19) + "8605 84FF000000 860584FF000000", []byte{0x90, 0x00}, 0x10, "1F00000000", 19},
		{"no commands", "7100", nil, 0, "2000000000", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.answers = map[byte][]byte{0x16: tt.sw}
			s.ac[1] = acFormat1(0x40)
			a := issuer("00")
			a.Scripts = unhex(t, tt.scripts)
			tx, out := s.complete(t, a)
			if out.Kind != emvkernel.Approved {
				t.Fatal(out)
			}
			if got := tx.TVR()[4]; got != tt.tvr {
				t.Errorf("TVR byte 5 is %02X, want %02X", got, tt.tvr)
			}
			clear(tx.ScriptResults()) // a copy
			if got := fmt.Sprintf("%X", tx.ScriptResults()); got != tt.results {
				t.Errorf("results %s, want %s", got, tt.results)
			}
			if got := len(s.asked(0x16)); got != tt.sent {
				t.Errorf("%d commands sent, want %d", got, tt.sent)
			}
			if !tx.TSI().Has(emvkernel.ScriptPerformed) {
				t.Error("TSI: not performed")
			}
		})
	}
}

// A card under T=0 cannot see that a script command expects no data. What it has is fetched, and the
// answer behind it counts.
func TestScriptDataWaiting(t *testing.T) {
	for _, tt := range []struct {
		response []byte
		results  string
	}{
		{[]byte{0x01, 0x02, 0x90, 0x00}, "2000000000"},
		{[]byte{0x62, 0x83}, "2000000000"},
		{[]byte{0x69, 0x88}, "1100000000"},
	} {
		s := newStub()
		s.answers = map[byte][]byte{0x16: {0x61, 0x02}, apdu.INSGetResponse: tt.response}
		s.ac[1] = acFormat1(0x40)
		a := issuer("00")
		a.Scripts = unhex(t, "7208 8606 8416000001AA")
		tx, out := s.complete(t, a)
		if got := fmt.Sprintf("%X", tx.ScriptResults()); out.Kind != emvkernel.Approved || got != tt.results {
			t.Errorf("%X: %v, results %s, want %s", tt.response, out, got, tt.results)
		}
	}
}

// Template 71 comes before, 72 after the second GENERATE AC, also when the issuer declines.
func TestScriptOrder(t *testing.T) {
	s := newStub()
	s.answers = map[byte][]byte{0x16: {0x90, 0x00}, 0x1E: {0x90, 0x00}}
	a := issuer("05")
	a.Scripts = unhex(t, "7207 8605 841E000000 7107 8605 8416000000")
	s.complete(t, a)
	var order []byte
	for _, c := range s.commands {
		if c.INS == 0x16 || c.INS == 0x1E || c.INS == apdu.INSGenerateAC {
			order = append(order, c.INS)
		}
	}
	if want := []byte{apdu.INSGenerateAC, 0x16, apdu.INSGenerateAC, 0x1E}; !bytes.Equal(order, want) {
		t.Errorf("order %X, want %X", order, want)
	}
}

// A card pulled during a script behind the second GENERATE AC has already approved.
func TestPulledAfterApproval(t *testing.T) {
	s := newStub()
	s.ac[1] = acFormat1(0x40)
	tx, _ := s.run(t, nil)
	s.failAt = 0x16
	a := issuer("00")
	a.Scripts = unhex(t, "7207 8605 8416000000")
	out, err := tx.Complete(t.Context(), a)
	if err != nil || out.Kind != emvkernel.Approved || !tx.TVR().Has(emvkernel.ScriptFailedAfter) {
		t.Errorf("%v, %v, TVR %v", out, err, tx.TVR())
	}
	if got := fmt.Sprintf("%X", tx.ScriptResults()); got != "1100000000" {
		t.Errorf("results %s", got)
	}
	// Before it, nothing is known.
	s = newStub()
	tx, _ = s.run(t, nil)
	s.failAt = apdu.INSGenerateAC
	if out, err := tx.Complete(t.Context(), issuer("00")); !errors.Is(err, errPulled) || out.Kind != emvkernel.Undecided {
		t.Errorf("%v, %v", out, err)
	}
}

// A malformed answer of the host is refused before the card hears of it; the payment can still be
// completed.
func TestMalformedAnswer(t *testing.T) {
	s := newStub()
	tx, _ := s.run(t, nil)
	sent := len(s.commands)
	for _, a := range []emvkernel.Answer{
		{Kind: emvkernel.IssuerAnswered, IssuerAuthenticationData: make([]byte, 7)},
		{Kind: emvkernel.IssuerAnswered, IssuerAuthenticationData: make([]byte, 17)},
		{Kind: emvkernel.IssuerAnswered, Scripts: []byte{0x71, 0x05}},
		{Kind: emvkernel.IssuerAnswered, Scripts: []byte{0x73, 0x00}},
		{Kind: emvkernel.IssuerAnswered, Scripts: make([]byte, 2000)},
	} {
		if _, err := tx.Complete(t.Context(), a); !errors.Is(err, emvkernel.ErrAnswer) {
			t.Errorf("%v", err)
		}
	}
	if len(s.commands) != sent {
		t.Error("the card was asked")
	}
	if out, err := tx.Complete(t.Context(), emvkernel.Answer{}); err != nil || out.Kind != emvkernel.Declined {
		t.Error(out, err)
	}
}

// An issuer that answered, however badly, was reached: the card does not decide in its place.
func TestMalformedAnswerIsAnAnswer(t *testing.T) {
	for _, reached := range []bool{false, true} {
		cfg, p := emvtest.TerminalConfig(), payment()
		lenient(&cfg, &p)
		r := &recorder{card: software(t, visa+"first-ac arqc\naction-online 0000000000\naction-default 0000000000\n")}
		tx := begin(t, &cfg, p, r, nil)
		collect(t, tx)
		if reached {
			declined := issuer("05")
			declined.Scripts = []byte{0x71, 0x05}
			if _, err := tx.Complete(t.Context(), declined); !errors.Is(err, emvkernel.ErrAnswer) {
				t.Fatal(err)
			}
		}
		out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.UnableToGoOnline})
		if err != nil || (out.Kind == emvkernel.Approved) == reached || (requests(r)[1] == apdu.RequestTC) == reached {
			t.Errorf("issuer reached %v: asked for %X, %v, %v", reached, requests(r), out, err)
		}
	}
}

// second is a card whose answer to its second GENERATE AC is another one.
type second struct {
	card   emvkernel.Transceiver
	change func([]byte) []byte
	n      int
}

func (c *second) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := c.card.Transceive(ctx, command)
	if command[1] == apdu.INSGenerateAC {
		if c.n++; c.n == 2 && c.change != nil {
			answer = c.change(answer)
		}
	}
	return answer, err
}

// EMV facts 4 and 27: unable to go online, the default action codes decide, and response codes Y3 and Z3
// tell the card. A card asked to approve may still decline; nothing but a TC that was asked for approves.
func TestUnableToGoOnline(t *testing.T) {
	const (
		online = "first-ac arqc\naction-online 0000000000\naction-default 0000000000\n"
		cda    = mastercard + online
	)
	old := func(b []byte) []byte { // another signature than this transaction's
		b = bytes.Clone(b)
		b[len(b)-30] ^= 1
		return b
	}
	tests := []struct {
		name   string
		card   string
		change func(*emvkernel.Config, *emvkernel.Params)
		second func([]byte) []byte
		asked  byte
		arc    string
		want   emvkernel.OutcomeKind
	}{
		{name: "no code matches: the card approves", card: visa + online, asked: 0x40, arc: "Y3", want: emvkernel.Approved},
		{name: "no code matches: the card declines all the same", card: visa + online + "second-ac aac\n", asked: 0x40, arc: "Y3", want: emvkernel.Declined},
		{name: "issuer's default code", card: visa + "first-ac arqc\naction-online 0000000000\naction-default 0040000000\nexpiry 2026-11-20\n", arc: "Z3", want: emvkernel.Declined},
		{name: "terminal's default code", card: visa + online + "expiry 2026-11-20\n", arc: "Z3", want: emvkernel.Declined,
			change: func(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].TACDefault = [5]byte{0, 0x40} }},
		{name: "an online code does not count any more", card: visa + "first-ac arqc\naction-online 0040000000\naction-default 0000000000\nexpiry 2026-11-20\n", asked: 0x40, arc: "Y3", want: emvkernel.Approved},
		{name: "no default code on the card: anything irregular is declined", card: visa + "first-ac arqc\naction-default FFFFFFFFFF\n", arc: "Z3", want: emvkernel.Declined,
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount = 5000 }},
		{name: "above the floor limit the default codes decide", card: visa + online, asked: 0x40, arc: "Y3", want: emvkernel.Approved,
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount = 5000 }},
		{name: "above the floor limit, which is in a default code", card: visa + online, arc: "Z3", want: emvkernel.Declined,
			change: func(c *emvkernel.Config, p *emvkernel.Params) {
				p.Amount, c.Applications[0].TACDefault = 5000, [5]byte{0, 0, 0, 0x80}
			}},
		{name: "not authenticated", card: visa + online + "oda none\n", arc: "Z3", want: emvkernel.Declined},
		{name: "authentication failed", card: visa + online + "fault sdad-signature\n", arc: "Z3", want: emvkernel.Declined},
		{name: "not configured", card: visa + online, arc: "Z3", want: emvkernel.Declined,
			change: func(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].OfflineApproval = false }},
		{name: "withdrawn", card: visa + online, arc: "Z3", want: emvkernel.Declined,
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.NoOfflineApproval = true }},
		{name: "the caller does not want it, now that the card is known", card: visa + online, arc: "Z3", want: emvkernel.Declined,
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.MayApproveOffline = func() bool { return false } }},
		{name: "the merchant wanted the issuer", card: visa + online, arc: "Z3", want: emvkernel.Declined,
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.ForceOnline = true }},
		{name: "on the exception file", card: visa + online, arc: "Z3", want: emvkernel.Declined,
			change: func(_ *emvkernel.Config, p *emvkernel.Params) {
				p.ExceptionFile = func(emvkernel.Secret, string) bool { return true }
			}},
		{name: "a PIN for the issuer", card: visa + online + "cvm online-pin always\n", arc: "Z3", want: emvkernel.Declined,
			change: func(c *emvkernel.Config, p *emvkernel.Params) {
				c.Terminal.Capabilities[1] |= 0x40
				p.PINPad = &pad{online: []emvkernel.PINEntry{emvkernel.PINEntered}}
			}},
		{name: "online-only terminal", card: visa + online, arc: "Z3", want: emvkernel.Declined,
			change: func(c *emvkernel.Config, _ *emvkernel.Params) {
				c.Terminal.Type, c.Applications[0].OfflineApproval = 0x21, false
			}},
		{name: "CDA: signed approval", card: cda, asked: 0x50, arc: "Y3", want: emvkernel.Approved},
		{name: "CDA: signature of the approval is not valid", card: cda, second: old, asked: 0x50, arc: "Y3", want: emvkernel.Declined},
		{name: "CDA: approval without signature", card: cda, asked: 0x50, arc: "Y3", want: emvkernel.Declined,
			second: func([]byte) []byte { return acFormat1(0x40) }},
		{name: "CDA: the card declines, unsigned", card: cda + "second-ac aac\n", asked: 0x50, arc: "Y3", want: emvkernel.Declined},
		{name: "asked to decline, it approves", card: visa + online + "oda none\n", arc: "Z3", want: emvkernel.Terminated,
			second: func([]byte) []byte { return acFormat1(0x40) }},
		{name: "it asks for the issuer again", card: visa + online, asked: 0x40, arc: "Y3", want: emvkernel.Terminated,
			second: func([]byte) []byte { return acFormat1(0x80) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, p := emvtest.TerminalConfig(), payment()
			for i := range cfg.Applications {
				a := &cfg.Applications[i]
				a.OfflineApproval, a.FloorLimit = true, 5000
				a.TACDenial, a.TACOnline, a.TACDefault = [5]byte{}, [5]byte{}, [5]byte{}
			}
			if tt.change != nil {
				tt.change(&cfg, &p)
				if tt.name == "online-only terminal" {
					for i := range cfg.Applications {
						cfg.Applications[i].OfflineApproval = false
					}
				}
			}
			r := &recorder{card: &second{card: software(t, tt.card), change: tt.second}}
			tx := begin(t, &cfg, p, r, nil)
			if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
				t.Fatal(out)
			}
			first := tx.ACData()
			out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.UnableToGoOnline})
			if err != nil || out.Kind != tt.want || out.Reverse || out.Referral {
				t.Fatalf("%v, %v", out, err)
			}
			last := r.frames[len(r.frames)-1].command
			if got := requests(r); len(got) != 2 || got[1] != tt.asked || bytes.Count(last[5:], []byte(tt.arc)) != 1 {
				t.Errorf("asked for %X, the last with %X; want %02X, %s", got, last, tt.asked, tt.arc)
			}
			if !bytes.Equal(first, tx.ACData()) {
				t.Error("the data set of the first GENERATE AC changed")
			}
			clearing := object(t, tx.ClearingData(), 0x9F27)
			if approved := tt.want == emvkernel.Approved; approved != (clearing == "40") || approved && object(t, tx.ClearingData(), 0x8A) != "5933" {
				t.Errorf("clearing data %X", []byte(tx.ClearingData()))
			}
			if tt.want == emvkernel.Approved && object(t, tx.ClearingData(), 0x9F26) != fmt.Sprintf("%X", tx.Receipt().Cryptogram) {
				t.Error("the cryptogram for clearing is not the receipt's")
			}
		})
	}
}

// object returns the value of a data object of a flat list as hexadecimal digits, "" if there is none.
func object(t *testing.T, list []byte, tag tlv.Tag) string {
	t.Helper()
	elements, err := tlv.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := tlv.Find(elements, tag)
	return fmt.Sprintf("%X", e.Value)
}

// The data for clearing: an offline approval's is the data set of the first GENERATE AC, an issuer's that
// of the second with what happened in between.
func TestClearingData(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	for i := range cfg.Applications {
		cfg.Applications[i].FloorLimit, cfg.Applications[i].OfflineApproval = 5000, true
	}
	tx := begin(t, &cfg, payment(), software(t, offlineCard), nil)
	if out := collect(t, tx); out.Kind != emvkernel.Approved {
		t.Fatal(out)
	}
	if data := tx.ClearingData(); !bytes.Equal(data, tx.ACData()) || object(t, data, 0x9F27) != "40" || object(t, data, 0x8A) != "5931" {
		t.Errorf("approved offline: %X", []byte(data))
	}
	tx.ClearingData().Wipe()
	if object(t, tx.ClearingData(), 0x9F27) != "40" {
		t.Error("the caller wiped the transaction's clearing data")
	}
	tx.Wipe()
	if tx.ClearingData() != nil {
		t.Error("still there after Wipe")
	}

	s := newStub()
	s.aip[0] = 0x04
	s.answers = map[byte][]byte{apdu.INSExternalAuthenticate: {0x63, 0x00}}
	s.ac[1] = ok(tlv.Append(nil, 0x80, 0x40, 0x00, 0x2A, 8, 7, 6, 5, 4, 3, 2, 1))
	a := issuer("08")
	a.IssuerAuthenticationData = make([]byte, 8)
	tx, out := s.complete(t, a)
	if out.Kind != emvkernel.Approved {
		t.Fatal(out)
	}
	for tag, want := range map[tlv.Tag]string{
		0x9F27: "40", 0x9F26: "0807060504030201", 0x8A: "3038", 0x95: "8000000040", 0x9F02: "000000001250", 0x5A: "4242424242424242",
	} {
		if got := object(t, tx.ClearingData(), tag); got != want {
			t.Errorf("%v for clearing is %s, want %s", tag, got, want)
		}
	}
	if object(t, tx.ACData(), 0x9F27) != "80" || object(t, tx.ACData(), 0x95) != "8000000000" || object(t, tx.ACData(), 0x8A) != "" {
		t.Errorf("the first data set changed: %X", []byte(tx.ACData()))
	}
}

// EMV fact 28: the lower bits of the cryptogram information data decide nothing; they say why, and whether
// the issuer should hear of it.
func TestAdviceAndReasons(t *testing.T) {
	for cid, want := range map[byte]string{0x00: "card declined", 0x02: "PIN try limit exceeded", 0x0B: "issuer authentication failed", 0x09: "service not allowed"} {
		s := newStub()
		s.ac[0] = acFormat1(cid)
		tx, out := s.run(t, nil)
		service := cid&0x07 == 1
		if service && out.Kind != emvkernel.NotAccepted || !service && (out.Kind != emvkernel.Declined || !strings.Contains(out.Reason, want)) {
			t.Errorf("first %02X: %v", cid, out)
		}
		if tx.AdviceRequested() != (cid&0x08 != 0) {
			t.Errorf("first %02X: advice %v", cid, tx.AdviceRequested())
		}
		s = newStub()
		s.ac[1] = acFormat1(cid)
		tx, out = s.complete(t, issuer("00"))
		if out.Kind != emvkernel.Declined || !out.Reverse || !strings.Contains(out.Reason, want) || tx.AdviceRequested() != (cid&0x08 != 0) {
			t.Errorf("second %02X: %v, advice %v", cid, out, tx.AdviceRequested())
		}
	}
}
