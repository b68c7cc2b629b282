package reader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/firmware/platform"
	"smartreader/lan"
	"smartreader/lan/wire"
	"smartreader/store"
	"smartreader/store/forward"
)

func (s service) VoidStoredPayment(ctx context.Context, c *lan.Caller, p wire.VoidStoredPaymentParams) (wire.PaymentIntentResult, error) {
	return s.onPayment(ctx, c, wire.MethodVoidStoredPayment, p.RequestID, p.PaymentIntent, p, s.r.machine.Void)
}

// ExportLedger hands out the ledger page by page. With Rescue what waits is
// handed over first: from then on it is for whoever has the export.
func (s service) ExportLedger(ctx context.Context, c *lan.Caller, p wire.ExportLedgerParams) (wire.ExportLedgerResult, error) {
	r := s.r
	var result wire.ExportLedgerResult
	cursor := p.After
	if cursor == "" {
		purpose := "copy"
		if p.Rescue {
			var err error
			if result.Rescued, result.NotYet, err = r.store.Rescue(ctx, "handed over for rescue to "+c.POSID); err != nil {
				return result, r.wireError(err)
			}
			r.log.Warn("stored payments handed over for rescue", "pos", c.POSID, "payments", result.Rescued, "notYet", result.NotYet)
			purpose = "rescue"
		}
		begun, head, hash, err := r.store.BeginExport(ctx, r.readerID(), purpose)
		if err != nil {
			return result, r.wireError(err)
		}
		cursor, result.HeadSeq, result.HeadHash = begun, head, hash.String()
	}
	lines, next, err := r.store.ExportPage(ctx, cursor, wire.MaxExportPage)
	if err != nil {
		return result, r.wireError(err)
	}
	result.Lines, result.Next = make([]string, len(lines)), next
	for i, line := range lines {
		result.Lines[i] = string(line)
	}
	return result, nil
}

// VerifyLedger checks every hash and signature of the ledger.
func (s service) VerifyLedger(ctx context.Context, _ *lan.Caller) (wire.VerifyLedgerResult, error) {
	report, err := s.r.store.Verify(ctx, nil)
	if err != nil {
		return wire.VerifyLedgerResult{}, s.r.wireError(err)
	}
	result := wire.VerifyLedgerResult{Entries: report.Entries, FirstSeq: report.First, HeadSeq: report.Head, HeadHash: report.HeadHash.String()}
	if err := report.Err(); err != nil {
		result.Problems = append(result.Problems, err.Error())
	}
	for _, loss := range report.Losses {
		result.Problems = append(result.Problems, fmt.Sprintf("acknowledged loss: entries %v, payment sequences %v: %s", loss.Missing, loss.Sequences, loss.Reason))
	}
	health := s.r.store.Health()
	if health.Damaged {
		result.Problems = append(result.Problems, "the ledger is damaged: "+health.Reason)
	}
	result.OK = report.Err() == nil && !health.Damaged
	return result, nil
}

// RescuePayments submits another reader's stored payments. Nothing is kept
// here: the platform knows each natural key once, so this can be repeated.
func (s service) RescuePayments(ctx context.Context, c *lan.Caller, p wire.RescuePaymentsParams) (wire.RescuePaymentsResult, error) {
	result := wire.RescuePaymentsResult{Payments: make([]wire.RescueOutcome, len(p.Payments))}
	for i, payment := range p.Payments {
		result.Payments[i] = s.rescue(ctx, c, payment)
	}
	return result, nil
}

func (s service) rescue(ctx context.Context, c *lan.Caller, p wire.RescuePayment) wire.RescueOutcome {
	r := s.r
	outcome := wire.RescueOutcome{LocalID: p.LocalID, State: wire.OfflineUnknown}
	v, err := verdict(r.platform.Rescue(ctx, platform.Rescue{
		ReaderID: p.ReaderID, NaturalKey: p.NaturalKey, Envelope: p.Envelope, StoredAtMs: p.StoredAtMs,
		Proof: &platform.Proof{Header: p.Entry, Signature: p.Signature},
	}))
	if err != nil {
		r.log.Info("rescue not submitted", "payment", p.LocalID, "err", err)
		outcome.Error = r.stuck()
		return outcome
	}
	r.log.Info("payment of another reader submitted", "pos", c.POSID, "payment", p.LocalID, "reader", p.ReaderID, "status", v.Status)
	outcome.ID = wire.Nullable(v.IntentID)
	outcome.State = string(v.Status)
	if v.Status != forward.Forwarded {
		outcome.Error = forwardedError(store.Payment{
			State: store.State(v.Status), Failure: &store.Failure{Code: v.Code, DeclineCode: v.DeclineCode, Message: v.Message},
		})
	}
	return outcome
}

// receiptDays is how long a finished payment is kept unless the configuration
// says otherwise.
const receiptDays = 90

// housekeeping drops what is long finished. It goes by the time floor, which is
// certainly past: a clock that is wrong must not make the reader forget.
func (r *Reader) housekeeping(ctx context.Context) error {
	for {
		days := receiptDays
		if c := r.configured(); c != nil && c.platform.Offline.ReceiptDays > 0 {
			days = c.platform.Offline.ReceiptDays
		}
		before := r.store.TimeFloor().AddDate(0, 0, -days)
		abandoned, err := r.machine.CancelAbandoned(ctx, before)
		if abandoned > 0 {
			r.log.Info("payments canceled that were created and never collected", "payments", abandoned)
		}
		var pruned store.Pruned
		if err == nil {
			pruned, err = r.store.Prune(ctx, before)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, store.ErrFailed):
			return err
		case err != nil: // refused for want of space, or damage: it waits
			r.log.Warn("finished payments not dropped", "err", err)
		case pruned.Entries > 0:
			r.log.Info("finished payments dropped", "payments", pruned.Payments, "entries", pruned.Entries)
		}
		if err := pause(ctx, housekeepingPeriod); err != nil {
			return err
		}
	}
}

const housekeepingPeriod = time.Hour
