package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
)

const serveHelp = `
The protocol is lines of text, each ended by a line feed:

  client                    server
  RESET                     ATR 3B600000
  00A4040007A0000000031010  6F1A84...9000

RESET takes the card's power and gives it back; the answer to reset follows the word ATR. Every other line is
one command in hexadecimal, answered with data and status word in hexadecimal. A line that begins with "!"
says in words why there is no answer; the card then has to be reset. One connection at a time has the card;
it begins without power, so RESET comes first. Others wait until it is closed, which it is after five minutes
without a line; a ninth one is turned away. Lines have at most 4095 characters. The card keeps its counters
until the server ends. With -contactless RESET takes the card out of the field and back, and what follows ATR is its
answer to select.

The listener is open to whoever can reach it: listen on a loopback address unless others shall use the card.

Examples:

  emv serve -card visa
  emv serve -card mycard.card -listen 127.0.0.1:9000
  emv serve -card visa -contactless
  emv run -tcp 127.0.0.1:9000
`

// Limits of the protocol.
const (
	maxLine    = 4096 // bytes of a line, its end included
	maxClients = 8    // one has the card, the others wait
	maxIdle    = 5 * time.Minute
)

func (a *app) serve(ctx context.Context, c *command, args []string) error {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	name := set.String("card", "visa", "software card: a name of \"emv cards\", or a .card file")
	byTap := set.Bool("contactless", false, "be the card as it is by tap")
	listen := set.String("listen", "127.0.0.1:9000", "address to listen on; port 0 takes a free one")
	if err := a.parse(c, set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usage("%q is too much", set.Arg(0))
	}
	profile, err := loadProfile(*name)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return setup(fmt.Errorf("%w; choose another address with -listen", err))
	}
	fmt.Fprintf(a.stdout, "card %s on %s\n", *name, l.Addr())
	card := emvtest.NewCard(profile, nil)
	if *byTap {
		return serveCard(ctx, l, card.Contactless())
	}
	return serveCard(ctx, l, card)
}

// chip is a card as the server needs it.
type chip interface {
	ATR() []byte
	Reset()
	Exchange(ctx context.Context, command []byte) ([]byte, error)
}

// serveCard answers connections, one after the other having the card, until ctx ends.
func serveCard(ctx context.Context, l net.Listener, card chip) error {
	defer l.Close()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var turn sync.Mutex
	var clients sync.WaitGroup
	defer clients.Wait()
	places := make(chan struct{}, maxClients)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case places <- struct{}{}:
		default:
			fmt.Fprintln(conn, "! too many connections; the card has one at a time")
			conn.Close()
			continue
		}
		clients.Go(func() {
			defer func() { <-places }()
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			turn.Lock()
			defer turn.Unlock()
			converse(ctx, conn, card)
		})
	}
}

// converse answers one client.
func converse(ctx context.Context, conn net.Conn, card chip) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	powered := false
	wait := func() bool {
		conn.SetDeadline(time.Now().Add(maxIdle))
		return lines.Scan()
	}
	for wait() {
		line := strings.TrimSpace(lines.Text())
		answer := ""
		switch {
		case line == "":
			continue
		case line == "RESET":
			card.Reset()
			powered = true
			answer = fmt.Sprintf("ATR %X", card.ATR())
		case !powered:
			answer = "! the card has no power; send RESET"
		default:
			command, err := hex.DecodeString(line)
			if err != nil {
				answer = "! a command is hexadecimal digits in pairs"
				break
			}
			response, err := card.Exchange(ctx, command)
			if answer = fmt.Sprintf("%X", response); err != nil {
				answer, powered = "! "+strings.Join(strings.Fields(err.Error()), " "), false
			}
		}
		if _, err := fmt.Fprintln(conn, answer); err != nil {
			return
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		fmt.Fprintf(conn, "! a line has at most %d characters\n", maxLine-1)
	}
}

// errCardServer is returned for whatever a card server did not do.
var errCardServer = errors.New("card server")

// remote is a card behind a socket.
type remote struct {
	conn  net.Conn
	lines *bufio.Scanner
	atr   []byte
}

// dial connects to a card server and resets its card.
func dial(ctx context.Context, address string) (*remote, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; is it running (emv serve)?", errCardServer, err)
	}
	r := &remote{conn: conn, lines: bufio.NewScanner(conn)}
	r.lines.Buffer(nil, maxLine)
	if err := r.reset(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return r, nil
}

// tapped reports whether the card's answer is that of a card in a field: a chip's begins with one of two bytes. A
// reader with an antenna may make an answer up that does, too.
func (r *remote) tapped() bool { return len(r.atr) > 0 && r.atr[0] != 0x3B && r.atr[0] != 0x3F }

// reset takes the card's power and gives it back.
func (r *remote) reset(ctx context.Context) error {
	line, err := r.ask(ctx, "RESET")
	if err != nil {
		return err
	}
	text, found := strings.CutPrefix(line, "ATR ")
	if r.atr, err = hex.DecodeString(strings.ReplaceAll(text, " ", "")); !found || err != nil {
		return fmt.Errorf("%w: the answer to RESET is no line \"ATR 3B...\"", errCardServer)
	}
	return nil
}

// ask sends a line and returns the next.
func (r *remote) ask(ctx context.Context, line string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// The deadline that ends a pending read is of the past; a connection that saw one is not used again.
	defer context.AfterFunc(ctx, func() { r.conn.SetDeadline(time.Unix(1, 0)) })()
	_, err := fmt.Fprintln(r.conn, line)
	if err == nil && r.lines.Scan() {
		answer := strings.TrimSpace(r.lines.Text())
		if reason, failed := strings.CutPrefix(answer, "!"); failed {
			// Whoever wrote the server may have put anything there.
			return "", fmt.Errorf("%w: %s", errCardServer, transcript.NewRedactor().Text(reason))
		}
		return answer, nil
	}
	if err == nil {
		err = r.lines.Err()
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		err = errors.New("it closed the connection")
	}
	return "", fmt.Errorf("%w: %w", errCardServer, err)
}

func (r *remote) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	line, err := r.ask(ctx, fmt.Sprintf("%X", command))
	if err != nil {
		return nil, err
	}
	answer, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
	if err != nil {
		return nil, fmt.Errorf("%w: an answer that is not hexadecimal", errCardServer)
	}
	return answer, nil
}

func (r *remote) Close() error { return r.conn.Close() }
