package emvtest

import "slices"

// Faults a profile can ask for, each one thing a forged, damaged or badly personalised card does.
const (
	faultIssuerSignature  = "issuer-certificate-signature"
	faultIssuerExpired    = "issuer-certificate-expired"
	faultICCSignature     = "icc-certificate-signature"
	faultICCExpired       = "icc-certificate-expired"
	faultPANInCertificate = "pan-in-certificate"
	faultPINSignature     = "pin-certificate-signature"
	faultPINExpired       = "pin-certificate-expired"
	faultPINKeyShort      = "pin-key-short"
	faultStaticData       = "static-data"
	faultStaticSignature  = "static-signature"
	faultSDADSignature    = "sdad-signature"
	faultDynamicNumber    = "dynamic-number-length"
	faultCDACID           = "cda-cid"
	faultCDAHash          = "cda-hash"
	faultCryptogram       = "cryptogram"
	faultHigherAC         = "higher-ac"
	faultShortResponse    = "short-response"
	faultTrack2           = "pan-in-track2"
	faultDuplicateTag     = "duplicate-tag"
	faultTrailingBytes    = "record-trailing-bytes"
)

// faults says what each one does; the text is shown when a profile names one that does not exist.
var faults = []struct{ name, effect string }{
	{faultIssuerSignature, "one bit of the issuer certificate ('90') is wrong"},
	{faultIssuerExpired, "the issuer certificate expired in December 2019"},
	{faultICCSignature, "one bit of the card's certificate ('9F46') is wrong"},
	{faultICCExpired, "the card's certificate expired in December 2019"},
	{faultPANInCertificate, "the card's certificate is that of another card number"},
	{faultPINSignature, "one bit of the certificate for enciphered PINs ('9F2D') is wrong; needs pin-key own"},
	{faultPINExpired, "the certificate for enciphered PINs expired in December 2019; needs pin-key own"},
	{faultPINKeyShort, "the certified key for enciphered PINs is too short to carry one; needs pin-key own"},
	{faultStaticData, "a signed record was changed after signing"},
	{faultStaticSignature, "one bit of the static signature ('93') is wrong"},
	{faultSDADSignature, "one bit of every dynamic signature ('9F4B') is wrong"},
	{faultDynamicNumber, "the signed ICC dynamic number claims nine bytes; EMV allows two to eight"},
	{faultCDACID, "the signed cryptogram information differs from the one sent"},
	{faultCDAHash, "the signed transaction data hash is that of other data"},
	{faultCryptogram, "the application cryptogram is wrong: only the issuer notices"},
	{faultHigherAC, "answers TC when asked for an ARQC"},
	{faultShortResponse, "the answer to GENERATE AC is four bytes short"},
	{faultTrack2, "the card number in track 2 ('57') differs from '5A'"},
	{faultDuplicateTag, "'5F24' occurs in two records"},
	{faultTrailingBytes, "a record has bytes after its template"},
}

func (a *application) has(fault string) bool { return slices.Contains(a.faults, fault) }

func faultNamed(name string) bool {
	for _, f := range faults {
		if f.name == name {
			return true
		}
	}
	return false
}

// spoil flips one bit in the middle.
func spoil(b []byte) { b[len(b)/2] ^= 0x01 }
