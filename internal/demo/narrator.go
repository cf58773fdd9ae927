package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// narrator tells the story. The first error of its writer stays and ends the
// story at the next chance.
type narrator struct {
	out      io.Writer
	text     *lang.Printer
	now      func() time.Time // policy time
	zone     *time.Location
	terminal bool // progress may be drawn over

	mu      sync.Mutex
	err     error
	chapter int
	title   string
	drawn   int // columns of the progress line on the screen
}

func (n *narrator) write(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
	n.put(text)
}

// put writes; n.mu is held.
func (n *narrator) put(text string) {
	if n.err == nil {
		_, n.err = io.WriteString(n.out, text)
	}
}

// clear removes the progress line; n.mu is held.
func (n *narrator) clear() {
	if n.drawn > 0 {
		n.put("\r" + strings.Repeat(" ", n.drawn) + "\r")
		n.drawn = 0
	}
}

func (n *narrator) failed() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return fmt.Errorf("write output: %w", n.err)
	}
	return nil
}

// begin starts a chapter.
func (n *narrator) begin(title string) {
	n.mu.Lock()
	n.chapter++
	n.title = title
	number := n.chapter
	n.mu.Unlock()
	n.write(fmt.Sprintf("\n%d. %s\n", number, title))
}

// current names the chapter being told.
func (n *narrator) current() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return fmt.Sprintf("%d. %s", n.chapter, n.title)
}

// say tells one thing, dated by policy time.
func (n *narrator) say(text string) {
	n.write("  " + n.date() + "  " + text + "\n")
}

// more goes on with what was said last.
func (n *narrator) more(text string) {
	n.write(strings.Repeat(" ", 2+len(dateLayout)+2) + text + "\n")
}

const dateLayout = "2006-01-02 15:04"

func (n *narrator) date() string { return n.now().In(n.zone).Format(dateLayout) }

// command shows the command line that does what the demo does next.
func (n *narrator) command(words ...string) {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = lang.ShellWord(w)
	}
	n.write("    $ kannuki " + strings.Join(quoted, " ") + "\n")
}

// progress draws what is being waited for, on a terminal only.
func (n *narrator) progress(text string) {
	if !n.terminal {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	line := "  " + n.date() + "  … " + text
	n.clear()
	n.put(line)
	n.drawn = lang.Width(line)
}

// rest removes the progress line.
func (n *narrator) rest() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
}
