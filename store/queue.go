package store

import (
	"context"
	"slices"
	"sync"
)

// maxBatch is the most changes written with one sync. It also bounds how far
// the head slot can lag behind the database after a power cut.
const maxBatch = 64

// waiter is one change that waits to be written, and its result.
type waiter struct {
	change *Change                    // a payment's change, or
	build  func(*batch) (part, error) // anything else

	done    chan struct{}
	payment Payment
	index   uint64
	err     error
}

func (w *waiter) finish(err error) {
	w.err = err
	close(w.done)
}

// queue holds those who wait, in order of arrival.
type queue struct {
	mu      sync.Mutex
	waiting []*waiter
}

func (q *queue) add(w ...*waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, w...)
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// take removes the first n.
func (q *queue) take(n int) []*waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.waiting))
	taken := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return taken
}

// putBack returns those who did not fit, before all others.
func (q *queue) putBack(rest []*waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.Insert(q.waiting, 0, rest...)
}

// remove takes w out if it still waits.
func (q *queue) remove(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, w)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// submit queues w and waits for its result. Of those who wait, whoever gets the
// lead writes for all. When ctx ends first, nothing was written and the error
// is ctx.Err(); once the writing has begun only its result counts.
func (s *Store) submit(ctx context.Context, w *waiter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.done = make(chan struct{})
	s.queue.add(w)
	return s.await(ctx, w)
}

// submitAll submits several that may share a sync; each has its own error.
func (s *Store) submitAll(ctx context.Context, waiters []*waiter) {
	for _, w := range waiters {
		w.done = make(chan struct{})
	}
	s.queue.add(waiters...)
	for _, w := range waiters {
		if err := s.await(ctx, w); err != nil {
			w.err = err // also of one that never had its turn
		}
	}
}

// await waits for the result of a queued change.
func (s *Store) await(ctx context.Context, w *waiter) error {
	for {
		select {
		case <-w.done:
			return w.err
		case s.lead <- struct{}{}:
			s.leadOnce()
		case <-ctx.Done():
			if s.queue.remove(w) {
				return ctx.Err()
			}
			ctx = context.WithoutCancel(ctx) // being written: stay, and lead if need be
		}
	}
}

// leadOnce writes one batch and gives the lead away.
func (s *Store) leadOnce() {
	defer func() { <-s.lead }()
	taken := s.queue.take(maxBatch)
	if len(taken) == 0 {
		return
	}
	s.queue.putBack(s.write(taken))
}
