package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
)

// The address of the database is sealed in the file of settings, as the proxy's user may read that.
const (
	settingsPurpose = "settings"
	databaseSetting = "database"
)

// loadKey reads the key that seals secrets. It makes one only where there is nothing sealed yet:
// beside an existing database a missing key is a loss to be told, not to be papered over.
func loadKey(cfg config.Config) (*secret.Key, error) {
	there, err := store.Exists(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if there || strings.HasPrefix(cfg.Database, config.Sealed) {
		return secret.LoadKey(cfg.KeyFile)
	}
	return secret.LoadOrCreateKey(cfg.KeyFile)
}

// storeConfig opens the seal of the database's address.
func storeConfig(cfg config.Config) (store.Config, error) {
	key, err := loadKey(cfg)
	if err != nil {
		return store.Config{}, err
	}
	address := cfg.Database
	if sealed, ok := strings.CutPrefix(address, config.Sealed); ok {
		plain, err := key.Open(settingsPurpose, databaseSetting, sealed)
		if err != nil {
			return store.Config{}, platform.Errorf(platform.Unavailable, "database_setting", "The setting `database` does not open with this server's key.").
				WithHint("Put back the key file that belongs to it, %s, or write the address again: database: postgres://…", cfg.KeyFile).Because(err)
		}
		address = string(plain)
	}
	return store.Config{Dir: cfg.DataDir, Key: key, Database: address}, nil
}

// keepDatabase writes the address of the database into the file of settings, sealed.
func keepDatabase(cfg config.Config, key store.Sealer, address string) error {
	if address == store.SQLite || address == "" {
		return config.Replace(cfg.File(), databaseSetting, "")
	}
	sealed, err := key.Seal(settingsPurpose, databaseSetting, []byte(address))
	if err != nil {
		return fmt.Errorf("sealing the address of the database: %w", err)
	}
	return config.Replace(cfg.File(), databaseSetting, config.Sealed+sealed)
}

// sealPlain seals an address that somebody has written into the file.
func sealPlain(cfg config.Config, sc store.Config) error {
	inFile, err := config.Load(config.Sources{File: cfg.File()})
	if err != nil || inFile.Database == "" || strings.HasPrefix(inFile.Database, config.Sealed) {
		return err
	}
	return keepDatabase(cfg, sc.Key, inFile.Database)
}

// writeSettings saves all settings, the address of the database sealed.
func writeSettings(c config.Config) error {
	address := c.Database
	if address == "" || strings.HasPrefix(address, config.Sealed) {
		return c.Write()
	}
	if _, err := store.Where(address); err != nil {
		return err
	}
	key, err := loadKey(c)
	if err != nil {
		return err
	}
	sealed, err := key.Seal(settingsPurpose, databaseSetting, []byte(address))
	if err != nil {
		return fmt.Errorf("sealing the address of the database: %w", err)
	}
	c.Database = config.Sealed + sealed
	return c.Write()
}

// byEnvironment refuses to change a setting that the environment overrides.
func byEnvironment() error {
	if _, set := os.LookupEnv("LUGSAIL_DATABASE"); !set {
		return nil
	}
	return platform.Errorf(platform.Conflict, "database_environment", "The environment variable LUGSAIL_DATABASE says which database is used.").
		WithHint("Take it out of the environment and out of what starts Lugsail, then repeat the command.")
}

// move brings everything into another database and makes it the setting. The control plane has to
// start anew afterwards.
func move(ctx context.Context, cfg config.Config, db *store.Store, key store.Sealer, address string, say func(string)) (store.Move, error) {
	if err := byEnvironment(); err != nil {
		return store.Move{}, err
	}
	done, err := db.MoveTo(ctx, address, func() error { return replaced(keepDatabase(cfg, key, address)) }, say)
	if err != nil {
		return done, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := db.Moved(ctx, done.To); err != nil {
		slog.WarnContext(ctx, "the old database is not marked as moved", "error", err) // the setting names the new one
	}
	return done, nil
}

// replaced takes a setting that is in the file for written, though the directory could not be synced. Who took it
// for not written would drop the database that the setting names; and should a power cut bring the old setting
// back, the old database says that its contents were moved.
func replaced(err error) error {
	if errors.Is(err, atomicfile.ErrReplaced) {
		slog.Warn("the setting of the database may not outlast a power cut", "error", err)
		return nil
	}
	return err
}

// databaseHandlers are for root on this machine.
func (c *control) databaseHandlers(mux *http.ServeMux) {
	mux.HandleFunc("POST /db/status", func(w http.ResponseWriter, r *http.Request) {
		info, err := c.store.Info(r.Context())
		answerJSON(w, info, err)
	})
	mux.HandleFunc("POST /db/check", func(w http.ResponseWriter, r *http.Request) { answerJSON(w, struct{}{}, c.store.Check(r.Context())) })
	mux.HandleFunc("POST /db/copy", func(w http.ResponseWriter, r *http.Request) {
		path, err := c.store.Copy(r.Context())
		answerJSON(w, map[string]string{"path": path}, err)
	})
	mux.HandleFunc("POST /db/migrate", c.migrateForRoot)
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, struct{}{}, nil)
		time.AfterFunc(100*time.Millisecond, c.quit) // the answer goes first
	})
}

// migrateForRoot moves, tells how it goes line by line, and lets the control plane start anew.
func (c *control) migrateForRoot(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Address string `json:"address"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<10)).Decode(&asked); err != nil {
		answerJSON(w, nil, err)
		return
	}
	w.Header().Set("Trailer", troubleTrailer)
	done, err := move(r.Context(), c.cfg, c.store, c.key, asked.Address, func(line string) {
		_, err := w.Write([]byte(line + "\n"))
		if err = errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
			return // whoever asked has gone
		}
	})
	if err == nil {
		_ = json.NewEncoder(w).Encode(done) // the client has gone when this fails
		time.AfterFunc(100*time.Millisecond, c.quit)
	} else {
		slog.ErrorContext(r.Context(), "the database was not moved", "error", err)
	}
	w.Header().Set(troubleTrailer, fromPlatform(err))
}

func answerJSON(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Trailer", troubleTrailer)
	if err == nil {
		_ = json.NewEncoder(w).Encode(value) // the client has gone when this fails
	} else {
		_, _ = w.Write([]byte("{}\n")) // as above
	}
	w.Header().Set(troubleTrailer, fromPlatform(err))
}

// copyDaily keeps a copy of the database for each day of the last week.
func (c *control) copyDaily(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		path, err := c.store.CopyDaily(ctx)
		if err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "the daily copy of the database", "error", err)
		}
		if path != "" {
			slog.InfoContext(ctx, "the database was copied", "copy", path)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// watchDatabase ends the control plane when another one has taken its database: what it holds in
// memory is old, and whatever it commanded would be wrong.
func (c *control) watchDatabase(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := c.store.Claimed(ctx); err != nil && ctx.Err() == nil {
			e := platform.AsError(err)
			slog.ErrorContext(ctx, "the database", "code", e.Code, "error", err)
			if e.Code == "database_taken" {
				return err
			}
		}
	}
}
