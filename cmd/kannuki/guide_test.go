package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// The guides' conventions: a line of a ```sh block is a command to type as it
// stands and is run by TestGuide; a ```console block is for the reader's own
// machine (sudo, a network) and is only looked at. What a reader has to know of a
// command stands behind it as a comment, and the words matched here are the ones
// that the test obeys as well.
var (
	unfenced   = regexp.MustCompile(`^ {4,}kannuki `)
	fence      = regexp.MustCompile("^ *```([a-z]*)$")
	heading    = regexp.MustCompile(`^#+ (?:(\d+)\. )?`)
	comment    = regexp.MustCompile(`\s+# .*$`)
	freeText   = regexp.MustCompile(`(--(?:reason|note|smoke)) "[^"]*"`)
	link       = regexp.MustCompile(`\]\(([^):]+)\)`) // not to other sites
	unsluggish = regexp.MustCompile(`[^\p{L}\p{N}ー -]`)
	inlineCode = regexp.MustCompile("`kannuki ([^`]+)`")
)

// page is a Markdown file as far as the tests care.
type page struct {
	headings []string // "## 3. ", or "## " for one without a number
	anchors  []string // of the headings, as GitHub makes them
	blocks   []codeBlock
	prose    string // everything outside code blocks
}

type codeBlock struct {
	lang  string
	lines []string
}

// guidePages returns the pages of the guide, without their endings, in the order
// in which they are read.
func guidePages() []string {
	return []string{
		"docs/guide/setup", "docs/guide/groups", "docs/guide/policies", "docs/guide/enrol",
		"docs/guide/releases", "docs/guide/urgent", "docs/guide/day90", "docs/guide/everyday",
	}
}

// translated returns the pages there are in both languages, without their
// endings.
func translated() []string {
	return append([]string{"README", "docs/guide", "docs/operations"}, guidePages()...)
}

// inBoth returns these pages' files in English and in Japanese.
func inBoth(pages []string) []string {
	var files []string
	for _, page := range pages {
		files = append(files, page+".md", page+".ja.md")
	}
	return files
}

// readPage reads a file of the repository.
func readPage(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var p page
	var prose []string
	inside := false
	for _, line := range strings.Split(string(text), "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && !inside:
			inside = true
			p.blocks = append(p.blocks, codeBlock{lang: m[1]})
		case m != nil:
			inside = false
		case inside:
			b := &p.blocks[len(p.blocks)-1]
			b.lines = append(b.lines, strings.TrimSpace(line))
		case unfenced.MatchString(line):
			t.Errorf("%s: %q belongs into a fenced block, where the tests see it", name, line)
		default:
			if h := heading.FindString(line); h != "" {
				p.headings = append(p.headings, h)
				title := strings.ToLower(strings.TrimLeft(line, "# "))
				p.anchors = append(p.anchors, strings.ReplaceAll(unsluggish.ReplaceAllString(title, ""), " ", "-"))
			}
			prose = append(prose, line)
		}
	}
	if inside {
		t.Fatalf("%s: a code block has no end", name)
	}
	p.prose = strings.Join(prose, "\n")
	return p
}

// commands returns the command lines of blocks in these languages, without
// comments and, so that both languages compare, without what people write freely.
func (p page) commands(langs ...string) [][]string {
	var all [][]string
	for _, b := range p.blocks {
		if !slices.Contains(langs, b.lang) {
			continue
		}
		lines := []string{"```" + b.lang}
		for _, line := range b.lines {
			lines = append(lines, freeText.ReplaceAllString(comment.ReplaceAllString(line, ""), `$1 ""`))
		}
		all = append(all, lines)
	}
	return all
}

// TestGuidePages holds that no page of the guide escapes the other tests.
func TestGuidePages(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	found, err := filepath.Glob(filepath.Join(root, "docs", "guide", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range inBoth(guidePages()) {
		want = append(want, filepath.Join(root, filepath.FromSlash(name)))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("pages in docs/guide (-guidePages +found):\n%s", diff)
	}
}

// TestTranslationsAgree holds that the Japanese pages have the sections and the
// commands of the English ones.
func TestTranslationsAgree(t *testing.T) {
	t.Parallel()
	for _, name := range translated() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			en, ja := readPage(t, name+".md"), readPage(t, name+".ja.md")
			if diff := cmp.Diff(en.headings, ja.headings); diff != "" {
				t.Errorf("headings (-en +ja):\n%s", diff)
			}
			if diff := cmp.Diff(en.commands("sh", "console"), ja.commands("sh", "console")); diff != "" {
				t.Errorf("commands (-en +ja):\n%s", diff)
			}
		})
	}
}

// TestPagesNameRealCommands holds that every command a page names, also in its
// prose, exists and takes the flags that stand there.
func TestPagesNameRealCommands(t *testing.T) {
	t.Parallel()
	for _, name := range inBoth(translated()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := readPage(t, name)
			var lines []string
			for _, b := range p.blocks {
				for _, line := range b.lines {
					if rest, ok := strings.CutPrefix(line, "kannuki "); ok && b.lang != "mermaid" {
						lines = append(lines, comment.ReplaceAllString(rest, ""))
					}
				}
			}
			for _, m := range inlineCode.FindAllStringSubmatch(p.prose, -1) {
				lines = append(lines, m[1])
			}
			for _, line := range lines {
				checkCommand(t, line)
			}
		})
	}
}

// TestPagesLinkToWhatExists holds links inside a page and to files beside it.
func TestPagesLinkToWhatExists(t *testing.T) {
	t.Parallel()
	for _, name := range inBoth(translated()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, m := range link.FindAllStringSubmatch(readPage(t, name).prose, -1) {
				target, anchor, _ := strings.Cut(m[1], "#")
				file := name
				if target != "" {
					file = path.Join(path.Dir(name), target)
				}
				if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(file))); err != nil {
					t.Errorf("link %s: %v", m[1], err)
					continue
				}
				if anchor != "" && !slices.Contains(readPage(t, file).anchors, anchor) {
					t.Errorf("link %s: %s has no such heading", m[1], file)
				}
			}
		})
	}
}

// checkCommand says when a command line names no command or an unknown flag.
func checkCommand(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " > ")
	root := newRootCommand(testGlobals(lang.English))
	found, rest, err := root.Find(strings.Fields(line))
	switch {
	case err != nil:
		t.Errorf("kannuki %s: %v", line, err)
	case found.HasSubCommands() && len(rest) > 0:
		t.Errorf("kannuki %s: %s has no command %s", line, found.CommandPath(), rest[0])
	default:
		if err := found.ParseFlags(rest); err != nil {
			t.Errorf("kannuki %s: %v", line, err)
		}
	}
}
