// Package report runs the suites of package haltest on a whole board and says
// what came of every check: on a bench, in a virtual machine, or as the worker
// of an image on the reader itself. hal/conformance is its command; makers of
// other hardware call it from theirs.
//
// What only a hand can do it is asked for by one line each, "HAND: ...", and
// what only eyes and ears can judge is announced by "LOOK: ...". The lines do
// not change, so that a machine can be the hand.
package report
