package emvtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestEveryProfileLoads(t *testing.T) {
	declines, taps := map[pan]string{}, map[pan]string{}
	keys := map[string]string{}
	for _, name := range Profiles() {
		p := load(t, name)
		if p.Name != name || p.About == "" {
			t.Errorf("%s: name %q, about %q", name, p.Name, p.About)
		}
		text, err := profileFiles.ReadFile("profiles/" + name + ".card")
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); lines > 10+5*len(p.applications) {
			t.Errorf("%s has %d lines; use the brand's defaults", name, lines)
		}
		for _, a := range p.applications {
			if other, ok := declines[a.pan]; ok && other != a.decline {
				t.Errorf("%s: the issuer treats this number differently in another profile", name)
			}
			declines[a.pan] = a.decline
			if other, ok := taps[a.pan]; ok && other != a.tap.issuer {
				t.Errorf("%s: the issuer treats taps with this number differently in another profile", name)
			}
			taps[a.pan] = a.tap.issuer
			if other, ok := keys[a.iccSpec().name]; ok {
				t.Errorf("%s is the same card as %s; give it another sequence", name, other)
			}
			keys[a.iccSpec().name] = name
		}
		faces := map[string][]*personalised{"by contact": nil, "by tap": nil}
		if _, contact := p.Expectation(); contact {
			faces["by contact"] = NewCard(p, nil).applications
		}
		if _, _, taps := p.TapExpectation(); taps {
			faces["by tap"] = (&Card{profile: p}).byTap()
		}
		for face, applications := range faces {
			for _, app := range applications {
				for id, record := range app.records {
					if len(record) > 255 {
						t.Errorf("%s: record %v %s has %d bytes", name, id, face, len(record))
					}
				}
			}
		}
	}
}

func TestLoadUnknownProfileListsThem(t *testing.T) {
	_, err := Load("vsia")
	if !errors.Is(err, ErrNoProfile) || !strings.Contains(err.Error(), "visa-debit") {
		t.Errorf("error %v", err)
	}
}

func TestProfileErrorsNameLineAndRemedy(t *testing.T) {
	const visa = "application visa\npan 4242424242424242\n"
	for _, c := range []struct{ text, want string }{
		{"", `:1: no application; write a line "application visa"`},
		{"# only a comment\n\n", `:2: no application`},
		{"application vista\n", `:1: unknown brand "vista"; there are visa, mastercard`},
		{"application visa\n", `:1: the application has no card number; write a line`},
		{visa + "labl Visa\n", `:3: unknown setting "labl"; there are name, about`},
		{visa + "pan 4242424242424241\n", `:3: pan stands twice (first in line 2)`},
		{"application visa\npan 4242424242424241\n", `:2: pan "..." is not valid; write 12 to 19 digits`},
		{"application visa\npan 5555555555554444\n", `:1: the card number does not begin like one of visa`},
		{visa + "expiry 31-12-31\n", `:3: expiry "31-12-31" is not valid; write a date`},
		{visa + "expiry 2050-01-01\n", `:3: expiry`},
		{visa + "cvm signature\n", `:3: cvm "signature" is not a rule; write a method`},
		{visa + "cvm signature sometimes\n", `:3: cvm`},
		{visa + "fault sdad\n", `:3: unknown fault "sdad"; those that begin so are sdad-header (every dynamic`},
		{visa + "fault nonsense\n", `:3: unknown fault "nonsense"; there are issuer-certificate-header, `},
		{visa + "omit 9F4B 5F24 FF00000000\n", `:3: omit "9F4B 5F24 FF00000000" is not valid; write tags`},
		{visa + "omit 9F2D\n", `:1: omit 9F2D: this card does not have the data object`},
		{visa + "add 5A 00\n", `:1: add 5A: the card has this data object already`},
		{visa + "repeat 90\n", `:1: repeat 90: two do not fit into one answer`},
		{visa + "repeat 82\n", `:1: repeat 82: answers in format 80 have no tags; write "format 77"`},
		{visa + "omit 5A\nreplace 5A 00\n", `:1: replace 5A: the profile changes this data object twice`},
		{visa + "replace 5A 4242424242424242X\n", `:3: replace is not valid; write a tag and up to 32 bytes`},
		{visa + "replace 94\n", `:3: replace is not valid`},
		{visa + "code-table 7\npreferred-name Виза\n", `:4: preferred-name has a character that is not in part 7`},
		{visa + "discretionary 9F4D02\n", `:3: discretionary "9F4D02" is not valid; write data objects`},
		{visa + "used 5 7\n", `:3: used "5 7" is not valid; write the counter`},
		{"status reset 6985\n" + visa, `:1: status: there is no step "reset"; there are select-pse, `},
		{"status gpo 61FF\n" + visa, `:1: status "gpo 61FF" is not valid; write a step and a status word`},
		{"status gpo 6985\nstatus gpo 6A81\n" + visa, `:2: status gpo stands twice; remove one`},
		{"pull gpo 6985\n" + visa, `:1: pull "gpo 6985" is not valid; write a step alone`},
		{"delay gpo soon\n" + visa, `:1: delay "gpo soon" is not valid; write a step and a time`},
		{"payment free\n" + visa, `:1: payment "free" is not valid; write words such as: amount 1250 pin-pad; there are amount N, `},
		{"payment amount 5 cashback 6\n" + visa, `:1: payment`},
		{"issuer-script during 84240000\n" + visa, `:1: issuer-script "during 84240000" is not valid`},
		{"expect happiness\n" + visa, `:1: expect "happiness" is not valid; write one of approved, canceled`},
		{"expect online tvr 00\n" + visa, `:1: expect "online tvr 00"`},
		{"ppse maybe\n" + visa, `:1: ppse "maybe" is not valid; write yes, no, empty, malformed`},
		{"tear verify\n" + visa, `:1: tear "verify" is not valid; write one of select-ppse, `},
		{"tear gpo soon\n" + visa, `:1: tear "gpo soon" is not valid`},
		{"tear gpo\ntear gpo late\n" + visa, `:2: tear gpo stands twice; remove one`},
		{"air-time 2s\n" + visa, `:1: air-time "2s" is not valid; write a time of at most 1s`},
		{"expect-tap happiness\n" + visa, `:1: expect-tap "happiness" is not valid; write one of approved, declined, `},
		{"expect-tap online cvm maybe\n" + visa, `:1: expect-tap "online cvm maybe"`},
		{"expect-tap online taps 1\n" + visa, `:1: expect-tap "online taps 1"`},
		{"expect-tap online tvr\n" + visa, `:1: expect-tap "online tvr"`},
		{visa + "contactless amex\n", `:3: contactless "amex" is not valid; write visa, mastercard, listed, no`},
		{visa + "tap-pdol 9F02:6\n", `:3: tap-pdol lacks 9F66:4`},
		{visa + "tap-pdol 9F66:4 9F02:6\n", `:3: tap-pdol lacks 9F03:6`},
		{"application mastercard\npan 5555555555554444\ntap-cdol1 9F02:6\n", `:3: tap-cdol1 lacks 9F03:6`},
		{visa + "tap-cvm none always\ntap-cvm off\n", `:4: tap-cvm off stands beside rules`},
		{visa + "tap-relay 1 2 3\n", `:3: tap-relay has no effect with "contactless visa"; it is for mastercard, so remove it or write another "contactless"`},
		{visa + "label X\ncontactless no\ntap-token 12345678901\n", `:5: tap-token has no effect with "contactless no"; it is for visa, mastercard, `},
		{"application mastercard\npan 5555555555554444\ntap-ctq 0080\n", `:3: tap-ctq has no effect with "contactless mastercard"; it is for visa, `},
		{"application amex\npan 378282246310005\ntap-device phone\n", `:3: tap-device has no effect with "contactless listed"`},
		{visa + "label X\ncontactless mastercard\n", `:4: contactless mastercard has no tap-cdol1; write a line "tap-cdol1 9F02:6 9F03:6 9F1A:2 95:5 `},
		{"application mastercard\npan 5555555555554444\ncontactless visa\n", `:3: contactless visa has no tap-pdol; write a line "tap-pdol 9F66:4 9F02:6 `},
		{visa + "tap-relay 1 2\n", `:3: tap-relay "1 2" is not valid; write the least`},
		{visa + "tap-issuer decline broke\n", `:3: tap-issuer "decline broke" is not valid; write same, or decline and a code`},
		{visa + "tap-fdda 02\n", `:3: tap-fdda "02" is not valid; write 00 or 01`},
		{visa + "fault relay-times\n", `:1: fault relay-times has no effect on this card; it needs "tap-relay"`},
		{visa + "tap-fdda 00\nfault fdda-amount\n", `:1: fault fdda-amount has no effect on this card`},
		{wideApplications(8), `the answer to SELECT 2PAY.SYS.DDF01 would have`},
		{visa + "tap-sdad-place gpo\nreplace 9F10 " + strings.Repeat("00", 32) + "\n", `the answer to GET PROCESSING OPTIONS by tap would have`},
		{visa + "contactless no\nomit 9F6C\n", `:1: omit 9F6C: this card does not have the data object`},
		{"directory one\n" + strings.Repeat(visa, 1) + wideApplications(5), `directory one: the record would have`},
		{visa + "pse no\n", `:3: pse is a setting of the card; write it above the first application`},
		{"label X\n" + visa, `:1: label is a setting of an application; write a line "application visa" above it`},
		{visa + "issuer decline broke\n", `:3: issuer "decline broke" is not valid; write approve, or decline and a code: call_issuer`},
		{visa + "cdol1 9F02:6\n", `:3: cdol1 lacks 9F03:6`},
		{visa + "cdol1 9F02\n", `:3: cdol1 "9F02" is not valid; write tags and lengths`},
		{visa + "cdol2 8A:2 9F37:4 91:10\n", `:3: cdol2 asks for 91:10; write "issuer-authentication second-ac"`},
		{visa + "aid A0000000041010\n", `:3: aid A0000000041010 does not begin with the RID of visa`},
		{visa + visa, `:3: two applications have the AID A0000000031010`},
		{visa + "priority 16\n", `:3: priority "16" is not valid; write a number from 0 to 15`},
		{visa + "pin 12345678901234\n", `:3: pin "..." is not valid; write 4 to 12 digits`},
		{visa + "pin 12a4\n", `:3: pin "..."`},
		{visa + "pin-key none\n", `:3: pin-key "none" is not valid; write own or shared`},
		{visa + "oda none\npin-key own\n", `:4: pin-key own needs an issuer certificate`},
		{"application eftpos_au\npan 9999999999999995\n", `:1: the card number does not begin like one of eftpos_au`},
		{visa + "oda cda\n", `:1: a cda card answers in format 77`},
		{"pse\n" + visa, `:1: pse "" is not valid; write yes or no`},
		{visa + "label \xff\n", `not UTF-8`},
		{visa + "label Zo\u00eb\n", `:3: label`},
		{strings.Repeat("#", maxProfileBytes+1), `longer than 65536 bytes`},
	} {
		_, err := ParseProfile(strings.NewReader(c.text))
		if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), "profile"+c.want) && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestProfileErrorNamesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "mine.card")
	if err := os.WriteFile(name, []byte("application visa\npan 4242424242424242\nexpiry soon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := ParseProfile(f); err == nil || !strings.Contains(err.Error(), "mine.card:3: expiry") {
		t.Errorf("error %v", err)
	}
}

func TestProfileDoesNotPrintTheCardNumber(t *testing.T) {
	p := load(t, "visa")
	number := p.applications[0].pan
	marshalled, err := json.Marshal(map[string]any{"pan": number, "profile": p, "card": NewCard(p, nil)})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(marshalled), slog.AnyValue(number).Resolve().String(),
		fmt.Sprintf("%v %+v %#v", p, p, p), fmt.Sprintf("%v %+v %#v", *p, *p, *p), fmt.Sprint(struct{ p Profile }{*p}),
		fmt.Sprintf("%v %s %#v", number, number, number),
		fmt.Sprintf("%v %+v %#v", NewIssuer(), NewIssuer(), NewIssuer()),
		fmt.Sprintf("%+v %#v", NewCard(p, nil), NewCard(p, nil)),
	} {
		if strings.Contains(text, "4242424242424242") {
			t.Errorf("%s", text)
		}
	}
}

// wideApplications take much room in a directory.
func wideApplications(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "application visa\npan 4242424242424242\naid A0000000031010%02d\nlabel Sixteen letters.\npreferred-name Sixteen letters.\n", i+1)
	}
	return out.String()
}

// everySetting uses every word of the format with a value that is not the default.
const everySetting = `# A card nobody has.
name odd
about Everything but the ordinary
pse no
transport t0
gpo-needs-le no
blocked yes
directory one
status gpo 6985
status read-record 9000
pull second-generate-ac
delay select 1m30s
ppse empty
tear gpo
tear generate-ac late
air-time 7ms
payment amount 5000 cashback 100 type 9 currency 978 country 276 floor 7000 pin-pad online-pin bypass wrong-pins 2 terminal 25 alphabets no-dialog force-online arc 8 no-issuer-data no-sda no-dda no-cda denies transaction-limit 9000 cvm-limit 8000 collision timed update
issuer-script before 84240000
issuer-script after 841E000004A1A2A3A4
expect online authenticated forged tvr 0000008000 tsi E800 cvm 5E0300 aid A000000065101001 language de
expect-online declined reverse referral code lost_card
expect-deferred terminated
expect-unable pulled
expect-name Όμικρον
expect-tap insert authenticated forged cvm on_device device watch message 1D restart 20 taps 2 tvr 0000000001 aid A000000065101001 code lost_card
application jcb
aid A000000065101001
label ODD
preferred-name Όμικρον
code-table 7
discretionary 9F4D020B0A
priority 0
confirm yes
application-blocked yes
pan 3566002020360505
sequence 42
holder ODD/CARD
effective 1999-12-31
expiry 2001-02-03
service-code 601
country 392
currency 392
language jaen
usage domestic-goods terminals domestic-cashback
cvm online-pin over-x or-next
cvm fail cashback
cvm-amounts 5000 10000
pin 123456
pin-tries 0
pin-key own
used 300 299
offline-limits 2 9
action-denial 0000000001
action-online 0000000002
action-default 0000000003
oda sda
format 80
static-tag-list no
signed-extra none
pdol 9F1A:2 9F33:3
cdol1 9F37:4 9C:1 9A:3 5F2A:2 95:5 9F1A:2 9F03:6 9F02:6 9F35:1
cdol2 91:10 8A:2 9F37:4 9B:2
ddol 9F37:4 9F02:6
issuer-authentication second-ac required
first-ac aac
second-ac aac
reason pin-try-limit
scripts yes
issuer decline stolen_card
contactless mastercard
tap-entry 9F2A0105
tap-pdol 9F66:4
tap-cdol1 9F37:4 9C:1 9A:3 5F2A:2 95:5 9F1A:2 9F03:6 9F02:6 9F35:1
tap-cvm online-pin always or-next
tap-cvm fail cashback
tap-ac aac
tap-device watch
tap-cdcvm locked
tap-relay 20 60 24
tap-recovery yes
tap-mode magstripe
tap-token 50110030273
tap-issuer decline offline_pin_required
omit 5F20
omit 9F26
repeat 5F24
replace 94 empty
replace 9F27 C0
add 9F45 1234
fault static-data cryptogram
fault static-signature
application amex
pan 378282246310005
contactless visa
tap-pdol 9F66:4 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4
tap-ctq 2000
tap-insert cvm
tap-fdda 00
tap-sdad-format 95
tap-sdad-place gpo
tap-update yes
`

func TestEverySettingIsReadAndWritten(t *testing.T) {
	p := parse(t, everySetting)
	given := map[string][]string{}
	for line := range strings.Lines(everySetting) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		given[word] = append(given[word], value)
	}
	given["omit"] = []string{"5F20 9F26"}
	given["fault"] = []string{"static-data cryptogram static-signature"}
	plain := parse(t, "name x\nabout x\napplication jcb\npan 3566002020360505\n").Text()
	for _, s := range settings() {
		values := given[s.word]
		if values == nil {
			t.Errorf("the test does not use %s", s.word)
		}
		for _, value := range values {
			line := s.word + " " + value + "\n"
			if !strings.Contains(p.Text(), line) {
				t.Errorf("lost: %s", line)
			}
			if s.word != "pan" && strings.Contains(plain, line) {
				t.Errorf("the default of %s is what the test uses", s.word)
			}
		}
	}
	if again := parse(t, p.Text()); !reflect.DeepEqual(p, again) {
		t.Errorf("another card after writing and reading:\n%s", again.Text())
	}
	c := NewCard(p, nil).applications[0]
	for id, record := range c.records {
		if len(record) > 255 {
			t.Errorf("record %v has %d bytes", id, len(record))
		}
	}
	if c.aip != [2]byte{0x40 | 0x10 | 0x08} || c.usage != [2]byte{0x21, 0x80} {
		t.Errorf("AIP %X, usage %X", c.aip, c.usage)
	}
}

// Whatever parses is written out with every setting and read back as the same card.
func FuzzParseProfile(f *testing.F) {
	for _, name := range Profiles() {
		text, err := profileFiles.ReadFile("profiles/" + name + ".card")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		p, err := Load(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Text())
	}
	f.Add(everySetting)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProfile(strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrProfile) {
				t.Fatalf("not an ErrProfile: %v", err)
			}
			return
		}
		again, err := ParseProfile(strings.NewReader(p.Text()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, p.Text())
		}
		if !reflect.DeepEqual(p, again) {
			t.Fatalf("another card after writing and reading:\n%s\n%s", p.Text(), again.Text())
		}
	})
}
