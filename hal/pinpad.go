package hal

import "context"

// PINPad asks the cardholder for a PIN and hands out only what a card or the
// issuer can check. Digits never leave it: there is no call that returns them,
// so a secure PIN pad with its own keys, screen and firmware fits, and the
// reader's own code has nothing to leak.
//
// A secure PIN pad needs nothing else of the board. The software PIN pad
// (hal/softpad) is for development boards and the simulated reader: its digits
// are in this processor's memory, for as long as the call runs.
//
// While a call runs the pad owns keypad and screen (or its part of the screen)
// and shows the prompt by itself. Not entering a PIN is an outcome, not an
// error: see [PINEntry]. Where the pad's keys are those of the board's [Input],
// nobody else may be in Input.Next meanwhile, not even to notice the cancel
// key: two readers would take each other's keys.
type PINPad interface {
	// OnlineBlock asks for a PIN and returns it as an encrypted PIN block for
	// the issuer. ErrUnsupported means that the pad has no such key, that its
	// key is at its end, that it does not do the format or not with this key,
	// or that the format cannot bind this PAN; the cardholder was not asked
	// then. With DUKPT no key makes two blocks, also when the power fails
	// between them: a block that cannot be handed out for sure is lost.
	OnlineBlock(ctx context.Context, req OnlinePIN) (PINBlock, error)

	// VerifyOffline asks for a PIN and lets the card check it: the pad sends
	// VERIFY to the card itself, preceded by GET CHALLENGE when the PIN is
	// enciphered. Transport errors are those of Card.Transceive.
	VerifyOffline(ctx context.Context, card Card, req OfflinePIN) (OfflineVerdict, error)
}

// PINPrompt is what the pad shows while it asks.
type PINPrompt struct {
	Amount       int64  // minor units; the amount stays visible while the PIN is entered
	Currency     string // ISO 4217, lower case
	Language     string // ISO 639-1, "" = the pad's default
	TriesLeft    int    // 1 = "last try"; 0 = not known
	MinDigits    int    // 4..12 (ISO 9564-1)
	MaxDigits    int    // 4..12
	AllowBypass  bool   // Enter without digits bypasses PIN entry
	WrongPINLast bool   // the previous try was wrong: say so
}

// PINEntry says how PIN entry ended.
type PINEntry byte

// How PIN entry ended.
const (
	PINEntered   PINEntry = iota + 1 // digits were entered and used
	PINBypassed                      // the cardholder went on without a PIN
	PINCancelled                     // the cardholder pressed Cancel
	PINTimedOut                      // no key was pressed for the pad's own time-out, 30 s at least
)

// PINBlockFormat is a format of ISO 9564-1.
type PINBlockFormat byte

// Formats for a PIN that travels to the issuer.
const (
	ISOFormat0 PINBlockFormat = 0 // with the PAN, 8 bytes, TDES
	ISOFormat3 PINBlockFormat = 3 // with the PAN and random fill, 8 bytes, TDES
	ISOFormat4 PINBlockFormat = 4 // with the PAN, 16 bytes, AES
)

// OnlinePIN asks for a PIN block.
type OnlinePIN struct {
	Prompt PINPrompt
	Format PINBlockFormat
	PAN    Secret // ASCII digits, without padding; every online format binds the PAN
	Key    string // which PIN key the pad shall use, by the name it was loaded under
}

// PINBlock is an encrypted PIN block. Without the key it tells nothing, so it
// may be kept in memory and sent; it must still not be stored or logged.
type PINBlock struct {
	Entry         PINEntry
	Format        PINBlockFormat
	Ciphertext    []byte // set when Entry is PINEntered
	KeySerial     []byte // DUKPT key serial number of this block: 12 bytes under AES, 10 under TDES; empty for a fixed key
	KeyIdentifier string // the Key that was asked for
}

// OfflineMethod says how the PIN travels to the card.
type OfflineMethod byte

// Methods of offline PIN verification (EMV Book 3, VERIFY command).
const (
	PlainPIN      OfflineMethod = iota + 1 // plaintext PIN block: only where pad and slot are one secure unit
	EncipheredPIN                          // enciphered with the card's public key, with a challenge from the card
)

// OfflinePIN asks a card to check a PIN.
type OfflinePIN struct {
	Prompt PINPrompt
	Method OfflineMethod
	// Modulus and Exponent are the card's PIN encipherment key, or its own key
	// when it has no separate one, as recovered and checked by the kernel
	// (EMV Book 2, PIN encipherment). Needed for EncipheredPIN only.
	Modulus, Exponent []byte
}

// OfflineVerdict is what came of an offline PIN.
type OfflineVerdict struct {
	Entry PINEntry
	// SW is the status word the card answered VERIFY with, when Entry is
	// PINEntered: 9000 = right, 63Cx = wrong with x tries left, 6983/6984 =
	// blocked. The kernel judges it.
	SW uint16
	// Challenge says that SW is no answer to VERIFY: the card refused GET
	// CHALLENGE with it, or gave something else than eight bytes (SW is 0
	// then). The PIN was not sent, and no try was used up.
	Challenge bool
}
