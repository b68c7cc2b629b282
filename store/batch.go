package store

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"smartreader/store/killpoint"
	"smartreader/store/seal"
)

// batch is what one sync makes durable: some journal entries, their index
// changes, and the head after them.
type batch struct {
	head     head
	totals   map[string]money
	atMs     int64 // of the entries: never decreases
	nowMs    int64 // of what happened: a clock that was once ahead does not spoil it
	clockSet bool
	changed  map[string]bool // local ids of payments that others in the batch change

	headers []unsigned
	writes  []write
	bytes   int
	after   []func(*Store)
}

// unsigned is an entry that has its place in the chain.
type unsigned struct {
	index uint64
	bytes []byte
}

// part is one waiter's share of a batch.
type part struct {
	entry   *seal.EntryHeader // nil: not journaled
	writes  []write
	floorMs int64
	after   func(*Store) // what memory has to follow, once it is on disk
}

var errBatchFull = errors.New("store: batch is full")

// write carries out the changes of all waiters it takes, in one database
// transaction and one head slot, and tells them. It returns those that did not
// fit. The caller holds the lead.
func (s *Store) write(waiters []*waiter) (rest []*waiter) {
	written := waiters[:0:0]
	defer func() { // a panicking Seal must not leave anyone waiting
		if r := recover(); r != nil {
			s.fail(fmt.Errorf("panic: %v", r))
			for _, w := range waiters {
				select {
				case <-w.done:
				default:
					w.finish(s.failed)
				}
			}
			panic(r)
		}
	}()
	if s.failed != nil {
		finishAll(waiters, s.failed)
		return nil
	}
	room, err := s.room.look()
	if err != nil {
		finishAll(waiters, err)
		return nil
	}
	s.noteRoom(room)
	if !room.any {
		finishAll(waiters, &Refusal{RefusedDisk, "the disk is full"})
		return nil
	}

	steps := make([]*step, len(waiters))
	touched := map[string]bool{}
	var planning []func()
	for i, w := range waiters {
		if w.change == nil {
			continue
		}
		id, idempotencyKey := w.change.Payment.LocalID, "key "+w.change.Payment.Key
		if touched[id] || touched[idempotencyKey] {
			w.finish(fmt.Errorf("%w: %s is being changed", ErrConflict, id))
			continue
		}
		touched[id], touched[idempotencyKey] = true, true
		planning = append(planning, func() {
			st, err := s.plan(w.change, room)
			if steps[i] = st; err != nil {
				w.finish(err)
			}
		})
	}
	sideBySide(planning)
	sideBySide(sealing(steps, s.head.sequence))

	b := &batch{head: s.head, totals: maps.Clone(s.totals), changed: touched}
	b.atMs, b.nowMs, b.clockSet = s.stamp()
	for i, w := range waiters {
		if w.change != nil && steps[i] == nil {
			continue // already refused
		}
		err := s.addTo(b, w, steps[i])
		if errors.Is(err, errBatchFull) {
			rest = unfinished(waiters[i:])
			break
		}
		if err != nil {
			w.finish(err)
			continue
		}
		written = append(written, w)
	}
	err = s.signAll(b)
	if err == nil {
		err = s.commit(b)
	}
	finishAll(written, err)
	return rest
}

// sideBySide does the work of a batch that is not waiting for the disk, on all
// processors.
func sideBySide(jobs []func()) {
	if len(jobs) == 1 {
		jobs[0]()
		return
	}
	var wait sync.WaitGroup
	for _, job := range jobs {
		wait.Go(job)
	}
	wait.Wait()
}

// signAll signs the batch's entries. The chain is made of headers, so this is
// all that is left to do for them; if one cannot be signed, none is written.
func (s *Store) signAll(b *batch) error {
	errs := make([]error, len(b.headers))
	records := make([]write, len(b.headers))
	jobs := make([]func(), len(b.headers))
	for i, h := range b.headers {
		jobs[i] = func() {
			var e seal.Entry
			e, errs[i] = seal.SignEntry(s.signer, h.bytes)
			records[i] = write{journalKey(h.index), journalRecord(e)}
		}
	}
	sideBySide(jobs)
	b.writes = append(b.writes, records...)
	return errors.Join(errs...)
}

// addTo makes a waiter's part and adds it, or leaves the batch as it was.
func (s *Store) addTo(b *batch, w *waiter, st *step) error {
	var p part
	var err error
	if st != nil {
		p, err = st.entry(b, w.change)
	} else {
		p, err = w.build(b)
	}
	if err != nil {
		return err
	}
	next := b.head
	var header []byte
	if p.entry != nil {
		h := p.entry
		h.Version, h.Index, h.Prev = seal.EntryVersion, b.head.index+1, b.head.hash.String()
		h.AtMs, h.ClockSet = b.atMs, b.clockSet
		if header, err = h.Bytes(); err != nil {
			return err
		}
		next.index, next.hash = h.Index, seal.HashEntry(header)
		next.sequence = max(next.sequence, h.Sequence)
		if h.LocalID != "" {
			p.writes = append(p.writes, write{key(prefixPayment, h.LocalID), pointer{next.index, next.hash}.bytes()})
		}
	}
	next.floorMs = max(next.floorMs, p.floorMs)

	if len(header) > maxValueBytes-signatureBytes {
		return fmt.Errorf("%w: %d bytes in one entry, more than %d", ErrTooLarge, len(header), maxValueBytes-signatureBytes)
	}
	size := len(header) + signatureBytes + 64
	for _, w := range p.writes {
		if len(w.value) > maxValueBytes {
			return fmt.Errorf("%w: %d bytes in one value, more than %d", ErrTooLarge, len(w.value), maxValueBytes)
		}
		size += len(w.key) + len(w.value) + 32 // what the database adds to each
	}
	if b.bytes+size > maxBatchBytes {
		if b.bytes == 0 {
			return fmt.Errorf("%w: %d bytes in one change, more than %d", ErrTooLarge, size, maxBatchBytes)
		}
		return errBatchFull
	}
	b.head, b.bytes, b.writes = next, b.bytes+size, append(b.writes, p.writes...)
	if p.entry != nil {
		b.headers = append(b.headers, unsigned{p.entry.Index, header})
		w.index = p.entry.Index
	}
	if st != nil {
		b.setTotals(&st.prev, &st.next)
		w.payment = st.next
	}
	if p.after != nil {
		b.after = append(b.after, p.after)
	}
	return nil
}

// commit makes the batch durable: the database first, then the head. Readers
// see nothing of it before both are.
func (s *Store) commit(b *batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b.writes) > 0 {
		killpoint.Hit("store.before-commit")
		if err := s.disk.apply(b.writes); err != nil {
			return s.failLocked(fmt.Errorf("writing the database: %w", err))
		}
		killpoint.Hit("store.committed")
	}
	if b.head != s.head {
		b.head.generation++
		if err := writeHead(s.slots, b.head); err != nil {
			return s.failLocked(err)
		}
		killpoint.Hit("store.slot-written")
	}
	s.head, s.totals = b.head, b.totals
	for _, after := range b.after {
		after(s)
	}
	if len(b.headers) > 0 {
		s.lastMs = b.atMs
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

// fail ends the use of the database.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failLocked(err)
}

func (s *Store) failLocked(err error) error {
	s.log.Error("store failed; no payments until it is reopened", "err", err)
	if s.failed == nil {
		s.failed = fmt.Errorf("%w: %w", ErrFailed, err)
		close(s.changed) // those who wait for changes must learn of it
		s.changed = make(chan struct{})
	}
	return s.failed
}

func finishAll(waiters []*waiter, err error) {
	for _, w := range unfinished(waiters) {
		w.finish(err)
	}
}

func unfinished(waiters []*waiter) []*waiter {
	var open []*waiter
	for _, w := range waiters {
		select {
		case <-w.done:
		default:
			open = append(open, w)
		}
	}
	return open
}
