package emvtest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel/apdu"
)

const plainVisa = "application visa\npan 4242424242424242\n"

// A status is the whole answer, at its step and no other, and the command has no effect.
func TestStatusAtEveryStep(t *testing.T) {
	for _, step := range contactSteps {
		d := newDesk(t, parse(t, "status "+step+" 6F00\n"+plainVisa+"cvm plain-pin always\nscripts yes\n"), nil)
		got := map[string]apdu.SW{}
		send := func(name string, cmd apdu.Command) { _, got[name] = d.send(cmd) }
		aid := d.card.applications[0].aid
		send(stepSelectPSE, apdu.Select(pseName, false))
		if step != stepSelectPSE {
			send(stepReadDirectory, apdu.ReadRecord(pseDirectory, 1))
		}
		send(stepSelect, apdu.Select(aid, false))
		if step != stepSelect {
			app := d.app()
			send("gpo", apdu.GetProcessingOptions(nil))
			if step != "gpo" {
				send(stepReadRecord, apdu.ReadRecord(1, 1))
				send("internal-authenticate", apdu.InternalAuthenticate([]byte{1, 2, 3, 4}))
				send("get-data", apdu.GetData(0x9F17))
				send("get-challenge", apdu.GetChallenge())
				send("verify", apdu.Verify(plainPIN, pinBlock("1234")))
				send("generate-ac", apdu.GenerateAC(apdu.RequestARQC, d.dol(app.cdol1)))
				if step != "generate-ac" {
					response := arpc(deriveSessionKey(app.master, 1), d.card.session.arqc, [2]byte{'0', '0'})
					send("external-authenticate", apdu.ExternalAuthenticate(append(response[:], '0', '0')))
					send(stepScript, apdu.Command{CLA: 0x84, INS: 0x24, Le: apdu.NoLe})
					send(stepSecondAC, apdu.GenerateAC(apdu.RequestTC, d.dol(app.cdol2)))
				}
			}
		}
		for name, sw := range got {
			if want := map[bool]apdu.SW{true: 0x6F00, false: apdu.OK}[name == step]; sw != want {
				t.Errorf("status %s: %s is answered %04X, want %04X", step, name, uint16(sw), uint16(want))
			}
		}
		if _, sent := got[step]; !sent {
			t.Errorf("the test does not get to %s", step)
		}
	}
}

// A status holds for a T=0 card too, in the step that carries it.
func TestStatusOverT0(t *testing.T) {
	d := newDesk(t, parse(t, "transport t0\nstatus gpo 6985\n"+plainVisa), nil)
	d.want(apdu.Select(d.card.applications[0].aid, false), apdu.MoreData|apdu.SW(len(d.card.applications[0].fileControlInformation())))
	d.want(apdu.GetProcessingOptions(nil), apdu.ConditionsOfUse)
}

// A card that was pulled out is gone until it is put in again; its counter has not moved.
func TestPulledCard(t *testing.T) {
	card := NewCard(parse(t, "pull gpo\n"+plainVisa), nil)
	for range 2 {
		d := &desk{t: t, card: card}
		d.selectFirst()
		raw, err := apdu.GetProcessingOptions(nil).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := card.Exchange(t.Context(), raw); !errors.Is(err, ErrPulled) || answer != nil {
			t.Errorf("% X, %v", answer, err)
		}
		if _, err := card.Exchange(t.Context(), []byte{0x00, 0xB2, 0x01, 0x0C, 0x00}); !errors.Is(err, ErrPulled) {
			t.Errorf("still answers: %v", err)
		}
		card.Reset()
	}
	if len(card.State().Applications) != 0 {
		t.Errorf("%+v", card.State())
	}
}

// A slow card takes its time for the step and no other, and not longer than the terminal waits.
func TestSlowCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, parse(t, "delay gpo 2s\n"+plainVisa), nil)
		began := time.Now()
		d.selectFirst()
		if took := time.Since(began); took != 0 {
			t.Errorf("SELECT took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		raw := []byte{0x80, 0xA8, 0x00, 0x00, 0x02, 0x83, 0x00, 0x00}
		if _, err := d.card.Exchange(ctx, raw); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		d.must(apdu.GetProcessingOptions(nil))
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// An issuer's command is taken between the two GENERATE ACs and after them, by cards that take any.
func TestScripts(t *testing.T) {
	command := apdu.Command{CLA: 0x84, INS: 0x24, Data: []byte{1, 2, 3, 4}, Le: apdu.NoLe}
	d := newDesk(t, parse(t, plainVisa+"scripts yes\n"), nil)
	d.want(command, apdu.INSNotSupported) // nothing is selected
	d.begin()
	d.want(command, apdu.ConditionsOfUse)
	d.generate(apdu.RequestARQC, false)
	d.want(command, apdu.OK)
	d.generate(apdu.RequestTC, true)
	d.want(command, apdu.OK)

	d = newDesk(t, parse(t, plainVisa), nil)
	d.begin()
	d.generate(apdu.RequestARQC, false)
	d.want(command, apdu.INSNotSupported)
}
