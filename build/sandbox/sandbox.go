package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/platform"
)

// APIKey is the secret key of the public face.
const APIKey = "sk_test_smartreader"

// Options of a Sandbox. Dir is required; the listeners are needed by Run.
type Options struct {
	Dir    string       // of state and keys; made with mode 0700 when missing
	Public net.Listener // plain HTTP on loopback
	Device net.Listener // the reader face; New's caller passes plain TCP, TLS is added here
	Log    *slog.Logger // nil discards

	// Hosts are the names and addresses in the server certificate; nil means
	// localhost, 127.0.0.1 and ::1.
	Hosts []string

	// Country (ISO 3166 alpha-2) and Currency of the location made at the first
	// start; empty means US and usd.
	Country, Currency string

	// OfflineLimits go into every reader's configuration; nil allows the
	// location's currency without tightening the reader's own limits.
	OfflineLimits []platform.OfflineLimit

	// Terminal are the EMV terminal data given to readers; nil means the ready
	// test configuration of emvtest.
	Terminal *emvkernel.Config

	Now func() time.Time // nil means time.Now; called concurrently

	patience time.Duration // with a webhook endpoint; 0 means ten seconds
}

// Sandbox is a payments platform. Its methods may be called concurrently.
type Sandbox struct {
	opts   Options
	log    *slog.Logger
	keys   *keys
	issuer *emvtest.Issuer
	public gate
	device gate

	courier *courier // of webhooks

	// As the faults have it, for connections and the clock.
	wrong, plain atomic.Bool
	clockMs      atomic.Int64

	mu       sync.Mutex // guards what follows: one request decides at a time
	state    *state
	journal  *journal
	lastSeen map[string]int64 // Unix ms of a reader's last request; not worth a line on disk
}

// New opens the folder, or makes it. It returns ErrDamaged or ErrInUse. It
// starts nothing; Run serves and Close releases the folder.
func New(opts Options) (*Sandbox, error) {
	if opts.Dir == "" {
		return nil, errors.New("sandbox: Dir is required")
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Hosts == nil {
		opts.Hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	if (opts.Country == "") != (opts.Currency == "") {
		return nil, errors.New("sandbox: Country and Currency belong together")
	}
	if opts.Country == "" {
		opts.Country, opts.Currency = "US", "usd"
	}
	if !currencyForm.MatchString(opts.Currency) {
		return nil, fmt.Errorf("sandbox: currency %q is not a lower-case ISO 4217 code", opts.Currency)
	}
	if opts.Terminal == nil {
		ready := emvtest.TerminalConfig()
		opts.Terminal = &ready
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Sandbox{opts: opts, log: opts.Log, issuer: emvtest.NewIssuer(), state: newState(), lastSeen: make(map[string]int64), courier: newCourier(opts.patience)}
	var err error
	s.journal, err = openJournal(filepath.Join(opts.Dir, "state.jsonl"), s.state)
	if err != nil {
		return nil, err
	}
	s.applyFaults()
	if err := s.open(); err != nil {
		s.journal.close()
		return nil, err
	}
	return s, nil
}

// open completes a first start, in two steps that can each be cut off: the
// state's first line, then the keys folder. Whatever else is missing was lost,
// and an empty platform in place of a lost one would charge payments twice.
func (s *Sandbox) open() error {
	dir := filepath.Join(s.opts.Dir, "keys")
	haveKeys := exists(dir)
	if s.journal.n == 0 {
		if haveKeys {
			return fmt.Errorf("%w: it is empty but %s exists; restore it, or remove the whole folder to start anew", ErrDamaged, dir)
		}
		if err := s.update(s.found); err != nil {
			return err
		}
	}
	if !haveKeys {
		if s.journal.n > 1 {
			return fmt.Errorf("%w: %s is gone; restore it, or remove the whole folder to start anew", ErrDamaged, dir)
		}
		if err := makeKeys(dir, s.opts.Now()); err != nil {
			return fmt.Errorf("sandbox: make keys: %w", err)
		}
	}
	var err error
	if s.keys, err = loadKeys(dir, s.opts.Hosts, s.opts.Now()); err != nil {
		return err
	}
	// Options that make no usable configuration are noticed here, not by the
	// first reader.
	trial := reader{Reader: platform.Reader{ID: "tmr_trial", LocationID: s.state.locations.all()[0].ID}}
	_, err = s.bundle(s.state, trial)
	return err
}

// found writes the first line: an account with a location and a configuration
// that allows offline payments, which is not the public API's default.
func (s *Sandbox) found(t *tx) error {
	cardKey := make([]byte, 32)
	rand.Read(cardKey)
	enabled := true
	t.put(account{ID: newID("acct_"), CardKey: cardKey})
	t.put(configuration{ID: newID("tmc_"), Name: "Default", Default: true, Offline: &enabled, CreatedAtMs: t.atMs, UpdatedAtMs: t.atMs})
	t.put(location{
		Location: platform.Location{
			ID: newID("tml_"), DisplayName: "Sandbox shop",
			Country: s.opts.Country, Currency: s.opts.Currency,
			Address: platform.Address{Line1: "1 Test Street", City: "Testville", PostalCode: "00000", Country: s.opts.Country},
		},
		CreatedAtMs: t.atMs, UpdatedAtMs: t.atMs,
	})
	return nil
}

// Close releases the folder; call it after Run has returned.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// CA returns the root certificate that readers must trust.
func (s *Sandbox) CA() *x509.Certificate { return s.keys.ca }

// CAPEM returns it as PEM.
func (s *Sandbox) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCert, Bytes: s.keys.ca.Raw})
}

// Run serves both faces and delivers webhooks until ctx is done, lets requests in progress end for
// up to five seconds, and returns nil after a clean end.
func (s *Sandbox) Run(ctx context.Context) error {
	if s.opts.Public == nil || s.opts.Device == nil {
		return errors.New("sandbox: Run needs both listeners")
	}
	clients := x509.NewCertPool()
	clients.AddCert(s.keys.ca)
	tlsConfig := &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if s.wrong.Load() {
				return &s.keys.stranger, nil
			}
			return &s.keys.server, nil
		},
		SessionTicketsDisabled: true, // a resumed session would not show the certificate

		ClientAuth: tls.VerifyClientCertIfGiven, // activation comes without; every other handler asks for one
		ClientCAs:  clients,
		NextProtos: []string{"http/1.1"},
		Time:       s.now,
	}
	public := s.server(s.publicHandler())
	device := s.server(s.faulty(s.deviceHandler()))
	defer s.startCourier(ctx)()
	ended := make(chan error, 2)
	go func() { ended <- public.Serve(s.public.listen(s.opts.Public)) }()
	go func() {
		ended <- device.Serve(&deviceListener{s.device.listen(s.opts.Device), tlsConfig, s.plain.Load})
	}()

	var failed error
	running := 2
	select {
	case <-ctx.Done():
	case failed = <-ended:
		running--
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, server := range []*http.Server{public, device} {
		if err := server.Shutdown(grace); err != nil {
			server.Close()
		}
	}
	for ; running > 0; running-- {
		if err := <-ended; failed == nil && !errors.Is(err, http.ErrServerClosed) {
			failed = err
		}
	}
	if failed != nil && !errors.Is(failed, http.ErrServerClosed) {
		return fmt.Errorf("sandbox: %w", failed)
	}
	return nil
}

func (s *Sandbox) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}
