// Package display turns what the reader wants to say to the cardholder into a
// picture. It is pure: the same View and size give the same pixels, nothing is
// read from files (fonts are embedded), nothing is started or kept.
//
// The screens follow a few rules. A state is told by a shape and by words,
// never by colour alone. Text is as large as the place allows and is shrunk,
// then wrapped, and only then shortened; an amount is never shortened. Ink on
// paper has a contrast of at least 7:1. The cardholder is never told why an
// issuer declined, that the shop is offline, or that a bank approved when none
// was asked (see [View]).
package display
