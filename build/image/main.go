// Command image makes the disk image of a card reader: kernel, the reader's
// program, and an empty data partition.
//
//	go run ./build/image -board pi -o reader.img
//	go run ./build/image -list
//
// It needs Go and nothing else: no root, no mounts, no tools of the system. The
// same source and the same release of Go make the same bytes. SOURCE_DATE_EPOCH,
// a time in Unix seconds, is the time of the files in the image, if it is set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"smartreader/build/pack"
)

const usage = `Usage:
  image -board NAME -o FILE [flags]     make a disk image
  image -list                           the boards there are

The image has everything but the owner's settings, unless -config and -ca are
given: those can be put on it later, with any computer.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var bad usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &bad):
		fmt.Fprintf(os.Stderr, "image: %v\nRun with -help for the ways to use it.\n", err)
		os.Exit(2)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "image: interrupted; no image was made")
		os.Exit(1)
	default:
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

type usageError struct{ error }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	set := flag.NewFlagSet("image", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(set.Output(), usage)
		set.PrintDefaults()
	}
	o.register(set)
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if set.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", set.Arg(0))}
	}
	if o.list {
		return list(stdout)
	}
	job, err := o.job()
	if err != nil {
		return err
	}
	start := time.Now()
	job.Progress = func(step string) {
		fmt.Fprintf(stdout, "%6.1fs  %s\n", time.Since(start).Seconds(), step)
	}
	result, err := pack.Build(ctx, job)
	if err != nil {
		return err
	}
	job.Progress("done")
	report(stdout, job, result)
	return nil
}

func list(out io.Writer) error {
	for _, b := range pack.Boards() {
		if _, err := fmt.Fprintf(out, "%-8s %s\n", b.Name, b.About); err != nil {
			return err
		}
	}
	return nil
}

// options are the flags.
type options struct {
	board, out, config, ca, main, worker, cmdline, size string
	list                                                bool
}

func (o *options) register(f *flag.FlagSet) {
	f.StringVar(&o.board, "board", "", "hardware the image is for, by `name`; see -list")
	f.StringVar(&o.out, "o", "", "`file` of the image; one that is there is replaced")
	f.StringVar(&o.config, "config", "", "reader.json of the reader: a `file`; without it a sample, to be edited later")
	f.StringVar(&o.ca, "ca", "", "PEM `file` with the root certificates of the payments platform")
	f.StringVar(&o.main, "main", "smartreader/firmware", "Go `package` of the device's first program")
	f.StringVar(&o.worker, "worker", "", "Go `package` that the first program runs instead of itself as card reader")
	f.StringVar(&o.cmdline, "cmdline", "", "`words` to add to the kernel command line")
	f.StringVar(&o.size, "size", "512M", "`size` of the disk in bytes, or with M or G: a power of two; the reader grows into a larger card by itself")
	f.BoolVar(&o.list, "list", false, "list the boards and do nothing")
}

// job reads what the flags name.
func (o *options) job() (pack.Options, error) {
	job := pack.Options{Board: o.board, Out: o.out, Main: o.main, Worker: o.worker, Cmdline: o.cmdline}
	switch {
	case o.board == "":
		return job, usageError{errors.New("no board; -list has their names")}
	case o.out == "":
		return job, usageError{errors.New("no file for the image; give one with -o")}
	}
	var err error
	if job.Size, err = parseSize(o.size); err != nil {
		return job, usageError{err}
	}
	if job.Time, err = sourceDate(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return job, err
	}
	if o.config != "" {
		if job.Config, err = readSmall(o.config); err != nil {
			return job, fmt.Errorf("-config: %w", err)
		}
	}
	if o.ca != "" {
		if job.PlatformCA, err = readSmall(o.ca); err != nil {
			return job, fmt.Errorf("-ca: %w", err)
		}
	}
	return job, nil
}

// parseSize reads "512M", "4G" or a number of bytes.
func parseSize(text string) (int64, error) {
	number, shift := text, 0
	switch {
	case strings.HasSuffix(text, "M"):
		number, shift = text[:len(text)-1], 20
	case strings.HasSuffix(text, "G"):
		number, shift = text[:len(text)-1], 30
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > 1<<62>>shift {
		return 0, fmt.Errorf("-size %q is no size; write it like 512M or 4G", text)
	}
	return n << shift, nil
}

// sourceDate reads SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/).
func sourceDate(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<32-1 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q, it must be a time in Unix seconds", text)
	}
	return time.Unix(n, 0), nil
}

// maxSettings is more than any settings have, in bytes.
const maxSettings = 1 << 20

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err == nil && len(data) > maxSettings {
		err = fmt.Errorf("%s is larger than 1 MiB; is it the right file?", name)
	}
	if err == nil && len(data) == 0 {
		err = fmt.Errorf("%s is empty", name)
	}
	return data, err
}

func report(out io.Writer, job pack.Options, r pack.Result) {
	mb := func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
	fmt.Fprintf(out, `
%s  %s
sha256    %s
takes     %s of %s
contains  kernel %s, initramfs %s with a program of %s
`, job.Board, r.Path, r.SHA256, mb(r.Stored), mb(r.Size), mb(r.Kernel), mb(r.Initramfs), mb(r.Init))
	if job.Board != "pi" {
		fmt.Fprintln(out, "\nIt runs in QEMU: go run ./build/qemu")
		return
	}
	fmt.Fprintf(out, `
Next: copy it to a card (this deletes what is on the card):
  Raspberry Pi Imager: "Use custom", then this file; no OS customisation
  or, with the card's device instead of /dev/sdX:
  sudo dd if=%s of=/dev/sdX bs=4M conv=fsync status=progress
`, r.Path)
	var missing []string
	if job.Config == nil {
		missing = append(missing, "reader.json: platformUrl and registrationCode")
	}
	if job.PlatformCA == nil {
		missing = append(missing, "platform-ca.pem: the platform's root certificates")
	}
	if len(missing) > 0 {
		fmt.Fprintf(out, "Then plug the card in again and put on its volume READER:\n  %s\n", strings.Join(missing, "\n  "))
	}
	fmt.Fprintln(out, "Then start the reader with it.")
}
