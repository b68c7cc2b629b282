package reader

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"

	"smartreader/firmware/payment"
	"smartreader/lan"
	"smartreader/lan/wire"
	"smartreader/store"
)

// requests are the commands being carried out now, by POS and request id. What
// was carried out is in the store.
type requests struct {
	mu      sync.Mutex
	running map[requestKey]*running
}

type requestKey struct{ pos, id string }

type running struct {
	hash    [sha256.Size]byte
	done    chan struct{}
	payment store.Payment
	err     error
}

// outcome is what is committed with a request's end, and given again when the
// request is repeated. The payment itself is not in it: a repeated request is
// answered with the first outcome and the payment as it is now.
type outcome struct {
	Code        payment.Code  `json:"code,omitempty"`
	Message     string        `json:"message,omitempty"`
	Remedy      string        `json:"remedy,omitempty"`
	DeclineCode string        `json:"declineCode,omitempty"`
	Retry       payment.Retry `json:"retry,omitempty"`
	Native      int           `json:"native,omitempty"`
}

func encodeOutcome(_ store.Payment, failure *payment.Error) []byte {
	var o outcome
	if failure != nil {
		o = outcome{failure.Code, failure.Message, failure.Remedy, failure.DeclineCode, failure.Retry, failure.Native}
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings only: cannot fail
	}
	return b
}

func (o outcome) err() error {
	if o.Code == "" {
		return nil
	}
	return &payment.Error{Code: o.Code, Message: o.Message, Remedy: o.Remedy, DeclineCode: o.DeclineCode, Retry: o.Retry, Native: o.Native}
}

var errMismatch = wire.NewError(wire.CodeIdempotencyMismatch, "")

// once carries out a command exactly once for its request id: a repeat while it
// runs waits for the same end, a repeat afterwards gets the first outcome, and
// one that was cut off by a restart is told so. resume, which may be nil, takes
// up a request that began before a restart.
func (r *Reader) once(ctx context.Context, c *lan.Caller, method, id string, params any,
	carryOut func(context.Context, store.Request) (store.Payment, error),
	resume func(context.Context, store.Payment, store.Request) (store.Payment, error),
) (store.Payment, error) {
	body, err := json.Marshal(params)
	if err != nil {
		return store.Payment{}, err
	}
	hash := sha256.Sum256(append([]byte(method+"\x00"), body...))
	key := requestKey{c.POSID, id}

	r.requests.mu.Lock()
	if now, ok := r.requests.running[key]; ok {
		r.requests.mu.Unlock()
		if now.hash != hash {
			return store.Payment{}, errMismatch
		}
		select {
		case <-now.done:
			return now.payment, now.err
		case <-ctx.Done():
			return store.Payment{}, ctx.Err()
		}
	}
	now := &running{hash: hash, done: make(chan struct{})}
	if r.requests.running == nil {
		r.requests.running = map[requestKey]*running{}
	}
	r.requests.running[key] = now
	r.requests.mu.Unlock()

	now.err = errors.New("reader: the command broke off") // unless it ends in order
	defer func() {
		r.requests.mu.Lock()
		delete(r.requests.running, key)
		r.requests.mu.Unlock()
		close(now.done)
	}()
	now.payment, now.err = r.begin(ctx, key, method, hash, carryOut, resume)
	return now.payment, now.err
}

func (r *Reader) begin(ctx context.Context, key requestKey, method string, hash [sha256.Size]byte,
	carryOut func(context.Context, store.Request) (store.Payment, error),
	resume func(context.Context, store.Payment, store.Request) (store.Payment, error),
) (store.Payment, error) {
	before, err := r.store.Request(key.pos, key.id)
	if errors.Is(err, store.ErrNotFound) {
		return carryOut(ctx, store.Request{POS: key.pos, ID: key.id, Method: method, BodyHash: hash[:]})
	}
	if err != nil {
		return store.Payment{}, err
	}
	if before.Method != method || string(before.BodyHash) != string(hash[:]) {
		return store.Payment{}, errMismatch
	}
	p, err := r.store.Payment(before.LocalID)
	if err != nil {
		return p, err
	}
	if before.Done {
		var o outcome
		if err := json.Unmarshal(before.Result, &o); err != nil {
			return p, err
		}
		if failure := o.err(); failure != nil {
			e := failure.(*payment.Error)
			e.Payment = &p
			return p, e
		}
		return p, nil
	}
	if resume != nil {
		return resume(ctx, p, before)
	}
	return p, &payment.Error{
		Code: payment.Interrupted, Retry: payment.RetryCollectAgain, Payment: &p,
		Message: "the reader was cut off while this ran; nothing was accepted",
		Remedy:  "collect again with the same payment and a new requestId",
	}
}

// remember carries out a command that is no payment's, once: a repeat gets the
// first answer. The answer is kept after the command, so one that was cut off
// in between is carried out again; such commands do no harm twice.
func remember[T any](ctx context.Context, r *Reader, c *lan.Caller, method, id string, carryOut func() (T, error)) (T, error) {
	var result T
	before, err := r.store.Request(c.POSID, id)
	switch {
	case err == nil && before.Method != method:
		return result, errMismatch
	case err == nil:
		return result, json.Unmarshal(before.Result, &result)
	case !errors.Is(err, store.ErrNotFound):
		return result, r.wireError(err)
	}
	if result, err = carryOut(); err != nil {
		return result, err
	}
	data, err := json.Marshal(result)
	if err != nil {
		return result, err
	}
	return result, r.wireError(r.store.PutRequest(ctx, store.Request{POS: c.POSID, ID: id, Method: method, Done: true, Result: data}))
}
