package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

type watchFlags struct {
	all, once bool
	run       time.Duration
}

var watchCommand = command{
	name: "watch", short: "print the reader's events as they happen",
	long: `
Money events are numbered and kept by the reader until this POS has dealt with
them: watch goes on where the last watch stopped and loses none, also across a
lost connection or a restart of the reader. With -json each line is one event.`,
	flags: func(fs *flag.FlagSet) any {
		f := new(watchFlags)
		fs.BoolVar(&f.all, "all", false, "begin with the first event the reader still has")
		fs.BoolVar(&f.once, "once", false, "print what has happened so far and stop")
		fs.DurationVar(&f.run, "for", 0, "stop after this `time` (default: until Ctrl-C)")
		return f
	},
	run: func(a *app, ctx context.Context, _ []string, flags any) error {
		f := flags.(*watchFlags)
		// The first connection tells whether this works at all.
		first, err := a.open(ctx, opening{look: true})
		if err != nil {
			return err
		}
		if !a.json {
			a.notes(first)
		}
		first.Close()
		if f.run > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, f.run)
			defer cancel()
		}
		return a.watch(ctx, f)
	},
}

// caughtUp is closed when the events up to newest have been dealt with.
type caughtUp struct {
	mu           sync.Mutex
	known        bool
	seen, newest uint64
	done         chan struct{}
	once         sync.Once
}

func (c *caughtUp) update(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	if c.known && c.seen >= c.newest {
		c.once.Do(func() { close(c.done) })
	}
}

func (a *app) watch(ctx context.Context, f *watchFlags) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts, s, err := a.options(ctx, false)
	if err != nil {
		return err
	}
	at := new(place)
	if _, err := a.load(eventFile, at); err != nil {
		return err
	}
	if at.ReaderID != s.ReaderID || f.all {
		*at = place{ReaderID: s.ReaderID}
	}
	up := &caughtUp{done: make(chan struct{}), seen: at.LastSeq}
	var stopping sync.WaitGroup
	defer stopping.Wait()
	defer cancel()
	opts.AutoAcknowledge = true
	opts.ConnectionToken = a.provideToken
	opts.OnEvent = a.keepRenewed(*s, func(e wire.Event) error {
		if err := a.showEvent(e); err != nil {
			return err
		}
		if e.Seq == 0 {
			return nil
		}
		at.LastSeq = e.Seq
		if err := a.save(eventFile, at); err != nil { // before the acknowledgement: shown twice is better than never
			return err
		}
		up.update(func() { up.seen = e.Seq })
		return nil
	})
	expired := false // the session: the credential alone may not be enough
	err = client.Follow(ctx, client.FollowOptions{
		Options: opts,
		Connect: func(context.Context, wire.Reader) (client.ConnectOptions, error) {
			with := client.ConnectOptions{Credential: s.Credential, Look: true}
			if at.LastSeq > 0 || f.all {
				with.LastSeq = &at.LastSeq
			}
			if s.Credential != nil && !expired {
				return with, nil
			}
			token, err := a.connectionToken(ctx)
			switch {
			case err == nil:
				with.Credential, with.ConnectionToken = nil, token
			case s.Credential == nil:
				return with, err
			}
			return with, nil
		},
		Connected: func(c *client.Conn, r wire.ConnectReaderResult) {
			if f.once {
				up.update(func() { up.known, up.newest = true, r.NewestSeq })
				stopping.Go(func() {
					select {
					case <-up.done:
						up.mu.Lock()
						seen := up.seen
						up.mu.Unlock()
						c.AcknowledgeEvents(ctx, min(seen, r.NewestSeq)) // if it fails they come again
						cancel()
					case <-ctx.Done():
					}
				})
			}
			if !a.json {
				fmt.Fprintf(a.stderr, "Watching reader %s. Ctrl-C stops.\n", r.Reader.ID)
			}
		},
		Lost: func(err error, wait time.Duration) {
			expired = errors.Is(err, wire.CodeSessionExpired)
			if !a.json {
				fmt.Fprintf(a.stderr, "Connection lost (%v); trying again.\n", err)
			}
		},
	})
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (a *app) showEvent(e wire.Event) error {
	if a.json {
		e.Credential = nil // it is in the state folder
		return a.print(e)
	}
	number := ""
	if e.Seq > 0 {
		number = fmt.Sprintf(" #%d", e.Seq)
	}
	_, err := fmt.Fprintf(a.stdout, "%s%s  %s\n", moment(time.UnixMilli(e.AtMs)), number, eventText(e))
	return err
}

// moment is a time of day, with the day where it is not today: events wait for
// weeks.
func moment(at time.Time) string {
	if now := time.Now(); now.Format(time.DateOnly) != at.Format(time.DateOnly) {
		return at.Format(time.DateTime)
	}
	return at.Format(time.TimeOnly)
}

func eventText(e wire.Event) string {
	switch e.Type {
	case wire.EventPaymentIntentForwarded, wire.EventPaymentIntentChange:
		text := e.Type
		if e.State != "" {
			text = e.State
		}
		if pi := e.PaymentIntent; pi != nil {
			if pi.Status == wire.StatusRequiresPaymentMethod && pi.LastPaymentError == nil { // "not paid" would sound like its end
				text = fmt.Sprintf("%s: %s. %s", text, money(pi.Amount, pi.Currency), idOf(*pi))
				if e.State == "created" && e.Reason != "" && e.Reason != "created" { // a collect came to nothing
					text = "open again: " + strings.TrimPrefix(text, "created: ") + " Reason: " + strings.TrimSuffix(e.Reason, ".") + "."
				}
				return text
			}
			text += ": " + sentence(*pi)
		}
		return text
	case wire.EventForwardingFailure:
		switch {
		case e.Error == nil:
		case e.Seq == 0, e.Error.Code == wire.CodeTokenErrorForwarding: // forwarding does not wait for a token
			return "while forwarding: " + e.Error.Error()
		default:
			return "forwarding is stuck: " + e.Error.Error()
		}
	case wire.EventOfflineStatusChange:
		if s := e.OfflineStatus; s != nil && s.Reader != nil {
			return strings.TrimSpace(fmt.Sprintf("platform %s, %s waiting %s", s.Reader.NetworkStatus,
				count(s.Reader.OfflinePaymentsCount, "payment"), sums(s.Reader.OfflinePaymentAmountsByCurrency)))
		}
	case wire.EventPaymentStatusChange:
		return "payment " + e.PaymentStatus
	case wire.EventReaderEvent:
		return e.ReaderEvent
	case wire.EventDisplayMessage:
		return "at the reader: " + displayText(e.DisplayMessage)
	case wire.EventCredentialRenewed:
		return "this POS can connect without internet until " + date(e.ExpiresAtMs)
	case wire.EventUpdateAvailable:
		if e.Update != nil {
			return updateText(*e.Update)
		}
	case wire.EventLeaseChange:
		if e.Lease == nil || e.Lease.POSID == "" {
			return "nobody holds the reader"
		}
		return "the reader is held by POS " + e.Lease.POSID
	}
	if e.Reason != "" {
		return e.Type + ": " + e.Reason
	}
	return e.Type
}
