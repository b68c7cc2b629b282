package filekeys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"smartreader/hal"
)

var (
	// ErrDamaged is returned by Key when a key file exists and cannot be
	// understood. It must not be replaced by a new key: restore it, or activate
	// the reader again on purpose.
	ErrDamaged = errors.New("filekeys: key file is damaged")
	// ErrExposed is returned by Key when others than the owner may read the
	// key file (mode is not 0600 or stricter).
	ErrExposed = errors.New("filekeys: key file is open to other users")
)

const (
	suffix       = ".pem"
	secretSuffix = ".secret"
	temporary    = "_new-"  // prefix of what is not yet, or no longer, under its name; no key name holds a "_"
	marker       = "erased" // the tamper response began
)

// Store is a hal.KeyStore and hal.SecretKeeper in one folder. It is safe for
// concurrent use; one process at a time uses the folder.
type Store struct {
	dir   string
	mu    sync.Mutex
	watch func(*os.File) // tests: called before each sync
}

var _ hal.KeyStore = (*Store)(nil)

// Open opens the folder, which it creates when needed. It removes what an
// interrupted Create or SetSecret left and finishes an interrupted Erase. It does
// not complain about an erased store: the calls that want a key do.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("filekeys: %w", err)
	}
	s := &Store{dir: dir}
	erased, err := s.erased()
	if err != nil {
		return nil, err
	}
	tidy := s.sweep
	if erased {
		tidy = s.shred
	}
	if err := tidy(); err != nil {
		return nil, fmt.Errorf("filekeys: %w", err)
	}
	return s, nil
}

// Key implements hal.KeyStore. Further errors: ErrDamaged, ErrExposed.
func (s *Store) Key(ctx context.Context, name string) (crypto.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx, name); err != nil {
		return nil, err
	}
	path := s.path(name)
	b, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("filekeys: key %q: %w", name, hal.ErrNoKey)
	}
	if err != nil {
		return nil, err
	}
	defer clear(b)
	key, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %v", ErrDamaged, path, err)
	}
	return &signer{key}, nil
}

// Create implements hal.KeyStore.
func (s *Store) Create(ctx context.Context, name string) (crypto.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx, name); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("filekeys: %w", err)
	}
	b, err := encode(key)
	if err != nil {
		return nil, fmt.Errorf("filekeys: %w", err)
	}
	defer clear(b)
	if err := s.publish(b, s.path(name)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("filekeys: key %q: %w", name, hal.ErrKeyExists)
		}
		return nil, fmt.Errorf("filekeys: create key %q: %w", name, err)
	}
	return &signer{key}, nil
}

// Erase implements hal.KeyStore.
func (s *Store) Erase(context.Context) error {
	// No look at the context: a tamper response is not called off.
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(filepath.Join(s.dir, marker), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(s.sync(f), f.Close(), s.syncDir())
	}
	// A full or broken disk must not save the keys: shred in any case.
	if err = errors.Join(err, s.shred()); err != nil {
		return fmt.Errorf("filekeys: erase: %w", err)
	}
	return nil
}

// ready checks what every use of a key needs.
func (s *Store) ready(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("filekeys: %w", err)
	}
	if !validName(name) {
		return fmt.Errorf("filekeys: key name %q: %w", name, hal.ErrUnsupported)
	}
	erased, err := s.erased()
	if err != nil {
		return err
	}
	if erased {
		return fmt.Errorf("filekeys: %w; after inspection delete %s", hal.ErrErased, filepath.Join(s.dir, marker))
	}
	return nil
}

func (s *Store) erased() (bool, error) {
	_, err := os.Stat(filepath.Join(s.dir, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("filekeys: %w", err)
	}
	return true, nil
}

func (s *Store) path(name string) string       { return filepath.Join(s.dir, name+suffix) }
func (s *Store) secretPath(name string) string { return filepath.Join(s.dir, name+secretSuffix) }

func validName(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return name != "" && len(name) <= 32 && strings.Trim(name, allowed) == ""
}
