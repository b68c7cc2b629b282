package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/build/bench"
	"smartreader/lan/wire"
)

// How long things may take. They are bounds for emulated readers on busy
// computers; nothing takes long where it need not.
const (
	noticed = 3 * time.Minute // an outage, or its end with all that was stored sent
	moved   = 30 * time.Second
)

// outage is the story while it is played.
type outage struct {
	ctx    context.Context
	bench  Bench
	report func(Step)
	pos    *POS
}

// Outage plays: payments online, outage, payments offline with a kill in
// between, by chip and by tap, one refused, a lost answer, recovery. Each step is reported as it
// happens. The error names the first that did not hold: everything after it
// would be meaningless, so the story ends there. The reader is left running.
func Outage(ctx context.Context, b Bench, report func(Step)) error {
	o := &outage{ctx: ctx, bench: b, report: report}
	at, err := b.Start(ctx)
	if err != nil {
		return err
	}
	if err := o.check("start", true, "reader %s with its platform", at.ReaderID); err != nil {
		return err
	}
	if o.pos, err = NewPOS("outage-story"); err != nil {
		return err
	}
	defer o.pos.Close()
	if err := o.online(at); err != nil {
		return err
	}
	if err := o.offline(); err != nil {
		return err
	}
	return o.recovery()
}

func (o *outage) check(step string, ok bool, got string, args ...any) error {
	s := Step{step, fmt.Sprintf(got, args...), ok}
	o.report(s)
	if !ok {
		return fmt.Errorf("%s: %s", s.Step, s.Got)
	}
	return nil
}

func (o *outage) online(at bench.Endpoints) error {
	connected, err := o.pos.Connect(o.ctx, at)
	if err := o.check("connect", err == nil && connected.Connection == wire.ConnectedOnline, "%s", said(err, "online, with a one-shot token")); err != nil {
		return err
	}
	paid, err := o.pos.Pay(o.ctx, o.bench, 1250, "visa")
	if err := o.check("pay 12.50", err == nil && approved(paid), "%s", said(err, "approved by the issuer")); err != nil {
		return err
	}
	paid, err = o.pos.Tap(o.ctx, o.bench, 1350, "mastercard")
	if err := o.check("tap 13.50", err == nil && tapped(paid), "%s", said(err, "the tap approved by the issuer")); err != nil {
		return err
	}
	paid, err = o.pos.TapTwice(o.ctx, o.bench, 1450, "tap-visa-phone-locked")
	return o.check("tap 14.50, phone", err == nil && tapped(paid), "%s", said(err, "told to look at the phone, then approved by the issuer"))
}

func tapped(p wire.PaymentIntent) bool {
	return approved(p) && p.PaymentMethod.CardPresent.ReadMethod == wire.ReadContactlessEMV
}

func approved(p wire.PaymentIntent) bool {
	return p.ID != nil && p.OfflineDetails == nil && p.Status == wire.StatusSucceeded && p.PaymentMethod != nil && p.PaymentMethod.CardPresent != nil
}

// offline takes payments without internet, and kills the reader between two.
func (o *outage) offline() error {
	if err := o.bench.Unreachable(o.ctx, true); err != nil {
		return err
	}
	err := o.pos.Await(o.ctx, noticed, func(b *Books) bool { return b.Status.Reader.NetworkStatus == wire.NetworkOffline })
	if err := o.check("internet cut", err == nil, "%s", said(err, "the reader says offline")); err != nil {
		return err
	}
	if err := o.storeTap(2500, "visa-debit"); err != nil { // the first one stored: its answer will be lost
		return err
	}
	if err := o.store(2000, "visa"); err != nil {
		return err
	}
	o.bench.Kill()
	at, err := o.bench.Start(o.ctx)
	if err != nil {
		return err
	}
	connected, err := o.pos.Connect(o.ctx, at)
	if err := o.check("kill -9, restart", err == nil && connected.Connection == wire.ConnectedOffline && storedCount(connected) == 2,
		"%s", said(err, "connected offline by credential; %d payments still stored", storedCount(connected))); err != nil {
		return err
	}
	if err := o.storeTap(3000, "mastercard"); err != nil {
		return err
	}
	if err := o.store(4000, "declined-generic"); err != nil {
		return err
	}
	_, err = o.pos.Pay(o.ctx, o.bench, 1_000_001, "visa")
	return o.check("pay 10,000.01", errors.Is(err, wire.CodeAmountExceedsOffline), "%s", refusedWith(err))
}

func (o *outage) store(amount int64, card string) error {
	p, err := o.pos.Pay(o.ctx, o.bench, amount, card)
	return o.stored("pay", amount, wire.ReadContactEMV, p, err)
}

func (o *outage) storeTap(amount int64, card string) error {
	p, err := o.pos.Tap(o.ctx, o.bench, amount, card)
	return o.stored("tap", amount, wire.ReadContactlessEMV, p, err)
}

func (o *outage) stored(verb string, amount int64, read string, p wire.PaymentIntent, err error) error {
	stored := err == nil && p.OfflineDetails != nil && p.OfflineDetails.State == wire.OfflineStored && p.OfflineDetails.RequiresUpload &&
		p.OfflineDetails.CardPresentDetails.ReadMethod == read
	got := said(err, "not stored")
	if stored {
		got = fmt.Sprintf("stored on the reader as #%d, not yet authorized (%s %s)", p.OfflineDetails.Sequence,
			p.OfflineDetails.CardPresentDetails.Brand, p.OfflineDetails.CardPresentDetails.Last4)
	}
	return o.check(verb+" "+money(amount)+" offline", stored, "%s", got)
}

// What the story takes offline: payments, and of them what is charged in the end.
const (
	taken   = 4
	charged = 2000 + 2500 + 3000
)

// recovery brings the internet back, with one answer lost, and compares the
// three books.
func (o *outage) recovery() error {
	if err := o.bench.LoseNextAnswer(o.ctx); err != nil {
		return err
	}
	if err := o.bench.Unreachable(o.ctx, false); err != nil {
		return err
	}
	err := o.pos.Await(o.ctx, noticed, func(b *Books) bool { return len(b.Told) == taken && b.Status.Reader.OfflinePaymentsCount == 0 })
	if err := o.check("internet back", err == nil, "%s", said(err, "the POS was told of the end of all %d", taken)); err != nil {
		return err
	}
	twice, declined := 0, ""
	o.pos.Look(func(b *Books) {
		for id, n := range b.Told {
			if n != 1 {
				twice++
			}
			if e := b.Reasons[id]; e != nil {
				declined = fmt.Sprintf("%s of %s", e.DeclineCode, money(b.Payments[id].Amount))
			}
		}
	})
	if err := o.check("told once", twice == 0 && declined != "", "each payment told once; declined by the issuer: %s", declined); err != nil {
		return err
	}
	return o.compare()
}

func (o *outage) compare() error {
	status, err := o.bench.Status(o.ctx)
	if err != nil {
		return err
	}
	totals := status.Totals
	if err := o.check("answer lost", totals.AnswersLost == 1 && totals.Duplicates == 0, "%d answer lost, %d charges twice", totals.AnswersLost, totals.Duplicates); err != nil {
		return err
	}
	list, err := o.pos.Conn().ListStoredPayments(o.ctx, wire.ListStoredPaymentsParams{})
	if err != nil {
		return err
	}
	var reader, pos, posOnline int64 // what was charged for payments taken offline, and online
	for _, p := range list.PaymentIntents {
		if p.OfflineDetails.State == wire.OfflineForwarded {
			reader += p.Amount
		}
	}
	o.pos.Look(func(b *Books) {
		for _, p := range b.Payments {
			switch {
			case p.OfflineDetails != nil && p.OfflineDetails.State == wire.OfflineForwarded:
				pos += p.Amount
			case p.OfflineDetails == nil && p.Status == wire.StatusSucceeded:
				posOnline += p.Amount
			}
		}
	})
	platform := totals.Deferred.ByCurrency["usd"]
	ok := reader == charged && pos == reader && platform == reader &&
		totals.Approved.ByCurrency["usd"] == posOnline+pos && totals.Approved.Count == 6 && totals.Declined.Count == 1 &&
		totals.Duplicates == 0 && totals.Failed == 0 && len(status.Gaps) == 0 && list.Totals.OfflinePaymentsCount == 0
	return o.check("books agree", ok, "charged after the outage: reader %s, POS %s, platform %s usd; all charges %s; nothing missing",
		money(reader), money(pos), money(platform), money(posOnline+pos))
}

func storedCount(c wire.ConnectReaderResult) int {
	if c.OfflineStatus.Reader == nil {
		return -1
	}
	return c.OfflineStatus.Reader.OfflinePaymentsCount
}

// money writes an amount of a currency with cents.
func money(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

// said is what to print: the error, or what was hoped for.
func said(err error, hoped string, args ...any) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf(hoped, args...)
}

func refusedWith(err error) string {
	if err == nil {
		return "accepted, which is wrong"
	}
	if e, ok := wire.AsError(err); ok {
		return "refused: " + e.Message
	}
	return err.Error()
}
