package lang

import "strings"

// ShellWord returns word as a POSIX shell reads it as one word and as it
// stands, so that a command in a hint can be copied whatever a path is called.
// Most words come back unchanged.
func ShellWord(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"$&;|<>()*?!`\\#~[]{}") {
		return word
	}
	if !strings.ContainsAny(word, "\"$`\\!") {
		return `"` + word + `"`
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
