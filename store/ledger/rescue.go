package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"smartreader/store/seal"
)

const rescueHelp = `ledger rescue FILE -platform URL -key sk_... [-ca FILE] [-tries N]

Submits the payments that wait in an export to the platform, in the place of the reader
that took them, oldest first. The platform knows each payment by its own name: one that
the reader or somebody else already submitted is not charged again, and its first outcome
is shown. So this can be repeated, and is safe beside a reader that comes back.

What came of each payment is noted in FILE.rescued at once; those that ended are not sent
again. Later payments of a card wait for its earlier ones.

  -platform URL   https://...
  -key sk_...     the account's secret key; better: set LEDGER_KEY in the environment,
                  where other users of the computer cannot see it
  -ca FILE        the authority that signed the platform's certificate (PEM); default: the
                  system's
  -tries N        how often each payment is tried when the platform does not answer or asks
                  to wait (default 6)

Exit codes: 0 all approved; 1 some were declined or refused; 2 wrong usage or setup;
3 some outcomes are not known: run it again.
`

func (a *app) rescue(ctx context.Context, flags *flag.FlagSet, args []string) error {
	platform, secret := flags.String("platform", "", ""), flags.String("key", "", "")
	authority, tries := flags.String("ca", "", ""), flags.Int("tries", 6, "")
	name, err := parse(flags, args, "export file")
	if err != nil {
		return err
	}
	target, err := newTarget(*platform, cmp.Or(*secret, os.Getenv("LEDGER_KEY")), *authority)
	if err != nil {
		return err
	}
	if *tries < 1 {
		return usage("-tries must be at least 1")
	}
	x, err := readExport(name, nil)
	if err != nil {
		return err
	}
	a.warn(x)
	if x.purpose != "rescue" && x.salvage == nil {
		fmt.Fprintln(a.stderr, "warning: the reader did not hand these payments over: it may go on forwarding them itself; none is charged twice")
	}
	results, err := openResults(name + ".rescued")
	if err != nil {
		return err
	}
	defer results.close()
	r := &rescuing{app: a, target: target, results: results, tries: *tries, blocked: map[string]bool{}}
	err = r.all(ctx, x)
	r.summary(name)
	switch {
	case err != nil:
		return err
	case r.unknown > 0:
		return errSaid(exitUnknown)
	case r.declined+r.refused+r.lost > 0:
		return errSaid(exitWrong)
	}
	return nil
}

// newTarget checks where to submit, and how.
func newTarget(address, secret, authority string) (*target, error) {
	u, err := url.Parse(address)
	switch {
	case address == "" || err != nil || u.Scheme != "https" || u.Host == "":
		return nil, usage("-platform must be an https address, not %q", address)
	case secret == "":
		return nil, usage("name the account's secret key with -key or in LEDGER_KEY")
	case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, usage("the secret key holds a character that cannot be sent")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority != "" {
		pem, err := os.ReadFile(authority)
		if err != nil {
			return nil, usage("-ca: %v", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usage("-ca %s: no certificate in it (PEM)", authority)
		}
	}
	return &target{
		url: strings.TrimSuffix(address, "/") + pathRescues, secret: secret,
		http: &http.Client{
			Transport:     &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true},
			Timeout:       answerTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the key goes nowhere else
		},
	}, nil
}

const answerTimeout = 30 * time.Second

// rescuing is one run.
type rescuing struct {
	*app
	target  *target
	results *results
	tries   int
	blocked map[string]bool // lanes whose earlier payment has no known outcome

	approved, declined, refused, unknown, before, lost int
}

func (r *rescuing) all(ctx context.Context, x *export) error {
	var waiting []*payment
	for _, p := range x.payments {
		switch {
		case !p.waits():
		case p.envelope == nil:
			r.lost++
			r.say(p, "its sealed payload is not in the file: it cannot be submitted")
		default:
			waiting = append(waiting, p)
		}
	}
	for i, p := range waiting {
		if past, ok := r.results.ended(p.NaturalKey); ok {
			r.before++
			r.count(past)
			continue
		}
		if r.blocked[lane(p)] {
			r.unknown++
			r.say(p, "not tried: it has to wait for an earlier payment of the same card")
			continue
		}
		o, err := r.one(ctx, p)
		if err != nil {
			r.unknown += len(waiting) - i
			return err
		}
		if o.At = r.now().UTC().Format(time.RFC3339); o.Status != statusUnknown {
			if err := r.results.add(o); err != nil {
				return err
			}
		}
		if r.count(o); o.Status == statusUnknown {
			r.blocked[lane(p)] = true
		}
		fmt.Fprintf(r.stdout, "%d of %d: ", i+1, len(waiting))
		r.say(p, o.words())
	}
	return nil
}

// lane is what payments of one card have in common.
func lane(p *payment) string {
	if p.Card == nil || p.Card.Last4 == "" {
		return p.LocalID
	}
	return fmt.Sprintf("%s|%s|%02d/%d", p.Card.Brand, p.Card.Last4, p.Card.ExpMonth, p.Card.ExpYear)
}

func (r *rescuing) say(p *payment, what string) {
	fmt.Fprintf(r.stdout, "sequence %d, %d %s, %s: %s\n", p.Sequence, p.Amount, plain(p.Currency), plain(p.LocalID), plain(what))
}

func (r *rescuing) count(o outcome) {
	switch o.Status {
	case statusApproved:
		r.approved++
	case statusDeclined, statusFailed:
		r.declined++
	case statusRefused:
		r.refused++
	default:
		r.unknown++
	}
}

func (r *rescuing) summary(name string) {
	fmt.Fprintf(r.stdout, "%d approved, %d declined or failed, %d refused, %d not known, %d without their sealed payload", r.approved, r.declined, r.refused, r.unknown, r.lost)
	if r.before > 0 {
		fmt.Fprintf(r.stdout, "; of these %d ended before, see %s.rescued", r.before, name)
	}
	fmt.Fprintln(r.stdout)
}

// A platform that does not answer is asked again after so long, and ever longer.
const (
	firstPause   = time.Second
	longestPause = time.Minute
	longestWish  = 10 * time.Minute // of a platform that asks to wait
)

// one submits a payment until there is an outcome or no more tries. An error
// ends the run: nothing would go better with the next payment.
func (r *rescuing) one(ctx context.Context, p *payment) (outcome, error) {
	o := outcome{LocalID: p.LocalID, NaturalKey: p.NaturalKey, Status: statusUnknown}
	body, err := newSubmission(p)
	if err != nil {
		o.Status, o.Message = statusRefused, err.Error()
		return o, nil
	}
	pause := firstPause
	for try := 1; ; try++ {
		v, wish, err := r.target.submit(ctx, body)
		var refusal *refusal
		switch {
		case err == nil:
			o.fill(v)
			return o, nil
		case errors.As(err, &refusal) && refusal.everything:
			return o, usage("the platform refuses this key: %v", err)
		case errors.As(err, &refusal):
			o.Status, o.Code, o.Message = statusRefused, refusal.code, refusal.message
			return o, nil
		case ctx.Err() != nil:
			return o, ctx.Err()
		}
		o.Message = err.Error()
		if try == r.tries {
			return o, nil
		}
		wait := time.Duration(float64(pause) * (0.5 + r.jitter()/2))
		pause = min(2*pause, longestPause)
		if wish > 0 {
			wait = min(wish, longestWish)
		}
		fmt.Fprintf(r.stderr, "no answer for sequence %d: %s; again in %v\n", p.Sequence, plain(o.Message), wait.Round(time.Second/10))
		if err := r.sleep(ctx, wait); err != nil {
			return o, err
		}
	}
}

// newSubmission makes the body for a payment.
func newSubmission(p *payment) (submission, error) {
	envelope, err := seal.ParseEnvelope(p.envelope)
	if err != nil {
		return submission{}, err
	}
	header, err := seal.ParseHeader(envelope.Header)
	if err != nil {
		return submission{}, err
	}
	return submission{
		ReaderID: header.ReaderID, NaturalKey: p.NaturalKey, Envelope: p.envelope, StoredAtMs: p.StoredAtMs,
		Proof: proof{Header: p.entry.Header, Signature: p.entry.Signature},
	}, nil
}
