package forward

import (
	"context"
	"errors"
	"time"

	"smartreader/store"
)

// Summary is what one ForwardNow did.
type Summary struct {
	Forwarded, Declined, Failed, Expired, Reversed int

	Rescued    int           // the platform had them from an export
	Left       store.Totals  // accepted payments that still wait
	RetryAfter time.Duration // the platform asked to be left alone for so long
	Err        error         // the last failure; nil if there was none
}

// ForwardNow tries everything that waits once, in order, without regard to
// earlier backoffs, and stops at the first request that surely did not reach
// the platform, and after three failures in a row. Only a wish of the platform to
// wait is respected. Run makes room for it. The error is ctx's or the store's;
// other trouble is in Summary.Err.
func (f *Forwarder) ForwardNow(ctx context.Context) (sum Summary, err error) {
	f.wanted.Add(1)
	err = f.take(ctx)
	f.wanted.Add(-1)
	if err != nil {
		return sum, err
	}
	defer f.release()
	f.pace.resume()
	f.reconsider()

	o := &once{tried: map[string]bool{}}
	err = f.o.Store.Work(func(w store.WorkItem) bool { o.last = w.Sequence; return true })
	if err != nil {
		return sum, err
	}
	c := newCrew(ctx)
	defer c.cancel()
	for failures, enough := 0, false; ; {
		var l look
		if !enough && c.err == nil {
			if l, err = f.fill(c, o); err != nil {
				c.stop(err)
			}
		}
		if c.empty() {
			f.finish(l.idle)
			break
		}
		r := f.welcome(c, <-c.back)
		sum.count(r)
		if failures++; r.err == nil {
			failures = 0
		}
		enough = enough || r.unreachable || failures >= maxFailures || errors.Is(r.err, store.ErrRefused)
	}
	sum.Left, sum.RetryAfter = f.o.Store.Pending(), f.pace.held(time.Now())
	if c.err == nil && errors.Is(sum.Err, store.ErrRefused) {
		return sum, sum.Err
	}
	return sum, c.err
}

// maxFailures in a row end ForwardNow: each may have taken a whole timeout.
const maxFailures = 3

func (s *Summary) count(r result) {
	switch r.ended {
	case store.Forwarded:
		s.Forwarded++
	case store.Declined:
		s.Declined++
	case store.Failed:
		s.Failed++
	case store.Expired:
		s.Expired++
	case store.Rescued:
		s.Rescued++
	}
	if r.reversed {
		s.Reversed++
	}
	if r.err != nil {
		s.Err = r.err
	}
}

// take waits for the turn. Nobody who comes too late may have it: it would never
// be given back.
func (f *Forwarder) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Forwarder) release() { <-f.turn }
