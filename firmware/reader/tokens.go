package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/firmware/platform"
	"smartreader/lan/wire"
	"smartreader/store/forward"
)

// admitted is a POS that was let in: what it takes to renew its credential
// without it asking.
type admitted struct {
	publicKey  []byte
	credential *platform.POSCredential
	sinceMs    int64 // when its session began, by this reader's time

	// Not to be asked for a token before, neither to renew nor to forward.
	renewAfter, drainAfter time.Time
}

// admit notes a POS that was vouched for at sinceMs.
func (r *Reader) admit(posID string, publicKey []byte, c *platform.POSCredential, sinceMs int64) admitted {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.posAdmitted) > 1000 { // ids are free to choose; who is forgotten is not renewed
		clear(r.posAdmitted)
	}
	a := r.posAdmitted[posID]
	a.publicKey, a.credential, a.sinceMs = publicKey, c, sinceMs
	r.posAdmitted[posID] = a
	return a
}

// provider is the POS that holds the reader and provides tokens, if wanted says
// that it is to be asked. wanted may note when it is to be asked again.
func (r *Reader) provider(wanted func(*admitted) bool) (posID string, a admitted, ask bool) {
	posID, provides := r.lan.Holder()
	r.mu.Lock()
	defer r.mu.Unlock()
	a, known := r.posAdmitted[posID]
	if !provides || !known || !wanted(&a) {
		return "", admitted{}, false
	}
	r.posAdmitted[posID] = a
	return posID, a, true
}

// drained asks for a token as the SDKs do when forwarding begins.
func (r *Reader) drained() {
	select {
	case r.drain <- struct{}{}:
	default:
	}
}

// considerRenewal has the holder's credential looked at now.
func (r *Reader) considerRenewal() {
	select {
	case r.renew <- struct{}{}:
	default:
	}
}

const (
	renewPeriod = time.Minute
	renewRetry  = 10 * time.Minute
	drainRetry  = time.Minute // a link that comes and goes begins many drains
)

// tokens asks the POS for connection tokens: to renew its credential in time for
// the next outage, and when stored payments begin to be forwarded. Neither a
// payment nor forwarding waits for it.
func (r *Reader) tokens(ctx context.Context) error {
	ticker := time.NewTicker(renewPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.drain:
			r.tokenForForwarding(ctx)
		case <-ticker.C:
			r.renewCredential(ctx)
		case <-r.renew:
			r.renewCredential(ctx)
		}
	}
}

// due says whether so much of the credential's or the session's time is over
// that it should be renewed while there is internet.
func due(c *platform.POSCredential, session time.Duration, now time.Time) bool {
	life := c.ExpiresAtMs - c.IssuedAtMs
	if session > 0 {
		life = min(life, session.Milliseconds())
	}
	return now.UnixMilli()-c.IssuedAtMs > life/2
}

func (r *Reader) renewCredential(ctx context.Context) {
	if r.platform.Link().State() != platform.LinkOnline {
		return
	}
	session, now := r.sessionMaxAge(), r.now()
	posID, a, ask := r.provider(func(a *admitted) bool {
		if !due(a.credential, session, now) || time.Now().Before(a.renewAfter) {
			return false
		}
		// Not at once again, whatever comes of it: by a wrong clock a new
		// credential may be due as well.
		a.renewAfter = time.Now().Add(renewRetry)
		return true
	})
	if !ask {
		return
	}
	if err := r.fetchAndRedeem(ctx, posID, a, wire.TokenForConnect); err != nil && ctx.Err() == nil {
		r.log.Warn("the POS's credential was not renewed", "pos", posID, "err", err)
	}
}

func (r *Reader) tokenForForwarding(ctx context.Context) {
	posID, a, ask := r.provider(func(a *admitted) bool {
		if time.Now().Before(a.drainAfter) {
			return false
		}
		a.drainAfter = time.Now().Add(drainRetry)
		return true
	})
	if !ask {
		return
	}
	err := r.fetchAndRedeem(ctx, posID, a, wire.TokenForForwarding)
	if err == nil {
		r.tokenTrouble = ""
		return
	}
	failure, ok := wire.AsError(err)
	if !ok { // no POS, no internet, or the platform's own trouble: told as such
		r.log.Info("no connection token redeemed while forwarding", "pos", posID, "err", err)
		return
	}
	if failure.Code != wire.CodeAccountMismatchForwarding && failure.Code != wire.CodeTokenErrorForwarding {
		failure = wire.NewError(wire.CodeTokenErrorForwarding, "the POS's connection token is of no use: "+failure.Message)
	}
	// Once for each cause: the journal is no place for the same every minute.
	trouble := fmt.Sprint(posID, failure.Code, failure.NativeErrorCode)
	if trouble == r.tokenTrouble {
		return
	}
	note := forward.FailureNote{Code: string(failure.Code), Native: failure.NativeErrorCode, Message: failure.Message}
	if _, err := r.store.Note(ctx, forward.KindFailure, note); err != nil {
		r.log.Error("forwarding failure was not journaled", "err", err)
		return
	}
	r.tokenTrouble = trouble
}

// fetchAndRedeem gets a token from the POS and a new credential for it. Only what
// is the POS's own fault is a *wire.Error.
func (r *Reader) fetchAndRedeem(ctx context.Context, posID string, a admitted, reason string) error {
	token, err := r.lan.FetchConnectionToken(ctx, posID, reason)
	if err != nil {
		return err
	}
	answer, err := r.platform.Redeem(ctx, platform.RedeemRequest{ConnectionToken: token, POSID: posID, POSPublicKey: a.publicKey, Network: r.network()})
	if err != nil {
		return redeemFailure(err)
	}
	keys, err := platform.ParseSigningKeys(r.signingKeys()...)
	if err != nil {
		return err
	}
	c, err := keys.OpenCredential(answer.Credential)
	if err != nil {
		return err
	}
	config := r.configured()
	switch {
	case config == nil:
		return errors.New("reader: no configuration to check a credential by")
	case c.AccountID != config.platform.AccountID || c.Livemode != config.platform.Livemode:
		return wire.NewError(wire.CodeAccountMismatchForwarding, "the connection token is of another account or mode than this reader's")
	case c.POSID != posID || !bytes.Equal(c.PublicKey, a.publicKey):
		return errors.New("reader: the platform answered with another POS's credential")
	}
	if err := r.suits(config, c); err != nil {
		return errors.New("reader: the renewed credential: " + err.Error())
	}
	r.pair(ctx, posID)
	a = r.admit(posID, a.publicKey, c, r.now().UnixMilli())
	r.lan.RenewSession(posID, r.sessionEnd(a))
	r.lan.Tell(posID, wire.Event{
		Type: wire.EventCredentialRenewed, AtMs: time.Now().UnixMilli(), ExpiresAtMs: c.ExpiresAtMs,
		Credential: &wire.Credential{Payload: answer.Credential.Payload, Signature: answer.Credential.Signature},
	})
	return nil
}

// redeemFailure tells what is wrong with the POS's token from the platform being
// away, busy, or at odds with the reader.
func redeemFailure(err error) error {
	refused, ok := errors.AsType[*platform.Error](err)
	if !ok {
		return err
	}
	switch refused.Code {
	case platform.CodeTokenInvalid, platform.CodeTokenLocation:
		return wire.NewError(wire.CodeTokenErrorForwarding, "the POS's connection token is of no use: "+short(refused.Message))
	case platform.CodeAccountMismatch:
		return wire.NewError(wire.CodeAccountMismatchForwarding, "the connection token is of another account than this reader's")
	}
	return err
}

// sessionMaxAge bounds one session; 0: nothing but the credential does.
func (r *Reader) sessionMaxAge() time.Duration {
	c := r.configured()
	if c == nil {
		return 0
	}
	return time.Duration(c.platform.Offline.SessionMaxAgeMs) * time.Millisecond
}

// sessionEnd is when the session of a POS is over, Unix ms.
func (r *Reader) sessionEnd(a admitted) int64 {
	life := a.credential.ExpiresAtMs - a.credential.IssuedAtMs
	if session := r.sessionMaxAge(); session > 0 {
		life = min(life, session.Milliseconds())
	}
	return a.sinceMs + life
}
