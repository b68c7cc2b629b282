package lantest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"smartreader/lan"
	"smartreader/lan/wire"
)

// ReaderID is the id of every Reader here.
const ReaderID = "tmr_test"

// Reader is a lan.Reader in memory. The exported fields are set before it is
// served; its methods may be called at any time.
type Reader struct {
	// Hold keeps collecting until Present or a cancel; else a card is there at once.
	Hold bool
	// Session, when not 0, is how long a session lasts after it was connected.
	Session time.Duration
	// Notify is called after every new durable event.
	Notify func()

	mu       sync.Mutex
	offline  bool
	decline  string // decline code of the next online confirm
	tokens   map[string]bool
	payments map[string]*wire.PaymentIntent
	order    []string // of stored payments
	events   []wire.Event
	cursors  map[string]uint64
	outcomes map[string]*outcome // by POS and requestId
	present  chan struct{}
	cancel   chan struct{} // of the running collect, nil when none runs
	running  int
	rescued  []wire.RescuePayment
	pages    [][]string // of the export
	simulate wire.SimulatorConfiguration
}

type outcome struct {
	done   chan struct{}
	result wire.PaymentIntentResult
	err    error
}

var _ lan.Reader = (*Reader)(nil)

// NewReader returns a reader that knows the given connection tokens.
func NewReader(tokens ...string) *Reader {
	r := &Reader{
		Notify: func() {}, tokens: make(map[string]bool), payments: make(map[string]*wire.PaymentIntent),
		cursors: make(map[string]uint64), outcomes: make(map[string]*outcome), present: make(chan struct{}),
	}
	for _, t := range tokens {
		r.tokens[t] = true
	}
	return r
}

// SetOffline cuts or restores the platform.
func (r *Reader) SetOffline(offline bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offline = offline
}

// DeclineNext lets the next online confirm be declined.
func (r *Reader) DeclineNext(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decline = code
}

// AddToken makes one more connection token known.
func (r *Reader) AddToken(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens[token] = true
}

// Present lets a held collect find its card. It waits until one does, or ctx ends.
func (r *Reader) Present(ctx context.Context) error {
	select {
	case r.present <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Running is how many payments run now.
func (r *Reader) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}

// AddEvents appends n durable events of no meaning.
func (r *Reader) AddEvents(n int) {
	r.mu.Lock()
	for range n {
		r.event(wire.Event{Type: wire.EventLedgerNote, Reason: "test"})
	}
	r.mu.Unlock()
	r.Notify()
}

// event appends a durable event. The caller holds r.mu and calls Notify after.
func (r *Reader) event(e wire.Event) {
	e.Seq = uint64(len(r.events) + 1)
	e.AtMs = int64(e.Seq)
	r.events = append(r.events, e)
}

// Describe implements lan.Reader.
func (r *Reader) Describe(context.Context, *lan.Caller) (wire.Reader, error) {
	return wire.Reader{
		ID: ReaderID, SerialNumber: "S1", DeviceType: "lantest", DeviceSoftwareVersion: "1", Simulated: true,
		LocationID: "tml_test", Location: &wire.Location{ID: "tml_test", DisplayName: "Test shop", Country: "US", Currency: "usd"},
	}, nil
}

// Connect implements lan.Reader: tokens work once and online, credentials always.
func (r *Reader) Connect(_ context.Context, c *lan.Caller, p wire.ConnectReaderParams) (wire.ConnectReaderResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	credential := credentialOf(c.POSID, p.POSPublicKey)
	how := wire.ConnectedOffline
	switch {
	case p.Credential != nil && !bytes.Equal(p.Credential.Payload, credential.Payload):
		return wire.ConnectReaderResult{}, wire.NewError(wire.CodeReaderNotAvailableOffline, "")
	case p.Credential == nil && r.offline:
		return wire.ConnectReaderResult{}, wire.NewError(wire.CodeNotConnectedToInternet, "")
	case p.Credential == nil && !r.tokens[p.ConnectionToken]:
		return wire.ConnectReaderResult{}, wire.NewError(wire.CodeConnectionTokenError, "")
	case p.Credential == nil:
		delete(r.tokens, p.ConnectionToken)
		how = wire.ConnectedOnline
	}
	reader, _ := r.Describe(context.Background(), c)
	var ends int64
	if r.Session > 0 {
		ends = time.Now().Add(r.Session).UnixMilli()
	}
	return wire.ConnectReaderResult{
		Reader: reader, Connection: how, Credential: credential, ExpiresAtMs: 4102444800000, SessionExpiresAtMs: ends,
		OfflineStatus: r.status(), Cursor: r.cursors[c.POSID], NewestSeq: uint64(len(r.events)),
	}, nil
}

func credentialOf(pos string, key []byte) *wire.Credential {
	sum := sha256.Sum256(append([]byte(pos+"\x00"), key...))
	return &wire.Credential{Payload: sum[:], Signature: []byte("signed by nobody")}
}

// RetrievePaymentIntent implements lan.Reader.
func (r *Reader) RetrievePaymentIntent(_ context.Context, _ *lan.Caller, p wire.RetrievePaymentIntentParams) (wire.PaymentIntentResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pi := range r.payments {
		if pi.LocalID == p.LocalID || (pi.ID != nil && *pi.ID == p.ID) || (p.ClientSecret != "" && pi.ClientSecret == p.ClientSecret) {
			return wire.PaymentIntentResult{PaymentIntent: *pi}, nil
		}
	}
	return wire.PaymentIntentResult{}, wire.NewError(wire.CodePaymentIntentNotFound, "")
}

// OfflineStatus implements lan.Reader.
func (r *Reader) OfflineStatus(context.Context, *lan.Caller) (wire.OfflineStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status(), nil
}

func (r *Reader) status() wire.OfflineStatus {
	d := wire.OfflineStatusDetails{NetworkStatus: wire.NetworkOnline, OfflinePaymentAmountsByCurrency: wire.Amounts{}}
	if r.offline {
		d.NetworkStatus = wire.NetworkOffline
	}
	for _, id := range r.order {
		if pi := r.payments[id]; pi.OfflineDetails.State == wire.OfflineStored {
			d.OfflinePaymentsCount++
			d.OfflinePaymentAmountsByCurrency[pi.Currency] += pi.Amount
		}
	}
	return wire.OfflineStatus{SDK: d, Reader: &d}
}

// ListStoredPayments implements lan.Reader.
func (r *Reader) ListStoredPayments(_ context.Context, _ *lan.Caller, p wire.ListStoredPaymentsParams) (wire.ListStoredPaymentsResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := p.Limit
	if limit == 0 {
		limit = 20
	}
	list := wire.ListStoredPaymentsResult{Totals: *r.status().Reader}
	for _, id := range r.order {
		pi := *r.payments[id]
		switch d := pi.OfflineDetails; {
		case d.Sequence <= p.After || (len(p.States) > 0 && !slices.Contains(p.States, d.State)):
		case len(list.PaymentIntents) == limit:
			list.Next = list.PaymentIntents[limit-1].OfflineDetails.Sequence
			return list, nil
		default:
			list.PaymentIntents = append(list.PaymentIntents, pi)
		}
	}
	return list, nil
}

// EventsAfter implements lan.Reader.
func (r *Reader) EventsAfter(_ context.Context, seq uint64, limit int) ([]wire.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq >= uint64(len(r.events)) {
		return nil, nil
	}
	rest := r.events[seq:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

// Cursors is a copy of all cursors.
func (r *Reader) Cursors() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.cursors)
}

// Acknowledge implements lan.Reader.
func (r *Reader) Acknowledge(_ context.Context, pos string, seq uint64) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursors[pos] = max(r.cursors[pos], seq)
	return r.cursors[pos], nil
}

func localID(n int) string { return fmt.Sprintf("pl_%032x", n) }
