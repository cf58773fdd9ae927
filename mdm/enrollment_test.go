package mdm_test

import (
	"errors"
	"testing"

	"github.com/kannuki-mdm/kannuki/mdm"
)

const sharedUser = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		e    mdm.Enrollment
		want mdm.ID
		text string
	}{
		{
			name: "device", e: mdm.Enrollment{UDID: "u"},
			want: mdm.ID{Device: "u", Type: mdm.DeviceEnrollment}, text: "u",
		},
		{
			name: "user of a Mac", e: mdm.Enrollment{UDID: "u", UserID: "g", UserShortName: "s"},
			want: mdm.ID{Device: "u", User: "g", Type: mdm.DeviceEnrollment}, text: "u:g",
		},
		{
			name: "user of a Shared iPad", e: mdm.Enrollment{UDID: "u", UserID: sharedUser, UserShortName: "s@x"},
			want: mdm.ID{Device: "u", User: "s@x", Type: mdm.DeviceEnrollment}, text: "u:s@x",
		},
		{
			name: "short name alone is no channel", e: mdm.Enrollment{UDID: "u", UserShortName: "s"},
			want: mdm.ID{Device: "u", Type: mdm.DeviceEnrollment}, text: "u",
		},
		{
			name: "User Enrollment", e: mdm.Enrollment{EnrollmentID: "e"},
			want: mdm.ID{Device: "e", Type: mdm.UserEnrollment}, text: "e",
		},
		{
			name: "user of a User Enrollment", e: mdm.Enrollment{EnrollmentID: "e", EnrollmentUserID: "x"},
			want: mdm.ID{Device: "e", User: "x", Type: mdm.UserEnrollment}, text: "e:x",
		},
		{
			name: "128 bytes", e: mdm.Enrollment{UDID: long(128)},
			want: mdm.ID{Device: long(128), Type: mdm.DeviceEnrollment}, text: long(128),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.e.Resolve()
			if err != nil || got != test.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, test.want)
			}
			if got.String() != test.text {
				t.Errorf("got text %q, want %q", got, test.text)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]mdm.Enrollment{
		"none":                  {},
		"both":                  {UDID: "u", EnrollmentID: "e"},
		"user alone":            {UserID: "g"},
		"user enrolment alone":  {EnrollmentUserID: "g"},
		"shared without name":   {UDID: "u", UserID: sharedUser},
		"129 bytes":             {UDID: long(129)},
		"colon":                 {UDID: "u:g"},
		"colon in user":         {UDID: "u", UserID: "g:h"},
		"line feed":             {EnrollmentID: "a\n"},
		"delete character":      {UDID: "a\x7f"},
		"C1 control":            {UDID: "a\u0085"},
		"invalid UTF-8":         {UDID: "a\xff"},
		"long user":             {UDID: "u", UserID: long(129)},
		"colon in shared name":  {UDID: "u", UserID: sharedUser, UserShortName: "a:b"},
		"colon in EnrollmentID": {EnrollmentID: "a:b"},
	} {
		got, err := e.Resolve()
		if !errors.Is(err, mdm.ErrIdentifiers) {
			t.Errorf("%s: got %+v, %v, want ErrIdentifiers", name, got, err)
		}
	}
}

func TestEnrollmentTypeString(t *testing.T) {
	t.Parallel()
	for typ, want := range map[mdm.EnrollmentType]string{
		mdm.DeviceEnrollment: "device", mdm.UserEnrollment: "user", 0: "unknown",
	} {
		if got := typ.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
