package payment

import (
	"context"

	"smartreader/store"
)

// Phase is where the machine stands.
//
//	         collect             card read            confirm
//	Idle ───────────▶ Collecting ─────────▶ Collected ─────────▶ Confirming
//	 ▲ ▲                  │ cancel, time,        │ cancel, 30 s       │ outcome committed
//	 │ │                  │ card refused         ▼                    ▼
//	 │ └──────────────────┴──────────────▶ Removing ◀─────────────────┘ (Run starts here)
//	 └──────────────────────────────────────────┘ card taken
//
// Collected with confirm already asked for (processPaymentIntent) goes straight
// on to Confirming. Without a card in the slot Removing ends at once. A tap whose
// issuer wants a PIN leads from Confirming back to Collecting, once (see stepUp).
type Phase int

// The phases of the machine.
const (
	Idle Phase = iota
	Collecting
	Collected
	Confirming
	Removing
)

func (p Phase) String() string {
	switch p {
	case Idle:
		return "idle"
	case Collecting:
		return "collecting"
	case Collected:
		return "collected"
	case Confirming:
		return "confirming"
	case Removing:
		return "removing"
	}
	return "unknown"
}

// Run settles what a restart left open (see Recover) and is the machine's loop.
// It returns when ctx is done, the store has failed or a step of a payment could
// not be committed; a card in the slot is then powered off. After an error the
// reader must be restarted, so that Recover finds what was left open.
func (m *Machine) Run(ctx context.Context) error {
	if err := m.recover(ctx); err != nil {
		return err
	}
	s := &session{}
	defer m.closeCard(s)
	// A card left in over a restart is the last customer's, not the next one's.
	phase := Removing
	m.lookForCard(ctx)
	m.looping.Store(true)
	for {
		m.enter(phase, s)
		s.deliver()
		var err error
		switch phase {
		case Idle:
			phase, err = m.idle(ctx, s)
		case Collecting:
			phase, err = m.collecting(ctx, s)
		case Collected:
			phase, err = m.collected(ctx, s)
		case Confirming:
			phase, err = m.confirming(ctx, s)
		case Removing:
			phase, err = m.removing(ctx, s)
		}
		if err != nil {
			s.deliver()
			return err
		}
	}
}

// attend waits for work that must not be left alone, and answers the commands
// that arrive meanwhile with onCommand.
func attend[T any](m *Machine, work func() T, onCommand func(command)) T {
	done := make(chan T, 1)
	go func() { done <- work() }()
	for {
		select {
		case result := <-done:
			return result
		case c := <-m.commands:
			if c.kind == commandPing {
				c.answer(store.Payment{}, nil)
				continue
			}
			onCommand(c)
		}
	}
}

// busy answers a command that cannot be carried out in this phase.
func (m *Machine) busy(c command, end CancelEnd) {
	if c.kind == commandCancel {
		c.reply <- reply{end: end}
		return
	}
	c.fail(refuse(ReaderBusy, RetrySame, "the reader is busy with another command",
		"wait for it to end, or cancel it with cancelCollectPaymentMethod"))
}
