package forward

import (
	"context"
	"errors"
	"time"

	"smartreader/store"
)

// crew is the payments under way in one turn, each in a goroutine of its own.
// All but those goroutines is done by who has the turn.
type crew struct {
	ctx    context.Context // of their requests
	cancel context.CancelFunc
	lanes  map[string]bool // taken by those under way
	back   chan outcome
	err    error // why nobody is sent any more
}

// outcome is what one attempt of a crew came to.
type outcome struct {
	lane    string
	payment store.Payment // as it was sent
	result  result
	err     error // ctx's or the store's
}

func newCrew(ctx context.Context) *crew {
	ctx, cancel := context.WithCancel(ctx)
	return &crew{ctx: ctx, cancel: cancel, lanes: map[string]bool{}, back: make(chan outcome)}
}

func (c *crew) empty() bool { return len(c.lanes) == 0 }

// send starts an attempt. Its outcome has to be waited for.
func (c *crew) send(f *Forwarder, lane string, p store.Payment) {
	c.lanes[lane] = true
	go func() {
		r, err := f.attempt(c.ctx, p)
		c.back <- outcome{lane, p, r, err}
	}()
}

// stop ends what is under way, for a reason that leaves no point in it.
func (c *crew) stop(err error) {
	if c.err == nil {
		c.err = err
	}
	c.cancel()
}

// await waits for an outcome, or until there is reason to look for more work.
// When ctx has ended, the outcomes are not long in coming.
func (c *crew) await(r rest, kick <-chan struct{}) (o outcome, back bool) {
	timer, stop := after(r.wait)
	defer stop()
	select {
	case o := <-c.back:
		return o, true
	case <-kick:
	case <-r.changed:
	case <-timer:
	}
	return outcome{}, false
}

// welcome takes an outcome in, and returns what it came to.
func (f *Forwarder) welcome(c *crew, o outcome) result {
	delete(c.lanes, o.lane)
	id, r := o.payment.LocalID, o.result
	switch err := o.err; {
	case errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrTransition):
		// One payment that the store takes no change of keeps nobody else from theirs.
		f.o.Log.Error("payment cannot be taken further for now", "localId", id, "sequence", o.payment.Sequence, "err", err)
		r.err, r.aside = err, true
	case errors.Is(err, store.ErrRefused): // the disk is full even for this
		f.o.Log.Error("forwarding has to wait for disk space", "err", err)
		f.pace.rest(f.o.MaxWait)
		r.err = err
	case err != nil:
		c.stop(err)
	}
	switch {
	case r.held != nil:
		f.setBack(id, r.held.Code)
		f.tellHold(c.ctx, o.payment, r.held)
	case r.aside:
		f.setBack(id, "")
	case r.alone:
		f.failedAlone(c.ctx, o.payment)
	case r.err == nil && o.err == nil:
		f.letGo(id)
	}
	switch {
	case r.ended != "":
		f.ended.Store(true)
		delete(f.asked, id)
	case o.payment.State == store.Rescued && r.err != nil: // once in a while will do
		f.askNot = time.Now().Add(f.o.MaxWait)
		delete(f.asked, id)
	}
	return r
}
