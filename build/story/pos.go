package story

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
	"slices"
	"strings"
	"sync"
	"time"

	"smartreader/build/bench"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// POS is the shop's point of sale in a story: it keeps its own books, from
// what it was told and nothing else. Connect, Pay, Conn and Close belong to
// one goroutine.
type POS struct {
	id         string
	key        *ecdsa.PrivateKey
	roots      *x509.CertPool
	credential *wire.Credential
	conn       *client.Conn

	mu      sync.Mutex
	lastSeq uint64
	books   Books
	changed chan struct{} // closed at every event
}

// Books are what a POS was told.
type Books struct {
	Payments map[string]wire.PaymentIntent // by localId, as last told
	Told     map[string]int                // paymentIntentForwarded events by localId
	Reasons  map[string]*wire.Error        // the error of those events
	Status   wire.OfflineStatus
	Removed  int      // cards taken out
	Shown    []string // what the cardholder was asked to do, as wire.Display*
}

// NewPOS returns a POS with a key of its own. A reader knows a POS's id by its
// key: no two may have the same.
func NewPOS(id string) (*POS, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &POS{
		id: id, key: key, changed: make(chan struct{}),
		books: Books{Payments: map[string]wire.PaymentIntent{}, Told: map[string]int{}, Reasons: map[string]*wire.Error{}},
	}, nil
}

// Close ends the connection, if there is one.
func (p *POS) Close() {
	if p.conn != nil {
		p.conn.Close()
	}
}

// Conn is the connection made last.
func (p *POS) Conn() *client.Conn { return p.conn }

// Connect connects with a fresh token from the merchant's backend or, when
// that cannot be reached, with the credential of an earlier connect.
func (p *POS) Connect(ctx context.Context, at bench.Endpoints) (wire.ConnectReaderResult, error) {
	p.Close()
	if p.roots == nil {
		ca, err := Get(ctx, at.Public+"/ca.pem")
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
		URL: at.POS, RootCAs: p.roots, ReaderID: at.ReaderID, POSID: p.id, Key: p.key, Name: p.id,
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
	p.books.Status = wire.OfflineStatus{} // until told
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
	if p.books.Status.Reader == nil { // else an event was faster, and is newer
		p.books.Status = result.OfflineStatus
	}
	p.mu.Unlock()
	return result, nil
}

func (p *POS) event(e wire.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Seq > 0 {
		if p.lastSeq > 0 && e.Seq != p.lastSeq+1 {
			return fmt.Errorf("event %d came after %d", e.Seq, p.lastSeq)
		}
		p.lastSeq = e.Seq
	}
	if e.PaymentIntent != nil {
		p.books.Payments[e.PaymentIntent.LocalID] = *e.PaymentIntent
	}
	switch e.Type {
	case wire.EventPaymentIntentForwarded:
		p.books.Told[e.PaymentIntent.LocalID]++
		p.books.Reasons[e.PaymentIntent.LocalID] = e.Error
	case wire.EventOfflineStatusChange:
		p.books.Status = *e.OfflineStatus
	case wire.EventDisplayMessage:
		p.books.Shown = append(p.books.Shown, e.DisplayMessage)
	case wire.EventReaderEvent:
		if e.ReaderEvent == wire.ReaderCardRemoved {
			p.books.Removed++
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

// Look shows the books as they are now, and returns a channel that is closed
// when they change.
func (p *POS) Look(at func(*Books)) (changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at(&p.books)
	return p.changed
}

// Await waits until the books satisfy ok.
func (p *POS) Await(ctx context.Context, limit time.Duration, ok func(*Books) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		done := false
		changed := p.Look(func(b *Books) { done = ok(b) })
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

// Hand moves cards.
type Hand interface {
	Insert(ctx context.Context, card string) error
	Remove(ctx context.Context) error
	// Tap takes a card, or two to be held together, and taps when the reader asks
	// for one, until it is read; in place of what was to be tapped before.
	Tap(ctx context.Context, cards ...string) error
}

// Pay takes one payment in US dollars with a card that is put in and taken out
// again.
func (p *POS) Pay(ctx context.Context, hand Hand, amount int64, card string) (wire.PaymentIntent, error) {
	created, err := p.create(ctx, amount)
	if err != nil {
		return created, err
	}
	if err := hand.Insert(ctx, card); err != nil {
		return created, err
	}
	removed := 0
	p.Look(func(b *Books) { removed = b.Removed })
	paid, err := p.process(ctx, created)
	inserted := err == nil || wasRead(err)
	if rerr := hand.Remove(ctx); rerr != nil {
		return paid, errors.Join(err, rerr)
	}
	if inserted {
		if werr := p.Await(ctx, moved, func(b *Books) bool { return b.Removed > removed }); werr != nil {
			return paid, errors.Join(err, werr)
		}
	}
	return paid, err
}

// Tap takes one payment in US dollars with a card that is tapped.
func (p *POS) Tap(ctx context.Context, hand Hand, amount int64, card string) (wire.PaymentIntent, error) {
	created, err := p.create(ctx, amount)
	if err != nil {
		return created, err
	}
	if err := hand.Tap(ctx, card); err != nil {
		return created, err
	}
	return p.process(ctx, created)
}

// TapTwice is Tap with a phone that wants to be unlocked first: it is tapped again
// when the POS is told so.
func (p *POS) TapTwice(ctx context.Context, hand Hand, amount int64, phone string) (wire.PaymentIntent, error) {
	var paid wire.PaymentIntent
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		paid, err = p.Tap(ctx, hand, amount, phone)
	}()
	asked := p.Await(ctx, moved, func(b *Books) bool { return slices.Contains(b.Shown, wire.DisplayCheckMobileDevice) })
	if asked == nil {
		asked = hand.Tap(ctx, phone)
	}
	<-done
	return paid, errors.Join(err, asked)
}

func (p *POS) create(ctx context.Context, amount int64) (wire.PaymentIntent, error) {
	return p.conn.CreatePaymentIntent(ctx, wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: amount, Currency: "usd"})
}

// process takes a payment, and writes it down when it was taken.
func (p *POS) process(ctx context.Context, created wire.PaymentIntent) (wire.PaymentIntent, error) {
	paid, err := p.conn.ProcessPaymentIntent(ctx, wire.ProcessPaymentIntentParams{
		RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: created.LocalID},
	})
	if err == nil {
		p.Look(func(b *Books) { b.Payments[paid.LocalID] = paid })
	}
	return paid, err
}

// wasRead tells whether a refused payment had got as far as the card.
func wasRead(err error) bool {
	e, ok := wire.AsError(err)
	return ok && e.Retry == wire.RetryCollectAgain
}

func connectionToken(ctx context.Context, at bench.Endpoints) (string, error) {
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

// Get fetches what the platform shows to everybody.
func Get(ctx context.Context, url string) ([]byte, error) {
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
