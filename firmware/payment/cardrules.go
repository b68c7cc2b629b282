package payment

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// cardRules judge what the card is and how it was presented.
func (e *evaluation) cardRules() {
	c := e.subject.card
	if c.Read || c.ReadMethod != "" {
		e.note("entryMode", byReader, c.ReadMethod, e.entryMode(c.ReadMethod))
	}
	if c.Read || c.Brand != "" {
		failure := brandRefusal(c.Brand)
		if failure == nil && c.WrongBrand {
			failure = refuse(OfflineDeclined, RetryCollectAgain, "the card's number is not one of the brand it claims to be", "ask for another card, or wait for the internet")
		}
		e.note("brand", byReader, c.Brand, failure)
	}
	if c.Read || c.CVM != "" {
		var failure *Error
		switch {
		case c.OnlinePIN, c.CVM == onlinePIN:
			failure = onlinePINOffline()
			failure.insert = c.tapped()
		case c.CVM == failedCVM: // an issuer may decide otherwise, nobody else
			failure = refuse(OfflineDeclined, RetryCollectAgain, "the cardholder could not be verified", "ask for another card, or wait for the internet")
		}
		e.note("cvm", byReader, c.CVM, failure)
	}
	if !c.Read {
		return
	}
	var failure *Error
	// A card is good to the end of the month it names.
	end := time.Date(c.ExpiryYear, time.Month(c.ExpiryMonth)+1, 1, 0, 0, 0, 0, e.now.Location())
	if c.ExpiryYear == 0 || !e.now.Before(end) {
		failure = refuse(OfflineCardExpired, RetryCollectAgain, "the card has expired", "ask for another card")
	}
	e.note("expiry", byReader, fmt.Sprintf("%04d-%02d", c.ExpiryYear, c.ExpiryMonth), failure)

	failure = nil
	if !c.Authenticated && !(c.ReadMethod == contactlessEMV && e.policy.Unauthenticated) { // it may be a copied chip
		failure = refuse(OfflineDeclined, RetryCollectAgain,
			"the card did not prove to be genuine, so its payment is not stored", "ask for another card, or wait for the internet")
		failure.insert = c.tapped()
	}
	e.note("authentication", byReader, yesNo(c.Authenticated), failure)
}

func (e *evaluation) entryMode(method string) *Error {
	switch {
	case method == contactEMV:
		return nil
	case strings.HasPrefix(method, magneticStripe):
		return swiped(true)
	case method != contactlessEMV: // a tap without a chip's proof, or a method nobody knows
		return insert(refuse(OfflineDeclined, RetryCollectAgain, "the card proved nothing the way it was presented, so its payment is not stored", "insert the card"))
	}
	return e.policy.tapRefusal()
}

// tapRefusal is why no tap is stored at this Location, whatever the card; nil when
// taps are.
func (p Policy) tapRefusal() *Error {
	if !p.tapsNeedIssuer() {
		return nil
	}
	return insert(refuse(OfflineDeclined, RetryCollectAgain, "a tap is not enough here while the issuer cannot be asked", "insert the card"))
}

// insert marks a refusal that is one of the tap, not of the card.
func insert(e *Error) *Error {
	e.insert = true
	return e
}

func onlinePINOffline() *Error {
	return refuse(OnlinePINNotOffline, RetryCollectAgain, "the card wants an online PIN, which needs the issuer", "ask for another card")
}

func brandRefusal(brand string) *Error {
	switch {
	case brand == brandInterac:
		return refuse(InteracNotOffline, RetryCollectAgain, "Interac cards are not accepted without the internet", "ask for another card")
	case !slices.Contains(deferrable, brand):
		return refuse(CardNotSupported, RetryCollectAgain, "cards of this brand are not accepted without the internet", "ask for another card")
	}
	return nil
}

// velocityLimits judge what this card has had stored of late.
func (e *evaluation) velocityLimits() {
	for _, r := range e.rules {
		if r.scoped() && !e.covered(r) {
			continue
		}
		current := "known when the card is read"
		count, sum := 0, int64(0)
		known := e.subject.card.Read
		if known {
			count, sum = e.cards.within(r.Limit.window(), e.subject.card.fingerprint, r.Rule)
		}
		if limit := r.Limit.MaxPerCard; limit > 0 {
			if known {
				current = payments(count)
			}
			e.limit("maxPerCard", r, fmt.Sprintf("%s in %v", payments(limit), r.Limit.window()), current, velocityFailure(known && count >= limit))
		}
		if limit := r.Limit.MaxStoredPerCard; limit > 0 {
			if known {
				current = e.money(sum)
			}
			e.limit("maxStoredPerCard", r, fmt.Sprintf("%s in %v", e.money(limit), r.Limit.window()), current,
				velocityFailure(known && add(sum, e.amount) > limit))
		}
	}
}

func velocityFailure(stops bool) *Error {
	if !stops {
		return nil
	}
	return refuse(OfflineDeclined, RetryCollectAgain, "this card has had as much stored as one card may", "ask for another card, or wait for the internet")
}
