package source

import "io"

// AtMost reads from r and answers over instead of the byte after the first n. What is compressed can be
// a thousand times larger than what came, so whoever unpacks it puts this between, whatever the parts of it
// are for.
func AtMost(r io.Reader, n int64, over error) io.Reader { return &most{r, n, over} }

type most struct {
	r    io.Reader
	left int64
	over error
}

func (m *most) Read(p []byte) (int, error) {
	if m.left < 0 {
		return 0, m.over
	}
	if int64(len(p)) > m.left+1 {
		p = p[:m.left+1] // the one more tells the end from too much
	}
	n, err := m.r.Read(p)
	if m.left -= int64(n); m.left < 0 {
		return n - 1, m.over
	}
	return n, err
}
