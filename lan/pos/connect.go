package main

import (
	"context"
	"fmt"

	"smartreader/lan/wire"
)

var connectCommand = command{
	name: "connect", short: "connect this POS to a reader, with internet the first time",
	long: `
Gets a one-shot connection token from the merchant backend and connects. The
reader has it redeemed and hands back a credential, which is kept: with it this
POS can connect for 30 days without internet. When the backend or the reader has
no internet, connect uses the kept credential.`,
	run: func(a *app, ctx context.Context, _ []string, _ any) error {
		sess, err := a.open(ctx, opening{online: true})
		if err != nil {
			return err
		}
		defer sess.Close()
		if a.json {
			r := sess.result
			r.Credential = nil // it is in the state folder
			return a.print(r)
		}
		a.notes(sess)
		r := sess.result.Reader
		fmt.Fprintf(a.stdout, "Connected to reader %s%s", r.ID, label(r))
		if r.Location != nil {
			fmt.Fprintf(a.stdout, " at %s", r.Location.DisplayName)
		}
		fmt.Fprintf(a.stdout, ", %s.\n", map[string]string{
			wire.ConnectedOnline: "vouched for by the platform", wire.ConnectedOffline: "with the stored credential",
		}[sess.result.Connection])
		if sess.state.ExpiresAtMs > 0 {
			fmt.Fprintf(a.stdout, "Without internet this POS can connect until %s.\n", date(sess.state.ExpiresAtMs))
		}
		a.showSession(sess.result)
		for _, w := range sess.result.Warnings {
			fmt.Fprintf(a.stdout, "Warning: %s.\n", w)
		}
		a.showStatus(sess.result.OfflineStatus)
		return nil
	},
}

var disconnectCommand = command{
	name: "disconnect", short: "give the reader back for another POS",
	run: func(a *app, ctx context.Context, _ []string, _ any) error {
		sess, err := a.open(ctx, opening{look: true}) // another POS's lease is not ours to give
		if err != nil {
			return err
		}
		defer sess.Close()
		ctx, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		if err := sess.Disconnect(ctx); err != nil {
			return err
		}
		return a.say(struct{}{}, "Disconnected.\n")
	},
}

func label(r wire.Reader) string {
	s := ""
	if r.Label != "" {
		s = " " + fmt.Sprintf("%q", r.Label)
	}
	if r.Simulated {
		s += " (simulated)"
	}
	return s
}
