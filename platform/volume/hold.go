package volume

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/lugsail/lugsail/platform"
)

// holdProgram lets an add-on take no more writes, "on", or take them again, "off".
const holdProgram = "/lugsail/hold"

// Holder keeps databases within the disk of their plans: one whose files have reached it goes on answering and takes
// no more writes, so that it is never cut off in the middle of one. It begins to take them again when its files are
// a twentieth below, or its plan is larger.
type Holder struct {
	Keeper *Keeper
	Tell   func(ctx context.Context, appID, action, text string)

	held map[string]bool // by add-on, as it was told last; what was never told may be held since before
}

// Judge is told how much an add-on has in its volumes, again and again.
func (h *Holder) Judge(ctx context.Context, db platform.App, p platform.Plan, bytes int64) {
	if h.held == nil {
		h.held = map[string]bool{}
	}
	was, known := h.held[db.ID]
	full := p.Disk > 0 && (bytes >= p.Disk || was && bytes >= p.Disk-p.Disk/20)
	if known && !was && !full {
		return
	}
	word := "off"
	if full {
		word = "on" // each time: a start forgets it
	}
	err := h.Keeper.inAddon(ctx, platform.SnapshotAddon{ID: db.ID, Name: db.Name}, []string{holdProgram, word}, nil, io.Discard)
	if err != nil {
		if full || was {
			slog.WarnContext(ctx, "an add-on is not told whether to take writes", "addon", db.Name, "to hold", full, "error", err)
		}
		return
	}
	h.held[db.ID] = full
	switch {
	case full && !was:
		h.Tell(ctx, db.ID, "disk.held", fmt.Sprintf("%s takes no more writes: its files have %s, and the plan %s gives %s. Reading goes on. Choose a larger plan: lugsail scale --plan PLAN --app %s",
			db.Name, platform.Bytes(bytes), p.Name, platform.Bytes(p.Disk), db.Name))
	case was && !full:
		h.Tell(ctx, db.ID, "disk.released", db.Name+" takes writes again.")
	}
}
