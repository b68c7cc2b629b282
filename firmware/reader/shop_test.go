package reader_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/platform"
	"smartreader/firmware/reader"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// shop is a whole shop in one process: platform, reader, cards, and a POS that
// writes down everything it is told. All sockets, all files are real.
type shop struct {
	*testing.T
	dir      string // of the reader
	platform *sandbox.Sandbox
	public   string
	device   string
	log      safeBuffer

	board *sim.Board
	keys  keys
	at    string
	id    string
	stop  context.CancelFunc
	ended chan error
	cards map[string]*emvtest.State

	serial string // of the reader; empty: the first one's
	key    *ecdsa.PrivateKey
	posID  string
	conn   *client.Conn
	tokens func(ctx context.Context, reason string) (string, error) // of the POS, nil: it provides none

	mu      sync.Mutex
	heard   [][]byte // every message, as JSON
	events  []wire.Event
	changed chan struct{}
}

func openShop(t *testing.T, change ...func(*sandbox.Options)) *shop {
	t.Helper()
	s := &shop{T: t, dir: t.TempDir(), posID: "till-1", cards: map[string]*emvtest.State{}, changed: make(chan struct{})}
	public, device := s.listen(), s.listen()
	var err error
	options := sandbox.Options{Dir: t.TempDir(), Public: public, Device: device}
	for _, f := range change {
		f(&options)
	}
	s.platform, err = sandbox.New(options)
	s.must(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.platform.Run(ctx) }()
	s.public, s.device = "http://"+public.Addr().String(), "https://"+device.Addr().String()
	s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	t.Cleanup(func() {
		s.close()
		stop()
		s.must(<-ended)
		s.must(s.platform.Close())
	})
	return s
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *shop) listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	return l
}

// open starts the reader and returns once POS can connect, or the error it
// ended with.
func (s *shop) open(change ...func(*reader.Options)) error {
	s.Helper()
	var err error
	s.board, err = sim.Open(sim.Options{Dir: s.dir, Serial: s.serial})
	s.must(err)
	s.keys = make(keys)
	s.board.HAL.Input = s.keys
	ready := make(chan struct{})
	options := reader.Options{
		Dir: s.dir, Listener: s.listen(), PlatformURL: s.device, PlatformCA: s.platform.CAPEM(),
		RegistrationCode: "simulated-s700", DeviceType: "simulated_stripe_s700",
		Link: platform.LinkOptions{OnlineInterval: 50 * time.Millisecond, RetryMin: 20 * time.Millisecond, RetryMax: 100 * time.Millisecond},
		Log:  slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func(addr net.Addr, id string) {
			s.at, s.id = "wss://"+addr.String(), id
			close(ready)
		},
	}
	for _, f := range change {
		f(&options)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.ended = stop, make(chan error, 1)
	ended := s.ended
	go func() { ended <- reader.Run(ctx, *s.board.HAL, options) }()
	select {
	case <-ready:
		return nil
	case err := <-ended:
		ended <- err
		s.close()
		return err
	}
}

// close stops the reader in order.
func (s *shop) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	if s.stop == nil {
		return
	}
	s.stop()
	if err := <-s.ended; err != nil && !errors.Is(err, context.Canceled) && !s.Failed() {
		s.Logf("reader ended: %v", err)
	}
	s.must(s.board.HAL.Close())
	s.stop = nil
}

func (s *shop) dial() *client.Conn {
	s.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.platform.CAPEM())
	conn, err := client.Dial(s.Context(), client.Options{
		URL: s.at, RootCAs: roots, ReaderID: s.id, POSID: s.posID, Key: s.key, OnEvent: s.hear, AutoAcknowledge: true, ConnectionToken: s.tokens,
		Log: slog.New(slog.DiscardHandler),
	})
	s.must(err)
	return conn
}

// connect connects with a fresh token.
func (s *shop) connect() wire.ConnectReaderResult {
	s.Helper()
	s.conn = s.dial()
	result, err := s.conn.Connect(s.Context(), client.ConnectOptions{ConnectionToken: s.token()})
	s.must(err)
	s.note(result)
	return result
}

func (s *shop) token() string {
	s.Helper()
	return s.call(http.MethodPost, "/v1/terminal/connection_tokens", nil)["secret"].(string)
}

// call is a call of the platform's public face.
func (s *shop) call(method, path string, form url.Values) map[string]any {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, s.public+path, strings.NewReader(form.Encode()))
	s.must(err)
	request.SetBasicAuth(sandbox.APIKey, "")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	s.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	s.must(err)
	var answer map[string]any
	s.must(json.Unmarshal(body, &answer))
	if response.StatusCode != http.StatusOK {
		s.Fatalf("%s %s: %s", method, path, body)
	}
	return answer
}

func (s *shop) hear(e wire.Event) error {
	s.note(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *shop) note(v any) {
	data, err := json.Marshal(v)
	s.must(err)
	s.mu.Lock()
	s.heard = append(s.heard, data)
	s.mu.Unlock()
}

// await returns the first event, past or coming, that is wanted.
func (s *shop) await(wanted func(wire.Event) bool) wire.Event {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute) // to say what is missing, not to wait
	defer cancel()
	for {
		s.mu.Lock()
		for _, e := range s.events {
			if wanted(e) {
				s.mu.Unlock()
				return e
			}
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			s.Fatal("the event never came")
		}
	}
}

// forget forgets the events heard, so that await waits for new ones.
func (s *shop) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events, s.heard = nil, nil
}

// awaitStatus waits until the reader's offline status is as wanted: now, or in
// an event that is still to come.
func (s *shop) awaitStatus(wanted func(wire.OfflineStatusDetails) bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute) // to say what is missing, not to wait
	defer cancel()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		now, err := s.conn.GetOfflineStatus(ctx)
		s.must(err)
		if wanted(*now.Reader) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.Fatalf("the status stays %+v", *now.Reader)
		}
	}
}

// second is another reader of the same shop, with the same POS.
func (s *shop) second() *shop {
	o := &shop{
		T: s.T, dir: s.TempDir(), serial: "SIM-0002", platform: s.platform, public: s.public, device: s.device,
		key: s.key, posID: s.posID, cards: s.cards, changed: make(chan struct{}),
	}
	s.Cleanup(o.close)
	return o
}

// set changes the platform's settings; the reader takes them at its next online
// connect.
func (s *shop) set(change sandbox.Settings) {
	s.Helper()
	s.must(s.platform.SetSettings(change))
}

// let connects with a credential.
func (s *shop) let(c *wire.Credential) (wire.ConnectReaderResult, error) {
	s.Helper()
	conn := s.dial()
	defer conn.Close()
	return conn.Connect(s.Context(), client.ConnectOptions{Credential: c})
}

// cut cuts the internet and waits until the reader has noticed.
func (s *shop) cut() {
	s.Helper()
	s.must(s.platform.SetUnreachable(true))
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.NetworkStatus == wire.NetworkOffline })
}

func (s *shop) restore() {
	s.Helper()
	s.must(s.platform.SetUnreachable(false))
}

func (s *shop) retrieve(localID string) wire.PaymentIntent {
	s.Helper()
	pi, err := s.conn.RetrievePaymentIntent(s.Context(), wire.RetrievePaymentIntentParams{LocalID: localID})
	s.must(err)
	return pi
}

// till is another POS of the same shop, that looks on and has a place in the
// events of its own.
func (s *shop) till(posID string) *shop {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	o := &shop{T: s.T, platform: s.platform, public: s.public, at: s.at, id: s.id, posID: posID, key: key, changed: make(chan struct{})}
	o.conn = o.dial()
	s.Cleanup(func() { o.conn.Close() })
	if _, err := o.conn.Connect(s.Context(), client.ConnectOptions{ConnectionToken: s.token(), FailIfInUse: true}); !errors.Is(err, wire.CodeReaderInUse) {
		s.Fatalf("the reader is held, and %s connected with: %v", posID, err)
	}
	return o
}

// openLater opens the reader with a clock that is ahead.
func (s *shop) openLater(ahead time.Duration) error {
	s.Helper()
	return s.open(func(o *reader.Options) { o.Now = func() time.Time { return time.Now().Add(ahead) } })
}

// awaitTotals waits for what the platform has charged.
func (s *shop) awaitTotals(wanted func(sandbox.Totals) bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute) // to say what is missing, not to wait
	defer cancel()
	for !wanted(s.platform.Totals()) {
		select {
		case <-time.After(10 * time.Millisecond): // the platform tells nobody
		case <-ctx.Done():
			s.Fatalf("the platform has %+v", s.platform.Totals())
		}
	}
}

func (s *shop) insert(card string) {
	s.Helper()
	s.must(s.board.Tray.Insert(card, s.chip(card)))
}

// take removes the card and waits until the reader saw it.
func (s *shop) take() {
	s.Helper()
	s.mu.Lock()
	from := len(s.events)
	s.mu.Unlock()
	s.must(s.board.Tray.Remove())
	for {
		s.mu.Lock()
		seen := false
		for _, e := range s.events[from:] {
			seen = seen || e.ReaderEvent == wire.ReaderCardRemoved
		}
		changed := s.changed
		s.mu.Unlock()
		if seen {
			return
		}
		<-changed
	}
}

func (s *shop) create(amount int64, behavior string) wire.PaymentIntent {
	s.Helper()
	pi, err := s.conn.CreatePaymentIntent(s.Context(), wire.CreatePaymentIntentParams{
		RequestID: client.NewRequestID(), Amount: amount, Currency: "usd", OfflineBehavior: behavior,
	})
	s.must(err)
	s.note(pi)
	return pi
}

func (s *shop) process(pi wire.PaymentIntent) (wire.PaymentIntent, error) {
	paid, err := s.conn.ProcessPaymentIntent(s.Context(), wire.ProcessPaymentIntentParams{
		RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID},
	})
	s.note(paid)
	if err != nil {
		s.note(err.Error())
	}
	return paid, err
}

// pay is create and process with a card.
func (s *shop) pay(amount int64, behavior, card string) wire.PaymentIntent {
	s.Helper()
	pi := s.create(amount, behavior)
	s.insert(card)
	paid, err := s.process(pi)
	s.must(err)
	s.take()
	return paid
}

func (s *shop) ledger() string { return filepath.Join(s.dir, "ledger") }

// keys are a keypad in the test's hand: sending presses a key.
type keys chan hal.Key

func (k keys) Next(ctx context.Context) (hal.InputEvent, error) {
	select {
	case key := <-k:
		return hal.InputEvent{Key: key}, nil
	case <-ctx.Done():
		return hal.InputEvent{}, ctx.Err()
	}
}

// safeBuffer is a log that many goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}
