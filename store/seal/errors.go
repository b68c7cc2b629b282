package seal

import "errors"

var (
	// ErrKey is returned for a key or key id that is not of the right form.
	ErrKey = errors.New("seal: bad key")

	// ErrEnvelope is returned when bytes are not a well-formed envelope.
	ErrEnvelope = errors.New("seal: malformed envelope")

	// ErrUnknownKey is returned by Open when no private key with the
	// envelope's key id is at hand.
	ErrUnknownKey = errors.New("seal: unknown sealing key")

	// ErrOpen is returned when a well-formed envelope does not open: wrong
	// key, or the header or payload was changed.
	ErrOpen = errors.New("seal: envelope does not open")

	// ErrHeader is returned when bytes are not a canonical header.
	ErrHeader = errors.New("seal: malformed header")

	// ErrSignature is returned when a signature is not the device key's.
	ErrSignature = errors.New("seal: wrong signature")

	// ErrChain is returned when an entry does not follow the one before it.
	ErrChain = errors.New("seal: broken chain")
)
