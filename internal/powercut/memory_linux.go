//go:build amd64 || arm64

package powercut

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// read returns bytes of the process's memory.
func (r *recorder) read(address, n int64) ([]byte, error) {
	data := make([]byte, n)
	_, err := r.memory.ReadAt(data, address)
	return data, err
}

// text returns a path the process has given to the kernel.
func (r *recorder) text(address int64) (string, error) {
	data := make([]byte, unix.PathMax)
	n, err := r.memory.ReadAt(data, address)
	end := bytes.IndexByte(data[:n], 0)
	if end < 0 {
		return "", errors.Join(errors.New("a path has no end"), err)
	}
	return string(data[:end]), nil
}

// position returns where the next write to a descriptor would go.
func (r *recorder) position(descriptor int64) (int64, error) {
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", r.pid, descriptor))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(info), "\n")
	text, ok := strings.CutPrefix(line, "pos:")
	if !ok {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
}
