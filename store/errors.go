package store

import (
	"errors"
	"fmt"
)

// Opening.
var (
	// ErrCorrupt is returned by Open when the database is damaged in a way that
	// opening it could make worse. Nothing on disk was touched; the text says
	// what to do. Copy the folder aside before anything else.
	ErrCorrupt = errors.New("store: database is damaged")

	// ErrSchema is returned by Open for a database written by newer software.
	ErrSchema = errors.New("store: database was written by newer software")

	// ErrKey is returned by Open when the signer is not ECDSA P-256, or the
	// journal was written under another device key.
	ErrKey = errors.New("store: wrong device key")

	// ErrLocked is returned by Open when another process has the folder open.
	ErrLocked = errors.New("store: folder is in use by another process")
)

// Using.
var (
	// ErrNotFound is returned when there is no such payment, request or blob.
	ErrNotFound = errors.New("store: not found")

	// ErrConflict is returned by Commit when the payment changed after it was
	// read. Read it again and decide again.
	ErrConflict = errors.New("store: payment has changed meanwhile")

	// ErrKeyUsed is returned by Commit for a new payment whose idempotency key
	// another payment has: one key, one payment, until it is pruned. See ByKey.
	ErrKeyUsed = errors.New("store: idempotency key is used by another payment")

	// ErrTransition is returned by Commit when the state table does not know
	// the step, or the change touches what is fixed.
	ErrTransition = errors.New("store: change not allowed")

	// ErrRefused is returned by Commit when no new payment may be taken. It is
	// always a *Refusal.
	ErrRefused = errors.New("store: no new payments")

	// ErrDamaged is returned for a payment whose newest journal entry is
	// unreadable or forged. Other payments are not affected.
	ErrDamaged = errors.New("store: record is damaged")

	// ErrTooLarge is returned for a change or blob over the size limit.
	ErrTooLarge = errors.New("store: too large")

	// ErrFailed is returned by every call after the database failed once: what
	// it says may then differ from what is on disk. Close it, Open it again.
	ErrFailed = errors.New("store: database failed; it must be reopened")

	// ErrClosed is returned after Close.
	ErrClosed = errors.New("store: closed")
)

// Reasons of a Refusal.
const (
	RefusedDamage = "damage" // entries are gone or damaged; see Health and AcknowledgeLoss
	RefusedDisk   = "disk"   // too little free space
)

// Refusal says why no new payment may be taken. errors.Is(err, ErrRefused).
type Refusal struct {
	Reason string // RefusedDamage or RefusedDisk
	Detail string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%v: %s: %s", ErrRefused, r.Reason, r.Detail) }

// Is makes every Refusal an ErrRefused.
func (r *Refusal) Is(target error) bool { return target == ErrRefused }
