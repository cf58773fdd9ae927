package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// keys looks at the keyring and at the end of each of its certificates. The
// push certificate has a check of its own.
func (d *diagnosis) keys() {
	t := d.Text
	list, err := Certificates(d.Data, d.Getenv)
	if err != nil {
		d.add("keys", GradeFail, err.Error(), t.T("Restore the folder keys from a backup; without it every phone must enroll again."))
		return
	}
	d.ok("keys", t.T("The keys can be read and belong together."))
	for _, c := range list {
		if c.Name != certPush {
			d.certificate(c)
		}
	}
}

// renewalGrace is how long a certificate may be due before the server that
// should have renewed it, within a day, is missed.
const renewalGrace = 2 * day

// certificate looks at the end of one certificate.
func (d *diagnosis) certificate(c CertificateInfo) {
	t, now, check := d.Text, d.Wall(), "certificate-"+c.Name
	end, days := t.Time(c.NotAfter), int(c.NotAfter.Sub(now)/day)
	switch {
	case now.After(c.NotAfter):
		d.add(check, GradeFail, t.T("%s ended on %s.", c.Name, end), d.renewal(c))
	case !c.RenewalDue.IsZero() && now.After(c.RenewalDue.Add(renewalGrace)):
		d.add(check, GradeWarn, t.T("%s ends on %s and should have been renewed on %s.", c.Name, end, t.Time(c.RenewalDue)), d.renewal(c))
	case !c.RenewalDue.IsZero():
		d.ok(check, t.T("%s is valid until %s; the running server renews it from %s on.", c.Name, end, t.Time(c.RenewalDue)))
	case c.NotAfter.Sub(now) <= expiryWarning:
		d.add(check, GradeWarn, t.T("%s ends on %s, in %d days.", c.Name, end, days), d.renewal(c))
	default:
		d.ok(check, t.T("%s is valid until %s.", c.Name, end))
	}
}

// renewal says how a certificate is renewed.
func (d *diagnosis) renewal(c CertificateInfo) string {
	t := d.Text
	switch {
	case !c.RenewalDue.IsZero():
		return t.T("Start the server: it renews this certificate by itself.")
	case c.Name == certServer:
		return t.T("Put a renewed certificate and its key into the files that tls names; the running server takes them up by itself.")
	default:
		return t.T("This certificate cannot be renewed: make a new installation in time and enroll the phones there.")
	}
}

// permissions looks for files that other users can read, or that the server
// cannot write because they came to belong to somebody else.
func (d *diagnosis) permissions() {
	t := d.Text
	folder, err := os.Stat(d.Data)
	if err != nil {
		d.add("permissions", GradeFail, err.Error(), "")
		return
	}
	fix := t.T("Give the files of the data directory to the user the server runs as.")
	for _, name := range []string{"", configFile, databaseFile, keysDir, tokenFile} {
		info, err := os.Stat(filepath.Join(d.Data, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the check that needs it says so
		}
		if err != nil {
			d.add("permissions", GradeFail, err.Error(), fix)
			return
		}
		if info.Mode().Perm()&0o077 != 0 {
			d.add("permissions", GradeWarn, t.T("Other users have rights to %s (%s).", filepath.Join(d.Data, name), info.Mode().Perm()),
				t.T("Take them away: chmod go= %s", filepath.Join(d.Data, name)))
			return
		}
		if owner(info) != owner(folder) {
			d.add("permissions", GradeFail, t.T("%s does not belong to the user that the data directory belongs to.", filepath.Join(d.Data, name)), fix)
			return
		}
	}
	d.ok("permissions", t.T("Only the owner of the data directory has rights to it."))
}

func owner(info fs.FileInfo) uint32 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid
	}
	return 0
}

// newest is the last moment at which a file of the installation was written,
// which a clock that is right is never before.
func (d *diagnosis) newest() time.Time {
	var last time.Time
	for _, name := range []string{configFile, databaseFile, feedsFile} {
		if info, err := os.Stat(filepath.Join(d.Data, name)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}
