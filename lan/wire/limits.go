package wire

// Limits of the protocol. They bound what one peer can make the other hold.
const (
	MaxMessage        = 64 << 10 // bytes of one message, either way
	MaxDepth          = 16       // nested objects and arrays in one message
	MaxUnacknowledged = 256      // durable events sent ahead of the POS's acknowledgement; acknowledge to get more

	MaxAmount        = 99_999_999 // minor units; eight digits, as the public API allows
	MaxRequestID     = 64         // characters
	MaxKey           = 255        // characters of an idempotency key
	MaxMetadataKeys  = 50
	MaxMetadataKey   = 40       // characters
	MaxMetadataValue = 500      // characters
	MaxMetadata      = 8 << 10  // bytes of the whole metadata as JSON
	MaxDescription   = 1000     // characters
	MaxDescriptive   = 12 << 10 // bytes of description and metadata together as JSON: they lie in the clear header of a sealed payment, which holds 16 KiB
	MaxListed        = 50       // payments in one listStoredPayments answer

	MaxRescued    = 2        // payments in one rescuePayments call, fewer if they do not fit into one message
	MaxEnvelope   = 36 << 10 // bytes of a sealed payment: what of it fits into one message, in base64
	MaxEntry      = 20 << 10 // bytes of a ledger entry's header
	MaxExportPage = 40 << 10 // bytes of lines a reader gathers into one exportLedger answer; one line may be longer alone

	MaxInputs     = 5       // forms in one collectInputs call
	MaxChoices    = 4       // buttons of a selection
	MaxToggles    = 2       // switches below an input: what a small display has room for
	MaxInputValue = 4 << 10 // bytes of one collected value; JSON spells some with six

	NonceSize = 32 // bytes of the reader's challenge

	maxToken = 500 // characters of a connection token
)
