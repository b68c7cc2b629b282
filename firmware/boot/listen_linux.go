package boot

import (
	"context"
	"os"
	"strings"
	"time"
)

// watchListeners says what can be reached from the network, whenever that
// changes. It is a second look at what Landlock, which knows no UDP, allows.
func (m *machine) watchListeners(ctx context.Context) error {
	const period = 2 * time.Second
	said := ""
	for {
		all, err := sockets(os.DirFS("/"))
		if err != nil {
			return err
		}
		listens, strangers := judge(all, uint16(m.lanPort.Load()))
		now := strings.Join(strangers, ", ")
		if listens {
			now += " lan"
		}
		if now != said {
			said = now
			switch {
			case len(strangers) > 0:
				m.fault("listening where nothing should: %s", strings.Join(strangers, ", "))
			case listens:
				m.say("listening tcp %d only", m.lanPort.Load())
			default:
				m.say("listening nowhere")
			}
		}
		if err := pause(ctx, period); err != nil {
			return err
		}
	}
}
