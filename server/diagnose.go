package server

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// Grade says how bad a [Finding] is.
type Grade string

// The grades.
const (
	GradeOK   Grade = "ok"
	GradeWarn Grade = "warn" // works now; somebody should act in time
	GradeFail Grade = "fail" // does not work
)

// Finding is what one check of an installation found.
type Finding struct {
	Check   string `json:"check"` // stable; docs/api.md lists them
	Grade   Grade  `json:"grade"`
	Message string `json:"message"`       // what is so
	Fix     string `json:"fix,omitempty"` // what to do, "" when nothing
}

// DiagnoseOptions say what to look at. All fields but Space are required.
type DiagnoseOptions struct {
	Data   string
	Getenv func(string) string
	Wall   func() time.Time
	Text   *lang.Printer
	// Database checks the database file; see [CheckDatabase] for why it may
	// have to happen in another process.
	Database func(ctx context.Context) error
	Space    func(folder string) (Space, error) // nil asks the system
	System   string                             // root of the file system that systemd runs; "" is "/"
}

// Diagnose looks at an installation from outside: at its files, its disk, its
// clock, and at its device listener as a phone sees it. It changes nothing and
// works whether or not the server runs. When the configuration cannot be read
// there is nothing else to look at.
func Diagnose(ctx context.Context, o DiagnoseOptions) []Finding {
	config, err := LoadConfig(o.Data, o.Getenv)
	if err != nil {
		return []Finding{{"config", GradeFail, err.Error(), o.Text.T("Mend the configuration file; unknown keys are errors.")}}
	}
	if o.Space == nil {
		o.Space = diskSpace
	}
	d := diagnosis{DiagnoseOptions: o, config: config}
	d.ok("config", o.Text.T("The configuration can be read; phones reach the server at %s.", config.URL))
	d.crypto()
	d.keys()
	d.permissions()
	d.database(ctx)
	d.disk()
	d.clock()
	d.listener(ctx)
	d.push(ctx)
	d.feeds()
	d.notify()
	d.service()
	return d.findings
}

type diagnosis struct {
	DiagnoseOptions
	config   Config
	findings []Finding
}

func (d *diagnosis) ok(check, message string) { d.add(check, GradeOK, message, "") }

func (d *diagnosis) add(check string, g Grade, message, fix string) {
	d.findings = append(d.findings, Finding{check, g, message, fix})
}

// crypto warns while weak cryptography is let in; there is nothing to say
// otherwise.
func (d *diagnosis) crypto() {
	if !d.config.LegacyCrypto {
		return
	}
	d.add("crypto", GradeWarn, d.Text.T("legacy_crypto is on: SHA-1 signatures and DES certificate requests are accepted."),
		d.Text.T("Switch it off as soon as no phone needs it; `kannuki audit log` names those that still used it."))
}

// database looks at the database file.
func (d *diagnosis) database(ctx context.Context) {
	t := d.Text
	switch err := d.Database(ctx); {
	case err == nil:
		d.ok("database", t.T("The database is whole."))
	case errors.Is(err, ErrDatabaseLocked):
		d.ok("database", t.T("The database is in use by the running server; its records are checked as they are read."))
	case errors.Is(err, ErrDatabaseOlder):
		d.add("database", GradeWarn, t.T("The database is of an older Kannuki and was not checked."), t.T("`kannuki serve` migrates it and keeps a copy."))
	case errors.Is(err, ErrDatabaseNewer):
		d.add("database", GradeFail, t.T("The database is of a newer Kannuki."), t.T("Run the newer Kannuki, or restore the copy that it made before it changed the database."))
	case strings.Contains(err.Error(), fs.ErrPermission.Error()):
		// The check runs in a process of its own, so only its words are left.
		d.add("database", GradeFail, err.Error(), t.T("Give the files of the data directory to the user the server runs as."))
	default:
		d.add("database", GradeFail, err.Error(), t.T("Stop the server, keep the file, and restore the newest backup."))
	}
}

func (d *diagnosis) disk() {
	t := d.Text
	space, err := d.Space(d.Data)
	if err != nil {
		d.add("disk", GradeWarn, err.Error(), "")
		return
	}
	text := t.T("%d MiB are free for the database.", space.Free>>20)
	switch space.State() {
	case api.DiskReadOnly:
		d.add("disk", GradeFail, text, t.T("Make room now: the server only lets people look, pause and revoke. It goes on by itself once there is room."))
	case api.DiskLow:
		d.add("disk", GradeWarn, text, t.T("Make room: a server that cannot write cannot hear phones."))
	case api.DiskOK, api.DiskUnknown:
		d.ok("disk", text)
	}
}

// clockTolerance is how far a clock may be from another that is right.
const clockTolerance = 5 * time.Minute

// clock looks for a clock that cannot be right, or that nothing keeps right.
// Certificates, one-time links and deadlines depend on it.
func (d *diagnosis) clock() {
	t := d.Text
	now := d.Wall()
	fix := t.T("Set the clock and let NTP keep it: certificates, links and deadlines depend on it.")
	keys, err := certs.OpenKeyring(filepath.Join(d.Data, keysDir))
	if err == nil && now.Before(keys.Root().NotBefore) {
		d.add("clock", GradeFail, t.T("The clock says %s, which is before this installation was made.", t.Time(now)), fix)
		return
	}
	if newest := d.newest(); newest.After(now.Add(clockTolerance)) {
		d.add("clock", GradeFail, t.T("The clock says %s, but a file of the installation was written at %s: it has been set back.", t.Time(now), t.Time(newest)), fix)
		return
	}
	// State 5 is TIME_ERROR: the kernel knows of nothing that keeps the clock.
	if state, err := unix.Adjtimex(&unix.Timex{}); err == nil && state == unix.TIME_ERROR {
		d.add("clock", GradeWarn, t.T("The clock says %s; nothing on this machine keeps it right.", t.Time(now)), fix)
		return
	}
	d.ok("clock", t.T("The clock says %s and is kept right.", t.Time(now)))
}
