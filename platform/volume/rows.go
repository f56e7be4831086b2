package volume

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// rowsEnd ends the names of the files, beside the dumps, that tell how many rows each table had.
const rowsEnd = ".rows"

// countTime bounds counting: the app stands still meanwhile.
const countTime = 10 * time.Second

// dumpCounted dumps an add-on and writes down how many rows each table has, for whoever compares; not where that
// changed meanwhile, takes long, or its image was made before it could tell.
func (k *Keeper) dumpCounted(ctx context.Context, db platform.SnapshotAddon, file string) error {
	before, countErr := k.Rows(ctx, db)
	if err := k.dump(ctx, db, file); err != nil {
		return err
	}
	if countErr != nil {
		slog.InfoContext(ctx, "rows not counted", "addon", db.ID, "error", countErr)
		return ctx.Err()
	}
	if after, err := k.Rows(ctx, db); err != nil || !bytes.Equal(before, after) {
		return ctx.Err()
	}
	if err := os.WriteFile(file+rowsEnd, before, 0o600); err != nil {
		return fmt.Errorf("writing down how many rows there are: %w", err)
	}
	return nil
}

// Rows tells how many rows each table of an add-on has, a line each.
func (k *Keeper) Rows(ctx context.Context, db platform.SnapshotAddon) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	var out bytes.Buffer
	err := k.inAddon(ctx, db, []string{rowsProgram}, nil, &out)
	return out.Bytes(), err
}

// Reload lets an add-on, empty so far, take in what a restored snapshot below dir has of it, and compares how many
// rows that gave. compared tells whether the snapshot knew.
func (k *Keeper) Reload(ctx context.Context, db platform.SnapshotAddon, dir string) (compared bool, err error) {
	file := filepath.Join(dir, staging, db.ID)
	if err := k.load(ctx, db, file); err != nil {
		return false, err
	}
	was, err := os.ReadFile(file + rowsEnd)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading how many rows there were: %w", err)
	}
	is, err := k.Rows(ctx, db)
	if err == nil && !bytes.Equal(was, is) {
		err = platform.Errorf(platform.Conflict, "backup_rows_differ", "What was restored of %s does not have the rows that it had.", db.Name).
			WithHint("There were:\n%s\nThere are:\n%s", bytes.TrimSpace(was), bytes.TrimSpace(is))
	}
	return true, err
}
