package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/internal/policyfile"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// Exit codes. They are part of the command contract.
const (
	exitOK       = 0
	exitError    = 1
	exitUsage    = 2
	exitRefused  = 3
	exitNotFound = 4
	exitChanged  = 5
)

// Codes of failures that the server knows nothing of, beside those of api.
const (
	codeUsage       = "usage"
	codeError       = "error"
	codeUnreachable = "unreachable"
	detailNoAnswer  = "no-answer" // of an unreachable one that may well run
)

// usageError says that a command was called wrongly.
type usageError struct {
	command string
	message string
}

func (e *usageError) Error() string { return e.message }

func usage(cmd *cobra.Command, message string) error {
	return &usageError{command: cmd.CommandPath(), message: message}
}

// shownError ends a command with a code after everything was shown already.
type shownError struct{ exit int }

func (e *shownError) Error() string { return fmt.Sprintf("exit code %d", e.exit) }

// nextError adds to an error what a person can do about it.
type nextError struct {
	err  error
	next string
}

func (e *nextError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *nextError) Unwrap() error { return e.err }

// wordedError is an error with the words for whoever reads it.
type wordedError struct {
	text string
	err  error
}

func (e *wordedError) Error() string { return e.text }

// Unwrap returns the error.
func (e *wordedError) Unwrap() error { return e.err }

// failure is an error as it is shown, with -o json exactly so.
type failure struct {
	Exit      int             `json:"exit"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	Detail    string          `json:"detail,omitempty"`
	Field     string          `json:"field,omitempty"`
	File      string          `json:"file,omitempty"` // of settings
	Line      int             `json:"line,omitempty"` // of the file, from 1
	Missing   []fleet.Missing `json:"missing,omitempty"`
	Near      []string        `json:"near,omitempty"`
	Next      string          `json:"next,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
}

// report shows an error, which may be nil, and returns its exit code. It is
// the one place that knows both.
func (g *globals) report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if shown, ok := errors.AsType[*shownError](err); ok {
		return shown.exit
	}
	if g.output == formJSON {
		f := g.repeating(describe(lang.New(lang.English), err))
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(struct { // the exit code tells of it even when nobody reads on
			Error failure `json:"error"`
		}{f})
		return f.Exit
	}
	f := g.repeating(describe(g.text, err))
	_, _ = io.WriteString(w, f.text(g.text)) // as above
	return f.Exit
}

// repeating returns a failure whose next step is for the same server.
func (g *globals) repeating(f failure) failure {
	f.Next = g.repeat(f.Next)
	return f
}

// repeat completes the commands that a hint names with where the server is, as
// it was typed, so that they can be copied. Where nothing was typed, the
// environment or the default says it to them as well. What has been completed
// stays as it is.
func (g *globals) repeat(hint string) string {
	typed := g.where + g.as
	return regexp.MustCompile("`kannuki [^`]+`").ReplaceAllStringFunc(hint, func(command string) string {
		here := g.server == "" || !strings.HasPrefix(command, "`kannuki doctor") // which only looks at this machine
		if strings.Contains(command, " --data ") || strings.HasSuffix(command, typed+"`") && typed != "" || strings.HasSuffix(command, " --help`") || !here {
			return command
		}
		return strings.TrimSuffix(command, "`") + typed + "`"
	})
}

func (f failure) text(t *lang.Printer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kannuki: %s\n", f.Message)
	for _, m := range f.Missing {
		fmt.Fprintf(&b, "  %s\n", missingLine(t, m))
	}
	if f.Next != "" {
		fmt.Fprintf(&b, "%s\n", f.Next)
	}
	if f.RequestID != "" && f.Code == api.CodeInternal {
		fmt.Fprintf(&b, "%s\n", t.T("The server's log has more under request id %s.", f.RequestID))
	}
	return tame(b.String(), "\n") // what people typed stands in it
}

// missingLine is one app that keeps a gate closed. An older server says of it only why,
// in codes.
func missingLine(t *lang.Printer, m fleet.Missing) string {
	if m.App.BundleID == "" {
		return fmt.Sprintf("%s (%s): %s", oneLine(m.Name), m.BundleID, m.Why)
	}
	return classNamer{t: t, classes: m.Classes}.seenLine(m.App)
}

// describe puts an error into words: what is so, and what can be done.
func describe(t *lang.Printer, err error) failure {
	f := failure{Exit: exitError, Code: codeError, Message: err.Error()}
	if e, ok := errors.AsType[*api.Error](err); ok {
		f = describeAPI(t, e)
		about, _ := strings.CutSuffix(err.Error(), e.Message) // what it happened to
		if about != err.Error() {
			f.Message = about + f.Message
		}
	} else if e, ok := errors.AsType[*fleet.InvalidError](err); ok { // of what is computed here
		f = describeAPI(t, &api.Error{Code: api.CodeInvalid, Message: e.Error(), Detail: e.Code, Field: e.Field, Params: e.Params})
	} else if e, ok := errors.AsType[*server.SetupError](err); ok {
		if text, worded := t.Refusal(e.Code); worded {
			f.Message = t.Fill(text, e.Params)
		}
		switch e.Code {
		case "initialized":
			f.Next = t.T("Start it: `kannuki serve --data %s`.", lang.ShellWord(e.Params["data"]))
		case "public-url":
			f.Exit, f.Code, f.Field = exitUsage, codeUsage, "url"
		}
	} else if e, ok := errors.AsType[*policyfile.Error](err); ok {
		f.Exit, f.Code, f.Detail, f.Field, f.Message = exitUsage, api.CodeInvalid, e.Code, e.Key, settingsFault(t, e)
		f.File, f.Line = e.File, e.Line
	} else if e, ok := errors.AsType[*fs.PathError](err); ok {
		f.Message = fileFault(t, e)
		if errors.Is(e, fs.ErrExist) {
			f.Next = t.T("Name another file, or move that one away first.")
		}
	}
	if e, ok := errors.AsType[*placedError](err); ok {
		f.File, f.Line, f.Field = e.place.File, e.place.Line, e.place.Key
	}
	if errors.Is(err, server.ErrDatabaseLocked) {
		f.Message = t.T("a server is running on this data directory")
	}
	if errors.Is(err, server.ErrDatabaseOlder) {
		f.Message = t.T("the database is of an older Kannuki and was not read")
	}
	if e, ok := errors.AsType[*wordedError](err); ok {
		f.Message = e.text
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		f = failure{Exit: exitUsage, Code: codeUsage, Message: e.message, Next: t.T("See `%s --help`.", e.command)}
	}
	if e, ok := errors.AsType[*api.UnreachableError](err); ok {
		f.Code = codeUnreachable
		silent, timedOut := errors.AsType[*api.SilentError](e)
		switch {
		case timedOut:
			f.Detail = detailNoAnswer
			f.Message, f.Next = noAnswer(t, e, silent.After)
		case e.Unknown:
			f.Message, f.Next = lostAnswer(t, e)
		case e.Tried:
			f.Message, f.Next = lostTrial(t, e)
		case e.Socket != "":
			f.Message, f.Next = silentSocket(t, e)
		default:
			f.Message, f.Next = silentServer(t, e)
		}
	}
	if errors.Is(err, context.Canceled) {
		next := "" // what was asked may be done all the same
		if e, ok := errors.AsType[*api.UnreachableError](err); ok && e.Unknown {
			next = f.Next
		}
		f = failure{Exit: exitError, Code: codeError, Message: t.T("Interrupted."), Next: next}
	}
	if e, ok := errors.AsType[*nextError](err); ok {
		f.Next = e.next
	}
	return f
}

// fileFault says what is wrong with a file.
func fileFault(t *lang.Printer, e *fs.PathError) string {
	switch {
	case errors.Is(e, fs.ErrNotExist):
		return t.T("%s: no such file or directory", e.Path)
	case errors.Is(e, fs.ErrPermission):
		return t.T("%s: permission denied", e.Path)
	case errors.Is(e, fs.ErrExist):
		return t.T("%s exists already; it was left as it is", e.Path)
	case errors.Is(e, syscall.ENOSPC):
		return t.T("%s: no space left on the disk", e.Path)
	case errors.Is(e, syscall.EISDIR):
		return t.T("%s is a folder, want a file", e.Path)
	default:
		return e.Error()
	}
}

func describeAPI(t *lang.Printer, e *api.Error) failure {
	f := failure{
		Exit: exitError, Code: e.Code, Message: e.Message, Detail: e.Detail, Field: e.Field,
		Missing: e.Missing, Near: e.Near, RequestID: e.RequestID,
	}
	if text, worded := t.Refusal(e.Detail); worded {
		f.Message = t.Fill(text, withField(e.Params, e.Field))
	}
	switch e.Code {
	case api.CodeInvalid:
		f.Exit = exitUsage
		f.Next = afterFault(t, e)
	case api.CodeRefused:
		f.Exit = exitRefused
		if strings.HasPrefix(e.Detail, "gate-") {
			f.Message = t.T("Not approved: the gate is closed.")
		}
		f.Next = afterRefusal(t, e)
	case api.CodeNotFound:
		f.Exit = exitNotFound
		f.Message, f.Next = notFound(t, e)
	case api.CodeDiskFull:
		f.Message = t.T("Nothing was done: the server's disk is full.")
		f.Next = t.T("Make room there, then try again; no restart is needed. `kannuki doctor` shows the space. Looking, and what stops something, still work.")
	case api.CodeInternal:
		f.Message = t.T("internal fault")
	case api.CodeConflict:
		f.Exit = exitChanged
		f.Message, f.Next = afterChange(t, e)
	}
	return f
}

// withField adds the field at fault to the values of a message.
func withField(params map[string]string, field string) map[string]string {
	all := maps.Clone(params)
	if all == nil {
		all = map[string]string{}
	}
	all["field"] = field
	return all
}

// notFound names what does not exist, and what comes near.
func notFound(t *lang.Printer, e *api.Error) (message, next string) {
	message, near := e.Message, strings.Join(e.Near, ", ")
	switch e.What {
	case "":
		message = t.T("not found")
	case "group":
		message, next = t.T("There is no group %q.", e.Name), t.T("List: `kannuki group list`.")
	case "policy":
		message, next = t.T("There is no policy %q.", e.Name), t.T("List: `kannuki policy list`.")
	case "calendar":
		message, next = t.T("There is no calendar %q.", e.Name), t.T("List: `kannuki calendar list`.")
	case "release":
		message, next = t.T("There is no release %q.", e.Name), t.T("List: `kannuki release list`.")
	case "posted-release":
		message, next = t.T("Apple has not posted %s yet, by the server's clock.", e.Name), t.T("`kannuki release list` has the days.")
	case "cve":
		message, next = t.T("No release of the catalogue fixes %q.", e.Name), t.T("`kannuki exposure show` lists the flaws that phones lack the fix of.")
	case "app":
		message, next = t.T("There is no business app %q.", e.Name), t.T("List: `kannuki app list`.")
	case "phone":
		message, next = t.T("There is no phone %q.", e.Name), t.T("List: `kannuki device list`.")
	case "proposal":
		message, next = t.T("There is no proposal %q.", e.Name), t.T("List: `kannuki approval list`.")
	case "notice":
		message, next = t.T("There is no notice %q.", e.Name), t.T("List: `kannuki notify list`.")
	case "channel":
		message, next = t.T("The configuration names no channel %q.", e.Name), t.T("Channels stand under the key notify of config.yaml; list: `kannuki notify channels`.")
	case "token":
		message, next = t.T("There is no token %q.", e.Name), t.T("List: `kannuki token list`.")
	case "command":
		message, next = t.T("There is no command %q in its queue.", e.Name), t.T("List: `kannuki device queue`.")
	case "verdict":
		message, next = t.T("There is no test result %q.", e.Name), t.T("List: `kannuki verdict list`.")
	case "operation":
		message, next = t.T("The server has no operation %q.", e.Name), t.T("It may be of another version than this command: see `kannuki version` and `kannuki status`.")
	case "problem":
		message, next = t.T("There is no report %q.", e.Name), t.T("List: `kannuki problem list`.")
	}
	if near != "" {
		next = t.T("Nearest: %s.", near) + " " + next
	}
	return message, next
}

// afterFault is the next step after a value that cannot be used, or "".
func afterFault(t *lang.Printer, e *api.Error) string {
	if len(e.Near) > 0 {
		return t.T("Nearest: %s.", strings.Join(e.Near, ", "))
	}
	switch e.Detail {
	case "unknown-reason":
		return t.T("`kannuki status` counts the phones by reason.")
	case "device-missing":
		return t.T("Name it with --device (`kannuki device list --ring verification`); of a test made elsewhere give --external, --group, --model, --app-version and --evidence.")
	case "feed-unknown", "feed-empty", "feed-shrunk", "feed-damaged":
		return t.T("Fetch the file anew, whole, from where it is published, and try it first with `kannuki release import --dry-run`.")
	default:
		return ""
	}
}

// afterRefusal is the next step after policy refused something, or "".
func afterRefusal(t *lang.Printer, e *api.Error) string {
	release, group := e.Params["release"], e.Params["group"]
	word := lang.ShellWord(release)
	switch e.Detail {
	case "app-broken":
		return t.Step("fix-app-and-test-again")
	case "app-exists":
		return t.T("Change it with `kannuki app set %s`.", e.Params["app"])
	case "group-exists":
		return t.T("Change it with `kannuki group set %s`.", group)
	case "paused-already":
		return t.T("It goes on after `kannuki rollout resume %s --group %s --reason TEXT`.", word, group)
	case "phone-not-on-release":
		if version.Newer(version.Base(e.Params["os"]), version.Base(release)) {
			return t.T("The phone runs a newer iOS and cannot go back: test on one that runs iOS %s (`kannuki device list --ring verification`), or give a result made elsewhere with --external.", release)
		}
		return t.T("Wait until the phone reports it; `kannuki gate show %s --group %s` counts those that do.", word, group)
	}
	if release == "" || group == "" {
		return ""
	}
	return seeGate(t, release, group)
}

// afterChange says what changed since it was shown, and how to look again.
func afterChange(t *lang.Printer, e *api.Error) (message, next string) {
	release, group := e.Params["release"], e.Params["group"]
	if release == "" || group == "" {
		return t.T("Nothing was done: it changed since it was shown."), t.T("Look again, then decide.")
	}
	return t.T("Nothing was done: the gate changed since it was shown."),
		t.T("Look again with `kannuki gate show %s --group %s`, then decide.", lang.ShellWord(release), group)
}

// seeGate names the command that shows a gate.
func seeGate(t *lang.Printer, release, group string) string {
	return t.T("See `kannuki gate show %s --group %s`.", lang.ShellWord(release), group)
}

func isRefusal(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == api.CodeRefused
}
