package payment

import (
	"context"
	"errors"
	"time"
)

// ErrCanceled and ErrTimedOut are returned by Options.Choose when the cardholder
// does not want to pay, or did nothing.
var (
	ErrCanceled = errors.New("payment: the cardholder canceled")
	ErrTimedOut = errors.New("payment: the cardholder did not answer in time")
)

// Choice is a question about the card's applications.
type Choice struct {
	Labels    []string // printable, best first; one label: may it be used
	Languages string   // of the card: up to four ISO 639 codes, may be empty
	Amount    int64    // minor units
	Currency  string
}

// chooser is the cardholder as the kernel sees one. It implements
// emvkernel.Cardholder.
type chooser struct {
	choose  func(context.Context, Choice) (int, error)
	session *session
	until   time.Time // all questions together end then
}

func (c chooser) ask(ctx context.Context, labels []string) (int, error) {
	q := Choice{Labels: labels, Amount: c.session.payment.Amount, Currency: c.session.payment.Currency}
	if t := c.session.transaction; t != nil {
		q.Languages = t.Card().Languages
	}
	asking, stop := context.WithDeadline(ctx, c.until)
	defer stop()
	i, err := c.choose(asking, q)
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		err = ErrTimedOut
	}
	return i, err
}

// ChooseApplication implements emvkernel.Cardholder.
func (c chooser) ChooseApplication(ctx context.Context, labels []string) (int, error) {
	return c.ask(ctx, labels)
}

// ConfirmApplication implements emvkernel.Cardholder.
func (c chooser) ConfirmApplication(ctx context.Context, label string) (bool, error) {
	_, err := c.ask(ctx, []string{label})
	return err == nil, err
}
