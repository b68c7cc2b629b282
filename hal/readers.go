package hal

import "context"

// ContactReader is one chip slot.
type ContactReader interface {
	// Activate waits for a card, powers it and returns it after a valid answer
	// to reset (cold reset first, one warm reset when the answer is not
	// valid). A card already in the slot is activated at once, so callers that
	// want a fresh card call WaitRemoval first. A card that this reader
	// activated before is closed by it.
	//
	// Errors match ErrMute (a card is there but did not answer: ask for it to
	// be taken out and put in again), ErrNotFound, ErrHalted or the context's
	// error. A card taken out while it is powered up is not an error: Activate
	// goes on waiting.
	Activate(ctx context.Context) (Card, error)

	// WaitRemoval returns nil once the slot is empty, at once if it is.
	WaitRemoval(ctx context.Context) error

	// Present says whether a card is in the slot, powered or not. It never
	// waits for a card and may be called while another goroutine waits in
	// Activate or WaitRemoval, or exchanges with the card.
	Present(ctx context.Context) (bool, error)
}

// ContactlessReader is one antenna. The field is off until Activate.
//
// A payment waits for a tap, an inserted card and a swipe at once. Contact
// wins: when a card is inserted, the payment ends the context of Activate and
// uses the slot when Activate has returned. The field is off then, so a card
// near the antenna gets no power while the other one is processed. Nothing more
// is to be done in a driver.
type ContactlessReader interface {
	// Activate switches the field on and polls for cards of types A and B until
	// exactly one answers and is selected up to ISO 14443-4. A card that this
	// reader activated before is closed by it, and reset.
	//
	// A card that stayed in the field is a card like any other: it is activated
	// at once. That is right for a card that is to be read again (it was
	// closed, the field was off); who wants another card than that of the tap
	// before, as after a payment that was declined, calls WaitRemoval first.
	//
	// Errors match ErrCollision (more than one card), ErrMute (a card was seen
	// and could not be activated), ErrNotFound, ErrHalted or the context's
	// error. On any error the field is off, and no card activated. Activate may
	// be called again at once.
	Activate(ctx context.Context) (Card, error)

	// WaitRemoval returns nil once no card answers any more, at once if there is
	// none. The field is off afterwards, and no card activated.
	//
	// When the context ends first, a card that was activated stays so, and can
	// be used on or closed; if none was, the field is off. Activate may be
	// called at once, either way.
	WaitRemoval(ctx context.Context) error

	// FieldOff switches the field off at once, so that a card in it resets. An
	// activated card is closed by it.
	FieldOff() error
}

// SwipeReader is one magnetic stripe head, or an input device that types like
// one.
type SwipeReader interface {
	// Read waits for one swipe. Only tracks that were read without an error
	// are set. It returns ErrMute when a card was swiped and no track could
	// be read: ask for another swipe. Errors never contain track data.
	// The caller wipes the tracks when done.
	Read(ctx context.Context) (Tracks, error)
}
