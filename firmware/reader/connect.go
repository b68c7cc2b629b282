package reader

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"

	"smartreader/firmware/platform"
	"smartreader/lan"
	"smartreader/lan/wire"
	"smartreader/store"
)

// Connect lets a POS in: online with a one-shot token that the platform
// redeems, or at any time with the credential it got for an earlier token.
func (s service) Connect(ctx context.Context, c *lan.Caller, p wire.ConnectReaderParams) (wire.ConnectReaderResult, error) {
	r := s.r
	config := r.configured()
	if config == nil {
		return wire.ConnectReaderResult{}, wire.NewError(wire.CodeNoLastSeenAccount, "the reader has no configuration yet")
	}
	if p.LocationID != "" && p.LocationID != config.platform.Location.ID {
		return wire.ConnectReaderResult{}, wire.Errorf(wire.CodeLocationNotAvailableOffline, "the reader is at location %s, not %s", config.platform.Location.ID, p.LocationID)
	}
	if p.ConnectionToken == "" && r.offline() && !r.offlineEnabled(config) {
		return wire.ConnectReaderResult{}, wire.NewError(wire.CodeNotConnectedToInternet, "the reader has no internet and its Location is not configured for offline payments").
			WithRemedy("restore the internet, or set offline.enabled in the Location's configuration while there is internet")
	}
	result := wire.ConnectReaderResult{Connection: wire.ConnectedOffline, Credential: p.Credential}
	if p.ConnectionToken != "" {
		credential, err := r.redeem(ctx, p)
		if err != nil {
			return wire.ConnectReaderResult{}, err
		}
		result.Connection, result.Credential = wire.ConnectedOnline, credential
		// An online connect takes over what was changed at the platform.
		if err := r.fetchConfiguration(ctx); err != nil {
			r.log.Warn("configuration not read at connect", "err", err)
		}
		config = r.configured()
	}
	if sim := r.opt.Simulator; sim != nil {
		update, refused := sim.Connecting(result.Connection == wire.ConnectedOffline && r.offline())
		if refused != nil {
			return wire.ConnectReaderResult{}, refused
		}
		result.Update = update
	}
	credential, err := r.checkCredential(config, p, result.Credential)
	if err != nil {
		return wire.ConnectReaderResult{}, err
	}
	since := r.now().UnixMilli()
	if result.Connection == wire.ConnectedOffline {
		if err := r.checkWindows(config.platform, credential); err != nil {
			return wire.ConnectReaderResult{}, err
		}
		if err := r.checkPlace(config.platform, credential); err != nil {
			return wire.ConnectReaderResult{}, err
		}
		since = credential.IssuedAtMs
	} else {
		r.pair(ctx, p.POSID)
	}
	a := r.admit(p.POSID, p.POSPublicKey, credential, since)
	result.ExpiresAtMs, result.SessionExpiresAtMs = credential.ExpiresAtMs, r.sessionEnd(a)
	if result.Reader, err = s.Describe(ctx, c); err != nil {
		return wire.ConnectReaderResult{}, err
	}
	// A POS may look although the ledger failed: no event can be read then anyway.
	if result.Cursor, err = r.store.Cursor(p.POSID); err != nil && !errors.Is(err, store.ErrFailed) {
		return wire.ConnectReaderResult{}, err
	}
	result.NewestSeq, _ = r.store.Head()
	result.OfflineStatus = r.offlineStatus()
	result.Warnings = r.warnings()
	return result, nil
}

func (r *Reader) redeem(ctx context.Context, p wire.ConnectReaderParams) (*wire.Credential, error) {
	answer, err := r.platform.Redeem(ctx, platform.RedeemRequest{ConnectionToken: p.ConnectionToken, POSID: p.POSID, POSPublicKey: p.POSPublicKey, Network: r.network()})
	var refused *platform.Error
	var unreachable *platform.Unreachable
	switch {
	case errors.As(err, &refused) && (refused.Code == platform.CodeTokenInvalid || refused.Code == platform.CodeTokenLocation):
		return nil, wire.NewError(wire.CodeConnectionTokenError, refused.Message)
	case errors.As(err, &refused) && refused.Code == platform.CodePOSKey:
		return nil, wire.NewError(wire.CodeAuthenticationFailed, refused.Message).WithRemedy("use the key this POS id was first connected with, or another POS id")
	case errors.As(err, &refused):
		return nil, wire.NewError(wire.CodePlatformError, refused.Message)
	case errors.As(err, &unreachable) && unreachable.Kind == platform.KindTLS:
		return nil, wire.NewError(wire.CodeCertificateError, "")
	case errors.As(err, &unreachable):
		return nil, wire.NewError(wire.CodeNotConnectedToInternet, "the reader cannot reach the platform to redeem the connection token").
			WithRemedy("connect with the credential of an earlier online connect, or restore the internet")
	case err != nil:
		return nil, err
	}
	return &wire.Credential{Payload: answer.Credential.Payload, Signature: answer.Credential.Signature}, nil
}

// checkCredential decides whether a credential is this POS's and of this reader.
// The server has checked that the POS holds the key.
func (r *Reader) checkCredential(config *configuration, p wire.ConnectReaderParams, credential *wire.Credential) (*platform.POSCredential, error) {
	if credential == nil {
		return nil, wire.NewError(wire.CodeReaderNotAvailableOffline, "neither a connection token nor a credential was given")
	}
	signed := platform.Signed{Payload: credential.Payload, Signature: credential.Signature}
	keys, err := platform.ParseSigningKeys(r.signingKeys()...)
	if err != nil {
		return nil, err
	}
	c, err := keys.OpenCredential(signed)
	switch {
	case err != nil:
		return nil, wire.NewError(wire.CodeMissingPrerequisite, "the credential was not issued by this reader's platform")
	case c.POSID != p.POSID || !bytes.Equal(c.PublicKey, p.POSPublicKey):
		return nil, wire.NewError(wire.CodeAuthenticationFailed, "the credential belongs to another POS or key")
	}
	return c, r.suits(config, c)
}

// suits decides whether the configuration lets in the POS of a credential.
func (r *Reader) suits(config *configuration, c *platform.POSCredential) error {
	r.mu.Lock()
	deviceType := r.identity.Reader.DeviceType
	r.mu.Unlock()
	switch {
	case c.AccountID != config.platform.AccountID || c.Livemode != config.platform.Livemode:
		return wire.NewError(wire.CodeMissingPrerequisite, "the credential is for another account or mode")
	case c.LocationID != config.platform.Location.ID:
		return wire.NewError(wire.CodeLocationNotAvailableOffline, "")
	case c.DeviceType != deviceType:
		return wire.NewError(wire.CodeReaderNotAvailableOffline, "the credential is for readers of type "+c.DeviceType)
	case slices.Contains(config.platform.RevokedPOS, c.POSID):
		return wire.NewError(wire.CodeMissingPrerequisite, "this POS was revoked")
	}
	return nil
}

// checkWindows decides whether an offline connect comes in time: after the
// POS's last online connect, and before the reader's software is too old. An
// online connect is bound by none of it: the platform has vouched for the POS
// just now, whatever the reader's clock shows.
func (r *Reader) checkWindows(config *platform.Config, c *platform.POSCredential) error {
	if c.Expired(r.now()) {
		return wire.NewError(wire.CodeReaderNotAvailableOffline, "the credential has expired")
	}
	age := r.now().UnixMilli() - c.IssuedAtMs
	if window := config.Offline.ConfigMaxAgeMs; window > 0 && age > window {
		return wire.NewError(wire.CodeReaderNotAvailableOffline, "this POS's last online connect is longer ago than the configuration allows")
	}
	if window := config.Offline.SessionMaxAgeMs; window > 0 && age > window {
		return wire.NewError(wire.CodeSessionExpired, "the session that began with this POS's last online connect is over")
	}
	if limit := config.SoftwareNotAfterMs; limit > 0 && r.now().UnixMilli() > limit {
		return wire.NewError(wire.CodeUnsupportedReaderVersion, "")
	}
	return nil
}

// checkPlace decides whether an offline connect comes from where the POS was
// connected online: the same network, and this very reader where the
// configuration wants that.
func (r *Reader) checkPlace(config *platform.Config, c *platform.POSCredential) error {
	if now := r.network(); !config.Offline.AnyNetwork && c.Network != "" && now != "" && now != c.Network {
		return wire.NewError(wire.CodeReaderNotAvailableOffline, "the reader is in another network than when this POS was connected online").
			WithRemedy("bring the reader back into that network, or connect once with internet in this one")
	}
	if !config.Offline.RequirePaired {
		return nil
	}
	if _, known := r.loadPaired()[c.POSID]; !known {
		return wire.NewError(wire.CodeMissingPrerequisite, "this POS was never connected to this reader online, which this Location requires")
	}
	return nil
}

func leafOf(c tls.Certificate) (*x509.Certificate, error) {
	if len(c.Certificate) == 0 {
		return nil, errors.New("reader: no certificate")
	}
	return x509.ParseCertificate(c.Certificate[0])
}
