package emvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smartreader/emvkernel/apdu"
)

// ErrPulled is what Exchange returns from the command on at which a profile has its card pulled out, until
// Reset. What the terminal sees is a reader without a card.
var ErrPulled = errors.New("emvtest: the card was pulled out")

// conduct is how a card meets one command, whatever the command says. All of it is in profiles so that a
// test can have it without writing a card of its own.
type conduct struct {
	step   string
	way    string        // status, pull, delay
	status apdu.SW       // of status: the answer, without data; the command has no effect
	delay  time.Duration // of delay
}

const (
	wayStatus = "status"
	wayPull   = "pull"
	wayDelay  = "delay"
)

// Steps of a transaction as profiles name them: commands, with those apart that come twice for different
// reasons.
const (
	stepSelectPSE     = "select-pse"
	stepSelect        = "select"
	stepReadDirectory = "read-directory"
	stepReadRecord    = "read-record"
	stepSecondAC      = "second-generate-ac"
	stepScript        = "script"

	stepSelectPPSE = "select-ppse"
)

// Steps of a tap, in their order.
var tapSteps = []string{
	stepSelectPPSE, stepSelect, "gpo", "relay", stepReadRecord, "get-data", "put-data", "recover-ac", "generate-ac", "compute-checksum",
}

// insPutData is PUT DATA, which no terminal sends by contact but in scripts.
const insPutData = 0xDA

var stepOfCommand = map[byte]string{
	apdu.INSSelect:               stepSelect,
	apdu.INSReadRecord:           stepReadRecord,
	apdu.INSGetProcessingOptions: "gpo",
	apdu.INSInternalAuthenticate: "internal-authenticate",
	apdu.INSGenerateAC:           "generate-ac",
	apdu.INSExternalAuthenticate: "external-authenticate",
	apdu.INSGetData:              "get-data",
	apdu.INSGetChallenge:         "get-challenge",
	apdu.INSVerify:               "verify",

	apdu.INSExchangeRelayResistance: "relay",
	apdu.INSRecoverAC:               "recover-ac",
	insPutData:                      "put-data",
	apdu.INSComputeChecksum:         "compute-checksum",
}

// contactSteps in the order of a transaction.
var contactSteps = []string{
	stepSelectPSE, stepReadDirectory, stepSelect, "gpo", stepReadRecord, "internal-authenticate",
	"get-data", "get-challenge", "verify", "generate-ac", "external-authenticate", stepScript, stepSecondAC,
}

// steps are all that profiles can name.
var steps = append(slices.Clone(contactSteps), stepSelectPPSE, "relay", "put-data", "recover-ac", "compute-checksum")

// step names what a command is for; "" for one that profiles cannot name.
func (c *Card) step(cmd apdu.Command) string {
	if isScript(cmd) {
		return stepScript
	}
	step := stepOfCommand[cmd.INS]
	switch {
	case step == stepSelect && string(cmd.Data) == string(pseName):
		return stepSelectPSE
	case step == stepSelect && string(cmd.Data) == string(ppseName):
		return stepSelectPPSE
	case step == stepReadRecord && c.session.pse:
		return stepReadDirectory
	case cmd.INS == apdu.INSGenerateAC && c.session.generated > 0:
		return stepSecondAC
	}
	return step
}

// isScript: commands of an issuer are under secure messaging (ISO/IEC 7816-4, class byte).
func isScript(cmd apdu.Command) bool { return cmd.CLA&0x0C != 0 }

func (p *Profile) conduct(step, way string) (conduct, bool) {
	i := slices.IndexFunc(p.conducts, func(c conduct) bool { return c.step == step && c.way == way })
	if i < 0 {
		return conduct{}, false
	}
	return p.conducts[i], true
}

// hesitate takes the time a slow card takes, and fails when the card is pulled out meanwhile.
func (c *Card) hesitate(ctx context.Context, step string) error {
	c.mu.Lock()
	if _, ok := c.profile.conduct(step, wayPull); ok {
		c.pulled = true
	}
	pulled := c.pulled
	c.mu.Unlock()
	switch {
	case pulled && step == "":
		return ErrPulled
	case pulled:
		return fmt.Errorf("%w at %s", ErrPulled, step)
	}
	slow, ok := c.profile.conduct(step, wayDelay)
	if !ok {
		return nil
	}
	timer := time.NewTimer(slow.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxDelay is far beyond what any terminal waits for.
const maxDelay = 5 * time.Minute

// conductSetting reads lines such as "status gpo 6985"; value reads what stands behind the step.
func conductSetting(way, want string, value func(string, *conduct) bool, text func(conduct) string) setting {
	return setting{
		word: way, repeats: true,
		card: func(p *Profile, line string) error {
			step, rest, _ := strings.Cut(line, " ")
			c := conduct{step: step, way: way}
			if !slices.Contains(steps, step) {
				return fmt.Errorf("%s: there is no step %q; there are %s", way, step, strings.Join(steps, ", "))
			}
			if !value(strings.TrimSpace(rest), &c) {
				return fmt.Errorf("%s %q is not valid; write %s", way, line, want)
			}
			if _, twice := p.conduct(step, way); twice {
				return fmt.Errorf("%s %s stands twice; remove one", way, step)
			}
			p.conducts = append(p.conducts, c)
			return nil
		},
		cardLines: func(p *Profile) []string {
			var lines []string
			for _, c := range p.conducts {
				if c.way == way {
					lines = append(lines, strings.TrimSpace(c.step+" "+text(c)))
				}
			}
			return lines
		},
	}
}

var (
	statusSetting = conductSetting(wayStatus, "a step and a status word other than 61xx and 6Cxx: status gpo 6985",
		func(s string, c *conduct) bool {
			n, err := strconv.ParseUint(s, 16, 16)
			c.status = apdu.SW(n)
			sw1 := c.status.SW1()
			return err == nil && len(s) == 4 && (sw1>>4 == 6 || c.status == apdu.OK) && sw1 != 0x60 && sw1 != 0x61 && sw1 != 0x6C
		},
		func(c conduct) string { return fmt.Sprintf("%04X", uint16(c.status)) })
	pullSetting = conductSetting(wayPull, "a step alone: pull read-record",
		func(s string, _ *conduct) bool { return s == "" },
		func(conduct) string { return "" })
	delaySetting = conductSetting(wayDelay, "a step and a time of at most "+maxDelay.String()+": delay gpo 2s",
		func(s string, c *conduct) bool {
			d, err := time.ParseDuration(s)
			c.delay = d
			return err == nil && d > 0 && d <= maxDelay
		},
		func(c conduct) string { return c.delay.String() })
)

// sortConducts brings them into the order Text writes them in.
func (p *Profile) sortConducts() {
	order := []string{wayStatus, wayPull, wayDelay}
	slices.SortStableFunc(p.conducts, func(x, y conduct) int {
		return slices.Index(order, x.way) - slices.Index(order, y.way)
	})
}
