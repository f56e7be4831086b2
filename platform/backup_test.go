package platform

import (
	"slices"
	"testing"
	"time"
)

func TestParseBackupAddress(t *testing.T) {
	for text, want := range map[string]BackupPlace{
		"/mnt/disk/../backups/":              {Kind: "path", Path: "/mnt/backups"},
		"sftp://ada@nas.example.com/lugsail": {Kind: "sftp", User: "ada", Host: "nas.example.com", Port: "22", Path: "lugsail"},
		"sftp://u1@[::1]:23//srv/backups":    {Kind: "sftp", User: "u1", Host: "::1", Port: "23", Path: "/srv/backups"},
		"s3://bucket/a/b":                    {Kind: "s3", URL: AmazonS3, Path: "bucket/a/b"},
		"s3:https://minio.lan:9000/bucket/":  {Kind: "s3", URL: "https://minio.lan:9000", Path: "bucket"},
	} {
		if got, err := ParseBackupAddress(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "/", "/..", "backups", "ftp://a@b/c", "sftp://nas/dir", "sftp://a:b@nas/dir", "sftp://-oProxyCommand=x@nas/dir", "sftp://a@-x/dir", "sftp://a@nas", "sftp://a@nas/../x",
		"s3://", "s3:https://host", "s3:ftp://host/bucket", "s3:https://a:b@host/bucket", "/mnt/a b", "/mnt/a'b", "/mnt/a\nb", `sftp://a@b/c\d`, "sftp://a@b/c?x=y",
	} {
		if got, err := ParseBackupAddress(text); err == nil || AsError(err).Code != "backup_address_invalid" {
			t.Errorf("%q is taken as %+v (%v)", text, got, err)
		}
	}
}

func TestOutdatedBackups_KeepsTheNewestOfPeriodsAndWhatPeopleMade(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	var all []Backup
	for day := range 120 {
		at := now.AddDate(0, 0, -day)
		all = append(all, Backup{ID: at.Format("01-02"), State: BackupReady, Automatic: true, CreatedAt: at})
	}
	all = append(all,
		Backup{ID: "mine", State: BackupReady, CreatedAt: now.AddDate(-1, 0, 0)},
		Backup{ID: "making", State: BackupMaking, Automatic: true, CreatedAt: now.AddDate(-1, 0, 0)},
		Backup{ID: "failed today", State: BackupFailed, CreatedAt: now},
		Backup{ID: "failed long ago", State: BackupFailed, CreatedAt: now.AddDate(0, -1, 0)},
	)
	gone := map[string]bool{}
	for _, b := range OutdatedBackups(all, now) {
		gone[b.ID] = true
	}
	var kept []string
	for _, b := range all {
		if !gone[b.ID] {
			kept = append(kept, b.ID)
		}
	}
	if len(kept) < 7+2+2+3 || len(kept) > 7+4+3+3 {
		t.Errorf("%d are kept: %v", len(kept), kept)
	}
	for _, id := range []string{"11-29", "11-28", "11-23", "mine", "making", "failed today"} {
		if !slices.Contains(kept, id) {
			t.Errorf("%s is not kept", id)
		}
	}
	if slices.Contains(kept, "failed long ago") {
		t.Error("one that failed long ago is kept")
	}
}
