package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// The files of volumes lie in a directory of ours, which replicas get as it is: the engine knows of no volume that
// its prune could take. Nothing here removes files but RemoveVolume, which names what it removes.

// labelVolume begins the labels that tell which volumes a container has.
const labelVolume = "lugsail.volume."

// exclusive holds the starts of replicas that want a volume for themselves: whether somebody has it is looked at
// and answered in one move.
type exclusive struct{ mu sync.Mutex }

// hold is for the start of a replica with such mounts; release gives way to the next one.
func (x *exclusive) hold(mounts []platform.Mount) (release func()) {
	for _, m := range mounts {
		if !m.Shared {
			x.mu.Lock()
			return x.mu.Unlock
		}
	}
	return func() {}
}

// free refuses what another replica has for itself: two programs that each take the files for their own destroy them.
func (e *Engine) free(ctx context.Context, mounts []platform.Mount) error {
	for _, m := range mounts {
		if m.Shared {
			continue
		}
		args := e.replicas("")
		args.Add("label", labelVolume+m.VolumeID)
		users, err := e.listOf(ctx, args)
		if err != nil {
			return err
		}
		for _, c := range users {
			if c.State == container.StateRunning || c.State == container.StateRestarting || c.State == container.StatePaused {
				return platform.Errorf(platform.Conflict, "volume_in_use", "The volume %s is for one replica at a time, and one has it.", m.Name).
					WithHint("The next one starts when that has ended.").Because(fmt.Errorf("container %s runs with it", short(c.ID)))
			}
		}
	}
	return nil
}

// mountsOf makes what is missing of the volumes that a container of the image shall have.
func (e *Engine) mountsOf(ctx context.Context, image string, mounts []platform.Mount) ([]mount.Mount, error) {
	var made []mount.Mount
	for _, m := range mounts {
		dir := e.VolumeDirectory(m.VolumeID)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making the directory of the volume %s: %w", m.Name, err)
		}
		if err := e.prepare(ctx, image, m); err != nil {
			return nil, fmt.Errorf("preparing the volume %s: %w", m.Name, err)
		}
		made = append(made, mount.Mount{Type: mount.TypeBind, Source: dir, Target: m.Path})
	}
	return made, nil
}

// HoldVolume is for what must not happen while a volume is given to the user of its first container. A program in a
// container could lock the directory itself, so the lock is in this process, which alone does either.
func (e *Engine) HoldVolume(id string) (release func()) {
	held, _ := e.held.LoadOrStore(id, new(sync.Mutex))
	lock := held.(*sync.Mutex)
	lock.Lock()
	return lock.Unlock
}

// prepare fills a volume that nobody has used yet; one at a time, because replicas start together.
func (e *Engine) prepare(ctx context.Context, image string, m platform.Mount) error {
	defer e.HoldVolume(m.VolumeID)()
	fresh, err := untouched(e.VolumeDirectory(m.VolumeID))
	if err != nil || !fresh {
		return err
	}
	return e.fill(ctx, image, m)
}

// fill gives a volume that nobody has used yet what the image has at its place, as people know it of Docker, and
// its user, who could not write otherwise. The engine copies by itself into a volume of its own, so our directory
// is one for a moment, in a container that is never started. A user that only the image knows by a name gets a
// directory that everybody may write; none but containers reach it.
func (e *Engine) fill(ctx context.Context, image string, m platform.Mount) (err error) {
	name, dir := e.helper("fill", m.VolumeID), e.VolumeDirectory(m.VolumeID)
	if err := e.emptied(ctx, name); err != nil { // what a crash has left
		return err
	}
	defer func() { err = errors.Join(err, e.emptied(ctx, name)) }()
	labels := map[string]string{labelInstance: e.instance}
	if err := do(ctx, e, e.limits.start, "making a volume", func(ctx context.Context) error {
		_, err := e.client.VolumeCreate(ctx, volume.CreateOptions{Name: name, Driver: "local", Labels: labels, DriverOpts: map[string]string{"type": "none", "o": "bind", "device": dir}})
		return err
	}); err != nil {
		return err
	}
	host := &container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: name, Target: m.Path}}}
	made, err := call(ctx, e, e.limits.start, "creating a container", func(ctx context.Context) (container.CreateResponse, error) {
		return e.client.ContainerCreate(ctx, &container.Config{Image: image, Cmd: []string{"none"}, Labels: labels}, host, nil, nil, name)
	})
	if err != nil {
		return err
	}
	info, err := e.inspect(ctx, made.ID)
	if err != nil {
		return err
	}
	if fresh, err := untouched(dir); err != nil || !fresh {
		return err
	}
	return giveTo(dir, info.Config.User)
}

// helper is the name of a container that is never started: to "fill" a volume, or to "look" into an image.
func (e *Engine) helper(what, id string) string {
	return "lugsail-" + e.instance + "-" + what + "-" + id
}

// Clean takes away what a crash has left of containers that are never started; they would keep their images.
func (e *Engine) Clean(ctx context.Context) error {
	list, err := e.listOf(ctx, e.ours(""))
	for _, c := range list {
		for _, name := range c.Names {
			name = strings.TrimPrefix(name, "/")
			switch {
			case strings.HasPrefix(name, e.helper("look", "")):
				e.discard(ctx, c.ID)
			case strings.HasPrefix(name, e.helper("fill", "")):
				err = errors.Join(err, e.emptied(ctx, name))
			}
		}
	}
	return err
}

// emptied takes away what fill has made.
func (e *Engine) emptied(ctx context.Context, name string) error {
	e.discard(ctx, name)
	ctx, cancel := afterwards(ctx, e.limits.stop)
	defer cancel()
	return do(ctx, e, e.limits.stop, "forgetting a volume", func(ctx context.Context) error {
		return ignoreMissing(e.client.VolumeRemove(ctx, name, true))
	})
}

// CheckMounts refuses a volume at a place where the image has a file: no container could start with it. An image
// that the engine does not have is not looked at.
func (e *Engine) CheckMounts(ctx context.Context, imageName string, mounts []platform.Mount) error {
	if len(mounts) == 0 {
		return nil
	}
	name := e.helper("look", platform.NewID())
	labels := map[string]string{labelInstance: e.instance}
	made, err := call(ctx, e, e.limits.start, "creating a container", func(ctx context.Context) (container.CreateResponse, error) {
		return e.client.ContainerCreate(ctx, &container.Config{Image: imageName, Cmd: []string{"none"}, Labels: labels}, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
	})
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer e.discard(ctx, made.ID)
	for _, m := range mounts {
		if err := e.checkMount(ctx, made.ID, m); err != nil {
			return err
		}
	}
	return nil
}

// checkMount looks at each part of the path, from the top on: a file on the way stands in it, too.
func (e *Engine) checkMount(ctx context.Context, id string, m platform.Mount) error {
	at := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(m.Path, "/"), "/") {
		at += "/" + part
		found, err := call(ctx, e, e.limits.quick, "looking into an image", func(ctx context.Context) (container.PathStat, error) {
			return e.client.ContainerStatPath(ctx, id, at)
		})
		switch {
		case isNotFound(err), err == nil && found.Mode&os.ModeSymlink != 0: // where a link leads, the start tells
			return nil
		case err != nil:
			return err
		case !found.Mode.IsDir():
			return platform.Errorf(platform.Conflict, "volume_path_is_file", "The image has a file at %s, so the volume %s cannot lie at %s.", at, m.Name, m.Path).
				WithHint("Give it another path: lugsail volumes set %s /data", m.Name)
		}
	}
	return nil
}

// untouched reports whether a directory is as the engine makes it: empty and root's. What people put into one that
// no container had yet changes nothing.
func untouched(dir string) (bool, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return false, err
	}
	entries, err := os.ReadDir(dir)
	_, notMarked := unix.Getxattr(dir, platform.FreshVolume, nil)
	return (len(entries) == 0 || notMarked == nil) && ownerOf(info) == 0, err
}

func ownerOf(info os.FileInfo) uint32 {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return stat.Uid
}

// giveTo gives a directory to a user, with all that is in it; itself last, so that one that was cut off is done again.
func giveTo(dir, user string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	give := giving(root, user)
	if err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		return give(name, entry.Type())
	}); err != nil {
		return err
	}
	if err := give(".", fs.ModeDir); err != nil {
		return err
	}
	err = unix.Removexattr(dir, platform.FreshVolume)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

// giving makes things in a directory a user's.
func giving(root *os.Root, user string) func(name string, kind fs.FileMode) error {
	if user == "" || user == "0" || user == "root" || strings.HasPrefix(user, "0:") || strings.HasPrefix(user, "root:") {
		return func(string, fs.FileMode) error { return nil }
	}
	owner, group, _ := strings.Cut(user, ":")
	uid, unknown := strconv.Atoi(owner)
	gid, err := strconv.Atoi(group)
	if err != nil {
		gid = uid
	}
	return func(name string, kind fs.FileMode) error {
		switch {
		case unknown == nil:
			return root.Lchown(name, uid, gid)
		case kind == fs.ModeDir:
			return root.Chmod(name, 0o777)
		case kind == 0:
			return root.Chmod(name, 0o666)
		}
		return nil
	}
}

// VolumeDirectory is where the files of a volume lie. It is there from the first start of a replica with it on.
func (e *Engine) VolumeDirectory(id string) string { return filepath.Join(e.volumes, id) }

// RemoveVolume removes a volume with all that is in it. One that is gone already is fine; one that a container
// has answers Conflict, code volume_in_use.
func (e *Engine) RemoveVolume(ctx context.Context, id string) error {
	if !anID.MatchString(id) {
		return fmt.Errorf("removing a volume: %q is no id", id)
	}
	args := e.ours("")
	args.Add("label", labelVolume+id)
	users, err := e.listOf(ctx, args)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return platform.Errorf(platform.Conflict, "volume_in_use", "A replica still has the volume.").
			WithHint("Deploy or restart the app, so that none has it any more.").Because(fmt.Errorf("container %s has it", short(users[0].ID)))
	}
	if err := disk.Remove(e.VolumeDirectory(id)); err != nil {
		return fmt.Errorf("removing the files of a volume: %w", err)
	}
	return nil
}

// withVolumes adds to labels which volumes a container has.
func withVolumes(labels map[string]string, mounts []platform.Mount) map[string]string {
	for _, m := range mounts {
		labels[labelVolume+m.VolumeID] = m.Name
	}
	return labels
}
