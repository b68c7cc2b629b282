package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

var cancelCommand = command{
	name: "cancel", args: "[PAYMENT]", short: "cancel what the reader is doing, or one payment",
	long: `
Without PAYMENT it ends the running collect. A payment that is being authorized
can not be canceled any more ("too late"): its outcome will come.`,
	max: 1,
	run: func(a *app, ctx context.Context, args []string, _ any) error {
		return a.withReader(ctx, opening{}, func(ctx context.Context, sess *session) error {
			r, err := cancel(ctx, sess.Conn, args)
			if err != nil {
				return err
			}
			text, code := map[string]string{
				wire.CancelCanceled:         "Canceled.\n",
				wire.CancelTooLate:          "Too late: it is being authorized, the outcome will come.\n",
				wire.CancelAlreadyCompleted: "Nothing to cancel: it is over already.\n",
			}[r.Outcome], exitRefused
			if r.Outcome == wire.CancelCanceled {
				code = exitDone
			}
			return errors.Join(a.say(r, text), said(code))
		})
	},
}

func cancel(ctx context.Context, c *client.Conn, args []string) (wire.CancelResult, error) {
	id := client.NewRequestID()
	if len(args) == 0 {
		return c.CancelCollectPaymentMethod(ctx, wire.CancelCollectPaymentMethodParams{RequestID: id})
	}
	return c.CancelPaymentIntent(ctx, wire.CancelPaymentIntentParams{RequestID: id, PaymentIntent: reference(args[0])})
}

// reference names a payment by its local id (pl_...) or its id (pi_...).
func reference(name string) wire.IntentRef {
	if strings.HasPrefix(name, "pi_") {
		return wire.IntentRef{ID: &name}
	}
	return wire.IntentRef{LocalID: name}
}

var voidCommand = command{
	name: "void", args: "PAYMENT", short: "take back a stored payment that was not forwarded yet",
	long: `
The card is not charged. A payment that was forwarded meanwhile cannot be taken
back: refund it. PAYMENT is a local id (pl_...); see "pos list".`,
	min: 1, max: 1,
	run: func(a *app, ctx context.Context, args []string, _ any) error {
		return a.withReader(ctx, opening{}, func(ctx context.Context, sess *session) error {
			pi, err := sess.VoidStoredPayment(ctx, wire.VoidStoredPaymentParams{RequestID: client.NewRequestID(), PaymentIntent: reference(args[0])})
			if err != nil {
				return err
			}
			return a.say(pi, sentence(pi)+"\n")
		})
	},
}

var forwardCommand = command{
	name: "forward", short: "send stored payments to the platform now",
	long: `
The reader does this by itself when the internet is back; forward only makes it
try at once. A payment the bank declines now was accepted at the till before: it
is counted as declined.

With -payment one that failed, or that was handed over in an export, is looked up
at the platform and, if that never saw it, sent again.`,
	flags: func(fs *flag.FlagSet) any {
		return fs.String("payment", "", "the `payment` to take up again: a local id (pl_...)")
	},
	run: func(a *app, ctx context.Context, _ []string, flags any) error {
		p := wire.ForwardNowParams{RequestID: client.NewRequestID()}
		if name := *flags.(*string); name != "" {
			ref := reference(name)
			p.PaymentIntent = &ref
		}
		return a.withReader(ctx, opening{}, func(_ context.Context, sess *session) error {
			// No -timeout: a long queue takes its time. Ctrl-C leaves the reader at it.
			r, err := sess.ForwardNow(ctx, p)
			if err != nil {
				return err
			}
			if a.json {
				err = a.print(r)
			} else {
				fmt.Fprintf(a.stdout, "Forwarded %d, declined by the bank %d, failed %d, still waiting %d.\n", r.Forwarded, r.Declined, r.Failed, r.Remaining)
				if r.Error != nil {
					fmt.Fprintf(a.stderr, "pos: %s: %s\n  what to do: %s\n", r.Error.Code, r.Error.Message, inCommands.Replace(r.Error.Remedy))
				}
			}
			if r.Error != nil {
				return errors.Join(err, said(exitRefused))
			}
			return err
		})
	},
}
