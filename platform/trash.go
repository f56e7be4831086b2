package platform

import "time"

// TrashTime is how long an app stays in the trash before it is removed for good.
const TrashTime = 14 * 24 * time.Hour

// TrashEnds is when an app in the trash is removed for good; the zero time when it is not in the trash.
func (a App) TrashEnds() time.Time {
	if a.State != AppTrashed || a.TrashedAt == nil {
		return time.Time{}
	}
	return a.TrashedAt.Add(TrashTime)
}

// Trashed is what is answered to whoever wants something of an app in the trash.
func (a App) Trashed() *Error {
	return Errorf(Conflict, "app_trashed", "%s is in the trash until %s.", a.Name, a.TrashEnds().Format("2 January 2006")).
		WithHint("Bring it back first: lugsail restore %s", a.Name)
}
