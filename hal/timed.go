package hal

import (
	"context"
	"time"
)

// TimedCard is a Card whose hardware measures how long an answer takes on the
// air, which is what finds relays (EMV Contactless Book C-2, relay resistance).
// A Card that cannot measure does not implement it.
type TimedCard interface {
	Card

	// TransceiveTimed is Transceive and says how long the card took: from the end
	// of the command to the beginning of its answer, measured by the contactless
	// chip itself. ok is false when it is not known for this exchange. A time that
	// software took is no such time: bus and scheduler are in it.
	TransceiveTimed(ctx context.Context, command []byte) (response []byte, took time.Duration, ok bool, err error)
}
