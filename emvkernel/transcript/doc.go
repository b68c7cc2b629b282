// Package transcript records what passes between terminal and card in one EMV transaction, takes the
// cardholder out of it, and plays it back as a card.
//
// # Format
//
// A transcript is UTF-8 text. Empty lines and lines that begin with '#' say nothing. First come settings,
// one a line, a word and its value; which ones there are says Write. Then what happened, in its order:
//
//	RESET                       the card was reset
//	ATR 3B600000                its answer
//	> 00A4040007A0000000031010  a command
//	< 6F1A...9000               its answer, status word included
//	! TEXT                      there was no answer: the card was pulled, the time was over; without a command
//	                            before it, a PIN pad's command had none
//	CHOOSE 1                    the cardholder chose the second of several applications
//	CONFIRM yes                 the cardholder agreed to the only one, or "no"
//	PIN offline entered 9000    how a PIN entry ended: offline or online; entered, bypassed, canceled,
//	                            timed-out or broken; for an offline one that was entered what the card said;
//	                            no-challenge 6D00 instead: the card gave nothing to encipher the PIN with
//
// Hexadecimal may be in either case and have spaces. A PIN pad may send its commands past the Recorder; a
// recorded PIN needs none.
//
// # Redaction
//
// Redact is what makes a transcript fit to be shown. What it takes out, and how far it can be trusted, is
// said there. A Recorder keeps everything in memory until then, because the card number becomes known only
// in the middle of a transaction and may stand in what came before.
//
// # Replay
//
// Replay runs the kernel against a transcript. One in clear must be repeated to the byte. A redacted card
// cannot prove that it is genuine any more, so there the comparison leaves out what follows from that.
package transcript
