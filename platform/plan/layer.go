package plan

import "github.com/lugsail/lugsail/platform"

// Layer is how a replica stands that writes into its own, passing, file system.
type Layer string

// The states of a layer. What a replica writes there goes with it at the next release anyway.
const (
	LayerFine Layer = ""
	LayerNear Layer = "near" // four fifths of the plan's disk are written
	LayerFull Layer = "full" // the replica is to be replaced by a fresh one
)

// LayerOf judges what a replica has written by its plan. A plan without a disk has no limit.
func LayerOf(p platform.Plan, written int64) Layer {
	switch {
	case p.Disk <= 0 || written < p.Disk/5*4:
		return LayerFine
	case written < p.Disk:
		return LayerNear
	}
	return LayerFull
}
