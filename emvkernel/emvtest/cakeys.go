package emvtest

import "smartreader/emvkernel/oda"

// CAKeys returns the public keys of the test certification authorities, one per payment system.
// They are the keys a production terminal must never have.
func CAKeys() []oda.CAKey {
	var keys []oda.CAKey
	for _, b := range brands {
		k := findKey(b.caSpec())
		key := oda.CAKey{
			RID: b.rid, Index: b.key(),
			Modulus: k.modulus(), Exponent: k.exponent(),
			Expiry: "2049-12", Test: true,
		}
		sum := key.Sum()
		key.Checksum = sum[:]
		keys = append(keys, key)
	}
	return keys
}

// Revoked lists the issuer certificates that are not good any more: of each payment system the one that
// cards with the fault issuer-certificate-revoked have.
func Revoked() []oda.Revocation {
	var out []oda.Revocation
	for _, b := range brands {
		out = append(out, oda.Revocation{RID: b.rid, Index: b.key(), Serial: revokedTerm.serial})
	}
	return out
}
