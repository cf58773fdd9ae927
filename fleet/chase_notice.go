package fleet

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Kinds of the notices that steps become.
const (
	noticeChase = "chase." // then the kind of the step

	NoticeChaseNotice   = noticeChase + "notice"   // an update is coming; for whoever carries the phone
	NoticeChaseMessage  = noticeChase + "message"  // what keeps the phone from it; for whoever carries the phone
	NoticeChaseEscalate = noticeChase + "escalate" // phones that are late; for whoever answers for the group
	NoticeChaseTicket   = noticeChase + "ticket"   // the same, for the help desk
)

// stateUntold is what a notice says of a phone that has no deadline of its own.
const stateUntold = "not-told"

// maxNamed is how many phones a notice about several names; all are counted.
const maxNamed = 20

// about adds to the params of a notice what a pursuit is about, and returns what
// the kinds of its notices begin with.
func (on pursuit) about(params map[string]string) string {
	if on.tests != nil {
		return on.tests.about(on.source, params)
	}
	params["approval"] = on.source
	return noticeChase
}

// chaseNotices returns what is to be heard of a step that is taken for some
// phones of one pursuit, by the phone whose record it goes with. Whoever carries a
// phone gets a notice of their own where a reference says who that is; all others
// are one notice about the group.
func (f *Fleet) chaseNotices(seg storage.Segment, due []stepDue) map[string][]storage.Notice {
	notices := map[string][]storage.Notice{}
	on, step := due[0].on, due[0].step
	if step.Kind == policy.ChasePush {
		return notices
	}
	about := func(first stepDue, params map[string]string) storage.Notice {
		params["step"] = step.Name
		return storage.Notice{
			Kind: on.about(params) + string(step.Kind), Group: on.group, Release: on.release, Params: params,
			Zone: f.location(&first.member.look.phone).String(),
		}
	}
	var others []stepDue
	for _, d := range due {
		if !step.Kind.Personal() || d.member.holder == "" {
			others = append(others, d)
			continue
		}
		n := about(d, map[string]string{"reason": string(d.reason)})
		switch {
		case on.tests != nil:
		case d.deadline == "":
			n.Params["state"] = stateUntold
		default:
			n.Params[policy.ParamDeadline] = string(d.deadline)
		}
		n.Phone, n.Holder = d.member.udid, d.member.holder
		if on.language != "" { // of whoever carries it; all else is in the channel's
			n.Params["language"] = on.language
		}
		notices[n.Phone] = append(notices[n.Phone], f.notice(seg, n))
	}
	if len(others) > 0 {
		first := others[0].member.udid
		notices[first] = append(notices[first], f.notice(seg, about(others[0], summary(others))))
	}
	return notices
}

// summary says how many phones are late, why, and which, as far as they are few.
func summary(due []stepDue) map[string]string {
	counts := map[string]int{}
	var named []string
	for i, d := range due {
		counts[string(d.reason)]++
		if i < maxNamed {
			named = append(named, d.member.udid)
		}
	}
	return map[string]string{
		policy.ParamCount: strconv.Itoa(len(due)), "phones": strings.Join(named, ","), "reasons": countList(counts),
	}
}

// countList writes how often each code occurs, "offline=3,locked=2", sorted by code.
func countList(counts map[string]int) string {
	list := make([]string, 0, len(counts))
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, code+"="+strconv.Itoa(counts[code]))
	}
	return strings.Join(list, ",")
}
