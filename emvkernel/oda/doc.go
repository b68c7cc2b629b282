// Package oda is EMV offline data authentication with RSA: the certification authority keys, the
// recovery of issuer and ICC public keys from their certificates, which a list may revoke, and the
// verification of static (SDA), dynamic (DDA) and combined (CDA) signatures.
//
// Sources: EMV Book 2, "Static Data Authentication (SDA)" (5), "Offline Dynamic Data Authentication"
// (6, with CDA in 6.6) and Annex A2.1 (the signature scheme with message recovery). Only SHA-1 and RSA,
// the algorithms indicated by '01', are known; anything else is a failure.
//
// Every failure is a *Failure whose Reason can be asked for with errors.Is. A failure names what did
// not match, never the content. Certificates and signatures are public; nothing here needs wiping
// but the copy of the account number an ICC certificate carries, which is compared and dropped.
//
// Everything here is a pure function; all of it is safe for concurrent use.
package oda
