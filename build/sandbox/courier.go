package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// delivery is one event that one endpoint has not acknowledged. It is written
// with the event, and again after every attempt.
type delivery struct {
	EventID    string `json:"eventId"`
	EndpointID string `json:"endpointId"`
	Sequence   uint64 `json:"sequence"` // of the event
	AtMs       int64  `json:"atMs"`     // of the last attempt, at first of the event
	WaitMs     int64  `json:"waitMs"`   // from then to the next attempt
	Attempts   int    `json:"attempts"` // that failed
	FirstAtMs  int64  `json:"firstAtMs,omitempty"`
	Error      string `json:"error,omitempty"` // of the last attempt
	Delivered  bool   `json:"delivered,omitempty"`
	GivenUp    bool   `json:"givenUp,omitempty"`
}

func (delivery) kind() string  { return "delivery" }
func (o delivery) key() string { return o.EventID + "." + o.EndpointID }

func (o delivery) dueMs() int64 { return o.AtMs + o.WaitMs }

// in is how long the delivery still has to wait. A clock that was set back must
// not stop it.
func (o delivery) in(nowMs int64) time.Duration {
	if nowMs < o.AtMs {
		return 0
	}
	return time.Duration(o.dueMs()-nowMs) * time.Millisecond
}

// before orders by time, and what happened together as it happened.
func (o delivery) before(other delivery) bool {
	return cmp.Or(cmp.Compare(o.dueMs(), other.dueMs()), cmp.Compare(o.Sequence, other.Sequence)) < 0
}

// Waits double from firstWaitMs to maxWaitMs, plus or minus a quarter. The
// platform gives up after three days, but not before so many attempts as take
// more than a day of such waits, whatever the clock says.
const (
	firstWaitMs = 2_000
	maxWaitMs   = 4 * 3600 * 1000
	giveUpMs    = 3 * dayMs
	minAttempts = 22
)

func waitMs(attempts int) int64 {
	wait := int64(maxWaitMs)
	if attempts < 14 {
		wait = min(wait, firstWaitMs<<(attempts-1))
	}
	return wait*3/4 + rand.Int64N(wait/2+1)
}

// failed is the delivery after an attempt that failed.
func (o delivery) failed(atMs int64, why string) delivery {
	o.Attempts++
	if o.FirstAtMs == 0 {
		o.FirstAtMs = atMs
	}
	o.AtMs, o.WaitMs, o.Error = atMs, waitMs(o.Attempts), why
	o.GivenUp = o.Attempts >= minAttempts && atMs-o.FirstAtMs >= giveUpMs
	return o
}

// setDelivery notes a delivery, and forgets one that has ended.
func (s *state) setDelivery(d delivery) {
	count := s.delivered[d.EndpointID]
	switch {
	case d.Delivered:
		count.Delivered++
	case d.GivenUp:
		count.GivenUp++
	}
	if d.Error != "" {
		count.LastError, count.LastErrorAtMs = d.Error, d.AtMs
	}
	s.delivered[d.EndpointID] = count
	if !d.Delivered && !d.GivenUp {
		if s.waiting[d.EventID] == nil {
			s.waiting[d.EventID] = make(map[string]delivery)
		}
		s.waiting[d.EventID][d.EndpointID] = d
		return
	}
	delete(s.waiting[d.EventID], d.EndpointID)
	if len(s.waiting[d.EventID]) == 0 {
		delete(s.waiting, d.EventID)
	}
}

// courier brings events to webhook endpoints.
type courier struct {
	wake   chan struct{} // something changed
	gate   gate          // to the internet
	client *http.Client

	// Guarded by the sandbox's mutex.
	offline bool // the internet is cut
	cuts    int  // how often it was
}

// cut closes the way to the internet, or opens it.
func (c *courier) cut(off bool) {
	c.offline = off
	if off {
		c.cuts++
	}
	c.gate.set(off)
}

// newCourier waits so long for an endpoint's answer; 0 means ten seconds.
func newCourier(patience time.Duration) *courier {
	c := &courier{wake: make(chan struct{}, 1)}
	c.client = &http.Client{
		Timeout:       cmp.Or(patience, 10*time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: c.dial, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
	}
	return c
}

func (c *courier) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &gatedConn{Conn: raw, gate: &c.gate}
	if !c.gate.admit(conn) {
		conn.cut()
		return nil, errors.New("the internet is cut")
	}
	return conn, nil
}

// kick makes the courier look again. It never blocks.
func (c *courier) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// errand is an attempt to make.
type errand struct {
	delivery
	to      endpoint
	payload []byte
	cuts    int // of the internet, before it
}

// startCourier delivers until stop, which waits for its end.
func (s *Sandbox) startCourier(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.deliver(ctx); err != nil {
			s.log.Error("webhooks are not delivered any more", "err", err)
		}
		s.courier.client.CloseIdleConnections()
	}()
	return func() { cancel(); <-ended }
}

// deliver makes one attempt at a time for each endpoint, so that a slow one
// only delays itself. Refunds that are due to fail do so meanwhile: that is
// news as well. It ends with ctx, or when results cannot be written down: what
// was delivered would be delivered again and again.
func (s *Sandbox) deliver(ctx context.Context) error {
	type result struct {
		endpoint string
		err      error
	}
	busy := make(map[string]bool)
	results := make(chan result)
	var failed error
	for failed == nil && ctx.Err() == nil {
		errands, wait := s.errands(busy)
		for _, e := range errands {
			busy[e.EndpointID] = true
			go func() { results <- result{e.EndpointID, s.attempt(ctx, e)} }()
		}
		if wait <= 0 {
			failed = s.settle()
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case r := <-results:
			delete(busy, r.endpoint)
			failed = r.err
		case <-s.courier.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	for range busy {
		<-results
	}
	return failed
}

// maxNap bounds a wait: the machine's clock may be set, or its lid closed.
const maxNap = time.Minute

// errands returns what is to be delivered now, the first one of each endpoint
// that is not busy, and how long to wait for what comes next; 0 when a refund is
// due to fail. It does not look at the clock while there is nothing to do.
func (s *Sandbox) errands(busy map[string]bool) (now []errand, wait time.Duration) {
	wait = maxNap
	s.view(func(st *state) {
		var failsAtMs int64 // the next refund
		for _, r := range st.refunds.byKey {
			if r.FailsAtMs != 0 && !r.Failed && (failsAtMs == 0 || r.FailsAtMs < failsAtMs) {
				failsAtMs = r.FailsAtMs
			}
		}
		if failsAtMs == 0 && len(st.waiting) == 0 {
			return
		}
		nowMs := s.now().UnixMilli()
		if failsAtMs != 0 {
			wait = min(wait, time.Duration(max(failsAtMs-nowMs, 0))*time.Millisecond)
		}
		if s.courier.offline {
			return
		}
		first := make(map[string]delivery)
		for _, waiting := range st.waiting {
			for id, d := range waiting {
				if busy[id] {
					continue
				}
				if in := d.in(nowMs); in > 0 {
					wait = min(wait, in)
				} else if other, ok := first[id]; !ok || d.before(other) {
					first[id] = d
				}
			}
		}
		for id, d := range first {
			e := errand{delivery: d, cuts: s.courier.cuts}
			e.to, _ = st.endpoints.get(id)
			told, _ := st.events.get(d.EventID)
			var err error
			if e.payload, err = json.Marshal(renderEvent(st, told, e.to.APIVersion)); err != nil {
				s.log.Error("event not encoded", "event", d.EventID, "err", err)
				continue
			}
			now = append(now, e)
		}
	})
	return now, wait
}

// attempt delivers and writes down how it went. Its error is about the latter.
// What the end of the sandbox or a cut internet interrupted is not written
// down: it is as if it had never been tried, though it may have arrived.
func (s *Sandbox) attempt(ctx context.Context, e errand) error {
	why := s.courier.post(ctx, e, s.now())
	if why != nil && ctx.Err() != nil {
		return nil
	}
	return s.update(func(t *tx) error {
		d, ok := t.waiting[e.EventID][e.EndpointID]
		switch {
		case !ok: // its endpoint was deleted
			return nil
		case why == nil:
			d.Delivered, d.Error = true, ""
		case e.cuts != s.courier.cuts:
			return nil
		default:
			d = d.failed(t.atMs, text(why))
			s.log.Info("webhook not delivered", "endpoint", e.EndpointID, "event", e.EventID, "attempts", d.Attempts, "err", d.Error, "givenUp", d.GivenUp)
		}
		t.put(d)
		return nil
	})
}

// post returns nil when the endpoint acknowledged.
func (c *courier) post(ctx context.Context, e errand, now time.Time) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.to.URL, bytes.NewReader(e.payload))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Smartreader-Sandbox (webhooks)")
	r.Header.Set("Stripe-Signature", signature(e.to.Secret, now, e.payload))
	r.Header["X-Idempotency-Key"] = nil // not sent; tells net/http to try again on an idle connection that was closed
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("it answered %d", resp.StatusCode)
	}
	io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	return nil
}

// signature is the header that proves who sent the payload, and when.
func signature(secret string, now time.Time, payload []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", now.Unix(), payload)
	return fmt.Sprintf("t=%d,v1=%s", now.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// text says why, without the URL, which may hold a shop's own secrets.
func text(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return strings.ToValidUTF8(err.Error()[:min(200, len(err.Error()))], "")
}
