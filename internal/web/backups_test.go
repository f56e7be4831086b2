package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestBackups_ThePageTeachesAndTellsWhatIsProven(t *testing.T) {
	r := newRig(t)
	page := func() string {
		return r.do(ask{path: "/server/backups", session: r.session}).want(t, http.StatusOK).body
	}
	for _, want := range []string{"There are none.", "Set up backups", "ssh-ed25519 AAAA", "sftp://USER@HOST/DIRECTORY"} {
		if !strings.Contains(page(), want) {
			t.Errorf("an empty page does not say %q", want)
		}
	}
	refused := r.do(ask{method: post, path: "/server/backups/target", session: r.session, form: url.Values{"address": {`ftp://<b>x`}}}).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(refused.body, "is no address for backups") || !strings.Contains(refused.body, `value="ftp://&lt;b&gt;x"`) {
		t.Error("what was typed is not kept beside what is wrong with it")
	}
	if got := r.do(ask{method: post, path: "/server/backups", session: r.session, form: url.Values{}}).want(t, http.StatusConflict); !strings.Contains(got.body, "Nobody has said where backups go") {
		t.Error("a backup to nowhere is asked for")
	}

	ctx := t.Context()
	must(t, r.store.SetBackupTarget(ctx, platform.BackupTarget{Address: "/mnt/disk", Password: "never told again"}))
	tried := time.Now()
	good := platform.Backup{State: platform.BackupReady, CreatedBy: "lugsail", RehearsedAt: &tried, Proof: "2 apps restored", Bytes: 5 << 20}
	must(t, r.store.CreateBackup(ctx, &good))
	body := page()
	for _, want := range []string{"Proven restorable", "2 apps restored", "/mnt/disk", "./install.sh --restore /mnt/disk"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(body, "never told again") {
		t.Error("the password of the backups is told again")
	}
	_, err := r.store.UpdateBackup(ctx, good.ID, func(b *platform.Backup) { b.Fault = "One byte is another." })
	must(t, err)
	if body := page(); !strings.Contains(body, "could not be restored") || !strings.Contains(body, "One byte is another.") || strings.Contains(body, "Proven restorable") {
		t.Error("a fault is no red fact")
	}
	r.do(ask{method: post, path: "/server/backups/" + good.ID + "/rehearse", session: r.session, form: url.Values{}}).want(t, http.StatusSeeOther)
	var answer struct{ Backups []struct{ ID, Fault string } }
	r.do(ask{path: "/api/v1/backups", session: r.session}).want(t, http.StatusOK).decode(t, &answer)
	if len(answer.Backups) != 1 || answer.Backups[0].Fault == "" {
		t.Errorf("the API tells %+v", answer)
	}
	r.do(ask{method: post, path: "/server/backups/off", session: r.session, form: url.Values{}}).want(t, http.StatusSeeOther)
	if !strings.Contains(page(), "No more are made.") {
		t.Error("they are not off")
	}
}
