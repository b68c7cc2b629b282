package main

import (
	"context"
	"errors"
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
	ref := wire.IntentRef{LocalID: args[0]}
	if strings.HasPrefix(args[0], "pi_") {
		ref = wire.IntentRef{ID: &args[0]}
	}
	return c.CancelPaymentIntent(ctx, wire.CancelPaymentIntentParams{RequestID: id, PaymentIntent: ref})
}

var forwardCommand = command{
	name: "forward", short: "send stored payments to the platform now",
	long: `
The reader does this by itself when the internet is back; forward only makes it
try at once. A payment the bank declines now was accepted at the till before: it
is counted as declined.`,
	run: func(a *app, ctx context.Context, _ []string, _ any) error {
		return a.withReader(ctx, opening{}, func(_ context.Context, sess *session) error {
			// No -timeout: a long queue takes its time. Ctrl-C leaves the reader at it.
			r, err := sess.ForwardNow(ctx, wire.ForwardNowParams{RequestID: client.NewRequestID()})
			if err != nil {
				return err
			}
			if a.json {
				err = a.print(r)
			} else {
				fmt.Fprintf(a.stdout, "Forwarded %d, declined by the bank %d, failed %d, still waiting %d.\n", r.Forwarded, r.Declined, r.Failed, r.Remaining)
				if r.Error != nil {
					fmt.Fprintf(a.stderr, "pos: %s: %s\n  what to do: %s\n", r.Error.Code, r.Error.Message, r.Error.Remedy)
				}
			}
			if r.Error != nil {
				return errors.Join(err, said(exitRefused))
			}
			return err
		})
	},
}
