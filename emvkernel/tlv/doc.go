// Package tlv encodes and decodes BER-TLV data objects and data object lists (DOL) as EMV uses
// them, and knows the names and formats of the EMV tags.
//
// Sources: EMV Book 3, "Rules for BER-TLV Data Objects" (Annex B), "Rules for Using a Data Object
// List (DOL)" (5.4) and "Data Elements Dictionary" (Annex A).
//
// The decoder is strict where EMV is strict: no indefinite lengths, no 'FF' filler, nothing that
// points past its input. It is lenient only where real cards are: a length may use more bytes than
// it needs, and '00' may stand between data objects of a template.
//
// All walks one level without allocating anything, Walk goes into templates, Parse makes a list.
//
// Everything here is a pure function on bytes; all of it is safe for concurrent use. Decoded
// elements share memory with the input.
package tlv
