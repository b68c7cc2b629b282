// Command void is the smallest init there is: it says that it runs, and does
// nothing more. What the reader takes longer to boot than this is the reader's;
// the rest is the kernel's and the machine's.
package main

import (
	"math"
	"os"
	"time"
)

func main() {
	_, _ = os.Stdout.WriteString("void: ready\n") // nobody could be told
	time.Sleep(math.MaxInt64)
}
