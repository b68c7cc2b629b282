// Package ccid drives the contact slot of a USB chip card reader: any reader of
// the USB smart card class (CCID) that exchanges TPDUs or APDUs, which is
// nearly every one sold.
//
// The [Reader] opens the USB device when it is first needed, and again after it
// was unplugged; meanwhile its calls return hal.ErrNotFound with a text that
// says what to do. It starts no goroutines of its own.
//
// What the reader does itself and what is left to the host differs by model and
// stands in its class descriptor: exchange level, voltage, parameters, PPS,
// IFSD. The driver follows the descriptor. Protocol work that is left to the
// host is in package iso7816.
//
// # Time
//
// A reader that needs longer asks for time extension, and the driver waits on.
// A call whose context ends leaves the answer a quarter of a second to come,
// then aborts the command (control and bulk Abort); a reader that does not
// understand this either is reset over USB before it is used again. So a
// cancelled call ends within a second and the next one finds a usable reader.
//
// # Not supported
//
// Readers with character level exchange, and smart cards with a USB plug of the
// ICCD variants A and B (control transfers): hal.ErrUnsupported. A reader with
// several slots is used with one of them.
//
// # Specifications
//
//   - "Specification for Integrated Circuit(s) Cards Interface Devices",
//     revision 1.1, USB Implementers Forum,
//     https://www.usb.org/document-library/smart-card-ccid-version-11: "Smart
//     Card Device Class", "CCID Command Pipe Bulk-OUT Messages", "CCID
//     Response Pipe Bulk-IN Messages", "Error Handling"
//   - "Specification for USB Integrated Circuit(s) Card Devices" (ICCD),
//     revision 1.0
//   - EMV Book 1, "Answer to Reset", "Transmission Protocols"
package ccid
