package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"smartreader/lan/wire"
)

// demoStep is one line of the story's table.
type demoStep struct {
	Step string `json:"step"`
	Got  string `json:"got"`
	OK   bool   `json:"ok"`
}

// demo plays a story and writes down what held.
type demo struct {
	ctx     context.Context
	stderr  io.Writer
	dir     string
	reader  *child
	control controlClient
	pos     *demoPOS
	steps   []demoStep
	live    io.Writer // each step as it happens; nil: silent
}

// check adds a step. Everything after a failed step is meaningless, so the
// story ends there.
func (d *demo) check(step string, ok bool, got string, args ...any) error {
	s := demoStep{step, fmt.Sprintf(got, args...), ok}
	d.steps = append(d.steps, s)
	if d.live != nil {
		fmt.Fprintf(d.live, "· %s: %s\n", s.Step, s.Got)
	}
	if !ok {
		return fmt.Errorf("%s: %s", s.Step, s.Got)
	}
	return nil
}

// demoOutage plays: online payment, outage, payments offline with a kill in
// between, one refused, a lost answer, recovery. It fails unless all held.
func demoOutage(ctx context.Context, o options, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "smartreader-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{ctx: ctx, stderr: stderr, dir: dir}
	if !o.json {
		d.live = stderr
	}
	defer func() {
		if d.reader != nil {
			d.reader.kill()
		}
	}()
	failed := d.play()
	if o.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(map[string]any{"story": "outage", "held": failed == nil, "steps": d.steps}); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nSTEP\tWHAT HAPPENED\tHELD")
		for _, s := range d.steps {
			held := "yes"
			if !s.OK {
				held = "NO"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", s.Step, s.Got, held)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if failed != nil {
		return fmt.Errorf("the story did not hold: %w", failed)
	}
	return nil
}

func (d *demo) start(args ...string) error {
	var err error
	d.reader, err = startChild(d.ctx, d.stderr, append([]string{"-data", d.dir}, args...)...)
	if err != nil {
		return err
	}
	d.control = controlClient{base: d.reader.at.Control}
	return nil
}

const any0 = "127.0.0.1:0"

func (d *demo) play() error {
	if err := d.start("-listen", any0, "-public", any0, "-device", any0, "-control", any0); err != nil {
		return err
	}
	at := d.reader.at
	if err := d.check("start", true, "reader %s with its platform", at.ReaderID); err != nil {
		return err
	}
	var err error
	if d.pos, err = newDemoPOS(); err != nil {
		return err
	}
	connected, err := d.pos.connect(d.ctx, at)
	if err := d.check("connect", err == nil && connected.Connection == wire.ConnectedOnline, "%s", said(err, "online, with a one-shot token")); err != nil {
		return err
	}
	online, err := d.pos.pay(d.ctx, d.control, 1250, "visa")
	if err := d.check("pay 12.50", err == nil && online.ID != nil && online.OfflineDetails == nil && online.Status == wire.StatusSucceeded,
		"%s", said(err, "approved by the issuer")); err != nil {
		return err
	}
	if err := d.outage(at); err != nil {
		return err
	}
	return d.recovery()
}

// outage takes payments without internet, and kills the reader between two.
func (d *demo) outage(at endpoints) error {
	if err := d.control.do(d.ctx, http.MethodPost, "platform/unreachable", map[string]bool{"on": true}, nil); err != nil {
		return err
	}
	err := d.pos.await(d.ctx, 30*time.Second, func() bool { return d.pos.status.Reader.NetworkStatus == wire.NetworkOffline })
	if err := d.check("internet cut", err == nil, "%s", said(err, "the reader says offline")); err != nil {
		return err
	}
	if err := d.store(2000, "visa"); err != nil {
		return err
	}
	d.reader.kill()
	// The same addresses again, as after a reboot.
	address := func(url string) string { return url[len("https://"):] }
	pos := at.POS[len("wss://") : len(at.POS)-len(wire.Path)]
	control := at.Control[len("http://") : len(at.Control)-len("/control/")]
	if err := d.start("-listen", pos, "-public", at.Public[len("http://"):], "-device", address(at.Device), "-control", control); err != nil {
		return err
	}
	connected, err := d.pos.connect(d.ctx, d.reader.at)
	if err := d.check("kill -9, restart", err == nil && connected.Connection == wire.ConnectedOffline && connected.OfflineStatus.Reader.OfflinePaymentsCount == 1,
		"%s", said(err, "connected offline by credential; %d payment still stored", storedCount(connected))); err != nil {
		return err
	}
	if err := d.store(3000, "mastercard"); err != nil {
		return err
	}
	if err := d.store(4000, "declined-generic"); err != nil {
		return err
	}
	_, err = d.pos.pay(d.ctx, d.control, 1_000_001, "visa")
	return d.check("pay 10,000.01", errors.Is(err, wire.CodeAmountExceedsOffline), "%s", refusedWith(err))
}

func storedCount(c wire.ConnectReaderResult) int {
	if c.OfflineStatus.Reader == nil {
		return -1
	}
	return c.OfflineStatus.Reader.OfflinePaymentsCount
}

func (d *demo) store(amount int64, card string) error {
	p, err := d.pos.pay(d.ctx, d.control, amount, card)
	stored := err == nil && p.OfflineDetails != nil && p.OfflineDetails.State == wire.OfflineStored && p.OfflineDetails.RequiresUpload
	got := said(err, "not stored")
	if stored {
		got = fmt.Sprintf("stored on the reader as #%d, not yet authorized (%s %s)", p.OfflineDetails.Sequence,
			p.OfflineDetails.CardPresentDetails.Brand, p.OfflineDetails.CardPresentDetails.Last4)
	}
	return d.check(fmt.Sprintf("pay %d.%02d offline", amount/100, amount%100), stored, "%s", got)
}

// recovery brings the internet back, with one answer lost, and compares the
// three books.
func (d *demo) recovery() error {
	if err := d.control.do(d.ctx, http.MethodPost, "platform/lose_next_answer", struct{}{}, nil); err != nil {
		return err
	}
	if err := d.control.do(d.ctx, http.MethodPost, "platform/unreachable", map[string]bool{"on": false}, nil); err != nil {
		return err
	}
	err := d.pos.await(d.ctx, 2*time.Minute, func() bool { return len(d.pos.told) == 3 && d.pos.status.Reader.OfflinePaymentsCount == 0 })
	if err := d.check("internet back", err == nil, "%s", said(err, "the POS was told of the end of all three")); err != nil {
		return err
	}
	twice, declined := 0, ""
	d.pos.mu.Lock()
	for id, n := range d.pos.told {
		if n != 1 {
			twice++
		}
		if e := d.pos.reasons[id]; e != nil {
			declined = fmt.Sprintf("%s of %d.%02d", e.DeclineCode, d.pos.books[id].Amount/100, d.pos.books[id].Amount%100)
		}
	}
	d.pos.mu.Unlock()
	if err := d.check("told once", twice == 0 && declined != "", "each payment told once; declined by the issuer: %s", declined); err != nil {
		return err
	}
	return d.compare()
}

func (d *demo) compare() error {
	var status controlStatus
	if err := d.control.do(d.ctx, http.MethodGet, "status", nil, &status); err != nil {
		return err
	}
	totals := status.Platform.Totals
	if err := d.check("answer lost", totals.AnswersLost == 1 && totals.Duplicates == 0, "%d answer lost, %d charges twice", totals.AnswersLost, totals.Duplicates); err != nil {
		return err
	}
	list, err := d.pos.conn.ListStoredPayments(d.ctx, wire.ListStoredPaymentsParams{})
	if err != nil {
		return err
	}
	var reader, pos int64 // what was charged for payments taken offline
	for _, p := range list.PaymentIntents {
		if p.OfflineDetails.State == wire.OfflineForwarded {
			reader += p.Amount
		}
	}
	var posOnline int64
	d.pos.mu.Lock()
	for _, p := range d.pos.books {
		switch {
		case p.OfflineDetails != nil && p.OfflineDetails.State == wire.OfflineForwarded:
			pos += p.Amount
		case p.OfflineDetails == nil && p.Status == wire.StatusSucceeded:
			posOnline += p.Amount
		}
	}
	d.pos.mu.Unlock()
	platform := totals.Deferred.ByCurrency["usd"]
	ok := reader == 5000 && pos == reader && platform == reader &&
		totals.Approved.ByCurrency["usd"] == posOnline+pos && totals.Approved.Count == 3 && totals.Declined.Count == 1 &&
		totals.Duplicates == 0 && totals.Failed == 0 && len(status.Platform.Gaps) == 0 && list.Totals.OfflinePaymentsCount == 0
	return d.check("books agree", ok, "charged after the outage: reader %d.%02d, POS %d.%02d, platform %d.%02d usd; all charges %d.%02d; nothing missing",
		reader/100, reader%100, pos/100, pos%100, platform/100, platform%100, (posOnline+pos)/100, (posOnline+pos)%100)
}

// said is what to print: the error, or what was hoped for.
func said(err error, hoped string, args ...any) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf(hoped, args...)
}

func refusedWith(err error) string {
	if err == nil {
		return "accepted, which is wrong"
	}
	if e, ok := wire.AsError(err); ok {
		return "refused: " + e.Message
	}
	return err.Error()
}
