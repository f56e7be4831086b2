package gitserver

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// node is one entry of a tree that is written byte by byte, past git's own checks.
type node struct{ mode, name, id string }

func (w *world) blob(dir, content string) string {
	return w.feed(dir, []byte(content), "hash-object", "-w", "--stdin")
}

func (w *world) tree(dir string, nodes ...node) string {
	w.t.Helper()
	var raw bytes.Buffer
	for _, n := range nodes {
		id, err := hex.DecodeString(n.id)
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&raw, "%s %s\x00%s", n.mode, n.name, id)
	}
	return w.feed(dir, raw.Bytes(), "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
}

// pushTree pushes one commit with that tree and gives the output and whether it succeeded.
func (w *world) pushTree(dir, tree string) (string, error) {
	w.t.Helper()
	commit := w.git(dir, "commit-tree", "-m", "Hostile", tree)
	return w.try(dir, "push", "--force", "lugsail", commit+":refs/heads/main")
}

func TestA17_A20_TreesThatWouldHarmACheckoutAreRefused(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		blob := w.blob(dir, "x")
		sub := w.tree(dir, node{"100644", "config", blob})
		cases := map[string][]node{
			"dot git":             {{"40000", ".git", sub}},
			"dot GIT":             {{"40000", ".GIT", sub}},
			"git tilde":           {{"40000", "git~1", sub}},
			"gitmodules link":     {{"120000", ".gitmodules", blob}},
			"dot dot":             {{"40000", "..", sub}},
			"slash in a name":     {{"100644", "a/b", blob}},
			"twice":               {{"100644", "a", blob}, {"100644", "a", blob}},
			"links out, absolute": {{"120000", "Procfile", w.blob(dir, "/etc/passwd")}},
			"links out, relative": {{"120000", "etc", w.blob(dir, "../../../../etc")}},
			"links out, by proc":  {{"120000", "package.json", w.blob(dir, "/proc/self/environ")}},
		}
		for name, nodes := range cases {
			out, err := w.pushTree(dir, w.tree(dir, nodes...))
			if err == nil || !strings.Contains(out, "rejected") {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			if strings.HasPrefix(name, "links out") {
				contains(t, out, "is a link that leads out of the tree.", "pre-receive hook declined")
			}
		}
		if n := w.deploy.count(); n != 0 {
			t.Errorf("%d deployments", n)
		}
		if n := w.objects("shop"); n != 0 {
			t.Errorf("%d objects kept", n)
		}
		if left := w.sources(); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
		w.wantSound("shop")
	})
}

func TestA20_LinksInsideTheTreeStayLinks(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		if err := os.Symlink("index.html", filepath.Join(dir, "start.html")); err != nil {
			t.Fatal(err)
		}
		w.git(dir, "add", ".")
		w.git(dir, "commit", "-q", "-m", "Link")
		w.push(dir, "main")
		if target, err := os.Readlink(filepath.Join(w.deploy.job(t, 0).src.Dir, "start.html")); err != nil || target != "index.html" {
			t.Errorf("%q, %v", target, err)
		}
	})
}

func TestA18_SubmodulesAreNamedAndNeverFetched(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.commit(dir, ".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ext::touch /tmp/owned\n", "Submodule")
		w.commit(dir, ".gitattributes", "*.psd filter=lfs\nsecret export-ignore\nindex.html export-subst\n", "Attributes")
		w.commit(dir, "secret", "kept", "Kept")
		w.commit(dir, "index.html", "$Format:%H$", "Substituted")
		w.git(dir, "update-index", "--add", "--cacheinfo", "160000,"+w.git(dir, "rev-parse", "HEAD")+",x")
		w.git(dir, "commit", "-q", "-m", "With the submodule")
		contains(t, w.push(dir, "main"), "Submodules are not fetched", "uses Git LFS")
		tree := w.deploy.job(t, 0).src.Dir
		if entries, err := os.ReadDir(filepath.Join(tree, "x")); err != nil || len(entries) != 0 {
			t.Errorf("the submodule holds %v, %v", entries, err)
		}
		for name, want := range map[string]string{"secret": "kept", "index.html": "$Format:%H$"} {
			if text, err := os.ReadFile(filepath.Join(tree, name)); err != nil || string(text) != want {
				t.Errorf("%s: %q, %v", name, text, err)
			}
		}
	})
}

// Whatever a submodule's address is, nobody goes there.
func TestA18_NoAddressOfASubmoduleIsVisited(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	var visits atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			_ = conn.Close()
		}
	}()
	eachDoor(t, func(t *testing.T, w *world) {
		canary := filepath.Join(w.dir, "canary")
		dir := w.checkout("shop")
		for _, url := range []string{
			"ext::sh -c touch% " + canary, "file:///etc", "http://" + listener.Addr().String() + "/latest/meta-data", "ssh://-oProxyCommand=touch " + canary,
			"--upload-pack=touch " + canary, "-u./x", "../../../../other.git",
		} {
			w.commit(dir, ".gitmodules", "[submodule \"x\"]\n\tpath = \"x\\r\"\n\turl = "+url+"\n", url)
			count := w.deploy.count()
			c := w.start(dir, "push", "--force", "lugsail", "main")
			wait(t, "a deployment or a refusal", func() bool { return w.deploy.count() > count || c.over() })
			if w.deploy.count() == count {
				contains(t, c.ended(1), "rejected") // fsck knows some of them
				w.git(dir, "reset", "-q", "--hard", "HEAD~1")
				continue
			}
			w.deploy.job(t, count).end(platform.DeploymentLive)
			contains(t, c.ended(0), "Submodules are not fetched")
		}
		if _, err := os.Stat(canary); err == nil {
			t.Error("a command ran")
		}
	})
	if n := visits.Load(); n != 0 {
		t.Errorf("somebody went there %d times", n)
	}
}

func TestA19_BombsStopAtTheLimits(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		entry, mode := w.blob(dir, "boom"), "100644"
		for range 10 {
			var nodes []node
			for i := range 10 {
				nodes = append(nodes, node{mode, string(rune('a' + i)), entry})
			}
			entry, mode = w.tree(dir, nodes...), "40000"
		}
		out, err := w.pushTree(dir, entry) // 10,000,000,000 files
		if err == nil {
			t.Error("ten thousand million files are accepted")
		}
		contains(t, out, "more than 5,000 files and directories", "pre-receive hook declined")

		zeros := w.feed(dir, make([]byte, 100<<20), "hash-object", "-w", "--stdin")
		out, err = w.pushTree(dir, w.tree(dir, node{"100644", "zeros", zeros}))
		if err == nil {
			t.Error("100 MiB are accepted")
		}
		contains(t, out, "larger than the limit of 64 MB", "pre-receive hook declined")

		deep := w.tree(dir, node{"100644", "f", w.blob(dir, "x")})
		for range 120 {
			deep = w.tree(dir, node{"40000", "d", deep})
		}
		out, err = w.pushTree(dir, deep)
		if err == nil {
			t.Error("120 directories deep is accepted")
		}
		contains(t, out, "deeper than 100 directories")
		if n := w.objects("shop"); n != 0 {
			t.Errorf("%d objects kept", n)
		}
		if left := w.sources(); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}, func(c *Config) { c.Limits = source.Limits{Bytes: 64 << 20, Files: 5000} })
}

func TestA19_PackOverTheLimitIsRefused(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.commit(dir, "noise", string(noise(8<<20)), "Noise")
		out, err := w.try(dir, "push", "lugsail", "main")
		if err == nil {
			t.Error("accepted")
		}
		contains(t, out, "pack exceeds maximum allowed size")
		w.wantSound("shop")
	}, func(c *Config) { c.MaxPack = 1 << 20 })
}

func TestF21_NearlyFullDisksTakeNoPush(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		out, err := w.try(dir, "push", "lugsail", "main")
		if err == nil {
			t.Error("accepted")
		}
		contains(t, out, "The server's disk is nearly full: ", " are left of ", "; a push needs ", "take a larger disk")
		w.git(dir, "fetch", "lugsail")
	}, func(c *Config) { c.LeastFree = 1 << 60 })
}

func TestPush_EmptyCommitIsTold(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		out, err := w.pushTree(dir, w.tree(dir))
		if err == nil {
			t.Error("accepted")
		}
		contains(t, out, "This commit has no files, so there is nothing to deploy.", "git add .")
	})
}

func TestPush_DeployBranchMustBeACommit(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.git(dir, "tag", "-a", "-m", "Tag", "v1")
		for _, object := range []string{w.git(dir, "rev-parse", "v1"), w.blob(dir, "text")} {
			out, err := w.try(dir, "push", "lugsail", object+":refs/heads/main")
			if err == nil || w.deploy.count() != 0 {
				t.Errorf("accepted:\n%s", out)
			}
		}
	})
}

func TestA02_StrangeBranchNamesAreOnlyData(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		commit := w.git(dir, "rev-parse", "HEAD")
		for _, name := range []string{"a;id", "$(touch${IFS}x)", "-x", "--upload-pack=x", "HEAD", "`id`", "main/../x", "\x1b[31mred"} {
			out, err := w.try(dir, "push", "lugsail", commit+":refs/heads/"+name)
			if err != nil && !strings.Contains(out, "refspec") && !strings.Contains(out, "rejected") {
				t.Errorf("%q: %v\n%s", name, err, out)
			}
			if strings.Contains(out, "\x1b[31mred") {
				t.Errorf("%q reaches the terminal", name)
			}
			if err == nil {
				w.wantHead("shop", "refs/heads/"+name, commit)
			}
		}
		if n := w.deploy.count(); n != 0 {
			t.Errorf("%d deployments", n)
		}
	})
}

func TestHook_OnlyAPushUnderWayIsBelieved(t *testing.T) {
	w := newWorld(t)
	w.push(w.checkout("shop"), "main")
	p := w.server.register(call{app: w.gate.apps["shop"], repo: w.repo("shop")}, false)
	zeros, ones := strings.Repeat("0", 40), strings.Repeat("1", 40)
	fine := []update{{Old: zeros, New: ones, Name: []byte("refs/heads/x")}}
	for name, request := range map[string]hookRequest{
		"unknown push":       {Push: "guess", Hook: procReceive, Updates: fine},
		"no push":            {Hook: procReceive, Updates: fine},
		"foreign quarantine": {Push: p.id, Hook: preReceive, Quarantine: "/etc", Updates: fine},
		"quarantine by dots": {Push: p.id, Hook: preReceive, Quarantine: w.repo("shop") + "/objects/../../x", Updates: fine},
		"short id":           {Push: p.id, Hook: preReceive, Updates: []update{{Old: zeros, New: "HEAD", Name: []byte("refs/heads/x")}}},
		"an option":          {Push: p.id, Hook: procReceive, Updates: []update{{Old: zeros, New: ones, Name: []byte("--stdin")}}},
	} {
		conn, err := net.Dial("unix", w.config.HookSocket)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(conn).Encode(request); err != nil {
			t.Fatal(err)
		}
		var reply hookReply
		if err := json.NewDecoder(conn).Decode(&reply); err == nil {
			t.Errorf("%s: answered %+v", name, reply)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(w.config.HookSocket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
}

func TestClean_MakesLinesSafeForATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext":                      "plain\ttext",
		"line\r\n":                         "line",
		"10%\r50%\r100%":                   "100%",
		"\x1b[1;31mred\x1b[0m":             "red",
		"\x1b]0;title\x07x":                "x",
		"\x1b]8;;http://evil\x1b\\link":    "link",
		"\x1bcreset":                       "reset",
		"a\x00b\x07c\u009b31md\u202e":      "abc31md",
		"bad \xff byte":                    "bad ? byte",
		strings.Repeat("x", 3000):          strings.Repeat("x", maxLine-1) + "…",
		"umlaut äöü and 日本":                "umlaut äöü and 日本",
		"\x1b[?25l\x1b[2Kspinner\x1b[?25h": "spinner",
	} {
		if have := clean(in); have != want {
			t.Errorf("%q became %q, want %q", in, have, want)
		}
	}
}

func TestDeployBranch_ChoosesMainThenMaster(t *testing.T) {
	for _, c := range []struct{ chosen, there, want string }{
		{"", "", "main"},
		{"", "master", "master"},
		{"", "main master", "main"},
		{"", "feature", "main"},
		{"live", "main", "live"},
		{"live", "live main", "live"},
	} {
		there := strings.Fields(c.there)
		have := deployBranch(platform.App{DeployBranch: c.chosen}, func(name string) bool {
			for _, other := range there {
				if name == other {
					return true
				}
			}
			return false
		})
		if have != c.want {
			t.Errorf("%+v: %s", c, have)
		}
	}
}
