package reader

import (
	"context"
	"errors"
	"time"

	"smartreader/firmware/platform"
	"smartreader/lan"
	"smartreader/lan/wire"
	"smartreader/store/forward"
)

// admitted is a POS that was let in: what it takes to renew its credential
// without it asking.
type admitted struct {
	publicKey  []byte
	credential *platform.POSCredential
	askAgainAt time.Time // after a renewal
}

func (r *Reader) admit(posID string, publicKey []byte, c *platform.POSCredential) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.posAdmitted) > 1000 { // ids are free to choose; who is forgotten is not renewed
		clear(r.posAdmitted)
	}
	a := r.posAdmitted[posID]
	a.publicKey, a.credential = publicKey, c
	r.posAdmitted[posID] = a
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
func (r *Reader) due(c *platform.POSCredential) bool {
	life := c.ExpiresAtMs - c.IssuedAtMs
	if config := r.configured(); config != nil {
		if session := config.platform.Offline.SessionMaxAgeMs; session > 0 {
			life = min(life, session)
		}
	}
	return r.now().UnixMilli()-c.IssuedAtMs > life/2
}

func (r *Reader) renewCredential(ctx context.Context) {
	posID, provides := r.lan.Holder()
	r.mu.Lock()
	a, known := r.posAdmitted[posID]
	r.mu.Unlock()
	if !provides || !known || r.platform.Link().State() != platform.LinkOnline || !r.due(a.credential) || time.Now().Before(a.askAgainAt) {
		return
	}
	if err := r.fetchAndRedeem(ctx, posID, a, wire.TokenForConnect); err != nil && ctx.Err() == nil {
		r.log.Warn("the POS's credential was not renewed", "pos", posID, "err", err)
	}
	// Not at once again, whatever came of it: by a wrong clock a new credential
	// may be due as well.
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.posAdmitted[posID]
	now.askAgainAt = time.Now().Add(renewRetry)
	r.posAdmitted[posID] = now
}

func (r *Reader) tokenForForwarding(ctx context.Context) {
	posID, provides := r.lan.Holder()
	r.mu.Lock()
	a, known := r.posAdmitted[posID]
	r.mu.Unlock()
	if !provides || !known {
		return
	}
	err := r.fetchAndRedeem(ctx, posID, a, wire.TokenForForwarding)
	var unreachable *platform.Unreachable
	if err == nil || ctx.Err() != nil || errors.Is(err, lan.ErrNoProvider) || errors.As(err, &unreachable) {
		return // no internet is told as such
	}
	failure, ok := wire.AsError(err)
	if !ok || failure.Code != wire.CodeAccountMismatchForwarding && failure.Code != wire.CodeTokenErrorForwarding {
		failure = wire.NewError(wire.CodeTokenErrorForwarding, "the POS's connection token is of no use: "+err.Error())
	}
	note := forward.FailureNote{Code: string(failure.Code), Native: failure.NativeErrorCode, Message: failure.Message}
	if _, err := r.store.Note(ctx, forward.KindFailure, note); err != nil {
		r.log.Error("forwarding failure was not journaled", "err", err)
	}
}

// fetchAndRedeem gets a token from the POS and a new credential for it.
func (r *Reader) fetchAndRedeem(ctx context.Context, posID string, a admitted, reason string) error {
	token, err := r.lan.FetchConnectionToken(ctx, posID, reason)
	if err != nil {
		return err
	}
	answer, err := r.platform.Redeem(ctx, platform.RedeemRequest{ConnectionToken: token, POSID: posID, POSPublicKey: a.publicKey, Network: r.network()})
	if err != nil {
		return err
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
	if config == nil || c.AccountID != config.platform.AccountID || c.Livemode != config.platform.Livemode {
		return wire.NewError(wire.CodeAccountMismatchForwarding, "the connection token is of another account or mode than this reader's")
	}
	r.admit(posID, a.publicKey, c)
	r.lan.RenewSession(posID, r.sessionEnd(c))
	r.lan.Tell(posID, wire.Event{
		Type: wire.EventCredentialRenewed, AtMs: time.Now().UnixMilli(), ExpiresAtMs: c.ExpiresAtMs,
		Credential: &wire.Credential{Payload: answer.Credential.Payload, Signature: answer.Credential.Signature},
	})
	return nil
}

// sessionEnd is when the session of a credential is over, Unix ms.
func (r *Reader) sessionEnd(c *platform.POSCredential) int64 {
	end := c.ExpiresAtMs
	if config := r.configured(); config != nil {
		if session := config.platform.Offline.SessionMaxAgeMs; session > 0 {
			end = min(end, c.IssuedAtMs+session)
		}
	}
	return end
}
