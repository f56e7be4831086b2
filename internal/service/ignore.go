package service

import (
	"fmt"
	"syscall"
	"unsafe"
)

// sigaction is the kernel's own on amd64 and arm64.
type sigaction struct{ handler, flags, restorer, mask uintptr }

const ignored = 1 // SIG_IGN

// ignoreSignals makes the kernel drop these signals, through exec too, and gives back the way they had
// before. The signal package first forgets that somebody listens and then notes that nobody
// has to: a signal that is being handled in between ends the process.
func ignoreSignals(signals ...syscall.Signal) (restore func(), err error) {
	before := map[syscall.Signal]sigaction{}
	restore = func() {
		for sig, old := range before {
			_ = setSigaction(sig, &old, nil) // the kernel gave it
		}
	}
	for _, sig := range signals {
		var old sigaction
		if err := setSigaction(sig, &sigaction{handler: ignored}, &old); err != nil {
			restore()
			return nil, fmt.Errorf("ignoring the signal %s: %w", sig, err)
		}
		before[sig] = old
	}
	return restore, nil
}

func setSigaction(sig syscall.Signal, set, old *sigaction) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(set.mask), 0, 0) //nolint:gosec // the kernel's interface
	if errno != 0 {
		return errno
	}
	return nil
}
