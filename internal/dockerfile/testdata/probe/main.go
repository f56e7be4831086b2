// Program probe is what images of the tests run. As /bin/sh it reads "sh -c 'WORD ARGUMENT; …'".
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	words := os.Args[1:]
	if len(words) > 1 && words[0] == "-c" {
		for _, part := range strings.Split(words[1], ";") {
			do(strings.Fields(part))
		}
		return
	}
	do(words)
}

func do(words []string) {
	if len(words) == 0 {
		return
	}
	argument := strings.Join(words[1:], " ")
	switch words[0] {
	case "say":
		fmt.Println(argument)
	case "exit":
		code, err := strconv.Atoi(argument)
		must(err)
		os.Exit(code)
	case "hang":
		fmt.Println("hanging")
		time.Sleep(time.Hour)
	case "flood":
		line := strings.Repeat("x", 1000)
		for range 20000 {
			fmt.Println(line)
		}
	case "append":
		f, err := os.OpenFile(words[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		must(err)
		_, err = f.WriteString("x")
		must(err)
		must(f.Close())
	case "now":
		must(os.MkdirAll(filepath.Dir(words[1]), 0o755))
		must(os.WriteFile(words[1], []byte(time.Now().String()), 0o644))
	case "size":
		text, err := os.ReadFile(words[1])
		must(err)
		fmt.Printf("%s has %d\n", words[1], len(text))
	case "show":
		text, err := os.ReadFile(words[1])
		must(err)
		fmt.Print(string(text))
	case "eat":
		megabytes, err := strconv.Atoi(argument)
		must(err)
		var kept [][]byte
		for range megabytes {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = byte(i)
			}
			kept = append(kept, block)
		}
		fmt.Println("ate", len(kept))
	case "listen":
		for _, port := range words[1:] {
			listen(port)
		}
		time.Sleep(time.Hour)
	case "dial":
		c, err := net.DialTimeout("tcp", argument, 2*time.Second)
		if err != nil {
			fmt.Println(argument, "closed")
			return
		}
		must(c.Close())
		fmt.Println(argument, "open")
	case "bomb":
		for {
			child, _, _ := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0) // refused at last, and tried again
			for child == 0 {
				_, _, _ = syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		}
	case "await":
		for {
			if c, err := net.DialTimeout("tcp", argument, time.Second); err == nil {
				must(c.Close())
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	default:
		fmt.Fprintf(os.Stderr, "%s: not found\n", words[0])
		os.Exit(127)
	}
}

func listen(port string) {
	l, err := net.Listen("tcp4", ":"+port)
	must(err)
	go func() {
		for {
			c, err := l.Accept()
			must(err)
			must(c.Close())
		}
	}()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
