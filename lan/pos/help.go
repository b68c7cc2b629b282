package main

import (
	"flag"
	"fmt"
	"strings"
)

func overview() string {
	var b strings.Builder
	b.WriteString(`pos is a POS on the command line, for a smartreader card reader on the LAN.

usage: pos COMMAND [arguments] [flags]

`)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-28s %s\n", strings.TrimSpace(c.name+" "+c.args), c.short)
	}
	b.WriteString(`  help [COMMAND]               this text, or a command's

Begin with "pos connect" while there is internet; after that the reader can be
used without it for 30 days. Every command takes -json.

Exit codes:
  0  done
  1  declined or refused: nothing was charged or changed
  2  wrong usage or setup
  3  the outcome is not known: ask again ("pos pay -resume", "pos retrieve")
"go run" makes 1 of all but 0; for scripts: go build -o out/pos ./lan/pos
`)
	return b.String()
}

func (c command) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: pos %s [flags]\n\n%s.\n", strings.TrimSpace(c.name+" "+c.args), c.short)
	if c.long != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.long))
	}
	shared := flag.NewFlagSet("", flag.ContinueOnError)
	new(common).register(shared)
	all, _ := c.flagSet(new(common))
	own, rest := new(strings.Builder), new(strings.Builder)
	all.VisitAll(func(f *flag.Flag) {
		if shared.Lookup(f.Name) == nil {
			describe(own, f)
		} else {
			describe(rest, f)
		}
	})
	if own.Len() > 0 {
		fmt.Fprintf(&b, "\nflags:\n%s", own)
	}
	fmt.Fprintf(&b, "\nflags of every command:\n%s", rest)
	return b.String()
}

func describe(b *strings.Builder, f *flag.Flag) {
	name, text := flag.UnquoteUsage(f)
	fmt.Fprintf(b, "  -%s\n      %s", strings.TrimSpace(f.Name+" "+name), strings.ReplaceAll(text, "\n", "\n      "))
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0s" {
		fmt.Fprintf(b, " (default %s)", f.DefValue)
	}
	b.WriteString("\n")
}
