// Package redis stands in for the client of Redis that the registry library can cache in.
// Lugsail's registry has no such cache, so none of this is ever called: it holds the names that
// the library compiles against. The real client was five megabytes of the binary.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

// Nil is what the real client answers for a key that is not there.
var Nil = errors.New("redis: nil")

var errAbsent = errors.New("redis is not part of this program")

// UniversalOptions is what the real client is made with.
type UniversalOptions struct {
	Addrs                              []string
	ClientName, Username, Password     string
	SentinelUsername, SentinelPassword string
	MasterName, IdentitySuffix         string
	DB, Protocol, MaxRetries           int
	PoolSize, MaxRedirects             int
	MinIdleConns, MaxIdleConns         int
	MaxActiveConns                     int
	MinRetryBackoff, MaxRetryBackoff   time.Duration
	DialTimeout, ReadTimeout           time.Duration
	WriteTimeout, PoolTimeout          time.Duration
	ConnMaxIdleTime, ConnMaxLifetime   time.Duration
	ContextTimeoutEnabled, PoolFIFO    bool
	ReadOnly, RouteByLatency           bool
	RouteRandomly, DisableIdentity     bool
	UnstableResp3                      bool
	TLSConfig                          *tls.Config
	OnConnect                          func(context.Context, *Conn) error
}

// NewUniversalClient makes a client that has no server.
func NewUniversalClient(*UniversalOptions) UniversalClient { return absent{} }

// UniversalClient has the commands that the library uses.
type UniversalClient interface {
	HDel(ctx context.Context, key string, fields ...string) Reply[int64]
	HGet(ctx context.Context, key, field string) Reply[string]
	HMGet(ctx context.Context, key string, fields ...string) Reply[[]any]
	HMSet(ctx context.Context, key string, values ...any) Reply[bool]
	HSet(ctx context.Context, key string, values ...any) Reply[int64]
	HSetNX(ctx context.Context, key, field string, value any) Reply[bool]
	SAdd(ctx context.Context, key string, members ...any) Reply[int64]
	SIsMember(ctx context.Context, key string, member any) Reply[bool]
	TxPipeline() Pipeliner
	PoolStats() *PoolStats
}

// Pipeliner has the commands that the library collects.
type Pipeliner interface {
	Del(ctx context.Context, keys ...string) Reply[int64]
	HDel(ctx context.Context, key string, fields ...string) Reply[int64]
	SRem(ctx context.Context, key string, members ...any) Reply[int64]
	Exec(ctx context.Context) ([]Reply[any], error)
}

// Conn is a connection to a server; there is none.
type Conn struct{}

// Ping answers that there is no server.
func (*Conn) Ping(context.Context) Reply[string] { return Reply[string]{} }

// PoolStats counts connections; there are none.
type PoolStats struct{ TotalConns, IdleConns uint32 }

// Reply answers each command with the same error.
type Reply[T any] struct{}

// Result is always an error.
func (Reply[T]) Result() (T, error) {
	var zero T
	return zero, errAbsent
}

// Err is always an error.
func (Reply[T]) Err() error { return errAbsent }

type absent struct{}

func (absent) HDel(context.Context, string, ...string) (r Reply[int64])    { return r }
func (absent) HGet(context.Context, string, string) (r Reply[string])      { return r }
func (absent) HMGet(context.Context, string, ...string) (r Reply[[]any])   { return r }
func (absent) HMSet(context.Context, string, ...any) (r Reply[bool])       { return r }
func (absent) HSet(context.Context, string, ...any) (r Reply[int64])       { return r }
func (absent) HSetNX(context.Context, string, string, any) (r Reply[bool]) { return r }
func (absent) SAdd(context.Context, string, ...any) (r Reply[int64])       { return r }
func (absent) SIsMember(context.Context, string, any) (r Reply[bool])      { return r }
func (absent) TxPipeline() Pipeliner                                       { return absent{} }
func (absent) PoolStats() *PoolStats                                       { return &PoolStats{} }
func (absent) Del(context.Context, ...string) (r Reply[int64])             { return r }
func (absent) SRem(context.Context, string, ...any) (r Reply[int64])       { return r }
func (absent) Exec(context.Context) ([]Reply[any], error)                  { return nil, errAbsent }
