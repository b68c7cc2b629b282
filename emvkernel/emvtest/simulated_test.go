package emvtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// simulated is what Stripe's documentation says about a simulated card.
type simulated struct {
	number, method string
	brand          string
	cvm            string // with a PIN pad, as on the receipt
	decline        string // of the issuer
	refused        bool   // only an online PIN would do
}

var cards = []simulated{
	{"4242424242424242", "visa", "visa", "signature", "", false},
	{"4000056655665556", "visa_debit", "visa", "signature", "", false},
	{"5555555555554444", "mastercard", "mastercard", "signature", "", false},
	{"5200828282828210", "mastercard_debit", "mastercard", "signature", "", false},
	{"5105105105105100", "mastercard_prepaid", "mastercard", "signature", "", false},
	{"378282246310005", "amex", "amex", "signature", "", false},
	{"371449635398431", "amex2", "amex", "signature", "", false},
	{"6011111111111117", "discover", "discover", "signature", "", false},
	{"6011000990139424", "discover2", "discover", "signature", "", false},
	{"3056930009020004", "diners", "diners", "signature", "", false},
	{"36227206271667", "diners_14digits", "diners", "signature", "", false},
	{"3566002020360505", "jcb", "jcb", "signature", "", false},
	{"6200000000000005", "unionpay", "unionpay", "signature", "", false},
	{"4506445006931933", "interac", "interac", "offline_pin", "", false},
	{"6280000360000978", "eftpos_au_debit", "eftpos_au", "signature", "", false},
	{"4000050360000001", "eftpos_au_visa_debit", "visa", "signature", "", false},
	{"5555050360000080", "eftpos_au_mastercard_debit", "mastercard", "signature", "", false},

	{"4001007020000002", "offline_pin_cvm", "visa", "offline_pin", "", false},
	{"4000008260000075", "offline_pin_sca_retry", "visa", "offline_pin", "", false},
	{"4001000360000005", "online_pin_cvm", "visa", "failure", "online_or_offline_pin_required", true},
	{"4000002760000008", "online_pin_sca_retry", "visa", "offline_pin", "", false},

	{"4000000000000002", "charge_declined", "visa", "signature", "generic_decline", false},
	{"4000000000009995", "charge_declined_insufficient_funds", "visa", "signature", "insufficient_funds", false},
	{"4000000000009987", "charge_declined_lost_card", "visa", "signature", "lost_card", false},
	{"4000000000009979", "charge_declined_stolen_card", "visa", "signature", "stolen_card", false},
	{"4000000000000069", "charge_declined_expired_card", "visa", "signature", "expired_card", false},
	{"4000000000000119", "charge_declined_processing_error", "visa", "signature", "processing_error", false},
	{"4000000000005126", "refund_fail", "visa", "signature", "", false},
}

// pinPad lets the kernel use a board's PIN pad with one card.
type pinPad struct {
	pad  hal.PINPad
	card hal.Card
}

func (p pinPad) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	return 0, emvkernel.ErrPINPad
}

func (p pinPad) VerifyOffline(ctx context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	req := hal.OfflinePIN{
		Prompt: hal.PINPrompt{
			Amount: 1250, Currency: "usd", Language: pin.Languages[:min(2, len(pin.Languages))],
			TriesLeft: pin.TriesLeft, WrongPINLast: pin.Again, MinDigits: 4, MaxDigits: 12,
		},
		Method: hal.PlainPIN, Modulus: pin.Modulus, Exponent: pin.Exponent,
	}
	if pin.Enciphered {
		req.Method = hal.EncipheredPIN
	}
	v, err := p.pad.VerifyOffline(ctx, p.card, req)
	if errors.Is(err, hal.ErrUnsupported) || errors.Is(err, hal.ErrNotFound) {
		return emvkernel.PINVerdict{}, fmt.Errorf("%w: %w", emvkernel.ErrPINPad, err)
	}
	return emvkernel.PINVerdict{Entry: emvkernel.PINEntry(v.Entry), SW: apdu.SW(v.SW)}, err
}

// The two packages number the ends of PIN entry alike, which pinPad relies on.
func TestPINEntries(t *testing.T) {
	for kernel, board := range map[emvkernel.PINEntry]hal.PINEntry{
		emvkernel.PINEntered: hal.PINEntered, emvkernel.PINBypassed: hal.PINBypassed,
		emvkernel.PINCanceled: hal.PINCancelled, emvkernel.PINTimedOut: hal.PINTimedOut,
	} {
		if byte(kernel) != byte(board) {
			t.Errorf("%d is %d", kernel, board)
		}
	}
}

func board(t *testing.T) *sim.Board {
	t.Helper()
	b, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.HAL.Close() })
	return b
}

// insert puts the card in the board's slot and collects a payment of 12.50 dollars with it.
func insert(t *testing.T, b *sim.Board, card *emvtest.Card, pad, offline bool) (*emvkernel.Transaction, emvkernel.Outcome) {
	t.Helper()
	if b.Tray.Inserted() != "" {
		if err := b.Tray.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Tray.Insert("card", card); err != nil {
		t.Fatal(err)
	}
	powered, err := b.HAL.Contact.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	params := emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
		UnpredictableNumber: [4]byte{1, 2, 3, 4}, NoOnlinePIN: offline,
	}
	if pad {
		params.PINPad = pinPad{b.HAL.PINPad, powered}
	}
	config := emvtest.TerminalConfig()
	tx, err := emvkernel.NewTransaction(&config, params, powered, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tx.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx, out
}

func newCard(t *testing.T, name string) *emvtest.Card {
	t.Helper()
	profile, err := emvtest.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return emvtest.NewCard(profile, nil)
}

// Every simulated card of Stripe's documentation, inserted at a reader with a PIN pad: what is known of it
// at once, and what becomes of the payment, online and deferred.
func TestSimulatedCards(t *testing.T) {
	issuer := emvtest.NewIssuer()
	var methods []string
	for _, c := range cards {
		methods = append(methods, c.method)
		t.Run(c.method, func(t *testing.T) {
			name, ok := emvtest.ByNumber(c.number)
			other, ok2 := emvtest.ByPaymentMethod(c.method)
			if !ok || !ok2 || name != other {
				t.Fatalf("by number %q, by payment method %q", name, other)
			}
			for _, offline := range []bool{false, true} {
				b := board(t)
				tx, out := insert(t, b, newCard(t, name), true, offline)
				if out.Kind != emvkernel.OnlineRequest || !tx.Authenticated() {
					t.Fatalf("offline %v: %v (%s), authenticated %v", offline, out.Kind, out.Reason, tx.Authenticated())
				}
				card := tx.Card()
				if string(card.PAN) != c.number || card.Last4 != c.number[len(c.number)-4:] || card.Brand != c.brand {
					t.Errorf("offline %v: %s ending in %s", offline, card.Brand, card.Last4)
				}
				if got := tx.Receipt().CVM; got != c.cvm || tx.OnlinePINRequired() != c.refused {
					t.Errorf("offline %v: verified by %s, online PIN required %v, TVR %v", offline, got, tx.OnlinePINRequired(), tx.TVR())
				}
				if asked := len(b.PINPad.Prompts()); asked != 0 != (c.cvm == "offline_pin") {
					t.Errorf("offline %v: asked for a PIN %d times", offline, asked)
				}
				answer := emvkernel.Answer{Kind: emvkernel.Deferred}
				want := emvkernel.Declined // a deferred payment takes leave of the card so
				check, err := issuer.Check(tx.ACData())
				if err != nil || check.Verdict != emvtest.Genuine || check.Decision.DeclineCode != c.decline || check.Brand != c.brand || check.PIN != (c.cvm == "offline_pin") {
					t.Fatalf("offline %v: issuer %v (%s) %+v %s %v", offline, check.Verdict, check.Reason, check.Decision, check.Brand, err)
				}
				if !offline {
					response, err := issuer.Respond(tx.ACData(), check.Decision.ARC)
					if err != nil {
						t.Fatal(err)
					}
					answer = emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: check.Decision.ARC, IssuerAuthenticationData: response}
					if c.decline == "" {
						want = emvkernel.Approved
					}
				}
				if final, err := tx.Complete(t.Context(), answer); err != nil || final.Kind != want || final.Reverse {
					t.Errorf("offline %v: %v (%s), %v", offline, final.Kind, final.Reason, err)
				}
			}
		})
	}
	if got := emvtest.PaymentMethods(); !slices.Equal(got, methods) {
		t.Errorf("payment methods %q, want %q", got, methods)
	}
}

func TestSimulatedCardNames(t *testing.T) {
	for _, name := range []string{"", "visa ", "Visa", "4242424242424242"} {
		if profile, ok := emvtest.ByPaymentMethod(name); ok {
			t.Errorf("%q is %s", name, profile)
		}
	}
	for _, number := range []string{"", "4242 4242 4242 4242", "4111111111111111"} {
		if profile, ok := emvtest.ByNumber(number); ok {
			t.Errorf("%q is %s", number, profile)
		}
	}
	for name, want := range map[string]string{
		"eftpos_au_debit_mastercard": "eftpos-au-mastercard-debit", "diners_14": "diners-14", "diners_14_digit": "diners-14",
	} {
		if profile, ok := emvtest.ByPaymentMethod(name); !ok || profile != want {
			t.Errorf("%s is %q", name, profile)
		}
	}
}

// A wrong PIN, and then the right one; three wrong ones, and the card is blocked from then on, whatever is
// entered and however often it is inserted; the issuer says so too.
func TestWrongPIN(t *testing.T) {
	issuer := emvtest.NewIssuer()
	for _, name := range []string{"offline-pin-cvm", "offline-pin-sca-retry", "online-pin-sca-retry"} {
		t.Run(name, func(t *testing.T) {
			b, card := board(t), newCard(t, name)
			b.PINPad.EnterWrong(2)
			tx, out := insert(t, b, card, true, true)
			if out.Kind != emvkernel.OnlineRequest || tx.Receipt().CVM != "offline_pin" || tx.TVR()[2] != 0 {
				t.Fatalf("%v, verified by %s, TVR %v", out, tx.Receipt().CVM, tx.TVR())
			}
			shown := b.PINPad.Prompts()
			if len(shown) != 3 || shown[0].TriesLeft != 3 || shown[0].WrongPINLast || shown[2].TriesLeft != 1 || !shown[2].WrongPINLast || shown[2].Language != "en" {
				t.Errorf("shown %+v", shown)
			}
			// The right one set the counter back.
			b.PINPad.EnterWrong(3)
			for try, asked := range []int{3 + 3, 3 + 3, 3 + 3} {
				tx, out := insert(t, b, card, true, true)
				if out.Kind != emvkernel.OnlineRequest || tx.Receipt().CVM != "failure" || tx.TVR()[2] != 0xA0 || tx.OnlinePINRequired() {
					t.Fatalf("%d: %v, verified by %s, TVR %v, online PIN required %v", try, out, tx.Receipt().CVM, tx.TVR(), tx.OnlinePINRequired())
				}
				if got := len(b.PINPad.Prompts()); got != asked {
					t.Errorf("%d: asked %d times so far, want %d", try, got, asked)
				}
				if check, err := issuer.Check(tx.ACData()); err != nil || check.Verdict != emvtest.Genuine || check.PIN || check.Decision.DeclineCode != "pin_try_exceeded" {
					t.Errorf("issuer %v %+v %v", check.Verdict, check.Decision, err)
				}
			}
		})
	}
}

func TestPINNotEntered(t *testing.T) {
	for name, c := range map[string]struct {
		plan func(*sim.PINPad)
		want emvkernel.OutcomeKind
	}{"canceled": {(*sim.PINPad).Cancel, emvkernel.Canceled}, "nobody there": {(*sim.PINPad).TimeOut, emvkernel.TimedOut}} {
		b, card := board(t), newCard(t, "offline-pin-cvm")
		c.plan(b.PINPad)
		if _, out := insert(t, b, card, true, false); out.Kind != c.want {
			t.Errorf("%s: %v", name, out)
		}
		if tx, out := insert(t, b, card, true, false); out.Kind != emvkernel.OnlineRequest || tx.Receipt().CVM != "offline_pin" {
			t.Errorf("%s, and again: %v, %s", name, out, tx.Receipt().CVM)
		}
	}
}

// Readers without a PIN pad: who insists on a PIN is not verified, the others pay as ever.
func TestWithoutPINPad(t *testing.T) {
	for name, want := range map[string]struct {
		cvm      string
		required bool // online PIN
	}{
		"visa": {"signature", false}, "interac": {"none", false},
		"offline-pin-cvm": {"failure", false}, "offline-pin-sca-retry": {"failure", false},
		"online-pin-cvm": {"failure", true}, "online-pin-sca-retry": {"failure", true},
	} {
		b := board(t)
		tx, out := insert(t, b, newCard(t, name), false, true)
		if out.Kind != emvkernel.OnlineRequest || tx.Receipt().CVM != want.cvm || tx.OnlinePINRequired() != want.required {
			t.Errorf("%s: %v, %s, online PIN required %v", name, out, tx.Receipt().CVM, tx.OnlinePINRequired())
		}
		if n := len(b.PINPad.Prompts()); n != 0 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// A T=0 card with an enciphered PIN of another length.
func TestPINOverT0(t *testing.T) {
	b := board(t)
	if err := b.PINPad.SetPIN("9876543"); err != nil {
		t.Fatal(err)
	}
	profile := "about PIN by T=0\ntransport t0\napplication mastercard\npan 5555555555554444\n" +
		"cvm enciphered-pin-signature always\npin 9876543\n"
	p, err := emvtest.ParseProfile(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	tx, out := insert(t, b, emvtest.NewCard(p, nil), true, true)
	if out.Kind != emvkernel.OnlineRequest || tx.Receipt().CVM != "offline_pin_and_signature" {
		t.Errorf("%v, %s, TVR %v", out, tx.Receipt().CVM, tx.TVR())
	}
}

// yesCard sits between terminal and card and takes any PIN, as one knows from stolen cards.
type yesCard struct {
	*emvtest.Card
	forge bool // has the card tell its issuer so
}

func (y yesCard) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] == apdu.INSVerify {
		return []byte{0x90, 0x00}, nil
	}
	answer, err := y.Card.Transceive(ctx, command)
	if command[1] == apdu.INSGenerateAC && y.forge {
		at := len(answer) - 3 // format 1: '9F10' is last
		if answer[0] == 0x77 {
			at = bytes.Index(answer, []byte{0x9F, 0x10, 0x07}) + 3 + 6
		}
		answer[at] |= 0x04
	}
	return answer, err
}

func (yesCard) Close() error { return nil }

// Whoever answers VERIFY in the card's place deceives the terminal, whatever else the card signs; the card's
// own word to its issuer does not fit, and cannot be altered.
func TestIssuerMissesThePIN(t *testing.T) {
	const mastercard = "about CDA\napplication mastercard\npan 5555555555554444\n"
	load := func(text string) *emvtest.Card {
		p, err := emvtest.ParseProfile(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return emvtest.NewCard(p, nil)
	}
	for name, c := range map[string]struct {
		card    yesCard
		collect emvkernel.OutcomeKind
		verdict emvtest.Verdict
	}{
		"DDA":             {yesCard{newCard(t, "offline-pin-cvm"), false}, emvkernel.OnlineRequest, emvtest.Genuine},
		"DDA, forged":     {yesCard{newCard(t, "offline-pin-cvm"), true}, emvkernel.OnlineRequest, emvtest.CryptogramMismatch},
		"CDA":             {yesCard{load(mastercard + "cvm enciphered-pin always\n"), false}, emvkernel.OnlineRequest, emvtest.Genuine},
		"CDA, plain":      {yesCard{load(mastercard + "cvm plain-pin always\n"), false}, emvkernel.OnlineRequest, emvtest.Genuine},
		"CDA, signature":  {yesCard{load(mastercard + "cvm plain-pin-signature always\n"), false}, emvkernel.OnlineRequest, emvtest.Genuine},
		"CDA, forged":     {yesCard{load(mastercard + "cvm plain-pin always\n"), true}, emvkernel.Declined, 0},
		"no ODA, forged":  {yesCard{load(mastercard + "cvm plain-pin always\noda none\n"), true}, emvkernel.OnlineRequest, emvtest.CryptogramMismatch},
		"no ODA, genuine": {yesCard{load(mastercard + "cvm plain-pin always\noda none\n"), false}, emvkernel.OnlineRequest, emvtest.Genuine},
	} {
		t.Run(name, func(t *testing.T) {
			b := board(t)
			b.PINPad.EnterWrong(1)
			config := emvtest.TerminalConfig()
			tx, err := emvkernel.NewTransaction(&config, emvkernel.Params{
				Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
				PINPad: pinPad{b.HAL.PINPad, c.card},
			}, c.card, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err := tx.Collect(t.Context())
			if err != nil || out.Kind != c.collect || !strings.HasPrefix(tx.Receipt().CVM, "offline_pin") {
				t.Fatalf("%v, %s, %v", out, tx.Receipt().CVM, err)
			}
			if out.Kind == emvkernel.Declined {
				if tx.ACData() != nil || tx.Authenticated() {
					t.Error("something is left to send to the issuer")
				}
				return
			}
			issuer := emvtest.NewIssuer()
			check, err := issuer.Check(tx.ACData())
			if err != nil || check.Verdict != c.verdict || check.PIN || check.Decision.Approved {
				t.Fatalf("%v, PIN %v, %+v, %v", check.Verdict, check.PIN, check.Decision, err)
			}
			response, err := issuer.Respond(tx.ACData(), check.Decision.ARC)
			if err != nil {
				t.Fatal(err)
			}
			final, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: check.Decision.ARC, IssuerAuthenticationData: response})
			if err != nil || final.Kind != emvkernel.Declined || final.Reverse {
				t.Errorf("%v, %v", final, err)
			}
		})
	}
}

// mildCard clears "cardholder verification is supported" in the AIP on its way.
type mildCard struct{ *emvtest.Card }

func (m mildCard) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := m.Card.Transceive(ctx, command)
	if command[1] == apdu.INSGetProcessingOptions {
		at := 2
		if answer[0] == 0x77 {
			at = bytes.Index(answer, []byte{0x82, 0x02}) + 2
		}
		answer[at] &^= 0x10
	}
	return answer, err
}

// Without the AIP's bit nobody is asked for a PIN. Where '9F4A' has the AIP signed the terminal notices;
// the issuer does anyway.
func TestIssuerMissesTheAIP(t *testing.T) {
	for static, authenticated := range map[string]bool{"no": true, "yes": false} {
		p, err := emvtest.ParseProfile(strings.NewReader("about PIN\napplication visa\npan 4242424242424242\ncvm plain-pin always\nstatic-tag-list " + static + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		config := emvtest.TerminalConfig()
		tx, err := emvkernel.NewTransaction(&config, emvkernel.Params{
			Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
		}, mildCard{emvtest.NewCard(p, nil)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Collect(t.Context())
		if err != nil || out.Kind != emvkernel.OnlineRequest || tx.Receipt().CVM != "none" || tx.Authenticated() != authenticated || tx.TVR().Has(emvkernel.DDAFailed) == authenticated {
			t.Fatalf("AIP signed %s: %v, %v, %s, TVR %v", static, out, err, tx.Receipt().CVM, tx.TVR())
		}
		if check, err := emvtest.NewIssuer().Check(tx.ACData()); err != nil || check.Verdict != emvtest.CryptogramMismatch || check.Decision.Approved {
			t.Errorf("AIP signed %s: %v, %+v, %v", static, check.Verdict, check.Decision, err)
		}
	}
}

// deafCard never answers VERIFY, and notes what it is asked.
type deafCard struct {
	hal.Card
	asked *[]byte
}

func (d deafCard) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	*d.asked = append(*d.asked, command[1])
	if command[1] == apdu.INSVerify {
		<-ctx.Done()
		return nil, fmt.Errorf("slot: %w", ctx.Err())
	}
	return d.Card.Transceive(ctx, command)
}

// A card that does not answer VERIFY, or a cardholder who does nothing, holds the payment as long as its
// context lasts and no longer. Nothing follows, and nothing is owed.
func TestPINEndsWithItsContext(t *testing.T) {
	for name, hesitates := range map[string]bool{"card": false, "cardholder": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := board(t)
				if hesitates {
					b.PINPad.Hesitate()
				}
				if err := b.Tray.Insert("card", newCard(t, "offline-pin-cvm")); err != nil {
					t.Fatal(err)
				}
				powered, err := b.HAL.Contact.Activate(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var asked []byte
				card := deafCard{powered, &asked}
				config := emvtest.TerminalConfig()
				tx, err := emvkernel.NewTransaction(&config, emvkernel.Params{
					Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
					PINPad: pinPad{b.HAL.PINPad, card},
				}, card, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				// Shorter than the pad's own patience.
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				began := time.Now()
				out, err := tx.Collect(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || out.Kind != emvkernel.Undecided || time.Since(began) != 20*time.Second {
					t.Errorf("after %v: %v, %v", time.Since(began), out, err)
				}
				last := byte(apdu.INSVerify)
				if hesitates {
					last = apdu.INSGetData // the try counter
				}
				if asked[len(asked)-1] != last {
					t.Errorf("asked last: %X", asked)
				}
				if _, err := tx.Complete(t.Context(), emvkernel.Answer{}); !errors.Is(err, emvkernel.ErrOrder) {
					t.Errorf("could be completed: %v", err)
				}
				if got := tx.Receipt().CVM; got != "failure" {
					t.Errorf("receipt says %q", got)
				}
			})
		})
	}
}

// tap notes the bytes between terminal and card.
type tap struct {
	hal.Card
	verified *[]byte // the data of VERIFY
}

func (c tap) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] == apdu.INSVerify {
		*c.verified = bytes.Clone(command[5:])
	}
	return c.Card.Transceive(ctx, command)
}

// A PIN goes to the card and nowhere else: no log, no error, no printed transaction shows digits, PIN block
// or account.
func TestPINIsNotTold(t *testing.T) {
	const pin = "97531864"
	for _, method := range []string{"plain-pin", "enciphered-pin"} {
		for _, wrong := range []int{0, 1, 3} {
			b := board(t)
			if err := b.PINPad.SetPIN(pin); err != nil {
				t.Fatal(err)
			}
			b.PINPad.EnterWrong(wrong)
			p, err := emvtest.ParseProfile(strings.NewReader("about secrets\napplication visa\npan 4242424242424242\npin " + pin + "\ncvm " + method + " always\n"))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Tray.Insert("card", emvtest.NewCard(p, nil)); err != nil {
				t.Fatal(err)
			}
			powered, err := b.HAL.Contact.Activate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var sent []byte
			card := tap{powered, &sent}
			var told bytes.Buffer
			log := slog.New(slog.NewJSONHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
			params := emvkernel.Params{
				Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
				PINPad: pinPad{b.HAL.PINPad, card},
			}
			config := emvtest.TerminalConfig()
			tx, err := emvkernel.NewTransaction(&config, params, card, nil, log)
			if err != nil {
				t.Fatal(err)
			}
			out, err := tx.Collect(t.Context())
			if err != nil || out.Kind != emvkernel.OnlineRequest || len(sent) < 8 || !strings.Contains(told.String(), "verify cardholder") {
				t.Fatal(out, err, len(sent))
			}
			data := tx.ACData()
			if bytes.Contains(data, sent[:8]) {
				t.Errorf("%s: the PIN block is in the stored data", method)
			}
			log.Info("all", "tx", tx, "params", params, "out", out, "receipt", tx.Receipt(), "card", tx.Card(), "pad", b.PINPad)
			fmt.Fprintf(&told, "%+v %#v %+v %v %+v %v", tx, tx, params, params, tx.Receipt(), b.PINPad.Prompts())
			for _, leak := range []string{pin, "97531865", fmt.Sprintf("%x", sent[1:5]), fmt.Sprintf("%X", sent[1:5]), "42424242", fmt.Sprint(sent[1:5])} {
				if strings.Contains(told.String(), leak) {
					t.Errorf("%s, %d wrong: %q is told", method, wrong, leak)
				}
			}
			account := tx.Card().PAN
			tx.Wipe()
			if len(bytes.Trim(account, "\x00")) != 0 || len(tx.ACData()) != 0 || len(tx.Card().PAN)+len(tx.Card().Track2) != 0 {
				t.Errorf("%s: not wiped", method)
			}
		}
	}
}

// A simulated field takes the contactless face of a card, and every simulated card of Stripe comes to what
// its profile says when it is held to it.
func TestSimulatedField(t *testing.T) {
	b := board(t)
	profile, err := emvtest.Load("visa")
	if err != nil {
		t.Fatal(err)
	}
	card := emvtest.NewCard(profile, nil)
	if err := b.Field.Tap("visa", card.Contactless()); err != nil {
		t.Fatal(err)
	}
	powered, err := b.HAL.Contactless.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := powered.Transceive(t.Context(), append([]byte{0x00, 0xA4, 0x04, 0x00, 0x0E}, "2PAY.SYS.DDF01\x00"...))
	if err != nil || len(answer) < 20 || !bytes.HasSuffix(answer, []byte{0x90, 0x00}) || len(powered.ATR()) == 0 {
		t.Errorf("%X, %v, ATS %X", answer, err, powered.ATR())
	}
	for _, method := range emvtest.PaymentMethods() {
		name, _ := emvtest.ByPaymentMethod(method)
		p, err := emvtest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := p.TapExpectation(); !ok {
			t.Errorf("%s does not say what comes of a tap", name)
		}
	}
}
