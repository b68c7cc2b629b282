package reader

import (
	"context"
	"errors"
	"os"
	"time"

	"smartreader/lan/wire"
	"smartreader/store"
)

// A disk that fails ends payments and forwarding: what memory says may then
// differ from what is on disk, and only opening the ledger again can tell. As
// long as the disk cannot be written that would not work either, so the reader
// stays, to say what is wrong and what is stored.

const (
	diskPeriod = 5 * time.Second
	// longestStandstill is when the reader restarts all the same: whoever
	// supervises it may be able to do more about a disk.
	longestStandstill = 10 * time.Minute
)

// untilDiskWorks runs a part, and after the ledger failed waits with its error
// until the disk can be written again.
func (r *Reader) untilDiskWorks(part func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := part(ctx)
		if ctx.Err() == nil && errors.Is(err, store.ErrFailed) {
			r.standStill(ctx, err)
		}
		return err
	}
}

func (r *Reader) standStill(ctx context.Context, cause error) {
	if r.standing.CompareAndSwap(false, true) {
		r.log.Error("the ledger failed: no payments and no forwarding until its disk can be written", "err", cause)
		r.screen.outOfUse("Out of order")
		r.greet()
	}
	for until := time.Now().Add(longestStandstill); !r.diskWorks() && time.Now().Before(until); {
		if pause(ctx, diskPeriod) != nil {
			return
		}
	}
}

// diskWorks tries what the ledger needs of its disk.
func (r *Reader) diskWorks() bool {
	f, err := os.CreateTemp(r.opt.Dir, "disk-*")
	if err != nil {
		return false
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("?")
	return errors.Join(err, f.Sync(), f.Close()) == nil
}

// diskFailure is what a POS is told of a ledger that failed.
func diskFailure() *wire.Error {
	return wire.NewError(wire.CodeGenericReaderError, "the reader's disk failed: it takes no payments and forwards none").
		WithRemedy("the reader restarts by itself once its disk works; if it stays so, switch it off and on, then have it repaired: what is stored can be salvaged")
}
