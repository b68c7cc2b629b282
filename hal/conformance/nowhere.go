//go:build linux

package main

import (
	"context"
	"crypto"
)

// nowhere is a key store that could not be opened.
type nowhere struct{ err error }

func (n nowhere) Key(context.Context, string) (crypto.Signer, error)    { return nil, n.err }
func (n nowhere) Create(context.Context, string) (crypto.Signer, error) { return nil, n.err }
func (n nowhere) Erase(context.Context) error                           { return n.err }
