package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Script is commands at times: outages on demand, without a second program.
// Each line is how long after the start, then a command as on the command
// line; # begins a comment:
//
//	5s     net cut
//	15s    fault lose-next-answer
//	15.5s  net restore    # and forwarding begins
type Script []scriptLine

type scriptLine struct {
	where   string // file and line
	at      time.Duration
	command []string
}

// ReadScript reads a script. What is wrong with it is a UsageError that names
// the line.
func ReadScript(file string) (Script, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, UsageError{fmt.Errorf("read the script: %w", err)}
	}
	return parseScript(file, string(text))
}

func parseScript(file, text string) (script Script, err error) {
	last := time.Duration(0)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		l := scriptLine{where: fmt.Sprintf("%s:%d", file, number), command: words[1:]}
		if l.at, err = time.ParseDuration(words[0]); err != nil || l.at < 0 {
			return nil, Usagef("%s: a line begins with the time since the start, as in: 5s net cut", l.where)
		}
		if l.at < last {
			return nil, Usagef("%s: %v comes after %v; put the lines in order", l.where, l.at, last)
		}
		if _, err := (Client{}).Command(l.command, io.Discard); err != nil {
			return nil, Usagef("%s: %w", l.where, err)
		}
		last = l.at
		script = append(script, l)
	}
	return script, nil
}

// Play carries the script out, the times counted from now, and returns at its
// end or at the first command that fails.
func (s Script) Play(ctx context.Context, c Client, stdout io.Writer) error {
	start := time.Now()
	for _, l := range s {
		select {
		case <-time.After(time.Until(start.Add(l.at))):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := c.Run(ctx, l.command, stdout); err != nil {
			return fmt.Errorf("%s: %s: %w", l.where, strings.Join(l.command, " "), err)
		}
	}
	return nil
}
