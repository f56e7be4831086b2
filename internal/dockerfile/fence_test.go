package dockerfile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/dockerfile"
	"github.com/lugsail/lugsail/internal/firewall"
	"github.com/lugsail/lugsail/internal/testenv/turn"
	"github.com/lugsail/lugsail/platform"
)

// The world beyond this machine: addresses of the internet, of a cloud's own, and of a network inside.
const (
	ourAddress = "203.0.113.129"
	internet   = "203.0.113.130"
	linkLocal  = "169.254.77.77"
	inside     = "10.231.77.7"
)

func TestA34_A35_A36_StepsReachTheInternetAndNothingInside(t *testing.T) {
	turn.Steps(t)
	place := makeOutside(t)
	listenIn(t, place, "25", "80", "443")
	service := serveHere(t)
	owner, address := ownersContainer(t)
	away := []string{bridgeAddress(t) + service, ourAddress + service, address + ":5432", linkLocal + ":80", inside + ":80", internet + ":25"}
	open := tried(t, nil, append(away, internet+":443"), func() { listenIn(t, place, "1001") }, internet+":1001")
	contains(t, open, strings.Join(append(away, internet+":443"), " open\n  ")+" open") // so that what follows can fail

	rules := firewall.New(firewall.Config{Tag: "dftest", Apps: "lugdfa+", Builds: "lugdfb0"}, nil)
	t.Cleanup(func() {
		if err := firewall.Remove(context.Background(), rules.Config); err != nil {
			t.Error(err)
		}
	})
	held := tried(t, rules, append(away, internet+":443"), func() {
		until(t, "the fence is up", func() bool { return rules.Status().Rules > 0 })
		late, _ := ownersContainer(t)
		for _, one := range []string{owner, late} { // the owner's reach what they ever reached
			until(t, "the owner's container reaches all", func() bool {
				said := inContainer(t, one, strings.Join(away, ";dial "))
				return strings.Count(said, " open") == len(away)
			})
		}
		listenIn(t, place, "1002")
	}, internet+":1002")
	contains(t, held, strings.Join(away, " closed\n  ")+" closed", internet+":443 open")
	stranger, _ := ownersContainer(t)
	if said := inContainer(t, stranger, strings.Join(away, ";dial ")); strings.Contains(said, "closed") {
		t.Errorf("after the build the fence stays:\n%s", said)
	}
}

// tried builds with steps that try to reach those, and that end after meanwhile has opened a gate.
func tried(t *testing.T, fence *firewall.Firewall, aims []string, meanwhile func(), gate string) string {
	t.Helper()
	config := dockerfile.Config{DataDir: t.TempDir(), DockerHost: os.Getenv("LUGSAIL_TEST_DOCKER"), Instance: "dftest", RegistryPort: port}
	if fence != nil {
		config.Fence = fence
	}
	builder, err := dockerfile.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = builder.Close() }()
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN await " + gate + ";dial " + strings.Join(aims, ";dial ") + "\nCMD [\"probe\"]\n"})
	a.request.BuildID = platform.NewID()
	var log syncBuffer
	built := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, err := builder.Build(ctx, a.request, &log)
		built <- err
	}()
	meanwhile()
	if err := <-built; err != nil {
		t.Fatalf("%v:\n%s", err, log.String())
	}
	if err := builder.Forget(context.Background(), a.id); err != nil {
		t.Error(err)
	}
	return log.String()
}

// makeOutside lays a cable to a place of its own, which has addresses of all kinds.
func makeOutside(t *testing.T) (place string) {
	t.Helper()
	place = fmt.Sprintf("lugdf%d", os.Getpid())
	cable := fmt.Sprintf("ldf%d", os.Getpid())
	ip := func(line string) {
		t.Helper()
		if err := (command.Command{Name: "ip", Args: strings.Fields(line)}).Run(context.Background()); err != nil {
			t.Fatalf("ip %s: %v", line, err)
		}
	}
	ip("netns add " + place)
	t.Cleanup(func() { ip("netns delete " + place) })
	ip("link add " + cable + " type veth peer name eth0 netns " + place)
	t.Cleanup(func() { ip("link delete " + cable) }) // a namespace takes its own time to go
	ip("addr add " + ourAddress + "/30 dev " + cable)
	ip("link set " + cable + " up")
	ip("-n " + place + " addr add " + internet + "/30 dev eth0")
	ip("-n " + place + " link set eth0 up")
	ip("-n " + place + " link set lo up")
	ip("-n " + place + " route add default via " + ourAddress)
	for _, also := range []string{linkLocal, inside} {
		ip("-n " + place + " addr add " + also + "/32 dev lo")
		ip("route add " + also + "/32 via " + internet)
	}
	return place
}

// listenIn lets a program listen in the place, and returns when it does.
func listenIn(t *testing.T, place string, ports ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		args := append([]string{"netns", "exec", place, shared.static, "listen"}, ports...)
		_ = (command.Command{Name: "ip", Args: args}).Run(ctx) // ended by the test
	}()
	t.Cleanup(func() { cancel(); <-done })
	for _, port := range ports {
		until(t, "the outside listens on "+port, func() bool { return reaches(internet + ":" + port) })
	}
}

func reaches(address string) bool {
	c, err := net.Dial("tcp4", address)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// serveHere is a service of this machine's; it gives ":PORT".
func serveHere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	return fmt.Sprintf(":%d", l.Addr().(*net.TCPAddr).Port)
}

func bridgeAddress(t *testing.T) string {
	t.Helper()
	found, err := shared.engine.NetworkInspect(t.Context(), "bridge", client.NetworkInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Network.IPAM.Config[0].Gateway.String()
}

// ownersContainer is one that the machine's owner has started by hand: a database, say.
func ownersContainer(t *testing.T) (id, address string) {
	t.Helper()
	made, err := shared.engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: base, Cmd: []string{"probe", "listen", "5432"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := shared.engine.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	if _, err := shared.engine.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	found, err := shared.engine.ContainerInspect(t.Context(), made.ID, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	address = found.Container.NetworkSettings.Networks["bridge"].IPAddress.String()
	until(t, "the owner's container listens", func() bool { return reaches(address + ":5432") })
	return made.ID, address
}

// inContainer dials out of a container.
func inContainer(t *testing.T, id, aims string) string {
	t.Helper()
	made, err := shared.engine.ExecCreate(t.Context(), id, client.ExecCreateOptions{Cmd: []string{"/bin/sh", "-c", "dial " + aims}, AttachStdout: true, TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	attached, err := shared.engine.ExecAttach(t.Context(), made.ID, client.ExecAttachOptions{TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	defer attached.Close()
	var said bytes.Buffer
	if _, err := io.Copy(&said, attached.Reader); err != nil {
		t.Fatal(err)
	}
	return said.String()
}
