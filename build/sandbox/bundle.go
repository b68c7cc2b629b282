package sandbox

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"smartreader/emvkernel"
	"smartreader/firmware/platform"
)

// bundle builds a reader's configuration. It is a pure function of the state,
// so its ETag changes only with its content.
func (s *Sandbox) bundle(st *state, rd reader) ([]byte, error) {
	return s.build(st, rd, s.settingsOf(st, rd.LocationID))
}

// build is bundle with settings that may not be in force yet.
func (s *Sandbox) build(st *state, rd reader, set Settings) ([]byte, error) {
	l, _ := st.locations.get(rd.LocationID)
	issued := max(rd.UpdatedAtMs, l.UpdatedAtMs)
	for _, c := range st.configurations.all() {
		issued = max(issued, c.UpdatedAtMs)
	}
	for _, o := range st.settings.all() {
		issued = max(issued, o.UpdatedAtMs)
	}
	revoked := []string{}
	for _, r := range st.revocations.all() {
		issued = max(issued, r.AtMs)
		revoked = append(revoked, r.POSID)
	}
	signingKey, err := x509.MarshalPKIXPublicKey(s.keys.signing.Public())
	if err != nil {
		return nil, err
	}
	c := platform.Config{
		Version:            platform.ConfigVersion,
		ReaderID:           rd.ID,
		AccountID:          st.account.ID,
		IssuedAtMs:         issued,
		Location:           set.place(l),
		Offline:            set.offline(l, st.offlineEnabled(l)),
		Link:               known(set.Link),
		SoftwareVersion:    known(set.SoftwareVersion),
		SoftwareNotAfterMs: set.softwareNotAfterMs(rd),
		RevokedPOS:         revoked,
		SigningKeys:        [][]byte{signingKey},
		Terminal:           terminalData(s.opts.Terminal.Terminal, set),
		Applications:       applications(s.opts.Terminal.Applications, l, set),
		Contactless:        contactless(s.opts.Terminal.Applications, l, set),
		CAKeys:             s.caKeys(),
		Revoked:            s.revoked(),
		SealKeys:           []platform.SealKey{{ID: s.keys.seal.ID(), Key: s.keys.seal.Public().Bytes()}},
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

func (s *Sandbox) caKeys() []platform.CAKey {
	out := []platform.CAKey{}
	for _, k := range s.opts.Terminal.CAKeys {
		out = append(out, platform.CAKey{
			RID:      upper(k.RID[:]),
			Index:    upper([]byte{k.Index}),
			Modulus:  upper(k.Modulus),
			Exponent: upper(k.Exponent),
			Expiry:   k.Expiry,
			Checksum: upper(k.Checksum),
			Mode:     "test",
		})
	}
	return out
}

func (s *Sandbox) revoked() []platform.Revocation {
	var out []platform.Revocation
	for _, r := range s.opts.Terminal.Revoked {
		out = append(out, platform.Revocation{RID: upper(r.RID[:]), Index: upper([]byte{r.Index}), Serial: upper(r.Serial[:])})
	}
	return out
}

func terminalData(t emvkernel.Terminal, set Settings) platform.Terminal {
	return platform.Terminal{
		SerialNumber:           t.SerialNumber,
		Type:                   upper([]byte{t.Type}),
		Capabilities:           upper(t.Capabilities[:]),
		AdditionalCapabilities: upper(t.AdditionalCapabilities[:]),
		Country:                int(t.Country),
		MCC:                    int(t.MCC),
		AcquirerID:             upper(t.AcquirerID),
		MerchantID:             t.MerchantID,
		MerchantName:           t.MerchantName,
		TerminalID:             t.TerminalID,
		Languages:              t.Languages,
		PIN:                    pinSettings(set),
	}
}

func applications(list []emvkernel.Application, l location, set Settings) []platform.Application {
	out := []platform.Application{}
	for _, a := range list {
		app := platform.Application{
			AID:             upper(a.AID),
			Brand:           a.Brand,
			PartialMatch:    a.PartialMatch,
			Version:         upper(a.Version[:]),
			TACDenial:       upper(a.TACDenial[:]),
			TACOnline:       upper(a.TACOnline[:]),
			TACDefault:      upper(a.TACDefault[:]),
			FloorLimit:      a.FloorLimit,
			RandomThreshold: a.RandomThreshold,
			RandomTarget:    int(a.RandomTarget),
			RandomMaximum:   int(a.RandomMaximum),
			DefaultDDOL:     upper(a.DefaultDDOL),
			DefaultTDOL:     upper(a.DefaultTDOL),
			OfflineApproval: a.OfflineApproval || known(set.OfflineApproval),
			PINBypass:       a.PINBypass || known(set.PINBypass),
			Country:         int(a.Country),
		}
		if a.Capabilities != nil {
			app.Capabilities = upper(a.Capabilities[:])
		}
		if a.AdditionalCapabilities != nil {
			app.AdditionalCapabilities = upper(a.AdditionalCapabilities[:])
		}
		if set.FloorLimit != nil {
			app.FloorLimit, app.FloorCurrency = *set.FloorLimit, l.Currency
		}
		out = append(out, app)
	}
	return out
}

func upper(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

func etag(payload []byte) string {
	sum := sha256.Sum256(payload)
	return fmt.Sprintf("%q", hex.EncodeToString(sum[:16]))
}

// config answers with the signed bundle, or 304 when the reader has it.
func (s *Sandbox) config(w http.ResponseWriter, r *http.Request, c caller) {
	// Only a reader that is there gets its time extended, and only once a day,
	// so that the bundle stays a function of the state.
	err := s.update(func(t *tx) error {
		rd, _ := t.readers.get(c.reader.ID)
		c.reader = s.sawCurrent(t, rd)
		return nil
	})
	if err != nil {
		s.refuse(w, err)
		return
	}
	var payload []byte
	s.view(func(st *state) { payload, err = s.bundle(st, c.reader) })
	if err != nil {
		s.refuse(w, err)
		return
	}
	tag := etag(payload)
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	signed, err := platform.Sign(platform.LabelConfig, s.keys.signing, payload)
	if err != nil {
		s.refuse(w, err)
		return
	}
	writeJSON(w, http.StatusOK, signed)
}
