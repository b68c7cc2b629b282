package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

var rescueCommand = command{
	name: "rescue", args: "FILE", short: "have this reader send the stored payments of another one",
	long: `
FILE is the export of a reader that cannot send its payments itself any more:
made with "pos export -rescue", or salvaged from its disk. Each payment is sent
as the other reader would have sent it, so none is charged twice, whoever else
sends it too. What became of each is written to FILE.outcomes at once: after an
interruption run the same command again, and it goes on with what is left.

Name the reader that sends them with -reader; this POS stays with its own.`,
	min: 1, max: 1,
	run: func(a *app, ctx context.Context, args []string, _ any) error {
		file, err := os.Open(args[0])
		if err != nil {
			return &usageError{"rescue", err.Error()}
		}
		defer file.Close()
		all, err := readExport(file)
		if err != nil {
			return &usageError{"rescue", fmt.Sprintf("%s: %v", args[0], err)}
		}
		done, torn, err := readOutcomes(args[0] + ".outcomes")
		if err != nil {
			return err
		}
		return a.withReader(ctx, opening{visit: true}, func(_ context.Context, sess *session) error {
			if id := sess.Reader().ID; id == all.reader {
				return &usageError{"rescue", id + " made this export itself; name another reader with -reader, or take a payment back with: pos forward -payment PAYMENT"}
			}
			// No -timeout: a long queue takes its time. Ctrl-C stops after the
			// call that runs.
			r := rescuing{app: a, conn: sess.Conn, path: args[0] + ".outcomes", torn: torn, done: done}
			return r.all(ctx, all)
		})
	},
}

// rescuing is one run of the command.
type rescuing struct {
	*app
	conn *client.Conn
	path string
	torn bool                          // the file ends in the middle of a line
	done map[string]wire.RescueOutcome // that have an end, by localId
	sum  rescued
}

// rescued counts what became of the payments, of this run and those before.
type rescued struct {
	Forwarded int `json:"forwarded"`
	Declined  int `json:"declined"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"` // try again
	NoData    int `json:"noData"`  // wait, but their sealed data is not in the file
}

func (s *rescued) count(state string) {
	switch state {
	case wire.OfflineForwarded:
		s.Forwarded++
	case wire.OfflineDeclined:
		s.Declined++
	case wire.OfflineFailed:
		s.Failed++
	default:
		s.Unknown++
	}
}

// maxLost is how many calls in a row may bring no payment to its end before the
// rest is left for another time.
const maxLost = 3

func (r *rescuing) all(ctx context.Context, all *rescuable) error {
	if !all.whole && !r.json {
		fmt.Fprintln(r.stderr, "note: the export does not end with the entry that completes it; there may be more payments than these")
	}
	r.sum.NoData = all.empty
	var wait []rescue
	for _, p := range all.wait {
		if o, ok := r.done[p.LocalID]; ok {
			r.sum.count(o.State)
			continue
		}
		wait = append(wait, p)
	}
	if !r.json {
		fmt.Fprintf(r.stderr, "Reader %s: %s to send, %d sent before.\n", all.reader, count(len(wait), "payment"), len(all.wait)-len(wait))
	}
	var failure error
	for lost := 0; len(wait) > 0; {
		if failure = ctx.Err(); failure != nil || lost == maxLost {
			break
		}
		n := batch(wait)
		ended, err := r.some(ctx, wait[:n])
		if err != nil {
			failure = err
			break
		}
		if lost++; ended {
			lost = 0
		}
		wait = wait[n:]
	}
	r.sum.Unknown += len(wait)
	return r.tell(failure)
}

// some sends a few payments and notes what became of them.
func (r *rescuing) some(ctx context.Context, few []rescue) (ended bool, err error) {
	p := wire.RescuePaymentsParams{RequestID: client.NewRequestID()}
	for _, one := range few {
		p.Payments = append(p.Payments, one.RescuePayment)
	}
	// Once sent, the answer is waited for: Ctrl-C stops before the next.
	result, err := r.conn.RescuePayments(context.WithoutCancel(ctx), p)
	if err != nil {
		return false, err
	}
	if len(result.Payments) != len(few) {
		return false, fmt.Errorf("%w: it answered for %d payments of %d", client.ErrProtocol, len(result.Payments), len(few))
	}
	for i, o := range result.Payments {
		if o.LocalID != few[i].LocalID {
			return ended, fmt.Errorf("%w: it answered for another payment than %s", client.ErrProtocol, few[i].LocalID)
		}
		r.sum.count(o.State)
		if final(o.State) {
			ended = true
			if err := r.note(o); err != nil {
				return ended, err
			}
		}
		if r.json {
			if err := r.print(o); err != nil {
				return ended, err
			}
			continue
		}
		fmt.Fprintf(r.stdout, "#%d  %s  %s\n", few[i].sequence, money(few[i].amount, few[i].currency), ending(o))
	}
	return ended, nil
}

func final(state string) bool {
	return state == wire.OfflineForwarded || state == wire.OfflineDeclined || state == wire.OfflineFailed
}

func ending(o wire.RescueOutcome) string {
	text := o.State
	if o.ID != nil {
		text += " as " + *o.ID
	}
	if e := o.Error; e != nil {
		text += fmt.Sprintf(": %s: %s", e.Code, e.Message)
		if e.DeclineCode != "" {
			text += " (" + e.DeclineCode + ")"
		}
	}
	return text
}

// note appends an outcome to the file, on disk when it returns.
func (r *rescuing) note(o wire.RescueOutcome) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if r.torn { // a line of before was cut off: it must not spoil this one
		line, r.torn = append([]byte("\n"), line...), false
	}
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = file.Write(append(line, '\n'))
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil {
		return fmt.Errorf("outcomes: %w; what was sent is sent, and sending it again charges nothing twice", err)
	}
	return nil
}

// readOutcomes reads what earlier runs came to. A last line that was cut off
// counts as not there.
func readOutcomes(path string) (done map[string]wire.RescueOutcome, torn bool, err error) {
	done = make(map[string]wire.RescueOutcome)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return done, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("outcomes: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, wire.MaxMessage)
	for lines.Scan() {
		var o wire.RescueOutcome
		if json.Unmarshal(lines.Bytes(), &o) == nil && o.LocalID != "" && final(o.State) {
			done[o.LocalID] = o
		}
	}
	if err := lines.Err(); err != nil {
		return nil, false, fmt.Errorf("outcomes: %s: %w", path, err)
	}
	return done, len(data) > 0 && data[len(data)-1] != '\n', nil
}

func (r *rescuing) tell(failure error) error {
	s := r.sum
	if r.json {
		if err := r.print(s); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(r.stdout, "Forwarded %d, declined by the bank %d, failed %d, not known yet %d.\n", s.Forwarded, s.Declined, s.Failed, s.Unknown)
		if s.NoData > 0 {
			fmt.Fprintf(r.stdout, "%s cannot be sent: the file does not hold their card data.\n", count(s.NoData, "payment"))
		}
		if s.Unknown > 0 {
			fmt.Fprintln(r.stderr, "  what to do: run the same command again; nothing is charged twice")
		}
	}
	switch {
	case failure != nil && !errors.Is(failure, context.Canceled):
		return failure
	case s.Unknown > 0:
		return said(exitUnknown)
	case s.Declined+s.Failed+s.NoData > 0:
		return said(exitRefused)
	}
	return nil
}
