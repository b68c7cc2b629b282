package hal

import "errors"

// Errors of a card in or near a reader.
var (
	// ErrNoCard is returned when a call needs a card and there is none.
	ErrNoCard = errors.New("hal: no card")
	// ErrCardRemoved is returned by Transceive when the card left the slot or
	// the field, before or during the exchange. The card is dead from then on:
	// what it did with the last command is unknown.
	ErrCardRemoved = errors.New("hal: card removed")
	// ErrMute is returned when a card is there but gives no answer, or an
	// answer that the transport cannot accept (bad ATR, lost block, bad
	// checksum after the permitted retries, card put in upside down).
	ErrMute = errors.New("hal: card does not answer")
	// ErrCollision is returned by a contactless Activate when more than one
	// card is in the field. The cardholder must present one card only.
	ErrCollision = errors.New("hal: more than one card in the field")
)

// Errors of a device.
var (
	// ErrHalted is returned by a device or card used after it was closed.
	ErrHalted = errors.New("hal: device closed")
	// ErrNotFound is returned when a device is absent or unplugged. It may be
	// plugged in later; the call can then be repeated.
	ErrNotFound = errors.New("hal: device not found")
	// ErrUnsupported is returned when a device cannot do what was asked, now
	// or ever. Repeating the call does not help.
	ErrUnsupported = errors.New("hal: not supported by this device")
)

// Errors of a key store.
var (
	// ErrNoKey is returned by Key and Secret when there is none of that name.
	ErrNoKey = errors.New("hal: no such key")
	// ErrKeyExists is returned by Create when there is a key of that name.
	ErrKeyExists = errors.New("hal: key exists already")
	// ErrErased is returned by every call but Erase after the tamper response erased
	// the store. The reader must be inspected before it may get a new identity.
	ErrErased = errors.New("hal: keys were erased by the tamper response")
)
