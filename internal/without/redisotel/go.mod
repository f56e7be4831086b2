module github.com/redis/go-redis/extra/redisotel/v9

go 1.26.5

require github.com/redis/go-redis/v9 v9.7.3

replace github.com/redis/go-redis/v9 => ../redis
