package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"net/http"
	"regexp"
	"slices"
	"time"

	"smartreader/firmware/platform"
)

// registrationCodes are reusable, as those of simulated readers are.
var registrationCodes = map[string]string{
	"simulated-wpe":  "simulated_wisepos_e",
	"simulated-s700": "simulated_stripe_s700",
	"simulated-s710": "simulated_stripe_s710",
}

// serialForm keeps serial numbers usable as the host name of a reader.
var serialForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// activate gives a reader its identity. Activating a serial number again, for
// example because the answer was lost, keeps the reader id and makes the new
// key the only valid one.
func (s *Sandbox) activate(q platform.ActivateRequest) (any, error) {
	deviceType, ok := registrationCodes[q.RegistrationCode]
	if !ok {
		return nil, refused(http.StatusBadRequest, platform.CodeRegistrationCode, "no such registration code; the sandbox knows simulated-wpe, simulated-s700 and simulated-s710")
	}
	if !serialForm.MatchString(q.Serial) {
		return nil, invalid("serial: letters, digits and inner hyphens, at most 63")
	}
	csr, err := x509.ParseCertificateRequest(q.CSR)
	if err != nil || csr.CheckSignature() != nil {
		return nil, invalid("csr: not a PKCS #10 request signed by its key")
	}
	if pub, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return nil, invalid("csr: the key is not ECDSA P-256")
	}
	signingKey, err := x509.MarshalPKIXPublicKey(s.keys.signing.Public())
	if err != nil {
		return nil, err
	}
	answer := platform.ActivateResponse{CA: s.keys.ca.Raw, SigningKey: signingKey}
	err = s.update(func(t *tx) error {
		rd, known := t.readerBySerial(q.Serial)
		if !known {
			rd.ID, rd.Serial, rd.CreatedAtMs = newID("tmr_"), q.Serial, t.atMs
			rd.LocationID = t.locations.all()[0].ID
		}
		rd.DeviceType, rd.Label, rd.UpdatedAtMs = deviceType, q.Label, t.stamp()
		if rd.Label == "" {
			rd.Label = q.Serial
		}
		der, err := s.keys.issueReader(rd.ID, rd.Serial, csr.PublicKey, time.UnixMilli(t.atMs))
		if err != nil {
			return err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		rd.KeyHash = keyHash(cert)
		rd.addKey(cert.RawSubjectPublicKeyInfo)
		t.put(rd)
		l, _ := t.locations.get(rd.LocationID)
		answer.Reader, answer.Location, answer.Certificate = rd.Reader, l.Location, der
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.log.Info("reader activated", "reader", answer.Reader.ID, "serial", q.Serial)
	return answer, nil
}

// heartbeat notes what the reader tells about itself.
func (s *Sandbox) heartbeat(c caller, q platform.HeartbeatRequest) (any, error) {
	var answer platform.HeartbeatResponse
	err := s.update(func(t *tx) error {
		rd, _ := t.readers.get(c.reader.ID)
		known := len(rd.Keys)
		if spki, err := x509.MarshalPKIXPublicKey(c.key); err == nil {
			rd.addKey(spki) // of a reader activated before keys were kept
		}
		if q.Sequence > rd.Sequence || q.SoftwareVersion != rd.Software || len(rd.Keys) > known {
			rd.Sequence, rd.Software = max(q.Sequence, rd.Sequence), q.SoftwareVersion
			t.put(rd)
		}
		rd = s.sawCurrent(t, rd)
		payload, err := s.bundle(t.state, rd)
		if err != nil {
			return err
		}
		answer = platform.HeartbeatResponse{NowMs: t.atMs, ConfigETag: etag(payload)}
		return nil
	})
	return answer, err
}

// addKey makes it the reader's last key.
func (r *reader) addKey(spki []byte) {
	if n := len(r.Keys); n == 0 || !bytes.Equal(r.Keys[n-1], spki) {
		r.Keys = append(slices.Clip(r.Keys), spki)
	}
}

// saw notes that a reader is there.
func (s *Sandbox) saw(readerID string) {
	now := s.now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastSeen[readerID] = now
}
