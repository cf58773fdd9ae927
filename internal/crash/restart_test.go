package crash

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// compareServer asks a server that has just started, and that nobody else uses
// yet, for what was on disk before it started, and returns what differs.
func compareServer(ctx context.Context, admin *api.Client, s *state) []string {
	var apps api.Apps
	var groups api.Groups
	var verdicts api.Verdicts
	var devices fleet.DevicePage
	var audit api.Audit
	last := s.Audit[len(s.Audit)-1]
	after := url.Values{"after": {strconv.FormatUint(last.Seq-1, 10)}}
	for _, question := range []struct {
		path   string
		query  url.Values
		answer any
	}{
		{"apps", nil, &apps},
		{"groups", nil, &groups},
		{"verdicts", nil, &verdicts},
		{"devices", nil, &devices},
		{"audit", after, &audit},
	} {
		if err := admin.Get(ctx, api.Path(question.path), question.query, question.answer); err != nil {
			return []string{fmt.Sprintf("start: the server does not answer: %v", err)}
		}
	}
	var faults []string
	if len(audit.Entries) == 0 || audit.Entries[0].Hash != last.Hash {
		faults = append(faults, fmt.Sprintf("start: audit entry %d is not the one on disk", last.Seq))
	}
	said, disk := map[string]string{}, map[string]string{}
	for _, a := range apps.Apps {
		said["app "+a.BundleID] = a.Name + ", " + a.Importance
	}
	for _, g := range groups.Groups {
		said["group "+g.Name] = fmt.Sprintf("%s with %d and %d phones", strings.Join(g.Apps, ","), g.Verification, g.Production)
	}
	for _, v := range verdicts.Verdicts {
		said["verdict "+v.ID] = v.Result + v.RevokedFor
	}
	for _, d := range devices.Devices {
		said["phone "+d.UDID] = fmt.Sprintf("epoch %d, %s/%s, %s, %s", d.Epoch, d.Group, d.Ring, d.State, d.OS)
	}
	s.describe(disk)
	for _, k := range slices.Sorted(maps.Keys(disk)) {
		if said[k] != disk[k] {
			faults = append(faults, fmt.Sprintf("start: of %s the server says %q, on disk is %q", k, said[k], disk[k]))
		}
	}
	if len(said) != len(disk) {
		faults = append(faults, fmt.Sprintf("start: the server knows %d things, on disk are %d", len(said), len(disk)))
	}
	return faults
}

// describe puts what is on disk into the words of compareServer.
func (s *state) describe(disk map[string]string) {
	size := map[string]int{}
	for _, p := range s.Phones {
		if p.State != storage.PhoneRemoved {
			size[place(p)]++
		}
		disk["phone "+p.UDID] = fmt.Sprintf("epoch %d, %s, %s, %s", p.Epoch, place(p), p.State, p.OS.Version)
	}
	for _, a := range s.World.Apps {
		disk["app "+a.BundleID] = a.Name + ", " + a.Importance
	}
	for _, g := range s.World.Groups {
		disk["group "+g.Name] = fmt.Sprintf("%s with %d and %d phones", strings.Join(g.Apps, ","), size[g.Name+"/verification"], size[g.Name+"/production"])
	}
	for _, v := range s.World.Verdicts {
		disk["verdict "+v.ID] = v.Result + v.RevokedFor
	}
}
