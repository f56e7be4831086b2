package atomicfile

// FailDirectories lets no directory be synced until the end that it returns.
func FailDirectories(err error) (end func()) {
	syncDirectory = func(string) error { return err }
	return func() { syncDirectory = syncDir }
}
