package emvtest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"sync"
)

//go:generate go run ./keygen

// The primes of all keys, so that a card is ready at once: searching for them takes seconds.
//
//go:embed keys.json
var keysFile []byte

// keysNotice stands at the head of keys.json.
const keysNotice = "PUBLIC TEST KEYS, derived from a published seed: never in production. Written by go generate; do not edit."

// keySpec names one RSA key of the test PKI and says what it must look like.
type keySpec struct {
	name string // "ca/visa", "issuer/visa", "icc/4242424242424242.01", "pin/4242424242424242.01"
	keySize
}

func (b *brand) caSpec() keySpec     { return keySpec{"ca/" + b.keyHolder(), b.ca} }
func (b *brand) issuerSpec() keySpec { return keySpec{"issuer/" + b.keyHolder(), b.issuer} }

func (a *application) iccSpec() keySpec {
	return keySpec{fmt.Sprintf("icc/%s.%02X", string(a.pan), a.sequence), a.brand.icc}
}

// pinSpec names the card's key for enciphered PINs, when it has one of its own.
func (a *application) pinSpec() keySpec {
	return keySpec{fmt.Sprintf("pin/%s.%02X", string(a.pan), a.sequence), a.brand.icc}
}

// storedKey is one key in keys.json.
type storedKey struct {
	Name     string `json:"name"`
	Exponent int    `json:"exponent"`
	P        string `json:"p"` // hex
	Q        string `json:"q"`
}

type storedKeys struct {
	Notice string      `json:"notice"`
	Keys   []storedKey `json:"keys"`
}

// embeddedKeys returns the generated keys by name. A damaged file yields none of them: the cards
// still work, slowly, and the tests of this package say what is wrong.
var embeddedKeys = sync.OnceValue(func() map[string]*rsaKey {
	keys := map[string]*rsaKey{}
	var file storedKeys
	if json.Unmarshal(keysFile, &file) != nil {
		return keys
	}
	for _, s := range file.Keys {
		p, ok1 := new(big.Int).SetString(s.P, 16)
		q, ok2 := new(big.Int).SetString(s.Q, 16)
		if ok1 && ok2 {
			keys[s.Name] = newRSAKey(p, q, s.Exponent)
		}
	}
	return keys
})

var derivedKeys sync.Map // keySpec -> *rsaKey

// findKey returns the key of the PKI that spec names. A key that is not in the generated file, such as
// that of a card somebody invents at the desk, is derived on first use.
func findKey(spec keySpec) *rsaKey {
	if k := embeddedKeys()[spec.name]; k != nil && k.n.BitLen() == spec.bits && k.e == spec.exponent {
		return k
	}
	if k, ok := derivedKeys.Load(spec); ok {
		return k.(*rsaKey)
	}
	k, _ := derivedKeys.LoadOrStore(spec, deriveKey(spec))
	return k.(*rsaKey)
}

// neededKeys lists the keys of all brands and of all embedded profiles.
func neededKeys() ([]keySpec, error) {
	var specs []keySpec
	for _, b := range brands {
		if b.keys == "" {
			specs = append(specs, b.caSpec(), b.issuerSpec())
		}
	}
	for _, name := range Profiles() {
		p, err := Load(name)
		if err != nil {
			return nil, err
		}
		for _, a := range p.applications {
			if spec := a.iccSpec(); !slices.Contains(specs, spec) {
				specs = append(specs, spec)
			}
			if a.ownPINKey {
				specs = append(specs, a.pinSpec())
			}
		}
	}
	return specs, nil
}

// GenerateKeys derives all keys of the test PKI again, which takes some seconds, and returns the
// content of keys.json. It is for this package's generator.
func GenerateKeys() ([]byte, error) {
	specs, err := neededKeys()
	if err != nil {
		return nil, err
	}
	file := storedKeys{Notice: keysNotice}
	for _, spec := range specs {
		k := deriveKey(spec)
		file.Keys = append(file.Keys, storedKey{spec.name, k.e, k.p.Text(16), k.q.Text(16)})
	}
	out, err := json.MarshalIndent(file, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}
