package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// looking runs f on a connection that leaves the reader to the POS that holds it.
func (a *app) looking(ctx context.Context, f func(context.Context, *session) error) error {
	return a.withReader(ctx, opening{look: true}, f)
}

// withReader runs f on a connection, bounded by -timeout.
func (a *app) withReader(ctx context.Context, how opening, f func(context.Context, *session) error) error {
	sess, err := a.open(ctx, how)
	if err != nil {
		return err
	}
	defer sess.Close()
	if !a.json {
		a.notes(sess)
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return f(ctx, sess)
}

var statusCommand = command{
	name: "status", short: "show the reader, who holds it, and what waits to be forwarded",
	run: func(a *app, ctx context.Context, _ []string, _ any) error {
		return a.looking(ctx, func(ctx context.Context, sess *session) error {
			r, err := sess.GetReader(ctx)
			if err != nil {
				return err
			}
			s, err := sess.GetOfflineStatus(ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(struct {
					Reader             wire.Reader        `json:"reader"`
					OfflineStatus      wire.OfflineStatus `json:"offlineStatus"`
					SessionExpiresAtMs int64              `json:"sessionExpiresAtMs,omitempty"`
					Update             *wire.ReaderUpdate `json:"update,omitempty"`
				}{r, s, sess.result.SessionExpiresAtMs, sess.result.Update})
			}
			fmt.Fprintf(a.stdout, "Reader %s%s, serial %s, software %s.\n", r.ID, label(r), r.SerialNumber, r.DeviceSoftwareVersion)
			if r.Location != nil {
				fmt.Fprintf(a.stdout, "Location %s (%s).\n", r.Location.DisplayName, r.Location.ID)
			}
			if l := r.Lease; l != nil && l.POSID != "" {
				who := "POS " + l.POSID
				if l.HeldByYou {
					who = "this POS"
				}
				if l.Busy {
					who += ", a payment runs"
				}
				fmt.Fprintf(a.stdout, "Held by %s.\n", who)
			}
			if r.Refusing != "" {
				fmt.Fprintf(a.stdout, "NO NEW PAYMENTS: %s\n", r.Refusing)
			}
			for _, w := range r.Warnings {
				fmt.Fprintf(a.stdout, "Warning: %s\n", w)
			}
			a.showSession(sess.result)
			a.showStatus(s)
			return nil
		})
	},
}

var listCommand = command{
	name: "list", short: "list the payments the reader took offline",
	long: `
States: stored, sending, unknown (waiting); forwarded, declined, failed, expired,
voided, rescued, interrupted (ended). # is the reader's own number of a payment;
those made online have one too, and are not listed here.`,
	flags: func(fs *flag.FlagSet) any {
		return fs.String("only", "", "only these `states`, separated by commas")
	},
	run: func(a *app, ctx context.Context, _ []string, flags any) error {
		var states []string
		if only := *flags.(*string); only != "" {
			states = strings.Split(only, ",")
		}
		probe := wire.ListStoredPaymentsParams{States: states}
		if err := probe.Validate(); err != nil {
			e, _ := wire.AsError(err)
			return &usageError{"list", "-only: " + e.Message}
		}
		return a.looking(ctx, func(ctx context.Context, sess *session) error {
			all, err := a.listAll(ctx, sess.Conn, states)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(all)
			}
			a.table(all)
			return nil
		})
	},
}

// listAll gathers every page.
func (a *app) listAll(ctx context.Context, c *client.Conn, states []string) (all wire.ListStoredPaymentsResult, err error) {
	p := wire.ListStoredPaymentsParams{States: states, Limit: wire.MaxListed}
	for {
		page, err := c.ListStoredPayments(ctx, p)
		if err != nil {
			return all, err
		}
		all.PaymentIntents = append(all.PaymentIntents, page.PaymentIntents...)
		all.Totals = page.Totals
		if page.Next <= p.After {
			return all, nil
		}
		p.After = page.Next
	}
}

func (a *app) table(all wire.ListStoredPaymentsResult) {
	if len(all.PaymentIntents) == 0 {
		fmt.Fprintln(a.stdout, "No payments taken offline.")
		return
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "#\tSTATE\tAMOUNT\tCARD\tSTORED\tPAYMENT\tREASON")
	for _, pi := range all.PaymentIntents {
		d := pi.OfflineDetails
		if d == nil {
			continue
		}
		stored := ""
		if d.StoredAtMs > 0 {
			stored = date(d.StoredAtMs)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Sequence, d.State, money(pi.Amount, pi.Currency), card(pi), stored, idOf(pi), remark(pi))
	}
	w.Flush()
	if n := all.Totals.OfflinePaymentsCount; n > 0 {
		fmt.Fprintf(a.stdout, "Waiting: %s, %s.\n", count(n, "payment"), sums(all.Totals.OfflinePaymentAmountsByCurrency))
	}
}

// remark is what a line of the list says besides: why the payment ended so, and that
// its card proved nothing.
func remark(pi wire.PaymentIntent) string {
	reason := strings.TrimPrefix(because(pi), " Reason: ")
	if pi.OfflineDetails.CardUnauthenticated {
		reason = strings.TrimSpace("Tapped without proof that the card is genuine. " + reason)
	}
	return reason
}

var retrieveCommand = command{
	name: "retrieve", args: "[PAYMENT]", short: "show one payment, by default the last",
	long: `PAYMENT is a local id (pl_...), an id (pi_...) or a client secret.`,
	max:  1,
	run: func(a *app, ctx context.Context, args []string, _ any) error {
		return a.looking(ctx, func(ctx context.Context, sess *session) error {
			name := sess.state.LastPayment
			if len(args) == 1 {
				name = args[0]
			}
			if name == "" {
				return &usageError{"retrieve", "this POS has made no payment yet; name one"}
			}
			pi, err := sess.RetrievePaymentIntent(ctx, lookUp(name))
			if err != nil {
				return err
			}
			return a.say(pi, sentence(pi)+"\n")
		})
	},
}

func lookUp(name string) wire.RetrievePaymentIntentParams {
	switch {
	case strings.Contains(name, "_secret_"):
		return wire.RetrievePaymentIntentParams{ClientSecret: name}
	case strings.HasPrefix(name, "pi_"):
		return wire.RetrievePaymentIntentParams{ID: name}
	}
	return wire.RetrievePaymentIntentParams{LocalID: name}
}
