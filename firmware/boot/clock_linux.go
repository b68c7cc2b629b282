package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/beevik/ntp"
	"golang.org/x/sys/unix"
)

const (
	rtcNode     = "/dev/rtc0"
	askPeriod   = time.Hour // the clock of a Raspberry Pi is off by 0.2 s by then
	savePeriod  = time.Hour
	askTimeout  = 5 * time.Second
	largestSlew = 500 * time.Millisecond
)

// startClock sets the clock to the latest time known without disk and network.
func (m *machine) startClock() error {
	times := []time.Time{time.Now()}
	if f, err := os.Open(rtcNode); err == nil {
		if t, err := unix.IoctlGetRTCTime(int(f.Fd())); err == nil {
			times = append(times, time.Date(int(t.Year)+1900, time.Month(t.Mon+1), int(t.Mday), int(t.Hour), int(t.Min), int(t.Sec), 0, time.UTC))
		}
		f.Close()
	}
	start := latest(m.opt.Released, times...)
	m.say("clock starts at %s", start.UTC().Format(time.RFC3339))
	return setClock(start)
}

// resumeClock sets the clock on to the time saved on the data partition.
func (m *machine) resumeClock() {
	b, err := os.ReadFile(m.clockFile)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var saved time.Time
	if err == nil {
		saved, err = parseTime(b)
	}
	if err == nil && !plausible(saved, m.opt.Released) && saved.After(m.opt.Released) {
		err = fmt.Errorf("%s is too late to be true", saved.UTC().Format(time.RFC3339))
	}
	if err != nil {
		m.fault("saved clock: %v", err)
		return
	}
	now := time.Now()
	if latest(now, saved) == now {
		return
	}
	if err := setClock(saved); err != nil {
		m.fault("clock: %v", err)
		return
	}
	m.say("clock resumes at %s, as saved", saved.UTC().Format(time.RFC3339))
}

// saveClock writes the time so that a power cut leaves the old or the new one.
func (m *machine) saveClock() error {
	if !m.dataSeen.Load() {
		return nil
	}
	return writeDurably(m.clockFile, formatTime(time.Now()))
}

func writeDurably(path string, content []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// keepTime asks the time servers every hour, sooner while none answers and none
// asks for patience.
func (m *machine) keepTime(ctx context.Context, servers []string) error {
	if len(servers) == 0 {
		m.say("no time servers: the clock runs by itself")
	}
	wait := time.Minute // until there is a network
	said, right := false, false
	for again := (backoff{}); ; {
		select {
		case <-m.online:
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := m.ask(servers); err != nil {
			wait = untilAsked(err, &again)
			if !said {
				m.say("no time from the network: %v; asking again and again", err)
			}
			said, right = true, false
			continue
		}
		if !right && len(servers) > 0 {
			m.say("clock is right by the network: %s", time.Now().UTC().Format(time.RFC3339))
		}
		again.reset()
		wait, said, right = askPeriod, false, true
		// A disk that is full is no reason to ask sooner.
		_ = m.guard("save the clock", m.saveClock)
	}
}

// untilAsked says when to ask again after an error. A server that sends a kiss
// of death wants to be left alone (RFC 5905 section "The Kiss-o'-Death Packet").
func untilAsked(err error, again *backoff) time.Duration {
	if errors.Is(err, ntp.ErrKissOfDeath) {
		return askPeriod
	}
	return again.next()
}

// keepSaving saves the clock every hour, for a start without network.
func (m *machine) keepSaving(ctx context.Context) error {
	for {
		if err := pause(ctx, savePeriod); err != nil {
			return err
		}
		if err := m.saveClock(); err != nil {
			return err
		}
	}
}

// ask sets the clock by the first server that answers, if there is any.
func (m *machine) ask(servers []string) error {
	var errs []error
	for _, server := range servers {
		r, err := ntp.QueryWithOptions(server, ntp.QueryOptions{Timeout: askTimeout})
		if err == nil {
			err = r.Validate()
		}
		if err == nil {
			err = m.adjust(server, r.ClockOffset)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, err))
	}
	return errors.Join(errs...)
}

// adjust moves the clock by offset. The time servers are not authenticated:
// whatever they say, the clock does not go below what is known for sure.
func (m *machine) adjust(server string, offset time.Duration) error {
	target := time.Now().Add(offset)
	floor := latest(m.opt.Released, time.Unix(m.floor.Load(), 0))
	if !plausible(target, floor) {
		return fmt.Errorf("says %s, which is before %s or long after it: not believed", target.UTC().Format(time.RFC3339), floor.UTC().Format(time.RFC3339))
	}
	if offset.Abs() < largestSlew {
		// Little by little: nobody sees the clock jump.
		_, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_OFFSET_SINGLESHOT, Offset: offset.Microseconds()})
		return err
	}
	if err := setClock(target); err != nil {
		return err
	}
	m.say("clock set to %s by %s, moved by %v", target.UTC().Format(time.RFC3339), server, offset.Round(time.Millisecond))
	return nil
}

// raiseFloor notes that it was t once.
func (m *machine) raiseFloor(t time.Time) {
	for {
		old := m.floor.Load()
		if t.Unix() <= old || m.floor.CompareAndSwap(old, t.Unix()) {
			return
		}
	}
}

// setClock sets the kernel's clock, and the one with a battery if there is one.
func setClock(t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	f, err := os.Open(rtcNode)
	if err != nil {
		return nil // most boards have none
	}
	defer f.Close()
	t = t.UTC()
	if err := unix.IoctlSetRTCTime(int(f.Fd()), &unix.RTCTime{
		Sec: int32(t.Second()), Min: int32(t.Minute()), Hour: int32(t.Hour()),
		Mday: int32(t.Day()), Mon: int32(t.Month()) - 1, Year: int32(t.Year()) - 1900,
	}); err != nil {
		return fmt.Errorf("set the battery's clock: %w", err)
	}
	return nil
}
