// Command probe is the app that the engine's tests run. Its arguments are steps, done in order.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	for _, step := range os.Args[1:] {
		name, value, _ := strings.Cut(step, "=")
		do, ok := steps[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "unknown step", step)
			os.Exit(64)
		}
		do(value)
	}
}

var steps = map[string]func(string){
	"listen":   listen,     // listen=0.0.0.0:8080, listen=:$PORT
	"print":    printLines, // print=N numbered lines
	"say":      func(text string) { fmt.Println(text) },
	"complain": func(text string) { fmt.Fprintln(os.Stderr, text) },
	"fill":     fill,     // fill=N lines of 220 bytes, numbered on
	"long":     longLine, // long=N bytes without a line's end, then one
	"env":      func(name string) { fmt.Println(os.Getenv(name)) },
	"status":   status, // status=NAME of a field of /proc/self/status
	"file":     file,   // file=PATH is printed
	"write": func(path string) { // write=PATH, one line
		if err := os.WriteFile(path, []byte("kept by the probe\n"), 0o600); err != nil {
			fmt.Println(err)
		}
	},
	"ignore-term": func(string) { signal.Ignore(syscall.SIGTERM, syscall.SIGHUP) },
	"allocate":    allocate, // allocate=MEGABYTES, touched
	"child":       child,    // child=STEP runs the step in a child and goes on when it dies
	"threads":     threads,  // threads=N children that stay
	"tick":        tick,     // tick=DURATION prints a line that often, for ever
	"wait":        wait,     // wait=DURATION
	"cat":         func(string) { io.Copy(os.Stdout, os.Stdin) },
	"size":        size, // prints the terminal's size
	"serve":       func(string) { wait("24h") },
	"burn": func(string) {
		for {
		}
	},
	"exit": exit,
}

func listen(address string) {
	address = os.ExpandEnv(address)
	family := "tcp4" // "tcp" would make 0.0.0.0 both
	if strings.HasPrefix(address, "[") {
		family = "tcp6"
	}
	l, err := net.Listen(family, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(65)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello from", os.Getenv("NAME"))
	}))
}

func printLines(n string) {
	count, _ := strconv.Atoi(n)
	for i := 1; i <= count; i++ {
		fmt.Println("line", i)
	}
}

var filled int

func fill(n string) {
	count, _ := strconv.Atoi(n)
	pad := strings.Repeat("y", 200)
	for range count {
		filled++
		fmt.Println("line", filled, pad)
	}
}

func longLine(n string) {
	count, _ := strconv.Atoi(n)
	fmt.Println(strings.Repeat("x", count))
}

func status(name string) {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, name+":") {
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
}

func file(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		fmt.Println(err)
	}
	os.Stdout.Write(b)
}

var kept [][]byte

func allocate(megabytes string) {
	count, _ := strconv.Atoi(megabytes)
	for range count {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

func child(step string) {
	p, err := again(step)
	if err != nil {
		fmt.Println("child refused:", err)
		return
	}
	state, err := p.Wait()
	fmt.Println("child ended:", state, err)
}

func threads(n string) {
	count, _ := strconv.Atoi(n)
	for i := range count {
		if _, err := again("serve"); err != nil {
			fmt.Println("refused after", i)
			return
		}
	}
	fmt.Println("started", count)
}

func tick(every string) {
	d, _ := time.ParseDuration(every)
	for i := 1; ; i++ {
		fmt.Println("tick", i)
		time.Sleep(d)
	}
}

func wait(long string) {
	d, _ := time.ParseDuration(long)
	time.Sleep(d)
}

func size(string) {
	var s struct{ rows, columns, x, y uint16 }
	if _, _, err := syscall.Syscall(syscall.SYS_IOCTL, 1, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&s))); err != 0 {
		fmt.Println("no terminal:", err)
		return
	}
	fmt.Println("size", s.columns, s.rows)
}

func exit(code string) {
	n, _ := strconv.Atoi(code)
	os.Exit(n)
}

// again starts this program a second time.
func again(step string) (*os.Process, error) {
	return os.StartProcess("/proc/self/exe", []string{"probe", step}, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
}
