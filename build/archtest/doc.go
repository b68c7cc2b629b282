// Package archtest holds the repository to its architecture: who may import
// whom, where packages may lie, what the production program may contain, and
// that every invariant, every row of the offline contract and every clause of the
// EMV index has its test. The rules are plain functions over a list of packages or
// a table, so each is tested on an invented one that breaks it; the tests
// Test...OfThisRepository run them on the real one.
//
// Import rules bind what is built into programs. Test files may import
// anything but a main: a test of the reader may use the simulated board, the
// software cards and the sandbox. Badger and periph's host drivers are the
// exception: they are bound in tests too.
package archtest
