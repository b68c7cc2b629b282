package emvkernel_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
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
		{"partial approval is none", issuer("10"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"declined", issuer("05"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
		{"referral", issuer("01"), acFormat1(0x00), emvkernel.Declined, apdu.RequestAAC, false},
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

// EMV fact 4 and section 2: a deferral says Z3, sends no issuer data and no scripts, whatever the
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
