package observe

import (
	"cmp"
	"slices"
)

// DiskUse is what one owner takes of the server's disks, in bytes. App is a name, "" for what
// belongs to the server; Kind is a word that stays the same: images, written, volumes, cache, repository,
// database, copies, logs, builds, sources, certificates, ballast, shared, foreign.
type DiskUse struct {
	App   string
	Kind  string
	Text  string // the kind for people
	Bytes int64
}

// kinds says what each kind is, for people.
var kinds = map[string]string{
	"images": "images of its releases", "written": "written by its replicas", "volumes": "in its volumes", "cache": "kept from builds, to be faster", "repository": "its git repository",
	"database": "Lugsail's database", "copies": "copies of the database", "snapshots": "snapshots of apps", "logs": "logs of deployments", "builds": "runtimes and tools for builds",
	"registry": "images' registry", "sources": "sources of deployments under way", "certificates": "certificates and the proxy's state",
	"ballast": "kept free for when the disk is full", "shared": "bases that apps share", "foreign": "Docker's other data, not this Lugsail's",
}

// DiskUses gives the uses that take anything, with their texts, the largest first.
func DiskUses(all []DiskUse) []DiskUse {
	all = slices.DeleteFunc(slices.Clone(all), func(u DiskUse) bool { return u.Bytes <= 0 })
	for i := range all {
		all[i].Text = kinds[all[i].Kind]
	}
	slices.SortFunc(all, func(a, b DiskUse) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.App, b.App), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}
