package gitserver

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

const (
	flushPacket = "0000"
	maxPacket   = 65520
)

// writePacket writes one pkt-line. A text that does not fit is cut; ours never are so long.
func writePacket(b *bytes.Buffer, text string) {
	if len(text) > maxPacket-4 {
		text = text[:maxPacket-4]
	}
	fmt.Fprintf(b, "%04x%s", len(text)+4, text)
}

// readPacket reads one pkt-line; a flush packet is nil.
func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("reading a packet: %w", err)
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	if err != nil {
		return nil, fmt.Errorf("reading a packet: %q is not a length", head[:])
	}
	if n == 0 {
		return nil, nil
	}
	if n < 4 || n > maxPacket {
		return nil, fmt.Errorf("reading a packet: its length is %d", n)
	}
	text := make([]byte, n-4)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("reading a packet: %w", err)
	}
	return text, nil
}
