package hal

import "context"

// Tamper watches for a case that is opened or a line that is cut.
type Tamper interface {
	// Watch blocks until the reader is tampered with and returns what was
	// noticed, in words for a log. A board that was tampered with while it
	// was off returns at once. The caller then erases the key store and stops
	// taking payments; stored payments stay readable and are still forwarded
	// by service staff. It returns an error only when watching is not possible
	// (any more); that is not proof of tampering, but must be reported.
	Watch(ctx context.Context) (reason string, err error)
}
