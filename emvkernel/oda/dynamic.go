package oda

// recoverDynamic verifies signed dynamic application data and splits the ICC dynamic data behind the
// ICC dynamic number. signed is what the terminal contributed.
func recoverDynamic(what string, icc PublicKey, sdad, signed []byte, formats ...byte) (number, rest []byte, err error) {
	message, hash, err := icc.recoverMessage(what, sdad, formats...)
	if err != nil {
		return nil, nil, err
	}
	// format, hash algorithm, length of ICC dynamic data, ICC dynamic data, padding
	if len(message) < 3 {
		return nil, nil, fail(what, BadDynamicData)
	}
	if message[1] != algorithm01 {
		return nil, nil, fail(what, BadAlgorithm)
	}
	if !sumEqual(hash, message, signed) {
		return nil, nil, fail(what, HashMismatch)
	}
	length := int(message[2])
	if length > len(message)-3 {
		return nil, nil, fail(what, BadDynamicData)
	}
	dynamic := message[3 : 3+length]
	// The hash alone does not bind the structure: the ICC dynamic number must announce 2 to 8 bytes.
	if len(dynamic) < 1 {
		return nil, nil, fail(what, BadDynamicData)
	}
	n := int(dynamic[0])
	if n < 2 || n > 8 || len(dynamic) < 1+n {
		return nil, nil, fail(what, BadDynamicData)
	}
	return dynamic[1 : 1+n], dynamic[1+n:], nil
}

// VerifyDDA verifies the card's answer to INTERNAL AUTHENTICATE: sdad is '9F4B', ddolData what the
// command carried. It returns the ICC dynamic number, tag '9F4C' (EMV Book 2, 6.5.2).
func VerifyDDA(icc PublicKey, sdad, ddolData []byte) (number []byte, err error) {
	number, _, err = recoverDynamic("DDA signature", icc, sdad, ddolData, formatDynamic)
	return number, err
}

// VerifyFDDA verifies the fast dynamic signature of a Visa tap: sdad is '9F4B', signed what the signature
// covers besides itself. Cards and wallets sign in the format of DDA or in one of their own, '95'. It
// returns the ICC dynamic number, tag '9F4C' (EMV Contactless Book C-3, Annex C).
func VerifyFDDA(icc PublicKey, sdad, signed []byte) (number []byte, err error) {
	number, _, err = recoverDynamic("fDDA signature", icc, sdad, signed, formatDynamic, formatFast)
	return number, err
}

// CDA is what a combined signature proves.
type CDA struct {
	Number     []byte // ICC dynamic number, '9F4C'
	Cryptogram []byte // application cryptogram, '9F26', eight bytes: the answer itself does not carry it
	More       []byte // what follows the hash code: data of contactless kernels
}

// VerifyCDA verifies the combined signature in an answer to GENERATE AC (EMV Book 2, 6.6.2). un is
// the unpredictable number that command carried, cid the plain cryptogram information data of the
// answer, transaction the concatenation of PDOL data, CDOL1 data, for the second GENERATE AC also
// CDOL2 data, and every data object of the answer as sent but the signature itself.
func VerifyCDA(icc PublicKey, sdad, un []byte, cid byte, transaction []byte) (CDA, error) {
	const what = "CDA signature"
	number, rest, err := recoverDynamic(what, icc, sdad, un, formatDynamic)
	if err != nil {
		return CDA{}, err
	}
	// cryptogram information data(1), application cryptogram(8), transaction data hash code(20)
	if len(rest) < 1+8+hashSize {
		return CDA{}, fail(what, BadDynamicData)
	}
	if rest[0] != cid {
		return CDA{}, fail(what, CIDMismatch)
	}
	if !sumEqual(rest[9:9+hashSize], transaction) {
		return CDA{}, fail(what, TransactionHash)
	}
	return CDA{Number: number, Cryptogram: rest[1:9], More: rest[9+hashSize:]}, nil
}
