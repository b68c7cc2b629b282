package platform

import (
	"errors"
	"fmt"
)

// An answer that decodes is not yet an answer to the question. These checks
// keep an empty object or another payment's verdict from being acted upon.

func verdictFor(naturalKey string) func(*Verdict) error {
	return func(v *Verdict) error {
		if v.NaturalKey != naturalKey {
			return errors.New("verdict of another natural key")
		}
		switch v.Status {
		case StatusApproved:
			if v.ChargeID == "" || v.Intent == nil || v.Intent.ID == "" {
				return errors.New("approval without charge or intent")
			}
		case StatusDeclined, StatusFailed:
		default:
			return fmt.Errorf("verdict status %q", v.Status)
		}
		return nil
	}
}

func reversalOf(naturalKey string) func(*Reversal) error {
	return func(r *Reversal) error {
		if r.NaturalKey != naturalKey {
			return errors.New("reversal of another natural key")
		}
		switch r.Outcome {
		case ReversalRefunded, ReversalReleased, ReversalNothing, ReversalNeverKnown:
			return nil
		}
		return fmt.Errorf("reversal outcome %q", r.Outcome)
	}
}

func (p *PaymentIntent) usable() error {
	if p.ID == "" || p.Status == "" {
		return errors.New("intent without id or status")
	}
	return nil
}

func (a *ActivateResponse) usable() error {
	if a.Reader.ID == "" || len(a.Certificate) == 0 || len(a.CA) == 0 || len(a.SigningKey) == 0 {
		return errors.New("activation is incomplete")
	}
	return nil
}
