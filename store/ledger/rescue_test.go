package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/store"
	"smartreader/store/seal"
)

// platformServer is a platform that keeps one verdict per natural key, and can be
// told to misbehave.
type platformServer struct {
	*httptest.Server
	t        *testing.T
	shop     *shop
	verdicts map[string]map[string]any
	arrived  []uint64 // sequences, in the order of arrival
	trouble  []func(w http.ResponseWriter) bool
	status   func(sequence uint64) string
}

func newPlatform(t *testing.T, s *shop) *platformServer {
	p := &platformServer{t: t, shop: s, verdicts: map[string]map[string]any{}, status: func(uint64) string { return "approved" }}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *platformServer) ca(t *testing.T) string {
	return write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
}

func (p *platformServer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/terminal/rescues" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		p.t.Errorf("%s %s, %s", r.Method, r.URL, r.Header)
	}
	if r.Header.Get("Authorization") != "Bearer sk_test_1" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"code":"unauthenticated","message":"wrong key"}}`)
		return
	}
	var s submission
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		p.t.Error(err)
	}
	header, _, err := seal.Open(func(string) (seal.PrivateKey, bool) { return p.shop.sealing, true }, s.Envelope)
	if err != nil {
		p.t.Error(err)
	}
	h, err := seal.ParseHeader(header)
	if err != nil || h.ReaderID != s.ReaderID || h.NaturalKey() != s.NaturalKey || s.StoredAtMs == 0 {
		p.t.Errorf("submission %+v, header %+v, %v", s, h, err)
	}
	entry, err := seal.ParseEntryHeader(s.Proof.Header)
	if err != nil || (seal.Entry{Header: s.Proof.Header, Signature: s.Proof.Signature}).Verify(&p.shop.device.PublicKey) != nil || entry.LocalID != h.LocalID || entry.State != string(store.Rescued) {
		p.t.Errorf("proof %+v, %v", entry, err)
	}
	if len(p.trouble) > 0 {
		trouble := p.trouble[0]
		if p.trouble = p.trouble[1:]; trouble != nil && trouble(w) {
			return
		}
	}
	p.arrived = append(p.arrived, h.Sequence)
	if p.verdicts[s.NaturalKey] == nil {
		p.verdicts[s.NaturalKey] = map[string]any{
			"naturalKey": s.NaturalKey, "status": p.status(h.Sequence), "chargeId": fmt.Sprint("ch_", h.Sequence), "intent": map[string]any{"id": fmt.Sprint("pi_", h.Sequence)},
		}
	}
	if err := json.NewEncoder(w).Encode(p.verdicts[s.NaturalKey]); err != nil {
		p.t.Error(err)
	}
}

func answer(status int, retryAfter, body string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return true
	}
}

func hangUp(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }

func TestRescueSubmitsOldestFirstAndOnce(t *testing.T) {
	s := newShop(t)
	for n := range 4 {
		s.take(t, n, fmt.Sprint(1000+n), nil)
	}
	s.step(t, s.step(t, s.take(t, 9, "9999", nil), store.Sending), store.Forwarded)
	file := s.export(t, "rescue")
	p := newPlatform(t, s)
	p.trouble = []func(http.ResponseWriter) bool{answer(429, "7", ""), hangUp, answer(503, "", ""), nil, answer(200, "", `{"naturalKey":"other","status":"approved"}`)}
	var r runner
	args := []string{"rescue", file, "-platform", p.URL, "-key", "sk_test_1", "-ca", p.ca(t)}
	if code := r.run(t, args...); code != exitDone || !strings.Contains(r.out.String(), "4 approved, 0 declined") {
		t.Fatalf("exit %d: %s%s", code, &r.out, &r.err)
	}
	if !slices.Equal(p.arrived, []uint64{1, 2, 3, 4}) {
		t.Errorf("arrived in the order %v", p.arrived)
	}
	if want := []time.Duration{7 * time.Second, 2 * time.Second, 4 * time.Second, time.Second}; !slices.Equal(r.slept, want) {
		t.Errorf("waited %v, not %v", r.slept, want)
	}
	results := read(t, file+".rescued")
	if bytes.Count(results, []byte("\n")) != 4 || !bytes.Contains(results, []byte(`"chargeId":"ch_3","paymentIntent":"pi_3"`)) {
		t.Errorf("results %s", results)
	}
	if bytes.Contains(results, []byte("sk_test")) || strings.Contains(r.out.String()+r.err.String(), "sk_test") {
		t.Error("the secret key was written")
	}
	if code := r.run(t, args...); code != exitDone || len(p.arrived) != 4 || !strings.Contains(r.out.String(), "4 approved") {
		t.Errorf("again: exit %d, arrived %v: %s", code, p.arrived, &r.out)
	}
	// A line cut short by a power cut is submitted again; the platform gives its first verdict.
	if err := os.WriteFile(file+".rescued", results[:len(results)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	if code := r.run(t, args...); code != exitDone || len(p.arrived) != 5 || !bytes.Equal(read(t, file+".rescued"), results) {
		t.Errorf("after a cut: exit %d, arrived %v", code, p.arrived)
	}
}

func TestRescueKeepsTheOrderOfACard(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "1111", nil)
	s.take(t, 2, "2222", nil)
	s.take(t, 3, "1111", nil)
	file := s.export(t, "rescue")
	p := newPlatform(t, s)
	p.trouble = []func(http.ResponseWriter) bool{hangUp, hangUp}
	var r runner
	args := []string{"rescue", file, "-platform", p.URL + "/", "-key", "sk_test_1", "-ca", p.ca(t), "-tries", "2"}
	if code := r.run(t, args...); code != exitUnknown || !slices.Equal(p.arrived, []uint64{2}) || !strings.Contains(r.out.String(), "2 not known") {
		t.Fatalf("exit %d, arrived %v: %s", code, p.arrived, &r.out)
	}
	if code := r.run(t, args...); code != exitDone || !slices.Equal(p.arrived, []uint64{2, 1, 3}) {
		t.Errorf("again: exit %d, arrived %v: %s", code, p.arrived, &r.out)
	}
}

func TestRescueTellsDeclinesAndRefusals(t *testing.T) {
	s := newShop(t)
	for n := range 3 {
		s.take(t, n, fmt.Sprint(1000+n), nil)
	}
	file := s.export(t, "rescue")
	p := newPlatform(t, s)
	p.status = func(sequence uint64) string { return map[uint64]string{1: "declined", 2: "approved"}[sequence] }
	p.trouble = []func(http.ResponseWriter) bool{nil, nil, answer(422, "", `{"error":{"code":"proof_invalid","message":"not your reader\u001b[31m"}}`)}
	var r runner
	if code := r.run(t, "rescue", file, "-platform", p.URL, "-key", "sk_test_1", "-ca", p.ca(t)); code != exitWrong || !strings.Contains(r.out.String(), "1 approved, 1 declined or failed, 1 refused") {
		t.Errorf("exit %d: %s%s", code, &r.out, &r.err)
	}
	if strings.Contains(r.out.String(), "\x1b") || !strings.Contains(r.out.String(), "proof_invalid") {
		t.Errorf("%q", &r.out)
	}
	if len(r.slept) > 0 {
		t.Errorf("waited %v for a refusal", r.slept)
	}
}

func TestRescueStopsAtAWrongKeyOrCertificate(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "1111", nil)
	s.take(t, 2, "2222", nil)
	file := s.export(t, "rescue")
	p := newPlatform(t, s)
	p.Config.ErrorLog = nil
	var r runner
	if code := r.run(t, "rescue", file, "-platform", p.URL, "-key", "sk_test_wrong", "-ca", p.ca(t)); code != exitUsage || len(p.arrived) > 0 || len(r.slept) > 0 {
		t.Errorf("a wrong key: exit %d: %s%s", code, &r.out, &r.err)
	}
	if code := r.run(t, "rescue", file, "-platform", p.URL, "-key", "sk_test_1", "-tries", "1"); code != exitUnknown || len(p.arrived) > 0 {
		t.Errorf("an unknown authority: exit %d: %s%s", code, &r.out, &r.err)
	}
}

func TestRescueDoesNotFollowRedirects(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "1111", nil)
	file := s.export(t, "rescue")
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the secret key went elsewhere") }))
	defer elsewhere.Close()
	p := newPlatform(t, s)
	p.trouble = []func(http.ResponseWriter) bool{func(w http.ResponseWriter) bool {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}}
	var r runner
	if code := r.run(t, "rescue", file, "-platform", p.URL, "-key", "sk_test_1", "-ca", p.ca(t), "-tries", "1"); code != exitUnknown {
		t.Errorf("exit %d: %s", code, &r.out)
	}
}

func TestRescueOfAMangledFileSubmitsWhatIsWhole(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "1111", nil)
	s.take(t, 2, "2222", nil)
	lines := slices.Collect(bytes.Lines(read(t, s.export(t, "rescue"))))
	at := slices.IndexFunc(lines, func(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"localId"`)) })
	file := write(t, "export", bytes.Join(slices.Delete(lines, at, at+1), nil))
	p := newPlatform(t, s)
	var r runner
	if code := r.run(t, "rescue", file, "-platform", p.URL, "-key", "sk_test_1", "-ca", p.ca(t)); code != exitWrong || !slices.Equal(p.arrived, []uint64{2}) ||
		!strings.Contains(r.out.String(), "1 without their sealed payload") || !strings.Contains(r.err.String(), "warning") {
		t.Errorf("exit %d, arrived %v: %s%s", code, p.arrived, &r.out, &r.err)
	}
}
