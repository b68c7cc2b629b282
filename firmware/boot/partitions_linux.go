package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	dataDir = "/data"
	bootDir = "/boot"

	workerID = 1000 // user and group
)

// prepare makes everything ready for a start of the worker. It can be called
// again: what is done already is left alone.
func (m *machine) prepare(ctx context.Context) error {
	m.stayWell(setupPatience)
	if err := m.awaitDisk(ctx); err != nil {
		return err
	}
	if err := m.mountBoot(); err != nil {
		return fmt.Errorf("boot partition: %w", err)
	}
	settings, err := m.handOverSettings()
	if err != nil {
		return err
	}
	// A network that works does not wait for a data partition that does not.
	m.useSettings(ctx, settings)
	if err := m.mountData(); err != nil {
		return fmt.Errorf("data partition: %w", err)
	}
	if err := own(os.DirFS("/"), "/dev", workerID); err != nil {
		m.fault("device nodes: %v", err)
	}
	return ownedDir(DataDir, 0o700)
}

// mountBoot mounts the partition with the settings. It is not for the worker:
// the next device finds the registration code on it.
func (m *machine) mountBoot() error {
	if m.bootSeen {
		return nil
	}
	name, err := m.disk.partition("/sys", 1)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bootDir, 0o700); err != nil {
		return err
	}
	const flags = unix.MS_RDONLY | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
	if err := unix.Mount("/dev/"+name, bootDir, "vfat", flags, "umask=077"); err != nil {
		return fmt.Errorf("mount %s: %w", name, err)
	}
	m.bootSeen = true
	return nil
}

// handOverSettings copies the settings to where the worker can read them, and
// returns our own part of them.
func (m *machine) handOverSettings() (Settings, error) {
	config, err := os.ReadFile(filepath.Join(bootDir, "reader.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, errors.New("boot partition: there is no reader.json: put one there (firmware -sample prints one to start from)")
	}
	if err != nil {
		return Settings{}, err
	}
	if err := os.MkdirAll(SettingsDir, 0o755); err != nil {
		return Settings{}, err
	}
	if err := readableFile(filepath.Join(SettingsDir, "reader.json"), config); err != nil {
		return Settings{}, err
	}
	ca, err := os.ReadFile(filepath.Join(bootDir, "platform-ca.pem"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.fault("boot partition: there is no platform-ca.pem: the platform cannot be recognised without it")
	case err != nil:
		return Settings{}, err
	default:
		if err := readableFile(filepath.Join(SettingsDir, "platform-ca.pem"), ca); err != nil {
			return Settings{}, err
		}
	}
	settings, err := m.opt.Parse(config)
	if err != nil {
		m.fault("reader.json: %v", err)
	}
	return settings, nil
}

// useSettings starts at the first time what depends on the settings.
func (m *machine) useSettings(ctx context.Context, s Settings) {
	first := m.lanPort.Load() == 0
	port, err := s.port()
	if err != nil {
		m.fault("reader.json: %v", err)
		port = 4443
	}
	m.lanPort.Store(uint32(port))
	if !first {
		return
	}
	m.say("board %s", s.Board)
	m.task(ctx, "network", func(ctx context.Context) error { return m.keepNetwork(ctx, s.Network) })
	m.task(ctx, "clock", m.keepSaving)
	m.task(ctx, "time", func(ctx context.Context) error { return m.keepTime(ctx, s.TimeServers) })
}

// mountData mounts the data partition, as large as the disk allows. It formats
// nothing: what is on it may be payments not yet forwarded.
func (m *machine) mountData() error {
	if m.dataSeen.Load() {
		return nil
	}
	const remedy = "it is not formatted here: mend it with e2fsck on another computer, or write the image anew, which loses what is stored"
	name, err := m.disk.partition("/sys", 4)
	if err != nil {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	node := "/dev/" + name
	if err := m.growPartition(name); err != nil {
		m.fault("data partition %s stays as large as it is: %v", name, err)
	}
	sb, err := readSuperblock(node)
	if err != nil {
		return fmt.Errorf("%s: %w; %s", name, err, remedy)
	}
	if sb.broken || sb.errors > 0 {
		m.fault("data partition %s is damaged (%d errors counted): it is used until the next error, then only read; mend it with e2fsck on another computer", name, sb.errors)
	}
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return err
	}
	m.stayWell(growPatience)
	const flags = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME
	if err := unix.Mount(node, dataDir, "ext4", flags, "errors=remount-ro"); err != nil {
		return fmt.Errorf("mount %s: %w; %s", name, err, remedy)
	}
	m.dataSeen.Store(true)
	if !sb.broken && sb.errors == 0 {
		if err := m.growData(name, sb); err != nil {
			m.fault("data partition %s stays at %d MiB: %v", name, sb.size()>>20, err)
		}
	}
	m.resumeClock()
	return nil
}

func (m *machine) growData(name string, before superblock) error {
	sectors, err := number(filepath.Join("/sys/class/block", name, "size"))
	if err != nil {
		return err
	}
	target := sectors * sectorSize / before.blockSize
	if target <= before.blocks {
		m.say("data partition %s, %d MiB", name, before.size()>>20)
		return nil
	}
	if err := growFileSystem(dataDir, target); err != nil {
		return err
	}
	after, err := readSuperblock("/dev/" + name)
	if err != nil {
		return err
	}
	if after.blocks == before.blocks { // too little for a further block group
		m.say("data partition %s, %d MiB", name, after.size()>>20)
		return nil
	}
	m.say("data partition %s grown to %d MiB", name, after.size()>>20)
	return nil
}

// ownedDir makes a folder that belongs to the worker.
func ownedDir(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return errors.Join(os.Chown(path, workerID, workerID), os.Chmod(path, mode))
}

// readableFile makes a file that the worker can read and not change.
func readableFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o440); err != nil {
		return err
	}
	return os.Chown(path, 0, workerID)
}
