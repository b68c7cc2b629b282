package payment

import "context"

// Phase is where the machine stands.
//
//	         collect             card read            confirm
//	Idle ───────────▶ Collecting ─────────▶ Collected ─────────▶ Confirming
//	 ▲ ▲                  │ cancel, time,        │ cancel, 30 s       │ outcome committed
//	 │ │                  │ card refused         ▼                    ▼
//	 │ └──────────────────┴──────────────▶ Removing ◀─────────────────┘
//	 └──────────────────────────────────────────┘ card taken
//
// Collected with confirm already asked for (processPaymentIntent) goes straight
// on to Confirming. Without a card in the slot Removing ends at once.
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

// Run is the machine's loop. It returns when ctx is done or the store has
// failed; a card in the slot is then powered off.
func (m *Machine) Run(ctx context.Context) error {
	s := &session{}
	defer s.closeCard()
	phase := Idle
	for {
		m.enter(phase, s.payment.LocalID)
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
