package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

func TestAuthorizeApproves(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	v := y.authorize()
	if v.Status != platform.StatusApproved || v.ResponseCode != "3030" || len(v.IssuerAuthenticationData) != 20 ||
		v.AuthorizationCode == "" || v.Intent.Status != "succeeded" || v.Intent.AmountReceived != 1250 || v.Intent.LatestChargeID != v.ChargeID {
		t.Errorf("%+v %+v", v, v.Intent)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

func TestForwardApprovesWithoutIssuerAnswer(t *testing.T) {
	p := openShop(t)
	y := p.pay("mastercard", 900)
	y.header.CaptureMethod = "manual"
	v := y.forward()
	if v.Status != platform.StatusApproved || v.ResponseCode != "" || v.IssuerAuthenticationData != "" ||
		v.Intent.Status != "requires_capture" || v.Intent.AmountCapturable != 900 {
		t.Errorf("%+v %+v", v, v.Intent)
	}
	if got := p.s.Totals().Deferred; got.Count != 1 {
		t.Errorf("deferred: %+v", got)
	}
}

func TestIssuerDeclines(t *testing.T) {
	for profile, code := range map[string]string{
		"declined-generic":            "generic_decline",
		"declined-insufficient-funds": "insufficient_funds",
		"declined-lost-card":          "lost_card",
		"declined-stolen-card":        "stolen_card",
		"declined-expired-card":       "expired_card",
		"declined-processing-error":   "processing_error",
	} {
		t.Run(profile, func(t *testing.T) {
			p := openShop(t)
			v := p.pay(profile, 1000).authorize()
			if v.Status != platform.StatusDeclined || v.DeclineCode != code || v.ChargeID == "" ||
				v.Intent.Status != "requires_payment_method" || v.ResponseCode == "3030" || v.IssuerAuthenticationData == "" {
				t.Errorf("%+v", v)
			}
			p.wantTotals(usd(0, 0), usd(1, 1000), usd(0, 0))
		})
	}
	t.Run("by amount", func(t *testing.T) {
		p := openShop(t)
		if v := p.pay("visa", 1005).forward(); v.Status != platform.StatusDeclined || v.DeclineCode != "generic_decline" {
			t.Errorf("%+v", v)
		}
	})
}

// TestFirstVerdictForEver: whatever is repeated, on whichever path and sealed
// anew or not, the answer has the same bytes and nothing is charged again.
func TestFirstVerdictForEver(t *testing.T) {
	for _, profile := range []string{"visa", "declined-generic"} {
		t.Run(profile, func(t *testing.T) {
			p := openShop(t)
			y := p.pay(profile, 1250)
			first := y.authorize()
			same := func(v *platform.Verdict) {
				t.Helper()
				if !reflect.DeepEqual(v, first) {
					t.Errorf("%+v, not %+v", v, first)
				}
			}
			same(y.authorize())
			y.header.Offline = true // collected online, then deferred: the same payment
			same(y.forward())
			y.header.IntentID = first.Intent.ID // the reader has learnt it meanwhile
			same(y.forward())
			same(y.lookUp())
			p.restart()
			same(y.forward())
			same(y.lookUp())
			totals := p.s.Totals()
			if totals.Submissions != 1 || totals.Repeats != 4 {
				t.Errorf("%+v", totals)
			}
		})
	}
}

func TestVerdictIsStoredAsSent(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	q := y.sealed()
	reader, _ := p.s.state.readers.get(p.activation.Reader.ID)
	first, _, err := p.s.submit(caller{reader, &p.key.PublicKey}, q)
	if err != nil {
		t.Fatal(err)
	}
	p.restart()
	again, _, err := p.s.submit(caller{reader, &p.key.PublicKey}, q)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("%v\n%s\n%s", err, first, again)
	}
}

func TestNaturalKeyOfAnotherPayment(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	y.authorize()
	y.header.Amount = 9900
	_, err := p.client.Authorize(t.Context(), y.sealed())
	wantError(t, err, 409, platform.CodeNaturalKeyConflict)
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

func TestPaymentIsNotChargedUnderAnotherNaturalKey(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	first := y.authorize()
	for name, next := range map[string]*payment{"same card": y.again("visa"), "another card": y.again("mastercard")} {
		for range 2 {
			v := next.forward()
			if v.Status != platform.StatusFailed || v.Code != platform.CodeAlreadyCharged || !reflect.DeepEqual(v.Existing, first) {
				t.Errorf("%s: %+v", name, v)
			}
		}
	}
	// Known only by its intent id, or only by its local id, it is recognised too.
	byIntent := p.pay("visa", 1250)
	byIntent.header.IntentID = first.Intent.ID
	if v := byIntent.forward(); v.Code != platform.CodeAlreadyCharged {
		t.Errorf("by intent: %+v", v)
	}
	byLocal := p.pay("visa", 1250)
	byLocal.header.LocalID = y.header.LocalID
	if v := byLocal.forward(); v.Code != platform.CodeAlreadyCharged {
		t.Errorf("by local id: %+v", v)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

func TestDeclinedPaymentMayTryAnotherCard(t *testing.T) {
	p := openShop(t)
	y := p.pay("declined-generic", 1250)
	first := y.authorize()
	v := y.again("visa").authorize()
	if v.Status != platform.StatusApproved || v.Intent.ID != first.Intent.ID {
		t.Errorf("%+v", v)
	}
	p.wantTotals(usd(1, 1250), usd(1, 1250), usd(0, 0))
}

// TestConcurrentSubmissions: the same payment from many sides at once, under
// two natural keys, is charged once.
func TestConcurrentSubmissions(t *testing.T) {
	p := openShop(t)
	one := p.pay("visa", 1250)
	two := one.again("mastercard")
	var tries []platform.Submission
	for range 4 {
		tries = append(tries, one.sealed(), two.sealed())
	}
	approved := make(chan string, len(tries))
	var all sync.WaitGroup
	for _, q := range tries {
		all.Go(func() {
			v, err := p.client.SubmitOffline(t.Context(), q)
			switch {
			case err != nil:
				t.Error(err)
			case v.Status == platform.StatusApproved:
				approved <- v.ChargeID
			case v.Code != platform.CodeAlreadyCharged:
				t.Errorf("%+v", v)
			}
		})
	}
	all.Wait()
	close(approved)
	charges := make(map[string]bool)
	for id := range approved {
		charges[id] = true
	}
	if len(charges) != 1 {
		t.Errorf("charges %v", charges)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
	if totals := p.s.Totals(); totals.Submissions != 2 || totals.Repeats != 6 {
		t.Errorf("%+v", totals)
	}
}

func TestReversal(t *testing.T) {
	p := openShop(t)
	captured := p.pay("visa", 1000)
	charge := captured.authorize().ChargeID
	held := p.pay("visa", 2000)
	held.header.CaptureMethod = "manual"
	held.authorize()
	declined := p.pay("declined-generic", 3000)
	declined.authorize()

	for range 2 { // idempotent, also across a restart
		if r := captured.reverse(); r.Outcome != platform.ReversalRefunded || r.ChargeID != charge {
			t.Errorf("captured: %+v", r)
		}
		if r := held.reverse(); r.Outcome != platform.ReversalReleased {
			t.Errorf("held: %+v", r)
		}
		if r := declined.reverse(); r.Outcome != platform.ReversalNothing {
			t.Errorf("declined: %+v", r)
		}
		p.restart()
	}
	p.wantTotals(usd(0, 0), usd(1, 3000), usd(2, 3000))
	for _, v := range []*platform.Verdict{captured.lookUp(), captured.forward(), held.lookUp()} {
		if v.Status != platform.StatusFailed || v.Code != platform.CodeReversed || !v.Reversed {
			t.Errorf("after reversal: %+v", v)
		}
	}
	if v := declined.lookUp(); v.Status != platform.StatusDeclined {
		t.Errorf("a decline stays one: %+v", v)
	}
	// The payment may be collected again.
	if v := captured.again("visa").authorize(); v.Status != platform.StatusApproved {
		t.Errorf("again: %+v", v)
	}
	p.wantTotals(usd(1, 1000), usd(1, 3000), usd(2, 3000))
}

// TestTombstone: the reversal overtakes the submission, which must then fail.
func TestTombstone(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1000)
	if r := y.reverse(); r.Outcome != platform.ReversalNeverKnown {
		t.Errorf("%+v", r)
	}
	p.restart()
	for _, v := range []*platform.Verdict{y.authorize(), y.forward(), y.lookUp()} {
		if v.Status != platform.StatusFailed || v.Code != platform.CodeReversed {
			t.Errorf("%+v", v)
		}
	}
	if r := y.reverse(); r.Outcome != platform.ReversalNeverKnown {
		t.Errorf("again: %+v", r)
	}
	p.wantTotals(usd(0, 0), usd(0, 0), usd(0, 0))
}

func TestAlteredSubmissionsFail(t *testing.T) {
	for name, test := range map[string]struct {
		alter func(*payment)
		code  string
	}{
		"amount in the header":         {func(y *payment) { y.header.Amount = 100 }, platform.CodeAmountMismatch},
		"currency in the header":       {func(y *payment) { y.header.Currency = "eur" }, platform.CodeAmountMismatch},
		"amount in both":               {func(y *payment) { y.header.Amount = 100; y.with(0x9F02, []byte{0, 0, 0, 0, 1, 0}) }, platform.CodeCryptogramInvalid},
		"unpredictable number":         {func(y *payment) { y.with(0x9F37, []byte{1, 2, 3, 4}) }, platform.CodeCryptogramInvalid},
		"terminal verification result": {func(y *payment) { y.with(0x95, []byte{0x80, 0, 0, 0, 0}) }, platform.CodeCryptogramInvalid},
		"card number":                  {func(y *payment) { y.with(0x5A, []byte{1}) }, platform.CodeCryptogramInvalid},
		"not TLV":                      {func(y *payment) { y.data = []byte{0x9F} }, platform.CodeCryptogramInvalid},
		"empty":                        {func(y *payment) { y.data = nil }, platform.CodeCryptogramInvalid},
		"other counter":                {func(y *payment) { y.header.ATC = "0042" }, platform.CodeHeaderMismatch},
		"other cryptogram":             {func(y *payment) { y.header.Cryptogram = "0000000000000000" }, platform.CodeHeaderMismatch},
		"live":                         {func(y *payment) { y.header.Livemode = true }, platform.CodeLivemodeMismatch},
		"no key":                       {func(y *payment) { y.header.Key = "" }, platform.CodeInvalidRequest},
		"negative amount":              {func(y *payment) { y.header.Amount = -1 }, platform.CodeInvalidRequest},
		"unknown intent":               {func(y *payment) { y.header.IntentID = "pi_x" }, platform.CodeIntentNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			p := openShop(t)
			y := p.pay("visa", 1250)
			test.alter(y)
			for _, v := range []*platform.Verdict{y.authorize(), y.forward()} {
				if v.Status != platform.StatusFailed || v.Code != test.code {
					t.Errorf("%+v, want %s", v, test.code)
				}
			}
			p.wantTotals(usd(0, 0), usd(0, 0), usd(0, 0))
			if n := p.s.Totals().Failed; n != 1 {
				t.Errorf("%d failed", n)
			}
		})
	}
}

func TestHeaderOfAnotherNaturalKey(t *testing.T) {
	p := openShop(t)
	q := p.pay("visa", 1250).sealed()
	q.NaturalKey = p.activation.Reader.ID + ".99.0001.0000000000000000"
	v, err := p.client.Authorize(t.Context(), q)
	if err != nil || v.Code != platform.CodeHeaderMismatch {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestCryptogramIsUsedOnce(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	y.authorize()
	copied := *y
	copied.header.Sequence, copied.header.Key, copied.header.LocalID = 99, "other", "pl_other"
	if v := copied.forward(); v.Status != platform.StatusFailed || v.Code != platform.CodeCryptogramReplay {
		t.Errorf("%+v", v)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

// TestOlderCounterIsAccepted: payments stored offline arrive after newer
// online ones.
func TestOlderCounterIsAccepted(t *testing.T) {
	p := openShop(t)
	stored := p.pay("visa", 100)
	if v := p.pay("visa", 200).authorize(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
	if v := stored.forward(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
}

func TestUnreadableEnvelopes(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	foreign, err := seal.NewKey(p.s.keys.seal.ID())
	if err != nil {
		t.Fatal(err)
	}
	header, err := y.header.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	toOther, err := foreign.Public().Seal(header, y.data)
	if err != nil {
		t.Fatal(err)
	}
	noHeader, err := p.s.keys.seal.Public().Seal([]byte(`{"version":1}`), y.data)
	if err != nil {
		t.Fatal(err)
	}
	damaged := y.sealed().Envelope
	damaged[len(damaged)-1] ^= 1
	for name, envelope := range map[string][]byte{"other key": toOther, "no header": noHeader, "damaged": damaged, "none": nil, "garbage": {1, 2, 3}} {
		_, err := p.client.SubmitOffline(t.Context(), platform.Submission{NaturalKey: y.key(), Envelope: envelope})
		if e := wantError(t, err, 422, platform.CodeEnvelopeUnreadable); !e.Permanent() {
			t.Errorf("%s: not permanent", name)
		}
	}
	// Nothing was noted: the real envelope still goes through.
	if v := y.forward(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
}

func TestProofs(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	q := y.sealed()
	entry := func(change func(*seal.EntryHeader)) *platform.Proof {
		h := seal.EntryHeader{
			Version: seal.EntryVersion, Index: 1, Prev: seal.Hash{}.String(), Kind: seal.KindPayment,
			LocalID: y.header.LocalID, Sequence: y.header.Sequence, PayloadHash: seal.HashPayload(q.Envelope),
		}
		change(&h)
		header, err := h.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		signed, err := seal.SignEntry(p.key, header)
		if err != nil {
			t.Fatal(err)
		}
		return &platform.Proof{Header: signed.Header, Signature: signed.Signature}
	}
	for name, change := range map[string]func(*seal.EntryHeader){
		"other payment":  func(h *seal.EntryHeader) { h.LocalID = "pl_x" },
		"other sequence": func(h *seal.EntryHeader) { h.Sequence++ },
		"other envelope": func(h *seal.EntryHeader) { h.PayloadHash = seal.HashPayload(nil) },
	} {
		q.Proof = entry(change)
		_, err := p.client.SubmitOffline(t.Context(), q)
		wantError(t, err, 422, platform.CodeProofInvalid)
		_ = name
	}
	q.Proof = entry(func(*seal.EntryHeader) {})
	q.Proof.Signature[5] ^= 1
	_, err := p.client.SubmitOffline(t.Context(), q)
	wantError(t, err, 422, platform.CodeProofInvalid)

	q.Proof = entry(func(*seal.EntryHeader) {})
	if v, err := p.client.SubmitOffline(t.Context(), q); err != nil || v.Status != platform.StatusApproved {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestNaturalKeysOfOthers(t *testing.T) {
	p := openShop(t)
	q := p.pay("visa", 1250).sealed()
	for _, key := range []string{"tmr_other.1.0001.0000000000000000", "nonsense", ""} {
		q.NaturalKey = key
		_, err := p.client.Authorize(t.Context(), q)
		wantError(t, err, 400, platform.CodeInvalidRequest)
		_, err = p.client.Reverse(t.Context(), platform.ReversalRequest{NaturalKey: key})
		wantError(t, err, 400, platform.CodeInvalidRequest)
	}
	if _, err := p.client.LookUp(t.Context(), "tmr_other.1.0001.0000000000000000"); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("look-up: %v", err)
	}
}

func TestGaps(t *testing.T) {
	p := openShop(t)
	id := p.activation.Reader.ID
	if gaps := p.s.Gaps(id); gaps != nil {
		t.Errorf("%v before anything", gaps)
	}
	p.sequence = 2
	p.pay("visa", 100).authorize() // 3
	p.sequence = 5
	p.pay("visa", 100).reverse() // 6: a reversal accounts for its sequence
	if gaps := p.s.Gaps(id); !reflect.DeepEqual(gaps, []Gap{{1, 2}, {4, 5}}) {
		t.Errorf("%v", gaps)
	}
	if _, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{Sequence: 8}); err != nil {
		t.Fatal(err)
	}
	p.restart()
	if gaps := p.s.Gaps(id); !reflect.DeepEqual(gaps, []Gap{{1, 2}, {4, 5}, {7, 8}}) {
		t.Errorf("%v", gaps)
	}
}

// TestStateHoldsNoCardNumber scans what the sandbox wrote.
func TestStateHoldsNoCardNumber(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	v := y.authorize()
	lines := readState(t, p)
	answer, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{lines, answer} {
		if bytes.Contains(text, []byte("4242424242424242")) || bytes.Contains(text, []byte("QkJCQkJCQkJ")) {
			t.Error("a card number was written")
		}
	}
	if !bytes.Contains(lines, []byte(`"last4":"4242"`)) {
		t.Error("the receipt's last four digits are missing")
	}
}

func wantError(t *testing.T, err error, status int, code string) *platform.Error {
	t.Helper()
	var e *platform.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %d %s", err, status, code)
	}
	if e.Status != status || e.Code != code {
		t.Fatalf("got %d %s (%s), want %d %s", e.Status, e.Code, e.Message, status, code)
	}
	return e
}

// A card that approved by itself has decided in its issuer's place: its payment is booked when it is
// forwarded, whatever the issuer would say, and there is nothing to authorize. The card's second TC counts
// as much as its first; an altered one counts for nothing.
func TestCardApprovedOffline(t *testing.T) {
	config := emvtest.TerminalConfig()
	for i := range config.Applications {
		config.Applications[i].OfflineApproval, config.Applications[i].FloorLimit = true, 5000
	}
	p := openShop(t)
	first := func(amount int64) *payment {
		y, _ := p.collect("offline-approves", emvkernel.Params{Amount: amount}, &config, emvkernel.Approved)
		return y
	}
	second := func() *payment {
		_, tx := p.collect("visa", emvkernel.Params{Amount: 1205}, &config, emvkernel.OnlineRequest)
		if out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}); err != nil || out.Kind != emvkernel.Approved {
			t.Fatal(out, err)
		}
		return p.submissionOf(tx.ClearingData(), 1205)
	}
	for name, c := range map[string]struct {
		y    *payment
		code string // of the response
	}{"at once": {first(1205), "Y1"}, "without its issuer": {second(), "Y3"}} { // an amount the issuer declines
		if v := c.y.forward(); v.Status != platform.StatusApproved || v.ChargeID == "" {
			t.Errorf("%s: %+v", name, v)
		} else {
			p.s.view(func(st *state) {
				o, _ := st.charges.get(v.ChargeID)
				if o.Card.Receipt.AuthorizationResponseCode != c.code || o.Card.Receipt.AuthorizationCode != "" || v.AuthorizationCode != "" {
					t.Errorf("%s: booked with response code %q, authorization code %q", name, o.Card.Receipt.AuthorizationResponseCode, v.AuthorizationCode)
				}
				shown := renderCharge(st, o).(map[string]any)
				if shown["outcome"].(map[string]any)["network_status"] != "not_sent_to_network" || shown["authorization_code"] != nil || shown["paid"] != true {
					t.Errorf("%s: shown as %+v", name, shown)
				}
			})
		}
	}
	if v := first(1200).authorize(); v.Status != platform.StatusFailed || v.Code != platform.CodeInvalidRequest {
		t.Errorf("authorized: %+v", v)
	}
	if v := first(1200).with(0x9F02, []byte{0, 0, 0, 0, 0x11, 0x99}).forward(); v.Status != platform.StatusFailed {
		t.Errorf("altered: %+v", v)
	}
}
