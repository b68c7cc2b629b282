package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"
)

// backend is a shop's receiver of webhooks.
type backend struct {
	p        *shop
	id       string // of its endpoint
	secret   string
	arrived  chan notice
	statuses chan int // of the next answers, then 200; hold keeps the sandbox waiting
}

const hold = -1

// notice is one delivery as it arrived.
type notice struct {
	id, kind  string
	event     fields
	object    fields // data.object
	signature string
	body      []byte
}

// listenFor opens a receiver and registers it for the types, or for all.
func (p *shop) listenFor(types ...string) *backend {
	p.t.Helper()
	b := &backend{p: p, arrived: make(chan notice, 1000), statuses: make(chan int, 1000)}
	server := httptest.NewServer(b)
	p.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	if types == nil {
		types = []string{"*"}
	}
	made := p.must("POST", "/v1/webhook_endpoints", url.Values{"url": {server.URL + "/hook?key=1"}, "enabled_events[]": types, "api_version": {"2026-08-26.train"}}.Encode())
	b.id, b.secret = made["id"].(string), made["secret"].(string)
	return b
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := notice{signature: r.Header.Get("Stripe-Signature")}
	var err error
	if n.body, err = io.ReadAll(r.Body); err != nil {
		return // cut while it was sent: it did not arrive
	}
	if r.Method != "POST" || r.RequestURI != "/hook?key=1" || json.Unmarshal(n.body, &n.event) != nil {
		b.p.t.Errorf("%s %s: %s", r.Method, r.RequestURI, n.body)
		return
	}
	n.id, n.kind = n.event["id"].(string), n.event["type"].(string)
	n.object = n.event["data"].(fields)["object"].(fields)
	status := http.StatusOK
	select {
	case status = <-b.statuses:
	default:
	}
	b.arrived <- n
	if status == hold {
		<-r.Context().Done()
		return
	}
	if status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere") // where nobody may follow
	}
	w.WriteHeader(status)
}

func (b *backend) next() notice {
	b.p.t.Helper()
	select {
	case n := <-b.arrived:
		return n
	case <-time.After(20 * time.Second):
		b.p.t.Fatal("no webhook arrived")
		panic("unreachable")
	}
}

// want takes the next notices and checks their types.
func (b *backend) want(types ...string) []notice {
	b.p.t.Helper()
	var got []notice
	var kinds []string
	for range types {
		n := b.next()
		got, kinds = append(got, n), append(kinds, n.kind)
	}
	if !slices.Equal(kinds, types) {
		b.p.t.Fatalf("got %q, want %q", kinds, types)
	}
	return got
}

// done waits until everything before is written down: an endpoint's next event
// is sent after that. Nothing else may have been sent meanwhile.
func (b *backend) done() {
	b.p.t.Helper()
	made := b.p.must("POST", "/v1/payment_intents", "amount=777&currency=usd")
	if n := b.next(); n.object["id"] != made["id"] {
		b.p.t.Fatalf("unexpected %s: %v", n.kind, n.object)
	}
}

// verified checks a signature as the public documentation describes it.
func verified(n notice, secret string) bool {
	var at, sum string
	for part := range strings.SplitSeq(n.signature, ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			at = value
		case "v1":
			sum = value
		}
	}
	sent, err := hex.DecodeString(sum)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "." + string(n.body)))
	return err == nil && hmac.Equal(sent, mac.Sum(nil))
}

// stopClock makes time pass by advance only: no retry comes by itself.
func stopClock(o *Options) {
	now := time.Now()
	o.Now = func() time.Time { return now }
}

func (p *shop) advance(d time.Duration) {
	p.t.Helper()
	if err := p.s.SetClock(p.s.Status().Faults.ClockOffsetMs + d.Milliseconds()); err != nil {
		p.t.Fatal(err)
	}
}
