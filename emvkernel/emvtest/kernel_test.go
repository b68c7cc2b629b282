package emvtest

import (
	"context"
	"testing"
	"time"

	"smartreader/emvkernel"
)

// The real kernel with the real cards: each side was written without the other's code.

// holder picks the first application and agrees to everything.
type holder struct{ offered []string }

func (h *holder) ChooseApplication(_ context.Context, labels []string) (int, error) {
	h.offered = labels
	return 0, nil
}

func (h *holder) ConfirmApplication(context.Context, string) (bool, error) { return true, nil }

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

// Every card pays as its profile says it does.
func TestKernelWithEveryCard(t *testing.T) {
	const amount = 1250
	type want struct {
		outcome       emvkernel.OutcomeKind
		authenticated bool
		verdict       Verdict // of the issuer, when online is asked for
		decline       string
		final         emvkernel.OutcomeKind
		reverse       bool
	}
	good := want{emvkernel.OnlineRequest, true, Genuine, "", emvkernel.Approved, false}
	unproven := want{emvkernel.OnlineRequest, false, Genuine, "", emvkernel.Approved, false}
	declined := func(code string) want {
		return want{emvkernel.OnlineRequest, true, Genuine, code, emvkernel.Declined, false}
	}
	wants := map[string]want{
		"visa": good, "visa-debit": good, "mastercard": good, "mastercard-debit": good, "amex": good,
		"mastercard-prepaid": good, "amex2": good, "discover2": good, "diners": good, "diners-14": good,
		"interac": good, "eftpos-au-debit": good, "eftpos-au-visa-debit": good, "eftpos-au-mastercard-debit": good,
		"refund-fails": good,
		// No PIN pad here, and their lists leave nothing else.
		"offline-pin-cvm": declined("online_or_offline_pin_required"), "offline-pin-sca-retry": declined("online_or_offline_pin_required"),
		"online-pin-cvm": declined("online_or_offline_pin_required"), "online-pin-sca-retry": declined("online_or_offline_pin_required"),
		"discover": good, "jcb": good, "unionpay": good, "t0": good, "pse-less": good, "two-applications": good,
		"offline-approves": good, "not-yet-valid": good,
		"sda": unproven, "no-oda": unproven, "broken-dda": unproven, "broken-issuer-cert": unproven,
		"declined-generic":            declined("generic_decline"),
		"declined-insufficient-funds": declined("insufficient_funds"),
		"declined-lost-card":          declined("lost_card"),
		"declined-stolen-card":        declined("stolen_card"),
		"declined-expired-card":       declined("expired_card"),
		"declined-processing-error":   declined("processing_error"),
		"expired":                     declined("expired_card"),
		"broken-cryptogram":           {emvkernel.OnlineRequest, true, CryptogramMismatch, "generic_decline", emvkernel.Declined, false},
		"refuses-approval":            {emvkernel.OnlineRequest, true, Genuine, "", emvkernel.Declined, true},
		"card-declines":               {outcome: emvkernel.Declined, authenticated: true},
		"broken-cda":                  {outcome: emvkernel.Declined},
		"broken-response":             {outcome: emvkernel.Terminated, authenticated: true},
		"blocked":                     {outcome: emvkernel.CardBlocked},
		"application-blocked":         {outcome: emvkernel.NotAccepted},
	}
	issuer, cfg := NewIssuer(), TerminalConfig()
	for _, name := range Profiles() {
		t.Run(name, func(t *testing.T) {
			want, ok := wants[name]
			if !ok {
				t.Fatal("say in this test how the card pays")
			}
			p := load(t, name)
			tx, out := collect(t, NewCard(p, nil), cfg, amount)
			if out.Kind != want.outcome || tx.Authenticated() != want.authenticated {
				t.Fatalf("%v (%s), authenticated %v, TVR %X; want %v, %v",
					out.Kind, out.Reason, tx.Authenticated(), tx.TVR(), want.outcome, want.authenticated)
			}
			if out.Kind != emvkernel.OnlineRequest {
				return
			}
			check, err := issuer.Check(tx.ACData())
			if err != nil || check.Verdict != want.verdict || check.Decision.DeclineCode != want.decline || check.Amount != amount {
				t.Fatalf("%v (%s) %+v %v", check.Verdict, check.Reason, check.Decision, err)
			}
			if data := tx.Card(); data.Brand != check.Brand || data.Last4 != check.Last4 {
				t.Errorf("kernel %s %s, issuer %s %s", data.Brand, data.Last4, check.Brand, check.Last4)
			}
			response, err := issuer.Respond(tx.ACData(), check.Decision.ARC)
			if err != nil {
				t.Fatal(err)
			}
			final, err := tx.Complete(context.Background(), emvkernel.Answer{
				Kind: emvkernel.IssuerAnswered, ARC: check.Decision.ARC, IssuerAuthenticationData: response,
			})
			if err != nil || final.Kind != want.final || final.Reverse != want.reverse {
				t.Errorf("%v (%s) reverse %v, %v; want %v, %v", final.Kind, final.Reason, final.Reverse, err, want.final, want.reverse)
			}
			if want.final == emvkernel.Approved && tx.TVR().Has(emvkernel.IssuerAuthFailed) {
				t.Error("the card did not believe its issuer")
			}
		})
	}
}

func TestKernelTakesTheFirstPriority(t *testing.T) {
	tx, _ := collect(t, NewCard(load(t, "two-applications"), nil), TerminalConfig(), 1250)
	if last4 := tx.Card().Last4; last4 != "5556" {
		t.Errorf("paid with the card ending in %s, want the debit application", last4)
	}
}

// A payment deferred to later: the card is released with an AAC, the issuer judges the first cryptogram.
func TestKernelDeferral(t *testing.T) {
	for _, name := range []string{"visa", "mastercard", "amex", "t0"} {
		card := NewCard(load(t, name), nil)
		tx, _ := collect(t, card, TerminalConfig(), 1250)
		sealed := append([]byte(nil), tx.ACData()...)
		out, err := tx.Complete(context.Background(), emvkernel.Answer{Kind: emvkernel.Deferred})
		if err != nil || out.Kind != emvkernel.Declined || out.Reverse {
			t.Errorf("%s: %v %v", name, out, err)
		}
		for _, memory := range card.State().Applications {
			if memory.OnlinePending {
				t.Errorf("%s: the card still waits for an answer", name)
			}
		}
		if check, err := NewIssuer().Check(sealed); err != nil || check.Verdict != Genuine {
			t.Errorf("%s: %v (%s) %v", name, check.Verdict, check.Reason, err)
		}
	}
}

func TestKernelOffline(t *testing.T) {
	cfg := TerminalConfig()
	for i := range cfg.Applications {
		cfg.Applications[i].FloorLimit = 5000
	}
	tx, out := collect(t, NewCard(load(t, "offline-approves"), nil), cfg, 1250)
	if out.Kind != emvkernel.Approved {
		t.Fatalf("%v (%s), TVR %X", out.Kind, out.Reason, tx.TVR())
	}
	if check, err := NewIssuer().Check(tx.ACData()); err != nil || check.Verdict != NotOnline {
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
		cfg.Applications[i].FloorLimit = 5000
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

// The kernel notices every fault of the card but the one only the issuer can.
func TestKernelWithEveryFault(t *testing.T) {
	const visa = "application visa\npan 4242424242424242\n"
	const mastercard = "application mastercard\npan 5555555555554444\n"
	const pinOnly = "cvm enciphered-pin if-supported\npin-key own\n" // what it does to the PIN is tested in package emvkernel
	type want struct {
		text    string
		outcome emvkernel.OutcomeKind
		flag    emvkernel.Flag // of the TVR, 0 for none
	}
	wants := map[string]want{
		faultIssuerSignature:  {visa, emvkernel.OnlineRequest, emvkernel.DDAFailed},
		faultIssuerExpired:    {visa, emvkernel.OnlineRequest, emvkernel.DDAFailed},
		faultICCSignature:     {visa, emvkernel.OnlineRequest, emvkernel.DDAFailed},
		faultICCExpired:       {mastercard, emvkernel.OnlineRequest, emvkernel.CDAFailed},
		faultPANInCertificate: {visa, emvkernel.OnlineRequest, emvkernel.DDAFailed},
		faultPINSignature:     {visa + pinOnly, emvkernel.OnlineRequest, 0},
		faultPINExpired:       {visa + pinOnly, emvkernel.OnlineRequest, 0},
		faultPINKeyShort:      {visa + pinOnly, emvkernel.OnlineRequest, 0},
		faultStaticData:       {mastercard, emvkernel.OnlineRequest, emvkernel.CDAFailed},
		faultStaticSignature:  {visa + "oda sda\n", emvkernel.OnlineRequest, emvkernel.SDAFailed},
		faultSDADSignature:    {visa, emvkernel.OnlineRequest, emvkernel.DDAFailed},
		faultDynamicNumber:    {visa, emvkernel.OnlineRequest, emvkernel.DDAFailed},
		faultCDACID:           {mastercard, emvkernel.Declined, emvkernel.CDAFailed},
		faultCDAHash:          {mastercard, emvkernel.Declined, emvkernel.CDAFailed},
		faultCryptogram:       {visa, emvkernel.OnlineRequest, 0},
		faultHigherAC:         {visa, emvkernel.Terminated, 0},
		faultShortResponse:    {visa, emvkernel.Terminated, 0},
		faultTrack2:           {visa, emvkernel.Terminated, 0},
		faultDuplicateTag:     {visa, emvkernel.Terminated, 0},
		faultTrailingBytes:    {visa, emvkernel.Terminated, 0},
	}
	cfg := TerminalConfig()
	for _, f := range faults {
		w, ok := wants[f.name]
		if !ok {
			t.Errorf("%s: say in this test what the kernel does", f.name)
			continue
		}
		tx, out := collect(t, NewCard(parse(t, w.text+"fault "+f.name+"\n"), nil), cfg, 1250)
		if out.Kind != w.outcome {
			t.Errorf("%s: %v (%s), want %v", f.name, out.Kind, out.Reason, w.outcome)
		}
		if w.flag != 0 && (!tx.TVR().Has(w.flag) || tx.Authenticated()) {
			t.Errorf("%s: TVR %X, authenticated %v", f.name, tx.TVR(), tx.Authenticated())
		}
	}
}
