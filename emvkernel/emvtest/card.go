package emvtest

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"smartreader/emvkernel/apdu"
)

// Answers to reset, as EMV Book 1 "Answer to Reset" wants them: no programming voltage; for T=1 an
// information field size of 254 bytes and the widest waiting times allowed.
var (
	atrT0 = []byte{0x3B, 0x60, 0x00, 0x00}
	atrT1 = []byte{0x3B, 0xE0, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0xEB}
)

// Card is one powered software card. All methods may be called from any goroutine; commands are
// answered one after the other.
type Card struct {
	profile      *Profile
	applications []*personalised

	mu      sync.Mutex
	pulled  bool // out of the terminal, until Reset
	state   *State
	saved   State // what save was last told
	save    func(State) error
	session session
	torn    map[string]bool // the tears that were
	tapping []*personalised // the applications by tap, made when first needed
	waiting waiting         // T=0: data for GET RESPONSE
}

// session is what a card forgets when it loses power. Selecting an application clears it too.
type session struct {
	pse      bool
	matched  []byte        // the name the last SELECT asked for, for "next occurrence"
	position int           // of the selected application in the card
	app      *personalised // nil when none is selected

	initiated  bool // GET PROCESSING OPTIONS was answered
	pdolData   []byte
	cdol1Data  []byte
	firstAC    acType
	generated  int // GENERATE ACs answered
	arqc       [8]byte
	ddaDone    bool
	challenge  []byte // of the last command, if that was GET CHALLENGE
	pin        pinResult
	externally bool // EXTERNAL AUTHENTICATE was answered
	issuer     verdict

	// By tap.
	tap       bool
	relays    int    // exchanges against relays
	relay     []byte // what was exchanged against relays, in the order CDA signs it
	dynamic   []byte // the record that is made anew with each signature
	onDevice  bool   // the consumer's device verified the cardholder
	locked    bool   // ... or wants to
	onlinePIN bool   // the card asks for it
}

// verdict is what the card knows about its issuer in this transaction.
type verdict int

const (
	notAsked verdict = iota
	genuine
	refused // by the issuer itself: its authentic answer is not an approval
	forged
)

// NewCard makes a powered card. A nil state is a new card whose memory nobody keeps; otherwise the card
// owns state from now on. Its certificates are computed here.
func NewCard(p *Profile, state *State) *Card {
	if state == nil {
		state = &State{}
	}
	if state.Applications == nil {
		state.Applications = map[string]ApplicationState{}
	}
	c := &Card{profile: p, state: state, saved: state.clone()}
	for _, a := range p.applications {
		c.applications = append(c.applications, personalise(a))
	}
	return c
}

// ATR returns the answer to reset.
func (c *Card) ATR() []byte {
	if c.profile.t0 {
		return bytes.Clone(atrT0)
	}
	return bytes.Clone(atrT1)
}

// Reset takes the card's power away and gives it back: selection and transaction are gone, counters
// are not.
func (c *Card) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = session{}
	c.waiting = waiting{}
	c.pulled = false
}

// State returns a copy of the card's memory.
func (c *Card) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.clone()
}

// Keep has save called with the card's memory each time it changed, before the command that changed it
// is answered: a process killed in between has not used a counter twice. An error of save is what
// Exchange then returns, and the card's answer is lost.
func (c *Card) Keep(save func(State) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.save = save
}

// Exchange answers one command with data and status word, 2 to 258 bytes. It takes the time the profile
// says ("delay"), no longer than ctx lasts. The error is that of ctx, of the function given to Keep, or
// ErrPulled, where the profile has the card pulled out; nothing a command says makes a card break.
func (c *Card) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.session.tap {
		c.session = session{} // it is in the slot now
	}
	step := ""
	if cmd, err := apdu.ParseCommand(command); err == nil {
		step = c.step(cmd)
	}
	c.mu.Unlock()
	if err := c.hesitate(ctx, step); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.answer(command)
	if err := c.keep(); err != nil {
		return nil, err
	}
	return r.Bytes(), nil
}

// Transceive is Exchange under the name the kernel uses.
func (c *Card) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return c.Exchange(ctx, command)
}

func (c *Card) keep() error {
	if c.save == nil || c.saved.equal(c.state) {
		return nil
	}
	now := c.state.clone()
	if err := c.save(now.clone()); err != nil {
		return fmt.Errorf("emvtest: keeping the memory of card %s: %w", c.profile.Name, err)
	}
	c.saved = now
	return nil
}

func (c *Card) answer(raw []byte) apdu.Response {
	cmd, err := apdu.ParseCommand(raw)
	if err != nil {
		return status(apdu.WrongLength)
	}
	if c.profile.t0 {
		return c.answerT0(cmd)
	}
	if cmd.Le > 0 && len(cmd.Data) > 0 {
		// EMV sends Le 00 behind data; refused before the command could have an effect.
		return status(apdu.WrongLength)
	}
	r := c.run(cmd)
	if cmd.Le > 0 && len(r.Data) > cmd.Le {
		return status(apdu.WrongLe | apdu.SW(byte(len(r.Data))))
	}
	return r
}

// commands says which instruction has which class and who answers it.
var commands = map[byte]struct {
	class byte
	run   func(*Card, apdu.Command) apdu.Response
}{
	apdu.INSSelect:               {0x00, (*Card).selectFile},
	apdu.INSReadRecord:           {0x00, (*Card).readRecord},
	apdu.INSGetProcessingOptions: {0x80, (*Card).getProcessingOptions},
	apdu.INSInternalAuthenticate: {0x00, (*Card).internalAuthenticate},
	apdu.INSGenerateAC:           {0x80, (*Card).generateAC},
	apdu.INSExternalAuthenticate: {0x00, (*Card).externalAuthenticate},
	apdu.INSGetData:              {0x80, (*Card).getData},
	apdu.INSGetChallenge:         {0x00, (*Card).getChallenge},
	apdu.INSVerify:               {0x00, (*Card).verify},
}

func (c *Card) run(cmd apdu.Command) apdu.Response {
	entry, ok := commands[cmd.INS]
	if cmd.INS != apdu.INSVerify {
		c.session.challenge = nil // good for the very next command only
	}
	if instead, ok := c.profile.conduct(c.step(cmd), wayStatus); ok {
		return status(instead.status)
	}
	switch {
	case isScript(cmd) && c.session.app != nil && c.session.app.scripts:
		return c.script()
	case !ok:
		return status(apdu.INSNotSupported)
	case cmd.CLA != entry.class:
		return status(apdu.CLANotSupported)
	}
	return entry.run(c, cmd)
}

func status(sw apdu.SW) apdu.Response { return apdu.Response{SW: sw} }

func success(data []byte) apdu.Response { return apdu.Response{Data: data, SW: apdu.OK} }
