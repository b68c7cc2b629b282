package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"

	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

// entry signs a journal entry about the payment, as its reader keeps one.
func (y *payment) entry(key *ecdsa.PrivateKey, state string, envelope []byte, change ...func(*seal.EntryHeader)) *platform.Proof {
	t := y.shop.t
	t.Helper()
	body, err := json.Marshal(map[string]string{"payloadHash": seal.HashPayload(envelope)})
	if err != nil {
		t.Fatal(err)
	}
	h := seal.EntryHeader{
		Version: seal.EntryVersion, Index: 7, Prev: seal.Hash{}.String(), Kind: seal.KindPayment, AtMs: 5,
		LocalID: y.header.LocalID, State: state, Sequence: y.header.Sequence, Body: body,
	}
	for _, f := range change {
		f(&h)
	}
	header, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	e, err := seal.SignEntry(key, header)
	if err != nil {
		t.Fatal(err)
	}
	return &platform.Proof{Header: e.Header, Signature: e.Signature}
}

// rescue is the payment as it stands in its reader's export.
func (y *payment) rescue(state string) platform.Rescue {
	y.shop.t.Helper()
	q := y.sealed()
	return platform.Rescue{
		ReaderID: y.header.ReaderID, NaturalKey: q.NaturalKey, Envelope: q.Envelope, StoredAtMs: q.StoredAtMs,
		Proof: y.entry(y.shop.key, state, q.Envelope),
	}
}

// colleague is another activated reader.
func (p *shop) colleague(serial string) *platform.Client {
	p.t.Helper()
	key := newKey(p.t)
	a := p.activate(serial, key)
	return p.clientWith(func() tls.Certificate {
		return tls.Certificate{Certificate: [][]byte{a.Certificate}, PrivateKey: key}
	})
}

// operatorRescue posts to the public face.
func (p *shop) operatorRescue(q platform.Rescue, key string) (int, []byte) {
	p.t.Helper()
	return p.operatorRescueAt(http.DefaultClient, p.public, q, key)
}

func (p *shop) operatorRescueAt(c *http.Client, face string, q platform.Rescue, key string) (int, []byte) {
	p.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequest("POST", face+platform.PathOperatorRescues, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth(key, "")
	resp, err := c.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func TestRescue(t *testing.T) {
	for _, state := range rescuable {
		t.Run(state, func(t *testing.T) {
			p := openShop(t)
			y := p.pay("visa", 1250)
			v, err := p.colleague("S700-OTHER").Rescue(t.Context(), y.rescue(state))
			if err != nil || v.Status != platform.StatusApproved || !v.Rescued || v.NaturalKey != y.key() {
				t.Fatalf("%+v, %v", v, err)
			}
			// The charge is of the reader that took it.
			c := p.must("GET", "/v1/charges/"+v.ChargeID, "")
			card := c["payment_method_details"].(fields)["card_present"].(fields)
			if card["reader"] != p.activation.Reader.ID || card["offline"].(fields)["stored_at"] != float64(y.header.CollectedAtMs/1000) {
				t.Errorf("%v", card)
			}
			p.restart()
			// The reader itself comes back: the same verdict, rescued for ever.
			for _, again := range []*platform.Verdict{y.lookUp(), y.forward(), y.authorize()} {
				if !reflect.DeepEqual(again, v) {
					t.Errorf("%+v, not %+v", again, v)
				}
			}
			p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
			if totals := p.s.Totals(); totals.Rescued != 1 || totals.Submissions != 1 {
				t.Errorf("%+v", totals)
			}
		})
	}
}

func TestRescueAfterTheReader(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	first := y.forward()
	v, err := p.colleague("S700-OTHER").Rescue(t.Context(), y.rescue("unknown"))
	if err != nil || v.Rescued || !reflect.DeepEqual(v, first) {
		t.Errorf("%+v, %v", v, err)
	}
	own := p.pay("visa", 900)
	if v, err := p.client.Rescue(t.Context(), own.rescue("stored")); err != nil || v.Status != platform.StatusApproved || v.Rescued {
		t.Errorf("its own payment: %+v, %v", v, err)
	}
	p.wantTotals(usd(2, 2150), usd(0, 0), usd(0, 0))
}

func TestOperatorRescues(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	q := y.rescue("rescued")
	if status, body := p.operatorRescue(q, "sk_test_other"); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	status, body := p.operatorRescue(q, APIKey)
	var v platform.Verdict
	if err := json.Unmarshal(body, &v); err != nil || status != 200 || v.Status != platform.StatusApproved || !v.Rescued {
		t.Fatalf("%d %s, %v", status, body, err)
	}
	if status, again := p.operatorRescue(q, APIKey); status != 200 || !bytes.Equal(again, body) {
		t.Errorf("%d %s", status, again)
	}
	q.Proof = nil
	var refusal struct{ Error stripeError }
	status, body = p.operatorRescue(q, APIKey)
	if err := json.Unmarshal(body, &refusal); err != nil || status != 422 || refusal.Error.Code != platform.CodeProofInvalid || refusal.Error.Type == "" {
		t.Errorf("%d %s", status, body)
	}
	if got := y.forward(); !reflect.DeepEqual(got, &v) {
		t.Errorf("%+v", got)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

// TestRescuesAtOnce: two rescuers, an operator and the reader itself, all at
// the same moment. One charge, one verdict for all.
func TestRescuesAtOnce(t *testing.T) {
	p := openShop(t)
	one, two := p.colleague("S700-ONE"), p.colleague("S700-TWO")
	for range 4 {
		y := p.pay("visa", 1250)
		submission, rescue := y.sealed(), y.rescue("rescued")
		verdicts := make([]*platform.Verdict, 4)
		var wg sync.WaitGroup
		for i, submit := range []func() (*platform.Verdict, error){
			func() (*platform.Verdict, error) { return one.Rescue(t.Context(), rescue) },
			func() (*platform.Verdict, error) { return two.Rescue(t.Context(), rescue) },
			func() (*platform.Verdict, error) { return p.client.SubmitOffline(t.Context(), submission) },
			func() (*platform.Verdict, error) {
				_, body := p.operatorRescue(rescue, APIKey)
				v := new(platform.Verdict)
				return v, json.Unmarshal(body, v)
			},
		} {
			wg.Go(func() {
				v, err := submit()
				if err != nil {
					t.Error(err)
				}
				verdicts[i] = v
			})
		}
		wg.Wait()
		for _, v := range verdicts {
			if v == nil || v.Status != platform.StatusApproved || !reflect.DeepEqual(v, verdicts[0]) {
				t.Errorf("%+v, not %+v", v, verdicts[0])
			}
		}
	}
	p.wantTotals(usd(4, 5000), usd(0, 0), usd(0, 0))
	if totals := p.s.Totals(); totals.PerPayment[1] != 4 || totals.Repeats != 12 {
		t.Errorf("%+v", totals)
	}
}

func TestForgedRescues(t *testing.T) {
	p := openShop(t)
	other := p.colleague("S700-OTHER")
	y, another := p.pay("visa", 1250), p.pay("visa", 800)
	for name, test := range map[string]struct {
		spoil func(*platform.Rescue)
		code  string
	}{
		"no proof":             {func(q *platform.Rescue) { q.Proof = nil }, platform.CodeProofInvalid},
		"signed by a stranger": {func(q *platform.Rescue) { q.Proof = y.entry(newKey(t), "stored", q.Envelope) }, platform.CodeProofInvalid},
		"changed after it": {func(q *platform.Rescue) {
			q.Proof.Header = bytes.Replace(q.Proof.Header, []byte("stored"), []byte("failed"), 1)
		}, platform.CodeProofInvalid},
		"of another envelope": {func(q *platform.Rescue) { q.Envelope = y.sealed().Envelope }, platform.CodeProofInvalid},
		"of another payment":  {func(q *platform.Rescue) { q.Proof = another.entry(p.key, "stored", q.Envelope) }, platform.CodeProofInvalid},
		"voided":              {func(q *platform.Rescue) { q.Proof = y.entry(p.key, "voided", q.Envelope) }, platform.CodeProofInvalid},
		"being voided":        {func(q *platform.Rescue) { q.Proof = y.entry(p.key, "reversing", q.Envelope) }, platform.CodeProofInvalid},
		"forwarded":           {func(q *platform.Rescue) { q.Proof = y.entry(p.key, "forwarded", q.Envelope) }, platform.CodeProofInvalid},
		"another kind of entry": {func(q *platform.Rescue) {
			q.Proof = y.entry(p.key, "stored", q.Envelope, func(h *seal.EntryHeader) { h.Kind = "note" })
		}, platform.CodeProofInvalid},
		"another's natural key":    {func(q *platform.Rescue) { q.NaturalKey = another.key() }, platform.CodeHeaderMismatch},
		"unknown reader":           {func(q *platform.Rescue) { q.ReaderID = "tmr_elsewhere" }, platform.CodeAccountMismatch},
		"natural key of no reader": {func(q *platform.Rescue) { q.NaturalKey = "x" }, platform.CodeInvalidRequest},
	} {
		q := y.rescue("stored")
		test.spoil(&q)
		_, err := other.Rescue(t.Context(), q)
		refused, ok := err.(*platform.Error)
		if !ok || refused.Code != test.code || !refused.Permanent() {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nothing of it has left a trace.
	if totals := p.s.Totals(); totals.Submissions != 0 || totals.Failed != 0 {
		t.Errorf("%+v", totals)
	}
	for _, y := range []*payment{y, another} {
		if v := y.forward(); v.Status != platform.StatusApproved || v.Rescued {
			t.Errorf("%+v", v)
		}
	}
	if _, err := p.clientWith(nil).Rescue(t.Context(), y.rescue("stored")); err == nil {
		t.Error("a rescuer without a certificate")
	}
}

// TestRescueOfAVoidedPayment: the void came first, as a reversal of something
// never sent. An old export cannot revive the payment; and one that was rescued
// before its void arrived is undone.
func TestRescueOfAVoidedPayment(t *testing.T) {
	p := openShop(t)
	other := p.colleague("S700-OTHER")
	y := p.pay("visa", 1250)
	stale := y.rescue("stored")
	if r := y.reverse(); r.Outcome != platform.ReversalNeverKnown {
		t.Fatalf("%+v", r)
	}
	for range 2 {
		if v, err := other.Rescue(t.Context(), stale); err != nil || v.Status != platform.StatusFailed || v.Code != platform.CodeReversed || !v.Reversed {
			t.Errorf("%+v, %v", v, err)
		}
	}
	p.wantTotals(usd(0, 0), usd(0, 0), usd(0, 0))

	late := p.pay("visa", 900)
	if v, err := other.Rescue(t.Context(), late.rescue("stored")); err != nil || v.Status != platform.StatusApproved {
		t.Fatalf("%+v, %v", v, err)
	}
	if r := late.reverse(); r.Outcome != platform.ReversalRefunded {
		t.Errorf("%+v", r)
	}
	if v, err := other.Rescue(t.Context(), late.rescue("rescued")); err != nil || v.Code != platform.CodeReversed || !v.Rescued {
		t.Errorf("%+v, %v", v, err)
	}
	p.wantTotals(usd(0, 0), usd(0, 0), usd(1, 900))
}

// TestRescueWithAFormerKey: the reader was wiped and activated again; the
// export of its old disk is signed by the key it had then.
func TestRescueWithAFormerKey(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	q := y.rescue("stored")
	key := newKey(t)
	p.activation, p.key = p.activate("S700-TEST", key), key
	p.restart()
	if v, err := p.client.Rescue(t.Context(), q); err != nil || v.Status != platform.StatusApproved {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestRescueKeepsDeclines(t *testing.T) {
	p := openShop(t)
	y := p.pay("declined-insufficient-funds", 1250)
	v, err := p.colleague("S700-OTHER").Rescue(t.Context(), y.rescue("failed"))
	if err != nil || v.Status != platform.StatusDeclined || v.DeclineCode != "insufficient_funds" || !v.Rescued {
		t.Errorf("%+v, %v", v, err)
	}
	if again := y.lookUp(); !reflect.DeepEqual(again, v) {
		t.Errorf("%+v", again)
	}
}

// FuzzRescueProof: whatever a reader signed, only an entry of this payment,
// with this envelope and in a state that waits, is a proof.
func FuzzRescueProof(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	original := reader{Keys: [][]byte{{1}, spki}}
	envelope := []byte("envelope")
	header := seal.Header{LocalID: "pl_1", Sequence: 3}
	good := seal.EntryHeader{
		Version: seal.EntryVersion, Index: 7, Prev: seal.Hash{}.String(), Kind: seal.KindPayment, LocalID: "pl_1",
		State: "stored", Sequence: 3, PayloadHash: seal.HashPayload(envelope),
	}
	check := func(signed []byte) error {
		e, err := seal.SignEntry(key, signed)
		if err != nil {
			f.Fatal(err)
		}
		return checkRescueProof(original, platform.Rescue{Envelope: envelope, Proof: &platform.Proof{Header: e.Header, Signature: e.Signature}}, header)
	}
	for i, change := range []func(*seal.EntryHeader){
		func(*seal.EntryHeader) {},
		func(h *seal.EntryHeader) { h.Kind = seal.KindCarried },
		func(h *seal.EntryHeader) { h.Body, h.PayloadHash = []byte(`{"payloadHash":"`+h.PayloadHash+`"}`), "" },
		func(h *seal.EntryHeader) { h.State = "voided" },
		func(h *seal.EntryHeader) { h.Body, h.PayloadHash = []byte(`[1]`), "" },
		func(h *seal.EntryHeader) { h.Kind = seal.KindLoss },
	} {
		h := good
		change(&h)
		b, err := h.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		if err := check(b); (err == nil) != (i < 3) {
			f.Errorf("seed %d: %v", i, err)
		}
		f.Add(b)
	}
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, signed []byte) {
		if check(signed) != nil {
			return
		}
		h, err := seal.ParseEntryHeader(signed)
		if err != nil || h.LocalID != "pl_1" || h.Sequence != 3 || !bytes.Contains(signed, []byte(good.PayloadHash)) || !slices.Contains(rescuable, h.State) {
			t.Errorf("%s is a proof", signed)
		}
	})
}

// The operator's path is on the reader face as well, for programs that show the
// secret key over TLS only: the same verdict, and the faults of that face.
func TestOperatorRescueOverTLS(t *testing.T) {
	p := openShop(t)
	q := p.pay("visa", 1250).rescue("rescued")
	roots := x509.NewCertPool()
	roots.AddCert(p.s.CA())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	over := func(key string) (int, []byte) {
		return p.operatorRescueAt(&http.Client{Transport: transport}, "https://"+p.s.opts.Device.Addr().String(), q, key)
	}
	if status, body := over("sk_test_other"); status != http.StatusUnauthorized {
		t.Errorf("with another key: %d %s", status, body)
	}
	if err := p.s.AnswerStatus(http.StatusServiceUnavailable, 1); err != nil {
		t.Fatal(err)
	}
	if status, body := over(APIKey); status != http.StatusServiceUnavailable {
		t.Errorf("with a fault: %d %s", status, body)
	}
	status, body := over(APIKey)
	if status != http.StatusOK || !bytes.Contains(body, []byte(`"rescued":true`)) {
		t.Fatalf("%d %s", status, body)
	}
	if status, again := p.operatorRescue(q, APIKey); status != http.StatusOK || !bytes.Equal(again, body) {
		t.Errorf("on the public face: %d %s", status, again)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}
