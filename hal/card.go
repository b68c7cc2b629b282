package hal

import "context"

// Card is one powered card, contact or contactless, between Activate and
// Close. It is valid until it is closed, is removed, or its reader activates
// again; after that Transceive fails with ErrHalted or ErrCardRemoved.
//
// The transport protocol (T=0, T=1, ISO 14443-4 block chaining, waiting-time
// extensions, GET RESPONSE and wrong-Le procedure bytes that belong to T=0)
// stays below this interface. Status words are answers, never errors.
type Card interface {
	// Transceive sends one command APDU and returns the response APDU with its
	// two status bytes. The command is not kept or changed; the caller owns
	// the response, which holds card data and must not be logged.
	//
	// Errors match ErrCardRemoved, ErrMute, ErrHalted, ErrNotFound (the reader
	// was unplugged) or the context's error. After any error the exchange is in
	// doubt: close the card; only a new Activate brings it back, reset.
	Transceive(ctx context.Context, command []byte) (response []byte, err error)

	// ATR is the answer to reset of a contact card. For a contactless card it
	// is the ATS (type A) or ATQB (type B), empty when the card gave none.
	// The caller owns the slice.
	ATR() []byte

	// Close takes the power away from the card. It is safe to call twice, and
	// after the card was removed. A card still in the slot can be activated
	// again, and then starts from reset.
	Close() error
}
