package dockerfile

// Read reads the Dockerfile of a source.
func Read(b *Builder, dir string) error {
	_, err := b.read(dir, "")
	return err
}
