package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// Whatever an issuer sends for scripts and whatever the card says to their commands: a damaged list is
// refused before the card hears of anything, else both GENERATE ACs and no other are sent, every script has
// its result, and the approval is the second GENERATE AC's alone.
func FuzzScripts(f *testing.F) {
	f.Add(unhex(f, "710E9F180411223344860584160000007207860584160000 00"), []byte{0x90, 0x00}, true)
	f.Add(unhex(f, "7207860580AE400000"), []byte{0x61, 0x02}, false)
	f.Add(unhex(f, "71067F0086020000"), []byte{0x6C, 0x10}, true)
	f.Add(unhex(f, "7103860584"), []byte{0x69, 0x85}, true)
	f.Add([]byte{}, []byte{}, false)
	f.Fuzz(func(t *testing.T, scripts, answer []byte, approve bool) {
		s := newStub()
		arc, last := "51", acFormat1(0x00)
		if approve {
			arc, last = "00", acFormat1(0x40)
		}
		s.ac[1] = last
		card := &talker{stub: s}
		tx := begin(t, terminal(), payment(), card, nil)
		if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
			t.Fatal(out)
		}
		card.answer = answer
		before := len(s.commands)
		a := issuer(arc)
		a.Scripts = scripts
		out, err := tx.Complete(t.Context(), a)
		if errors.Is(err, emvkernel.ErrAnswer) {
			if len(s.commands) != before || card.said != 0 {
				t.Fatal("the card was asked")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if (out.Kind == emvkernel.Approved) && !approve || out.Kind != emvkernel.Approved && approve && !out.Reverse {
			t.Fatal(out)
		}
		if n := len(s.asked(apdu.INSGenerateAC)); n > 2 || n < 2 && out.Kind != emvkernel.Terminated {
			t.Fatalf("%d cryptograms, %v", n, out)
		}
		results := tx.ScriptResults()
		if len(results)%5 != 0 || len(results) > 5*len(scripts) {
			t.Fatalf("results %X", results)
		}
		for ; len(results) > 0; results = results[5:] {
			if results[0]>>4 > 2 || results[0]>>4 == 2 && results[0] != 0x20 {
				t.Fatalf("result %02X", results[0])
			}
		}
		if tx.TSI().Has(emvkernel.ScriptPerformed) != (len(tx.ScriptResults()) > 0) {
			t.Fatalf("TSI %v, results %X", tx.TSI(), tx.ScriptResults())
		}
	})
}

// talker is a stub that says the same to whatever it does not know.
type talker struct {
	*stub
	answer []byte // nil: what the stub says
	said   int
}

func (c *talker) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if c.answer == nil || len(command) > 1 && command[1] == apdu.INSGenerateAC {
		return c.stub.Transceive(ctx, command)
	}
	c.said++
	return bytes.Clone(c.answer), nil
}
