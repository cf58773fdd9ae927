package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStartWarns: the log of a start names a channel that can send nothing by its
// settings, and a token that others can read; nothing of those that are right.
func TestStartWarns(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.stop()
	secret, open, closed := filepath.Join(in.data, "secret"), filepath.Join(in.data, "open"), filepath.Join(in.data, "closed")
	in.must(os.WriteFile(secret, []byte(strings.Repeat("s", 64)), 0o600))
	in.must(os.WriteFile(open, []byte("abc"), 0o600))
	in.must(os.Chmod(open, 0o644))
	in.must(os.WriteFile(closed, []byte("abc"), 0o600))
	in.edit("push:", "notify:\n  - {name: lost, type: webhook, url: 'https://10.1.2.3/in', secret_file: "+secret+"}\n"+
		"  - {name: chat, type: webhook, url: 'https://10.1.2.3/in', allow: [10.1.2.0/24], secret_file: "+secret+"}\n"+
		"beta_programs:\n  - {name: Open, token_file: "+open+"}\n  - {name: Closed, token_file: "+closed+"}\npush:")
	in.start()
	log := in.log.String()
	for _, want := range []string{`msg="a channel cannot send" channel=lost problem=`, "chmod 600\" program=Open file=" + open} {
		if strings.Count(log, want) != 1 {
			t.Errorf("the log says %q %d times, want once", want, strings.Count(log, want))
		}
	}
	for _, never := range []string{"channel=chat problem=", "program=Closed"} {
		if strings.Contains(log, never) {
			t.Errorf("the log says %q", never)
		}
	}
}
