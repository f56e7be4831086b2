package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// TableFile is where a proxy keeps its last good table, below its data directory.
func TableFile(dataDir string) string { return filepath.Join(dataDir, "table.json") }

// tableFile is how the last good table is kept on disk.
type tableFile struct {
	Checksum string          `json:"checksum"` // SHA-256 of Table's bytes, hex
	Table    json.RawMessage `json:"table"`
}

var errTableDamaged = errors.New("the stored routing table is damaged")

func saveTable(path string, doc platform.RouteTable) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encoding the routing table: %w", err)
	}
	data, err := json.Marshal(tableFile{Checksum: checksum(body), Table: body})
	if err != nil {
		return fmt.Errorf("encoding the routing table: %w", err)
	}
	return atomicfile.Write(path, data, 0o600)
}

// loadTable returns os.ErrNotExist when there is none yet, errTableDamaged when it cannot be trusted.
func loadTable(path string) (platform.RouteTable, error) {
	var doc platform.RouteTable
	data, err := os.ReadFile(path)
	if err != nil {
		return doc, fmt.Errorf("reading the routing table: %w", err)
	}
	var file tableFile
	if err := json.Unmarshal(data, &file); err != nil || file.Checksum != checksum(file.Table) {
		return doc, errTableDamaged
	}
	if err := json.Unmarshal(file.Table, &doc); err != nil {
		return doc, errTableDamaged
	}
	return doc, nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
