package emvtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
)

// The real kernel with the real cards: each side was written without the other's code.

// holder picks the first application and agrees to everything.
type holder struct {
	offered   []string
	confirmed bool
}

func (h *holder) ChooseApplication(_ context.Context, labels []string) (int, error) {
	h.offered = labels
	return 0, nil
}

func (h *holder) ConfirmApplication(context.Context, string) (bool, error) {
	h.confirmed = true
	return true, nil
}

var payday = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

func collect(t *testing.T, card emvkernel.Transceiver, cfg emvkernel.Config, amount int64) (*emvkernel.Transaction, emvkernel.Outcome) {
	t.Helper()
	tx, err := emvkernel.NewTransaction(&cfg, emvkernel.Params{
		Amount: amount, Currency: 840, Exponent: 2, Time: payday,
		UnpredictableNumber: [4]byte{0xDE, 0xAD, 0xBE, 0xEF}, Counter: 1,
	}, card, &holder{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tx.Collect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return tx, out
}

func TestTerminalConfigIsValid(t *testing.T) {
	cfg := TerminalConfig()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, b := range brands {
		found := false
		for _, a := range cfg.Applications {
			// Diners Club has no application of its own.
			found = found || a.Brand == b.name || b.name == "diners" && a.Brand == "discover"
		}
		if !found {
			t.Errorf("no application of %s", b.name)
		}
	}
}

func TestKernelTakesTheFirstPriority(t *testing.T) {
	tx, _ := collect(t, NewCard(load(t, "two-applications"), nil), TerminalConfig(), 1250)
	if last4 := tx.Card().Last4; last4 != "5556" {
		t.Errorf("paid with the card ending in %s, want the debit application", last4)
	}
}

func TestKernelOffline(t *testing.T) {
	cfg := TerminalConfig()
	for i := range cfg.Applications {
		cfg.Applications[i].FloorLimit, cfg.Applications[i].OfflineApproval = 5000, true
	}
	tx, out := collect(t, NewCard(load(t, "offline-approves"), nil), cfg, 1250)
	if out.Kind != emvkernel.Approved {
		t.Fatalf("%v (%s), TVR %X", out.Kind, out.Reason, tx.TVR())
	}
	if check, err := NewIssuer().Check(tx.ACData()); err != nil || check.Verdict != CardApproved || !check.Decision.Approved {
		t.Errorf("%v %v", check.Verdict, err)
	}
	if _, out := collect(t, NewCard(load(t, "visa"), nil), cfg, 1250); out.Kind != emvkernel.OnlineRequest {
		t.Errorf("a card that insists on its issuer: %v", out.Kind)
	}
}

// A card that counts its payments without the issuer asks for it when they become too many.
func TestKernelVelocity(t *testing.T) {
	cfg := TerminalConfig()
	for i := range cfg.Applications {
		cfg.Applications[i].FloorLimit, cfg.Applications[i].OfflineApproval = 5000, true
	}
	p := parse(t, "application visa\npan 4242424242424242\nfirst-ac tc\noffline-limits 1 2\naction-online FC60BC9800\n")
	state := &State{Applications: map[string]ApplicationState{"A0000000031010": {ATC: 7, LastOnlineATC: 7}}}
	card := NewCard(p, state)
	for i, want := range []struct {
		lower, upper bool
		outcome      emvkernel.OutcomeKind
	}{
		{false, false, emvkernel.Approved},
		{true, false, emvkernel.OnlineRequest},
		{true, true, emvkernel.OnlineRequest},
	} {
		tx, out := collect(t, card, cfg, 1250)
		lower, upper := tx.TVR().Has(emvkernel.LowerLimitExceeded), tx.TVR().Has(emvkernel.UpperLimitExceeded)
		if lower != want.lower || upper != want.upper || out.Kind != want.outcome {
			t.Errorf("payment %d: lower %v, upper %v, %v (TVR %X)", i+1, lower, upper, out.Kind, tx.TVR())
		}
		card.Reset()
	}
}

// Random selection: below the threshold one chance, from there rising to the maximum at the floor limit, in
// whole per cent (EMV fact 24).
func TestKernelRandomSelection(t *testing.T) {
	cfg := TerminalConfig()
	for i := range cfg.Applications {
		a := &cfg.Applications[i]
		a.FloorLimit, a.RandomThreshold, a.RandomTarget, a.RandomMaximum = 10000, 2000, 20, 61
	}
	for amount, percent := range map[int64]byte{1: 20, 1999: 20, 2000: 20, 2195: 20, 2196: 21, 6000: 40, 9999: 60} {
		for number, want := range map[byte]bool{1: true, percent: true, percent + 1: false, 99: false} {
			tx, err := emvkernel.NewTransaction(&cfg, emvkernel.Params{
				Amount: amount, Currency: 840, Exponent: 2, Time: payday, RandomSelection: number,
			}, NewCard(load(t, "visa"), nil), &holder{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Collect(context.Background()); err != nil || tx.TVR().Has(emvkernel.SelectedAtRandom) != want {
				t.Errorf("amount %d, number %d: TVR %v, %v; selected should be %v", amount, number, tx.TVR(), err, want)
			}
		}
	}
}

// cardWith makes the simplest card that can have a fault.
func cardWith(t *testing.T, fault string) (text string, p *Profile) {
	t.Helper()
	const visa, mastercard, discover = "application visa\npan 4242424242424242\n", "application mastercard\npan 5555555555554444\n",
		"application discover\npan 6011111111111117\n"
	for _, text := range []string{visa, discover, mastercard, visa + "oda sda\n", visa + "cvm enciphered-pin if-supported\npin-key own\n", mastercard + "tap-relay 20 60 24\n"} {
		if p, err := ParseProfile(strings.NewReader(text + "fault " + fault + "\n")); err == nil {
			return text, p
		}
	}
	t.Fatalf("no card can have the fault %s", fault)
	return "", nil
}

// The kernel notices every fault of the card but those only the issuer can. A flaw in the chain of
// certificates and signatures fails the authentication, whichever field it is in, and nothing else.
func TestKernelWithEveryFault(t *testing.T) {
	const online, terminated, declined = emvkernel.OnlineRequest, emvkernel.Terminated, emvkernel.Declined
	type want struct {
		outcome emvkernel.OutcomeKind
		flag    emvkernel.Flag // of the TVR, 0 for none
	}
	others := map[string]want{
		faultRevoked:       {online, emvkernel.DDAFailed},
		faultStaticData:    {online, emvkernel.DDAFailed},
		faultDynamicNumber: {online, emvkernel.DDAFailed},
		faultCDACID:        {declined, emvkernel.CDAFailed},
		faultCDAHash:       {declined, emvkernel.CDAFailed},
		faultPINKeyShort:   {online, 0}, // no PIN pad here

		faultCryptogram:    {online, 0},
		faultIssuerForged:  {online, 0}, // shows later
		faultSecondARQC:    {online, 0},
		faultNeverDeclines: {online, 0},
		faultPadding:       {online, 0},
		faultHigherAC:      {terminated, 0},

		faultShortResponse:    {terminated, 0},
		faultMalformedFCI:     {emvkernel.NotAccepted, 0},
		faultMalformedOptions: {terminated, 0},
		faultMalformedRecord:  {terminated, 0},
		faultTrailingBytes:    {terminated, 0},
		faultTrack2:           {terminated, 0},
		faultDuplicateTag:     {terminated, 0},
	}
	cfg := TerminalConfig()
	for _, f := range faults {
		if onlyByTap(f.name) {
			continue // see the profiles with expect-tap
		}
		w, ok := others[f.name]
		switch {
		case ok:
		case strings.HasPrefix(f.name, staticSigned):
			w = want{online, emvkernel.SDAFailed}
		case strings.HasPrefix(f.name, pinCertified):
			w = want{online, 0} // no PIN pad here; what it does to the PIN see the profiles
		default:
			w = want{online, emvkernel.DDAFailed}
		}
		_, p := cardWith(t, f.name)
		tx, out := collect(t, NewCard(p, nil), cfg, 1250)
		if out.Kind != w.outcome {
			t.Errorf("%s: %v (%s), want %v", f.name, out.Kind, out.Reason, w.outcome)
		}
		if w.flag != 0 && (!tx.TVR().Has(w.flag) || tx.Authenticated()) {
			t.Errorf("%s: TVR %X, authenticated %v", f.name, tx.TVR(), tx.Authenticated())
		}
	}
}

// Every flaw of a certificate for enciphered PINs is one of the PIN, not of the card.
func TestKernelWithEveryPINFlaw(t *testing.T) {
	for _, f := range faults {
		if !strings.HasPrefix(f.name, pinCertified) && f.name != faultPINKeyShort {
			continue
		}
		p := parse(t, "payment pin-pad\napplication visa\npan 4242424242424242\ncvm enciphered-pin always\npin-key own\nfault "+f.name+"\n")
		r := &trial{t: t, p: p, want: Expectation{Payment: p.payment}}
		out, err := r.collect()
		if err != nil || out.Kind != emvkernel.OnlineRequest || !r.tx.Authenticated() || !r.tx.TVR().Has(emvkernel.CVMNotSuccessful) || *r.cvm() != [3]byte{0x04, 0x00, 0x01} {
			t.Errorf("%s: %v, %v, TVR %v, CVM results %X", f.name, out, err, r.tx.TVR(), *r.cvm())
		}
	}
}

// Amounts X and Y are limits a payment is under or over; one of exactly that amount is neither (EMV Book 3,
// Annex C3).
func TestKernelCVMAmounts(t *testing.T) {
	for limit, amounts := range map[string]string{"x": "5000 0", "y": "0 5000"} {
		p := parse(t, "application visa\npan 4242424242424242\ncvm none under-"+limit+"\ncvm signature over-"+limit+"\ncvm-amounts "+amounts+"\n")
		for amount, want := range map[int64]string{0: "none", 4999: "none", 5000: "failure", 5001: "signature"} {
			if tx, _ := collect(t, NewCard(p, nil), TerminalConfig(), amount); tx.Receipt().CVM != want {
				t.Errorf("%d with %s of 5000: verified by %s, want %s", amount, limit, tx.Receipt().CVM, want)
			}
		}
	}
}

// A combined method wants both of its halves: where the terminal lacks one, nobody is asked for the other
// (EMV Book 3, 10.5.4).
func TestKernelCombinedCVM(t *testing.T) {
	for method, pin := range map[string]byte{"plain-pin-signature": 0x80, "enciphered-pin-signature": 0x10} {
		p := parse(t, "application visa\npan 4242424242424242\ncvm "+method+" always or-next\ncvm none always\n")
		for lacks, want := range map[byte]string{0: "offline_pin_and_signature", 0x20: "none", pin: "none"} {
			cfg, card := TerminalConfig(), NewCard(p, nil)
			cfg.Terminal.Capabilities[1] &^= lacks
			pad := &pad{card: card, pin: "1234"}
			tx, err := emvkernel.NewTransaction(&cfg, emvkernel.Params{Amount: 1250, Currency: 840, Exponent: 2, Time: payday, PINPad: pad}, card, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err := tx.Collect(context.Background())
			if err != nil || out.Kind != emvkernel.OnlineRequest || tx.Receipt().CVM != want || (len(pad.asked) == 1) != (lacks == 0) {
				t.Errorf("%s without %02X: %v, %v, verified by %s, asked %d times", method, lacks, out, err, tx.Receipt().CVM, len(pad.asked))
			}
		}
	}
}

// A certification authority key may be used to the end of its last month, like the certificates under it
// (EMV Book 4, 6.7.1).
func TestKernelKeyMonth(t *testing.T) {
	for expiry, good := range map[string]bool{"": true, "2026-04": true, "2026-03": true, "2026-02": false, "2025-12": false} {
		cfg := TerminalConfig()
		for i := range cfg.CAKeys {
			cfg.CAKeys[i].Expiry = expiry
		}
		if tx, _ := collect(t, NewCard(load(t, "visa"), nil), cfg, 1250); tx.Authenticated() != good || tx.TVR().Has(emvkernel.DDAFailed) == good {
			t.Errorf("key until %q: TVR %v", expiry, tx.TVR())
		}
	}
}

// A cash machine is a bank's, has no attendant, and pays out cash: all three (EMV Book 4, Annex A1 and A3).
func TestKernelCashMachine(t *testing.T) {
	machines, others := parse(t, "application visa\npan 4242424242424242\nusage domestic-goods atm\n"),
		parse(t, "application visa\npan 4242424242424242\nusage domestic-goods terminals\n")
	for _, c := range []struct {
		kind, cash byte
		machine    bool
	}{
		{0x14, 0x80, true}, {0x15, 0x80, true}, {0x14, 0x00, false}, {0x12, 0x80, false}, {0x25, 0x80, false}, {0x22, 0x80, false},
	} {
		cfg := TerminalConfig()
		cfg.Terminal.Type, cfg.Terminal.AdditionalCapabilities[0] = c.kind, 0x60|c.cash
		for p, allowed := range map[*Profile]bool{machines: c.machine, others: !c.machine} {
			if tx, _ := collect(t, NewCard(p, nil), cfg, 1250); tx.TVR().Has(emvkernel.ServiceNotAllowed) == allowed {
				t.Errorf("type %02X, cash %02X: TVR %v; a cash machine: %v", c.kind, c.cash, tx.TVR(), c.machine)
			}
		}
	}
}
