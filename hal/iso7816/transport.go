package iso7816

import (
	"context"
	"errors"
)

// Transport carries one unit of a protocol to the card and its answer back: a
// T=0 command header with data, or a T=1 block. The answer is whatever the card
// sent; it need not make sense. The transport does not keep unit, and the
// answer is the caller's.
//
// wait is how many waiting times (T=0: WT, T=1: BWT) the card may take for this
// one answer, 1 to 255.
//
// An error that matches ErrSilent or ErrGarbled is one the protocol may repair;
// any other ends the exchange and is passed on.
type Transport interface {
	Exchange(ctx context.Context, unit []byte, wait int) (answer []byte, err error)
}

var (
	// ErrSilent is returned by a Transport when the card did not answer within
	// its waiting time.
	ErrSilent = errors.New("iso7816: no answer within the waiting time")
	// ErrGarbled is returned by a Transport when characters of the answer had
	// wrong parity or were lost.
	ErrGarbled = errors.New("iso7816: characters of the answer were lost or wrong")
	// ErrProtocol is returned when a card breaks the protocol, or when the
	// permitted attempts were of no use. The card must be reset.
	ErrProtocol = errors.New("iso7816: card broke the protocol")
	// ErrCommand is returned for bytes that are not a command APDU, or one that
	// the protocol in use cannot carry. Nothing was sent.
	ErrCommand = errors.New("iso7816: malformed command")
)
