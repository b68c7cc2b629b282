// Package decode says in words what the values of EMV mean: data objects, results, lists, commands,
// status words, answers to reset. It is for people who look at a card or a terminal; nothing is decided
// by it.
//
// Every decoder is a pure function on bytes and safe for concurrent use. Errors say what is wrong with the
// form and never repeat content. What is decoded, though, is shown in full, card numbers too: whoever shows
// it to others masks it before (package transcript has a Redactor).
//
// The tables are those of EMV Book 3, Annex A (dictionary) and C (coding of data elements), Book 4, Annex A
// (terminal data), and of the contactless specifications, Books A, B, C-2 and C-3; the source stands at each. A
// bit or value that is not in its table is called reserved.
package decode
