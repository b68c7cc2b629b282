package oda

import (
	"crypto/sha256"
	"encoding/hex"
)

// Public reports whether everybody can sign with this key: its private half is published, so that anybody
// can make test cards. A live terminal must not have it. Only the modulus counts: another RID or index does
// not make such a key a secret again.
//
// It knows the keys of package emvtest. The payment systems publish the public halves of their own test
// keys only; those are told apart by CAKey.Test.
func (k CAKey) Public() bool {
	sum := sha256.Sum256(k.Modulus)
	return publicKeys[hex.EncodeToString(sum[:])]
}

// publicKeys are the SHA-256 checksums of moduli. A test compares them with emvtest.CAKeys.
var publicKeys = map[string]bool{
	"e287f69d092352d208fe2de67246f2f8f110905807f7634dbf4519d39b585e1e": true, // visa
	"e270f8d5a037b8da6e78892d4f3248c1dbc3a12bb1e3765657818e89e1dc4ea2": true, // mastercard
	"c82f1bc828c5d1cc42236f14ad375ac0dbcfb5451306bcbf073cdcd6ae32d4ef": true, // amex
	"ae0c504461ad6a52d174e07dd2540f47c73b38e45e81ce5b2bae2cc5fb5b39c3": true, // discover
	"0402b2dd178554ac6d1f737c2ba7ccac8b1361ae5f1510991f90d19c2c54f96c": true, // jcb
	"bad4cf2c3a14cd72e4e726ce2b69f08d0c7328acaca0ecf8c96f750330bccd14": true, // unionpay
	"2bc7ef36414521d95372bb36e2ae8daa91a819b19f14c70653503fae66ba9ba6": true, // diners
	"5f0ccd47c137c8f1eb778a5a868e3d1c10eb9d5ae65d1b53d6037ccc3654825d": true, // interac
	"ac14f2d827f7a80d92017f75d52d8a73305f4be4ef63f83474b1a2a9846efd2b": true, // eftpos_au
}
