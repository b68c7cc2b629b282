package sandbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
	"smartreader/firmware/platform"
	"smartreader/hal/dukpt"
	"smartreader/store/seal"
)

// shop is a running sandbox with one activated reader.
type shop struct {
	t      *testing.T
	dir    string
	s      *Sandbox
	stop   func()
	public string

	key        *ecdsa.PrivateKey // the reader's
	activation *platform.ActivateResponse
	client     *platform.Client
	sequence   uint64
	cards      map[string]*emvtest.Card
	pads       map[string]dukpt.Device // by format
}

func openShop(t *testing.T, change ...func(*Options)) *shop {
	t.Helper()
	p := &shop{t: t, dir: t.TempDir(), cards: make(map[string]*emvtest.Card)}
	p.start(change...)
	t.Cleanup(func() { p.stop() })
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.activation = p.activate("S700-TEST", p.key)
	return p
}

// start opens the folder and serves on new ports.
func (p *shop) start(change ...func(*Options)) {
	p.t.Helper()
	opts := Options{Dir: p.dir, Public: listen(p.t), Device: listen(p.t)}
	for _, f := range change {
		f(&opts)
	}
	s, err := New(opts)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	p.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("Run: %v", err)
		}
		if err := s.Close(); err != nil {
			p.t.Errorf("Close: %v", err)
		}
		p.stop = func() {}
	}
	p.s = s
	p.public = "http://" + opts.Public.Addr().String()
	p.client = p.clientWith(func() tls.Certificate {
		if p.activation == nil {
			return tls.Certificate{}
		}
		return tls.Certificate{Certificate: [][]byte{p.activation.Certificate}, PrivateKey: p.key}
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// clientWith is a client with another identity.
func (p *shop) clientWith(identity func() tls.Certificate) *platform.Client {
	p.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.s.CA())
	c, err := platform.New(platform.Options{
		BaseURL: "https://" + p.s.opts.Device.Addr().String(), RootCAs: roots, Identity: identity, Now: p.s.opts.Now,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// clientTimeout is the reader's client with little patience.
func (p *shop) clientTimeout(patience time.Duration) *platform.Client {
	p.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.s.CA())
	c, err := platform.New(platform.Options{
		BaseURL: "https://" + p.s.opts.Device.Addr().String(), RootCAs: roots, Now: time.Now, Timeout: patience,
		Identity: func() tls.Certificate {
			return tls.Certificate{Certificate: [][]byte{p.activation.Certificate}, PrivateKey: p.key}
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *shop) activate(serial string, key *ecdsa.PrivateKey) *platform.ActivateResponse {
	p.t.Helper()
	csr, err := platform.NewCSR(key, serial)
	if err != nil {
		p.t.Fatal(err)
	}
	a, err := p.client.Activate(p.t.Context(), platform.ActivateRequest{RegistrationCode: "simulated-s700", Serial: serial, CSR: csr})
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// restart stops the sandbox and opens the same folder again.
func (p *shop) restart() {
	p.t.Helper()
	p.stop()
	p.start()
}

// payment is a payment whose card data was read.
type payment struct {
	shop   *shop
	header seal.Header
	data   []byte
}

// pay presents a test card for amount (minor units, usd) under a new sequence.
func (p *shop) pay(profile string, amount int64) *payment {
	p.t.Helper()
	return p.payWith(profile, amount, nil)
}

// payOnlinePIN presents the card that wants an online PIN; one was entered.
func (p *shop) payOnlinePIN() *payment {
	p.t.Helper()
	return p.payWith("online-pin-cvm", 1200, entered{})
}

// entered is a PIN pad at which a PIN is entered.
type entered struct{ emvkernel.PINPad }

func (entered) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	return emvkernel.PINEntered, nil
}

func (p *shop) payWith(profile string, amount int64, pad emvkernel.PINPad) *payment {
	p.t.Helper()
	config := emvtest.TerminalConfig()
	y, _ := p.collect(profile, emvkernel.Params{Amount: amount, PINPad: pad}, &config, emvkernel.OnlineRequest)
	return y
}

// collect runs the card up to its first cryptogram, which must come to want.
func (p *shop) collect(profile string, params emvkernel.Params, config *emvkernel.Config, want emvkernel.OutcomeKind) (*payment, *emvkernel.Transaction) {
	p.t.Helper()
	card := p.card(profile)
	card.Reset()
	params.Currency, params.Exponent, params.Time = 840, 2, time.Now()
	rand.Read(params.UnpredictableNumber[:])
	transaction, err := emvkernel.NewTransaction(config, params, card, nil, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	outcome, err := transaction.Collect(p.t.Context())
	if err != nil || outcome.Kind != want {
		p.t.Fatalf("%s: %+v, %v", profile, outcome, err)
	}
	p.sequence++
	return p.submissionOf(transaction.ACData(), params.Amount), transaction
}

// card is a test card, the same one every time.
func (p *shop) card(profile string) *emvtest.Card {
	p.t.Helper()
	if p.cards[profile] == nil {
		loaded, err := emvtest.Load(profile)
		if err != nil {
			p.t.Fatal(err)
		}
		p.cards[profile] = emvtest.NewCard(loaded, new(emvtest.State))
	}
	return p.cards[profile]
}

// submissionOf makes a payment of card data.
func (p *shop) submissionOf(data []byte, amount int64) *payment {
	p.t.Helper()
	local := "pl_" + hex.EncodeToString([]byte(rand.Text())[:16])
	return &payment{shop: p, data: data, header: seal.Header{
		Version: seal.HeaderVersion, ReaderID: p.activation.Reader.ID, LocalID: local, Key: local,
		Sequence: p.sequence, Amount: amount, Currency: "usd", CaptureMethod: "automatic",
		CreatedAtMs: time.Now().UnixMilli(), CollectedAtMs: time.Now().UnixMilli(),
		ATC: value(p.t, data, 0x9F36), Cryptogram: value(p.t, data, 0x9F26), ReadMethod: "contact_emv",
	}}
}

// again reads the card once more for the same payment: a new cryptogram under
// a new sequence.
func (y *payment) again(profile string) *payment {
	next := y.shop.pay(profile, y.header.Amount)
	next.header.Key, next.header.LocalID = y.header.Key, y.header.LocalID
	return next
}

func value(t *testing.T, data []byte, tag tlv.Tag) string {
	t.Helper()
	elements, err := tlv.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := tlv.Find(elements, tag)
	if !ok {
		t.Fatalf("no %s in the card data", tag)
	}
	return upper(e.Value)
}

// with returns the card data with one value replaced.
func (y *payment) with(tag tlv.Tag, value []byte) *payment {
	y.shop.t.Helper()
	elements, err := tlv.Parse(y.data)
	if err != nil {
		y.shop.t.Fatal(err)
	}
	y.data = nil
	for _, e := range elements {
		if e.Tag == tag {
			e.Value = value
		}
		y.data = tlv.Append(y.data, e.Tag, e.Value...)
	}
	return y
}

func (y *payment) key() string { return y.header.NaturalKey() }

// sealed makes the submission; every call seals anew.
func (y *payment) sealed() platform.Submission {
	y.shop.t.Helper()
	header, err := y.header.Bytes()
	if err != nil {
		y.shop.t.Fatal(err)
	}
	envelope, err := y.shop.s.keys.seal.Public().Seal(header, y.data)
	if err != nil {
		y.shop.t.Fatal(err)
	}
	return platform.Submission{NaturalKey: y.key(), Envelope: envelope, StoredAtMs: y.header.CollectedAtMs}
}

func (y *payment) authorize() *platform.Verdict {
	y.shop.t.Helper()
	v, err := y.shop.client.Authorize(y.shop.t.Context(), y.sealed())
	if err != nil {
		y.shop.t.Fatal(err)
	}
	return v
}

func (y *payment) forward() *platform.Verdict {
	y.shop.t.Helper()
	v, err := y.shop.client.SubmitOffline(y.shop.t.Context(), y.sealed())
	if err != nil {
		y.shop.t.Fatal(err)
	}
	return v
}

func (y *payment) lookUp() *platform.Verdict {
	y.shop.t.Helper()
	v, err := y.shop.client.LookUp(y.shop.t.Context(), y.key())
	if err != nil {
		y.shop.t.Fatal(err)
	}
	return v
}

func (y *payment) reverse() *platform.Reversal {
	y.shop.t.Helper()
	r, err := y.shop.client.Reverse(y.shop.t.Context(), platform.ReversalRequest{NaturalKey: y.key(), Reason: "test"})
	if err != nil {
		y.shop.t.Fatal(err)
	}
	return r
}

// fields is a decoded JSON object.
type fields = map[string]any

// ask calls the public face with the API key.
func (p *shop) ask(method, path, form string, header ...string) (int, fields) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.public+path, strings.NewReader(form))
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth(APIKey, "")
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var out fields
	if err := json.Unmarshal(body, &out); err != nil {
		p.t.Fatalf("%s %s: %s", method, path, body)
	}
	return resp.StatusCode, out
}

// must is ask for requests that succeed.
func (p *shop) must(method, path, form string, header ...string) fields {
	p.t.Helper()
	status, out := p.ask(method, path, form, header...)
	if status != http.StatusOK {
		p.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

// token makes a connection token.
func (p *shop) token(form url.Values) string {
	p.t.Helper()
	return p.must("POST", "/v1/terminal/connection_tokens", form.Encode())["secret"].(string)
}

// wantTotals compares what counts; the counters are compared where they matter.
func (p *shop) wantTotals(approved, declined, reversed Sum) {
	p.t.Helper()
	got := p.s.Totals()
	for name, pair := range map[string][2]Sum{
		"approved": {got.Approved, approved}, "declined": {got.Declined, declined}, "reversed": {got.Reversed, reversed},
	} {
		if pair[0].Count != pair[1].Count || pair[0].ByCurrency["usd"] != pair[1].ByCurrency["usd"] {
			p.t.Errorf("%s: %+v, want %+v", name, pair[0], pair[1])
		}
	}
	if got.Duplicates != 0 {
		p.t.Errorf("%d duplicates", got.Duplicates)
	}
}

func usd(count int, amount int64) Sum {
	return Sum{Count: count, ByCurrency: map[string]int64{"usd": amount}}
}
