package payment_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/emvkernel/tlv"
	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/dukpt"
	"smartreader/hal/pinblock"
	"smartreader/hal/sim"
	"smartreader/hal/softpad"
	"smartreader/store"
)

// pinKeyID is the initial key id of the bench's PIN pad.
var pinKeyID = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}

func pinInitialKey() []byte { return bytes.Repeat([]byte{0x42}, 16) }

// benchWithPINKey is a bench whose PIN pad can encipher a PIN for the issuer.
func benchWithPINKey(t *testing.T, options ...option) (*bench, *sim.PINPad) {
	b, pad := benchWithPad(t, options...)
	b.must(softpad.Load(t.Context(), b.keys, softpad.Injection{
		Name: "pin", Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(pinInitialKey()), Serial: pinKeyID[:],
	}))
	b.settings.PINKey, b.settings.PINFormat = "pin", hal.ISOFormat4
	return b, pad
}

// The PIN reaches the issuer enciphered and bound to the card, beside the sealed card data and not in it,
// and nothing of it stays on the reader.
func TestOnlinePIN(t *testing.T) {
	b, pad := benchWithPINKey(t)
	p := b.create(1200, payment.PreferOnline)
	b.insert("online-pin-cvm")
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || paid.Receipt.CardholderVerificationMethod != "online_pin" {
		t.Fatalf("%s, verified by %s", paid.State, paid.Receipt.CardholderVerificationMethod)
	}
	if prompts := pad.Prompts(); len(prompts) != 1 || prompts[0].Amount != 1200 || prompts[0].Currency != "usd" {
		t.Errorf("asked %+v", prompts)
	}
	if len(b.platform.pins) != 1 || b.platform.pins[0] == nil {
		t.Fatalf("the issuer got %d PIN blocks", len(b.platform.pins))
	}
	block := b.platform.pins[0]
	data := b.platform.openData(b.platform.envelopes[0])
	list, err := tlv.Parse(data)
	b.must(err)
	account, _ := tlv.Find(list, 0x5A)
	key, err := dukpt.AESPINKey(pinInitialKey(), block.KeySerial)
	b.must(err)
	digits, err := pinblock.Decipher4(key, block.ciphertext, []byte(hex.EncodeToString(account.Value)))
	if err != nil || string(digits) != "1234" || block.Key != "pin" || block.Format != hal.ISOFormat4 {
		t.Errorf("the issuer reads %q, %v", digits, err)
	}
	if bytes.Contains(data, block.ciphertext) {
		t.Error("the block is in the envelope, which is written to disk")
	}
}

// Offline nobody could verify it: the card is refused before anybody is asked.
func TestOnlinePINIsNotAskedForOffline(t *testing.T) {
	b, pad := benchWithPINKey(t)
	b.goOffline()
	p := b.create(1200, payment.PreferOnline)
	b.insert("online-pin-cvm")
	_, err := b.process(p)
	b.fails(err, payment.OnlinePINNotOffline)
	if n := len(pad.Prompts()); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// A PIN that was entered is worth nothing once the issuer cannot be asked: the payment is not stored, and
// the attempt that was sent is reversed.
func TestPaymentWithOnlinePINIsNeverStored(t *testing.T) {
	for _, sent := range []bool{true, false} {
		b, _ := benchWithPINKey(t)
		p := b.create(1200, payment.PreferOnline)
		b.platform.silent(payment.Unreachable{Sent: sent})
		b.insert("online-pin-cvm")
		_, err := b.process(p)
		b.fails(err, payment.OfflineMismatch)
		b.state(p, store.Reversing)
	}
}

func TestOnlinePINGivenUp(t *testing.T) {
	for code, give := range map[payment.Code]func(*sim.PINPad){
		payment.Canceled: (*sim.PINPad).Cancel, payment.CardReadTimedOut: (*sim.PINPad).TimeOut,
	} {
		b, pad := benchWithPINKey(t)
		p := b.create(1200, payment.PreferOnline)
		b.insert("online-pin-cvm")
		give(pad)
		_, err := b.process(p)
		b.fails(err, code)
		b.state(p, store.Created)
	}
}

// The block goes to one issuer once: not to disk, not to the log, not with the payment's next card.
func TestPINBlockStaysNowhere(t *testing.T) {
	var log bytes.Buffer
	b, _ := benchWithPINKey(t, func(_ *bench, o *payment.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	p := b.create(1200, payment.PreferOnline)
	b.insert("online-pin-cvm")
	_, err := b.process(p)
	b.must(err)
	b.take()

	second := b.create(1300, payment.PreferOnline) // entered, but the POS thinks better of it
	b.insert("online-pin-cvm")
	_, err = b.machine.Collect(t.Context(), second.LocalID, payment.CollectParams{}, store.Request{})
	b.must(err)
	_, _, err = b.machine.CancelCollect(t.Context())
	b.must(err)
	b.take()
	b.insert("visa")
	_, err = b.process(second)
	b.must(err)
	b.take()

	if len(b.platform.pins) != 2 || b.platform.pins[0] == nil || b.platform.pins[1] != nil {
		t.Fatalf("the issuer got %+v", b.platform.pins)
	}
	block := b.platform.pins[0]
	if !block.Ciphertext.Empty() {
		t.Error("the block is still there after it was sent")
	}
	written := hex.EncodeToString(block.ciphertext)
	for _, secret := range []string{string(block.ciphertext), written, strings.ToUpper(written), base64.StdEncoding.EncodeToString(block.ciphertext)} {
		if strings.Contains(log.String(), secret) {
			t.Error("the PIN block is in the log")
		}
		b.must(filepath.WalkDir(b.dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("the PIN block is in %s", e.Name())
			}
			return err
		}))
	}
}

// noPIN is a platform that cannot read PIN blocks, the first time.
type noPIN struct {
	*issuer
	refused *bool
}

func (n noPIN) Authorize(ctx context.Context, p store.Payment, envelope []byte, pin *payment.PINBlock) (payment.Answer, error) {
	if !*n.refused {
		*n.refused = true
		return payment.Answer{Verdict: payment.Rejected, PINRefused: true, Message: "the key with this KSN was used before"}, nil
	}
	return n.issuer.Authorize(ctx, p, envelope, pin)
}

// A PIN block that the platform cannot use ends the attempt, not the payment: the next one has another
// number, another cryptogram and another key.
func TestRefusedPINBlockIsTriedAgain(t *testing.T) {
	b, pad := benchWithPINKey(t, func(b *bench, o *payment.Options) { o.Platform = noPIN{b.platform, new(bool)} })
	p := b.create(1200, payment.PreferOnline)
	b.insert("online-pin-cvm")
	_, err := b.process(p)
	if failure := b.fails(err, payment.PlatformError); failure.Retry != payment.RetryCollectAgain {
		t.Errorf("the POS is told %s", failure.Retry)
	}
	first := b.state(p, store.Declined)
	b.take()
	b.insert("online-pin-cvm")
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || paid.Sequence != first.Sequence+1 || paid.NaturalKey == first.NaturalKey || len(pad.Prompts()) != 2 {
		t.Errorf("again: %s, sequence %d after %d, asked %d times", paid.State, paid.Sequence, first.Sequence, len(pad.Prompts()))
	}
}

// A pad without the key the configuration names is a broken PIN pad, not a broken payment: the card's
// list decides what comes next.
func TestPadWithoutTheKey(t *testing.T) {
	b, _ := benchWithPINKey(t)
	b.settings.PINKey = "another"
	p := b.create(1200, payment.PreferOnline)
	b.insert("online-pin-sca-retry") // which takes an offline PIN then
	paid, err := b.process(p)
	b.must(err)
	if paid.Receipt.CardholderVerificationMethod != "offline_pin" || b.platform.pins[0] != nil {
		t.Errorf("verified by %s", paid.Receipt.CardholderVerificationMethod)
	}
}
