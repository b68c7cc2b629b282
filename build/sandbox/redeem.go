package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"smartreader/firmware/platform"
)

const (
	tokenLifeMs      = 5 * 60 * 1000 // a connection token works once, for five minutes
	credentialLifeMs = 30 * dayMs
)

// redeem uses up a connection token. The token is spent on disk before the
// credential leaves: a lost answer costs the POS a new token. A POS id belongs
// to the key it first came with, so that no till can take another one's name.
func (s *Sandbox) redeem(c caller, q platform.RedeemRequest) (any, error) {
	if q.POSID == "" || len(q.POSID) > 200 || len(q.Network) > 200 {
		return nil, invalid("posId or network: missing or too long")
	}
	if _, err := platform.ParseSigningKey(q.POSPublicKey); err != nil {
		return nil, invalid("posPublicKey: not SPKI of an ECDSA P-256 key")
	}
	sum := sha256.Sum256(q.POSPublicKey)
	bound := posKey{POSID: q.POSID, KeyHash: hex.EncodeToString(sum[:])}
	var credential platform.POSCredential
	err := s.update(func(t *tx) error {
		k, ok := t.tokens.get(q.ConnectionToken)
		switch {
		case !ok:
			return refused(http.StatusBadRequest, platform.CodeTokenInvalid, "no such connection token")
		case k.UsedAtMs != 0:
			return refused(http.StatusBadRequest, platform.CodeTokenInvalid, "the connection token was used before")
		case t.atMs >= k.CreatedAtMs+tokenLifeMs:
			return refused(http.StatusBadRequest, platform.CodeTokenInvalid, "the connection token has expired")
		case k.LocationID != "" && k.LocationID != c.reader.LocationID:
			return refused(http.StatusBadRequest, platform.CodeTokenLocation, "the connection token is for another location")
		}
		switch known, ok := t.posKeys.get(q.POSID); {
		case !ok:
			t.put(bound)
		case known != bound:
			return refused(http.StatusConflict, platform.CodePOSKey, "the POS id belongs to another key; a POS that lost its key takes a new id")
		}
		k.UsedAtMs = t.atMs
		t.put(k)
		credential = platform.POSCredential{
			AccountID:   t.account.ID,
			POSID:       q.POSID,
			PublicKey:   q.POSPublicKey,
			LocationID:  c.reader.LocationID,
			DeviceType:  c.reader.DeviceType,
			Network:     q.Network,
			IssuedAtMs:  t.atMs,
			ExpiresAtMs: t.atMs + credentialLifeMs,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(credential)
	if err != nil {
		return nil, err
	}
	signed, err := platform.Sign(platform.LabelCredential, s.keys.signing, payload)
	return platform.RedeemResponse{Credential: signed}, err
}
