package emvtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
)

// FuzzAnyCard sends a card, made of any profile, any commands: each has a length byte in front. It always
// answers with at most 256 bytes and a status word, or is pulled out.
func FuzzAnyCard(f *testing.F) {
	commands := func(p *Profile) []byte {
		var out []byte
		add := func(cmd apdu.Command) {
			if raw, err := cmd.Bytes(); err == nil && len(raw) < 256 {
				out = append(append(out, byte(len(raw))), raw...)
			}
		}
		a := p.applications[0]
		none := func(n int) []byte { return make([]byte, n) }
		add(apdu.Select(pseName, false))
		add(apdu.ReadRecord(pseDirectory, 1))
		add(apdu.Select(a.aid, false))
		add(apdu.GetResponse(0x20))
		add(apdu.GetProcessingOptions(none(a.pdol.Size())))
		for sfi := range byte(6) {
			add(apdu.ReadRecord(sfi, 1))
			add(apdu.ReadRecord(sfi, 2))
		}
		add(apdu.GetData(0x9F17))
		add(apdu.InternalAuthenticate(none(a.ddol.Size())))
		add(apdu.GetChallenge())
		add(apdu.Verify(plainPIN, none(8)))
		add(apdu.Verify(encipheredPIN, none(a.brand.icc.bits/8)))
		add(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, none(a.cdol1.Size())))
		add(apdu.ExternalAuthenticate(none(10)))
		add(apdu.Command{CLA: 0x84, INS: 0x24, Le: apdu.NoLe})
		add(apdu.GenerateAC(apdu.RequestTC|apdu.RequestCDA, none(a.cdol2.Size())))
		return out
	}
	for _, name := range Profiles() {
		text, err := profileFiles.ReadFile("profiles/" + name + ".card")
		if err != nil {
			f.Fatal(err)
		}
		p, err := Load(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), commands(p))
	}
	f.Add(everySetting, commands(parseOrPanic(everySetting)))
	f.Fuzz(func(t *testing.T, text string, commands []byte) {
		p, err := ParseProfile(strings.NewReader(text))
		if err != nil || !quickKeys(p) {
			t.Skip()
		}
		p.conducts = withoutDelays(p.conducts)
		card := NewCard(p, nil)
		for len(commands) > 0 {
			n := min(int(commands[0]), len(commands)-1)
			answer, err := card.Exchange(context.Background(), commands[1:1+n])
			commands = commands[1+n:]
			switch {
			case errors.Is(err, ErrPulled) && answer == nil:
				return
			case err != nil:
				t.Fatal(err)
			case len(answer) < 2 || len(answer) > 258:
				t.Fatalf("an answer of %d bytes", len(answer))
			}
		}
	})
}

// FuzzAnyTap is FuzzAnyCard by tap.
func FuzzAnyTap(f *testing.F) {
	commands := func(p *Profile) []byte {
		var out []byte
		add := func(cmd apdu.Command) {
			if raw, err := cmd.Bytes(); err == nil && len(raw) < 256 {
				out = append(append(out, byte(len(raw))), raw...)
			}
		}
		a := p.applications[0].byTap()
		none := func(n int) []byte { return make([]byte, n) }
		add(apdu.Select(ppseName, false))
		add(apdu.Select(a.aid, false))
		add(apdu.GetProcessingOptions(none(a.pdol.Size())))
		add(apdu.Command{CLA: 0x80, INS: apdu.INSExchangeRelayResistance, Data: none(4)})
		for sfi := range byte(7) {
			add(apdu.ReadRecord(sfi, 1))
			add(apdu.ReadRecord(sfi, 2))
		}
		add(apdu.GetData(0x9F36))
		add(apdu.Command{CLA: 0x80, INS: insPutData, P1: 0x9F, P2: 0x75, Data: none(3), Le: apdu.NoLe})
		add(apdu.Command{CLA: 0x80, INS: apdu.INSRecoverAC, Data: none(4)})
		add(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, none(a.cdol1.Size())))
		add(apdu.GenerateAC(apdu.RequestTC, none(a.cdol1.Size())))
		return out
	}
	for _, name := range Profiles() {
		if !strings.HasPrefix(name, "tap-") {
			continue
		}
		text, err := profileFiles.ReadFile("profiles/" + name + ".card")
		if err != nil {
			f.Fatal(err)
		}
		p, err := Load(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), commands(p))
	}
	f.Add(everySetting, commands(parseOrPanic(everySetting)))
	f.Fuzz(func(t *testing.T, text string, commands []byte) {
		p, err := ParseProfile(strings.NewReader(text))
		if err != nil || !quickKeys(p) {
			t.Skip()
		}
		p.conducts = withoutDelays(p.conducts)
		card := NewCard(p, nil).Contactless()
		for len(commands) > 0 {
			n := min(int(commands[0]), len(commands)-1)
			answer, err := card.Exchange(context.Background(), commands[1:1+n])
			commands = commands[1+n:]
			switch {
			case errors.Is(err, ErrPulled) && answer == nil:
				card.Reset()
			case err != nil:
				t.Fatal(err)
			case len(answer) < 2 || len(answer) > 258:
				t.Fatalf("an answer of %d bytes", len(answer))
			}
		}
	})
}

// quickKeys gives the card a number whose key is in the file: to find another takes a second. It is false where
// there is none.
func quickKeys(p *Profile) bool {
	for _, a := range p.applications {
		a.sequence, a.pan = 1, map[string]pan{"mastercard": "5555555555554444", "amex": "378282246310005",
			"discover": "6011111111111117", "jcb": "3566002020360505", "unionpay": "6200000000000005", "diners": "3056930009020004",
			"interac": "4506445006931933", "eftpos_au": "6280000360000978",
			"rupay": "6082015309577308"}[a.brand.name]
		if a.pan == "" { // Visa, and Cartes Bancaires on a Visa card
			a.pan = "4001007020000002" // has a key for PINs too
		} else if a.ownPINKey {
			return false
		}
	}
	return true
}

func parseOrPanic(text string) *Profile {
	p, err := ParseProfile(strings.NewReader(text))
	if err != nil {
		panic(err)
	}
	return p
}

// withoutDelays: nobody waits for a fuzz test.
func withoutDelays(list []conduct) []conduct {
	var out []conduct
	for _, c := range list {
		if c.way != wayDelay {
			out = append(out, c)
		}
	}
	return out
}
