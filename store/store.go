package store

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"smartreader/store/seal"
)

// Options is what Open needs. Dir and Signer have no default.
type Options struct {
	Dir    string           // folder of the store; made if absent
	Signer crypto.Signer    // device key, ECDSA P-256; called from several goroutines at once
	Now    func() time.Time // default time.Now

	// New payments are refused while less than MinFreeBytes (default 64 MiB),
	// or less than the database itself takes, is free on the disk.
	MinFreeBytes int64

	// ReserveBytes (default 32 MiB) are kept back, and released for forwarding
	// when the disk is full.
	ReserveBytes int64

	Log *slog.Logger // default: none
}

func (o Options) withDefaults() (Options, *ecdsa.PublicKey, error) {
	if o.Dir == "" {
		return o, nil, fmt.Errorf("store: Options.Dir is empty")
	}
	if o.Signer == nil {
		return o, nil, fmt.Errorf("%w: Options.Signer is missing", ErrKey)
	}
	public, ok := o.Signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return o, nil, fmt.Errorf("%w: %T is not ECDSA", ErrKey, o.Signer.Public())
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = defaultMinFree
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = defaultReserve
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, public, nil
}

// Store is an open store; see the package comment.
type Store struct {
	disk   disk
	slots  slotFile
	room   *room
	signer crypto.Signer
	public *ecdsa.PublicKey
	clock  func() time.Time
	log    *slog.Logger
	unlock func() error // lets go of the folder

	// lead is held by the goroutine that writes for everyone who waits.
	lead  chan struct{}
	queue queue

	// mu guards the fields below. The leader holds it from before the database
	// changes until memory and head slot have followed, so a reader sees only
	// what is durable.
	mu      sync.RWMutex
	head    head
	first   uint64 // oldest journal entry kept: 1 until some are pruned
	pruned  seal.Checkpoint
	scarred bool  // something was lost once, acknowledged or not
	lastMs  int64 // time of the newest entry
	open    map[string]summary
	work    workList
	totals  map[string]money // pending, by currency
	health  Health
	changed chan struct{}
	failed  error // ErrFailed or ErrClosed, wrapped
	users   sync.WaitGroup
}

// newStore loads a store from its parts, whatever they are made of.
func newStore(ctx context.Context, o Options, public *ecdsa.PublicKey, d disk, slots slotFile, sp space) (*Store, error) {
	s := &Store{
		disk: d, slots: slots,
		room:   &room{space: sp, minFree: o.MinFreeBytes, size: o.ReserveBytes},
		signer: o.Signer, public: public, clock: o.Now, log: o.Log,
		unlock:  func() error { return nil },
		lead:    make(chan struct{}, 1),
		open:    map[string]summary{},
		totals:  map[string]money{},
		changed: make(chan struct{}),
	}
	return s, s.load(ctx)
}

// Close waits for the change being written and releases the folder. Waiting
// changes get ErrClosed.
func (s *Store) Close() error {
	s.lead <- struct{}{}
	defer func() { <-s.lead }()

	s.mu.Lock()
	closed := s.disk == nil
	if !closed {
		s.failed = ErrClosed
	}
	s.mu.Unlock()
	if closed {
		return nil
	}
	for _, w := range s.queue.take(s.queue.size()) {
		w.finish(ErrClosed)
	}
	s.users.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.closeParts(), s.unlock())
	s.disk = nil
	return err
}

func (s *Store) closeParts() error {
	if err := errors.Join(s.disk.close(), s.slots.Close()); err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	return nil
}

// read runs f while nothing changes. Long reads are cut into several calls.
func (s *Store) read(f func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.failed != nil {
		return s.failed
	}
	return f()
}

// First returns the index of the oldest journal entry kept: 1 until some are
// pruned.
func (s *Store) First() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.first
}

// Head returns index and hash of the newest journal entry; index 0 and the
// genesis hash in an empty journal.
func (s *Store) Head() (index uint64, hash seal.Hash) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head.index, s.head.hash
}

// Changed returns a channel that closes at the next change of the journal, or
// when the store fails. Take it before you look, and no change is missed.
func (s *Store) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// Flatten gives the space of forwarded payments back to the disk, and with it
// most of what is left of their sealed payloads. What was written last is not in
// a table yet, and stays in the database's log: until two more megabytes have
// been written or the store is closed, and then for the next Flatten. Call it
// when nothing is going on, after forwarding; changes may go on meanwhile.
func (s *Store) Flatten() error {
	if err := s.read(func() error { s.users.Add(1); return nil }); err != nil {
		return err
	}
	defer s.users.Done()
	if err := s.disk.flatten(); err != nil {
		return fmt.Errorf("store: flattening: %w", err)
	}
	return nil
}
