package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// unitName is the unit that contrib/systemd holds.
const unitName = "kannuki.service"

// service looks whether the server comes back after a reboot, where systemd
// runs the machine. Elsewhere there is nothing to say.
func (d *diagnosis) service() {
	t, root := d.Text, d.System
	if root == "" {
		root = "/"
	}
	if _, err := os.Stat(filepath.Join(root, "run/systemd/system")); err != nil {
		return
	}
	units := filepath.Join(root, "etc/systemd/system")
	_, err := os.Stat(filepath.Join(units, unitName))
	if errors.Is(err, fs.ErrNotExist) {
		d.add("service", GradeWarn, t.T("There is no unit %s: nothing starts the server after a reboot or a crash.", unitName),
			t.T("Install contrib/systemd/kannuki.service, or see that something else starts the server."))
		return
	}
	if _, err := os.Lstat(filepath.Join(units, "multi-user.target.wants", unitName)); errors.Is(err, fs.ErrNotExist) {
		d.add("service", GradeWarn, t.T("The unit %s is not enabled: nothing starts the server after a reboot.", unitName),
			t.T("Enable it: systemctl enable --now kannuki"))
		return
	}
	d.ok("service", t.T("systemd starts the server by itself (%s).", unitName))
}
