package bolt

import (
	"fmt"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestHistoryIsShort: what a phone ran before must not cost the room of the
// phone itself. A record is about 1,500 bytes.
func TestHistoryIsShort(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 7, 3, 11, 29, 0, time.UTC)
	p := storage.Phone{UDID: "00008110-000A1B2C3D4E5F60", OS: storage.OS{Version: "26.6.1", Build: "23G83", Since: at}}
	size := func() int {
		t.Helper()
		content, err := pack(&packer{}, bucketPhones, p)
		if err != nil {
			t.Fatal(err)
		}
		return len(content)
	}
	before := size()
	p.OS.Reasons = []string{"declaration"}
	for i := range storage.MaxHistory {
		at = at.Add(19*24*time.Hour + 7*time.Hour + 13*time.Minute + 41*time.Second)
		p.History = append(p.History, storage.Ran{Version: fmt.Sprintf("26.%d.1", i), Since: at, Reasons: []string{"declaration"}})
	}
	const most = 320
	if got := size() - before; got > most {
		t.Errorf("%d releases take %d bytes, want at most %d", storage.MaxHistory, got, most)
	}
}
