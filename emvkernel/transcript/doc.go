// Package transcript records what passes between terminal and card in one EMV transaction, of contact or by
// tap, takes the cardholder out of it, and plays it back as a card.
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
// A payment by tap says "contactless yes", has no RESET, and besides commands and answers:
//
//	TAP timed                   a card was activated in the field; "timed": its answers were measured
//	FIELD collision             none was: more than one, "unreadable", or "error" and why the antenna ended it
//	UN 01020304                 an unpredictable number was drawn
//	TOOK 5.3ms                  how long the answer above was on its way, as measured
//	UI 1502000000...            what was to be shown ('DF8116')
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
// Replay runs the kernel against a transcript, ReplayTap Entry Point with its kernels. One in clear must be
// repeated to the byte. A redacted card cannot prove that it is genuine any more, so there the comparison
// leaves out what follows from that.
package transcript
