package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"smartreader/lan/wire"
)

// FollowOptions configure Follow.
type FollowOptions struct {
	Options
	// Connect returns what to connect with; it is asked before every attempt,
	// because a token works once and a credential may have been renewed.
	// LastSeq is filled in by Follow from the second connection on, and where it
	// returns a credential, Follow uses a newer one that the reader gave meanwhile.
	Connect func(ctx context.Context, reader wire.Reader) (ConnectOptions, error)
	// Connected is told of every connection that stands, for calls on it; nil
	// is allowed. The Conn is closed by Follow.
	Connected func(*Conn, wire.ConnectReaderResult)
	// Lost is told why a connection ended or could not be made, and how long
	// Follow waits now; nil is allowed.
	Lost func(err error, wait time.Duration)

	MinWait, MaxWait time.Duration // 0 = 250 ms and 15 s

	kept *wire.Credential // the newest one the reader gave
}

// Follow stays connected until ctx is done, resuming durable events after the
// last one OnEvent dealt with. It returns ctx's error, or an error that trying
// again cannot mend: wrong options, another reader, a refusal by the reader
// with retry "never". When the session expires it connects anew.
func Follow(ctx context.Context, o FollowOptions) error {
	if o.MinWait <= 0 {
		o.MinWait = 250 * time.Millisecond
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 15 * time.Second
	}
	wait := o.MinWait
	var last *uint64
	for {
		stood, err := o.once(ctx, &last)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if stood {
			wait = o.MinWait
		} else if hopeless(err) {
			return err
		}
		// Jitter keeps the POSes of a shop from coming back all at once.
		pause := wait/2 + rand.N(wait/2+1)
		if o.Lost != nil {
			o.Lost(err, pause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		wait = min(2*wait, o.MaxWait)
	}
}

// once connects and stays until the connection ends. It reports whether it stood.
func (o *FollowOptions) once(ctx context.Context, last **uint64) (stood bool, err error) {
	opts := o.Options
	opts.AutoAcknowledge = opts.AutoAcknowledge && o.OnEvent != nil
	opts.OnEvent = func(e wire.Event) error {
		if o.OnEvent != nil {
			if err := o.OnEvent(e); err != nil {
				return err
			}
		}
		if e.Type == wire.EventConnectionLost && e.Reason == wire.LostExpired {
			return wire.NewError(wire.CodeSessionExpired, "") // ends the connection: connect anew
		}
		return nil
	}
	c, err := Dial(ctx, opts)
	if err != nil {
		return false, err
	}
	defer func() {
		c.Close()
		if seq := c.newest.Load(); seq != 0 {
			*last = &seq
		}
		if kept, _ := c.Credential(); kept != nil {
			o.kept = kept
		}
	}()
	with, err := o.Connect(ctx, c.Reader())
	if err != nil {
		return false, err
	}
	if *last != nil {
		with.LastSeq = *last
	}
	if with.Credential != nil && o.kept != nil {
		with.Credential = o.kept
	}
	result, err := c.Connect(ctx, with)
	if err != nil {
		return false, err
	}
	if o.Connected != nil {
		o.Connected(c, result)
	}
	select {
	case <-c.Done():
		return true, c.Err()
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// hopeless reports errors of connecting that the next attempt would meet again.
func hopeless(err error) bool {
	if e, ok := wire.AsError(err); ok {
		return e.Retry == wire.RetryNever
	}
	return errors.Is(err, ErrOptions) || errors.Is(err, ErrIdentity)
}
