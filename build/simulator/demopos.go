package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// demoPOS is the shop's point of sale in a demo: it keeps its own books, from
// what it was told and nothing else.
type demoPOS struct {
	key        *ecdsa.PrivateKey
	roots      *x509.CertPool
	credential *wire.Credential
	conn       *client.Conn

	mu      sync.Mutex
	lastSeq uint64
	books   map[string]wire.PaymentIntent // by localId, as last told
	told    map[string]int                // paymentIntentForwarded events by localId
	reasons map[string]*wire.Error        // the error of those events
	status  wire.OfflineStatus
	removed int           // cards taken out
	changed chan struct{} // closed at every event
}

func newDemoPOS() (*demoPOS, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &demoPOS{
		key: key, books: map[string]wire.PaymentIntent{}, told: map[string]int{}, reasons: map[string]*wire.Error{},
		changed: make(chan struct{}),
	}, nil
}

// connect connects with a fresh token from the merchant's backend or, when
// that cannot be reached, with the credential of an earlier connect.
func (p *demoPOS) connect(ctx context.Context, at endpoints) (wire.ConnectReaderResult, error) {
	if p.conn != nil {
		p.conn.Close()
	}
	if p.roots == nil {
		ca, err := get(ctx, at.Public+"/ca.pem")
		if err != nil {
			return wire.ConnectReaderResult{}, err
		}
		p.roots = x509.NewCertPool()
		p.roots.AppendCertsFromPEM(ca)
	}
	token, err := connectionToken(ctx, at)
	if err != nil && p.credential == nil {
		return wire.ConnectReaderResult{}, err
	}
	conn, err := client.Dial(ctx, client.Options{
		URL: at.POS, RootCAs: p.roots, ReaderID: at.ReaderID, POSID: "demo-pos", Key: p.key, Name: "simulator demo",
		OnEvent: p.event, AutoAcknowledge: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return wire.ConnectReaderResult{}, err
	}
	p.conn = conn
	with := client.ConnectOptions{ConnectionToken: token}
	if token == "" {
		with.Credential = p.credential
	}
	p.mu.Lock()
	p.status = wire.OfflineStatus{} // until told
	if p.lastSeq > 0 {
		seq := p.lastSeq
		with.LastSeq = &seq
	}
	p.mu.Unlock()
	result, err := conn.Connect(ctx, with)
	if err != nil {
		return result, err
	}
	p.credential = result.Credential
	p.mu.Lock()
	if p.status.Reader == nil { // else an event was faster, and is newer
		p.status = result.OfflineStatus
	}
	p.mu.Unlock()
	return result, nil
}

func (p *demoPOS) event(e wire.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Seq > 0 {
		if p.lastSeq > 0 && e.Seq != p.lastSeq+1 {
			return fmt.Errorf("event %d came after %d", e.Seq, p.lastSeq)
		}
		p.lastSeq = e.Seq
	}
	if e.PaymentIntent != nil {
		p.books[e.PaymentIntent.LocalID] = *e.PaymentIntent
	}
	switch e.Type {
	case wire.EventPaymentIntentForwarded:
		p.told[e.PaymentIntent.LocalID]++
		p.reasons[e.PaymentIntent.LocalID] = e.Error
	case wire.EventOfflineStatusChange:
		p.status = *e.OfflineStatus
	case wire.EventReaderEvent:
		if e.ReaderEvent == wire.ReaderCardRemoved {
			p.removed++
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

// await waits until what the POS was told satisfies ok.
func (p *demoPOS) await(ctx context.Context, limit time.Duration, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		p.mu.Lock()
		done, changed := ok(), p.changed
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-p.conn.Done():
			return errors.Join(errors.New("connection to the reader lost"), p.conn.Err())
		case <-ctx.Done():
			return fmt.Errorf("waited %v in vain", limit)
		}
	}
}

// pay takes one payment with a card that is put in and taken out again.
func (p *demoPOS) pay(ctx context.Context, control controlClient, amount int64, card string) (wire.PaymentIntent, error) {
	created, err := p.conn.CreatePaymentIntent(ctx, wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: amount, Currency: "usd"})
	if err != nil {
		return created, err
	}
	if err := control.do(ctx, http.MethodPost, "card", map[string]string{"card": card}, nil); err != nil {
		return created, err
	}
	p.mu.Lock()
	removed := p.removed
	p.mu.Unlock()
	paid, err := p.conn.ProcessPaymentIntent(ctx, wire.ProcessPaymentIntentParams{
		RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: created.LocalID},
	})
	inserted := err == nil || wasRead(err)
	if rerr := control.do(ctx, http.MethodDelete, "card", nil, nil); rerr != nil {
		return paid, rerr
	}
	if inserted {
		if werr := p.await(ctx, 10*time.Second, func() bool { return p.removed > removed }); werr != nil {
			return paid, errors.Join(err, werr)
		}
	}
	if err == nil {
		p.mu.Lock()
		p.books[paid.LocalID] = paid
		p.mu.Unlock()
	}
	return paid, err
}

// wasRead tells whether a refused payment had got as far as the card.
func wasRead(err error) bool {
	e, ok := wire.AsError(err)
	return ok && e.Retry == wire.RetryCollectAgain
}

func connectionToken(ctx context.Context, at endpoints) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Public+"/v1/terminal/connection_tokens", strings.NewReader(""))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(at.APIKey, "")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var token struct{ Secret string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&token); err != nil || token.Secret == "" {
		return "", fmt.Errorf("no connection token: %s", response.Status)
	}
	return token.Secret, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1<<20))
}
