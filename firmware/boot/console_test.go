package boot

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a console that takes one line per second.
type slow struct{ got strings.Builder }

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(strings.Count(string(p), "\n")) * time.Second)
	return s.got.Write(p)
}

func TestConsoleNeverBlocksTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &slow{}
		c := newConsole(out)
		r, w := io.Pipe()
		copied := make(chan struct{})
		go func() { c.copyLines(r); close(copied) }()
		began := time.Now()
		const lines = 5000
		for i := range lines {
			fmt.Fprintf(w, "line %d %s\n", i, strings.Repeat(".", 50))
		}
		w.Close()
		<-copied
		if took := time.Since(began); took > 0 {
			t.Errorf("the worker was held up for %v", took)
		}
		c.stop(lines * time.Second)
		text := out.got.String()
		kept := strings.Count(text, "line ")
		dropped := 0
		for _, told := range regexp.MustCompile(`boot: (\d+) lines dropped`).FindAllStringSubmatch(text, -1) {
			n, err := strconv.Atoi(told[1])
			if err != nil {
				t.Fatal(err)
			}
			dropped += n
		}
		if dropped == 0 || kept+dropped != lines {
			t.Errorf("%d lines kept, %d dropped, of %d", kept, dropped, lines)
		}
	})
}

func TestConsoleTakesWhatIsNoLine(t *testing.T) {
	var out strings.Builder
	c := newConsole(&out)
	c.copyLines(strings.NewReader(strings.Repeat("x", longestLine+10) + "\nlast"))
	c.stop(time.Minute)
	if want := strings.Repeat("x", longestLine) + "\nxxxxxxxxxx\nlast\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestConsoleThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConsole(&slow{})
		fmt.Fprint(c, strings.Repeat("x\n", 100))
		synctest.Wait()
		began := time.Now()
		c.stop(time.Second)
		if took := time.Since(began); took > time.Second {
			t.Errorf("stop took %v", took)
		}
		<-c.done
	})
}
