// Package vscard is the far end of QEMU's emulated USB chip card reader: the
// slot and the hand that puts cards in.
//
// In QEMU a "usb-ccid" device is a USB CCID reader at TPDU level, and a
// "ccid-card-passthru" device carries what goes through its slot over a
// character device, in the VSCARD protocol of libcacard: QEMU, docs "CCID
// Device Documentation"; libcacard, "vscard_common.h". Byte order is big endian
// throughout. Each message is a header of three 32-bit words (type, reader,
// length of the data) and the data.
//
// What QEMU 7.2 does and we rely on:
//
//	us                      QEMU
//	Init                    Init
//	ReaderAdd               Error 0 (it means success)
//	ATR     card put in     Error 0; the guest sees a slot change
//	APDU    response TPDU   APDU    command TPDU
//	CardRemove              Error 0; the guest sees a slot change
//	ReaderRemove            Error 0; nothing is waited for any more
//
// An answer goes to the oldest command that waits for one; messages have no
// number. A reset by the guest makes QEMU forget what waits, and we are not
// told. So a command that comes before the last one is answered supersedes it.
//
// QEMU does not tell when the guest powers a card off and on. So every card
// speaks T=0 here, whatever its own answer to reset says: T=1 counts its blocks
// from the last reset. The chip itself is reset when it is put in, and keeps
// its session over a power cycle; no EMV transaction can notice, because each
// begins with a SELECT, which ends what was before.
package vscard
