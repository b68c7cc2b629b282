package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// version of the protocol client, shown in the reader's log.
const version = "1"

// session is one connection of one command.
type session struct {
	*client.Conn
	state  *state
	look   bool // see opening
	visit  bool
	result wire.ConnectReaderResult
	notes  []string // what the person should know about how it connected
}

// options are the dial options of this POS. With anew the reader may have been
// set up anew: the backend is asked for the CA again, and the reader's last id
// is forgotten unless one was named.
func (a *app) options(ctx context.Context, anew bool) (client.Options, *state, error) {
	s, key, err := a.whoami()
	if err != nil {
		return client.Options{}, nil, err
	}
	if anew && a.readerID == "" {
		s.ReaderID = ""
	}
	opts := client.Options{
		URL: s.Reader, ReaderID: s.ReaderID, POSID: s.POSID, Key: key,
		Name: "pos", Version: version, Log: a.log(),
	}
	if !strings.HasPrefix(s.Reader, "ws://") {
		if opts.RootCAs, err = a.roots(ctx, anew); err != nil {
			return client.Options{}, nil, err
		}
	}
	return opts, s, nil
}

// whoami reads or makes this POS's identity, under the lock: two commands that
// begin at once must not become two POSes.
func (a *app) whoami() (*state, *ecdsa.PrivateKey, error) {
	unlock, err := a.lock(stateLock, true)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	s, err := a.loadState()
	if err != nil {
		return nil, nil, err
	}
	key, err := a.loadKey()
	return s, key, err
}

// opening is how a command connects.
type opening struct {
	online  bool // with a new token first, the stored credential only if that fails
	look    bool // the command only looks: the reader stays with the POS that holds it
	visit   bool // the next command is to find the reader of the last one again
	onEvent func(wire.Event) error
	// provides: while this connection stands, the reader may ask it for
	// connection tokens of the backend.
	provides bool
}

// open connects for one command: with the stored credential, which needs no
// backend, else with a connection token.
func (a *app) open(ctx context.Context, how opening) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	opts, s, err := a.options(ctx, how.online)
	if err != nil {
		return nil, err
	}
	opts.OnEvent = a.keepRenewed(*s, how.onEvent)
	if how.provides {
		opts.ConnectionToken = a.provideToken
	}
	conn, err := client.Dial(ctx, opts)
	if err != nil {
		return nil, a.explain(err, s, how.online)
	}
	sess := &session{Conn: conn, state: s, look: how.look, visit: how.visit, notes: conn.Warnings()}
	if err := a.connect(ctx, sess, how.online); err != nil {
		conn.Close()
		return nil, err
	}
	return sess, nil
}

func (a *app) connect(ctx context.Context, sess *session, online bool) error {
	s := sess.state
	tries := []func(context.Context, *session) error{a.withCredential, a.withToken}
	if online {
		tries = []func(context.Context, *session) error{a.withToken, a.withCredential}
	}
	first := tries[0](ctx, sess)
	if first == nil {
		return a.connected(sess)
	}
	if errors.Is(first, errNoCredential) {
		if err := tries[1](ctx, sess); err != nil {
			return err
		}
		return a.connected(sess)
	}
	if code, ok := wire.AsError(first); ok && (code.Code == wire.CodeReaderInUse || code.Code == wire.CodeReaderBusy) {
		return first
	}
	if second := tries[1](ctx, sess); second != nil {
		if errors.Is(second, errNoCredential) || errors.Is(second, errBackend) {
			return first
		}
		return fmt.Errorf("%w; before that: %w", second, first)
	}
	if online {
		sess.notes = append(sess.notes, fmt.Sprintf("connected with the stored credential, because: %v", first))
	} else if s.Credential != nil {
		sess.notes = append(sess.notes, fmt.Sprintf("connected with a new token, because: %v", first))
	}
	return a.connected(sess)
}

// keepRenewed keeps a credential that the reader gives unasked, and passes all
// events on; next may be nil. s is a copy: events come at any time.
func (a *app) keepRenewed(s state, next func(wire.Event) error) func(wire.Event) error {
	return func(e wire.Event) error {
		if e.Type == wire.EventCredentialRenewed && e.Credential != nil {
			if err := a.keep(&s, func(s *state) { s.Credential, s.ExpiresAtMs = e.Credential, e.ExpiresAtMs }); err != nil {
				fmt.Fprintf(a.stderr, "pos: the renewed credential could not be kept: %v\n", err)
			}
		}
		if next == nil {
			return nil
		}
		return next(e)
	}
}

// provideToken answers the reader when it asks for a connection token.
func (a *app) provideToken(ctx context.Context, _ string) (string, error) {
	return a.connectionToken(ctx)
}

var errNoCredential = errors.New("this POS has no stored credential; run: pos connect (with internet)")

func (a *app) withCredential(ctx context.Context, sess *session) (err error) {
	if sess.state.Credential == nil {
		return errNoCredential
	}
	return a.connectWith(ctx, sess, client.ConnectOptions{Credential: sess.state.Credential})
}

func (a *app) withToken(ctx context.Context, sess *session) error {
	token, err := a.connectionToken(ctx)
	if err != nil {
		return err
	}
	return a.connectWith(ctx, sess, client.ConnectOptions{ConnectionToken: token})
}

func (a *app) connectWith(ctx context.Context, sess *session, o client.ConnectOptions) (err error) {
	o.FailIfInUse, o.Look = a.failBusy, sess.look
	sess.result, err = sess.Connect(ctx, o)
	return err
}

// connected keeps what the next command needs.
func (a *app) connected(sess *session) error {
	reader := sess.state.Reader
	return a.keep(sess.state, func(s *state) {
		if !sess.visit || s.Reader == "" {
			s.Reader, s.ReaderID, s.Backend = reader, sess.Reader().ID, a.backend
		}
		if c := sess.result.Credential; c != nil {
			s.Credential, s.ExpiresAtMs = c, sess.result.ExpiresAtMs
		}
	})
}

// explain adds what to do to errors of dialing; anew: with the backend's CA of now.
func (a *app) explain(err error, s *state, anew bool) error {
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return fmt.Errorf("no reader at %s: %w\n  what to do: start it (go run ./build/simulator), or give its address with -reader", s.Reader, err)
	case errors.Is(err, client.ErrIdentity) && anew && a.ca == "" && a.readerID == "":
		return fmt.Errorf("%w\n  what to do: the reader at %s belongs to another platform than the backend %s: name its backend with -backend, or set the reader up anew (a simulator: remove its data folder)", err, s.Reader, a.backend)
	case errors.Is(err, client.ErrIdentity):
		return fmt.Errorf("%w\n  what to do: if the reader was set up anew, run: pos connect -reader %s", err, s.Reader)
	}
	return err
}

func date(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04") }
