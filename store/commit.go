package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"smartreader/store/seal"
)

// Change is one step of one payment.
type Change struct {
	// Payment is the whole new state. Index is the index it was read at, 0 for
	// a new payment: if it has changed since, Commit returns ErrConflict.
	Payment Payment

	// Reason is for the payment's history.
	Reason string

	// Seal makes the sealed payload and the natural key, once the sequence is
	// known. It belongs to the step from collected to authorizing or stored,
	// and may come with the step from authorizing to stored, which keeps its
	// sequence. It may be called again with another sequence when a change
	// written at the same time fails, and must not call the store.
	Seal func(sequence uint64) (sealed []byte, naturalKey string, err error)

	// DropSealed deletes the sealed payload. A step to a final state does so
	// anyway, and one back to created, but not to failed, and to rescued only
	// with the ChargeID: until the end is known it may be the only copy.
	DropSealed bool

	// Request is a request outcome to commit together with the step.
	Request *Request
}

// Commit makes one step durable: journaled, signed, synced, and its index in
// the head slot. It returns the payment as it is now on disk. After an error
// nothing has changed, except after ErrFailed, when only reopening will tell.
// Of the other errors ErrConflict, ErrTransition, ErrRefused, ErrTooLarge,
// ErrNotFound and ErrClosed may be expected; an error of Seal is returned
// wrapped. A ctx that ends unblocks Commit while it waits for its turn.
func (s *Store) Commit(ctx context.Context, c Change) (Payment, error) {
	c.Payment = c.Payment.clone()
	w := &waiter{change: &c}
	if err := s.submit(ctx, w); err != nil {
		return Payment{}, err
	}
	return w.payment.clone(), nil
}

// step is a payment's change on its way into a batch.
type step struct {
	prev, next Payment
	seal       func(uint64) ([]byte, string, error)
	sealed     []byte
}

// plan checks a change against the ledger's rules.
func (s *Store) plan(c *Change, room roomState) (*step, error) {
	next := c.Payment
	prev, err := s.payment(next.LocalID)
	switch {
	case errors.Is(err, ErrNotFound) && next.Index == 0:
		prev = Payment{}
	case err != nil:
		return nil, err
	case prev.Index != next.Index:
		return nil, fmt.Errorf("%w: %s was read at %d and is at %d", ErrConflict, next.LocalID, next.Index, prev.Index)
	}
	if prev.State == "" {
		err = next.checkNew()
	} else {
		err = prev.checkStep(&next)
	}
	if err == nil && prev.State == "" {
		err = s.keyIsFree(next.Key)
	}
	if err == nil && !prev.State.Allows(next.State) {
		err = fmt.Errorf("%w: a payment begins as created, not %q", ErrTransition, next.State)
	}
	if err != nil {
		return nil, err
	}
	if taking(prev.State, next.State) {
		if err := s.refusal(room); err != nil {
			return nil, err
		}
	}
	mustSeal := prev.State == Collected && next.State.sealed()
	maySeal := mustSeal || prev.State == Authorizing && next.State == Stored
	if c.Seal == nil && mustSeal || c.Seal != nil && !maySeal {
		return nil, fmt.Errorf("%w: card data is sealed on the way from collected to authorizing or stored", ErrTransition)
	}
	next.Sequence, next.NaturalKey, next.PayloadHash, next.History = prev.Sequence, prev.NaturalKey, prev.PayloadHash, prev.History
	if next.State == Created || next.State == Collecting { // collected again, maybe with another card
		next.forgetAttempt()
	}
	if prev.State == Failed || prev.State == Rescued && next.State != Rescued {
		next.DoneAtMs = 0 // not done after all, or not until now
	}
	return &step{prev: prev, next: next, seal: c.Seal}, nil
}

func (s *Store) keyIsFree(idempotencyKey string) error {
	switch _, err := s.disk.get(key(prefixKey, idempotencyKey)); {
	case errors.Is(err, errNoKey):
		return nil
	case err != nil:
		return fmt.Errorf("store: reading a key: %w", err)
	}
	return ErrKeyUsed
}

// taking tells whether a step takes a new payment, or takes one further towards
// being accepted. Everything else finishes what was begun.
func taking(prev, next State) bool {
	switch next {
	case Created:
		return prev == ""
	case Collecting:
		return true
	case Authorizing, Stored:
		return prev == Collected
	default:
		return false
	}
}

// refusal returns why no new payment may be taken, or nil.
func (s *Store) refusal(room roomState) error {
	switch {
	case s.health.Damaged:
		return &Refusal{RefusedDamage, s.health.Reason}
	case !room.taking:
		return &Refusal{RefusedDisk, s.diskDetail(room)}
	default:
		return nil
	}
}

// diskDetail says what would help: forwarding frees the space of what waits; the
// journal goes only as it is pruned.
func (s *Store) diskDetail(room roomState) string {
	if len(s.totals) == 0 {
		return fmt.Sprintf("%d MiB are free, the journal has grown to %d MiB: the disk is too small", room.free>>20, room.used>>20)
	}
	return fmt.Sprintf("%d MiB are free: forward what is stored", room.free>>20)
}

// forgetAttempt clears what belongs to one attempt with one card.
func (p *Payment) forgetAttempt() {
	p.Sequence, p.NaturalKey, p.PayloadHash = 0, "", ""
	p.Card, p.Receipt = nil, nil
	p.CollectedAtMs, p.StoredAtMs, p.DoneAtMs = 0, 0, 0
	p.Attempted, p.Attempts, p.NextAttemptAtMs, p.After = false, 0, 0, ""
	p.ChargeID, p.AuthorizationCode, p.ResponseCode = "", "", ""
}

// sealing returns the jobs of sealing what needs it. Each gets the sequence it
// will have if none fails.
func sealing(steps []*step, last uint64) []func() {
	var jobs []func()
	for _, st := range steps {
		if st == nil || st.seal == nil {
			continue
		}
		if st.next.Sequence == 0 {
			last++
			st.next.Sequence = last
		}
		jobs = append(jobs, st.sealNow)
	}
	return jobs
}

func (st *step) sealNow() {
	var err error
	st.sealed, st.next.NaturalKey, err = st.seal(st.next.Sequence)
	switch {
	case err != nil:
		st.sealed = nil
		st.seal = func(uint64) ([]byte, string, error) { return nil, "", err }
	case len(st.sealed) == 0 || st.next.NaturalKey == "":
		st.sealed = nil
		st.seal = func(uint64) ([]byte, string, error) {
			return nil, "", fmt.Errorf("%w: sealing gave no payload or no natural key", ErrTransition)
		}
	}
}

// entry turns a step into its journal entry and the index changes that go with
// it. It is called in the order of the batch.
func (st *step) entry(b *batch, c *Change) (part, error) {
	prev, next := &st.prev, &st.next
	if st.seal != nil {
		if fresh := prev.Sequence == 0; fresh && st.sealed != nil && next.Sequence != b.head.sequence+1 {
			next.Sequence = b.head.sequence + 1 // one before it in the batch failed
			st.sealNow()
		}
		if st.sealed == nil {
			_, _, err := st.seal(0)
			return part{}, fmt.Errorf("store: sealing: %w", err)
		}
		next.PayloadHash = seal.HashPayload(st.sealed)
	}
	next.Index = b.head.index + 1
	next.stampState(prev.State, b.nowMs)
	next.addStep(Step{next.State, b.nowMs, c.Reason})
	if err := b.checkTotals(prev, next); err != nil {
		return part{}, err
	}
	body, err := json.Marshal(next)
	if err != nil {
		return part{}, fmt.Errorf("%w: %w", ErrTransition, err)
	}
	p := part{entry: &seal.EntryHeader{
		Kind: seal.KindPayment, LocalID: next.LocalID, State: string(next.State), Sequence: next.Sequence, Body: body,
	}}
	switch {
	case st.sealed != nil:
		p.entry.PayloadHash = next.PayloadHash
		p.writes = append(p.writes, write{key(prefixSealed, next.LocalID), st.sealed})
	case prev.State.keepsSealed() && (c.DropSealed || !next.State.keepsSealed() || next.State == Rescued && next.ChargeID != ""):
		p.writes = append(p.writes, write{key(prefixSealed, next.LocalID), nil})
	}
	if !next.open() {
		p.writes = append(p.writes, write{key(prefixOpen, next.LocalID), nil})
	} else {
		p.writes = append(p.writes, write{key(prefixOpen, next.LocalID), summarize(next).bytes()})
	}
	if prev.State == "" {
		p.writes = append(p.writes, write{key(prefixKey, next.Key), []byte(next.LocalID)})
	}
	if next.Sequence != prev.Sequence && next.Sequence != 0 {
		p.writes = append(p.writes, write{sequenceKey(next.Sequence), []byte(next.LocalID)})
	}
	if next.ClientSecret != prev.ClientSecret && next.ClientSecret != "" {
		p.writes = append(p.writes, write{key(prefixSecret, next.ClientSecret), []byte(next.LocalID)})
	}
	if next.IntentID != prev.IntentID {
		p.writes = append(p.writes, write{key(prefixIntent, next.IntentID), []byte(next.LocalID)})
	}
	if c.Request != nil {
		record, err := json.Marshal(c.Request)
		if err != nil {
			return part{}, fmt.Errorf("%w: request: %w", ErrTransition, err)
		}
		p.writes = append(p.writes, write{requestKey(c.Request.POS, c.Request.ID), record})
	}
	p.after = func(s *Store) { s.follow(prev, next) }
	return p, nil
}

// stampState notes when a state was first entered.
func (p *Payment) stampState(prev State, atMs int64) {
	set := func(field *int64) {
		if *field == 0 {
			*field = atMs
		}
	}
	if prev == "" {
		set(&p.CreatedAtMs)
	}
	switch {
	case p.State == Collected:
		set(&p.CollectedAtMs)
	case p.State == Stored:
		set(&p.StoredAtMs)
	case p.State.Final():
		set(&p.DoneAtMs)
	}
}
