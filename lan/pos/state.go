package main

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"smartreader/lan/wire"
)

// Files in the state folder.
const (
	keyFile     = "pos.key"      // PEM, mode 0600
	stateFile   = "state.json"   // state
	eventFile   = "events.json"  // place: apart, because watch and pay write at the same time
	pendingFile = "pending.json" // pending: a payment whose outcome is not known
	caFile      = "ca.pem"

	stateLock = "state.lock" // held while identity and state are read and written
	payLock   = "pay.lock"   // held by pay from beginning to end
)

// state is what this POS remembers of its reader.
type state struct {
	POSID       string           `json:"posId"`
	Reader      string           `json:"reader"` // URL
	ReaderID    string           `json:"readerId,omitempty"`
	Backend     string           `json:"backend,omitempty"` // URL
	Credential  *wire.Credential `json:"credential,omitempty"`
	ExpiresAtMs int64            `json:"expiresAtMs,omitempty"`
	LastPayment string           `json:"lastPayment,omitempty"` // localId
}

// place is how far this POS has dealt with the reader's durable events.
type place struct {
	ReaderID string `json:"readerId"`
	LastSeq  uint64 `json:"lastSeq"`
}

// pending is a payment between "about to be sent" and "outcome known".
type pending struct {
	Create    wire.CreatePaymentIntentParams `json:"create"`
	Collect   wire.CollectOptions            `json:"collect,omitzero"`
	ProcessID string                         `json:"processId"` // requestId of processPaymentIntent
	LocalID   string                         `json:"localId,omitempty"`
	// ReaderID and POSID are whom it was sent to, and as whom; empty before.
	// Only that reader knows the outcome, and only to that POS id it gives the
	// same answer to the same request.
	ReaderID string `json:"readerId,omitempty"`
	POSID    string `json:"posId,omitempty"`
	// Settled: the last attempt is known to have charged nothing; -resume may
	// try again with the same payment, and a new payment may begin.
	Settled bool `json:"settled,omitempty"`
}

// sent: the reader may know of it.
func (p *pending) sent() bool { return p.ReaderID != "" || p.LocalID != "" }

// unknown: it may have been charged. Without a LocalID no card was asked for.
func (p *pending) unknown() bool { return p.LocalID != "" && !p.Settled }

// load reads one file of the state folder; it reports whether there is one.
func (a *app) load(name string, v any) (bool, error) {
	data, err := os.ReadFile(filepath.Join(a.state, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return false, fmt.Errorf("state %s: %w", filepath.Join(a.state, name), err)
	}
	return true, nil
}

func (a *app) save(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.write(name, append(data, '\n'))
}

// write replaces a file so that after a power cut either the old or the new one
// is there, whole.
func (a *app) write(name string, data []byte) error {
	if err := os.MkdirAll(a.state, 0o700); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	f, err := os.CreateTemp(a.state, name+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(a.state, name))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("state: %w", err)
	}
	dir, err := os.Open(a.state)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer dir.Close()
	return dir.Sync()
}

func (a *app) remove(name string) error {
	err := os.Remove(filepath.Join(a.state, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// loadState reads the state, or begins one with a POS id of its own. Unless
// -backend was given it is the last one from now on. The caller holds stateLock.
func (a *app) loadState() (*state, error) {
	s := new(state)
	if _, err := a.load(stateFile, s); err != nil {
		return nil, err
	}
	if s.POSID == "" {
		id := make([]byte, 8)
		rand.Read(id)
		s.POSID = "pos_" + hex.EncodeToString(id)
		if err := a.save(stateFile, s); err != nil { // the next command must be the same POS
			return nil, err
		}
	}
	if a.reader != "" && a.reader != s.Reader {
		s.Reader, s.ReaderID = a.reader, ""
	}
	if s.Reader == "" {
		s.Reader = defaultReader
	}
	if a.backend == "" {
		a.backend = cmp.Or(s.Backend, defaultBackend)
	}
	if a.readerID != "" {
		s.ReaderID = a.readerID
	}
	return s, nil
}

// keep writes what this command has learned into the state as it is now:
// another command may have written it meanwhile.
func (a *app) keep(s *state, learned func(*state)) error {
	learned(s)
	unlock, err := a.lock(stateLock, true)
	if err != nil {
		return err
	}
	defer unlock()
	now := new(state)
	if _, err := a.load(stateFile, now); err != nil {
		return err
	}
	if now.POSID != s.POSID { // removed meanwhile: what is there belongs to another POS
		*now = *s
	}
	learned(now)
	return a.save(stateFile, now)
}

// loadKey reads this POS's key, or makes it. The caller holds stateLock.
func (a *app) loadKey() (*ecdsa.PrivateKey, error) {
	path := filepath.Join(a.state, keyFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a.makeKey()
	}
	if err != nil {
		return nil, fmt.Errorf("POS key: %w", err)
	}
	if block, _ := pem.Decode(data); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*ecdsa.PrivateKey); ok && key.Curve == elliptic.P256() {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("POS key %s is damaged; remove the state folder and connect again with internet", path)
}

func (a *app) makeKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, a.write(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
