package sim

import (
	"bytes"
	"context"
	"testing"

	"smartreader/hal"
)

// keeper keeps the commands themselves, not copies.
type keeper struct{ commands [][]byte }

func (k *keeper) Transceive(_ context.Context, command []byte) ([]byte, error) {
	k.commands = append(k.commands, command)
	return []byte{0x90, 0x00}, nil
}

func (*keeper) ATR() []byte  { return nil }
func (*keeper) Close() error { return nil }

// Digits are gone when another PIN is set, when a command was sent, and when the board is closed.
func TestPINIsWiped(t *testing.T) {
	p, k := newPINPad(nil), &keeper{}
	first := p.holder.digits.Bytes()
	if err := p.SetPIN("987654"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.VerifyOffline(t.Context(), k, hal.OfflinePIN{Method: hal.PlainPIN}); err != nil {
		t.Fatal(err)
	}
	second := p.holder.digits.Bytes()
	if string(second) != "987654" {
		t.Fatal("an entry changed the PIN")
	}
	p.halt()
	for what, b := range map[string][]byte{"the PIN before": first, "the command": k.commands[0], "the PIN at the end": second} {
		if len(b) == 0 || len(bytes.Trim(b, "\x00")) != 0 {
			t.Errorf("%s is not wiped", what)
		}
	}
}
