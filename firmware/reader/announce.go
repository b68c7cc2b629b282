package reader

import (
	"context"
	"reflect"
	"time"

	"smartreader/firmware/payment"
	"smartreader/lan/wire"
)

// announce tells POS what changed: the ledger has new events, the network
// status or the totals are different.
func (r *Reader) announce(ctx context.Context) error {
	var last wire.OfflineStatus
	greet := false
	for {
		// Ask for the channels first: what changes in between is not missed.
		ledger, link := r.store.Changed(), r.platform.Link().Changed()
		r.lan.Notify()
		if status := r.offlineStatus(); greet || !reflect.DeepEqual(status, last) {
			last, greet = status, false
			r.lan.Broadcast(wire.Event{Type: wire.EventOfflineStatusChange, AtMs: time.Now().UnixMilli(), OfflineStatus: &status})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ledger:
		case <-r.newcomer:
			greet = true
		case <-link:
			if !r.offline() {
				r.forward.Kick()
				r.considerRenewal()
			}
		}
	}
}

// greet has the offline status told again, for a POS that came between two
// changes. Only announce tells it, so that an older one never comes last.
func (r *Reader) greet() {
	select {
	case r.newcomer <- struct{}{}:
	default:
	}
	r.considerRenewal()
}

// step passes on what a POS may show while it waits.
func (r *Reader) step(s payment.Step) {
	if r.lan == nil {
		return
	}
	e := wire.Event{AtMs: time.Now().UnixMilli()}
	switch s.Kind {
	case payment.StepCardInserted:
		e.Type, e.ReaderEvent = wire.EventReaderEvent, wire.ReaderCardInserted
	case payment.StepCardRemoved:
		e.Type, e.ReaderEvent = wire.EventReaderEvent, wire.ReaderCardRemoved
	case payment.StepCardTapped:
		e.Type, e.ReaderEvent = wire.EventReaderEvent, wire.ReaderCardTapped
	case payment.StepPrompt:
		if e.DisplayMessage = displayMessages[s.Prompt]; e.DisplayMessage == "" {
			return
		}
		e.Type = wire.EventDisplayMessage
	case payment.StepPhase:
		e.Type, e.PaymentStatus = wire.EventPaymentStatusChange, paymentStatus(s.Phase)
	}
	r.lan.Broadcast(e)
}

// displayMessages are what a POS is told of what the cardholder is asked to do.
var displayMessages = map[payment.FaceKind]string{
	payment.FaceTryAgain:   wire.DisplayRetryCard,
	payment.FaceInsertCard: wire.DisplayInsertCard,
	payment.FaceOneCard:    wire.DisplayMultipleCards,
	payment.FaceSeePhone:   wire.DisplayCheckMobileDevice,
	payment.FaceTapAgain:   wire.DisplayRemovedTooEarly,
}

func paymentStatus(p payment.Phase) string {
	switch p {
	case payment.Collecting:
		return wire.PaymentWaitingForInput
	case payment.Collected, payment.Confirming:
		return wire.PaymentProcessing
	}
	return wire.PaymentReady
}
