package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"smartreader/lan/wire"
)

type explainFlags struct {
	offline, brand, read, cvm, max string
}

var explainCommand = command{
	name: "explain", args: "AMOUNT CURRENCY", short: "say whether such a payment would be stored now, and why",
	long: `
Shows every rule the reader looks at, who set it, and where the payment and what
is stored stand. Exits with 1 when the payment would be refused.`,
	min: 2, max: 2,
	flags: func(fs *flag.FlagSet) any {
		f := new(explainFlags)
		fs.StringVar(&f.offline, "offline", "", "`behavior`: prefer_online, require_online or force_offline (default prefer_online)")
		fs.StringVar(&f.brand, "brand", "", "card `brand` such as visa (default: any)")
		fs.StringVar(&f.read, "read", "", "read `method`: contact_emv, contactless_emv or magnetic_stripe_track2 (default: any)")
		fs.StringVar(&f.cvm, "cvm", "", "how the cardholder is verified: `method` none, signature, offline_pin,\noffline_pin_and_signature, online_pin or failure (default: any)")
		fs.StringVar(&f.max, "offline-max", "", "the limit a POS would set for this payment, an `amount`")
		return f
	},
	run: func(a *app, ctx context.Context, args []string, flags any) error {
		f := flags.(*explainFlags)
		amount, code, err := parseAmount(args[0], args[1])
		if err != nil {
			return &usageError{"explain", err.Error()}
		}
		limits, err := offlineMax(f.max, code)
		if err != nil {
			return &usageError{"explain", err.Error()}
		}
		p := wire.ExplainOfflinePolicyParams{
			Amount: amount, Currency: code, OfflineBehavior: f.offline, Brand: f.brand, ReadMethod: f.read, CVM: f.cvm, OfflineLimits: limits,
		}
		if err := p.Validate(); err != nil {
			e, _ := wire.AsError(err)
			return &usageError{"explain", e.Message}
		}
		return a.looking(ctx, func(ctx context.Context, sess *session) error {
			r, err := sess.ExplainOfflinePolicy(ctx, p)
			if err != nil {
				return err
			}
			if a.json {
				err = a.print(r)
			} else {
				a.tellPolicy(r, money(amount, code))
			}
			if !r.Allowed {
				return errors.Join(err, said(exitRefused))
			}
			return err
		})
	},
}

// offlineMax reads -offline-max; empty is no limit.
func offlineMax(number, code string) (limits wire.OfflineLimits, err error) {
	if number == "" {
		return limits, nil
	}
	limits.MaxAmount, _, err = parseAmount(number, code)
	if err != nil {
		err = fmt.Errorf("-offline-max: %w", err)
	}
	return limits, err
}

func (a *app) tellPolicy(r wire.ExplainOfflinePolicyResult, what string) {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tSET BY\tCARDS\tLIMIT\tNOW\t")
	for _, rule := range r.Rules {
		verdict := "ok"
		if rule.Stops {
			verdict = strings.TrimSpace("STOPS " + string(rule.Code))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", rule.Rule, rule.Source, cmp.Or(rule.Scope, "all"), rule.Limit, rule.Current, verdict)
	}
	w.Flush()
	if r.Allowed {
		fmt.Fprintf(a.stdout, "%s would be stored without internet.\n", what)
		return
	}
	fmt.Fprintf(a.stdout, "%s would not be stored without internet.\n", what)
	if e := r.Error; e != nil {
		fmt.Fprintf(a.stdout, "%s: %s\n  what to do: %s\n", e.Code, e.Message, inCommands.Replace(e.Remedy))
	}
}
