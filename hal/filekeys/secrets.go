package filekeys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"smartreader/hal"
)

var _ hal.SecretKeeper = (*Store)(nil)

// Secret implements hal.SecretKeeper. Further errors: ErrDamaged for an empty
// file, ErrExposed.
func (s *Store) Secret(ctx context.Context, name string) (hal.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx, name); err != nil {
		return hal.Secret{}, err
	}
	path := s.secretPath(name)
	b, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return hal.Secret{}, fmt.Errorf("filekeys: secret %q: %w", name, hal.ErrNoKey)
	}
	if err != nil {
		return hal.Secret{}, err
	}
	if len(b) == 0 {
		return hal.Secret{}, fmt.Errorf("%w: %s: it is empty", ErrDamaged, path)
	}
	return hal.NewSecret(b), nil
}

// SetSecret implements hal.SecretKeeper.
func (s *Store) SetSecret(ctx context.Context, name string, secret hal.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx, name); err != nil {
		return err
	}
	var err error
	if secret.Empty() {
		err = s.remove(s.secretPath(name))
	} else {
		err = s.replace(secret.Bytes(), s.secretPath(name))
	}
	if err != nil {
		return fmt.Errorf("filekeys: set secret %q: %w", name, err)
	}
	return nil
}
