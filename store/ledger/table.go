package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"smartreader/store"
)

const listHelp = `ledger list FILE

Shows the payments of an export, by sequence. Amounts are minor units. "sealed" says
whether the file holds what it takes to submit the payment.
`

func (a *app) list(_ context.Context, flags *flag.FlagSet, args []string) error {
	name, err := parse(flags, args, "export file")
	if err != nil {
		return err
	}
	x, err := readExport(name, nil)
	if err != nil {
		return err
	}
	a.warn(x)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "sequence\tstate\tamount\t\tstored\tcard\tsealed\tlocal id")
	for _, p := range x.payments {
		card, sealed := "", ""
		if p.Card != nil {
			card = p.Card.Brand + " " + p.Card.Last4
		}
		if p.envelope != nil {
			sealed = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", number(p.Sequence), p.State, p.Amount, plain(p.Currency), clock(p.StoredAtMs), plain(card), sealed, plain(p.LocalID))
	}
	return w.Flush()
}

const csvHelp = `ledger csv FILE

Writes the payments of an export to standard output as comma separated values (RFC 4180),
one row per payment, by sequence, newest state only. The same file gives the same table.
Cells that a spreadsheet would take for a formula begin with an apostrophe. Card numbers
are not in an export.

  sequence           the reader's number of the payment; empty: no card data was sealed
  local_id           the reader's name of it
  natural_key        the platform's name of the attempt
  payment_intent     the platform's id, if known
  state              see package store
  waits              yes: accepted, and not known to have reached the platform
  sealed             yes: the file holds what it takes to submit it
  amount, tip        minor units; the tip is part of the amount
  currency           ISO 4217, lower case
  livemode           true or false
  created_at, collected_at, stored_at, done_at
                     UTC, RFC 3339; empty: it did not come to that
  card_brand, card_last4, read_method
  charge, authorization_code, failure_code, decline_code
  pos                which POS took it
  description
  metadata           a JSON object, keys sorted
`

var columns = []string{
	"sequence", "local_id", "natural_key", "payment_intent", "state", "waits", "sealed", "amount", "tip", "currency", "livemode",
	"created_at", "collected_at", "stored_at", "done_at", "card_brand", "card_last4", "read_method",
	"charge", "authorization_code", "failure_code", "decline_code", "pos", "description", "metadata",
}

func (a *app) csv(_ context.Context, flags *flag.FlagSet, args []string) error {
	name, err := parse(flags, args, "export file")
	if err != nil {
		return err
	}
	x, err := readExport(name, nil)
	if err != nil {
		return err
	}
	a.warn(x)
	w := csv.NewWriter(a.stdout)
	if err := w.Write(columns); err != nil {
		return err
	}
	for _, p := range x.payments {
		row, err := p.row()
		if err != nil {
			return err
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func (p *payment) row() ([]string, error) {
	card, failure := cmp.Or(p.Card, &store.Card{}), cmp.Or(p.Failure, &store.Failure{})
	metadata := ""
	if len(p.Metadata) > 0 {
		b, err := json.Marshal(p.Metadata)
		if err != nil {
			return nil, err
		}
		metadata = string(b)
	}
	row := []string{
		number(p.Sequence), p.LocalID, p.NaturalKey, p.IntentID, string(p.State), yes(p.waits()), yes(p.envelope != nil),
		strconv.FormatInt(p.Amount, 10), strconv.FormatInt(p.Tip, 10), p.Currency, strconv.FormatBool(p.Livemode),
		clock(p.CreatedAtMs), clock(p.CollectedAtMs), clock(p.StoredAtMs), clock(p.DoneAtMs),
		card.Brand, card.Last4, card.ReadMethod,
		p.ChargeID, p.AuthorizationCode, failure.Code, failure.DeclineCode, p.POS, p.Description, metadata,
	}
	for i := range row {
		row[i] = harmless(row[i])
	}
	return row, nil
}

// harmless keeps a spreadsheet from calculating what a customer wrote.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func clock(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}
