package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Contents go from one database to another table by table, as values, whatever kind either is.
// They are compared by a hash over all rows that does not depend on their order.

// tablesOf lists the tables that have contents, sorted: not the list of migrations.
func tablesOf(db *gorm.DB) ([]string, error) {
	all, err := db.Migrator().GetTables()
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	all = slices.DeleteFunc(all, func(name string) bool {
		return name == migrationsTable || strings.HasPrefix(name, "sqlite_")
	})
	slices.Sort(all)
	return all, nil
}

// column is one of a table, with the type that the database tells.
type column struct{ name, kind string }

func columnsOf(db *gorm.DB, table string) ([]column, error) {
	rows, err := db.Table(table).Select("*").Limit(0).Rows()
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }() // nothing was written
	kinds, err := rows.ColumnTypes()
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s: %w", table, err)
	}
	columns := make([]column, 0, len(kinds))
	for _, k := range kinds {
		columns = append(columns, column{k.Name(), strings.ToUpper(k.DatabaseTypeName())})
	}
	slices.SortFunc(columns, func(a, b column) int { return strings.Compare(a.name, b.name) })
	return columns, rows.Err()
}

func namesOf(columns []column) []string {
	names := make([]string, 0, len(columns))
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

// eachRow hands over every row of a table, with the values of the columns in their order.
func eachRow(db *gorm.DB, table string, columns []column, fn func(values []any) error) error {
	rows, err := db.Table(table).Clauses(clause.Select{Columns: selected(columns)}).Rows()
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }() // nothing was written
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading %s: %w", table, err)
		}
		if err := fn(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", table, err)
	}
	return nil
}

func selected(columns []column) []clause.Column {
	all := make([]clause.Column, 0, len(columns))
	for _, c := range columns {
		all = append(all, clause.Column{Name: c.name})
	}
	return all
}

// tableSum is what a table holds, in short.
type tableSum struct {
	rows int
	hash string
}

// sumOf reads a whole table. Rows of meta that tell of the database itself are left out.
func sumOf(db *gorm.DB, table string) (tableSum, error) {
	columns, err := columnsOf(db, table)
	if err != nil {
		return tableSum{}, err
	}
	var hashes []string
	err = eachRow(db, table, columns, func(values []any) error {
		if !ownMeta(table, columns, values) {
			hashes = append(hashes, rowHash(columns, values))
		}
		return nil
	})
	if err != nil {
		return tableSum{}, err
	}
	slices.Sort(hashes)
	all := sha256.New()
	for _, h := range hashes {
		_, _ = all.Write([]byte(h)) // a hash never fails
	}
	return tableSum{len(hashes), hex.EncodeToString(all.Sum(nil))}, nil
}

// ownMeta reports whether a row tells of the database itself and stays behind.
func ownMeta(table string, columns []column, values []any) bool {
	if table != (metaEntry{}).TableName() {
		return false
	}
	at := slices.IndexFunc(columns, func(c column) bool { return c.name == "key" })
	return at >= 0 && slices.Contains([]any{holderKey, movingKey, movedKey}, text(values[at]))
}

func text(value any) any {
	if b, ok := value.([]byte); ok {
		return string(b)
	}
	return value
}

// rowHash is the same for the same contents in either kind of database: truth is 1 or 0 in one
// and a type of its own in the other, and times have microseconds in both.
func rowHash(columns []column, values []any) string {
	sum := sha256.New()
	part := func(b string) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(b)))
		_, _ = sum.Write(size[:]) // a hash never fails
		_, _ = sum.Write([]byte(b))
	}
	for i, c := range columns {
		part(c.name)
		part(canonical(values[i]))
	}
	return string(sum.Sum(nil))
}

func canonical(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		if v {
			return "n1"
		}
		return "n0"
	case int64:
		return "n" + strconv.FormatInt(v, 10)
	case float64:
		return "n" + strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return "t" + strconv.FormatInt(v.UnixMicro(), 10)
	case []byte:
		return "s" + string(v)
	case string:
		return "s" + v
	}
	return fmt.Sprintf("?%T%v", value, value)
}

// fitting gives the value as the target's column takes it.
func fitting(value any, kind string) any {
	switch v := value.(type) {
	case int64:
		if kind == "BOOL" {
			return v != 0
		}
	case time.Time:
		return v.UTC().Truncate(time.Microsecond)
	}
	return value
}

// copyTable writes all rows of a table into the same, empty, table of another database.
func copyTable(from, to *gorm.DB, table string) (int, error) {
	columns, err := columnsOf(from, table)
	if err != nil {
		return 0, err
	}
	target, err := columnsOf(to, table)
	if err != nil {
		return 0, err
	}
	if !slices.Equal(namesOf(columns), namesOf(target)) {
		return 0, fmt.Errorf("the columns of %s differ: %v and %v", table, namesOf(columns), namesOf(target))
	}
	var batch [][]any
	count := 0
	flush := func() error {
		count += len(batch)
		err := insertRows(to, table, target, batch)
		batch = batch[:0]
		return err
	}
	err = eachRow(from, table, columns, func(values []any) error {
		if ownMeta(table, columns, values) {
			return nil
		}
		if batch = append(batch, values); len(batch) < 200 {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return count, err
}

func insertRows(to *gorm.DB, table string, columns []column, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	quoted := make([]string, 0, len(columns))
	for _, c := range columns {
		quoted = append(quoted, to.Statement.Quote(c.name))
	}
	line := "(" + strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",") + ")"
	var args []any
	for _, row := range rows {
		for i, value := range row {
			args = append(args, fitting(value, columns[i].kind))
		}
	}
	lines := strings.TrimSuffix(strings.Repeat(line+",", len(rows)), ",")
	err := to.Exec("INSERT INTO "+to.Statement.Quote(table)+" ("+strings.Join(quoted, ",")+") VALUES "+lines, args...).Error
	if err != nil {
		return fmt.Errorf("writing %s: %w", table, err)
	}
	return nil
}

// copyAll replaces the contents of the target's tables by those of the source and makes sure that
// they are the same afterwards. Both are transactions.
func copyAll(ctx context.Context, from, to *gorm.DB) (tables, rows int, err error) {
	names, err := tablesOf(from)
	if err != nil {
		return 0, 0, err
	}
	there, err := tablesOf(to)
	if err != nil {
		return 0, 0, err
	}
	if !slices.Equal(names, there) {
		return 0, 0, fmt.Errorf("the tables differ: %v and %v", names, there)
	}
	if err := unhurried(to); err != nil {
		return 0, 0, err
	}
	for _, table := range names {
		if ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		n, err := replaceTable(from, to, table)
		if err != nil {
			return 0, 0, err
		}
		rows += n
	}
	return len(names), rows, nil
}

// unhurried lets the statements of a transaction take longer than those that people wait for.
func unhurried(tx *gorm.DB) error {
	if tx.Name() != "postgres" {
		return nil
	}
	for _, limit := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		if err := tx.Exec("SET LOCAL " + limit + " = 0").Error; err != nil {
			return fmt.Errorf("preparing: %w", err)
		}
	}
	return nil
}

func replaceTable(from, to *gorm.DB, table string) (int, error) {
	clear := "DELETE FROM " + to.Statement.Quote(table)
	var args []any
	if table == (metaEntry{}).TableName() {
		clear, args = clear+" WHERE "+to.Statement.Quote("key")+" NOT IN ?", []any{[]string{holderKey, movingKey, movedKey}}
	}
	if err := to.Exec(clear, args...).Error; err != nil {
		return 0, fmt.Errorf("emptying %s: %w", table, err)
	}
	n, err := copyTable(from, to, table)
	if err != nil {
		return 0, err
	}
	if err := continueNumbers(to, table); err != nil {
		return 0, err
	}
	before, err := sumOf(from, table)
	if err != nil {
		return 0, err
	}
	after, err := sumOf(to, table)
	if err != nil {
		return 0, err
	}
	if before != after {
		return 0, fmt.Errorf("%s differs after it was copied: %d rows, then %d", table, before.rows, after.rows)
	}
	return n, nil
}

// continueNumbers lets PostgreSQL number new rows after those that were copied; SQLite does so by itself.
func continueNumbers(db *gorm.DB, table string) error {
	if db.Name() != "postgres" {
		return nil
	}
	var columns []string
	err := db.Raw(`SELECT column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name = ? AND column_default LIKE 'nextval(%'`, table).Scan(&columns).Error
	if err != nil {
		return fmt.Errorf("numbering %s: %w", table, err)
	}
	for _, c := range columns {
		quoted := db.Statement.Quote(c)
		sql := "SELECT setval(pg_get_serial_sequence(?, ?), GREATEST(COALESCE(MAX(" + quoted + "), 1), 1), MAX(" + quoted + ") IS NOT NULL) FROM " + db.Statement.Quote(table)
		if err := db.Exec(sql, db.Statement.Quote(table), c).Error; err != nil {
			return fmt.Errorf("numbering %s: %w", table, err)
		}
	}
	return nil
}
