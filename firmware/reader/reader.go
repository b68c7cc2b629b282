package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
	"smartreader/hal"
	"smartreader/lan"
	"smartreader/store"
	"smartreader/store/forward"
)

// Version is the software's version, set at build time with
// -ldflags "-X smartreader/firmware/reader.Version=...".
var Version = "0.1.0-dev"

// Released is a lower bound for the clock: no certificate check happens before
// it. Raised with every release.
var Released = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Options are what a reader needs besides its board.
type Options struct {
	Dir    string // where the reader keeps its state; must be on a local disk
	Listen string // LAN address, e.g. ":4443"; ignored when Listener is set
	// Listener takes POS connections instead of a listener made from Listen.
	Listener net.Listener

	PlatformURL      string // https://...
	PlatformCA       []byte // PEM: the roots the platform's certificate is checked against
	RegistrationCode string // for the first start; see the platform's dashboard
	DeviceType       string // e.g. simulated_stripe_s700

	AllowedOrigins []string // browser origins that may open the LAN socket

	// Forward and payment timing; zero values take the shipped ones.
	Link             platform.LinkOptions
	CardTimeout      time.Duration
	ConfirmTimeout   time.Duration
	AuthorizeTimeout time.Duration
	AnswerTimeout    time.Duration // how long the cardholder has for each key of an answer; 0: 30 s
	ConfigInterval   time.Duration // how often the configuration is read again; 0: 10 min

	// Simulator, when not nil, makes this a simulated reader.
	Simulator Simulator
	// Dial makes the connections to the platform; nil: as net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Network names the network the reader is in, so that a POS connects offline
	// in the same one only; nil: the gateway's. Empty: not known, which is no
	// reason to refuse.
	Network func() string

	// Now is the machine's clock; nil: time.Now.
	Now func() time.Time

	// FloorRaised, when not nil, is told the time floor: it is certainly later.
	// Whoever sets the machine's clock must not set it below.
	FloorRaised func(time.Time)

	// AcceptLoss, when not empty, is the operator's reason for going on after
	// the ledger was found damaged; see store.AcknowledgeLoss.
	AcceptLoss string

	// SoftwarePIN makes a PIN pad of the board's keys and screen, where it has none
	// of its own and its key store keeps secrets (hal.SecretKeeper). In live mode
	// that pad refuses: see hal/softpad.
	SoftwarePIN bool

	// RecordDir keeps what passed between kernel and card, a file for each of the
	// newest transactions, for emvkernel/emv to replay; empty: nothing is recorded. The
	// cardholder is taken out, unless RecordClear is set and the reader is in test
	// mode.
	RecordDir   string
	RecordClear bool

	// Ready, when not nil, is called once POS can connect, with the address.
	Ready func(addr net.Addr, readerID string)
	Log   *slog.Logger
}

// Reader is the hub's own state. It is made by Run.
type Reader struct {
	opt   Options
	board hal.Board
	log   *slog.Logger

	store    *store.Store
	platform *platform.Client
	machine  *payment.Machine
	forward  *forward.Forwarder
	lan      *lan.Server
	screen   *screen
	keys     *keypad // nil without Input

	mu       sync.Mutex
	identity identity
	config   *configuration // nil until the first one arrived
	unusable error          // why the newest configuration is not in force; nil while it is
	// slotFault says why there is no chip card reader where there should be
	// one; nil while there is one.
	slotFault error

	posAdmitted map[string]admitted // by POS id

	newcomer chan struct{} // a POS was let in: tell it how things are
	drain    chan struct{} // stored payments begin to be forwarded
	renew    chan struct{} // a good moment to look whether a credential is due
	reread   chan struct{} // the platform has another configuration
	pairing  sync.Mutex
	requests requests
	fetching sync.Mutex  // held while the configuration is read
	standing atomic.Bool // the ledger failed; see standStill

	tokenTrouble string // the last one told; of tokens alone

	leapt time.Time // when the platform's clock last moved the floor by a leap; of the link alone
}

// Run runs a card reader on board until ctx is done or something failed that
// only a restart can mend. It opens the reader's state in opt.Dir, activates
// the reader at the platform if that has not happened yet, and serves the POS.
// It does not close the board.
func Run(ctx context.Context, board hal.Board, opt Options) error {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.ConfigInterval == 0 {
		opt.ConfigInterval = 10 * time.Minute
	}
	if opt.AnswerTimeout == 0 {
		opt.AnswerTimeout = 30 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if board.Keys == nil {
		return errors.New("reader: the board has no key store, so the reader cannot have an identity")
	}
	r := &Reader{
		opt: opt, board: board, log: opt.Log, posAdmitted: map[string]admitted{},
		newcomer: make(chan struct{}, 1), drain: make(chan struct{}, 1), renew: make(chan struct{}, 1), reread: make(chan struct{}, 1),
	}
	r.screen = newScreen(board, opt.Log)
	if board.Input != nil {
		r.keys = newKeypad(board.Input, r.log, r.cancelKey)
	}
	return r.run(ctx)
}

func (r *Reader) run(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			r.screen.outOfOrder(ctx, "Out of order")
		}
	}()
	ledger := filepath.Join(r.opt.Dir, "ledger")
	signer, err := identityKey(ctx, r.board.Keys, ledger)
	if err != nil {
		return err
	}
	r.store, err = store.Open(ctx, store.Options{Dir: ledger, Signer: signer, Now: r.opt.Now, Log: r.log})
	if err != nil {
		return fmt.Errorf("reader: open the ledger in %s: %w", r.opt.Dir, err)
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	lossAccepted, err := r.settleDamage(ctx)
	if err != nil {
		return err
	}
	if err := r.raiseFloor(ctx, Released); err != nil {
		return fmt.Errorf("reader: time floor: %w", err)
	}
	if err := r.loadIdentity(signer); err != nil {
		return err
	}
	if err := r.loadConfiguration(); err != nil {
		return err
	}
	if err := r.newPlatform(); err != nil {
		return err
	}

	r.machine = payment.New(payment.Options{
		Store: r.store, Contact: r.board.Contact, Contactless: r.board.Contactless, Swipe: r.board.Swipe, PINPad: r.pinPad(), Platform: authorizer{r}, Tip: r.tip(), Choose: r.chooser(), Record: r.recorder(),
		Settings: r.settings, Offline: r.offline, Impostor: r.impostor,
		AfterLoss: lossAccepted, Face: r.screen.face, Seen: r.screen.seen, Step: r.step, EncodeOutcome: encodeOutcome,
		CardTimeout: r.opt.CardTimeout, ConfirmTimeout: r.opt.ConfirmTimeout, AuthorizeTimeout: r.opt.AuthorizeTimeout,
		Log: r.log,
	})

	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	group := &group{stop: stop}
	// The link is watched from the start: activation needs it too.
	group.run(work, "screen", r.screen.run)
	if r.board.Watchdog != nil {
		group.run(work, "watchdog", r.kick)
	}
	if r.board.Contact != nil {
		group.run(work, "card slot", r.watchSlot)
	}
	// Activation may wait for hours; a case opened meanwhile counts as well.
	if r.board.Tamper != nil {
		group.run(work, "tamper", r.watchTamper)
	}
	if err := r.activate(work, signer); err != nil {
		return group.end(err)
	}
	group.run(work, "link", r.platform.Link().Run)

	r.forward = forward.New(forward.Options{
		Store: r.store, Submitter: submitter{r}, InFlight: r.inFlight, Hold: r.hold, Drain: r.drained, Log: r.log,
	})
	r.lan, err = lan.New(lan.Options{
		Reader: service{r}, ReaderID: r.readerID(), Key: signer.Public(), TLS: r.lanTLS(),
		Connected: r.greet, Now: r.now, AllowedOrigins: r.opt.AllowedOrigins, AllowedHosts: []string{r.board.Serial + ".local"}, Log: r.log,
	})
	if err != nil {
		return group.end(err)
	}
	listener := r.opt.Listener
	if listener == nil {
		if listener, err = net.Listen("tcp", r.opt.Listen); err != nil {
			return group.end(fmt.Errorf("reader: listen for POS on %s: %w", r.opt.Listen, err))
		}
	}
	group.run(work, "payments", r.untilDiskWorks(r.machine.Run))
	group.run(work, "forwarder", r.untilDiskWorks(r.forward.Run))
	group.run(work, "events", r.announce)
	group.run(work, "tokens", r.tokens)
	group.run(work, "housekeeping", r.untilDiskWorks(r.housekeeping))
	group.run(work, "lan", func(ctx context.Context) error { return r.lan.Serve(ctx, listener) })
	if r.board.Input != nil {
		group.run(work, "keys", r.keys.run)
	}
	// Without a configuration nothing new is taken, but what is stored is
	// forwarded and POS are answered: only being ready waits for it.
	if err := r.awaitConfiguration(work); err != nil {
		return group.end(err)
	}
	group.run(work, "configuration", r.refreshConfiguration)
	r.log.Info("reader ready", "reader", r.readerID(), "address", listener.Addr().String())
	if r.opt.Ready != nil {
		r.opt.Ready(listener.Addr(), r.readerID())
	}
	return group.end(nil)
}

// raiseFloor notes a time that is certainly past.
func (r *Reader) raiseFloor(ctx context.Context, t time.Time) error {
	err := r.store.RaiseFloor(ctx, t)
	if r.opt.FloorRaised != nil {
		r.opt.FloorRaised(r.store.TimeFloor())
	}
	return err
}

// settleDamage tells about a damaged ledger, and goes on past the damage if
// the operator said so; it reports whether that was done now.
func (r *Reader) settleDamage(ctx context.Context) (accepted bool, err error) {
	health := r.store.Health()
	if !health.Damaged {
		return false, nil
	}
	r.log.Error("ledger damaged: new payments are refused, what is left is forwarded", "reason", health.Reason, "missing", health.Missing)
	if r.opt.AcceptLoss == "" {
		return false, nil
	}
	if err := r.store.AcknowledgeLoss(ctx, r.opt.AcceptLoss); err != nil {
		return false, fmt.Errorf("reader: acknowledge the loss: %w", err)
	}
	r.log.Warn("loss acknowledged by the operator", "reason", r.opt.AcceptLoss)
	return true, nil
}

// offline is what the payment machine goes by.
func (r *Reader) offline() bool { return r.platform.Link().State() == platform.LinkOffline }

// network names the network the reader is in.
func (r *Reader) network() string {
	if r.opt.Network != nil {
		return r.opt.Network()
	}
	return gatewayFingerprint()
}

// tip is how cardholders add a tip; nil: they cannot.
func (r *Reader) tip() func(context.Context, store.Payment) int64 {
	if r.opt.Simulator == nil {
		return nil
	}
	return func(_ context.Context, p store.Payment) int64 { return r.opt.Simulator.Tip(p.Amount, p.Currency) }
}

// impostor tells that the platform is out of reach because something else
// answers in its place. That is no outage: whoever does it may want payments to
// be taken unseen.
func (r *Reader) impostor() error {
	if r.platform.Link().Status().Kind == platform.KindTLS {
		return errors.New("its certificate is not the platform's")
	}
	return nil
}

func (r *Reader) watchTamper(ctx context.Context) error {
	reason, err := r.board.Tamper.Watch(ctx)
	if err != nil {
		return fmt.Errorf("reader: tamper detection: %w", err)
	}
	// The ledger stays readable: its payments were made honestly.
	if err := r.board.Keys.Erase(context.WithoutCancel(ctx)); err != nil { // switching it off does not save the keys
		return fmt.Errorf("reader: tampered (%s), and erasing the keys failed: %w", reason, err)
	}
	return fmt.Errorf("reader: tampered (%s): keys erased, the reader must be inspected", reason)
}

func (r *Reader) lanTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c := r.certificate()
			return &c, nil
		},
	}
}

// group runs the reader's parts: when one ends, all end.
type group struct {
	wg   sync.WaitGroup
	stop context.CancelCauseFunc

	mu  sync.Mutex
	err error
}

func (g *group) run(ctx context.Context, name string, part func(context.Context) error) {
	g.wg.Go(func() {
		err := part(ctx)
		if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
			if ctx.Err() != nil {
				return
			}
			err = errors.New("ended by itself")
		}
		g.fail(fmt.Errorf("reader: %s: %w", name, err))
	})
}

// fail stops all parts. The first error is the one that counts: what comes after
// may only follow from it.
func (g *group) fail(err error) {
	g.mu.Lock()
	if g.err == nil {
		g.err = err
	}
	g.mu.Unlock()
	g.stop(err)
}

// end waits for all parts and returns what stopped them. An error given stops
// them now.
func (g *group) end(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		g.stop(err)
	case err != nil:
		g.fail(err)
	}
	g.wg.Wait()
	return g.err
}
