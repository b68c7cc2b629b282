package transcript_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

const sample = `# EMV transcript
redacted no
config test
serial-number TEST0001
floor-limit 5000
floor-currency 840
offline-approval yes
pin-bypass yes
amount 1250
cashback 100
currency 840
exponent 2
type 09
time 2026-11-21T12:34:56+01:00
unpredictable-number 01020304
random-selection 50
counter 7
force-online yes
pin-pad yes
cardholder yes
earlier-sale 300
exception-file yes
answer issuer
arc 3030
issuer-data 11223344556677883030
scripts 7209860704DA9F5801AB
outcome approved: issuer and card approved
tvr 0000008000
tsi E800

RESET
ATR 3B600000
CHOOSE 1
CONFIRM yes

# SELECT
> 00A4040007A000000003101000
< 6A82
PIN offline entered 63C2
PIN offline no-challenge 6D00
PIN online canceled
! pulled at the pad

# READ RECORD 1 of file 1
> 00B2010C00
! card removed
`

func TestParseAndWrite(t *testing.T) {
	tr := parse(t, sample)
	if got := text(t, tr); got != sample {
		t.Errorf("written again:\n%s", got)
	}
	p := tr.Payment.Params()
	if p.Amount != 1250 || p.Cashback != 100 || p.Type != 0x09 || p.UnpredictableNumber != [4]byte{1, 2, 3, 4} || !p.ForceOnline ||
		p.SaleLog(nil, "") != 300 || !p.ExceptionFile(nil, "") || p.Time.Hour() != 12 || p.RandomSelection != 50 {
		t.Errorf("%+v", p)
	}
	if want := (transcript.Terminal{SerialNumber: "TEST0001", FloorLimit: 5000, FloorCurrency: 840, OfflineApproval: true, PINBypass: true}); tr.Terminal != want {
		t.Errorf("%+v", tr.Terminal)
	}
	if a := tr.Answer; a.Kind != emvkernel.IssuerAnswered || string(a.ARC[:]) != "00" || len(a.IssuerAuthenticationData) != 10 || len(a.Scripts) != 10 {
		t.Errorf("%+v", a)
	}
	if len(tr.Events) != 12 || tr.Events[11].Text != "card removed" {
		t.Errorf("%+v", tr.Events)
	}
}

// Errors name the line and never repeat it: it may hold card data.
func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "nothing happens"},
		{"amount 1\n", "nothing happens"},
		{"amount x\nRESET\n", "line 1: amount (minor units, cashback included): invalid syntax"},
		{"amount -1\nRESET\n", "line 1"},
		{"amount 1\namount 1\nRESET\n", "line 2: amount stands twice"},
		{"RESET\namount 1\n", "line 2: amount belongs above"},
		{"currency 99999999\n", "out of range"},
		{"time yesterday\n", "line 1: time"},
		{"random-selection 100\n", "at most 99"},
		{"unpredictable-number 010203\n", "four bytes"},
		{"redacted perhaps\n", "yes or no"},
		{"answer nobody\n", "deferred, cancel, issuer, unable"},
		{"arc 30\n", "two bytes"},
		{"tvr 00\n", "10 hexadecimal digits"},
		{"price 1\n", "a line begins with one of"},
		{"> \n", "command without bytes"},
		{"> 0\n", "pairs of hexadecimal digits"},
		{"> 00A4X\n", "pairs of hexadecimal digits"},
		{"< 9000\n", "answer without a command"},
		{"> 00A40400\n< 9000\n< 9000\n", "line 3: an answer without"},
		{"! pulled\n", "says after a command"},
		{"> 00A40400\n!\n", "says after a command"},
		{"RESET now\n", "stands alone"},
		{"CHOOSE -1\n", "not in the format"}, {"CHOOSE 01\n", "not in the format"}, {"CONFIRM maybe\n", "not in the format"},
		{"PIN offline entered\n", "not in the format"}, {"PIN offline entered 9\n", "not in the format"}, {"PIN 1234\n", "not in the format"},
		{"PIN online entered 9000\n", "not in the format"}, {"PIN online no-challenge 6D00\n", "not in the format"}, {"PIN offline no-challenge\n", "not in the format"},
		{"PIN offline entered 6D00 no-challenge\n", "not in the format"}, {"pin-pad yes\n!\n", "says after a command"},
		{"\xff\n", "UTF-8"},
		{"> " + strings.Repeat("00", 70_000), "more than 65538 bytes"},
		{strings.Repeat("RESET\n", 10_001), "more than 10000 events"},
		{strings.Repeat("#\n", 3<<20), "longer than"},
	} {
		_, err := transcript.Parse(strings.NewReader(tt.text))
		if !errors.Is(err, transcript.ErrFormat) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40q: %v, want %q", tt.text, err, tt.want)
		}
	}
	if _, err := transcript.Parse(strings.NewReader("> 4242424242424242X")); err == nil || strings.Contains(err.Error(), "4242") {
		t.Error(err)
	}
}

// Where a replay differs it is said in words, and which data object it is.
func TestMismatch(t *testing.T) {
	cfg := terminal(t)
	card := software(t, "application visa\npan 4242424242424242\n")
	written := text(t, record(t, cfg, card, card.ATR(), nil, emvtest.NewIssuer()))
	for _, tt := range []struct{ old, new, want string }{
		{"amount 1250", "amount 1300", "9F02 Amount, Authorised (Numeric) is 000000001300, in the transcript 000000001250"},
		{"unpredictable-number 01020304", "unpredictable-number 01020305", "01020305, in the transcript 01020304"},
		{"> 00B2010C00", "> 00B2030C00", "command 2: READ RECORD 1 of file 1, in the transcript READ RECORD 3 of file 1"},
		{"> 00A4040007A000000003101000", "> 00A4040007A000000003201000", "SELECT: A0000000031010, in the transcript A0000000032010"},
		{"> 00A4040007A000000003101000", "> 00A4040008424242424242424200", "SELECT: A0000000031010, in the transcript 0000000000000000"},
		{"outcome approved", "outcome denied", "another result: outcome"},
		{"tsi ", "tsi FFFF\n#", "another result: TSI"},
		{"tvr ", "tvr FFFFFFFFFF\n#", "another result: TVR"},
		{"answer issuer", "answer deferred", "asks for an AAC"},
		{"00000080000840", "00000080010840", "95 Terminal Verification Results is 0000008000, in the transcript 0000008001"},
		{"> 00B2010C00", "> 00B2010C", "READ RECORD 1 of file 1: another Le"},
		{"> 80AE", "> 80AC", "GENERATE AC, asks for an ARQC (online), in the transcript unknown instruction AC"},
	} {
		changed := strings.Replace(written, tt.old, tt.new, 1)
		if changed == written {
			t.Fatalf("no %q in\n%s", tt.old, written)
		}
		if _, err := transcript.Replay(t.Context(), cfg, parse(t, changed)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.new, err, tt.want)
		}
	}
	if _, err := transcript.Replay(t.Context(), cfg, parse(t, written+"> 00B2010C00\n< 9000\n")); err == nil || !strings.Contains(err.Error(), "the transcript goes on with READ RECORD 1") {
		t.Error(err)
	}
	end := strings.LastIndex(written, "\n# GENERATE AC")
	if _, err := transcript.Replay(t.Context(), cfg, parse(t, written[:end])); err == nil || !strings.Contains(err.Error(), "after the end of the transcript") {
		t.Error(err)
	}
}

// A redacted transcript is compared too, in everything that does not follow from its certificates.
func TestRedactedMismatch(t *testing.T) {
	cfg := terminal(t)
	for _, profile := range []string{"oda dda\n", "oda cda\n", "oda none\n"} {
		card := software(t, "application mastercard\npan 5555555555554444\n"+profile)
		written := text(t, transcript.Redact(record(t, cfg, card, card.ATR(), nil, emvtest.NewIssuer())))
		for old, want := range map[string]string{
			"amount 1250": "9F02 Amount, Authorised (Numeric) is 000000001300", "unpredictable-number 01020304": "01020305, in the transcript 01020304",
		} {
			changed := strings.Replace(written, old, strings.NewReplacer("1250", "1300", "01020304", "01020305").Replace(old), 1)
			if _, err := transcript.Replay(t.Context(), cfg, parse(t, changed)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", profile, err, want)
			}
		}
	}
	// Nothing was left out of a card without certificates: its outcome counts.
	card := software(t, "application visa\npan 4242424242424242\noda none\n")
	written := text(t, transcript.Redact(record(t, cfg, card, card.ATR(), nil, emvtest.NewIssuer())))
	changed := strings.Replace(written, "outcome approved", "outcome declined", 1)
	if _, err := transcript.Replay(t.Context(), cfg, parse(t, changed)); changed == written || !errors.Is(err, transcript.ErrResult) {
		t.Errorf("another outcome: %v", err)
	}
	// A card that the terminal denies what it cannot authenticate: the ways part at the first GENERATE AC.
	card = software(t, "application visa\npan 4242424242424242\noda dda\naction-denial 0800000000\n")
	redacted := transcript.Redact(record(t, cfg, card, card.ATR(), nil, emvtest.NewIssuer()))
	r, err := transcript.Replay(t.Context(), cfg, redacted)
	if err != nil || !strings.Contains(r.Parted, "asks for an AAC (decline), in the transcript GENERATE AC, asks for an ARQC") {
		t.Errorf("%v %q", err, r.Parted)
	}
}

// golden are the cards in testdata, each in clear, where every byte must come again, and redacted.
var golden = map[string]string{
	"visa-dda":       "application visa\npan 4242424242424242\n",
	"mastercard-cda": "application mastercard\npan 5555555555554444\nsequence 12\noda cda\n",
	"broken-cda":     "application mastercard\npan 5555555555554444\nsequence 12\noda cda\nfault sdad-signature\n",
	"cda-hash":       "application mastercard\npan 5555555555554444\noda cda\nfault cda-hash\n",
	"cda-cid":        "application mastercard\npan 5555555555554444\noda cda\nfault cda-cid\n",
	"sda":            "application visa\npan 4242424242424242\noda sda\n",
	"t0":             "transport t0\napplication visa\npan 4242424242424242\n",
	"plain-pin":      "application visa\npan 4242424242424242\ncvm plain-pin always\n",
	"expired":        "application visa\npan 4242424242424242\nexpiry 2025-12-31\n",
}

// Golden transcripts are a memory of what the kernel did: whoever changes it on purpose rewrites them with
// go test ./emvkernel/transcript -update and reads what changed.
func TestGolden(t *testing.T) {
	cfg := terminal(t)
	for name, profile := range golden {
		file := filepath.Join("testdata", name+".transcript")
		if *update {
			card := software(t, profile)
			clear := record(t, cfg, card, card.ATR(), &pad{entry: emvkernel.PINEntered}, emvtest.NewIssuer())
			for path, clearly := range map[string]bool{file: true, filepath.Join("testdata", name+".redacted.transcript"): false} {
				var b bytes.Buffer
				if err := transcript.Save(&b, clear, clearly); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	files, err := filepath.Glob("testdata/*.transcript")
	if err != nil || len(files) != 2*len(golden) {
		t.Fatalf("%d transcripts, want %d: %v", len(files), 2*len(golden), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tr := parse(t, string(b))
		if tr.Redacted != strings.Contains(file, ".redacted.") {
			t.Errorf("%s: redacted %v", file, tr.Redacted)
		}
		r, err := transcript.Replay(t.Context(), cfg, tr)
		if parted := tr.Redacted && strings.Contains(tr.Outcome, "combined signature"); err != nil || parted != (r.Parted != "") {
			t.Errorf("%s: %v %s", file, err, r.Parted)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("> 00A40400\n< 9000\nPIN offline broken\n")
	f.Add("pin-pad yes\nRESET\n! pulled\n> 00B2\n! pulled\n! again\nPIN offline no-challenge 6985\n")
	f.Add(tapSample)
	f.Add("contactless yes\nTAP timed\n> 80EA\n< 9000\nTOOK 1m0s\nUN 01020304\nFIELD error x\nUI 15020000000000000000000000100000000012500840\n")
	f.Add("answer deferred\nRESET\nATR\n> 0 0 A 4\n<\n")
	f.Fuzz(func(t *testing.T, s string) {
		tr, err := transcript.Parse(strings.NewReader(s))
		if err != nil {
			if !errors.Is(err, transcript.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		first := text(t, tr)
		again, err := transcript.Parse(strings.NewReader(first))
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		if second := text(t, again); first != second || !reflect.DeepEqual(tr.Events, again.Events) {
			t.Fatalf("not stable:\n%s\n%s", first, second)
		}
		redacted := text(t, transcript.Redact(tr))
		if _, err := transcript.Parse(strings.NewReader(redacted)); err != nil {
			t.Fatalf("redacted: %v\n%s", err, redacted)
		}
	})
}

// Whatever the transcript is, a replay ends, and approves nothing that is not in it.
func FuzzReplay(f *testing.F) {
	cfg := terminal(f)
	card := software(f, "application visa\npan 4242424242424242\n")
	f.Add(text(f, record(f, cfg, card, card.ATR(), nil, nil)))
	f.Fuzz(func(t *testing.T, s string) {
		if tr, err := transcript.Parse(strings.NewReader(s)); err == nil && len(tr.Events) < 100 {
			r, err := transcript.Replay(t.Context(), cfg, tr)
			if err == nil && r.Outcome.Kind == emvkernel.Approved && tr.Answer == nil {
				t.Fatal("approved without an issuer")
			}
		}
	})
}
