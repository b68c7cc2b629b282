package platform

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"smartreader/store/seal"
)

// NaturalKey names one cryptogram of one card on one reader, so that a payment
// can be found at the platform whatever was lost on the way. As text:
// "tmr_abc.12.0007.A1B2C3D4E5F60708".
type NaturalKey struct {
	ReaderID   string
	Sequence   uint64 // of the payment on this reader
	ATC        uint16 // 9F36
	Cryptogram [8]byte
}

func (k NaturalKey) String() string {
	return seal.NaturalKey(k.ReaderID, k.Sequence, k.ATC, k.Cryptogram[:])
}

// ParseNaturalKey reads the text form and no other spelling of it.
func ParseNaturalKey(s string) (NaturalKey, error) {
	errBad := errors.New("platform: not a natural key")
	var k NaturalKey
	parts := strings.Split(s, ".")
	if len(s) > 200 || len(parts) != 4 || !plain(parts[0]) || len(parts[3]) != 16 {
		return k, errBad
	}
	k.ReaderID = parts[0]
	sequence, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return k, errBad
	}
	k.Sequence = sequence
	atc, err := strconv.ParseUint(parts[2], 16, 16)
	if err != nil {
		return k, errBad
	}
	k.ATC = uint16(atc)
	if _, err := hex.Decode(k.Cryptogram[:], []byte(parts[3])); err != nil {
		return k, errBad
	}
	if k.String() != s {
		return k, errBad
	}
	return k, nil
}

// plain keeps natural keys safe as a path segment and in logs.
func plain(id string) bool {
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return id != ""
}
