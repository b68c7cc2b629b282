package display

// Kind says which screen to show.
type Kind byte

// The screens.
const (
	Starting    Kind = iota // please wait; Message may say what for
	NotReady                // payments cannot be taken; Message says why
	Idle                    // waiting for the shop
	PresentCard             // the amount, and how to pay
	Choose                  // which of Options to pay with, or whether the only one may be used
	EnterPIN                // the amount, and how many digits have been entered
	Processing              // please wait
	CardRead                // a card that was tapped may be taken away; how it ended is not known yet
	Accepted                // done
	Declined                // not done; never says why
	RemoveCard              // a card must be taken out
	TryAgain                // the card could not be read, present it again
	OneCard                 // more than one card was held to the reader
	TapAgain                // the card was taken away too early, tap it again
	SeePhone                // the phone says what to do; then tap it again
	InsertCard              // this payment is not made by tap: insert the card
	Error                   // something broke; Message says what, in few words
)

// String names the screen, in lower case with dashes.
func (k Kind) String() string {
	switch k {
	case Starting:
		return "starting"
	case NotReady:
		return "not-ready"
	case Idle:
		return "idle"
	case PresentCard:
		return "present-card"
	case Choose:
		return "choose"
	case EnterPIN:
		return "enter-pin"
	case Processing:
		return "processing"
	case CardRead:
		return "card-read"
	case Accepted:
		return "accepted"
	case Declined:
		return "declined"
	case RemoveCard:
		return "remove-card"
	case TryAgain:
		return "try-again"
	case OneCard:
		return "one-card"
	case TapAgain:
		return "tap-again"
	case SeePhone:
		return "see-phone"
	case InsertCard:
		return "insert-card"
	case Error:
		return "error"
	default:
		return "unknown"
	}
}

// Entries are the ways to present a card that are open now.
type Entries byte

// Ways to present a card; combine with |.
const (
	Insert Entries = 1 << iota
	Tap
	Swipe
)

// View is everything a screen shows. Fields a screen has no use for are
// ignored. Strings may come from anywhere: characters that the font does not
// have are shown as boxes, invisible ones are dropped.
type View struct {
	Kind Kind

	// Language is a BCP 47 tag ("de", "fr-CA"). It selects the texts and the
	// way amounts are written. A language without texts falls back to English.
	Language string

	// Merchant is the name of the shop, at the top of every screen.
	Merchant string

	// Amount in minor units of Currency (ISO 4217, any case), shown by
	// PresentCard, Choose (where there is room: not on the small screens),
	// EnterPIN, InsertCard and Accepted. PresentCard and EnterPIN
	// without an amount that can be written truthfully (no currency, an unknown
	// one) become Error: nobody is asked to pay an unknown sum.
	Amount   int64
	Currency string

	// Entries are shown by PresentCard as shapes, by TryAgain and OneCard in
	// words. InsertCard names those besides Tap, and asks to insert the card
	// where there are none.
	Entries Entries

	// Options are what Choose offers, best first: the names of a card's
	// applications. With one option it asks whether that one may be used. Names
	// of up to 16 characters are never shortened. What does not fit on one
	// screen goes on the next; Shown tells which are seen.
	Options []string
	// Selected is the index of the option that Choose marks: the one that Enter
	// takes. The part of Options it is in is shown.
	Selected int

	// Entered is how many digits EnterPIN shows as dots; never which.
	Entered int
	// WrongPIN makes EnterPIN say that the PIN before was wrong, LastTry that
	// the card takes no other after this one, MayBypass that Enter without
	// digits goes on without a PIN.
	WrongPIN, LastTry, MayBypass bool

	// Message adds to Starting and NotReady, and replaces the words of Error.
	// It is short: two lines are shown. The caller translates it and keeps
	// reasons of the issuer and the state of the internet out of it.
	Message string

	// KeepCard makes Processing ask to leave the card in the reader. Of a card
	// that is tapped it is not true.
	KeepCard bool

	// IssuerApproved makes Accepted say "Approved". Set it only when the
	// issuer (or its platform) approved this payment online; otherwise the
	// neutral "Accepted" is the truth.
	IssuerApproved bool

	// Step turns the wheel of Processing and Starting; any number, a full turn
	// takes 8.
	Step int

	// Badge is for the shop's staff and nil wherever a cardholder may look:
	// nobody tells a customer that the shop is offline. Starting, NotReady and
	// Idle show it, other screens ignore it.
	Badge *Badge
}

// Badge is the state of the link, in a corner of the screen.
type Badge struct {
	Online bool // the payments platform answers
	Queued int  // payments stored and not yet forwarded
}
