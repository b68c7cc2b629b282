package client

import (
	"context"
	"fmt"
	"io"
	"strings"

	"smartreader/lan/wire"
)

// Exported is what an export came to.
type Exported struct {
	Lines    int    `json:"lines"`
	Rescued  int    `json:"rescued"` // payments handed over
	NotYet   int    `json:"notYet"`  // payments being sent just then, so not handed over
	HeadSeq  uint64 `json:"headSeq"` // the ledger entry the export ends with
	HeadHash string `json:"headHash"`
}

// Export writes the reader's ledger to w, line by line. With rescue the payments
// that wait are handed over with it: the reader will not send them by itself any
// more, and another one can (RescuePayments). If it fails after it began, the
// payments may have been handed over: export again, with rescue too, before the
// reader is given away.
func (c *Conn) Export(ctx context.Context, rescue bool, w io.Writer) (Exported, error) {
	var all Exported
	p := wire.ExportLedgerParams{Rescue: rescue}
	for {
		page, err := do[wire.ExportLedgerResult](ctx, c, wire.MethodExportLedger, &p)
		if err != nil {
			return all, err
		}
		if p.After == "" {
			all.Rescued, all.NotYet = page.Rescued, page.NotYet
			all.HeadSeq, all.HeadHash = page.HeadSeq, page.HeadHash
		}
		for _, line := range page.Lines {
			if strings.ContainsAny(line, "\r\n") {
				return all, fmt.Errorf("%w: line %d of the export is more than one", ErrProtocol, all.Lines+1)
			}
			if _, err := io.WriteString(w, line+"\n"); err != nil {
				return all, fmt.Errorf("client: writing the export: %w", err)
			}
			all.Lines++
		}
		if page.Next == "" {
			return all, nil
		}
		if page.Next == p.After || len(page.Lines) == 0 {
			return all, fmt.Errorf("%w: the export does not come to an end", ErrProtocol)
		}
		p = wire.ExportLedgerParams{After: page.Next}
	}
}
