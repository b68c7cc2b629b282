package payment_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/store"
	"smartreader/store/seal"
)

// bench is a payment machine on real parts: a ledger on disk, software cards
// that speak APDUs, an issuer that checks them. Only the wire to the platform
// is missing.
type bench struct {
	*testing.T
	machine  *payment.Machine
	store    *store.Store
	pad      *sim.PINPad
	keys     hal.SecretKeeper
	dir      string // of the ledger
	head     *head  // nil but for benchWithHead
	tray     *sim.Tray
	platform *issuer
	settings payment.Settings

	mu    sync.Mutex
	faces []payment.FaceKind
	// onFace looks at what is on disk at the moment something is shown.
	onFace  func(payment.Face)
	offline bool
	removed chan bool // the machine has seen a card go
	mayFail bool      // the test makes Run end with an error
}

type option func(*bench, *payment.Options)

func newBench(t *testing.T, options ...option) *bench {
	t.Helper()
	b := &bench{T: t, removed: make(chan bool, 16), dir: t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	b.must(err)
	b.store, err = store.Open(t.Context(), store.Options{Dir: b.dir, Signer: key, MinFreeBytes: 1, ReserveBytes: 1 << 20})
	b.must(err)
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	b.must(err)
	b.tray, b.pad = board.Tray, board.PINPad
	b.keys = board.HAL.Keys.(hal.SecretKeeper)
	sealKey, err := seal.NewKey("test")
	b.must(err)
	kernel := emvtest.TerminalConfig()
	b.settings = payment.Settings{
		ReaderID: "tmr_test", Kernel: &kernel, SealKey: sealKey.Public(),
		Policy: policyOf(payment.Rule{Currency: "usd"}),
	}
	b.platform = &issuer{t: t, issuer: emvtest.NewIssuer(), key: sealKey}
	ready, started := make(chan struct{}), sync.Once{} // it looks for a forgotten card first
	opt := payment.Options{
		Store: b.store, Contact: b.tray, Swipe: board.Head, Platform: b.platform,
		Settings: func() (payment.Settings, bool) { return b.settings, true },
		Offline:  func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.offline },
		Face:     b.face,
		Step: func(s payment.Step) {
			switch {
			case s.Kind == payment.StepCardRemoved:
				b.removed <- true
			case s.Kind == payment.StepPhase && s.Phase == payment.Idle:
				started.Do(func() { close(ready) })
			}
		},
		EncodeOutcome: func(p store.Payment, e *payment.Error) []byte {
			if e == nil {
				return []byte("{}")
			}
			if e.Retry == payment.RetrySame { // for ever
				t.Errorf("%s is remembered, and the POS is told to repeat the request", e.Code)
			}
			out, _ := json.Marshal(e.Code)
			return out
		},
		OutcomeHold: time.Nanosecond,
	}
	for _, o := range options {
		o(b, &opt)
	}
	b.machine = payment.New(opt)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.machine.Run(ctx) }()
	<-ready
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) && !b.mayFail {
			t.Errorf("Run ended with %v", err)
		}
		b.must(board.HAL.Close())
		b.must(b.store.Close())
	})
	return b
}

// policyOf is a policy with these rules for the configuration.
func policyOf(rules ...payment.Rule) payment.Policy {
	return payment.NewPolicy(true, rules, payment.ShippedEquivalents(), "US", false)
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) face(f payment.Face) {
	b.mu.Lock()
	b.faces = append(b.faces, f.Kind)
	look := b.onFace
	b.mu.Unlock()
	if look != nil {
		look(f)
	}
}

// look is called with every face from now on.
func (b *bench) look(f func(payment.Face)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onFace = f
}

func (b *bench) saw(kind payment.FaceKind) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.faces, kind)
}

func (b *bench) clearFaces() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faces = nil
}

func (b *bench) goOffline() {
	b.mu.Lock()
	b.offline = true
	b.mu.Unlock()
}

func (b *bench) insert(name string) {
	b.Helper()
	profile, err := emvtest.Load(name)
	b.must(err)
	b.must(b.tray.Insert(name, emvtest.NewCard(profile, &emvtest.State{})))
}

// take takes the last payment's card out and waits until the machine saw it.
func (b *bench) take() {
	b.Helper()
	b.must(b.tray.Remove())
	<-b.removed
}

func (b *bench) create(amount int64, behavior string) store.Payment {
	b.Helper()
	p, err := b.machine.Create(b.Context(), payment.CreateParams{Amount: amount, Currency: "usd", OfflineBehavior: behavior}, store.Request{})
	b.must(err)
	return p
}

func (b *bench) process(p store.Payment) (store.Payment, error) {
	return b.machine.Process(b.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
}

// fails checks that err is the machine's error with the code, and returns it.
func (b *bench) fails(err error, code payment.Code) *payment.Error {
	b.Helper()
	var e *payment.Error
	if !errors.As(err, &e) || e.Code != code {
		b.Fatalf("got %v, want %s", err, code)
	}
	if e.Message == "" || e.Remedy == "" || e.Retry == "" {
		b.Errorf("%s leaves its reader helpless: %+v", code, e)
	}
	return e
}

func (b *bench) state(p store.Payment, want store.State) store.Payment {
	b.Helper()
	now, err := b.store.Payment(p.LocalID)
	b.must(err)
	if now.State != want {
		b.Fatalf("payment is %s, want %s; history %+v", now.State, want, now.History)
	}
	return now
}

// await waits until the payment is in the state.
func (b *bench) await(p store.Payment, want store.State) store.Payment {
	b.Helper()
	for {
		changed := b.store.Changed()
		now, err := b.store.Payment(p.LocalID)
		b.must(err)
		if now.State == want {
			return now
		}
		select {
		case <-changed:
		case <-b.Context().Done():
			b.Fatalf("payment stayed %s", now.State)
		}
	}
}

// issuer plays the platform: it opens what was sealed and has the test issuer
// check the card's cryptogram.
type issuer struct {
	t      *testing.T
	issuer *emvtest.Issuer
	key    seal.PrivateKey

	mu                sync.Mutex
	unreachable       *payment.Unreachable // every request goes unanswered
	before            func() error         // called before an authorization is answered
	charged           string               // a charge from another attempt
	envelopes         [][]byte
	pins              []*sentPIN
	created, canceled int
}

// sentPIN is a PIN block as it arrived.
type sentPIN struct {
	payment.PINBlock
	ciphertext []byte
}

func (i *issuer) CreateIntent(context.Context, store.Payment) (payment.Intent, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.unreachable != nil {
		return payment.Intent{}, i.unreachable
	}
	i.created++
	return payment.Intent{ID: "pi_1", ClientSecret: "pi_1_secret"}, nil
}

func (i *issuer) CancelIntent(context.Context, store.Payment) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.canceled++
	return nil
}

func (i *issuer) Authorize(_ context.Context, p store.Payment, envelope []byte, pin *payment.PINBlock) (payment.Answer, error) {
	i.mu.Lock()
	i.envelopes, i.pins = append(i.envelopes, envelope), append(i.pins, nil)
	if pin != nil {
		i.pins[len(i.pins)-1] = &sentPIN{*pin, bytes.Clone(pin.Ciphertext.Bytes())}
	}
	before, unreachable := i.before, i.unreachable
	i.mu.Unlock()
	if unreachable != nil {
		return payment.Answer{}, unreachable
	}
	if before != nil {
		if err := before(); err != nil {
			return payment.Answer{}, err
		}
	}
	if i.charged != "" {
		return payment.Answer{Verdict: payment.AlreadyCharged, ChargeID: i.charged}, nil
	}
	header, data, err := seal.Open(func(string) (seal.PrivateKey, bool) { return i.key, true }, envelope)
	if err != nil {
		return payment.Answer{}, err
	}
	h, err := seal.ParseHeader(header)
	if err != nil || h.NaturalKey() != p.NaturalKey || h.Amount != p.Amount {
		i.t.Errorf("header %s does not fit payment %+v: %v", header, p, err)
	}
	return i.decide(data)
}

func (i *issuer) decide(data []byte) (payment.Answer, error) {
	check, err := i.issuer.Check(data)
	if err != nil {
		return payment.Answer{}, err
	}
	answer := payment.Answer{Verdict: payment.Approved, ResponseCode: [2]byte{'0', '0'}, ChargeID: "ch_1", AuthorizationCode: "123456"}
	if !check.Decision.Approved {
		answer.Verdict, answer.ResponseCode, answer.DeclineCode = payment.Declined, check.Decision.ARC, check.Decision.DeclineCode
	}
	answer.IssuerAuthenticationData, err = i.issuer.Respond(data, answer.ResponseCode)
	return answer, err
}

// openData opens an envelope as the platform would.
func (i *issuer) openData(envelope []byte) []byte {
	_, data, err := seal.Open(func(string) (seal.PrivateKey, bool) { return i.key, true }, envelope)
	if err != nil {
		i.t.Fatal(err)
	}
	return data
}

// silent makes every request to the platform go unanswered.
func (i *issuer) silent(u payment.Unreachable) {
	u.Err = errors.New("no answer")
	i.mu.Lock()
	defer i.mu.Unlock()
	i.unreachable = &u
}

// on sets what happens before an authorization is answered.
func (i *issuer) on(f func() error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.before = f
}
